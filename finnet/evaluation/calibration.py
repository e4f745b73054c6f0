"""Calibration: whether what was forecast with 30 % came true in 30 % of cases, and 30 % lay below the 30 % quantile."""

import numpy as np
import pandas as pd
from scipy import stats

from finnet.checks import require_at_least
from finnet.errors import DataError
from finnet.evaluation.cases import Cases, paired_cases
from finnet.forecasts import Forecasts
from finnet.types import FloatArray, IntArray

__all__ = [
    "calibration_errors",
    "calibration_table",
    "coverage_table",
    "ece_null",
    "expected_calibration_error",
    "jeffreys_interval",
]


def jeffreys_interval(events: FloatArray, n: FloatArray, *, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Interval of a rate after `events` among `n`: quantiles of Beta(events + 1/2, n - events + 1/2).

    The lower end is 0 without any event and the upper end 1 without any non-event (Brown, Cai & DasGupta 2001).

    Examples
    --------
    >>> low, high = jeffreys_interval(np.array([0.0, 5.0]), np.array([10.0, 10.0]))
    >>> low.round(4), high.round(4)
    (array([0.    , 0.2235]), array([0.2172, 0.7765]))
    """
    tail = (1.0 - level) / 2.0
    low, high = stats.beta.ppf([[tail], [1.0 - tail]], events + 0.5, n - events + 0.5)
    return np.where(events > 0, low, 0.0), np.where(events < n, high, 1.0)


def _cases_of(forecasts: Forecasts, kind: str) -> Cases:
    """The cases, whose forecasts must be of this kind."""
    cases = paired_cases(forecasts)
    if cases.kind != kind:
        raise DataError(f"forecasts are of kind {cases.kind}; this is about those of kind {kind}")
    return cases


def coverage_table(forecasts: Forecasts) -> pd.DataFrame:
    """Share of truths at or below each quantile, for every model and level.

    The interval takes rows as independent, and weights rows, as that of `calibration_table` does.

    Returns
    -------
    DataFrame
        Columns model, level, n (distinct cases), observed (share at or below), low and high (95 %, Jeffreys).

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "A", "B", "B"], "target": "forward_return", "horizon": 1,
    ...         "kind": "quantile", "level": [0.1, 0.9] * 2, "value": [1.0, 2.0] * 2, "truth": [0.0, 0.0, 1.5, 1.5]}
    >>> coverage_table(Forecasts.from_rows(rows, run_id="demo"))[["model", "level", "n", "observed"]]
         model  level  n  observed
    0  network    0.1  2       0.5
    1  network    0.9  2       1.0
    """
    cases = _cases_of(forecasts, "quantile")
    weight, rows, counts = 1.0 / (int(cases.repeat.max()) + 1), len(cases.truth), cases.counts
    below = np.einsum("n,nml->ml", counts, (cases.truth[:, None, None] <= cases.values).astype(float))
    total, worth = float(counts.sum()), weight * float(counts.sum() / (counts @ counts))
    low, high = jeffreys_interval(below.ravel() * worth, np.full(below.size, total * worth))
    named = pd.MultiIndex.from_product([cases.models, cases.levels], names=["model", "level"])
    shares = {"observed": below / total, "low": low, "high": high}
    table = pd.DataFrame({name: values.ravel() for name, values in shares.items()}, index=named).reset_index()
    table.insert(2, "n", int(np.rint(rows * weight)))
    return table


def calibration_table(forecasts: Forecasts, bins: int = 10) -> pd.DataFrame:
    """Mean forecast beside observed rate, for each model in bins of about equally many rows.

    Equal forecasts share a bin, so a model that says one number has one bin. The interval takes rows as independent;
    rows of one day are not, so for panels it is too narrow. Repeats of a case count together as one. Where rows are
    weighted, bins are of equal weight, means and rates are weighted, and the interval takes a bin for as many cases as
    Kish's effective number says.

    Parameters
    ----------
    bins : int
        Most bins per model, cut at quantiles of its forecasts.

    Returns
    -------
    DataFrame
        Columns model, bin (1 is the lowest), n (distinct cases), forecast (mean), observed (share of ones), low and
        high (95 %, Jeffreys).

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": list("ABCD"), "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.1, 0.1, 0.7, 0.9], "truth": [0.0, 0.0, 1.0, 1.0]}
    >>> calibration_table(Forecasts.from_rows(rows, run_id="demo"), bins=2)[["bin", "n", "forecast", "observed"]]
       bin  n  forecast  observed
    0    1  2       0.1       0.0
    1    2  2       0.8       1.0
    """
    require_at_least(bins, 1, name="bins")
    cases = _cases_of(forecasts, "probability")
    weight = 1.0 / (int(cases.repeat.max()) + 1)
    tables = [_model_table(cases, column, bins, weight=weight) for column in cases.values.T]
    return pd.concat(tables, keys=cases.models, names=["model"]).reset_index(level=0).reset_index(drop=True)


def _model_table(cases: Cases, probability: FloatArray, bins: int, *, weight: float) -> pd.DataFrame:
    counts, order = cases.counts, np.argsort(probability)
    # In units of the least weight, a row of which is one row.
    upto = np.cumsum(counts[order]) / counts.min()
    last = np.searchsorted(upto, np.arange(1, bins) * upto[-1] // bins)
    edges = np.unique(probability[order][last])
    number = np.searchsorted(edges, probability, side="left")
    number = np.unique(number, return_inverse=True)[1]
    rows, mass = np.bincount(number), np.bincount(number, counts)
    events, worth = np.bincount(number, counts * cases.truth), weight * (mass / np.bincount(number, counts**2))
    low, high = jeffreys_interval(events * worth, mass * worth)
    return pd.DataFrame(
        {
            "bin": np.arange(1, len(rows) + 1),
            "n": np.rint(rows * weight).astype(int),
            "forecast": np.bincount(number, counts * probability) / mass,
            "observed": events / mass,
            "low": low,
            "high": high,
        }
    )


def expected_calibration_error(
    truth: FloatArray, probability: FloatArray, bins: int = 15, *, weight: FloatArray | None = None
) -> float:
    """Mean gap between forecast and observed rate over bins of equal width, weighted by rows (Naeini et al. 2015).

    Rows count by `weight`, shape (n,), where it is given.

    Never zero on finite data, even for perfect forecasts: read it beside `ece_null`.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0, 1, 1, 1]), np.array([0.5, 0.5, 0.9, 0.9])), 4)
    0.05
    """
    number = _equal_width(probability, bins)
    counts = np.ones(len(truth)) if weight is None else weight
    return float(np.abs(np.bincount(number, counts * (truth - probability))).sum() / counts.sum())


def _equal_width(probability: FloatArray, bins: int) -> IntArray:
    return np.asarray(np.minimum(probability * bins, bins - 1), int)


def ece_null(
    probability: FloatArray,
    bins: int = 15,
    *,
    draws: int = 200,
    seed: int = 0,
    weight: FloatArray | None = None,
) -> FloatArray:
    """Expected calibration errors that these forecasts would have if they were perfectly calibrated, shape (draws,).

    Each draw makes outcomes from the forecasts themselves; the mean is what a perfect model would score.

    Examples
    --------
    >>> float(ece_null(np.full(100, 0.5), draws=1000).mean().round(2))
    0.04
    """
    rng = np.random.default_rng(seed)
    number = _equal_width(probability, bins)
    order = np.argsort(number, kind="stable")
    p, starts = probability[order], np.flatnonzero(np.diff(number[order], prepend=-1))
    counts = np.ones(len(p)) if weight is None else weight[order]
    gaps = [np.abs(np.add.reduceat(counts * ((rng.random(len(p)) < p) - p), starts)).sum() for _ in range(draws)]
    return np.array(gaps) / float(counts.sum())


def calibration_errors(forecasts: Forecasts, bins: int = 15, *, draws: int = 200, seed: int = 0) -> pd.DataFrame:
    """Expected calibration error of each model beside what a perfectly calibrated one would score.

    Returns
    -------
    DataFrame
        Columns model, ece, null_mean, null_high (95 % of perfect models score less), calibrated (ece <= null_high). The
        first repeat only; rows are taken as independent.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": list("ABCD"), "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.5, 0.5, 0.9, 0.9], "truth": [0.0, 1.0, 1.0, 1.0]}
    >>> calibration_errors(Forecasts.from_rows(rows, run_id="demo"))[["model", "ece"]].round(4)
         model   ece
    0  network  0.05
    """
    cases = _cases_of(forecasts, "probability")
    first = cases.repeat == 0
    counts = cases.counts[first]
    records = []
    for model, column in zip(cases.models, cases.values[first].T, strict=True):
        ece, null = (
            expected_calibration_error(cases.truth[first], column, bins, weight=counts),
            ece_null(column, bins, draws=draws, seed=seed, weight=counts),
        )
        high = float(np.quantile(null, 0.95))
        records.append((model, ece, float(null.mean()), high, ece <= high))
    return pd.DataFrame(records, columns=["model", "ece", "null_mean", "null_high", "calibrated"])
