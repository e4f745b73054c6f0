"""Saved runs open only if they are whole, and their pages can be rendered again to the byte."""

import contextlib
import json
import shutil

import pytest

from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.files import point, replace_folder, stepped_aside
from finnet.jobs.exports import export_report
from finnet.jobs.folders import runs_of
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.jobs.saved_runs import SavedRun, list_runs, render_again
from finnet.sums import read_files, sealed
from tests.jobs.small import JOB

MARKET = {
    "schema": 1,
    "task": "direction",
    "name": "market",
    "data": {"made_market": {"symbols": 3, "sessions": 200}},
    "features": ["return_1", "sentiment"],
    "split": {"holdout": {}},
    "models": ["network", "always_up"],
    "blocks": {"validation": 0.5},
    "tune": {"trials": 1},
    "network": {"members": 3, "hidden": [4], "epochs": 2},
}


@pytest.fixture(scope="module")
def reports(small, tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    shutil.copytree(small.parent, reports / "small", symlinks=True)
    run_job(parse_job(MARKET), reports=reports)
    return reports


@pytest.mark.parametrize("name", ["market", "small"])
def test_the_page_is_rendered_again_to_the_byte(name, reports):
    before = read_files((reports / name / "latest").resolve())
    assert render_again(reports / name).name == "report.html"
    assert read_files((reports / name / "latest").resolve()) == before


def test_a_job_folder_stands_for_its_latest_run(reports):
    run = SavedRun.open(reports / "small")
    assert run.folder == SavedRun.open(reports / "small" / "latest").folder == SavedRun.open(run.folder).folder
    assert run.job == JOB


def test_runs_are_listed_with_their_verdicts(reports):
    table = list_runs(reports)
    assert table["job"].tolist() == ["market", "small"]
    assert set(table["state"]) == {"latest"}
    assert table["verdict"].str.startswith("By log loss").all()
    assert list_runs(reports, "market")["job"].tolist() == ["market"]
    assert list_runs(reports / "none").empty


@pytest.fixture
def folder(reports, tmp_path):
    """The folder of a run that a test may harm."""
    shutil.copytree(reports / "small", tmp_path / "small", symlinks=True)
    return next(runs_of(tmp_path / "small"))


def state(folder):
    return list_runs(folder.parents[1])["state"].tolist()


def test_a_damaged_run_is_listed_as_such_and_does_not_open(folder):
    path = folder / "forecasts.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert state(folder) == ["damaged"]
    with pytest.raises(DataError, match=r"forecasts\.parquet: was changed or damaged"):
        SavedRun.open(folder)


@pytest.mark.parametrize("name", ["model.npz", "profile.json", "policy.json"])
def test_a_run_without_one_of_its_files_does_not_open_whatever_its_sums_say(name, folder):
    files = read_files(folder)
    del files[name]
    replace_folder(folder, sealed(files))
    with pytest.raises(DataError, match=f"{name}: is missing"):
        SavedRun.open(folder)


def test_a_run_whose_sums_were_emptied_is_not_signed_again(folder):
    (folder / "report.html").write_text("forged")
    (folder / "SHA256SUMS").write_text("")
    with pytest.raises(DataError, match="is no file of"):
        render_again(folder)


@pytest.mark.parametrize(
    "name", ["manifest.json", "metrics.json", "timings.json", "page/page.json", "profile.json", "policy.json"]
)
@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"job": 1, "verdict": {}}', "[" * 100_000, "\udcff"])
def test_what_holds_no_run_is_named_in_one_line(name, text, folder):
    """Files that say something else than a run does, with sums that match."""
    replace_folder(folder, sealed(read_files(folder) | {name: text.encode("utf-8", "surrogateescape")}))
    assert len(state(folder)) == 1
    acts = [lambda: SavedRun.open(folder).job, lambda: forecast_new(folder, "none.csv")]
    if name in ("manifest.json", "page/page.json"):
        acts.append(lambda: render_again(folder))
    for act in acts:
        with contextlib.suppress(DataError, ConfigError):
            act()


def test_an_older_run_rendered_again_stays_older(folder):
    other = folder.with_name("2099-01-01-0123456789")
    files = read_files(folder)
    manifest = json.loads(files["manifest.json"]) | {"run": other.name}
    replace_folder(other, sealed(files | {"manifest.json": json.dumps(manifest).encode()}))
    point(folder.with_name("latest"), other.name)
    render_again(folder)
    assert SavedRun.open(folder.parent).folder == other
    assert sorted(state(folder)) == ["complete", "latest"]


@pytest.mark.parametrize("suffix", ["", ".html", ".json", ".md"])
def test_a_run_of_another_schema_has_no_report_as_it_has_no_forecasts(suffix, folder, tmp_path):
    files = read_files(folder)
    manifest = json.loads(files["manifest.json"])
    manifest["job"]["schema"] = 0
    replace_folder(folder, sealed(files | {"manifest.json": json.dumps(manifest).encode()}))
    with pytest.raises(DataError, match="holds no job of this version of finnet") as refused:
        _ = SavedRun.open(folder).job
    with pytest.raises(DataError) as told:
        export_report(folder, tmp_path / f"page{suffix}") if suffix else render_again(folder)
    assert str(told.value) == str(refused.value)


def test_a_copied_run_is_rendered_and_its_neighbors_stay(folder, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(folder, home / folder.name)
    before = {name: (home / name) for name in (".cache.partial", ".config.old", f".{folder.name}.old", ".lock")}
    for path in before.values():
        path.mkdir()
    render_again(home / folder.name)
    assert sorted(path.name for path in home.iterdir()) == sorted([*before, folder.name])


def test_a_run_under_another_name_is_not_written_to(folder):
    folder.rename(folder.with_name("renamed"))
    with pytest.raises(DataError, match="give it its name back"):
        render_again(folder.with_name("renamed"))


def test_a_run_that_was_sealed_is_not_signed_without_the_key(folder, monkeypatch):
    monkeypatch.setenv("FINNET_SEAL_KEY", "a secret")
    replace_folder(folder, sealed(read_files(folder)))
    render_again(folder)
    monkeypatch.delenv("FINNET_SEAL_KEY")
    with pytest.raises(ConfigError, match="is sealed; set FINNET_SEAL_KEY"):
        render_again(folder)


@pytest.mark.parametrize("act", [SavedRun.open, render_again, lambda path: list_runs(path.parents[1])])
def test_a_run_left_aside_is_put_back_before_anything_else(act, folder):
    folder.rename(stepped_aside(folder))
    with pytest.warns(FinnetWarning, match="left aside by a crash, and was put back"):
        act(folder)
    assert state(folder) == ["latest"]


def test_an_unfinished_run_is_listed_with_what_it_kept(tmp_path):
    (tmp_path / "job" / ".2020-01-01-abc-12345678.work").mkdir(parents=True)
    row = list_runs(tmp_path).iloc[0]
    assert (row["run"], row["state"]) == ("2020-01-01-abc", "unfinished, 0 fits kept")
