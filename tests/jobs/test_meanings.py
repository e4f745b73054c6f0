"""A job that names a file of meanings shows them wherever a person reads columns and codes."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.jobs.artifacts import run_name
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import read_job
from finnet.jobs.runner import run_job
from finnet.jobs.sources import check_data, load

JOB = """
schema = 1
task = "default-risk"
name = "coded"
models = ["network", "scorecard", "logistic"]
deploy = "logistic"
network = { members = 3, hidden = [4], epochs = 5 }
tune.trials = 1
blocks.validation = 0.5
split.repeated_kfold.folds = 2
segments.columns = ["home"]

[data]
meanings = "meanings.csv"

[data.loans]
path = "loans.csv"
target = "bad"
categories = ["home", "sex"]

[fairness]
groups = ["sex"]
approved_share = 0.8
"""
MEANINGS = """column,value,meaning
home,,Housing
home,A1,own house
home,A2,rented flat
home,"A1, A2",shared
sex,S1,women
bad,1,late
"""


def written(folder, meanings=MEANINGS):
    rng = np.random.default_rng(0)
    home, sex = rng.choice(["A1", "A1", "A2"], 240), rng.choice(["S1", "S2"], 240)
    home = np.where(np.arange(240) % 15 == 0, "A1, A2", home)
    bad = (rng.random(240) < np.where(home == "A2", 0.6, 0.1)).astype(int)
    table = pd.DataFrame({"income": rng.normal(size=240).round(6), "home": home, "sex": sex, "bad": bad})
    table.to_csv(folder / "loans.csv", index=False)
    (folder / "meanings.csv").write_text(meanings, encoding="utf-8")
    (folder / "job.toml").write_text(JOB, encoding="utf-8")
    return read_job(folder / "job.toml")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coded")
    return run_job(written(folder), reports=folder / "reports").folder


def test_pages_show_the_meaning_beside_the_code(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "A1 (own house), A2" not in page
    for shown in ("A1, A2 (shared)", "Housing", "home: A1 (own house)", "sex: S1 (women)", ">A2 (rented flat)<"):
        assert shown in page


def test_reasons_of_forecasts_are_in_words_and_need_the_file_no_more(run, tmp_path):
    (run.parents[2] / "meanings.csv").rename(tmp_path / "away.csv")
    new = tmp_path / "new.csv"
    new.write_text("income,home,sex\n0.1,A2,S1\n", encoding="utf-8")
    (told,) = forecast_new(run, new).columns["reasons"]
    assert "Housing: rented flat (usual own house)" in told


def test_files_for_machines_keep_the_codes(run):
    assert "own house" not in (run / "scorecard.csv").read_text(encoding="utf-8")
    assert json.loads((run / "policy.json").read_text())["reasons"]["usual"]["home"] == "A1"


def test_a_meaning_of_no_column_is_told_with_its_file_and_line(tmp_path):
    job = written(tmp_path, MEANINGS + "hme,,Housing\n")
    with pytest.raises(DataError, match=r"meanings\.csv, line 8, column hme: .*home"):
        load(job)
    assert check_data(job)["rule"].tolist() == ["meaning_of_no_column"]


def test_other_meanings_make_another_run_and_another_place_of_the_file_does_not(tmp_path):
    job = written(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    moved = written(tmp_path / "elsewhere")
    changed = written(tmp_path, MEANINGS.replace("women", "men"))
    names = [run_name(own.model_dump(mode="json"), load(own).dataset) for own in (job, moved, changed)]
    assert names[0] == names[1] != names[2]
