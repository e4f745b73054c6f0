"""Forecasting: the final refit of a run applied to rows that have not come true yet."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finnet.data.limits import limited
from finnet.data.loans import LoanFile, read_applications
from finnet.data.panel import Panel
from finnet.data.prices import PriceFile
from finnet.errors import ConfigError, DataError, LimitError
from finnet.estimators.calibration import CalibratedClassifier
from finnet.estimators.saving import load_model
from finnet.features.feature_set import FeatureSet
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import MODEL
from finnet.jobs.config import DefaultRiskJob, DirectionJob, MarketData
from finnet.jobs.final import REFIT
from finnet.jobs.saved import SavedRun
from finnet.jobs.sources import load_panel
from finnet.types import TimeArray

__all__ = ["NewForecasts", "forecast_new"]

NO_FOLD = -1
"""What stands as fold of forecasts that the final refit made."""


@dataclass(frozen=True, eq=False)
class NewForecasts:
    """Forecasts of rows whose truth is not known yet.

    Parameters
    ----------
    forecasts : Forecasts
        `truth` is missing, `fold` is -1.
    as_of : str
        Moment of the newest row in UTC, or "undated".
    trained_until : str
        Moment when the last label that trained the model was known, or "undated".
    run : str
        Name of the run that forecast, which stands as `run_id` in the forecasts too.
    """

    forecasts: Forecasts
    as_of: str
    trained_until: str
    run: str

    @property
    def sentence(self) -> str:
        """As-of time, number of forecasts and what made them."""
        return (
            f"as of {self.as_of}: {len(self.forecasts)} forecasts by the network of run {self.run}, trained until"
            f" {self.trained_until} (times in UTC)"
        )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows to forecast; times are None where they have no dates."""

    X: pd.DataFrame
    entity: np.ndarray
    target: str
    horizon: int
    issued_at: TimeArray | None
    resolves_at: TimeArray | None


def forecast_new(
    run: Path | str, data: Path | str, *, sentiment: Path | str | None = None, now: pd.Timestamp | None = None
) -> NewForecasts:
    """Forecasts for the new rows of a price or loan file, by the model that was saved with a run.

    New is what became known when all labels that trained the model were known, or later: whatever lies before, the
    model has seen in hindsight. Category levels that training never saw count as none of those it saw.

    Parameters
    ----------
    run : Path
        Folder of a run, or of a job: then its latest run.
    data : Path
        File or folder in the shape that the job's [data.prices] or [data.loans] describes; for prices with enough
        sessions before the new ones for the features to look back. Loans need no outcome.
    sentiment : Path, optional
        Of the shape of [data.sentiment]; by default the file named there.
    now : Timestamp, optional
        UTC; bars complete after it are not looked at. The present by default.

    Raises
    ------
    LimitError
        Where the last session is more than `forecast.max_age_sessions` weekdays old.
    DataError
        Where there is nothing new, the history is too short to look back, or the columns are not those of training.
    """
    saved = SavedRun.open(run)
    job, model = saved.job, load_model(saved.folder / MODEL)
    if not hasattr(model, "predict_proba"):
        raise DataError(f"{saved.folder / MODEL}: forecasts no probabilities; run the job again")
    until = saved.fact(REFIT, dict).get("until")
    with limited(job.limits):
        if isinstance(job, DirectionJob):
            moment = (now or pd.Timestamp.now("UTC").tz_localize(None)).to_datetime64()
            rows = _market_rows(job, _panel(job, data, sentiment), now=moment, until=np.datetime64(until))
        else:
            rows = _loan_rows(job, data, until=None if until is None else np.datetime64(until))
    return NewForecasts(_forecasts(rows, model, saved.name), _newest(rows), until or "undated", saved.name)


def _panel(job: DirectionJob, data: Path | str, sentiment: Path | str | None) -> Panel:
    source = job.data.source
    if not isinstance(source, PriceFile):
        raise ConfigError("the run used embedded prices, which get no new rows; run a job with [data.prices]")
    late = job.data.sentiment
    if sentiment is not None:
        if late is None:
            raise ConfigError("the job has no [data.sentiment]; leave the sentiment file out")
        late = replace(late, path=str(sentiment))
    prices = replace(source, path=str(data), start=None, end=None)
    return load_panel(MarketData(prices=prices, sentiment=late, macro=job.data.macro))


def _market_rows(job: DirectionJob, panel: Panel, *, now: np.datetime64, until: np.datetime64) -> _Rows:
    panel = panel.until(int((panel.closes_at <= now).sum()))
    features = FeatureSet.of(job.features)
    _require_history(panel, features.look_back)
    _require_fresh(panel, now, job.forecast.max_age_sessions)
    t, s = np.nonzero(_is_ready(panel, job) & (panel.closes_at >= until)[:, None])
    if not len(t):
        raise DataError(
            f"no session from {until}, when the model had been trained, to {panel.closes_at[-1]} has a symbol with"
            f" {max(job.min_history_bars, 1)} closes; give newer prices"
        )
    X = pd.DataFrame(features.compute(panel)[t, s], columns=features.names)
    label = job.label.label
    return _Rows(X, np.array(panel.symbols, object)[s], label.target, label.horizon_bars, panel.closes_at[t], None)


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


def _is_ready(panel: Panel, job: DirectionJob) -> np.ndarray:
    """Whether a symbol may be forecast at a session, shape (T, S), by the rules of training rows."""
    has_close = np.isfinite(panel["close"])
    late = np.arange(len(panel.sessions)) >= FeatureSet.of(job.features).look_back - 1
    enough = has_close.cumsum(axis=0) >= job.min_history_bars
    return np.asarray(late[:, None] & enough & has_close & np.asarray(panel.member))


def _loan_rows(job: DefaultRiskJob, data: Path | str, *, until: np.datetime64 | None) -> _Rows:
    source = job.data.source
    if not isinstance(source, LoanFile):
        raise ConfigError("the run used embedded loans, which get no new rows; run a job with [data.loans]")
    book = read_applications(replace(source, path=str(data)))
    new = np.ones(len(book), bool)
    if until is not None and book.applied_at is not None:
        new = book.applied_at >= until
    if not new.any():
        raise DataError(f"no loan was applied for since {until}, when the model had been trained; give newer ones")
    applied, resolves = (None if times is None else times[new] for times in (book.applied_at, book.resolves_at))
    X = book.applications[new].reset_index(drop=True)
    return _Rows(X, book.loan_id[new], "default", book.horizon_months, applied, resolves)


def _forecasts(rows: _Rows, model: CalibratedClassifier, run_id: str) -> Forecasts:
    _require_schema(rows.X, model.classifier_.encoder_)
    times: dict[str, Any] = {} if rows.issued_at is None else {"issued_at": rows.issued_at}
    if rows.resolves_at is not None:
        times["resolves_at"] = rows.resolves_at
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


def _newest(rows: _Rows) -> str:
    return "undated" if rows.issued_at is None else str(pd.Timestamp(rows.issued_at.max()))
