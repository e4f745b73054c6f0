"""Reproduction: a saved run made again and compared, bit by bit."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finnet.errors import ConfigError
from finnet.estimators.archive import unpack
from finnet.estimators.specification import SPECIFICATION
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import FORECASTS
from finnet.jobs.config import Job
from finnet.jobs.final_fit import REFIT
from finnet.jobs.folders import MANIFEST
from finnet.jobs.page_files import PAGE
from finnet.jobs.runner import OnProgress, run_job
from finnet.jobs.saved_runs import METRICS, REPORT, SavedRun, rendered
from finnet.sums import SEAL, SUMS, TIMINGS, read_files

__all__ = ["TOLERANCE", "Verification", "verify_run"]

TOLERANCE = 1e-6
"""Difference of two forecasts, or relative difference of two metrics, that another machine may explain."""

_STATUSES = ("bit-equal", "within tolerance", "different")
_CASE = ("model", "fold", "entity", "issued_at")


@dataclass(frozen=True)
class Verification:
    """What making a run again has shown.

    Parameters
    ----------
    status : "bit-equal", "within tolerance" or "different"
    sentence : str
        The first difference and the largest one, in words.
    """

    status: str
    sentence: str


def verify_run(
    path: Path | str,
    *,
    data: Path | str | None = None,
    n_jobs: int = 1,
    on_progress: OnProgress = lambda step, done, total: None,
) -> Verification:
    """Make a run again elsewhere, and compare data, forecasts, metrics, and then every other file.

    Parameters
    ----------
    data : Path, optional
        Where the data files are now, if they were moved: a folder in or under which they have their old names, or the
        file itself, where the job reads one.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from finnet.jobs.job_file import parse_job
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "small", "tune": {"trials": 1},
    ...                  "data": {"made_loan_book": {"loans": 200}}, "models": ["network", "prior_rate"],
    ...                  "split": {"purged_kfold": {"folds": 2}}, "blocks": {"validation": 0.5},
    ...                  "network": {"members": 3, "epochs": 3}})
    >>> verify_run(run_job(job, reports=mkdtemp()).folder).status
    'bit-equal'
    """
    saved = SavedRun.open(path)
    job = saved.job if data is None else _moved(saved.job, Path(data))
    with TemporaryDirectory() as folder:
        made = SavedRun.open(run_job(job, reports=folder, n_jobs=n_jobs, on_progress=on_progress).folder)
        return compare_runs(saved, made)


def _moved(job: Job, data: Path) -> Job:
    """The same job, whose data files are found in `data` by as much of their old paths as is there."""

    def found(path: str) -> str:
        parts = Path(path).parts
        # The longest tail of the old path first, so that files of one name in two folders are told apart.
        tails = (data.joinpath(*parts[start:]) for start in range(1, len(parts)))
        there = next((tail for tail in tails if tail.exists()), None)
        if there is None and (len(job.paths) > 1 or not data.exists()):
            raise ConfigError(f"{data}: has no {parts[-1]}; give the folder that holds the data files of the job")
        return str(there or data)

    return job.with_paths(found)


def compare_runs(saved: SavedRun, made: SavedRun) -> Verification:
    """How a run differs from the same run made again, and whether code of the user's own has changed since."""
    found = _compare_results(saved, made)
    before, now = (run.manifest.get("plugins") or {} for run in (saved, made))
    changed = [name for name in now if before.get(name) != now[name]]
    if not changed:
        return found
    words = f"the source of {', '.join(changed)} has changed since the run"
    return Verification("different", f"different: {words}; {found.sentence}")


def _compare_results(saved: SavedRun, made: SavedRun) -> Verification:
    if saved.manifest["data"] != made.manifest["data"]:
        name, old, new = next(_differences(saved.manifest["data"], made.manifest["data"]))
        return Verification("different", f"different: the data has changed since, {name} was {old} and is {new}")
    forecasts = _compare_forecasts(saved.forecasts, made.forecasts)
    if forecasts.status == "different":
        return forecasts
    measured = _compare_metrics(saved.read_json(METRICS), made.read_json(METRICS))
    if measured.status == "different":
        return measured
    # Data, forecasts and metrics come first: where they differ, all files that follow from them do.
    worst = max([forecasts, measured, *_compare_files(saved, made)], key=lambda found: _STATUSES.index(found.status))
    return worst if worst.status != "bit-equal" else Verification(worst.status, f"{forecasts.sentence}, and all files")


def _compare_files(saved: SavedRun, made: SavedRun) -> Iterator[Verification]:
    """How every other file differs, of those that differ."""
    old, new = (read_files(run.folder) for run in (saved, made))
    # Left out are files that are compared on their own, timings, and the sums and the seal over all files.
    for name in sorted((set(old) | set(new)) - {FORECASTS, METRICS, MANIFEST, REPORT, TIMINGS, SUMS, SEAL}):
        if old.get(name) != new.get(name):
            is_near = name in old and name in new and _read_near(name, old[name], new[name])
            yield _of_file("within tolerance" if is_near else "different", name)
    if any(_differences(_settled(saved.manifest), _settled(made.manifest))):
        path, before, now = next(_differences(_settled(saved.manifest), _settled(made.manifest)))
        yield Verification("different", f"different: {path} of {MANIFEST} was {before} and is {now}")
    # The page is made of the other files, by the code that made the run.
    has_same_code = saved.fact("environment", dict).get("source") == made.fact("environment", dict).get("source")
    if not has_same_code:
        return
    # Equal files give the page that the run just made has already; drawing it again takes longer than all else here.
    parts = [name for name in old.keys() | new.keys() if name == MANIFEST or Path(name).parent == Path(PAGE).parent]
    is_drawn = all(old.get(name) == new.get(name) for name in parts)
    if old[REPORT] != (new[REPORT] if is_drawn else rendered(saved.folder, old)):
        yield _of_file("different", REPORT)


def _of_file(status: str, name: str) -> Verification:
    return Verification(status, f"{status}: {name} is not the one that was made again")


def _settled(manifest: dict[str, Any]) -> dict[str, Any]:
    """What must be the same wherever a run is made: all but machine, paths of files, and plugins, compared before.

    What the model consists of follows from its file, which may differ within tolerance.
    """
    job = manifest.get("job")
    if not isinstance(job, dict) or not isinstance(data := job.get("data"), dict):
        return manifest
    sources = {name: {**source, "path": ""} if isinstance(source, dict) else source for name, source in data.items()}
    refit = {name: value for name, value in (manifest.get(REFIT) or {}).items() if name != SPECIFICATION}
    return {**manifest, "environment": {}, "plugins": {}, REFIT: refit, "job": {**job, "data": sources}}


def _read_near(name: str, old: bytes, new: bytes) -> bool:
    """Whether two files differ by no more than another machine may explain."""
    try:
        return all(_is_close(a, b) for a, b in zip(_columns(name, old), _columns(name, new), strict=True))
    except (ValueError, TypeError, OSError):
        return False


def _columns(name: str, content: bytes) -> list[NDArray[Any]]:
    """The numbers and words of a table, of the arrays of a model, or of nested JSON."""
    if name.endswith(".npz"):
        archive = unpack(content)
        return [np.array(list(_leaves(archive.description)), object), *archive.arrays]
    if name.endswith(".json"):
        return [np.array([value], object) for value in _leaves(json.loads(content))]
    read = pd.read_csv if name.endswith(".csv") else pd.read_parquet
    table = read(io.BytesIO(content))
    return [np.array(list(table.columns), object), *(table[column].to_numpy() for column in table)]


def _leaves(value: Any) -> Iterator[Any]:
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield key
        if isinstance(part, dict | list):
            yield from _leaves(part)
        else:
            yield part


def _is_close(old: NDArray[Any], new: NDArray[Any]) -> bool:
    if old.shape != new.shape:
        return False
    if old.dtype.kind == "f" and new.dtype.kind == "f":
        return bool(np.allclose(old, new, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    # `a != a` is true of NaN alone.
    return all(a == b or _is_near(a, b) or (a != a and b != b) for a, b in zip(old.ravel(), new.ravel(), strict=True))


def _compare_forecasts(saved: Forecasts, made: Forecasts) -> Verification:
    old, new = (part.table.drop(columns=["run_id", "value"]) for part in (saved, made))
    if not old.equals(new):
        return Verification("different", f"different: {len(old)} forecasts were saved, {len(new)} other ones made")
    gap = np.abs(saved.table["value"].to_numpy() - made.table["value"].to_numpy())
    if not gap.any():
        return Verification("bit-equal", f"bit-equal: {len(old)} forecasts")
    first = int(np.flatnonzero(gap)[0])
    case = ", ".join(f"{name} {saved.table[name].iloc[first]}" for name in _CASE)
    old_value, new_value = (float(part.table["value"].iloc[first]) for part in (saved, made))
    status = "within tolerance" if gap.max() <= TOLERANCE else "different"
    words = f"largest difference {gap.max():.3g}; first at {case}: saved {old_value!r}, made {new_value!r}"
    return Verification(status, f"{status}: {words}")


def _compare_metrics(saved: dict[str, Any], made: dict[str, Any]) -> Verification:
    differences = list(_differences(saved, made))
    if not differences:
        return Verification("bit-equal", "bit-equal: all forecasts and all metrics")
    name, old, new = differences[0]
    status = "within tolerance" if all(_is_near(a, b) for _, a, b in differences) else "different"
    return Verification(status, f"{status}: forecasts are bit-equal, but metric {name} was {old} and is {new}")


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Path, old and new value of every leaf of nested JSON that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _differences(a, b, f"{path}[{number}]")
    elif old != new:
        yield path, old, new


def _is_near(old: Any, new: Any) -> bool:
    is_number = isinstance(old, float) and isinstance(new, float)
    return is_number and bool(np.isclose(old, new, rtol=TOLERANCE, atol=TOLERANCE))
