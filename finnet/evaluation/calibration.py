"""Calibration: whether what was forecast with 30 % came true in 30 % of cases, and 30 % lay below the 30 % quantile."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from finnet.checks import require_at_least
from finnet.errors import DataError
from finnet.evaluation.cases import Cases, paired_cases
from finnet.evaluation.clusters import crossed, design_effect, design_effects
from finnet.evaluation.recalibration import Recalibration, log_odds, recalibration, spiegelhalter_z
from finnet.forecasts import Forecasts
from finnet.types import FloatArray, IntArray
from finnet.weights import effective_number

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

    Parameters
    ----------
    events, n : ndarray of one shape
        Numbers of events and of cases; weighted ones need not be whole.
    level : float
        Share of intervals that hold the true rate.

    Returns
    -------
    (low, high) : ndarrays of that shape

    Examples
    --------
    >>> low, high = jeffreys_interval(np.array([0.0, 5.0]), np.array([10.0, 10.0]))
    >>> low.round(4), high.round(4)
    (array([0.    , 0.2235]), array([0.2172, 0.7765]))
    """
    tail = (1.0 - level) / 2.0
    low, high = stats.beta.ppf([[tail], [1.0 - tail]], events + 0.5, n - events + 0.5)
    # Where only one outcome was seen the quantile would exclude the rate 0 or 1, which nothing speaks against.
    return np.where(events > 0, low, 0.0), np.where(events < n, high, 1.0)


def _cases_of(forecasts: Forecasts, kind: str) -> Cases:
    """The cases, whose forecasts must be of this kind."""
    cases = paired_cases(forecasts)
    if cases.kind != kind:
        raise DataError(f"forecasts are of kind {cases.kind}; this is about those of kind {kind}")
    return cases


def coverage_table(forecasts: Forecasts) -> pd.DataFrame:
    """Share of truths at or below each quantile, for every model and level.

    The interval takes rows as independent, loans of one client not (`design_effect`), and weights rows as that of
    `calibration_table` does.

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
    # Repeats of a case count together as one; `worth` is what Kish's effective number makes of weights.
    weight, rows, counts = 1.0 / (int(cases.repeat.max()) + 1), len(cases.truth), cases.counts
    below = np.einsum("n,nml->ml", counts, (cases.truth[:, None, None] <= cases.values).astype(float))
    total, worth = float(counts.sum()), weight * float(counts.sum() / (counts @ counts))
    clusters = [crossed(cluster, cases.repeat) for cluster in cases.clusters]
    # Rows of unlike weight differ in what they add to the sum, which is no luck; what is beyond the share is.
    apart = np.moveaxis((cases.truth[:, None, None] <= cases.values) - below / total, 0, -1)
    sure = worth / np.array([[design_effect(counts * each, clusters) for each in own] for own in apart])
    low, high = jeffreys_interval((below * sure).ravel(), (total * sure).ravel())
    named = pd.MultiIndex.from_product([cases.models, cases.levels], names=["model", "level"])
    shares = {"observed": below / total, "low": low, "high": high}
    table = pd.DataFrame({name: values.ravel() for name, values in shares.items()}, index=named).reset_index()
    table.insert(2, "n", int(np.rint(rows * weight)))
    return table


def calibration_table(forecasts: Forecasts, bins: int = 10) -> pd.DataFrame:
    """Mean forecast beside observed rate, for each model in bins of about equally many rows.

    Equal forecasts share a bin, so a model that says one number has one bin. The interval takes rows as independent,
    loans of one client not: it is that of as many cases as `design_effects` leaves; rows of one day are not either, so
    for panels it is too narrow. Repeats of a case count together as one. Where rows are weighted, bins are of equal
    weight, means and rates are weighted, and the interval takes a bin for as many cases as Kish's effective number
    says.

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
    counts = cases.counts
    number = _equal_mass(probability, bins, counts)
    rows, mass = np.bincount(number), np.bincount(number, counts)
    events, worth = np.bincount(number, counts * cases.truth), weight * (mass / np.bincount(number, counts**2))
    # Repeats of a loan are the same loan again, which shares no luck with itself.
    cluster = None if cases.group is None else crossed(cases.group, cases.repeat)
    spread = np.sqrt(probability * (1.0 - probability))
    worth = worth / design_effects(cases.truth - probability, spread, cell=number, cluster=cluster, weight=cases.weight)
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
    """Mean gap between forecast and observed rate over bins of equally many rows, weighted by rows.

    Bins of equal width (Naeini et al. 2015) would put nearly all loans into one where few default; equal forecasts
    share a bin. Never zero on finite data, even for perfect forecasts: read it beside `ece_null`. Rows count by
    `weight`, shape (n,), where it is given.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0, 1, 1, 1]), np.array([0.5, 0.5, 0.9, 0.9])), 4)
    0.05
    """
    counts = np.ones(len(truth)) if weight is None else weight
    number = _equal_mass(probability, bins, counts)
    # A bin's rows times its gap is the sum of its differences, so that no bin is divided by its size.
    return float(np.abs(np.bincount(number, counts * (truth - probability))).sum() / counts.sum())


def _equal_mass(probability: FloatArray, bins: int, counts: FloatArray) -> IntArray:
    """Number of the bin of each row, 0 and on, shape (n,); bins hold about as many rows as `counts` says."""
    order = np.argsort(probability)
    # In units of the least weight, a row of which is one row.
    upto = np.cumsum(counts[order]) / counts.min()
    last = np.searchsorted(upto, np.arange(1, bins) * upto[-1] // bins)
    edges = np.unique(probability[order][last])
    number = np.searchsorted(edges, probability, side="left")
    return np.asarray(np.unique(number, return_inverse=True)[1])


def ece_null(
    probability: FloatArray,
    bins: int = 15,
    *,
    draws: int = 200,
    seed: int = 0,
    weight: FloatArray | None = None,
) -> FloatArray:
    """Expected calibration errors that these forecasts would have if they were perfectly calibrated, shape (draws,).

    Each draw makes outcomes from the forecasts themselves, row by row; the mean is what a perfect model would score.

    Examples
    --------
    >>> float(ece_null(np.full(100, 0.5), draws=1000).mean().round(2))
    0.04
    """
    return _Statistics(probability, bins, weight).of_perfect(draws, seed)[:, 0]


class _Statistics:
    """Three signs of miscalibration, each larger the worse: error over bins, score test of the curve, Spiegelhalter.

    The score test is of intercept 0 and slope 1 together. All three are functions of the residuals alone, so that
    those of perfectly calibrated forecasts can be drawn without fitting anything.
    """

    def __init__(self, probability: FloatArray, bins: int, weight: FloatArray | None = None) -> None:
        counts = np.ones(len(probability)) if weight is None else weight
        number = _equal_mass(probability, bins, counts)
        # Rows of a bin side by side: `of` then sums bins in one pass, hundreds of times.
        self.order = np.argsort(number, kind="stable")
        self.p, self.counts = p, counts = probability[self.order], counts[self.order]
        self.number = number[self.order]
        self.starts = np.flatnonzero(np.diff(self.number, prepend=-1))
        # Of a weighted residual.
        score, variance = log_odds(p), counts**2 * p * (1.0 - p)
        self.share = np.add.reduceat(variance, self.starts) / max(float(variance.sum()), _TINY)
        # Centered so that level and slope are independent under calibration.
        slope = score - (variance @ score) / max(float(variance.sum()), _TINY)
        columns = np.column_stack([np.ones_like(p), slope, 1.0 - 2.0 * p])
        # Divided by its spread under calibration, each sum has variance 1, whatever the rate of events.
        spread = np.sqrt(variance @ columns**2)
        self.columns = np.where(spread > _FLAT * np.sqrt(len(p)), columns / np.maximum(spread, _TINY), 0.0)

    def of(self, residual: FloatArray, growth: Sequence[float] = (1.0,) * 4) -> tuple[float, float, float]:
        """Of residuals of shape (n,), in the order of `order`, whose sums are multiplied by what `growth` gives."""
        weighted = self.counts * residual
        sums = np.add.reduceat(weighted, self.starts)
        within, by_level = growth[:2]
        # What all bins share grows as the level does.
        sums = within * sums + (by_level - within) * self.share * sums.sum()
        level, slope, z = growth[1:] * (weighted @ self.columns)
        return float(np.abs(sums).sum() / self.counts.sum()), float(level**2 + slope**2), abs(float(z))

    def growth(self, residual: FloatArray, clusters: Sequence[IntArray]) -> tuple[float, float, float, float]:
        """By what sums spread more than those of independent rows: within bins, and for level, slope and z.

        Roots of design effects. Independent draws times these have about the distribution of clustered ones (Rao &
        Scott 1981, The analysis of categorical data from complex sample surveys). Of the gaps, the part that all bins
        have in common grows as the level, and the rest so that squared gaps grow as they do on average.
        """
        weighted, sorted_clusters = self.counts * residual, [cluster[self.order] for cluster in clusters]
        by_level, by_slope, by_z = (design_effect(weighted * column, sorted_clusters) for column in self.columns.T)
        gap = np.bincount(self.number, weighted) / np.bincount(self.number, self.counts)
        binned = [crossed(cluster, self.number) for cluster in sorted_clusters]
        by_gap = design_effect(weighted - self.counts * gap[self.number], binned)
        common = float(self.share @ self.share)
        within = max(1.0, (by_gap - common * by_level) / (1.0 - common)) if common < 1.0 - _FLAT else 1.0
        return float(np.sqrt(within)), float(np.sqrt(by_level)), float(np.sqrt(by_slope)), float(np.sqrt(by_z))

    def of_perfect(self, draws: int, seed: int, growth: Sequence[float] = (1.0,) * 4) -> FloatArray:
        """Of outcomes drawn from the forecasts themselves, whose sums then grow, shape (draws, 3)."""
        rng = np.random.default_rng(seed)
        return np.array([self.of((rng.random(len(self.p)) < self.p) - self.p, growth) for _ in range(draws)])


_TINY = 1e-300
_FLAT = 1e-9  # standard deviation of a row below which a column says nothing


def calibration_errors(forecasts: Forecasts, bins: int = 10, *, draws: int = 499, seed: int = 0) -> pd.DataFrame:
    """Whether forecasts of each model are miscalibrated, and how: too high, too low, too extreme or too timid.

    Three tests look for it: the calibration error over bins of equally many rows, the score test of intercept 0 and
    slope 1, and Spiegelhalter's z. Each is compared with outcomes drawn from the forecasts themselves, which is exact
    at any default rate where rows are independent; where loans belong to clients, the draws spread more, as far as
    loans of one client and, with dates, of one month share luck (`design_effect`). `p_value` is that of the smallest of
    the three p-values among those of the draws (Westfall & Young 1993), so that one perfectly calibrated model in
    twenty is called miscalibrated, not one in seven.

    Returns
    -------
    DataFrame
        One row per model: `model`, `ece`, `null_mean`, `null_high` (mean and 95 % quantile for perfect forecasts),
        `p_ece`, `intercept`, `intercept_low`, `intercept_high`, `slope`, `slope_low`, `slope_high` (see
        `finnet.evaluation.recalibration`), `p_curve`, `spiegelhalter`, `p_spiegelhalter`, `p_value`, `finding` (words)
        and `calibrated` (p_value above 5 %: no miscalibration was detected); where loans belong to clients also
        `effective_n`, how many independent loans would say as much about their default rate. The first repeat only.
        Rows without clients are taken as independent, so where they share shocks, as symbols of one day do, too many
        are called miscalibrated.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": list("ABCD"), "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.5, 0.5, 0.9, 0.9], "truth": [0.0, 1.0, 1.0, 1.0]}
    >>> calibration_errors(Forecasts.from_rows(rows, run_id="demo"))[["model", "ece", "finding"]].round(4)
         model   ece                     finding
    0  network  0.05  no miscalibration detected
    """
    cases = _cases_of(forecasts, "probability")
    # The same cases again would be no independent rows.
    first = cases.repeat == 0
    truth, counts, clusters = cases.truth[first], cases.counts[first], [cluster[first] for cluster in cases.clusters]
    records = [
        {"model": model, **_error_record(truth, column, counts, clusters=clusters, bins=bins, draws=draws, seed=seed)}
        for model, column in zip(cases.models, cases.values[first].T, strict=True)
    ]
    return pd.DataFrame(records)


def _error_record(
    truth: FloatArray,
    probability: FloatArray,
    counts: FloatArray,
    *,
    clusters: Sequence[IntArray],
    bins: int,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    statistics = _Statistics(probability, bins, counts)
    residual = truth[statistics.order] - statistics.p
    seen, growth = statistics.of(residual), statistics.growth(residual, clusters)
    # Sums of the same numbers in another order differ in their last digits, and must count as equal.
    among = np.vstack([seen, statistics.of_perfect(draws, seed, growth)]).round(12)
    p_each = np.column_stack([stats.rankdata(-column, method="max") / len(among) for column in among.T])
    p_ece, p_curve, p_z = p_each[0]
    # How often the smallest p-value of a draw is as small as that of the outcomes: exact, however tests are related.
    p_value = float(np.mean(p_each.min(axis=1) <= p_each[0].min()))
    intercept, slope = found = recalibration(truth, probability, weight=counts, clusters=clusters)
    return {
        "ece": seen[0],
        "null_mean": float(among[1:, 0].mean()),
        "null_high": float(np.quantile(among[1:, 0], 0.95)),
        "p_ece": p_ece,
        **dict(zip(("intercept", "intercept_low", "intercept_high"), intercept, strict=True)),
        **dict(zip(("slope", "slope_low", "slope_high"), slope, strict=True)),
        "p_curve": p_curve,
        "spiegelhalter": spiegelhalter_z(truth, probability, weight=counts, clusters=clusters),
        "p_spiegelhalter": p_z,
        "p_value": p_value,
        "finding": _finding(p_value, found),
        "calibrated": p_value > _LEVEL,
        **({"effective_n": effective_number(counts) / growth[1] ** 2} if clusters else {}),
    }


_LEVEL = 0.05


def _finding(p_value: float, found: Recalibration) -> str:
    if p_value > _LEVEL:
        return "no miscalibration detected"
    signs = {
        "too extreme": found.slope.high < 1,
        "too timid": found.slope.low > 1,
        "too high": found.intercept.high < 0,
        "too low": found.intercept.low > 0,
    }
    return f"forecasts {' and '.join(word for word, is_so in signs.items() if is_so) or 'off in some bins'}"
