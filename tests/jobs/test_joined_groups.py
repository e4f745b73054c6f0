"""Levels of a category are joined into the groups that [fairness] names, and levels that are not there are named."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError
from finnet.jobs.job_file import parse_job
from finnet.jobs.reading import Reading
from finnet.jobs.tasks.default_risk import DefaultRiskTask

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


def test_levels_become_the_groups_named_and_others_stay(tmp_path):
    task, plain, joined = DefaultRiskTask(), ({"column": "status"},), (JOIN,)
    before = task.read(job_of(tmp_path, groups=plain), Reading()).column("status").astype(str)
    after = task.read(job_of(tmp_path, groups=joined), Reading()).column("status").astype(str)
    assert after.tolist() == [{"S1": "men", "S3": "men", "S2": "women"}.get(level, level) for level in before]


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ({**JOIN, "join": {"men": ["S1", "S9"]}}, "fairness.groups: column 'status' has no level 'S9' to join"),
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
