"""What a default-risk job decides on its forecasts: cut-off and profit, groups of applicants, segments of the book."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from finnet.data.loan_book import LoanBook
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob, Fairness, MadeLoanBook, Segments
from finnet.jobs.tasks.lending_words import (
    TermsOfBook,
    approved_at_a_loss,
    beside_in_words,
    losses_in_words,
    terms_in_words,
    waiting_in_words,
    without_terms,
)
from finnet.jobs.tasks.task import Results
from finnet.lending.by_loan import cutoffs_in_use, own_cutoffs_of_new
from finnet.lending.cutoff import chosen_cutoff, cutoff_at_share, cutoff_table, known_loans, outcome_of
from finnet.lending.fairness import fairness_table
from finnet.lending.groups import GroupColumn, group_names, joined, quartiles
from finnet.lending.profit import profit_table
from finnet.lending.segments import application_periods, segment_table, vintage_table
from finnet.lending.sensitivity import sensitivity_table
from finnet.lending.terms import LoanTerms, loan_values
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.fairness import FairnessSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.sections.segments import SegmentsSection
from finnet.seeds import derive_seed
from finnet.types import FloatArray, IntArray

__all__ = [
    "LoanDecisions",
    "annotated",
    "decide_on_loans",
    "decided_by_aside",
    "fairness_groups",
    "require_decidable",
]

_REALIZED = ("bad_rate", "realized_profit")
_OF_OUTCOMES = ("bad_rate", "bad_rate_low", "bad_rate_high")
_OF_DECISIONS = ("column", "group", "approval_rate", "ratio", "p_holm")
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
            job.require_column(name, book.columns, key=f"lending.{key}")
            numbers = [other for other in book.columns if pd.api.types.is_numeric_dtype(book.columns[other].dtype)]
            if name not in numbers:
                use = ", ".join(numbers)
                raise ConfigError(f"lending.{key}: column {name!r} is a category; use a column of numbers: {use}")
        _require_values(job, book)
        if job.lending.by_loan:
            for key, name in _needed_by_key(job).items():
                # Amounts are kept where their column is dropped, but new files are not read for it.
                job.require_column(name, book.columns, key=f"lending.by_loan needs {key}")
            _pending_cutoffs(job, book, np.empty(0))
    if book.weight is not None and (job.fairness is not None or job.segments is not None):
        raise ConfigError(
            "fairness and segments count loans one by one, which data.loans.weight forbids; leave them or it out"
        )
    if job.fairness is not None:
        for own in job.fairness.columns:
            job.require_column(own.column, book.columns, key="fairness.groups")
        fairness_groups(job.fairness, book)
    if job.segments is not None:
        for own in job.segments.groups:
            job.require_column(own.column, book.columns, key="segments.columns")
        # Made only to raise what is wrong, before anything trains; the folds are not known yet.
        _segments(job.segments, book, np.ones(len(book), bool))
        if not job.segments.columns and (book.applied_at is None or not job.segments.period):
            raise ConfigError("segments divides nothing: name columns, or a period where loans have dates")


def _require_values(job: DefaultRiskJob, book: LoanBook) -> None:
    """Raise DataError, naming the loan with its file and line, where a loan cannot be valued by the terms."""
    assert job.lending is not None
    amount, columns = _amount(book), _columns(job.lending, book)
    loans = _places(book.loan_id, book.line, getattr(job.source, "path", ""))
    amount, columns = None if amount is None else amount.set_axis(loans), columns.set_axis(loans)
    loan_values(job.lending, loans.tolist(), amount=amount, columns=columns)


def _places(loan_id: Iterable[str], line: IntArray | None, file: str) -> "pd.Index[str]":
    """Loans as errors name them: each with its file and line where it was read from one."""
    if line is None:
        return pd.Index(loan_id)
    return pd.Index([f"{loan} ({file}, line {number})" for loan, number in zip(loan_id, line, strict=True)])


def decided_by_aside(job: DefaultRiskJob) -> tuple[str, ...]:
    """Columns set aside by which new loans are decided one by one, as their terms name them; none where a line decides.

    They must be read from new files, which other columns set aside are not.
    """
    source = job.source
    if isinstance(source, MadeLoanBook):
        return ()
    return tuple(name for name in source.aside if name in _needed_by_key(job).values())


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
    own, terms = results.own, _terms_of(job, book, is_moved=judged is not None)
    table = cutoff_table(own, job.lending, **({} if terms is None else terms.loans))
    loans = known_loans(own)
    section = CutoffSection(
        # Outcomes that are not those of the stated rate would make every cut-off look wrong.
        cutoffs=table if judged is None else table.drop(columns=list(_REALIZED), errors="ignore"),
        terms=without_terms(results.pending, is_moved=judged is not None),
        base_rate=float(np.average(loans["truth"], weights=loans["count"])),
    )
    seed = derive_seed(job.seed, "lending")
    in_use: float | FloatArray | None = None
    record: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    if terms is not None:
        in_use = cutoffs_in_use(own, terms.terms, **terms.loans)
        waiting = waiting_in_words(results.pending, _pending_cutoffs(job, book, in_use))
        section, brought = _with_terms(section, results, terms, in_use=in_use, waiting=waiting, seed=seed)
        record = {"lending": brought}
        policy = {"by_loan": True} if terms.terms.by_loan else {"cutoff": in_use}
    sections: list[ReportSection] = [section]
    if job.segments is not None:
        sections.append(_segments_section(job.segments, book, judged or own, scores=results.assessment.scores))
    if job.fairness is not None:
        sections.append(_fairness_section(job, book, own, judged=judged, in_use=in_use, terms=terms, seed=seed))
    return LoanDecisions(cutoffs=table, sections=sections, record=record, policy=policy)


def _terms_of(job: DefaultRiskJob, book: LoanBook, *, is_moved: bool) -> TermsOfBook | None:
    """The terms of lending with the loans they are for, by loan: forecasts may hold a loan several times, or never."""
    if job.lending is None:
        return None
    return TermsOfBook(
        terms=job.lending,
        amount=_amount(book),
        columns=_columns(job.lending, book),
        clients=_by_loan(book, book.group),
        unit="in loans of one unit" if book.amount is None else f"in the unit of {_amount_column(job)}",
        is_moved=is_moved,
    )


def _with_terms(
    section: CutoffSection,
    results: Results,
    terms: TermsOfBook,
    *,
    in_use: float | FloatArray,
    waiting: str,
    seed: int,
) -> tuple[CutoffSection, dict[str, Any]]:
    """The section with what the terms of lending choose, and what that does and brings; and the record of these."""
    own, subject = results.own, results.assessment.subject
    outcome = outcome_of(own, terms.terms, known_loans(own)["value"].to_numpy() <= in_use, **terms.loans)
    profits, interval = None, dict[str, float]()
    if terms.is_moved:
        outcome = {name: value for name, value in outcome.items() if name not in _REALIZED}
    else:
        profits = profit_table(
            results.forecasts, terms.terms, subject=subject, **terms.loans, clients=terms.clients, seed=seed
        )
        interval = {f"realized_profit_{end}": float(profits[end].iloc[0]) for end in ("low", "high")}
    chosen = None if isinstance(in_use, np.ndarray) else in_use
    section = replace(
        section,
        chosen=chosen,
        loan_by_loan=pd.DataFrame([outcome]) if chosen is None else None,
        terms=f"{terms_in_words(terms, in_use)}{waiting}",
        profits=profits,
        sensitivity=sensitivity_table(own, terms.terms, in_use, **terms.loans),
        target=terms.terms.target_bad_rate,
        unit=terms.unit,
        notes=[*losses_in_words(own, terms, in_use), *beside_in_words(own, terms)],
        at_a_loss=approved_at_a_loss(own, terms, in_use),
    )
    at_a_loss = {} if chosen is None else {"approved_at_a_loss": section.at_a_loss}
    return section, {"cutoff": chosen, **outcome, **interval, **at_a_loss}


def annotated(
    job: DefaultRiskJob,
    cutoff: float | None,
    *,
    X: pd.DataFrame,
    forecasts: Forecasts,
    aside: pd.DataFrame | None = None,
) -> dict[str, Sequence[str | float]]:
    """`decision` of each forecast, and `expected_loss` where the features hold what it needs; nothing without terms.

    Where the terms decide loan by loan, `cutoff` is None and `break_even` holds the probability below which each loan
    is approved, 0 where it never is; a loan that lacks what the terms need is not decided on, and has neither: "" and
    NaN. Each has a text or a number for each row of X (n_rows, n_features), whose forecasts are in the same order;
    `aside` (n_rows, n_columns) holds what the terms name besides. An amount that is missing or not above 0, or a loss
    given default outside 0 to 1, gives no expected loss: NaN.
    """
    if job.lending is None or (cutoff is None and not job.lending.by_loan):
        return {}
    value = forecasts.table["value"].to_numpy()
    loans, amount = forecasts.table["entity"].tolist(), getattr(job.data.source, "amount", "")
    columns: dict[str, Sequence[str | float]]
    if job.lending.by_loan:
        rows = _beside(X, aside).set_axis(pd.Index(loans))
        own = own_cutoffs_of_new(job.lending, rows, amount=_amount_column(job))
        decision = np.where(np.isnan(own), "", np.where(value <= own, "approve", "refuse"))
        # Written with six digits; NaN where a loan lacks what the terms need.
        columns = {"decision": decision.tolist(), "break_even": [float(f"{each:.6g}") for each in np.clip(own, 0, 1)]}
    else:
        columns = {"decision": np.where(value <= cutoff, "approve", "refuse").tolist()}
    needed = [name for name in (amount, job.lending.loss_given_default_column) if name]
    if amount and all(name in X for name in needed):
        given = job.lending.loss_given_default_column
        # As in `loan_values`: the column may hold percents.
        unit = 0.01 if job.lending.in_percent else 1.0
        lent = X[amount].to_numpy(float)
        lost = X[given].to_numpy(float) * unit if given else np.full(len(X), job.lending.loss_given_default)
        # What `loan_values` refuses in training stands in new files too.
        loss = np.where((lent > 0) & (lost >= 0) & (lost <= 1), value * (lent * lost), np.nan)
        columns["expected_loss"] = loss.round(2).tolist()
    return columns


def _by_loan(book: LoanBook, values: Any) -> "pd.Series[Any] | None":
    return None if values is None else pd.Series(values, index=pd.Index(book.loan_id))


def _amount(book: LoanBook) -> "pd.Series[float] | None":
    return _by_loan(book, book.amount)


def _amount_column(job: DefaultRiskJob) -> str:
    """Column of the lent amount, "" where the job names none; a made book has one."""
    source = job.data.source
    return "amount" if isinstance(source, MadeLoanBook) else source.amount


def _needed_by_key(job: DefaultRiskJob) -> dict[str, str]:
    """The columns that deciding loan by loan needs of new loans, by what names them; none where a line decides."""
    if job.lending is None or not job.lending.by_loan:
        return {}
    amount = _amount_column(job)
    return {**job.lending.columns_by_key, **({"amount": amount} if amount else {})}


def _beside(X: pd.DataFrame, aside: pd.DataFrame | None) -> pd.DataFrame:
    """Features and columns set aside in one table; the rows are the same."""
    if aside is None:
        return X
    return pd.concat([X.reset_index(drop=True), aside.reset_index(drop=True)], axis=1)


def _pending_cutoffs(job: DefaultRiskJob, book: LoanBook, in_use: float | FloatArray) -> float | FloatArray:
    """Where loans that wait for their outcome are approved: at the cut-off in use, or each at its own, NaN for none."""
    if not isinstance(in_use, np.ndarray) or book.pending is None:
        return in_use
    assert job.lending is not None
    places = _places(book.pending.loan_id, book.pending.line, getattr(job.source, "path", ""))
    waits = _beside(book.pending.features, book.pending.aside).set_axis(places)
    return own_cutoffs_of_new(job.lending, waits, amount=_amount_column(job))


def _columns(terms: LoanTerms, book: LoanBook) -> pd.DataFrame:
    return pd.DataFrame({name: book.column(name) for name in terms.columns}, index=pd.Index(book.loan_id))


def fairness_groups(fairness: Fairness, book: LoanBook) -> pd.DataFrame:
    """The group of each loan, levels joined, by each column that the job names; shape (n_loans, n_columns)."""
    return pd.DataFrame({own.column: _group_names(own, book, key="fairness.groups") for own in fairness.columns})


def _group_names(
    own: GroupColumn, book: LoanBook, *, key: str, limits: Sequence[float] = (), most_levels: int | None = None
) -> "pd.Series[Any]":
    """The group of each loan, by loan; ConfigError naming the key where the column cannot be divided so."""
    values = book.column(own.column)
    try:
        # Here alone: segments show the levels of the file.
        values = joined(values, own.join) if own.join else values
        return group_names(values, own.limits or limits, most_levels=most_levels)
    except DataError as error:
        raise ConfigError(f"{key}: {error}") from error


def _fairness_section(
    job: DefaultRiskJob,
    book: LoanBook,
    own: Forecasts,
    *,
    judged: Forecasts | None,
    in_use: float | FloatArray | None,
    terms: TermsOfBook | None,
    seed: int,
) -> FairnessSection:
    """Groups by decisions on the forecasts `own`; outcomes judge those of `judged`, where `own` are moved."""
    fairness = job.fairness
    assert fairness is not None
    groups, clients = fairness_groups(fairness, book), _by_loan(book, book.group)
    cutoff, origin = in_use, "the cut-off of [lending]"
    other: float | FloatArray | None = None
    if cutoff is None:
        assert fairness.approved_share is not None
        cutoff = cutoff_at_share(own, fairness.approved_share)
        # All its digits: a share of 0.0001 is not 0.0 %.
        origin = f"the lowest cut-off that approves at least {100 * fairness.approved_share:.6g} % of the loans"
    elif terms is not None and (other := terms.own_cutoffs(own)) is not None and terms.terms.by_loan:
        other = chosen_cutoff(own, terms.terms, **terms.loans)
    if terms is not None and terms.terms.by_loan:
        origin = "their own expected profit is above 0, as [lending] by_loan asks"
    table = fairness_table(own, groups, cutoff=cutoff, clients=clients, seed=seed)
    # Few draws where the intervals of decisions are not taken from a table.
    few: dict[str, Any] = {"clients": clients, "draws": 2, "seed": seed}
    if judged is not None:
        as_made = fairness_table(judged, groups, cutoff=cutoff, **few)
        table = table.assign(**{name: as_made[name] for name in _OF_FORECASTS}).drop(columns=list(_OF_OUTCOMES))
    otherwise = None
    if other is not None:
        otherwise = fairness_table(own, groups, cutoff=other, **few)[list(_OF_DECISIONS)]
    return FairnessSection(
        fairness=table,
        cutoff=None if isinstance(cutoff, np.ndarray) else float(cutoff),
        origin=origin,
        features=list(fairness.keep_as_feature),
        otherwise=otherwise,
        other_cutoff=None if other is None or isinstance(other, np.ndarray) else float(other),
    )


def _segments(segments: Segments, book: LoanBook, trained: Any) -> pd.DataFrame:
    """The segment of each loan by each column; numbers are divided by the loans of `trained` alone."""
    parts = {}
    for own in segments.groups:
        values = book.column(own.column)
        # Of few or equal training values there are no quartiles.
        limits = quartiles(values[trained]) or quartiles(values)
        parts[own.column] = _group_names(own, book, key="segments.columns", limits=limits, most_levels=_MOST_LEVELS)
    return pd.DataFrame(parts, index=pd.Index(book.loan_id))


def _segments_section(segments: Segments, book: LoanBook, own: Forecasts, *, scores: pd.DataFrame) -> SegmentsSection:
    tested = np.isin(book.loan_id.astype(str), own.table["entity"].unique().astype(str))
    # Limits between groups come from loans that tested nothing, or from all where every loan was tested.
    divided = _segments(segments, book, np.ones(len(book), bool) if tested.all() else ~tested)
    clients = _by_loan(book, book.group)
    period, vintages = segments.period if own.is_dated else "", None
    if period:
        # The loans may have a column of that name.
        name = f"{period} of application" if period in divided else period
        divided[name] = application_periods(own, period).reindex(divided.index)
        vintages = vintage_table(own, period, clients=clients)
    table = segment_table(own, divided, clients=clients, scores=scores)
    by_client = clients is not None and clients.nunique() < len(clients)
    return SegmentsSection(segments=table, vintages=vintages, period=period or "quarter", by_client=by_client)
