"""Saved runs: opened with their files checked, listed, and rendered again."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import sleep
from typing import Any, Self

import pandas as pd

from finnet.errors import ConfigError, DataError, FinnetError, PluginError
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import FORECASTS, MODEL, POLICY, PROFILE, publish_files
from finnet.jobs.checkpoints import unfinished
from finnet.jobs.config import Job
from finnet.jobs.folders import (
    LATEST,
    MANIFEST,
    has_run_aside,
    is_marked,
    is_run_name,
    restore_runs,
    run_of,
    runs_of,
)
from finnet.jobs.interruption import resumable
from finnet.jobs.job_file import parse_job
from finnet.jobs.lock import only_run
from finnet.jobs.page_files import PAGE, render_page
from finnet.sums import KEY, SEAL, TIMINGS, check_contents, check_files, read_files

__all__ = ["SavedRun", "list_runs", "render_again", "rendered"]

METRICS, REPORT = "metrics.json", "report.html"
_NEEDED = (FORECASTS, MANIFEST, MODEL, POLICY, PROFILE, METRICS, "comparison.csv", REPORT, PAGE, TIMINGS)
_COLUMNS = ["job", "run", "state", "made_at", "verdict"]


@dataclass(frozen=True)
class SavedRun:
    """A complete run on disk; `SavedRun.open` checks it.

    Examples
    --------
    >>> SavedRun.open("reports/nowhere")
    Traceback (most recent call last):
    finnet.errors.DataError: reports/nowhere/SHA256SUMS: cannot be read (No such file or directory); give the folder...
    """

    folder: Path

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """The run of a folder, or the latest one of a job's folder; DataError where a file is missing or changed.

        A run that a crash has left aside is put back first, with a warning.
        """
        run = run_of(Path(path))
        _mend(run.parent)
        check_files(run)
        for name in _NEEDED:
            if not (run / name).is_file():
                raise DataError(f"{run / name}: is missing; run the job again")
        return cls(run)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What made the run."""
        return self.read_json(MANIFEST)

    @property
    def name(self) -> str:
        """Name of the run, also where its folder was renamed."""
        return str(self.fact("run", str))

    @property
    def job(self) -> Job:
        """The job that was run; paths in it are as they were then."""
        try:
            return parse_job(self.fact("job", dict), source=MANIFEST)
        except PluginError:
            raise
        except ConfigError as error:
            raise DataError(f"{self.folder}: holds no job of this version of finnet ({error}); run it again") from error

    def require_known_job(self) -> None:
        """Raise DataError where the job is none of this version of finnet, as `job` does; its own code need not run."""
        # A page is made of tables: whoever may not run the code of a job may still look at what it gave.
        with suppress(PluginError):
            _ = self.job

    def fact(self, name: str, kind: type) -> Any:
        """An entry of the manifest; DataError where it is missing or of another kind."""
        value = self.manifest.get(name)
        if not isinstance(value, kind):
            raise DataError(f"{self.folder / MANIFEST}: {name!r} is missing or is damaged; run the job again")
        return value

    @property
    def forecasts(self) -> Forecasts:
        """Out of sample, of every model."""
        return Forecasts.load(self.folder / FORECASTS)

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the JSON files; DataError where it holds no JSON object."""
        try:
            content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"{self.folder / name}: cannot be read ({error}); run the job again") from error
        if not isinstance(content, dict):
            raise DataError(f"{self.folder / name}: holds no JSON object; run the job again")
        return content


def list_runs(reports: Path | str = "reports", job: str | None = None) -> pd.DataFrame:
    """Runs of one job or of all, oldest data first.

    Returns
    -------
    DataFrame of shape (n_runs, 5)
        job, run, state ("latest", "complete", "damaged", or "unfinished, 3 fits kept"), made_at, verdict (its first
        sentence).

    Examples
    --------
    >>> list_runs("nowhere").columns.tolist()
    ['job', 'run', 'state', 'made_at', 'verdict']
    """
    folders = [
        folder for folder in sorted(Path(reports).glob("[!.]*")) if folder.is_dir() and job in (None, folder.name)
    ]
    return pd.DataFrame([row for folder in folders for row in _rows(folder)], columns=_COLUMNS)


def _rows(folder: Path) -> list[list[str]]:
    try:
        _mend(folder)
        left = [[folder.name, run, f"unfinished, {kept} fits kept", "", ""] for run, kept in unfinished(folder).items()]
        return [_row(run) for run in runs_of(folder)] + left
    except OSError:
        return [[folder.name, "", "unreadable", "", ""]]


def _row(folder: Path) -> list[str]:
    try:
        run = SavedRun.open(folder)
        made_at, verdict = run.read_json(TIMINGS)["made_at"], run.read_json(METRICS)["verdict"]
        words = [str(made_at), str(verdict).split(". ")[0]]
    except (DataError, KeyError, OSError):
        return [folder.parent.name, folder.name, "damaged", "", ""]
    try:
        is_latest = run_of(folder.with_name(LATEST)) == folder.resolve()
    except DataError:
        is_latest = False
    return [folder.parent.name, folder.name, "latest" if is_latest else "complete", *words]


def _mend(folder: Path) -> None:
    """Put back a run that a crash has left aside; another process may be about to put a new one in its place."""
    for wait in (0.05, 0.2, 1.0, 0.0):
        if not has_run_aside(folder):
            return
        try:
            with resumable(), only_run(folder):
                restore_runs(folder)
        except ConfigError:
            sleep(wait)


def render_again(path: Path | str) -> Path:
    """Render `report.html` of a run again from its saved tables, in place; the path of the page.

    The same version of finnet renders the same bytes.

    Examples
    --------
    >>> render_again("reports/nowhere")
    Traceback (most recent call last):
    finnet.errors.DataError: reports/nowhere/SHA256SUMS: cannot be read (No such file or directory); give the folder...
    """
    run = SavedRun.open(path)
    if not is_run_name(run.folder.name) or run.folder.name != run.name:
        raise DataError(f"{run.folder}: is not called {run.name}, as this run is; give it its name back")
    run.require_known_job()
    with resumable():
        # In a folder of jobs another process may be running this job: only the one that holds the lock may write.
        if not is_marked(run.folder.parent):
            # A copy among other things: nothing beside it is ours.
            return _render(run.folder)
        with only_run(run.folder.parent):
            restore_runs(run.folder.parent)
            return _render(run.folder)


def _render(folder: Path) -> Path:
    files = read_files(folder)
    # Writing the page anew would break the seal, which only the owner of the key can set again.
    if SEAL in files and not os.environ.get(KEY):
        raise ConfigError(f"{folder}: is sealed; set {KEY} to its key, so that it can be sealed again")
    check_contents(folder, files)
    publish_files(folder, files | {REPORT: rendered(folder, files)})
    return folder / REPORT


def rendered(folder: Path, files: Mapping[str, bytes]) -> bytes:
    """The page that these files of a run give; DataError where they are not what a page is made of."""
    try:
        return render_page(files).encode()
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        if isinstance(error, FinnetError):
            raise
        raise DataError(f"{folder}: its page cannot be made of its files ({error!r}); run the job again") from error
