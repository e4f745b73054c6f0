"""What a default-risk job decides on its forecasts: cut-off and profit, groups of applicants, segments of the book."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_column
from finnet.data.loan_book import LoanBook
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.jobs.pending import PENDING
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob, Fairness, Segments
from finnet.jobs.tasks.task import Results
from finnet.lending.cutoff import chosen_cutoff, cutoff_at_share, cutoff_table, known_loans
from finnet.lending.fairness import fairness_table
from finnet.lending.groups import GroupColumn, group_names, quartiles
from finnet.lending.profit import expected_loss, profit_table
from finnet.lending.segments import application_periods, segment_table, vintage_table
from finnet.lending.terms import LoanTerms, loan_values
from finnet.reporting.sections.cutoffs import CutoffSection, cutoff_row
from finnet.reporting.sections.fairness import FairnessSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.sections.segments import SegmentsSection
from finnet.reporting.text import count, money, percent
from finnet.seeds import derive_seed

__all__ = ["LoanDecisions", "annotated", "decide_on_loans", "require_decidable"]

_OF_FORECASTS = ("forecast", "gap", "gap_low", "gap_high", "auc", "auc_low", "auc_high")
_MOST_LEVELS = 12  # of a column of segments; more would make groups too small to judge


@dataclass(frozen=True, eq=False, kw_only=True)
class LoanDecisions:
    """What a job decides: cut-offs (n_cutoffs, n_columns) as `cutoff_table` gives them, sections, record and policy."""

    cutoffs: pd.DataFrame
    sections: Sequence[ReportSection]
    record: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)


def require_decidable(job: DefaultRiskJob, book: LoanBook) -> None:
    """Raise, before anything trains, where the book lacks what the decisions will need.

    Raises
    ------
    ConfigError
        Where a key names a column that the loans do not have, or one of the wrong kind.
    DataError
        Where a loan's amount, margin or the like is missing or impossible.
    """
    if job.lending is not None:
        for key, name in job.lending.columns_by_key.items():
            require_column(name, book.columns, key=f"lending.{key}")
            numbers = [other for other in book.columns if pd.api.types.is_numeric_dtype(book.columns[other].dtype)]
            if name not in numbers:
                use = ", ".join(numbers)
                raise ConfigError(f"lending.{key}: column {name!r} is a category; use a column of numbers: {use}")
        loan_values(job.lending, book.loan_id.tolist(), amount=_amount(book), columns=_columns(job.lending, book))
    if book.weight is not None and (job.fairness is not None or job.segments is not None):
        raise ConfigError(
            "fairness and segments count loans one by one, which data.loans.weight forbids; leave them or it out"
        )
    if job.fairness is not None:
        _groups(job.fairness, book)
    if job.segments is not None:
        # Made only to raise what is wrong, before anything trains; the folds are not known yet.
        _segments(job.segments, book, np.ones(len(book), bool))
        if not job.segments.columns and (book.applied_at is None or not job.segments.period):
            raise ConfigError("segments divides nothing: name columns, or a period where loans have dates")


def decide_on_loans(
    job: DefaultRiskJob, book: LoanBook, results: Results, *, judged: Forecasts | None = None
) -> LoanDecisions:
    """What every cut-off would do, the one that the terms choose, and what that means for groups and segments.

    Parameters
    ----------
    results : Results
        With forecasts as they are published.
    judged : Forecasts, optional
        The forecasts of the deployed model as it made them, where those of `results` are moved to a stated rate: then
        outcomes judge these, and no realized figure stands beside a cut-off.
    """
    is_moved = judged is not None
    own, clients = results.own, _by_loan(book, book.group)
    amount, columns = _amount(book), None if job.lending is None else _columns(job.lending, book)
    # Amounts and margins are looked up by loan: forecasts may hold a loan several times, or not at all.
    cutoffs = cutoff_table(own, job.lending, amount=amount, columns=columns)
    known = known_loans(own)
    base_rate = float(np.average(known["truth"], weights=known["count"]))
    seed = derive_seed(job.seed, "lending")
    chosen, record, policy = None, dict[str, Any](), {}
    # Outcomes that are not those of the stated rate would make every cut-off look wrong.
    shown = cutoffs.drop(columns=["bad_rate", "realized_profit"], errors="ignore") if is_moved else cutoffs
    if job.lending is None:
        terms_words = _NO_TERMS + is_moved * f" {_NOT_REALIZED}" + _undecided(results.pending)
        section = CutoffSection(cutoffs=shown, terms=terms_words, base_rate=base_rate)
    else:
        terms, chosen = job.lending, chosen_cutoff(cutoffs, own, job.lending)
        profits = None
        record = {"lending": cutoff_row(shown, chosen).to_dict()}
        if not is_moved:
            subject = results.assessment.subject
            profits = profit_table(
                results.forecasts, terms, subject=subject, amount=amount, columns=columns, clients=clients, seed=seed
            )
            record["lending"] |= {f"realized_profit_{end}": float(profits[end].iloc[0]) for end in ("low", "high")}
        section = CutoffSection(
            cutoffs=shown,
            chosen=chosen,
            terms=_terms(terms, chosen, results.pending, is_moved=is_moved),
            base_rate=base_rate,
            profits=profits,
            target=terms.target_bad_rate,
            notes=_losses(own, terms, chosen, amount=amount, columns=columns, is_moved=is_moved),
        )
        policy = {"cutoff": chosen}
    sections: list[ReportSection] = [section]
    if job.segments is not None:
        sections.append(_segments_section(job.segments, book, judged or own, scores=results.assessment.scores))
    if job.fairness is not None:
        sections.append(_fairness_section(job, book, own, judged=judged, chosen=chosen, seed=seed))
    return LoanDecisions(cutoffs=cutoffs, sections=sections, record=record, policy=policy)


def annotated(job: DefaultRiskJob, cutoff: float | None, *, X: pd.DataFrame, forecasts: Forecasts) -> dict[str, Any]:
    """`decision` of each forecast, and `expected_loss` where the features hold what it needs; nothing without terms.

    Both are lists of texts, one for each row of X (n_rows, n_features), whose forecasts are in the same order.
    """
    if cutoff is None or job.lending is None:
        return {}
    value = forecasts.table["value"].to_numpy()
    columns: dict[str, Any] = {"decision": np.where(value <= cutoff, "approve", "refuse").tolist()}
    loans, amount = forecasts.table["entity"].tolist(), getattr(job.data.source, "amount", "")
    needed = [name for name in (amount, job.lending.loss_given_default_column) if name]
    if amount and all(name in X for name in needed):
        known = X.set_axis(pd.Index(loans))
        given = job.lending.loss_given_default_column
        # As in `loan_values`: the column may hold percents.
        unit = 0.01 if job.lending.in_percent else 1.0
        lost = known[given] * unit if given else job.lending.loss_given_default
        loss = value * (known[amount] * lost).to_numpy(float)
        columns["expected_loss"] = ["" if np.isnan(each) else f"{each:.2f}" for each in loss]
    return columns


_NO_TERMS = (
    "What a higher cut-off gains in loans and costs in defaults. No cut-off is chosen: that takes what a loan earns and"
    " what a default costs, which the job file can state in [lending]."
)

_NOT_REALIZED = (
    "Forecasts are moved to a stated rate, which these loans need not have: what they realized is no test of a cut-off"
    " and is left out."
)


def _by_loan(book: LoanBook, values: Any) -> "pd.Series[Any] | None":
    return None if values is None else pd.Series(values, index=pd.Index(book.loan_id))


def _amount(book: LoanBook) -> "pd.Series[float] | None":
    return _by_loan(book, book.amount)


def _columns(terms: LoanTerms, book: LoanBook) -> pd.DataFrame:
    return pd.DataFrame({name: book.column(name) for name in terms.columns}, index=pd.Index(book.loan_id))


def _terms(terms: LoanTerms, cutoff: float, pending: Forecasts | None, *, is_moved: bool) -> str:
    earned = f"its {terms.margin_column}" if terms.margin_column else percent(terms.margin)
    if terms.funding_cost:
        earned += f" less {percent(terms.funding_cost)}"
    lost = terms.loss_given_default_column
    per_year = f" a year for the months in {terms.term_column}" if terms.term_column else ""
    words = (
        f"A loan that is repaid earns {earned} of its amount{per_year}, one that defaults loses"
        f" {f'the share in {lost}' if lost else percent(terms.loss_given_default)}."
    )
    costs = [count(terms.cost_per_loan)] * bool(terms.cost_per_loan) + [terms.cost_column] * bool(terms.cost_column)
    if costs:
        words += f" Each approved loan costs {' and '.join(costs)}."
    if terms.target_bad_rate is None:
        words += " The cut-off is the one with the largest expected profit"
        if not is_moved:
            words += ": forecasts choose it, outcomes do not, so its realized profit is out of sample"
    else:
        words += (
            f" The cut-off is the highest at which at most {percent(terms.target_bad_rate)} of the approved are"
            " forecast to default"
        )
        if not is_moved:
            words += ": forecasts choose it, outcomes judge it"
        if cutoff == 0.0:
            words += ". No loan is forecast to be that safe, so none is approved"
    words += f". {_NOT_REALIZED}" if is_moved else "."
    return words + _undecided(pending, cutoff)


def _undecided(pending: Forecasts | None, cutoff: float | None = None) -> str:
    """How many loans wait for their outcome, and what is forecast of them."""
    if pending is None:
        return ""
    value = pending.table["value"]
    above = "" if cutoff is None else f", {count(int((value > cutoff).sum()))} above the cut-off"
    return (
        f" {count(len(value))} more loans, whose outcome is not known yet, neither trained nor tested; {PENDING} has"
        f" their forecasts: {percent(value.mean())} on average{above}."
    )


def _losses(
    own: Forecasts,
    terms: LoanTerms,
    cutoff: float,
    *,
    amount: "pd.Series[float] | None",
    columns: pd.DataFrame | None,
    is_moved: bool,
) -> list[str]:
    """Expected beside realized loss of the approved, alone where forecasts are moved; nothing without amounts."""
    if amount is None:
        return []
    table = own.table
    lost = loan_values(terms, table["entity"], amount=amount, columns=columns)["lost"].to_numpy()
    # Repeated folds forecast a loan several times: each of its rows counts for its share of the loan.
    share = 1.0 / table.groupby("entity")["entity"].transform("size").to_numpy(float)
    share = share if own.weight is None else share * own.weight
    # A forecast at the cut-off is approved, as `annotated` decides on new loans.
    approved = (table["value"] <= cutoff).to_numpy()
    expected = expected_loss(own, terms, amount=amount, columns=columns).to_numpy()
    sums = [float((share * loss)[approved].sum()) for loss in (expected, table["truth"].to_numpy() * lost)]
    expectation = "Expected loss of the approved loans (probability x amount x loss given default)"
    if is_moved:
        return [f"{expectation} at the stated rate: {money(sums[0], sums[0])}."]
    words = [money(value, max(sums)) for value in sums]
    return [f"{expectation}: {words[0]}; lost in fact, by the same loss given default: {words[1]}."]


def _groups(fairness: Fairness, book: LoanBook) -> pd.DataFrame:
    return pd.DataFrame({own.column: _group_names(own, book, key="fairness.groups") for own in fairness.columns})


def _group_names(
    own: GroupColumn, book: LoanBook, *, key: str, limits: Sequence[float] = (), most_levels: int | None = None
) -> "pd.Series[Any]":
    """The group of each loan, by loan; ConfigError naming the key where the column cannot be divided so."""
    require_column(own.column, book.columns, key=key)
    try:
        return group_names(book.column(own.column), own.limits or limits, most_levels=most_levels)
    except DataError as error:
        raise ConfigError(f"{key}: {error}") from error


def _fairness_section(
    job: DefaultRiskJob, book: LoanBook, own: Forecasts, *, judged: Forecasts | None, chosen: float | None, seed: int
) -> FairnessSection:
    """Groups by decisions on the forecasts `own`; outcomes judge those of `judged`, where `own` are moved."""
    fairness = job.fairness
    assert fairness is not None
    cutoff, origin = chosen, "the cut-off of [lending]"
    if cutoff is None:
        assert fairness.approved_share is not None
        cutoff = cutoff_at_share(own, fairness.approved_share)
        origin = f"which approves the {percent(fairness.approved_share)} with the lowest forecasts"
    clients = _by_loan(book, book.group)
    groups = _groups(fairness, book)
    table = fairness_table(own, groups, cutoff=cutoff, clients=clients, seed=seed)
    if judged is not None:
        # Few draws, as they are of the decisions, which are not taken from this table.
        as_made = fairness_table(judged, groups, cutoff=cutoff, clients=clients, draws=2, seed=seed)
        table = table.assign(**{name: as_made[name] for name in _OF_FORECASTS})
    return FairnessSection(fairness=table, cutoff=cutoff, origin=origin, features=list(fairness.keep_as_feature))


def _segments(segments: Segments, book: LoanBook, trained: Any) -> pd.DataFrame:
    """The segment of each loan by each column; numbers are divided by the loans of `trained` alone."""
    parts = {}
    for own in segments.groups:
        require_column(own.column, book.columns, key="segments.columns")
        values = book.column(own.column)
        # Of few or equal training values there are no quartiles.
        limits = quartiles(values[trained]) or quartiles(values)
        parts[own.column] = _group_names(own, book, key="segments.columns", limits=limits, most_levels=_MOST_LEVELS)
    return pd.DataFrame(parts, index=pd.Index(book.loan_id))


def _segments_section(segments: Segments, book: LoanBook, own: Forecasts, *, scores: pd.DataFrame) -> SegmentsSection:
    tested = np.isin(book.loan_id.astype(str), own.table["entity"].unique().astype(str))
    # Limits between groups come from loans that tested nothing, or from all where every loan was tested.
    divided = _segments(segments, book, np.ones(len(book), bool) if tested.all() else ~tested)
    period, vintages = segments.period if own.is_dated else "", None
    if period:
        divided[period] = application_periods(own, period).reindex(divided.index)
        vintages = vintage_table(own, period)
    table = segment_table(own, divided, clients=_by_loan(book, book.group), scores=scores)
    return SegmentsSection(segments=table, vintages=vintages, period=period or "quarter")
