"""Forecasting: the final refit of a run applied to rows that have not come true yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from finnet.data.limits import limited
from finnet.errors import DataError, LimitError
from finnet.estimators.saving import load_model
from finnet.evaluation.profile import Profile
from finnet.evaluation.stability import compared
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import MODEL, POLICY, PROFILE
from finnet.jobs.config import Job
from finnet.jobs.final_fit import REFIT
from finnet.jobs.new_rows import TRAINED, NewRows, forecast_rows, joined_flags
from finnet.jobs.saved_runs import SavedRun
from finnet.jobs.tasks import task_of
from finnet.names import model_in_sentence

__all__ = ["NewForecasts", "ReadRows", "forecast_new", "read_new"]

_UNDATED = "undated"  # what stands for a moment where rows have no dates


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
    flags : tuple of str
        What is odd about each row, beside those of training; "" where nothing is.
    summary : DataFrame of shape (n_columns, n_measures)
        One row per column, as `finnet.evaluation.stability.compared` gives it.
    breaches : tuple of str
        A sentence for each column that breaches a limit.
    columns : mapping of str to sequence of str or float
        What the run's policy says of each row, such as its grade or its expected loss.
    """

    forecasts: Forecasts
    as_of: str
    trained_until: str
    run: str
    flags: tuple[str, ...] = ()
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    breaches: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[str | float]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """As-of time, number of forecasts and what made them."""
        model = model_in_sentence(self.forecasts.models[0])
        flagged = sum(map(bool, self.flags))
        odd = f"; {flagged:,} of them are flagged" if flagged else ""
        made = f"{len(self.forecasts)} forecasts by {model} of run {self.run}"
        if self.as_of == self.trained_until == _UNDATED:
            return f"{made}, whose rows have no dates{odd}"
        since = "" if self.as_of == _UNDATED else f"as of {self.as_of}: "
        until = "" if self.trained_until == _UNDATED else f", trained until {self.trained_until}"
        return f"{since}{made}{until} (times in UTC){odd}"

    def require_stable(self) -> None:
        """Raise LimitError naming the columns whose new values are too unlike those of training."""
        if self.breaches:
            lines = "\n  ".join(self.breaches)
            raise LimitError(f"the new rows are unlike those of training:\n  {lines}\n  check their columns and units")


def forecast_new(
    run: Path | str, data: Path | str, *, sentiment: Path | str | None = None, now: pd.Timestamp | None = None
) -> NewForecasts:
    """Forecasts for the new rows of a price or loan file, by the model that was saved with a run.

    Of prices, new is what became known when all labels that trained the model were known, or later: whatever lies
    before, the model has seen in hindsight. Of loans every row is forecast, older ones with a flag. Category levels
    that training never saw count as none of those it saw. Rows with such levels, and those that are out of range,
    missing, repeated or equal to rows that trained the model, have flags.

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
        Where no session is new, the history is too short to look back, or the columns are not those of training.
    """
    moment = (now or pd.Timestamp.now("UTC").tz_localize(None)).to_datetime64()
    new = read_new(run, data, sentiment=sentiment, moment=moment)
    found = compared(new.profile, new.rows.X[list(new.profile.columns)], units=new.rows.units)
    overlap = new.profile.overlap(new.rows.X)
    trained = np.zeros(len(new.rows.X), bool) if overlap is None else overlap.is_seen
    odd = [[*[TRAINED] * bool(is_seen), *flags] for is_seen, flags in zip(trained, found.flags, strict=True)]
    flags = joined_flags(new.rows, odd)
    # Of quantiles each row has a forecast for every level, level by level.
    flags *= max(len(new.forecasts.levels), 1)
    task, policy = task_of(new.job), new.saved.read_json(POLICY)
    forecasts = task.publish(new.job, policy, X=new.rows.X, forecasts=new.forecasts)
    rows = new.rows
    try:
        columns = task.annotate(new.job, policy, model=new.model, X=rows.X, forecasts=forecasts, aside=rows.aside)
    except DataError as error:
        # What decides on a row, such as its margin, may be impossible.
        raise DataError(f"{data}: {error}") from error
    return NewForecasts(
        forecasts,
        new.as_of,
        new.until or _UNDATED,
        new.saved.name,
        flags,
        found.summary,
        tuple(found.told),
        columns,
    )


class ReadRows(NamedTuple):
    """New rows beside the run that forecast them; `until` is when the last label that trained its model was known."""

    saved: SavedRun
    job: Job
    model: Any
    profile: Profile
    rows: NewRows
    forecasts: Forecasts
    until: str | None

    @property
    def as_of(self) -> str:
        """Moment of the newest row in UTC, or "undated"."""
        issued_at = self.rows.issued_at
        return _UNDATED if issued_at is None else str(pd.Timestamp(issued_at.max()))


def read_new(run: Path | str, data: Path | str, *, sentiment: Path | str | None, moment: np.datetime64) -> ReadRows:
    """The new rows of a file and their forecasts, as `forecast_new` describes them; errors are those named there."""
    saved = SavedRun.open(run)
    job, model = saved.job, load_model(saved.folder / MODEL)
    try:
        profile = Profile.from_json(saved.read_json(PROFILE))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{saved.folder / PROFILE}: is no profile of training rows; run the job again") from error
    until = saved.fact(REFIT, dict).get("until")
    with limited(job.limits):
        trained = None if until is None else np.datetime64(until)
        rows = task_of(job).new_rows(job, data, sentiment=sentiment, profile=profile, now=moment, until=trained)
    _require_schema(rows.X, profile, file=data)
    forecasts = forecast_rows(rows, model, model=saved.fact(REFIT, dict)["model"], run_id=saved.name)
    return ReadRows(saved, job, model, profile, rows, forecasts, until)


def _require_schema(X: pd.DataFrame, profile: Profile, *, file: Path | str) -> None:
    absent = [name for name in profile.columns if name not in X]
    if absent:
        several = f" (and {len(absent) - 1:,} more)" if len(absent) > 1 else ""
        raise DataError(
            f"{file}: lacks column {absent[0]!r}{several}, with which the model was trained; add it to the file"
        )
    for name in profile.columns:
        # A profile holds the levels of category columns; any other column held numbers.
        was_number, is_number = name not in profile.categories, pd.api.types.is_numeric_dtype(X[name].dtype)
        if was_number != is_number:
            kinds = ("a number", "a category") if is_number else ("a category", "a number")
            raise DataError(
                f"{file}: column {name!r} is {kinds[0]}, but was {kinds[1]} in training; give the same columns"
            )
