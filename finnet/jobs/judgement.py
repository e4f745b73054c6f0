"""Judgement: what the forecasts of a job are worth, and what deciding on them would have brought."""

from dataclasses import dataclass

import pandas as pd

from finnet.backtest.engine import Backtest, constant_folds, run_backtest
from finnet.data.panel import LoanBook, Panel
from finnet.dataset import Dataset
from finnet.evaluation.calibration import calibration_errors, calibration_table
from finnet.evaluation.comparison import Comparison, compare
from finnet.evaluation.scores import Sample, compared_metrics, describe_sample, score, score_by_fold
from finnet.forecasts import Forecasts
from finnet.jobs.config import DefaultRiskJob, DirectionJob
from finnet.labels import RowCounts, count_rows
from finnet.lending.cutoff import best_cutoff, cutoff_table
from finnet.reporting.validation_report import KnownTruth
from finnet.splits import fold_table, is_forward

__all__ = ["Judgement", "LendingDecision", "judge"]

_NETWORK = "network"


@dataclass(frozen=True, eq=False)
class LendingDecision:
    """What each cut-off would do, and the one with the largest expected profit."""

    cutoffs: pd.DataFrame
    chosen: float
    known_truth: KnownTruth | None


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the forecasts of a job are worth.

    Parameters
    ----------
    sample : Sample
        What the scores rest on.
    scores : DataFrame
        Long: model, metric, value, low, high.
    fold_scores : DataFrame
        Long: fold, model, metric, value, n; of the metrics compared.
    comparisons : tuple of Comparison
        The network against every other model, by the metric that decides first.
    calibration, calibration_errors : DataFrame
        Bins of forecast and observed rates, and the expected calibration error beside its null.
    decision : Backtest, LendingDecision or None
        What deciding on the network's forecasts would have brought; None for prices where nobody could have traded on
        them: folds that trained on later rows, or a network that says one number in every fold.
    row_counts : RowCounts, optional
        Of prices: rows whose symbol left, paused or could not be traded.
    """

    sample: Sample
    scores: pd.DataFrame
    fold_scores: pd.DataFrame
    comparisons: tuple[Comparison, ...]
    calibration: pd.DataFrame
    calibration_errors: pd.DataFrame
    decision: Backtest | LendingDecision | None
    row_counts: RowCounts | None = None

    @property
    def verdict(self) -> str:
        """Plain sentences, those of the deciding metric first."""
        return self.comparisons[0].verdict


def judge(
    job: DirectionJob | DefaultRiskJob, dataset: Dataset, forecasts: Forecasts, source: Panel | LoanBook
) -> Judgement:
    """Score, compare, check the calibration and decide."""
    outcome, compared = _outcome(job, source), compared_metrics(forecasts)
    return Judgement(
        sample=describe_sample(forecasts),
        scores=score(forecasts, seed=job.seed, outcome=outcome),
        fold_scores=score_by_fold(forecasts, compared, outcome=outcome),
        comparisons=tuple(compare(forecasts, metric=metric, outcome=outcome) for metric in compared),
        calibration=calibration_table(forecasts),
        calibration_errors=calibration_errors(forecasts, seed=job.seed),
        decision=_decide(job, dataset, forecasts.of(_NETWORK), source),
        row_counts=_row_counts(job, dataset, source),
    )


def _outcome(job: DirectionJob | DefaultRiskJob, source: Panel | LoanBook) -> "pd.Series[float] | None":
    """The return behind each direction, by moment and symbol; None for loans."""
    if not (isinstance(job, DirectionJob) and isinstance(source, Panel)):
        return None
    index = pd.MultiIndex.from_product([source.closes_at, source.symbols])
    return pd.Series(job.label.label.returns(source).ravel(), index=index).dropna()


def _row_counts(job: DirectionJob | DefaultRiskJob, dataset: Dataset, source: Panel | LoanBook) -> RowCounts | None:
    if not (isinstance(job, DirectionJob) and isinstance(source, Panel)):
        return None
    return count_rows(source, dataset, job.label.label)


def _decide(
    job: DirectionJob | DefaultRiskJob, dataset: Dataset, forecasts: Forecasts, source: Panel | LoanBook
) -> Backtest | LendingDecision | None:
    if isinstance(job, DirectionJob):
        assert isinstance(source, Panel)
        return _trade(job, forecasts, source) if is_forward(fold_table(dataset, job.split.split)) else None
    assert isinstance(source, LoanBook)
    amount = None if source.amount is None else pd.Series(source.amount, index=source.loan_id)
    cutoffs = cutoff_table(forecasts, job.lending, amount=amount)
    return LendingDecision(cutoffs, best_cutoff(cutoffs), _known_truth(forecasts, source))


def _trade(job: DirectionJob, forecasts: Forecasts, panel: Panel) -> Backtest | None:
    idle = constant_folds(forecasts)
    if set(idle) == set(forecasts.table["fold"]):
        return None
    return run_backtest(
        forecasts,
        panel,
        rule=job.backtest.positions.rule,
        cost_bps=job.backtest.cost_bps,
        delay_bars=job.label.label.delay_bars,
        delisting=job.label.label.delisting,
        bars_per_year=job.backtest.bars_per_year,
        idle_folds=idle,
    )


def _known_truth(forecasts: Forecasts, book: LoanBook) -> KnownTruth | None:
    if book.true_probability is None:
        return None
    true = pd.Series(book.true_probability, index=book.loan_id)
    return KnownTruth(true.loc[forecasts.table["entity"]].to_numpy(), forecasts.table["value"].to_numpy())
