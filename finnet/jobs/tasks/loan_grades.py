"""Loan grades: what a default-risk job publishes of its forecasts, moved to a stated rate and put into grades."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from finnet.data.loan_book import LoanBook
from finnet.dataset import Dataset
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
from finnet.jobs.tasks.task import Results, Study
from finnet.lending.central_tendency import ALL, CentralTendency, Shift, find_shift, segments_of
from finnet.lending.grades import (
    Grades,
    GradeScale,
    find_scale,
    grade_areas,
    grade_table,
    graded_loans,
    group_table,
    herfindahl,
    untested,
    vintages,
)
from finnet.lending.homogeneity import half_table, neighbor_table
from finnet.lending.resampling import loan_units
from finnet.lending.terms import LoanTerms
from finnet.reporting.sections.grades import GradesSection
from finnet.reporting.text import clients_counted, number, percent
from finnet.types import FloatArray

__all__ = ["Published", "grades_of_policy", "moved_by_policy", "published", "require_known_columns"]

_SHIFT, _GRADES = "central_tendency", "grades"
_MOST_LEVELS = 30  # of a column by which grades are tested


@dataclass(frozen=True, eq=False)
class Published:
    """What is published of forecasts.

    Parameters
    ----------
    results : Results
        With the forecasts of every model, and those of pending loans, moved to the central tendency where the job
        states one; the assessment stays that of forecasts as they were.
    sections : sequence of GradesSection
        One, or none where rows are weighted: its tests count loans alike.
    record : mapping
        What metrics.json says of grades.
    policy : mapping
        What moves and grades new forecasts.
    """

    results: Results
    sections: Sequence[GradesSection]
    record: Mapping[str, Any]
    policy: Mapping[str, Any]

    @property
    def is_moved(self) -> bool:
        """Whether forecasts are moved to a stated rate, so that outcomes of these loans cannot test them."""
        return _SHIFT in self.policy


def require_known_columns(job: DefaultRiskJob, dataset: Dataset) -> None:
    """Raise ConfigError where grades or central tendency name columns or segments that the loans do not have."""
    features = list(map(str, dataset.X))
    if job.central_tendency is not None and job.central_tendency.column:
        job.require_column(job.central_tendency.column, features, key="central_tendency.column")
        job.central_tendency.require_segments(dataset.X)
    for column in job.grades.by:
        job.require_column(column, features, key="grades.by")
        levels = len(set(segments_of(dataset.X[column])))
        if levels > _MOST_LEVELS:
            raise ConfigError(f"grades.by: {column!r} has {levels:,} levels; use a column with at most {_MOST_LEVELS}")


def published(job: DefaultRiskJob, study: Study, results: Results) -> Published:
    """Forecasts as they are published, their grades, and the tests of these."""
    weight, shift = _shares_of_loans(results.own), None
    if job.central_tendency is not None:
        # By forecasts made out of sample, as those of new loans will be: the model is too sure of rows it trained on.
        X = _features_of(results.own, study.dataset)
        shift = find_shift(job.central_tendency, _values(results.own), X, weight=weight)
        results = _moved_results(results, shift, study)
    scale = find_scale(_values(results.own), job.grades, weight=weight)
    book: LoanBook = study.source
    amount = None if book.amount is None else pd.Series(book.amount, index=book.loan_id)
    terms: LoanTerms | None = job.lending
    loans = graded_loans(results.own, scale)
    grades = grade_table(
        loans, scale, amount=amount, loss_given_default=0.0 if terms is None else terms.loss_given_default
    )
    groups = [group_table(loans, labels).assign(by=by) for by, labels in _groups(job.grades.by, loans, study.dataset)]
    if shift is not None:
        grades, groups = untested(grades), [untested(table) for table in groups]
    clients = None if book.group is None else pd.Series(book.group, index=book.loan_id)
    unit = loan_units(loans, clients)
    areas = grade_areas(loans, unit)
    section = GradesSection(
        grades=grades,
        grade_groups=pd.concat(groups, ignore_index=True) if groups else pd.DataFrame({"by": []}),
        scale=_scale_words(job.grades, scale),
        concentration=herfindahl(loans),
        has_losses=terms is not None,
        central_tendency="" if shift is None or job.central_tendency is None else _moved(job.central_tendency, shift),
        counted=_counted(loans),
        halves=half_table(loans, unit),
        neighbors=neighbor_table(loans, unit),
        grade_areas=areas,
    )
    policy: dict[str, Any] = {_GRADES: list(scale.limits)}
    if shift is not None:
        policy[_SHIFT] = shift.to_json()
    record = {_SHIFT: policy[_SHIFT]} if shift is not None else {}
    if study.dataset.weight is not None:
        # The tests of grades count loans alike, which weighted rows do not.
        return Published(results, [], record, policy)
    record = {"grades": grades.to_dict("records"), "grade_areas": areas.to_dict("records"), **record}
    return Published(results, [section], record, policy)


def moved_by_policy(policy: Mapping[str, Any], X: pd.DataFrame, forecasts: Forecasts) -> Forecasts:
    """Forecasts of the rows of X (n_rows, n_features), in their order, moved as those of the run were."""
    if _SHIFT not in policy:
        return forecasts
    shift = Shift.from_json(policy[_SHIFT])
    return Forecasts(forecasts.table.assign(value=shift.move(forecasts.table["value"].to_numpy(), X)))


def grades_of_policy(policy: Mapping[str, Any], forecasts: Forecasts) -> list[str]:
    """Grade of each forecast by the limits of the run; DataError where there are none."""
    try:
        scale = GradeScale(tuple(float(limit) for limit in policy[_GRADES]))
    except (LookupError, TypeError, ValueError, ConfigError) as error:
        raise DataError("the grades saved with the run cannot be read; run the job again") from error
    return [str(grade) for grade in scale.grades(forecasts.table["value"].to_numpy())]


def _moved_results(results: Results, shift: Shift, study: Study) -> Results:
    """All models by the same number, so that decisions on them can be compared, and pending loans."""
    forecasts, pending = results.forecasts, results.pending
    X = _features_of(forecasts, study.dataset)
    moved = Forecasts(forecasts.table.assign(value=shift.move(_values(forecasts), X)))
    if pending is not None:
        pending = moved_by_policy({_SHIFT: shift.to_json()}, study.source.pending.features, pending)
    return replace(results, forecasts=moved, pending=pending)


def _values(forecasts: Forecasts) -> FloatArray:
    return forecasts.table["value"].to_numpy(float)


def _shares_of_loans(forecasts: Forecasts) -> FloatArray:
    """For how much of a loan each forecast of one model counts, shape (n_forecasts,): repeats of a loan make one."""
    entity = forecasts.table["entity"]
    return 1.0 / entity.groupby(entity).transform("size").to_numpy(float)


def _features_of(forecasts: Forecasts, dataset: Dataset) -> pd.DataFrame:
    """The features of the loan of each forecast, which forecasts do not carry, shape (n_forecasts, n_features)."""
    row_of = pd.Series(np.arange(len(dataset)), index=dataset.entity)
    return dataset.X.iloc[row_of.loc[forecasts.table["entity"]].to_numpy()]


def _groups(by: Sequence[str], loans: pd.DataFrame, dataset: Dataset) -> Iterator[tuple[str, list[str]]]:
    """What loans are grouped by, and the group of each."""
    if loans["issued_at"].notna().all():
        yield "vintage", vintages(loans["issued_at"])
    for column in by:
        segment = pd.Series(segments_of(dataset.X[column]), index=dataset.entity)
        yield column, segment.loc[loans["entity"]].tolist()


def _counted(loans: pd.DataFrame) -> str:
    """What the tests of grades count, in a sentence; "" where each loan is by itself."""
    if "client" not in loans:
        return ""
    return clients_counted(loans["entity"].nunique(), loans["client"].nunique())


def _scale_words(settings: Grades, scale: GradeScale) -> str:
    if settings.limits:
        return "Limits are those of the job file."
    joined = (
        "" if len(scale) == settings.count else f", of which {len(scale)} {'is' if len(scale) == 1 else 'are'} left"
    )
    return (
        f"Limits: {settings.count} equal steps of the log-odds over forecasts made out of sample{joined}; a grade"
        f" with fewer than {percent(settings.least_share, 0)} of these loans, or fewer than"
        f" {number(settings.least_defaults, 0)} expected defaults, joins a neighbor."
    )


def _moved(stated: CentralTendency, shift: Shift) -> str:
    if stated.column:
        each = [
            f"{name} {number(shift.by_segment[name], 2, signed=True)} to {percent(rate, 2)}"
            for name, rate in stated.rates.items()
            if name in shift.by_segment
        ]
        words = (
            f"by {stated.column} on the log-odds, so that the mean of each over the loans forecast out of sample is as"
            f" stated ({'; '.join(each)})"
        )
    else:
        by, rate = number(shift.everywhere, 2, signed=True), percent(stated.rates[ALL], 2)
        words = (
            f"by {by} on the log-odds, so that their mean over the loans forecast out of sample is {rate}, as stated"
        )
    unmet = ", ".join(name for name in stated.rates if stated.column and name not in shift.by_segment)
    alone = (
        f" Without a loan forecast out of sample: {unmet}; moved by the average of the others,"
        f" {number(shift.everywhere, 2, signed=True)}, so that the rate stated need not be met there."
    )
    return (
        f"Published probabilities are moved {words}.{alone * bool(unmet)} A long-run rate need not be that of these"
        " loans, so outcomes cannot test what is moved: scores, comparisons, calibration and segments are of forecasts"
        " that are not moved, and so are the forecasts of groups of applicants; grades, cut-offs, expected losses and"
        " new forecasts use the moved ones, and realized figures are not set beside them."
    )
