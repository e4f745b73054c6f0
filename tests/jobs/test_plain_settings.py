"""A job file that no run could bear is refused by key, in one short sentence."""

import os

import pytest

from finnet.errors import ConfigError
from finnet.jobs.job_file import parse_job, read_job
from finnet.jobs.keys import job_keys
from finnet.jobs.plain_settings import require_plain
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
from finnet.jobs.tasks.direction import DirectionJob

TASKS = {"direction": DirectionJob, "default-risk": DefaultRiskJob}


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def refusal(settings):
    """What is said of these settings; "" where they are taken."""
    try:
        parse_job(settings)
    except ConfigError as error:
        return str(error)
    return ""


ODD = {
    "large": 2**40,
    "negative": -1,
    "nan": float("nan"),
    "infinite": float("inf"),
    "1e308": 1e308,
    "escape": "\x1b[31m",
    "long": "x" * 20_000,
    "deep": nested(500),
    "table": {"a": {}},
    "empty": "",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("task", TASKS)
def test_no_value_of_any_key_ends_in_a_traceback(task, odd):
    for key in job_keys(TASKS[task]):
        *tables, name = key.path.rstrip(".").split(".")
        settings = {"schema": 1, "task": task, "name": "odd"}
        inner = settings
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[name] = odd
        said = refusal(settings)
        assert len(said) < 2000
        assert "\x1b" not in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": {"members": 2**40}}, "network.members=1099511627776 is too large; use 10,000,000 or less"),
        ({"network": {"learning_rate": 1e308}}, "network.learning_rate=1e+308 is too large"),
        ({"network": {"learning_rate": float("nan")}}, "network.learning_rate=nan is not finite"),
        ({"models": nested(500)}, "models.0.0.0.0.0.0.0.0 is nested more than 8 deep"),
        ({"title": "\x1b]0;"}, r"title='\x1b]0;' holds the control character '\x1b'"),
        ({"models": ["a"] * 100_001}, "models has 100,001 entries"),
    ],
)
def test_the_key_is_named_with_what_is_allowed(settings, words):
    with pytest.raises(ConfigError) as raised:
        require_plain(settings, source="job.toml")
    assert words in str(raised.value)


def test_codes_in_data_seeds_and_limits_may_be_large():
    require_plain(
        {"data": {"loans": {"missing_codes": [1e30]}}, "seed": 2**62, "limits": {"bytes": 2**40}}, source="job.toml"
    )


@pytest.mark.parametrize("text", ["a = " + "[" * 500 + "]" * 500, "a = " + "[" * 50_000, "\x00", "a = 1\n" * 300_000])
def test_a_file_that_is_no_job_is_refused_in_one_sentence(text, tmp_path):
    (tmp_path / "job.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"job\.toml"):
        read_job(tmp_path / "job.toml")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_a_job_file_that_is_no_file_is_refused_at_once(make, tmp_path):
    make(tmp_path / "job.toml")
    with pytest.raises(ConfigError, match="no regular file"):
        read_job(tmp_path / "job.toml")


@pytest.mark.parametrize("form", ["%d%d", "%Q", "words", "%H:%M", "%d.%m.", "%"])
def test_a_date_format_that_reads_no_dates_is_refused(form):
    loans = {"path": "a.csv", "target": "bad", "csv": {"date_format": form}}
    with pytest.raises(ConfigError, match="reads no dates; use for instance"):
        parse_job({"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans}})
