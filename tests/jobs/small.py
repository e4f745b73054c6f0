"""The small reference job that files, locks and interruptions are tested with."""

from finnet.jobs import runner, saved_runs
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.sums import read_files

JOB = parse_job(
    {
        "schema": 1,
        "task": "default-risk",
        "name": "small",
        "data": {"made_loan_book": {"loans": 240}},
        "split": {"purged_kfold": {"folds": 2}},
        "models": ["network", "logistic", "prior_rate"],
        "blocks": {"validation": 0.5},
        "tune": {"trials": 1},
        "network": {"members": 3, "hidden": [4], "epochs": 2},
    }
)


def run_small(reports, **options):
    """The folder of the run."""
    return run_job(JOB, reports=reports, **options).folder


def without_drawings():
    """Leave the page out, which takes most of the time of so small a job."""
    runner.render_page = saved_runs.render_page = lambda parts: "page"


def lasting(folder):
    """Every byte of a run that does not depend on the clock."""
    return {name: content for name, content in read_files(folder).items() if name != "timings.json"}
