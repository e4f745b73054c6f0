"""New rows: prices or loans that have not come true yet, each with flags that say how far to trust its forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finnet.data.loans import LoanFile, read_applications
from finnet.data.panel import LoanBook, Panel
from finnet.errors import ConfigError, DataError, LimitError
from finnet.estimators.calibration import CalibratedClassifier
from finnet.evaluation.stability import Profile
from finnet.features.feature_set import FeatureSet
from finnet.forecasts import Forecasts
from finnet.jobs.config import DefaultRiskJob, DirectionJob
from finnet.labels import is_ready, paid_out_at
from finnet.types import BoolArray, TimeArray

__all__ = ["NewRows", "forecast_rows", "loan_rows", "market_rows", "rows_of_book"]

NO_FOLD = -1
"""What stands as fold of forecasts that the final refit made."""

OLD, LATER, REPEATED = "known before the model was trained", "applied for after today", "repeated"


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows to forecast; times are None where they have no dates.

    Parameters
    ----------
    X : DataFrame
    entity : ndarray of str
    target : str
    horizon : int
    issued_at, tradable_at, resolves_at : ndarray of datetime64[us], optional
    flags : sequence of list of str
        What is odd about each row by itself.
    units : int
        How many rows are independent of each other.
    """

    X: pd.DataFrame
    entity: np.ndarray
    target: str
    horizon: int
    issued_at: TimeArray | None
    tradable_at: TimeArray | None
    resolves_at: TimeArray | None
    flags: Sequence[list[str]]
    units: int


def market_rows(job: DirectionJob, panel: Panel, *, now: np.datetime64, until: np.datetime64) -> NewRows:
    """A row for each symbol at each session known from `until` to `now`."""
    panel = panel.until(int((panel.closes_at <= now).sum()))
    features = FeatureSet.of(job.features)
    _require_history(panel, features.look_back)
    _require_fresh(panel, now, job.forecast.max_age_sessions)
    ready = is_ready(panel, look_back=features.look_back, min_history_bars=job.min_history_bars)
    t, s = np.nonzero(ready & (panel.closes_at >= until)[:, None])
    if not len(t):
        raise DataError(
            f"no session from {until}, when the model had been trained, to {panel.closes_at[-1]} has a symbol with"
            f" {max(job.min_history_bars, 1)} closes; give newer prices"
        )
    X = pd.DataFrame(features.compute(panel)[t, s], columns=features.names)
    label, entity = job.label.label, np.array(panel.symbols, object)[s]
    flags: list[list[str]] = [[] for _ in t]
    issued, tradable = panel.closes_at[t], _bars_later(panel, t, label.delay_bars)
    return NewRows(X, entity, label.target, label.horizon_bars, issued, tradable, None, flags, len(np.unique(t)))


def _bars_later(panel: Panel, t: np.ndarray, bars: int) -> TimeArray:
    """Closes `bars` after those of t, shape (n,); NaT where the panel does not reach them."""
    later = np.append(panel.closes_at, np.datetime64("NaT", "us"))
    return np.asarray(later[np.minimum(t + bars, len(panel.closes_at))])


def _require_history(panel: Panel, look_back: int) -> None:
    if len(panel.sessions) < look_back:
        raise DataError(
            f"{len(panel.sessions)} complete sessions are too few: features look back {look_back}; give more history"
        )


def _require_fresh(panel: Panel, now: np.datetime64, limit: int) -> None:
    last, today = panel.sessions[-1].astype("datetime64[D]"), now.astype("datetime64[D]")
    age = int(np.busday_count(last, today))
    if age > limit:
        words = f"the last session, {last}, is {age} weekdays old"
        raise LimitError(f"{words}; give newer prices (forecast.max_age_sessions={limit})")


def loan_rows(
    job: DefaultRiskJob, data: Path | str, *, profile: Profile, now: np.datetime64, until: np.datetime64 | None
) -> NewRows:
    """A row for each row of a loan file, in its order; columns are of the kinds that they had in training.

    `until` is when the last outcome that trained the model was known: the model may have seen older loans.
    """
    source = job.data.source
    if not isinstance(source, LoanFile):
        raise ConfigError("the run used embedded loans, which get no new rows; run a job with [data.loans]")
    declared = replace(source, path=str(data), categories=profile.categories, text_is_category=False, leave_out={})
    book = read_applications(declared)
    repeated = book.applications.duplicated(keep=False).to_numpy()
    found = {REPEATED: repeated | _has_repeated_id(book.loan_id)}
    if book.applied_at is not None:
        found[LATER] = book.applied_at > now
        if until is not None:
            found[OLD] = book.applied_at < until
    return rows_of_book(book, found)


def rows_of_book(book: LoanBook, found: Mapping[str, BoolArray]) -> NewRows:
    """A row for each loan of a book, with the flags that are found true of it."""
    return NewRows(
        book.applications,
        book.loan_id,
        "default",
        book.horizon_months,
        book.applied_at,
        None if book.applied_at is None else paid_out_at(book.applied_at),
        book.resolves_at,
        [[words for words, rows in found.items() if rows[row]] for row in range(len(book))],
        len(book),
    )


def _has_repeated_id(ids: np.ndarray) -> BoolArray:
    plain = pd.Series(ids).str.replace(r" \(\d+\)$", "", regex=True)
    return np.asarray(plain.duplicated(keep=False))


def forecast_rows(rows: NewRows, model: CalibratedClassifier, *, run_id: str) -> Forecasts:
    """What the final refit forecasts for these rows; DataError where columns are not those of training."""
    _require_schema(rows.X, model.classifier_.models[0].encoder_)
    clocks = {name: getattr(rows, name) for name in ("issued_at", "tradable_at", "resolves_at")}
    times: dict[str, Any] = {name: clock for name, clock in clocks.items() if clock is not None}
    named = {"model": "network", "fold": NO_FOLD, "entity": rows.entity, "target": rows.target, "horizon": rows.horizon}
    value = model.predict_proba(rows.X)[:, 1]
    return Forecasts.from_rows({**named, **times, "kind": "probability", "value": value}, run_id=run_id)


def _require_schema(X: pd.DataFrame, encoder: Any) -> None:
    for name in encoder.feature_names_in_:
        if name not in X:
            raise DataError(f"column {name!r} is missing, with which the model was trained; give the same columns")
        was_number, is_number = name in encoder.numbers_, pd.api.types.is_numeric_dtype(X[name].dtype)
        if was_number != is_number:
            kinds = ("a number", "a category") if is_number else ("a category", "a number")
            raise DataError(f"column {name!r} is {kinds[0]}, but was {kinds[1]} in training; give the same columns")
