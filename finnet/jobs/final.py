"""The final refit: the model deployed, fitted on the last training window, to forecast what has not come true yet."""

from typing import Any

import numpy as np

from finnet.dataset import Dataset
from finnet.evaluation.profile import Profile
from finnet.evaluation.walk_forward import refit, refit_folds
from finnet.jobs.config import Job
from finnet.splits import Split, WalkForward
from finnet.types import IntArray

__all__ = ["REFIT", "describe_refit", "final_rows", "refit_deployed", "training_profile"]

REFIT = "final refit"


def final_rows(split: Split, dataset: Dataset) -> IntArray:
    """Row numbers of the last training window: the newest `train_bars` bars of a moving window, else all rows.

    Rows whose outcome gives no label, such as those in a dead zone, are left out.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> from finnet.labels import Direction, build_dataset
    >>> data = build_dataset(made_market(symbols=2, sessions=60), ["return_1"], Direction())
    >>> [len(final_rows(WalkForward(train_bars=30, expanding=expanding), data)) for expanding in (False, True)]
    [60, 114]
    """
    rows = np.flatnonzero(dataset.has_label)
    if not isinstance(split, WalkForward) or split.expanding:
        return rows
    known = dataset.clock("known_at")
    bars = np.unique(known)
    start = bars[-min(split.train_bars, len(bars))]
    return np.flatnonzero(dataset.has_label & (known >= start))


def refit_deployed(job: Job, dataset: Dataset, model: Any) -> Any:
    """The model, fitted on the last window as it is on every fold."""
    return refit(model, dataset, final_rows(job.split.split, dataset), blocks=job.blocks, seed=job.seed)


def training_profile(job: Job, dataset: Dataset) -> Profile:
    """What the rows of the last window look like, for new rows to be compared with."""
    return Profile.of(dataset.X.iloc[final_rows(job.split.split, dataset)])


def describe_refit(job: Job, dataset: Dataset, *, model: str) -> dict[str, Any]:
    """What the final refit was trained on; `until` is the moment when the last label that moved a weight was known."""
    rows = final_rows(job.split.split, dataset)
    folds = refit_folds(dataset, rows, blocks=job.blocks, seed=job.seed)
    fitted = rows if folds is None else rows[folds.fitted]
    if not dataset.is_dated:
        return {"model": model, "rows": len(fitted)}
    known, resolved = dataset.clock("known_at")[fitted], dataset.clock("resolves_at")[fitted]
    times = {"from": known[0], "to": known[-1], "until": resolved.max()}
    return {"model": model, "rows": len(fitted)} | {name: str(time) for name, time in times.items()}
