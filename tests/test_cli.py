"""The command line says one clear sentence and returns a documented exit code."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import finnet
from finnet.cli import main
from finnet.data.samples import made_market
from finnet.exit_codes import EXIT_CODES

COMMANDS = ("new", "keys", "check-data", "explain", "run", "runs", "verify", "report", "forecast", "drift")
LOANS = """schema = 1
task = "default-risk"
name = "loans"
models = ["network", "prior_rate"]
[data.made_loan_book]
loans = 800
[tune]
trials = 1
[blocks]
validation = 0.5
[network]
members = 2
epochs = 3
"""


STUDY = """schema = 1
task = "direction"
name = "study"
features = ["return_1", "sentiment"]
models = ["network", "always_up"]
[data.prices]
path = "prices.csv"
columns = { sentiment = "sentiment" }
[split.holdout]
[tune]
trials = 1
[blocks]
validation = 0.5
[network]
members = 2
epochs = 2
"""


def finnet_command(*words, folder=None):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "finnet", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def here(monkeypatch, capsys):
    """`finnet_command` without the seconds that a new process takes."""

    def command(*words, folder):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["finnet", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(words, ended.value.code or 0, said.out, said.err)

    return command


def test_help_shows_commands_examples_and_exit_codes():
    done = finnet_command("--help")
    assert done.returncode == 0
    for words in (*COMMANDS, "finnet new direction my-study", "Exit codes"):
        assert words in done.stdout
    for meaning, code in EXIT_CODES.items():
        assert f"{code} {meaning}" in " ".join(done.stdout.split())


def test_version(here, tmp_path):
    assert here("--version", folder=tmp_path).stdout.strip() == f"finnet {finnet.__version__}"


def test_new_then_run_ends_in_a_report_and_a_verdict(tmp_path):
    (tmp_path / "loans.toml").write_text(LOANS.replace("loans = 800", "loans = 240"))
    done = finnet_command("run", "loans.toml", "--processes", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("By log loss")
    assert done.stderr == ""
    report = tmp_path / done.stdout.rsplit("report: ", 1)[1].strip()
    assert report.is_file()


def test_new_writes_a_job_file_and_says_what_to_do_next(tmp_path, here):
    done = here("new", "direction", "my-study", folder=tmp_path)
    assert done.returncode == 0
    assert "finnet run my-study.toml" in done.stdout
    assert (tmp_path / "my-study.toml").is_file()


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (LOANS.replace("loans = 800", "loan = 800"), 2, "did you mean 'loans'?"),
        (
            LOANS.replace("[data.made_loan_book]\nloans = 800", '[data.loans]\npath = "none.csv"\ntarget = "bad"'),
            3,
            "none.csv",
        ),
        (LOANS.replace("loans = 800", "loans = 3"), 2, "fewer than 2 of one outcome"),
    ],
    ids=["configuration", "data", "too little"],
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(text, code, words, tmp_path, here):
    (tmp_path / "job.toml").write_text(text)
    done = here("run", "job.toml", folder=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()


def market_table(*, sessions):
    """Made prices by day and symbol."""
    panel = made_market(symbols=2, sessions=sessions)
    days = panel.sessions.astype("datetime64[D]")
    index = pd.MultiIndex.from_product([days, panel.symbols], names=["date", "symbol"])
    return pd.DataFrame({name: values.ravel() for name, values in panel.fields.items()}, index=index)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder in which a job on a price file was run as a user would run it, the night after its last session."""
    folder = tmp_path_factory.mktemp("study")
    prices = market_table(sessions=150)
    prices.to_csv(folder / "prices.csv")
    (folder / "study.toml").write_text(STUDY)
    done = finnet_command("--log-json", "run", "study.toml", "--processes", "1", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder, f"{prices.index[-1][0]:%Y-%m-%d}T23:30:00", done


def test_the_log_in_json_is_one_object_per_line(study):
    _, _, done = study
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["done"] for event in events] == [1, 2, 3]
    assert {event["event"] for event in events} == {"fit"}


def test_a_nightly_cycle(study, here):
    folder, now, _ = study
    done = here("forecast", "reports/study", "prices.csv", "-o", "new.csv", "--now", now, folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"as of {now[:10]} ")
    assert len(pd.read_csv(folder / "new.csv")) == 2
    assert "study/" in here("runs", folder=folder).stdout
    assert here("verify", "reports/study", "--processes", "1", folder=folder).stdout.startswith("bit-equal")
    assert here("report", "reports/study/latest", folder=folder).returncode == 0


def test_prices_that_are_too_old_end_with_the_code_of_a_breached_limit(study, here):
    folder, _, _ = study
    done = here("forecast", "reports/study", "prices.csv", "-o", "late.csv", folder=folder)
    assert done.returncode == EXIT_CODES["drift or limit breached"]
    assert "weekdays old" in done.stderr
    assert not (folder / "late.csv").exists()


def test_keys_of_a_job_file_are_listed_with_default_and_meaning(here, tmp_path):
    done = here("keys", "direction", folder=tmp_path)
    assert "\nforecast.max_age_sessions = 5: " in done.stdout
    assert here("keys", "directon", folder=tmp_path).returncode == EXIT_CODES["usage or configuration"]


def test_explain_says_what_the_run_then_does(study, here):
    folder, _, _ = study
    done = here("explain", "study.toml", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "Fits: 2 models on 1 fold" in done.stdout


@pytest.mark.parametrize(("line", "code"), [("", 0), ("2020-01-02,MADE000,1,1,1,-1,1,1,0\n", 3)], ids=["good", "bad"])
def test_check_data_lists_what_is_wrong(line, code, study, tmp_path, here):
    folder, _, _ = study
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "prices.csv").write_text((folder / "prices.csv").read_text() + line)
    done = here("check-data", "study.toml", folder=tmp_path)
    assert done.returncode == code, done.stderr
    assert ("error  non_positive_price" in done.stdout) == bool(code)


ODD = "2015-08-03,MADE000,1,1,1,1,1,,0\n2015-08-03,MADE001,1,1,1,1,1,,0\n"
"""A session of two bars without volume, which is a warning."""


def test_check_data_counts_rows_and_prints_a_line_for_each_rule_and_column(study, tmp_path, here):
    folder, _, _ = study
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "prices.csv").write_text(
        (folder / "prices.csv").read_text() + ODD.replace(",1,1,1,1,1,", ",1,1,1,-1,1,")
    )
    done = here("check-data", "study.toml", "--json", folder=tmp_path)
    answer = json.loads(done.stdout)
    assert [row["count"] for row in answer["findings"] if row["rule"] == "non_positive_price"] == [2]
    assert answer["errors"] == sum(row["count"] for row in answer["findings"] if row["severity"] == "error")
    plain = here("check-data", "study.toml", folder=tmp_path)
    lines = plain.stdout.splitlines()
    assert len([line for line in lines if "non_positive_price" in line]) == 1
    kinds = len([line for line in lines if line.startswith("error")])
    assert f"{answer['errors']} errors of {kinds} kind" in plain.stderr


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--log-json",)], ids=["plain", "quiet", "JSON"])
def test_what_is_odd_about_the_data_is_told_before_anything_trains(words, study, tmp_path, here):
    folder, _, _ = study
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "prices.csv").write_text((folder / "prices.csv").read_text() + ODD)
    done = here("run", "study.toml", "--processes", "1", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()[0]
    if words == ("--log-json",):
        event = json.loads(said)
        assert (event["event"], sorted(event)) == ("warning", ["event", "message", "remedy", "rule", "time"])
    else:
        assert said.startswith("finnet: warning: prices.csv")


def test_a_run_that_is_not_there_or_damaged_is_bad_data(tmp_path, here):
    assert here("verify", "reports/none", folder=tmp_path).returncode == EXIT_CODES["bad data"]


def test_an_error_in_json_names_its_exit_code(tmp_path, here):
    done = here("--log-json", "run", "none.toml", folder=tmp_path)
    event = json.loads(done.stderr)
    assert (event["event"], event["exit_code"], done.returncode) == ("error", 2, 2)
    assert "none.toml" in event["message"]


def test_ctrl_c_ends_with_a_sentence_and_can_be_continued(tmp_path):
    (tmp_path / "loans.toml").write_text(LOANS.replace("trials = 1", "trials = 90"))
    words = [sys.executable, "-m", "finnet", "--log-json", "run", "loans.toml", "--processes", "1"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        while not list(tmp_path.glob("reports/loans/.lock")):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        event = json.loads(running.communicate()[1].splitlines()[-1])
    assert running.returncode == EXIT_CODES["interrupted (resumable)"] == event["exit_code"]
    assert event["message"] == "interrupted; to continue, run the same command again"


def test_a_word_that_is_no_command_is_a_usage_error(here, tmp_path):
    assert here("rnu", folder=tmp_path).returncode == 2


def test_the_package_runs_from_any_folder_without_writing_to_it(tmp_path):
    assert finnet_command("--help", folder=tmp_path).returncode == 0
    assert not list(Path(tmp_path).iterdir())


def test_a_result_is_one_object_of_json(study, here):
    folder, now, _ = study
    words = ("forecast", "reports/study", "prices.csv", "-o", "facts.csv", "--now", now, "--json")
    facts = json.loads(here(*words, folder=folder).stdout)
    assert (facts["run"], facts["forecasts"]) == (
        json.loads(here("runs", "--json", folder=folder).stdout)["runs"][0]["run"],
        2,
    )
    assert set(pd.read_csv(folder / "facts.csv")["run_id"]) == {facts["run"]}


def test_rows_unlike_those_of_training_are_forecast_and_end_with_the_code_of_a_breached_limit(study, here, tmp_path):
    prices = market_table(sessions=170)
    prices.assign(sentiment=prices["sentiment"] + 1000).to_csv(tmp_path / "odd.csv")
    now = f"{prices.index[-1][0]:%Y-%m-%d}T23:30:00"
    words = ("forecast", str(study[0] / "reports/study"), "odd.csv", "-o", "new.csv", "--now", now, "--json")
    done = here(*words, folder=tmp_path)
    answer = json.loads(done.stdout)
    assert done.returncode == answer["exit_code"] == EXIT_CODES["drift or limit breached"]
    assert answer["forecasts"] == answer["flagged"] > 20
    assert "sentiment" in answer["breaches"][0]
    assert pd.read_csv(tmp_path / "new.csv")["flags"].str.contains("sentiment").all()


def test_drift_says_what_moved_and_ends_with_the_code_of_a_breached_limit(study, here, tmp_path):
    prices = market_table(sessions=170)
    prices.assign(sentiment=prices["sentiment"] + 1000).to_csv(tmp_path / "odd.csv")
    now = f"{prices.index[-1][0]:%Y-%m-%d}T23:30:00"
    done = here("drift", str(study[0] / "reports/study"), "odd.csv", "-o", "drift.html", "--now", now, folder=tmp_path)
    assert done.returncode == EXIT_CODES["drift or limit breached"]
    assert "sentiment: large shift" in done.stdout
    assert "What has moved?" in (tmp_path / "drift.html").read_text()


def test_an_error_is_json_too_also_of_usage(here, tmp_path):
    for words in (("rnu",), ("run",), ("run", "none.toml"), ("run", "a.toml", "--processes", "0")):
        done = here(*words, "--json", folder=tmp_path)
        assert json.loads(done.stdout)["exit_code"] == done.returncode == 2


def test_quiet_prints_errors_alone(here, tmp_path):
    assert here("keys", "direction", "--quiet", folder=tmp_path).stdout == ""
    assert "none.toml" in here("--quiet", "run", "none.toml", folder=tmp_path).stderr


def test_an_output_is_replaced_only_by_force(study, here):
    folder, now, _ = study
    words = ("forecast", "reports/study", "prices.csv", "--now", now, "-o")
    assert "prices.csv: is an input" in here(*words, "prices.csv", folder=folder).stderr
    (folder / "old.csv").write_text("old")
    assert here(*words, "old.csv", folder=folder).returncode == EXIT_CODES["usage or configuration"]
    assert here(*words, "old.csv", "--force", folder=folder).returncode == 0


def test_a_run_on_a_file_that_was_cut_off_does_not_become_the_latest(study, here, tmp_path):
    shutil.copytree(study[0], tmp_path / "study", symlinks=True)
    folder, latest = tmp_path / "study", (tmp_path / "study" / "reports" / "study" / "latest").resolve()
    lines = (folder / "prices.csv").read_text().splitlines(keepends=True)
    (folder / "prices.csv").write_text("".join(lines[:-20]))
    done = here("run", "study.toml", "--processes", "1", "--json", folder=folder)
    assert done.returncode == EXIT_CODES["drift or limit breached"], done.stderr
    assert not json.loads(done.stdout)["is_latest"]
    assert "give all data, or pass --force-latest" in done.stderr
    assert (folder / "reports" / "study" / "latest").resolve() == latest
    assert here("run", "study.toml", "--processes", "1", "--force-latest", folder=folder).returncode == 0
    assert (folder / "reports" / "study" / "latest").resolve() != latest


def test_a_time_that_is_up_is_an_interruption(tmp_path, here):
    (tmp_path / "loans.toml").write_text(LOANS)
    done = here("run", "loans.toml", "--timeout", "0.01", folder=tmp_path)
    assert done.returncode == EXIT_CODES["interrupted (resumable)"]
    assert "stopped after 0.01 seconds" in done.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path, here):
    (tmp_path / "loans.toml").write_text(LOANS)
    (tmp_path / "file").touch()
    done = here("run", "loans.toml", "--reports", "file", folder=tmp_path)
    assert done.returncode == EXIT_CODES["usage or configuration"]
    assert "file" in done.stderr


def test_help_waits_for_no_table_or_model():
    code = "import sys, finnet.cli; print({'pandas', 'sklearn', 'scipy', 'matplotlib', 'pyarrow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
