"""What a page says of decisions on loans: their terms, loans that wait, losses, and what deciding otherwise brings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.forecasts import Forecasts
from finnet.jobs.pending import PENDING
from finnet.lending.by_loan import beside_one_line, own_cutoffs
from finnet.lending.cutoff import chosen_cutoff, known_loans, outcome_of
from finnet.lending.resampling import loan_units, middle, resampled_sums
from finnet.lending.terms import LoanTerms, loan_values
from finnet.reporting.text import count, money, percent, span
from finnet.types import FloatArray

__all__ = [
    "TermsOfBook",
    "approved_at_a_loss",
    "beside_in_words",
    "losses_in_words",
    "terms_in_words",
    "waiting_in_words",
    "without_terms",
]

_NOT_REALIZED = (
    " Forecasts are moved to a stated rate, which these loans need not have: what they realized is no test of a cut-off"
    " and is left out."
)


@dataclass(frozen=True, eq=False, kw_only=True)
class TermsOfBook:
    """The terms of lending with what they need of the loans they are for.

    Parameters
    ----------
    terms : LoanTerms
    amount : Series of shape (n_loans,), optional
        Lent amount, indexed by loan.
    columns : DataFrame, optional
        The columns that the terms name, indexed by loan.
    clients : Series of shape (n_loans,), optional
        Number of the client, indexed by loan.
    unit : str
        Of amounts and profits, such as "in the unit of amount".
    is_moved : bool
        Whether forecasts are moved to a stated rate, which these loans need not have: then nothing realized is told.
    """

    terms: LoanTerms
    amount: "pd.Series[float] | None" = None
    columns: pd.DataFrame | None = None
    clients: "pd.Series[int] | None" = None
    unit: str = "in loans of one unit"
    is_moved: bool = False

    @property
    def loans(self) -> dict[str, Any]:
        """Amounts and columns, as the functions of `finnet.lending` take them."""
        return {"amount": self.amount, "columns": self.columns}

    def own_cutoffs(self, own: Forecasts) -> FloatArray | None:
        """Highest forecast, from 0 to 1, at which each loan is worth lending; None where all loans share one."""
        cutoffs = np.clip(own_cutoffs(self.terms, known_loans(own)["entity"], **self.loans), 0.0, 1.0)
        # Break-evens that are one but for rounding do not differ.
        return None if np.ptp(cutoffs) < 1e-9 else cutoffs


def without_terms(pending: Forecasts | None, *, is_moved: bool) -> str:
    """Why no cut-off is chosen, and how many loans wait for their outcome."""
    return (
        "What a higher cut-off gains in loans and costs in defaults. No cut-off is chosen: that takes what a loan earns"
        " and what a default costs, which the job file can state in [lending]."
        f"{is_moved * _NOT_REALIZED}{waiting_in_words(pending)}"
    )


def terms_in_words(book: TermsOfBook, cutoff: float | FloatArray) -> str:
    """What a loan earns, loses and costs, and what decides on it; `cutoff` as `cutoffs_in_use` gives it.

    Where forecasts are moved to a stated rate, it says why nothing realized is told.
    """
    terms = book.terms
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
        words += f" Each approved loan costs {' and '.join(costs)}, {book.unit}."
    return f"{words} {_rule(terms, cutoff, is_moved=book.is_moved)}{book.is_moved * _NOT_REALIZED}"


def _rule(terms: LoanTerms, cutoff: float | FloatArray, *, is_moved: bool) -> str:
    if terms.by_loan:
        judged = "" if is_moved else " Forecasts decide, outcomes do not, so the realized profit is out of sample."
        break_evens = _own_in_words(np.asarray(cutoff))
        return (
            "Each loan is decided by itself: it is approved where its own expected profit, (1 - p) times what it brings"
            f" if repaid plus p times what it brings in default, is above 0. {break_evens}{judged}"
        )
    if terms.target_bad_rate is None:
        judged = "" if is_moved else ": forecasts choose it, outcomes do not, so its realized profit is out of sample"
        return f"The cut-off is the one with the largest expected profit{judged}."
    judged = "" if is_moved else ": forecasts choose it, outcomes judge it"
    nobody = " No loan is forecast to be that safe, so none is approved." if cutoff == 0.0 else ""
    return (
        f"The cut-off is the highest at which at most {percent(terms.target_bad_rate)} of the approved are forecast to"
        f" default{judged}.{nobody}"
    )


def _own_in_words(cutoff: FloatArray) -> str:
    """The break-evens of loans, shape (n_loans,), and how many loans have none: their cut-off lies below 0."""
    own = np.minimum(cutoff[cutoff >= 0.0], 1.0)
    never = "even if repaid they bring 0 or less, and are refused whatever their risk"
    if not len(own):
        return f"No loan has a break-even: {never}."
    low, middle, high = (percent(end) for end in np.quantile(own, [0, 0.5, 1]))
    lacking = len(cutoff) - len(own)
    others = f" {percent(lacking / len(cutoff))} of the loans have none: {never}." if lacking else ""
    return (
        "So there is no one cut-off: the break-even probabilities of the loans run from"
        f" {low} to {high}, with a median of {middle}.{others}"
    )


def waiting_in_words(pending: Forecasts | None, cutoff: float | FloatArray | None = None) -> str:
    """How many loans wait for their outcome, and what is forecast of them; "" where none does.

    `cutoff` is one for all or that of each, NaN where it has none; None where nothing decides.
    """
    if pending is None:
        return ""
    value = pending.table["value"].to_numpy()
    above = ""
    if cutoff is not None:
        own = "the" if np.ndim(cutoff) == 0 else "their own"
        above = f", {count(int((value > cutoff).sum()))} above {own} cut-off"
        lacking = int(np.isnan(cutoff).sum())
        above += f", {count(lacking)} without what the terms need to decide" if lacking else ""
    return (
        f" {count(len(value))} more loans, whose outcome is not known yet, neither trained nor tested; {PENDING} has"
        f" their forecasts: {percent(value.mean())} on average{above}."
    )


def losses_in_words(own: Forecasts, book: TermsOfBook, cutoff: float | FloatArray) -> list[str]:
    """Expected beside realized loss of the approved, alone where forecasts are moved; nothing without amounts."""
    if book.amount is None:
        return []
    loans = known_loans(own)
    # Repeated folds forecast a loan several times: each of its rows counts for its share of the loan.
    lost = loans["count"] * loan_values(book.terms, loans["entity"], **book.loans)["lost"]
    # A forecast at the cut-off is approved, as `annotated` decides on new loans.
    approved = loans["value"].to_numpy() <= cutoff
    sums = [float((loans[name] * lost)[approved].sum()) for name in ("value", "truth")]
    expectation = "Expected loss of the approved loans (probability x amount x loss given default)"
    if book.is_moved:
        return [f"{expectation} at the stated rate: {money(sums[0], sums[0])}, {book.unit}."]
    words = [money(value, max(sums)) for value in sums]
    return [f"{expectation}: {words[0]}; lost in fact, by the same loss given default: {words[1]}, {book.unit}."]


def approved_at_a_loss(own: Forecasts, book: TermsOfBook, cutoff: float | FloatArray) -> int:
    """Approved loans whose own expected profit is 0 or less; none where each is decided on by itself."""
    cutoffs = book.own_cutoffs(own)
    if cutoffs is None or np.ndim(cutoff):
        return 0
    return round(beside_one_line(own, book.terms, float(cutoff), **book.loans)["approved_at_a_loss"])


def beside_in_words(own: Forecasts, book: TermsOfBook) -> list[str]:
    """What one cut-off misses where terms differ between loans, or what it would have brought in place of many.

    Where forecasts are moved to a stated rate, only what is expected at that rate.
    """
    cutoffs = book.own_cutoffs(own)
    if cutoffs is None:
        return []
    terms, loans = book.terms, known_loans(own)
    line = chosen_cutoff(own, terms, **book.loans)
    found = beside_one_line(own, terms, line, **book.loans)
    at_line = outcome_of(own, terms, loans["value"].to_numpy() <= line, **book.loans)
    names = ("expected_profit", "realized_profit")
    told = names[:1] if book.is_moved else names
    scale = max(abs(side[name]) for side in (found, at_line) for name in told)  # type: ignore[literal-required]
    expected, realized = (money(found[name], scale) for name in names)  # type: ignore[literal-required]
    line_expected, line_realized = (money(at_line[name], scale) for name in names)
    approved, refused = count(found["approved_at_a_loss"]), count(found["refused_with_a_gain"])
    if terms.by_loan:
        brings = f"was expected to bring {line_expected} and would have brought {line_realized}"
        if book.is_moved:
            brings = f"is expected to bring {line_expected} at the stated rate"
        return [
            f"One cut-off for all loans, at {percent(line)}, {brings}: it approves {approved} loans that are"
            f" refused loan by loan, and refuses {refused} that are approved."
        ]
    would = f"would have approved {count(found['n'])} loans; expected profit {expected} instead of {line_expected}"
    would += f", realized profit {realized} instead of {line_realized}, out of sample"
    # Whether that is luck: each loan brings what the two decisions on it differ by.
    values = loan_values(terms, loans["entity"], **book.loans)
    brought = loans["count"] * np.where(loans["truth"] == 1, values["defaulted"], values["repaid"])
    apart = (loans["value"] <= cutoffs).astype(float) - (loans["value"] <= line).astype(float)
    gain = (apart * brought).to_numpy()[:, None]
    ends = np.ravel(middle(resampled_sums(gain, loan_units(loans, book.clients))))
    would += f" (95 % interval of the gain: {span(*(money(float(end), scale) for end in ends))})"
    if book.is_moved:
        would = f"would approve {count(found['n'])} loans; expected profit at the stated rate {expected} instead of"
        would += f" {line_expected}"
    aim = "" if terms.target_bad_rate is None else ", whatever the target of the bad rate,"
    return [
        "One cut-off for all is a simplification, as what a loan earns, loses or costs differs from loan to loan:"
        f" {approved} of the approved loans have an expected profit of 0 or less, and {refused} of the refused ones a"
        f" positive one. Deciding each loan by its own expected profit{aim} {would}."
        " [lending] by_loan = true decides so; groups of applicants may then fare otherwise."
    ]
