"""Verification: a saved run made again and compared, bit by bit."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from finnet.forecasts import Forecasts
from finnet.jobs.runner import OnProgress, run_job
from finnet.jobs.saved import SavedRun

__all__ = ["TOLERANCE", "Verification", "verify_run"]

TOLERANCE = 1e-6
"""Difference of two forecasts, or relative difference of two metrics, that another machine may explain."""

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
    n_jobs: int = 1,
    on_progress: OnProgress = lambda step, done, total: None,
) -> Verification:
    """Make a run again beside, and compare data, forecasts and metrics.

    Paths of data files are taken as they were given when the run was made, so call it from the same folder.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from finnet.jobs.config import parse_job
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "small", "tune": {"trials": 1},
    ...                  "data": {"made_loan_book": {"loans": 300}}, "models": ["network", "prior_rate"]})
    >>> verify_run(run_job(job, reports=mkdtemp()).folder).status
    'bit-equal'
    """
    saved = SavedRun.open(path)
    with TemporaryDirectory() as folder:
        made = SavedRun.open(run_job(saved.job, reports=folder, n_jobs=n_jobs, on_progress=on_progress).folder)
        return compare_runs(saved, made)


def compare_runs(saved: SavedRun, made: SavedRun) -> Verification:
    """How a run differs from the same run made again."""
    if saved.manifest["data"] != made.manifest["data"]:
        name, old, new = next(_differences(saved.manifest["data"], made.manifest["data"]))
        return Verification("different", f"different: the data has changed since, {name} was {old} and is {new}")
    forecasts = _compare_forecasts(saved.forecasts, made.forecasts)
    if forecasts.status != "bit-equal":
        return forecasts
    return _compare_metrics(saved.read_json("metrics.json"), made.read_json("metrics.json"))


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
