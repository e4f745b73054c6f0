"""The command line says one clear sentence and returns a documented exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

import finnet

LOANS = """schema = 1
task = "default-risk"
name = "loans"
models = ["network", "prior_rate"]
[data.made_loan_book]
loans = 800
[tune]
trials = 1
[network]
epochs = 3
"""


def finnet_command(*words, folder=None):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "finnet", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_help_shows_commands_examples_and_exit_codes():
    done = finnet_command("--help")
    assert done.returncode == 0
    for words in ("run", "new", "finnet new direction my-study", "Exit codes"):
        assert words in done.stdout


def test_version():
    assert finnet_command("--version").stdout.strip() == f"finnet {finnet.__version__}"


def test_new_then_run_ends_in_a_report_and_a_verdict(tmp_path):
    (tmp_path / "loans.toml").write_text(LOANS)
    done = finnet_command("run", "loans.toml", "--processes", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("By log loss")
    assert done.stderr == ""
    report = tmp_path / done.stdout.rsplit("report: ", 1)[1].strip()
    assert report.is_file()


def test_new_writes_a_job_file_and_says_what_to_do_next(tmp_path):
    done = finnet_command("new", "direction", "my-study", folder=tmp_path)
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
        (LOANS.replace("loans = 800", "loans = 3"), 2, "give a longer window or a shorter horizon"),
    ],
    ids=["configuration", "data", "too little"],
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(text, code, words, tmp_path):
    (tmp_path / "job.toml").write_text(text)
    done = finnet_command("run", "job.toml", folder=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()


def test_a_word_that_is_no_command_is_a_usage_error():
    assert finnet_command("rnu").returncode == 2


def test_the_package_runs_from_any_folder_without_writing_to_it(tmp_path):
    assert finnet_command("--help", folder=tmp_path).returncode == 0
    assert not list(Path(tmp_path).iterdir())
