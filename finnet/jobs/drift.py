"""Drift: new data beside what a run saved of its own, column by column, in the forecasts, and in what came true."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finnet.errors import DataError, LimitError
from finnet.evaluation.outcomes_analysis import OutcomesAnalysis, outcomes_analysis
from finnet.evaluation.stability import ALARM_RATE, OUTCOME_PART, Limits, compared
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import POLICY, PROFILE, to_json
from finnet.jobs.final_fit import forecast_table
from finnet.jobs.forecasting import ReadRows, read_new
from finnet.jobs.outputs import write_output
from finnet.jobs.saved_runs import METRICS, SavedRun
from finnet.jobs.tasks import task_of
from finnet.reporting.html import render
from finnet.reporting.report import Report
from finnet.reporting.sections.drift import DriftSection, OutcomeSection

__all__ = ["ALARM_RATE", "FORMS", "Drift", "drift_of"]

FORMS = (".html", ".json")


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift:
    """How new data differ from those of a run.

    Parameters
    ----------
    run, model : str
    as_of : str
        Moment of the newest row in UTC, or "undated".
    rows, trained : int
        New rows, and rows that trained the model.
    is_dependent : bool
        Whether rows share sessions, so that sessions were counted instead.
    columns : DataFrame of shape (n_columns, n_measures)
        As `finnet.evaluation.stability.compared` gives it, what moved most first; the `psi` of a column is its
        characteristic stability index (CSI).
    forecasts : DataFrame of shape (n_levels, n_measures)
        The same of the forecasts, beside those made out of sample in the run.
    outcomes : OutcomesAnalysis, optional
        What came true; None where nothing is known yet.
    alarms : mapping of str to str
        A sentence for each column, or "outcomes", beyond a limit.
    alarm_rate : float
        Probability of any alarm where nothing has moved.
    seen : int, optional
        New rows that trained the model; None where the run kept no hashes of its rows. Outcomes of these are left out.
    is_estimate : bool
        Whether the run kept hashes of a sample of its rows, from which `seen` is estimated.
    is_moved : bool
        Whether published forecasts are moved to a stated rate, which those compared are not.
    by_client : bool
        Whether rows of one client count as fewer, since those of training were alike.
    """

    run: str
    model: str
    as_of: str
    rows: int
    trained: int
    is_dependent: bool
    columns: pd.DataFrame
    forecasts: pd.DataFrame
    outcomes: OutcomesAnalysis | None
    alarms: Mapping[str, str]
    alarm_rate: float
    seen: int | None = None
    is_estimate: bool = False
    is_moved: bool = False
    by_client: bool = False

    def require_stable(self) -> None:
        """Raise LimitError where a limit is exceeded."""
        if self.alarms:
            raise LimitError(f"beyond its limit: {', '.join(self.alarms)}")

    @property
    def report(self) -> Report:
        """The page."""
        own = DriftSection(
            run=self.run,
            model=self.model,
            as_of=self.as_of,
            rows=self.rows,
            trained=self.trained,
            is_dependent=self.is_dependent,
            columns=self.columns,
            forecasts=self.forecasts,
            alarms=dict(self.alarms),
            alarm_rate=self.alarm_rate,
            seen=self.seen or 0,
            is_estimate=self.is_estimate,
            is_moved=self.is_moved,
            by_client=self.by_client,
        )
        parts = [own] if self.outcomes is None else [own, OutcomeSection(outcomes=self.outcomes)]
        return Report(title=f"Drift since {self.run}", kind="Ongoing monitoring.", parts=parts)

    @property
    def summary(self) -> str:
        """What moved, what matters most first, and what to do, in at most fifteen lines."""
        own, *others = self.report.sections
        assert isinstance(own, DriftSection)
        said = [section.verdict for section in others]
        alarm = [own.alarm] if own.alarm else []
        return "\n".join([own.headline, *alarm, *said, *own.moves, f"What to do: {own.advice}", own.assumption])

    def to_json(self) -> str:
        """Every figure."""
        plain: dict[str, Any] = {name: value for name, value in vars(self).items() if name != "outcomes"}
        if self.outcomes is not None:
            plain["outcomes"] = vars(self.outcomes)
        return to_json(_plain(plain) | {"is_within_limits": not self.alarms})

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the page (.html) or every figure (.json), whole or not at all, for its owner alone."""
        text = self.to_json() if path.suffix == ".json" else render(self.report.page())
        write_output(path, text.encode(), force=force)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with lists of rows instead of tables."""
    plain = {}
    for name, value in values.items():
        plain[name] = value.to_dict("records") if isinstance(value, pd.DataFrame) else value
        if isinstance(value, Mapping):
            plain[name] = _plain(value)
    return plain


def drift_of(
    run: Path | str,
    data: Path | str,
    *,
    sentiment: Path | str | None = None,
    now: pd.Timestamp | None = None,
    alarm_rate: float = ALARM_RATE,
) -> Drift:
    """How the rows of a file differ from those that trained the model of a run.

    Compared are the columns, the forecasts beside those made out of sample in the run, and, where the file says what
    came true, forecast and outcome. With outcomes half of the alarm rate is theirs: a quarter for the mean forecast and
    a quarter for the headline metric; the rest is divided over columns. Forecasts follow from the columns and raise no
    alarm of their own. Outcomes of rows that trained the model are left out, where the run kept hashes of these: its
    forecasts of them are better than those of new rows.

    Parameters
    ----------
    run, data, sentiment, now
        As in `finnet.jobs.forecasting.forecast_new`; loans may say what became of them, which counts once the months of
        the job have passed by `now`.
    alarm_rate : float
        Probability of any alarm where nothing has moved and rows are independent, or clients where the job names them.

    Raises
    ------
    DataError
        Where the run saved no reference of its forecasts, or columns are not those of training.
    """
    moment = (now or pd.Timestamp.now("UTC").tz_localize(None)).to_datetime64()
    new = read_new(run, data, sentiment=sentiment, moment=moment)
    profile, rows, units = new.profile, new.rows, new.rows.units
    if profile.forecasts is None:
        raise DataError(
            f"{new.saved.folder / PROFILE}: holds no forecasts of the run; run the job again with this version"
        )
    came = task_of(new.job).outcomes_of(new.job, data, rows=rows, now=moment, sentiment=sentiment)
    overlap = profile.overlap(rows.X)
    if overlap is not None:
        came = came.assign(truth=came["truth"].where(overlap.is_new))
    outcomes = _outcomes(new.forecasts, came, _scores_of(new.saved), seed=new.job.seed)
    rate = alarm_rate if outcomes is None else alarm_rate * (1 - OUTCOME_PART)
    limits = Limits(rate, 0.0, 0.0)
    columns = compared(profile, rows.X[list(profile.columns)], units=units, limits=limits)
    # Forecasts follow from the columns, whose limits are watched. Those of the final refit are spread otherwise than
    # those of the folds, so that an alarm on them would sound where nothing moved.
    forecasts = compared(profile.forecasts, forecast_table(new.forecasts), units=units, limits=limits)
    told = dict(sentence.split(": ", 1) for sentence in columns.told)
    ordered = columns.summary.sort_values(["breached", "psi"], ascending=False, kind="stable", ignore_index=True)
    moved = {str(name): told[str(name)] for name in ordered.loc[ordered["breached"], "column"]}
    return Drift(
        run=new.saved.name,
        model=new.forecasts.models[0],
        as_of=new.as_of,
        rows=len(rows.X),
        trained=profile.rows,
        is_dependent=units < len(rows.X),
        columns=ordered,
        forecasts=forecasts.summary.assign(breached=False),
        outcomes=outcomes,
        alarms=_alarms(outcomes, alarm_rate * OUTCOME_PART) | moved,
        alarm_rate=alarm_rate,
        seen=None if overlap is None else overlap.count,
        is_estimate=overlap is not None and overlap.is_estimate,
        is_moved=_is_moved(new),
        by_client=profile.by_client,
    )


def _is_moved(new: ReadRows) -> bool:
    """Whether the run publishes other forecasts than its model makes."""
    policy = new.saved.read_json(POLICY)
    published = task_of(new.job).publish(new.job, policy, X=new.rows.X, forecasts=new.forecasts)
    return not published.table["value"].equals(new.forecasts.table["value"])


def _scores_of(saved: SavedRun) -> Mapping[str, Any]:
    """What the model of the run scored out of sample, by metric."""
    try:
        return dict(saved.read_json(METRICS)["scores"][saved.fact("deployed", dict)["name"]])
    except (LookupError, TypeError) as error:
        raise DataError(f"{saved.folder / METRICS}: lacks the scores of its model; run the job again") from error


def _outcomes(
    forecasts: Forecasts, came: pd.DataFrame, before: Mapping[str, Any], *, seed: int
) -> OutcomesAnalysis | None:
    # Of quantiles each row has a forecast for every level, level by level, so that its outcome is repeated as often.
    levels = max(len(forecasts.levels), 1)
    truth = np.tile(came["truth"].to_numpy(float), levels)
    known = np.isfinite(truth)
    if not known.any():
        return None
    beside = {name: np.tile(came[name].to_numpy(), levels) for name in ("resolves_at", "group") if name in came}
    table = forecasts.table.assign(truth=truth, **beside)
    return outcomes_analysis(Forecasts(table[known]), before, seed=seed)


def _alarms(outcomes: OutcomesAnalysis | None, rate: float) -> dict[str, str]:
    if outcomes is None:
        return {}
    # Bonferroni: each of two tests at half the rate, so that both together sound no more often than `rate`.
    found = []
    if outcomes.gap_chance < rate / 2:
        found.append("the mean forecast is off")
    if outcomes.worse_chance < rate / 2:
        found.append(f"{outcomes.headline} is worse than in the run")
    return {"outcomes": " and ".join(found)} if found else {}
