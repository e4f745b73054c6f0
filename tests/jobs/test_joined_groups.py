"""Levels of a category are joined into the groups that [fairness] names, and levels that are not there are named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError, DataError
from finnet.jobs.job_file import parse_job
from finnet.jobs.reading import Reading
from finnet.jobs.tasks.default_risk import DefaultRiskTask
from finnet.jobs.tasks.loan_decisions import fairness_groups
from finnet.lending.groups import joined

JOIN = {"column": "status", "join": {"men": ["S1", "S3"], "women": ["S2"]}}


def job_of(tmp_path, **fairness):
    rng = np.random.default_rng(3)
    columns = {
        "income": rng.normal(3000, 500, 200).round(),
        "status": rng.choice(["S1", "S2", "S3", "S4"], 200),
        "age": rng.integers(19, 80, 200),
        "default": rng.integers(0, 2, 200),
    }
    pd.DataFrame(columns).to_csv(tmp_path / "loans.csv", index=False)
    loans = {"path": str(tmp_path / "loans.csv"), "target": "default", "categories": ["status"]}
    return parse_job(
        {
            "schema": 1,
            "task": "default-risk",
            "name": "loans",
            "data": {"loans": loans},
            "fairness": {"approved_share": 0.8, **fairness},
        }
    )


def test_levels_become_the_groups_named_and_others_and_the_file_stay(tmp_path):
    job = job_of(tmp_path, groups=(JOIN,))
    book = DefaultRiskTask().read(job, Reading())
    plain, groups = book.column("status").astype(str), fairness_groups(job.fairness, book)["status"]
    assert groups.tolist() == [{"S1": "men", "S3": "men", "S2": "women"}.get(level, level) for level in plain]
    # What segments show.
    assert set(plain) == {"S1", "S2", "S3", "S4"}


def test_a_meaning_of_a_joined_group_is_one_that_pages_show(tmp_path):
    (tmp_path / "meanings.csv").write_text("column,value,meaning\nstatus,men,Men\nstatus,S1,Single\nstatus,X,none\n")
    job, reading = job_of(tmp_path, groups=(JOIN,)), Reading()
    job = job.model_copy(update={"data": replace(job.data, meanings=str(tmp_path / "meanings.csv"))})
    DefaultRiskTask().read(job, reading)
    odd = [problem.line for problem in reading.problems if problem.rule == "meaning_of_no_value"]
    assert odd == [4]


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({**JOIN, "join": {"men": ["S1", "S9"]}}, "fairness.groups: column 'status' has no level 'S9' to join"),
        ({**JOIN, "join": {"S4": ["S1"]}}, "column 'status' has loans of 'S4', which the group joined under that name"),
        ({"column": "age", "join": {"old": ["70"]}}, "fairness.groups: column 'age' holds numbers .* give limits"),
    ],
)
def test_what_the_file_does_not_hold_cannot_be_joined(tmp_path, group, message):
    with pytest.raises(ConfigError, match=message):
        DefaultRiskTask().read(job_of(tmp_path, groups=[group]), Reading())


@pytest.mark.parametrize(
    ("fairness", "message"),
    [
        ({"groups": [{**JOIN, "limits": [1]}]}, "limits divide a number and join a category"),
        ({"groups": [{**JOIN, "join": {"men": ["S1"], "women": ["S1"]}}]}, "has the level 'S1' twice"),
        ({"groups": [{**JOIN, "join": {"men": []}}]}, "groups.0: join of 'status' names no level for 'men'"),
        ({"groups": [JOIN, "status"]}, "fairness.groups names 'status' twice"),
        ({"groups": [JOIN], "keep_as_feature": ["status"]}, "levels of 'status' are joined"),
    ],
)
def test_joins_that_contradict_themselves_are_refused(tmp_path, fairness, message):
    with pytest.raises(ConfigError, match=message):
        job_of(tmp_path, **fairness)


def test_segments_join_no_levels(tmp_path):
    settings = job_of(tmp_path, groups=["status"]).model_dump(mode="json", exclude_none=True)
    with pytest.raises(ConfigError, match=r"join belongs to fairness\.groups"):
        parse_job({**settings, "segments": {"columns": [JOIN]}})


def test_what_is_wrong_in_a_group_is_not_told_as_a_missing_text(tmp_path):
    with pytest.raises(ConfigError, match=r"job: fairness\.groups\.0: limits=\[2\.0, 1\.0\] of 'age' do not ascend"):
        job_of(tmp_path, groups=[{"column": "age", "limits": [2, 1]}])
    with pytest.raises(ConfigError, match=r"unknown key fairness\.groups\.0\.limit; did you mean 'limits'"):
        job_of(tmp_path, groups=[{"column": "age", "limit": [2]}])


def test_a_group_called_missing_takes_no_loans_without_a_value():
    status = pd.Series(["S1", "S2", None], dtype="category", name="status")
    with pytest.raises(DataError, match="has loans of 'missing', which the group joined"):
        joined(status, {"missing": ["S1"]})
    assert joined(status, {"S1": ["S1", "S2"]}).tolist()[:2] == ["S1", "S1"]
