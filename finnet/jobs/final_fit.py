"""The final refit: the model deployed, fitted on the last training window, to forecast what has not come true yet."""

from typing import Any

import numpy as np
import pandas as pd

from finnet.dataset import Dataset
from finnet.evaluation.profile import Profile
from finnet.evaluation.walk_forward import refit, refit_folds
from finnet.forecasts import Forecasts
from finnet.jobs.config import Job
from finnet.splits import Split, WalkForward
from finnet.types import IntArray

__all__ = [
    "REFIT",
    "clients_of",
    "describe_refit",
    "final_rows",
    "forecast_table",
    "refit_deployed",
    "sessions_of",
    "training_profile",
]

REFIT = "final refit"


def final_rows(split: Split, dataset: Dataset) -> IntArray:
    """Row numbers of the last training window, rising, shape (n_rows,).

    The window is the newest `train_bars` bars where the split moves one along, else it is all rows.

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
    # Bars are counted over all rows, also those without a label.
    known = dataset.clock("known_at")
    bars = np.unique(known)
    start = bars[-min(split.train_bars, len(bars))]
    return np.flatnonzero(dataset.has_label & (known >= start))


def refit_deployed(job: Job, dataset: Dataset, model: Any) -> Any:
    """The model, fitted on the last window as it is on every fold."""
    return refit(model, dataset, final_rows(job.split.split, dataset), blocks=job.blocks, seed=job.seed)


def training_profile(job: Job, dataset: Dataset, forecasts: Forecasts) -> Profile:
    """What the rows of the last window look like, for new rows to be compared with.

    Beside them what was forecast out of sample of any row, by one model; of repeated folds the first forecast counts.
    """
    rows = final_rows(job.split.split, dataset)
    # Inputs are those of the rows that train; forecasts are out of sample, since a model is surer of rows it has seen.
    trained = dataset.X.iloc[rows]
    sessions, clients = sessions_of(dataset, rows), clients_of(dataset, rows)
    profile = Profile.of(trained, sessions=sessions, clients=clients).with_rows(trained)
    table = forecasts.table.drop_duplicates(["entity", "issued_at", "level"])
    values = forecast_table(Forecasts(table))
    issued = dataset.clock("decided_at") if dataset.is_dated else np.full(len(dataset), np.datetime64("NaT", "us"))
    place = pd.Series(np.arange(len(dataset)), pd.MultiIndex.from_arrays([dataset.entity, issued]))
    cases = table.drop_duplicates(["entity", "issued_at"])
    forecast = place.reindex(pd.MultiIndex.from_frame(cases[["entity", "issued_at"]])).to_numpy(int)
    X = dataset.X.iloc[forecast]
    sessions, clients = sessions_of(dataset, forecast), clients_of(dataset, forecast)
    return profile.with_forecasts(X, values, sessions=sessions, clients=clients)


def sessions_of(dataset: Dataset, rows: IntArray) -> IntArray | None:
    """Number of the session of each of these rows, shape (n_rows,); None where none returns: all are independent."""
    if not dataset.is_dated or len(np.unique(dataset.entity[rows])) == len(rows):
        return None
    return np.asarray(np.unique(dataset.clock("known_at")[rows], return_inverse=True)[1])


def clients_of(dataset: Dataset, rows: IntArray) -> IntArray | None:
    """Number of the client of each of these rows, shape (n_rows,); None where no client has two of them."""
    if dataset.group is None:
        return None
    clients, number = np.unique(dataset.group[rows], return_inverse=True)
    return np.asarray(number) if len(clients) < len(rows) else None


def forecast_table(forecasts: Forecasts) -> pd.DataFrame:
    """Forecasts of one model, shape (n_cases, n_levels): the column "forecast", or one for each level of quantiles.

    Cases are in the order of the forecasts, counted from 0.
    """
    if not forecasts.levels:
        return pd.DataFrame({"forecast": forecasts.table["value"].to_numpy()})
    parts = forecasts.table.groupby("level")["value"]
    return pd.DataFrame({f"forecast at level {level:g}": part.to_numpy() for level, part in parts})


def describe_refit(job: Job, dataset: Dataset, *, model: str) -> dict[str, Any]:
    """What the final refit was trained on; `until` is the moment when the last label that moved a weight was known."""
    rows = final_rows(job.split.split, dataset)
    folds = refit_folds(dataset, rows, blocks=job.blocks, seed=job.seed)
    fitted = rows if folds is None else rows[folds.fitted]
    if not dataset.is_dated:
        return {"model": model, "rows": len(fitted)}
    known, resolved = dataset.clock("known_at")[fitted], dataset.clock("resolves_at")[fitted]
    # Rows are in the order of `known_at`, but outcomes need not come in that order.
    times = {"from": known[0], "to": known[-1], "until": resolved.max()}
    return {"model": model, "rows": len(fitted)} | {name: str(time) for name, time in times.items()}
