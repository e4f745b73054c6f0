"""Sources: from the data section of a job to the rows to learn from, and what is odd on the way."""

from typing import Any

import pandas as pd

from finnet.data.limits import limited
from finnet.data.quality import BadFileError, quality_table, told
from finnet.dataset import Dataset
from finnet.errors import ConfigError, FinnetError, PluginError
from finnet.jobs.config import Job
from finnet.jobs.fold_checks import check_folds
from finnet.jobs.preflight import hindrances
from finnet.jobs.reading import Reading
from finnet.jobs.tasks import task_of
from finnet.jobs.tasks.task import Study

__all__ = ["check_data", "load"]

_CANNOT_RUN = "cannot_run"


def load(job: Job) -> Study:
    """What a job learns from, and the quality table of the files.

    Raises
    ------
    BadFileError
        A DataError with every finding, where one is an error.
    ConfigError
        Where only the settings do not fit the data.
    """
    reading = Reading()
    dataset, source = _read(job, reading)
    if reading.has_errors:
        errors = [problem for problem in reading.problems if problem.severity == "error"]
        if all(problem.rule == _CANNOT_RUN for problem in errors):
            raise ConfigError("; ".join(line.found for line in told(errors)))
        raise BadFileError(reading.problems)
    assert dataset is not None
    return Study(dataset, source, quality_table(reading.problems), checks=reading.checks, files=reading.files)


def check_data(job: Job) -> pd.DataFrame:
    """The quality table of all files that a job reads, errors first; no rows where all is well.

    Returns
    -------
    DataFrame of shape (n_problems, 8)
        Columns rule, severity, file, line, column, value, count, remedy.

    Examples
    --------
    >>> from finnet.jobs.job_file import parse_job
    >>> loans = {"path": "nowhere.csv", "target": "bad"}
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans}})
    >>> check_data(job)[["rule", "severity", "file"]].values.tolist()
    [['unreadable_file', 'error', 'nowhere.csv']]
    """
    reading = Reading()
    _read(job, reading)
    return quality_table(reading.problems)


def _read(job: Job, reading: Reading) -> tuple[Dataset | None, Any]:
    """Rows and source, as far as they can be had."""
    task = task_of(job)
    try:
        with limited(job.limits):
            source = task.read(job, reading)
    except PluginError:
        raise
    except ConfigError as error:
        reading.of(job.data.source, "").add(_CANNOT_RUN, job.origin, value=str(error))
        return None, None
    if source is None:
        return None, None
    findings, had_errors = reading.of(job.data.source, ""), reading.has_errors
    try:
        dataset = task.dataset(job, source)
    except FinnetError as error:
        # Without what is wrong already, this may be no trouble of its own.
        if not had_errors:
            findings.add(_CANNOT_RUN, job.origin, value=str(error))
        return None, source
    if not had_errors:
        for sentence in hindrances(job, dataset):
            findings.add(_CANNOT_RUN, job.origin, value=sentence)
    file = getattr(job.data.source, "path", "")
    if not had_errors and not findings.has_errors:
        check_folds(dataset, job.split.split, findings, file=file or job.origin)
    # Embedded data have a known truth, and no file whose columns could have been filled too late.
    if file:
        task.raise_alarms(dataset, source, findings, file=file)
    return dataset, source
