"""Loan limits: what limits a result about defaults, as the files, the split and the terms of a job make it."""

import pandas as pd

from finnet.data.loan_file import LoanFile
from finnet.evaluation.assessment import Assessment
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
from finnet.jobs.tasks.task import Study
from finnet.lending.central_tendency import CentralTendency
from finnet.lending.terms import LoanTerms
from finnet.names import model_in_sentence
from finnet.reporting.text import count, metric_of, number, percent

__all__ = ["loan_limits"]

_LEFT_OUT = {
    "left_out": "that leave_out names",
    "undecided": "whose outcome the file calls undecided",
    "not_due": "whose months had not passed",
}
"""Rules of the quality table that leave loans out, and which loans those are."""


def loan_limits(job: DefaultRiskJob, study: Study, assessment: Assessment) -> list[str]:
    """Sentences on what was forecast, of which loans, when, by which split, and what profits rest on."""
    source = job.data.source
    of_file = [_outcome(source), _left_out(study.quality)] if isinstance(source, LoanFile) else []
    undated = [] if study.dataset.is_ordered else [_UNDATED]
    profits = [] if job.lending is None else [_profits(job.lending)]
    return [
        *of_file,
        _rate(job.central_tendency),
        *undated,
        _spread(assessment, folds=getattr(job.split.split, "folds", 0)),
        *profits,
    ]


_UNDATED = (
    "Loans have no dates, so training and test loans are divided at random: no forecast was tested on loans later in"
    " time than those that trained it, and a change of the economy or of the applicants would not show here."
)


def _outcome(source: LoanFile) -> str:
    bad, good = (" or ".join(repr(word) for word in source.words(outcome)) for outcome in ("bad", "good"))
    months = (
        f"it counts {source.horizon_months} months after the application"
        if source.horizon_months
        else "over how many months is not stated (horizon_months)"
    )
    return (
        f"Default is what column {source.target!r} of the file says, {bad}, and no default {good}; {months}. What the"
        " lender calls a default is not checked here."
    )


def _rate(stated: CentralTendency | None) -> str:
    """Of which default rate probabilities are, and what to do or to know where applicants have another."""
    if stated is None:
        return (
            "Probabilities, grades and cut-off are those of loans with the default rate of this file: where applicants"
            " have another, state it as central_tendency before they are used."
        )
    rates = [percent(rate, 2) + (f" for {name}" if stated.column else "") for name, rate in stated.rates.items()]
    return (
        "Published probabilities, grades and cut-off are those of loans with the default rate stated as"
        f" central_tendency ({', '.join(rates)}). The loans of this file do not test whether applicants have it."
    )


def _left_out(quality: pd.DataFrame) -> str:
    """How many loans of the file neither train nor test, and why."""
    counts = quality[quality["rule"].isin(_LEFT_OUT)].groupby("rule", sort=False)["count"].sum()
    if counts.empty:
        return "No loan of the file was left out."
    said = [f"{count(n)} {_LEFT_OUT[str(rule)]}" for rule, n in counts.items()]
    return f"Loans left out of training and test: {', '.join(said)}. Nothing is said of how such loans were forecast."


def _spread(assessment: Assessment, *, folds: int) -> str:
    """How the score that decides varies over folds, and over repeats where rows were divided more than once."""
    metric = assessment.comparisons[0].metric
    scores = assessment.fold_scores
    own = scores[(scores["model"] == assessment.subject) & (scores["metric"] == metric)]
    words, name = metric_of(metric), model_in_sentence(assessment.subject)
    values = own["value"]
    if len(values) < 2:
        return "Results hold for one split and one seed: how they would vary with other training loans was not tried."
    said = (
        f"Results hold for this split and these seeds. The {words.name} of {name} lies between"
        f" {_between(values, metric)} over {len(values)} folds (standard deviation {number(values.std(), 4)})"
    )
    if not folds or len(values) <= folds:
        return f"{said}."
    # Folds of one repeat test each loan once, so that their mean is the score of the repeat.
    by_repeat = values.groupby(own["fold"].to_numpy(int) // folds).mean()
    return f"{said}, and between {_between(by_repeat, metric)} over the means of {len(by_repeat)} repeats."


def _between(values: "pd.Series[float]", metric: str) -> str:
    words = metric_of(metric)
    return f"{words.text(values.min())} and {words.text(values.max())}"


def _profits(terms: LoanTerms) -> str:
    a_year = " a year" if terms.term_column else ""
    margin = f"a margin of {percent(terms.margin)}{a_year}"
    if terms.margin_column:
        margin = f"the margins{a_year} of column {terms.margin_column!r}"
    lost = (
        f"the losses given default of column {terms.loss_given_default_column!r}"
        if terms.loss_given_default_column
        else f"a loss given default of {percent(terms.loss_given_default)} for every loan"
    )
    return (
        f"Profits, and a cut-off chosen by them, rest on {margin} and {lost}, as the job states them, on the whole"
        " amount until its end and not discounted; repaid in parts, loans would earn less. What other losses, margins"
        " and default rates would do stands in the report, under its cut-offs."
    )
