"""Saved runs: opened with their files checked, listed, and rendered again."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from finnet.errors import DataError
from finnet.files import SUMS, check_files, restore_folders
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import FORECASTS, LATEST, TIMINGS, publish
from finnet.jobs.config import DefaultRiskJob, DirectionJob, parse_job
from finnet.jobs.interruption import resumable
from finnet.jobs.lock import only_run
from finnet.jobs.page_files import MANIFEST, page_parts_from, read_files
from finnet.jobs.pages import render_page
from finnet.jobs.units import unfinished

__all__ = ["SavedRun", "list_runs", "render_again"]

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
        """The run of a folder, or the latest one of a job's folder; DataError where a file is missing or changed."""
        path = Path(path)
        run = (path / LATEST if (path / LATEST).exists() else path).resolve() if path.exists() else path
        check_files(run)
        return cls(run)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What made the run."""
        return self.read_json(MANIFEST)

    @property
    def job(self) -> DirectionJob | DefaultRiskJob:
        """The job that was run; paths in it are as they were given then."""
        return parse_job(self.manifest["job"], source=str(self.folder / MANIFEST))

    @property
    def forecasts(self) -> Forecasts:
        """Out of sample, of every model."""
        return Forecasts.load(self.folder / FORECASTS)

    def read_json(self, name: str) -> dict[str, Any]:
        """One of the JSON files; DataError where it holds no JSON object."""
        try:
            content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{self.folder / name}: cannot be read ({error}); run the job again") from error
        if not isinstance(content, dict):
            raise DataError(f"{self.folder / name}: holds no JSON object; run the job again")
        return content


def list_runs(reports: Path | str = "reports", job: str | None = None) -> pd.DataFrame:
    """Runs of one job or of all, oldest data first.

    Returns
    -------
    DataFrame
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
    return pd.DataFrame([row for folder in folders for row in _runs_of(folder)], columns=_COLUMNS)


def _runs_of(folder: Path) -> list[list[str]]:
    runs = [path for path in sorted(folder.glob("[!.]*")) if (path / SUMS).exists() and not path.is_symlink()]
    left = [[folder.name, run, f"unfinished, {kept} fits kept", "", ""] for run, kept in unfinished(folder).items()]
    return [_row(run) for run in runs] + left


def _row(folder: Path) -> list[str]:
    try:
        run = SavedRun.open(folder)
        made_at, verdict = run.read_json(TIMINGS)["made_at"], run.read_json("metrics.json")["verdict"]
    except (DataError, KeyError):
        return [folder.parent.name, folder.name, "damaged", "", ""]
    is_latest = (folder.parent / LATEST).resolve() == folder.resolve()
    return [folder.parent.name, folder.name, "latest" if is_latest else "complete", made_at, verdict.split(". ")[0]]


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
    with resumable(), only_run(run.folder.parent):
        restore_folders(run.folder.parent)
        files = read_files(run.folder)
        files["report.html"] = render_page(page_parts_from(files)).encode()
        publish(run.folder, forecasts=run.forecasts, files=files)
    return run.folder / "report.html"
