"""What a default-risk job decides on its forecasts: cut-off and profit, groups of applicants, segments of the book."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_column
from finnet.data.loan_book import LoanBook
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob, Fairness, MadeLoanBook, Segments
from finnet.jobs.tasks.lending_words import (
    beside_in_words,
    losses_in_words,
    terms_in_words,
    waiting_in_words,
    without_terms,
)
from finnet.jobs.tasks.task import Results
from finnet.lending.by_loan import cutoffs_in_use, own_cutoffs_of_new
from finnet.lending.cutoff import cutoff_at_share, cutoff_table, known_loans, outcome_of
from finnet.lending.fairness import fairness_table
from finnet.lending.groups import GroupColumn, group_names, quartiles
from finnet.lending.profit import profit_table
from finnet.lending.segments import application_periods, segment_table, vintage_table
from finnet.lending.terms import LoanTerms, loan_values
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.fairness import FairnessSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.sections.segments import SegmentsSection
from finnet.reporting.text import percent
from finnet.seeds import derive_seed
from finnet.types import FloatArray

__all__ = ["LoanDecisions", "annotated", "decide_on_loans", "decided_by_aside", "require_decidable"]

_REALIZED = ("bad_rate", "realized_profit")
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
        if job.lending.by_loan:
            for key, name in _needed_by_key(job).items():
                # Amounts are kept where their column is dropped, but new files are not read for it.
                require_column(name, book.columns, key=f"lending.by_loan needs {key}")
            _pending_cutoffs(job, book, None)
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
    is_moved = judged is not None
    own, clients = results.own, _by_loan(book, book.group)
    # Amounts and margins are looked up by loan: forecasts may hold a loan several times, or not at all.
    columns = None if job.lending is None else _columns(job.lending, book)
    known: dict[str, Any] = {"amount": _amount(book), "columns": columns}
    table = cutoff_table(own, job.lending, **known)
    loans = known_loans(own)
    # Outcomes that are not those of the stated rate would make every cut-off look wrong.
    shown = table.drop(columns=list(_REALIZED), errors="ignore") if is_moved else table
    section = CutoffSection(
        cutoffs=shown,
        terms=without_terms(results.pending, is_moved=is_moved),
        base_rate=float(np.average(loans["truth"], weights=loans["count"])),
    )
    seed = derive_seed(job.seed, "lending")
    in_use: float | FloatArray | None = None
    record: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    if job.lending is not None:
        in_use = cutoffs_in_use(own, job.lending, **known)
        outcome = outcome_of(own, job.lending, loans["value"].to_numpy() <= in_use, **known)
        profits, interval = None, dict[str, float]()
        if is_moved:
            outcome = {name: value for name, value in outcome.items() if name not in _REALIZED}
        else:
            subject = results.assessment.subject
            profits = profit_table(results.forecasts, job.lending, subject=subject, **known, clients=clients, seed=seed)
            interval = {f"realized_profit_{end}": float(profits[end].iloc[0]) for end in ("low", "high")}
        section = _with_terms(
            section, job, book, results=results, in_use=in_use, outcome=outcome, profits=profits, is_moved=is_moved
        )
        record = {"lending": {"cutoff": section.chosen, **outcome, **interval}}
        policy = {"by_loan": True} if job.lending.by_loan else {"cutoff": section.chosen}
    sections: list[ReportSection] = [section]
    if job.segments is not None:
        sections.append(_segments_section(job.segments, book, judged or own, scores=results.assessment.scores))
    if job.fairness is not None:
        sections.append(_fairness_section(job, book, own, judged=judged, in_use=in_use, seed=seed))
    return LoanDecisions(cutoffs=table, sections=sections, record=record, policy=policy)


def _with_terms(
    section: CutoffSection,
    job: DefaultRiskJob,
    book: LoanBook,
    *,
    results: Results,
    in_use: float | FloatArray,
    outcome: Mapping[str, Any],
    profits: pd.DataFrame | None,
    is_moved: bool,
) -> CutoffSection:
    """The section with what the terms of lending choose, and what that does and brings."""
    assert job.lending is not None
    own, columns = results.own, _columns(job.lending, book)
    unit = "in loans of one unit" if book.amount is None else f"in the unit of {_amount_column(job)}"
    chosen = None if isinstance(in_use, np.ndarray) else in_use
    known: dict[str, Any] = {"amount": _amount(book), "columns": columns, "is_moved": is_moved}
    return replace(
        section,
        chosen=chosen,
        loan_by_loan=pd.DataFrame([outcome]) if chosen is None else None,
        terms=terms_in_words(job.lending, in_use, unit=unit, is_moved=is_moved)
        + waiting_in_words(results.pending, _pending_cutoffs(job, book, chosen)),
        profits=profits,
        target=job.lending.target_bad_rate,
        unit=unit,
        notes=[
            *losses_in_words(own, job.lending, in_use, unit=unit, **known),
            *beside_in_words(own, job.lending, **known, clients=_by_loan(book, book.group)),
        ],
    )


def annotated(
    job: DefaultRiskJob,
    cutoff: float | None,
    *,
    X: pd.DataFrame,
    forecasts: Forecasts,
    aside: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """`decision` of each forecast, and `expected_loss` where the features hold what it needs; nothing without terms.

    Where the terms decide loan by loan, `cutoff` is None and `break_even` holds the probability below which each loan
    is approved; a loan that lacks what the terms need is not decided on, and has neither. All are lists of texts, one
    for each row of X (n_rows, n_features), whose forecasts are in the same order; `aside` (n_rows, n_columns) holds
    what the terms name besides. An amount that is missing or not above 0, or a loss given default outside 0 to 1, gives
    no expected loss: "".
    """
    if job.lending is None or (cutoff is None and not job.lending.by_loan):
        return {}
    value = forecasts.table["value"].to_numpy()
    loans, amount = forecasts.table["entity"].tolist(), getattr(job.data.source, "amount", "")
    columns: dict[str, Any]
    if job.lending.by_loan:
        rows = _beside(X, aside).set_axis(pd.Index(loans))
        own = own_cutoffs_of_new(job.lending, rows, amount=_amount_column(job))
        decision = np.where(np.isnan(own), "", np.where(value <= own, "approve", "refuse"))
        texts = ["" if np.isnan(each) else f"{min(max(each, 0.0), 1.0):.6g}" for each in own]
        columns = {"decision": decision.tolist(), "break_even": texts}
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
        columns["expected_loss"] = ["" if np.isnan(each) else f"{each:.2f}" for each in loss]
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


def _pending_cutoffs(job: DefaultRiskJob, book: LoanBook, chosen: float | None) -> float | FloatArray:
    """Where loans that wait for their outcome are approved: at the cut-off in use, or each at its own, NaN for none."""
    if chosen is not None or book.pending is None:
        return np.nan if chosen is None else chosen
    assert job.lending is not None
    waits = _beside(book.pending.features, book.pending.aside).set_axis(pd.Index(book.pending.loan_id))
    return own_cutoffs_of_new(job.lending, waits, amount=_amount_column(job))


def _columns(terms: LoanTerms, book: LoanBook) -> pd.DataFrame:
    return pd.DataFrame({name: book.column(name) for name in terms.columns}, index=pd.Index(book.loan_id))


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
    job: DefaultRiskJob,
    book: LoanBook,
    own: Forecasts,
    *,
    judged: Forecasts | None,
    in_use: float | FloatArray | None,
    seed: int,
) -> FairnessSection:
    """Groups by decisions on the forecasts `own`; outcomes judge those of `judged`, where `own` are moved."""
    fairness = job.fairness
    assert fairness is not None
    cutoff, origin = in_use, "the cut-off of [lending]"
    if cutoff is None:
        assert fairness.approved_share is not None
        cutoff = cutoff_at_share(own, fairness.approved_share)
        origin = f"which approves the {percent(fairness.approved_share)} with the lowest forecasts"
    elif job.lending is not None and job.lending.by_loan:
        origin = "their own expected profit is above 0, as [lending] by_loan asks"
    clients = _by_loan(book, book.group)
    groups = _groups(fairness, book)
    table = fairness_table(own, groups, cutoff=cutoff, clients=clients, seed=seed)
    if judged is not None:
        # Few draws, as they are of the decisions, which are not taken from this table.
        as_made = fairness_table(judged, groups, cutoff=cutoff, clients=clients, draws=2, seed=seed)
        table = table.assign(**{name: as_made[name] for name in _OF_FORECASTS})
    one = None if isinstance(cutoff, np.ndarray) else float(cutoff)
    return FairnessSection(fairness=table, cutoff=one, origin=origin, features=list(fairness.keep_as_feature))


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
    clients = _by_loan(book, book.group)
    period, vintages = segments.period if own.is_dated else "", None
    if period:
        divided[period] = application_periods(own, period).reindex(divided.index)
        vintages = vintage_table(own, period, clients=clients)
    table = segment_table(own, divided, clients=clients, scores=scores)
    by_client = clients is not None and clients.nunique() < len(clients)
    return SegmentsSection(segments=table, vintages=vintages, period=period or "quarter", by_client=by_client)
