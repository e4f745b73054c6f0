"""In the folder of a job only what is finnet's is touched, and `latest` goes forward alone."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from finnet.errors import DataError, FinnetWarning
from finnet.jobs.artifacts import to_json
from finnet.jobs.folders import LATEST, MANIFEST, is_marked, mark, move_latest, restore_runs, run_of, runs_of

OLD, NEW, BARE = "2020-01-01-0123456789", "2021-01-01-0123456789", "undated-0123456789"
TOMORROW = (datetime.now(UTC) + timedelta(hours=20)).replace(tzinfo=None).isoformat()


def make_run(job, name, newest):
    mark(job)
    (job / name).mkdir()
    (job / name / MANIFEST).write_text(to_json({"data": {"newest": newest}}))
    return job / name


def latest(job):
    return os.readlink(job / LATEST) if (job / LATEST).is_symlink() else None


@pytest.fixture
def job(tmp_path):
    make_run(tmp_path / "job", OLD, "2020-01-01T21:00:00")
    assert move_latest(tmp_path / "job" / OLD) == ""
    return tmp_path / "job"


@pytest.mark.parametrize(
    "newest",
    ["2020-01-01T21:00:00", "2021-01-01T21:00:00", TOMORROW],
    ids=["as new", "newer", "tomorrow"],
)
def test_latest_goes_on_to_a_run_whose_data_are_as_new_or_newer(newest, job):
    assert move_latest(make_run(job, NEW, newest)) == ""
    assert latest(job) == NEW


@pytest.mark.parametrize(
    ("newest", "words"),
    [
        ("2020-01-01T20:00:00", "older than 2020-01-01T21:00:00 of 2020-01-01-0123456789; give all data"),
        ("", "no date, older than"),
        ("2091-01-02T21:00:00", "2091-01-02, after today; mend the date"),
    ],
    ids=["cut off", "without dates", "typo"],
)
def test_latest_stays_where_the_new_run_would_be_a_step_back(newest, words, job):
    run = make_run(job, NEW, newest)
    assert words in move_latest(run)
    assert latest(job) == OLD
    assert move_latest(run, force=True) == ""
    assert latest(job) == NEW


def test_a_first_run_dated_after_today_does_not_become_the_latest(tmp_path):
    assert "after today" in move_latest(make_run(tmp_path / "job", NEW, "2091-01-01T00:00:00"))
    assert latest(tmp_path / "job") is None


def test_a_latest_that_is_itself_dated_after_today_or_damaged_holds_nobody_back(job):
    move_latest(make_run(job, NEW, "2091-01-01T00:00:00"), force=True)
    assert move_latest(job / OLD) == ""
    (job / OLD / MANIFEST).write_text("{")
    assert move_latest(make_run(job, BARE, "")) == ""
    assert latest(job) == BARE


@pytest.mark.parametrize("target", ["../other/2020-01-01-0123456789", "/", "..", "nowhere", ".finnet"])
def test_a_latest_that_leads_elsewhere_is_refused(target, job):
    make_run(job.parent / "other", OLD, "")
    (job / LATEST).unlink()
    (job / LATEST).symlink_to(target)
    for path in (job, job / LATEST):
        with pytest.raises(DataError, match="is no link to a run beside it"):
            run_of(path)


def test_a_job_without_a_latest_names_its_runs(job):
    (job / LATEST).unlink()
    with pytest.raises(DataError, match=f"has no latest run; give one of its runs: {OLD}"):
        run_of(job)


def test_a_run_left_aside_is_put_back_with_a_warning(job):
    (job / OLD).rename(job / f".{OLD}.old")
    with pytest.warns(FinnetWarning, match="left aside by a crash, and was put back"):
        restore_runs(job)
    assert [run.name for run in runs_of(job)] == [OLD]


@pytest.mark.parametrize("name", [".cache.partial", ".config.old", ".bashrc.old"])
@pytest.mark.parametrize("is_marked", [True, False])
def test_what_others_put_there_stays(name, is_marked, tmp_path):
    if is_marked:
        mark(tmp_path)
    (tmp_path / name).mkdir()
    restore_runs(tmp_path)
    assert (tmp_path / name).is_dir()


def test_a_folder_that_is_not_finnets_stays_as_it_is(tmp_path):
    (tmp_path / f".{OLD}.old").mkdir()
    (tmp_path / ".finnet-0123456789ab-0123456789ab.partial").mkdir()
    restore_runs(tmp_path)
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink("target", path), lambda path: path.write_text("?")])
def test_a_marker_that_is_not_finnets_is_refused_and_stays(make, tmp_path):
    (tmp_path / "target").write_text("theirs")
    make(tmp_path / ".finnet")
    with pytest.raises(FileExistsError, match="no marker"):
        mark(tmp_path)
    assert not is_marked(tmp_path)
    assert (tmp_path / "target").read_text() == "theirs"


def test_links_and_other_names_are_no_runs(job):
    (job / NEW).symlink_to(OLD)
    (job / "notes").mkdir()
    assert [run.name for run in runs_of(job)] == [OLD]
