"""Comparison: does one model forecast better than the others, and does any beat the naive forecasts?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.checks import nearest, require_choice
from finnet.errors import ConfigError
from finnet.evaluation.cases import Cases, paired_cases
from finnet.evaluation.metrics import ROW_LOSSES
from finnet.evaluation.significance import MeanTest, corrected_paired_t, data_needed, diebold_mariano, holm
from finnet.evaluation.verdict import write_verdict
from finnet.forecasts import Forecasts
from finnet.types import FloatArray

__all__ = ["NAIVE", "Comparison", "compare"]

NAIVE = ("always_up", "majority", "prior_rate", "persistence", "best_column")


@dataclass(frozen=True, eq=False)
class Comparison:
    """A reference model against all others, in pairs.

    Parameters
    ----------
    reference, metric : str
    table : DataFrame
        One row per other model: model, metric, reference_value, value, difference (positive: the reference is better,
        for accuracy as for losses), low, high (95 % interval of the difference, not adjusted), statistic, p_value,
        p_holm (adjusted for the number of rows), test, n (sessions, folds or rows tested), years, years_needed (NaN
        where the difference is detected or rows have no dates; infinite where there is none).
    against_naive : DataFrame
        One row per model that is not naive: model, hardest (the naive forecast it is least sure to beat), difference
        (positive: better than that one), p_value (largest over the naive forecasts), p_holm, beats_all (p_holm < 0.05).
        Empty where there is no naive forecast.
    verdict : str
        Plain sentences saying what the tables show.
    """

    reference: str
    metric: str
    table: pd.DataFrame
    against_naive: pd.DataFrame
    verdict: str


def compare(
    forecasts: Forecasts,
    reference: str = "network",
    *,
    metric: str = "log_loss",
    naive: Sequence[str] = NAIVE,
) -> Comparison:
    """Paired tests of the reference against every other model, on the rows that all models forecast.

    With dates, the differences of one session (one month of issue for loans) are averaged, each session counting by
    its rows, and tested by Diebold and Mariano with the correction of Harvey, Leybourne and Newbold. Their horizon is
    that of the forecasts, in sessions; 1 for loans, each of which has an outcome of its own, so shocks that several
    months share make that test too sure. Without dates the differences are averaged over each fold and tested by the
    paired t test corrected for overlapping training rows; with a single fold, by row. P-values are adjusted by Holm
    over the models.

    A model beats the naive forecasts only if it is better than every one of them, at 5 % after Holm over the models.

    Parameters
    ----------
    reference : str
        Model that the others are compared with.
    metric : {"log_loss", "brier", "accuracy"}
        Loss of a row.
    naive : sequence of str
        Names of the naive forecasts; those without rows are ignored.

    Raises
    ------
    ConfigError
        Where the metric or the reference is unknown, or there is nothing to compare with.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.random(300)
    >>> rows = {"fold": 0, "entity": np.arange(300).astype(str), "target": "default", "horizon": 0,
    ...         "kind": "probability", "truth": (rng.random(300) < risk).astype(float)}
    >>> values = {"network": risk, "prior_rate": 0.5}
    >>> parts = [Forecasts.from_rows({**rows, "model": name, "value": values[name]}, run_id="demo") for name in values]
    >>> comparison = compare(Forecasts.concat(parts))
    >>> comparison.verdict
    'By log loss, over 300 rows, the network beats the prior rate.'
    >>> comparison.table[["reference_value", "value", "difference", "low"]].round(2)
       reference_value  value  difference   low
    0             0.46   0.69        0.23  0.18
    """
    require_choice(metric, ROW_LOSSES, name="metric")
    cases = paired_cases(forecasts)
    _require_reference(cases.models, reference)
    losses = np.column_stack([ROW_LOSSES[metric](cases.truth, column) for column in cases.values.T])
    pairs = _Pairs(cases, losses)
    table = _reference_table(pairs, reference, metric)
    known = [name for name in naive if name in cases.models]
    against_naive = _naive_table(pairs, known)
    evidence = pairs.evidence(int(table["n"].iloc[0]))
    verdict = write_verdict(table, against_naive, reference=reference, naive=known, evidence=evidence)
    return Comparison(reference, metric, table, against_naive, verdict)


def _require_reference(models: Sequence[str], reference: str) -> None:
    if reference not in models:
        raise ConfigError(f"reference={reference!r} has no forecast; {nearest(reference, models)}")
    if len(models) < 2:
        raise ConfigError(f"{reference!r} is the only model; add forecasts of at least one other")


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Losses of all models on the same rows, shape (n, n_models), and the test that fits those rows."""

    cases: Cases
    losses: FloatArray

    @property
    def test_name(self) -> str:
        if self.cases.is_dated:
            return "Diebold-Mariano (HLN)"
        return "corrected paired t" if self._n_folds > 1 else "paired t"

    @property
    def _n_folds(self) -> int:
        return len(np.unique(self.cases.fold))

    def evidence(self, n: int) -> str:
        """What was tested, in words."""
        cases, rows = self.cases, f"{len(np.unique(self.cases.unit)):,} rows"
        if cases.unit_name == "month":
            return f"{len(cases.truth):,} loans of {n} months"
        if cases.is_dated:
            return f"{n:,} sessions in {cases.years:.1f} years"
        return f"{rows} in {n} folds" if self._n_folds > 1 else rows

    def mean_loss(self, model: str) -> float:
        return float(self.losses[:, self.cases.models.index(model)].mean())

    def test(self, better: str, worse: str) -> MeanTest:
        """Test that the loss of `worse` minus that of `better` is zero on average."""
        models = self.cases.models
        difference = self.losses[:, models.index(worse)] - self.losses[:, models.index(better)]
        if self.cases.is_dated:
            return diebold_mariano(_mean_by_unit(difference, self.cases), self.cases.horizon)
        if self._n_folds == 1:
            return diebold_mariano(difference)
        return _fold_test(difference, self.cases)


def _mean_by_unit(difference: FloatArray, cases: Cases) -> FloatArray:
    """Mean difference of each session, scaled so that the plain mean over sessions is the mean over rows.

    With equally many rows each, these are the sessions' means; otherwise a session moves the mean by its share of rows.
    """
    mean, rows = difference.mean(), np.bincount(cases.unit)
    excess = np.bincount(cases.unit, difference - mean)
    return np.asarray(mean + excess / rows.mean())


def _fold_test(difference: FloatArray, cases: Cases) -> MeanTest:
    fold = np.unique(cases.fold, return_inverse=True)[1]
    rows = np.bincount(fold)
    n_test = rows.mean()
    return corrected_paired_t(np.bincount(fold, difference) / rows, float(n_test / (cases.n_units - n_test)))


def _reference_table(pairs: _Pairs, reference: str, metric: str) -> pd.DataFrame:
    others = [name for name in pairs.cases.models if name != reference]
    table = pd.DataFrame([_row(pairs, reference, other, metric=metric) for other in others])
    table["p_holm"] = holm(table["p_value"].to_numpy())
    table.loc[table["p_holm"] < 0.05, "years_needed"] = np.nan
    return table


def _row(pairs: _Pairs, reference: str, other: str, *, metric: str) -> dict[str, object]:
    test = pairs.test(reference, other)
    return {
        "model": other,
        "metric": metric,
        "reference_value": _as_metric(pairs.mean_loss(reference), metric),
        "value": _as_metric(pairs.mean_loss(other), metric),
        "difference": test.mean,
        "low": test.low,
        "high": test.high,
        "statistic": test.statistic,
        "p_value": test.p_value,
        "p_holm": np.nan,
        "test": pairs.test_name,
        "n": test.n,
        "years": pairs.cases.years,
        "years_needed": pairs.cases.years * data_needed(test.statistic),
    }


def _as_metric(loss: float, metric: str) -> float:
    return 1.0 - loss if metric == "accuracy" else loss


def _naive_table(pairs: _Pairs, naive: Sequence[str]) -> pd.DataFrame:
    columns = ["model", "hardest", "difference", "p_value"]
    contenders = [name for name in pairs.cases.models if name not in naive] if naive else []
    table = pd.DataFrame([_hardest(pairs, name, naive) for name in contenders], columns=columns)
    p_holm = holm(table["p_value"].to_numpy(float))
    return table.assign(p_holm=p_holm, beats_all=p_holm < 0.05)


def _hardest(pairs: _Pairs, model: str, naive: Iterable[str]) -> tuple[str, str, float, float]:
    """The naive forecast that the model is least sure to beat.

    Being better than all is shown by the weakest of the tests (intersection-union, Berger 1982), so its p-value counts.
    """
    tests = {name: pairs.test(model, name) for name in naive}
    p_values = {name: _p_of_better(test) for name, test in tests.items()}
    hardest = max(p_values, key=lambda name: (p_values[name], -tests[name].mean))
    return model, hardest, tests[hardest].mean, p_values[hardest]


def _p_of_better(test: MeanTest) -> float:
    """The two-sided p-value where the model is better, else 1: neither a loss nor an undefined test shows a win."""
    return test.p_value if test.mean > 0 and np.isfinite(test.p_value) else 1.0
