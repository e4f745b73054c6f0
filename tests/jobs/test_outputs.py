"""An output takes nobody's place unless told to, and no text in it runs as a formula."""

import os
import stat
import threading

import pandas as pd
import pytest

from finnet.errors import ConfigError, InterruptedRunError
from finnet.forecasts import Forecasts
from finnet.jobs.outputs import require_free, write_forecasts

BEHIND = [
    "",
    " ",
    "\t",
    "\r",
    "\n",
    "\ufeff",
    "\u200b",
    "\u200f",
    "\u202e",
    "\u2060",
    *([] if pd.__version__.startswith("2.") else ["\x00"]),  # pandas 2.2 takes texts for equal that begin with NUL
    "\x1b",
    "\x85",
    "\xa0",
    "\xad",
]
SIGNS = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠A1", "﹦1", "﹢1", "﹣1", "﹫A1", "−1"]
FORMULAS = [behind + sign for behind in BEHIND for sign in SIGNS]
PLAIN = ["plain", "NA", "a=1", "\u200bplain", "Ä", ""]
ROWS = {"model": "network", "fold": -1, "target": "default", "horizon": 0, "kind": "probability", "value": 0.5}


def forecasts(entities):
    return Forecasts.from_rows({**ROWS, "entity": entities}, run_id="r")


def test_no_text_of_the_csv_runs_as_a_formula(tmp_path):
    write_forecasts(forecasts(FORMULAS + PLAIN), tmp_path / "out.csv")
    written = (tmp_path / "out.csv").read_bytes().decode()
    assert all(f'"\'{text}"' in written for text in FORMULAS)
    assert all(f'"{text}"' in written for text in PLAIN)
    assert written.count(",-1,") == len(FORMULAS + PLAIN)


def test_flags_are_the_last_column_and_run_as_no_formula_either(tmp_path):
    write_forecasts(forecasts(["A", "B"]), tmp_path / "out.csv", columns={"flags": ["=1+1", ""]})
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    assert (table.columns[-1], table["flags"].tolist()) == ("flags", ["'=1+1", ""])


def test_a_column_of_numbers_stays_one(tmp_path):
    columns = {"gain": ["-1.51", "", "0.20", "-3e-07"], "mixed": ["-1", "-1+1", "", "5"]}
    write_forecasts(forecasts(["A", "B", "C", "D"]), tmp_path / "out.csv", columns=columns)
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["gain"].dropna().tolist() == [-1.51, 0.2, -3e-07]
    assert table["mixed"].dropna().tolist() == ["'-1", "'-1+1", "5"]


def test_parquet_keeps_every_name(tmp_path):
    write_forecasts(forecasts(FORMULAS), tmp_path / "out.parquet")
    assert Forecasts.load(tmp_path / "out.parquet").table["entity"].tolist() == FORMULAS


@pytest.mark.parametrize(
    ("name", "words"),
    [("out.xlsx", "no known form"), ("none/out.csv", "none: is no folder"), ("folder.csv", "is no file")],
)
def test_a_place_that_cannot_be_written_is_named(name, words, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match=words):
        write_forecasts(forecasts(PLAIN), tmp_path / name, force=True)


def test_a_name_in_no_encoding_is_refused_before_any_work(tmp_path):
    with pytest.raises(ConfigError, match="no name in UTF-8"):
        require_free(tmp_path / os.fsdecode(b"\xff.csv"))


def test_nothing_is_added_to_a_run(tmp_path):
    (tmp_path / "SHA256SUMS").touch()
    with pytest.raises(ConfigError, match="is a run, to which nothing is added"):
        require_free(tmp_path / "new.csv", force=True)


@pytest.mark.parametrize("make", [os.link, lambda target, path: os.symlink(target, path)], ids=["hard", "soft"])
def test_an_output_that_is_the_input_is_refused_under_any_name(make, tmp_path):
    (tmp_path / "in.csv").write_text("prices")
    make(tmp_path / "in.csv", tmp_path / "out.csv")
    with pytest.raises(ConfigError, match=r"out\.csv: is an input"):
        require_free(tmp_path / "out.csv", inputs=[tmp_path / "in.csv"])


def test_a_file_that_is_there_is_replaced_only_when_told_to(tmp_path):
    (tmp_path / "out.csv").write_text("theirs")
    with pytest.raises(ConfigError, match=r"out\.csv: exists; choose another place, or pass --force"):
        write_forecasts(forecasts(PLAIN), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "theirs"
    write_forecasts(forecasts(PLAIN), tmp_path / "out.csv", force=True)
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(PLAIN)


def test_of_several_writers_at_once_one_has_the_file_and_the_others_are_refused(tmp_path):
    refused, start = [], threading.Barrier(4)

    def write(number):
        start.wait()
        try:
            write_forecasts(forecasts([f"{number}-{row}" for row in range(500)]), tmp_path / "out.csv")
        except ConfigError:
            refused.append(number)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (winner,) = {0, 1, 2, 3} - set(refused)
    assert pd.read_csv(tmp_path / "out.csv")["entity"].tolist() == [f"{winner}-{row}" for row in range(500)]
    assert os.listdir(tmp_path) == ["out.csv"]


def test_forecasts_are_for_their_owner_alone(tmp_path):
    write_forecasts(forecasts(PLAIN), tmp_path / "out.csv")
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600


def test_a_full_disk_can_be_tried_again_and_says_what_is_needed(tmp_path, monkeypatch):
    def full(handle, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InterruptedRunError, match="bytes needed"):
        write_forecasts(forecasts(PLAIN), tmp_path / "out.csv")
