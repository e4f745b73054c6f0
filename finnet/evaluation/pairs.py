"""Pairs: two models on the same rows, and both answers to which of them is better."""

from dataclasses import dataclass

import numpy as np

from finnet.evaluation.cases import Cases
from finnet.evaluation.metrics import Metric, contributions
from finnet.evaluation.paired_tests import FEWEST_FITS, fits_t, long_run_t, one_fold, rows_t
from finnet.evaluation.significance import MeanTest, corrected_paired_t, diebold_mariano, student_test
from finnet.types import FloatArray, IntArray

__all__ = ["LEVEL", "Answers", "Pairs"]

LEVEL = 0.05


@dataclass(frozen=True)
class Answers:
    """Both answers about one pair of models, and which of them decides.

    Parameters
    ----------
    forecasts, fits : MeanTest
        Were these forecasts better? Will other fits be better?
    decisive : MeanTest
        One of the two.
    test : str
        What it counts: "sessions", "months", "days", "rows", "clients" or "fits".
    one_fold : int or None
        The fold that alone makes the difference seem detected.
    """

    forecasts: MeanTest
    fits: MeanTest
    decisive: MeanTest
    test: str
    one_fold: int | None


_UNDEFINED = student_test(np.nan, np.nan, 0)


@dataclass(frozen=True, eq=False)
class Pairs:
    """What every row contributes to a metric of each model, and the tests of their differences.

    Parameters
    ----------
    cases : Cases
    higher_is_better : bool
    gains : ndarray of shape (n, n_models)
        Contributions of the rows that have any, turned so that higher is better.
    unit, fold : ndarray of int, shape (n,)
        Session, month, day, row or client, and fold, of these rows.
    entity : ndarray of int, shape (n,)
        Symbol or loan of these rows.
    group : ndarray of int, shape (n,), optional
        Client of these rows; None where each entity is by itself.
    weight : ndarray of shape (n,), optional
        How much each of these rows counts; 1 each by default.
    """

    cases: Cases
    higher_is_better: bool
    gains: FloatArray
    unit: IntArray
    fold: IntArray
    entity: IntArray
    weight: FloatArray | None = None
    group: IntArray | None = None

    @classmethod
    def of(cls, cases: Cases, metric: Metric) -> "Pairs":
        """The contributions of every model, less the sessions that have none."""
        columns = [cases.values[:, number] for number in range(len(cases.models))]
        values = np.column_stack([contributions(metric, cases, column) for column in columns])
        # Sessions without a rank IC say nothing about any model.
        known = np.isfinite(values).all(axis=1)
        unit = np.unique(cases.unit[known], return_inverse=True)[1]
        gains = values[known] if metric.higher_is_better else -values[known]
        weight = None if cases.weight is None else cases.weight[known]
        group = None if cases.group is None else cases.group[known]
        return cls(
            cases,
            metric.higher_is_better,
            gains,
            unit,
            cases.fold[known],
            cases.entity[known],
            weight=weight,
            group=group,
        )

    @property
    def n_fits(self) -> int:
        """Number of folds, each of which is one fit of every model."""
        return len(np.unique(self.cases.fold))

    @property
    def n_units(self) -> int:
        """Number of sessions, months, days, rows or clients."""
        return len(np.unique(self.unit))

    @property
    def evidence(self) -> str:
        """What was tested, in words."""
        cases, fits = self.cases, f" and {self.n_fits} fits" if self.n_fits > 1 else ""
        weighted = "" if self.weight is None else "weighted "
        rows = "loans" if cases.kind == "probability" else "cases"
        clients = "" if self.group is None else f"{len(np.unique(self.group)):,} clients"
        if cases.unit_name in ("month", "day"):
            among = f" and {clients}" if clients else ""
            units = f"{self.n_units:,} {cases.unit_name}{'s' * (self.n_units != 1)}"
            return f"{len(cases.truth):,} {weighted}{rows} of {units}{among}{fits}"
        if cases.is_dated:
            return f"{self.n_units:,} {weighted}sessions in {cases.years:.1f} years{fits}"
        folds = f" in {self.n_fits} folds" if self.n_fits > 1 else ""
        n_rows = len(np.unique(self.entity))
        return f"{n_rows:,} {weighted}{rows} of {clients}{folds}" if clients else f"{n_rows:,} {weighted}rows{folds}"

    def value(self, model: str) -> float:
        """The metric of a model."""
        mean = float(np.average(self._of(model), weights=self.weight)) if len(self.gains) else np.nan
        return mean if self.higher_is_better else -mean

    def _of(self, model: str) -> FloatArray:
        return np.asarray(self.gains[:, self.cases.models.index(model)])

    def answers(self, better: str, worse: str) -> Answers:
        """Tests that the gain of `better` over `worse` is zero on average."""
        difference = self._of(better) - self._of(worse)
        if not len(difference):
            return Answers(_UNDEFINED, _UNDEFINED, _UNDEFINED, f"{self.cases.unit_name}s", None)
        forecasts, counted = self._forecasts_test(difference)
        if not self.cases.is_dated:
            # Without dates folds share training rows, and what other fits would do is told but does not decide.
            return Answers(forecasts, self._shared_rows(difference), forecasts, counted, self._one_fold(difference))
        fits = fits_t(self._mean_by(difference, self.fold))
        # The larger p-value decides: what other fits would do is only asked where there are enough of them.
        asks_both = self.n_fits >= FEWEST_FITS and fits.p_value > forecasts.p_value
        decisive, counted = (fits, "fits") if asks_both else (forecasts, counted)
        return Answers(forecasts, fits, decisive, counted, self._one_fold(difference))

    def _forecasts_test(self, difference: FloatArray) -> tuple[MeanTest, str]:
        """Were these forecasts better? And what was counted.

        Months hold shocks that all loans of a time share, clients the luck of one whenever it borrowed. Neither test
        allows for the other's, so the more careful one answers: it rejects a true hypothesis no oftener than either.
        """
        units, tests = f"{self.cases.unit_name}s", []
        if self.cases.is_dated:
            tests.append((long_run_t(self._mean_by(difference, self.unit), self.cases.horizon), units))
        if not self.cases.is_dated or self.group is not None:
            by_row = rows_t(difference, self.fold, self.entity, weight=self.weight, group=self.group)
            tests.append((by_row, units if self.group is None else "clients"))
        return max(tests, key=lambda test: test[0].p_value)

    def _one_fold(self, difference: FloatArray) -> int | None:
        """The fold that makes a difference which a test blind to lasting shocks would call detected."""
        blind = diebold_mariano(self._mean_by(difference, self.unit), self.cases.horizon)
        return one_fold(difference, self.fold, self.weight) if blind.p_value < LEVEL else None

    def _shared_rows(self, difference: FloatArray) -> MeanTest:
        """The test over folds that share training rows; undefined with one fold, which shares none."""
        if self.n_fits == 1:
            return _UNDEFINED
        n_test = len(difference) / self.n_fits
        n_rows = len(np.unique(self.entity))
        return corrected_paired_t(self._mean_by(difference, self.fold), n_test / (n_rows - n_test))

    def _mean_by(self, values: FloatArray, group: IntArray) -> FloatArray:
        """Mean of each group, scaled so that the plain mean over groups is the mean over rows.

        With equally many rows each, these are the groups' means; otherwise a group moves the mean by its share of rows,
        or of their weights: the spread over groups is then that of a ratio, with weights as known constants.
        """
        number = np.unique(group, return_inverse=True)[1]
        counts = np.ones(len(values)) if self.weight is None else self.weight
        mean, rows = np.average(values, weights=counts), np.bincount(number, counts)
        excess = np.bincount(number, counts * (values - mean))
        return np.asarray(mean + excess / rows.mean())
