"""Saved runs open only if they are whole, and their pages can be rendered again to the byte."""

import pytest

from finnet.errors import DataError
from finnet.jobs.config import parse_job
from finnet.jobs.page_files import read_files
from finnet.jobs.runner import run_job
from finnet.jobs.saved import SavedRun, list_runs, render_again
from tests.jobs.small import JOB, run_small

MARKET = {
    "schema": 1,
    "task": "direction",
    "name": "market",
    "data": {"made_market": {"symbols": 3, "sessions": 200}},
    "features": ["return_1", "sentiment"],
    "split": {"holdout": {}},
    "models": ["network", "always_up"],
    "tune": {"trials": 1},
    "network": {"hidden": [4], "epochs": 2},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    run_small(reports)
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


def test_a_damaged_run_is_listed_as_such_and_does_not_open(tmp_path):
    folder = run_small(tmp_path)
    path = folder / "forecasts.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert list_runs(tmp_path)["state"].tolist() == ["damaged"]
    with pytest.raises(DataError, match=r"forecasts\.parquet: was changed or damaged"):
        SavedRun.open(folder)


def test_an_unfinished_run_is_listed_with_what_it_kept(tmp_path):
    (tmp_path / "job" / ".2020-01-01-abc-12345678.work").mkdir(parents=True)
    row = list_runs(tmp_path).iloc[0]
    assert (row["run"], row["state"]) == ("2020-01-01-abc", "unfinished, 0 fits kept")
