"""Pages: what a run found, put in words and handed to the report."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finnet.backtest.engine import CASH, Backtest
from finnet.backtest.positions import LongFlat, LongShort, TopBottom
from finnet.data.quality import problems_of, told
from finnet.dataset import Dataset
from finnet.estimators.baselines import CappedSVC
from finnet.evaluation.walk_forward import FitRecord, FoldResult
from finnet.features.feature_set import FeatureSet, feature_meaning
from finnet.jobs.catalog import NAIVE
from finnet.jobs.config import DefaultRiskJob, DirectionJob, IndexHistory, MadeLoanBook, MadeMarket
from finnet.jobs.judgement import Judgement, LendingDecision
from finnet.jobs.pending import Pending
from finnet.jobs.sources import Loaded
from finnet.labels import AboveMedian, Direction, RowCounts
from finnet.names import model_heading
from finnet.reporting.backtest_report import Trading, direction_page
from finnet.reporting.comparison_report import Evidence, Run
from finnet.reporting.html import render
from finnet.reporting.text import percent
from finnet.reporting.validation_report import Lending, default_risk_page
from finnet.splits import fold_table, is_forward
from finnet.targets import target_named

__all__ = ["PageParts", "page_parts", "render_page"]

_NETWORK = "network"
AnyJob = DirectionJob | DefaultRiskJob


@dataclass(frozen=True, eq=False, kw_only=True)
class PageParts:
    """What a report is rendered from: what was found, what was run, what deciding on it would have brought."""

    evidence: Evidence
    run: Run
    decision: Trading | Lending


def page_parts(
    job: AnyJob,
    loaded: Loaded,
    results: Sequence[FoldResult],
    *,
    judgement: Judgement,
    record: Mapping[str, object],
    pending: Pending | None = None,
) -> PageParts:
    """The parts of a job's report; `record` is its manifest."""
    evidence, folds = _evidence(results, judgement), _folds(job, loaded.dataset, results)
    run = _run(job, loaded, judgement.sample.base_rate, folds=folds, record=record)
    if isinstance(job, DirectionJob):
        return PageParts(evidence=evidence, run=run, decision=_trading(job, judgement, run.folds))
    assert isinstance(judgement.decision, LendingDecision)
    return PageParts(evidence=evidence, run=run, decision=_lending(job, judgement.decision, pending))


def render_page(parts: PageParts) -> str:
    """The whole report as one HTML page."""
    if isinstance(parts.decision, Trading):
        return render(direction_page(parts.evidence, parts.decision, parts.run))
    return render(default_risk_page(parts.evidence, parts.decision, parts.run))


def _evidence(results: Sequence[FoldResult], judgement: Judgement) -> Evidence:
    fits = {result.fold: result.fit for result in results if result.fit.members is not None}
    return Evidence(
        verdict=judgement.verdict,
        scores=judgement.scores,
        comparison=pd.concat([comparison.table for comparison in judgement.comparisons], ignore_index=True),
        fold_scores=judgement.fold_scores,
        calibration=judgement.calibration,
        learning=pd.DataFrame([_learning(fold, fit) for fold, fit in fits.items()]),
        networks=_by_fold({fold: fit.members for fold, fit in fits.items() if fit.members is not None}),
        histories=_by_fold({fold: _losses(fit) for fold, fit in fits.items()}),
        layers=_by_fold({fold: fit.layers for fold, fit in fits.items() if fit.layers is not None}),
        advice=_advice(fits),
        against_naive=judgement.comparisons[0].against_naive,
        calibrators=_calibrators(results),
        oddities=_oddities(results),
    )


def _calibrators(results: Sequence[FoldResult]) -> pd.DataFrame:
    network = [result for result in results if result.model == _NETWORK and result.fit.calibration is not None]
    return pd.DataFrame([{"fold": result.fold, **(result.fit.calibration or {})} for result in network])


def _oddities(results: Sequence[FoldResult]) -> list[str]:
    """Folds in which a model that learns says one number, or ordered the rows held out backwards."""
    learned = [result for result in results if result.model not in NAIVE]
    constant = _folds_of(result for result in learned if result.fit.is_constant)
    backwards = _folds_of(result for result in learned if (result.fit.calibration or {}).get("reversed"))
    alike = "{} says the same number for every case of {}: there is nothing to rank and nothing to trade on."
    turned = (
        "{}, {}: among training rows that a fit had not seen, higher forecasts came true less often than lower ones."
        " Calibration keeps their order all the same."
    )
    return [alike.format(*place) for place in constant] + [turned.format(*place) for place in backwards]


def _folds_of(results: Iterable[FoldResult]) -> list[tuple[str, str]]:
    """Heading of each model, and its folds in words."""
    folds: dict[str, list[str]] = {}
    for result in results:
        folds.setdefault(result.model, []).append(str(result.fold))
    return [
        (model_heading(model), f"{'fold' if len(own) == 1 else 'folds'} {', '.join(own)}")
        for model, own in folds.items()
    ]


def _by_fold(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([table.assign(fold=fold) for fold, table in tables.items()], ignore_index=True)


def _losses(fit: FitRecord) -> pd.DataFrame:
    """Losses of every network, epoch by epoch, beside its share in the forecast."""
    assert fit.history is not None
    assert fit.members is not None
    return fit.history.rename(columns={"train_loss": "loss"}).merge(fit.members[["member", "share"]], on="member")


def _learning(fold: int, fit: FitRecord) -> dict[str, float]:
    """How many networks were trained and chosen in a fold, and how far they agree."""
    assert fit.members is not None
    chosen = fit.members[fit.members["share"] > 0]
    return {
        "fold": fold,
        "networks": len(fit.members),
        "chosen": len(chosen),
        "largest_share": float(chosen["share"].max()),
        "best_epoch": float(chosen["best_epoch"].median()),
        "spread": np.nan if fit.spread is None else fit.spread,
    }


def _advice(fits: Mapping[int, FitRecord]) -> list[str] | None:
    """Sentences with their folds, one for all folds where only numbers differ; None where no network kept watch."""
    if all(fit.advice is None for fit in fits.values()):
        return None
    told: dict[str, dict[int, str]] = {}
    for fold, fit in fits.items():
        for sentence in fit.advice or []:
            # Fits of one fold say the same with other numbers; the first of them speaks for the fold.
            told.setdefault(re.sub(r"\d+", "0", sentence), {}).setdefault(fold, sentence.rstrip("."))
    return [_in_folds(tuple(alike), tuple(alike.values())) for alike in told.values()]


def _in_folds(folds: tuple[int, ...], sentences: tuple[str, ...]) -> str:
    if len(folds) == 1:
        return f"Fold {folds[0]}: {sentences[0]}."
    such_as = "" if len(set(sentences)) == 1 else f", such as fold {folds[0]}"
    return f"Folds {', '.join(map(str, folds))}{such_as}: {sentences[0]}."


def _folds(job: AnyJob, dataset: Dataset, results: Sequence[FoldResult]) -> pd.DataFrame:
    """Stretches of every fold, and how the network used its training rows."""
    used = [{"fold": result.fold, **(result.fit.rows or {})} for result in results if result.model == _NETWORK]
    return fold_table(dataset, job.split.split).merge(pd.DataFrame(used), on="fold")


def _run(job: AnyJob, loaded: Loaded, base_rate: float, *, folds: pd.DataFrame, record: Mapping[str, object]) -> Run:
    dataset = loaded.dataset
    known = dataset.clock("known_at") if dataset.is_dated else None
    is_market = isinstance(job, DirectionJob)
    return Run(
        title=_title(job),
        source=_source(job),
        rows=len(dataset),
        entities=len(set(dataset.entity)),
        event=target_named(dataset.target).event,
        base_rate=base_rate,
        folds=folds,
        features=_features(job, dataset),
        manifest=record,
        reproduce=f"finnet run {job.name}.toml",
        notes=[*_notes(job), *_order_notes(dataset)],
        quality=_quality(loaded.quality),
        first=None if known is None else pd.Timestamp(known[0]),
        last=None if known is None else pd.Timestamp(known[-1]),
        sessions=len(set(known)) if is_market and known is not None else None,
        in_order_of=dataset.in_order_of,
    )


def _quality(table: pd.DataFrame) -> pd.DataFrame:
    """Findings as the page shows them: columns of a file that share rule and remedy in one row.

    Files by their names alone, so that the page is the same wherever they lie.
    """
    problems = problems_of(table.assign(file=[Path(file).name for file in table["file"]]))
    lines = [(line.severity, line.rule, line.found, line.remedy) for line in told(problems)]
    return pd.DataFrame(lines, columns=["severity", "rule", "found", "remedy"], dtype=object)


def _title(job: AnyJob) -> str:
    words = job.title or job.name.replace("-", " ")
    return f"{words[0].upper()}{words[1:]}"


def _source(job: AnyJob) -> str:
    source = job.data.source
    if isinstance(source, IndexHistory):
        return "S&P 500 and NASDAQ Composite, daily"
    if isinstance(source, MadeMarket):
        return f"Made market of {source.symbols} symbols"
    if isinstance(source, MadeLoanBook):
        return "Made loan book with known default probabilities"
    return Path(source.path).name


def _features(job: AnyJob, dataset: Dataset) -> pd.DataFrame:
    if isinstance(job, DirectionJob):
        features = FeatureSet.of(job.features).features
        look_backs = {feature.name: feature.look_back for feature in features}
        meanings = [feature_meaning(name) for name in look_backs]
        return pd.DataFrame({"name": look_backs.keys(), "look_back": look_backs.values(), "meaning": meanings})
    return pd.DataFrame(
        {"name": dataset.X.columns, "meaning": [_column_meaning(dataset.X[name]) for name in dataset.X]}
    )


def _column_meaning(column: "pd.Series[Any]") -> str:
    missing = f", {percent(column.isna().mean())} missing" if column.isna().any() else ""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return f"Category with {len(column.cat.categories)} levels{missing}"
    return f"Number from {column.min():g} to {column.max():g}{missing}"


def _trading(job: DirectionJob, judgement: Judgement, folds: pd.DataFrame) -> Trading:
    backtest, counts = judgement.decision, judgement.row_counts
    assert counts is not None
    notes = _row_notes(counts, job.label.label)
    if not isinstance(backtest, Backtest):
        return Trading(rule=_why_not(forward=is_forward(folds)), notes=notes)
    rule = f"{_rule(job.backtest.positions.rule)} {_terms(job, backtest)}"
    if backtest.idle_folds:
        notes = [_idle(backtest.idle_folds), *notes]
    return Trading(rule=rule, notes=notes, table=backtest.table, summary=backtest.summary)


def _why_not(*, forward: bool) -> str:
    if forward:
        return (
            "No trading is shown: in every fold the network says one number for all rows, which is nothing to trade on."
        )
    return (
        "No trading is shown: folds are forecast by models that trained on later rows too, as nobody could have. Such"
        " folds measure models, not strategies; use walk_forward or holdout for those."
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


def _idle(folds: Sequence[int]) -> str:
    named = f"fold {folds[0]}" if len(folds) == 1 else f"folds {', '.join(map(str, folds))}"
    return f"No position in {named}: there the network says one number for all rows, which is nothing to trade on."


def _row_notes(counts: RowCounts, label: Direction | AboveMedian) -> list[str]:
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


def _lending(job: DefaultRiskJob, decision: LendingDecision, pending: Pending | None) -> Lending:
    terms = (
        f"A loan that is repaid earns {percent(job.lending.margin)} of its amount, one that defaults loses"
        f" {percent(job.lending.loss_given_default)}. The cut-off is the one with the largest expected profit:"
        " forecasts choose it, outcomes do not, so its realized profit is out of sample."
    )
    if pending is not None:
        terms += f" {pending.sentence(decision.chosen)}"
    return Lending(cutoffs=decision.cutoffs, chosen=decision.chosen, terms=terms, known_truth=decision.known_truth)


def _notes(job: AnyJob) -> list[str]:
    notes = [
        "Intervals take the models as fitted: they say how the figures would vary with other test rows, not with other"
        " training rows.",
        f"On each fold the network is {_networks(job)}; every other model but the naive ones tried"
        f" {_settings(job.tune.trials)} in the first of its {job.blocks.fits} fits and took the best in all. All models"
        " leave out the same rows; timings.json says what each model cost.",
    ]
    if "svm" in job.models:
        notes.append(
            f"Each fit of the SVM draws at most {CappedSVC().max_rows:,} rows: its cost grows with their square."
        )
    return [*notes, *(_market_notes(job) if isinstance(job, DirectionJob) else _loan_notes(job))]


def _networks(job: AnyJob) -> str:
    members = job.network.build(fits=job.blocks.fits).members
    each = "one network" if members == 1 else f"{members} networks, trained at once"
    drawn = f"{each} in each of {job.blocks.fits} fits, with settings drawn from the ranges of the job"
    if job.network.selection == "all" or members == 1:
        return f"the average of {drawn}"
    return f"an average of the best of {drawn}"


def _settings(trials: int) -> str:
    return "one setting" if trials == 1 else f"{trials} settings"


def _order_notes(dataset: Dataset) -> list[str]:
    if not dataset.in_order_of:
        return []
    return [
        f"Loans are in the order of {dataset.in_order_of}, which says who applied first, not when. Each outcome is"
        " taken to be known before the next application; if it came later, models trained here on more than they could"
        " have. Loans of one number stay on one side of every split."
    ]


def _market_notes(job: DirectionJob) -> list[str]:
    notes = ["Rows of one session share its shocks, so tests count sessions, not rows."]
    if isinstance(job.data.source, IndexHistory):
        notes.append("An index is not an order: real trades in a fund or future differ in price, cost and tax.")
        notes.append("Two indices that move together are little more evidence than one.")
    if job.label.label.target == "direction":
        notes.append("The share of rises is known only afterwards; compare accuracy with it, not with one half.")
    return notes


def _loan_notes(job: DefaultRiskJob) -> list[str]:
    notes = ["Only loans that were granted have outcomes; how refused applicants would have paid is not known."]
    if isinstance(job.data.source, MadeLoanBook):
        notes = ["The loans are made, by a rule that does not change over time; real defaults drift with the economy."]
    elif job.data.source.group:
        notes.append(
            f"Loans of one {job.data.source.group} stay on one side of every split and block. Intervals and tests count"
            " loans, not groups of them, so they are too sure where loans of one group share their luck."
        )
    return notes
