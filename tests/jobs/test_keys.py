"""Every key of a job file is documented, and what is documented is what the code reads."""

import tomllib

import pytest

from finnet.jobs.examples import example_path
from finnet.jobs.job_file import parse_job
from finnet.jobs.keys import job_keys
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
from finnet.jobs.tasks.direction import DirectionJob
from finnet.jobs.tasks.loss_given_default import LossGivenDefaultJob

JOBS = [DirectionJob, DefaultRiskJob, LossGivenDefaultJob]


@pytest.mark.parametrize("job", JOBS)
def test_every_key_says_what_it_means(job):
    assert not [key.path for key in job_keys(job) if not key.meaning]


@pytest.mark.parametrize("job", JOBS)
def test_no_key_stands_twice(job):
    paths = [key.path for key in job_keys(job)]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(("task", "job"), [("direction", DirectionJob), ("default-risk", DefaultRiskJob)])
def test_the_documented_default_of_a_key_changes_nothing(task, job):
    settings = tomllib.loads(example_path(task).read_text(encoding="utf-8"))
    # A table that may be absent as a whole is compared with the same table without the key.
    tables = {"lending": {}, "segments": {}, "fairness": {"groups": ["home"], "approved_share": 0.8}}
    plain = {"schema": 1, "task": task, "name": "x", "data": settings["data"]}
    for key in job_keys(job):
        top = key.path.split(".")[0]
        if key.default and top not in ("data", "label", "split", "backtest"):
            given = tomllib.loads(f"{key.path} = {key.default}")
            without = {top: tables[top]} if top in tables else {}
            given = {top: tables[top] | given[top]} if top in tables else given
            assert parse_job(plain | given) == parse_job(plain | without), key.path


def test_a_key_has_its_default_and_the_words_of_the_class_that_reads_it():
    key = next(key for key in job_keys(DirectionJob) if key.path == "split.walk_forward.embargo_bars")
    assert (key.default, key.meaning) == (
        "0",
        "Bars left out between the last resolved training label and the first test bar.",
    )
