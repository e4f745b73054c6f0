"""Direction: which way prices go, and what trading on it would have brought."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Literal

import numpy as np

from finnet.backtest.engine import CASH, Backtest, constant_folds, run_backtest
from finnet.backtest.positions import LongFlat, LongShort, TopBottom
from finnet.checks import require_at_least, require_number
from finnet.data.panel import Panel
from finnet.dataset import Dataset
from finnet.errors import ConfigError
from finnet.forecasts import Forecasts
from finnet.jobs.config import CONTENDERS, Models, only
from finnet.jobs.tasks.market import LabelChoice, MarketJob, MarketTask
from finnet.jobs.tasks.task import Decision, Results, Study
from finnet.labels import AboveMedian, Direction, HorizonLabel, RowCounts, count_rows
from finnet.names import model_in_sentence
from finnet.reporting.sections.trading import TradingSection
from finnet.reporting.text import percent
from finnet.splits import fold_table, is_forward

__all__ = ["BacktestSettings", "DirectionJob", "DirectionTask", "EventChoice", "PositionChoice"]


@dataclass(frozen=True)
class EventChoice(LabelChoice):
    """Which event of a market to forecast."""

    direction: Direction | None = None
    above_median: AboveMedian | None = None


@dataclass(frozen=True)
class PositionChoice:
    """How forecasts become positions."""

    long_flat: LongFlat | None = None
    long_short: LongShort | None = None
    top_bottom: TopBottom | None = None

    def __post_init__(self) -> None:
        _ = self.rule

    @property
    def rule(self) -> LongFlat | LongShort | TopBottom:
        """The rule chosen."""
        return only(**{field.name: getattr(self, field.name) for field in fields(self)})  # type: ignore[no-any-return]


@dataclass(frozen=True)
class BacktestSettings:
    """Positions and what it costs to change them.

    Parameters
    ----------
    cost_bps : float
        Basis points (1/10,000) of every amount traded.
    bars_per_year : float
        Bars of the prices in a year, for yearly figures; counted from the sessions where it is not given.
    """

    positions: PositionChoice = PositionChoice(long_flat=LongFlat())
    cost_bps: float = 2.0
    bars_per_year: float | None = None

    def __post_init__(self) -> None:
        require_at_least(self.cost_bps, 0, name="cost_bps")
        if self.bars_per_year is not None:
            require_number(self.bars_per_year, name="bars_per_year", below=inf, zero=False)


class DirectionJob(MarketJob):
    """Forecast the direction of prices, and say what trading on it would have brought.

    Parameters
    ----------
    models : tuple of str
        The network and what it is compared with: tree, svm, knn, logistic, forest, boosting; naive: always_up,
        prior_rate, persistence, best_column.
    """

    task: Literal["direction"]
    label: EventChoice = EventChoice(direction=Direction())
    models: Models = (*CONTENDERS, "always_up", "prior_rate", "persistence", "best_column")
    backtest: BacktestSettings = BacktestSettings()


class DirectionTask(MarketTask):
    """Probabilities that symbols rise, or beat the median of their session."""

    settings = DirectionJob

    def dataset(self, job: DirectionJob, source: Panel) -> Dataset:
        """A row for every symbol at every close; ConfigError where a label is neither 0 nor 1."""
        dataset = super().dataset(job, source)
        odd = dataset.y[dataset.has_label & ~np.isin(dataset.y, (0, 1))]
        if len(odd):
            raise ConfigError(
                f"label {dataset.target} gives {odd[0]:g}, and a direction is 0, 1 or missing; use the task"
                " forward-return"
            )
        return dataset

    def decide(self, job: DirectionJob, study: Study, results: Results) -> Decision:
        """The backtest, where somebody could have traded on the forecasts."""
        forecasts = results.own
        counts = count_rows(study.source, study.dataset, job.label.label)
        # Nobody could have traded on models that trained on later rows, nor does every label say what to buy.
        forward = is_forward(fold_table(study.dataset, job.split.split))
        backtest = _trade(job, forecasts, study) if forward and job.label.label.high_is_buy else None
        record = {"backtest": None if backtest is None else backtest.summary.to_dict("index"), "rows": asdict(counts)}
        return Decision(
            result=backtest,
            record=record,
            sections=[_section(job, backtest, forecasts, counts=counts, forward=forward)],
        )

    def notes(self, job: DirectionJob, dataset: Dataset) -> Sequence[str]:
        """What limits forecasts of the direction."""
        if job.label.label.target != "direction":
            return super().notes(job, dataset)
        rises = "The share of rises is known only afterwards; compare accuracy with it, not with one half."
        return [*super().notes(job, dataset), rises]


def _trade(job: DirectionJob, forecasts: Forecasts, study: Study) -> Backtest | None:
    """None where the model says one number in every fold."""
    # One number for all rows would only say on which side of a threshold it lies.
    idle = constant_folds(forecasts)
    if set(idle) == set(forecasts.table["fold"]):
        return None
    return run_backtest(
        forecasts,
        study.source,
        rule=job.backtest.positions.rule,
        cost_bps=job.backtest.cost_bps,
        delay_bars=job.label.label.delay_bars,
        delisting=job.label.label.delisting,
        bars_per_year=job.backtest.bars_per_year,
        idle_folds=idle,
    )


def _section(
    job: DirectionJob, backtest: Backtest | None, forecasts: Forecasts, *, counts: RowCounts, forward: bool
) -> TradingSection:
    notes, name = _row_notes(counts, job.label.label), model_in_sentence(forecasts.models[0])
    if not job.label.label.high_is_buy:
        return TradingSection(rule=_NO_BUY, notes=notes)
    if not forward:
        return TradingSection(rule=_NOT_FORWARD, notes=notes)
    if backtest is None:
        why = f"in every fold {name} says one number for all rows, which is nothing to trade on."
        return TradingSection(rule=f"No trading is shown: {why}", notes=notes)
    rule = f"{_rule(job.backtest.positions.rule)} {_terms(job, backtest)}"
    idle = backtest.idle_folds
    if idle:
        named = f"fold {idle[0]}" if len(idle) == 1 else f"folds {', '.join(map(str, idle))}"
        why = f"there {name} says one number for all rows, which is nothing to trade on."
        notes = [f"No position in {named}: {why}", *notes]
    return TradingSection(rule=rule, notes=notes, table=backtest.table, summary=backtest.summary)


_NO_BUY = (
    "No trading is shown: the label does not say that a high forecast is a reason to buy (high_is_buy), so nobody knows"
    " what to do on one."
)


_NOT_FORWARD = (
    "No trading is shown: folds are forecast by models that trained on later rows too, as nobody could have. Such folds"
    " measure models, not strategies; use walk_forward or holdout for those."
)


def _terms(job: DirectionJob, backtest: Backtest) -> str:
    label = job.label.label
    held = "one bar" if label.horizon_bars == 1 else f"{label.horizon_bars} bars"
    later = "one bar" if backtest.delay_bars == 1 else f"{backtest.delay_bars} bars"
    benchmark = "Buy and hold owns the same symbols over the same sessions."
    if backtest.benchmark == CASH:
        benchmark = "As much is sold short as is bought, so the book is compared with cash, which earns nothing here."
    return (
        f"A forecast made at one close is traded {later} later and held for {held}; every amount traded costs"
        f" {job.backtest.cost_bps:g} basis points. {benchmark}"
    )


def _row_notes(counts: RowCounts, label: HorizonLabel) -> list[str]:
    """What became of rows whose outcome is not simply one close divided by another."""
    if not (counts.left or counts.paused or counts.untradable):
        return [f"All {counts.rows:,} rows could be traded and had a price when their horizon ended."]
    price = "the last price"
    if label.delisting_return:
        price += f" and a return of {percent(label.delisting_return, signed=True)} after {label.stale_bars} bars"
    notes = [
        f"Of {counts.rows:,} rows {counts.untradable:,} could not be traded when their time came, for want of a price"
        " or of volume: they are forecast, but have no label and are not held."
    ]
    if counts.left or counts.paused:
        notes.append(
            f"The symbols of {counts.left:,} rows had left when their horizon ended, and those of {counts.paused:,} had"
            f" no price just then: these rows are forecast, held, and count at {price}."
        )
    return notes


def _rule(rule: LongFlat | LongShort | TopBottom) -> str:
    if isinstance(rule, LongFlat):
        return f"A symbol is held while its forecast is above {rule.threshold:g}, otherwise the money stays in cash."
    if isinstance(rule, LongShort):
        return f"A symbol is bought on a forecast above {rule.threshold:g} and sold short below."
    return (
        f"The {percent(rule.share)} of symbols with the highest forecasts are bought, those with the lowest sold short."
    )
