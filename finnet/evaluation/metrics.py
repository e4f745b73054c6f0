"""Metrics of probabilities against what came true: plain functions of (truth, probability, weight)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import rankdata

from finnet.types import FloatArray, IntArray

__all__ = [
    "METRICS",
    "ROW_LOSSES",
    "Metric",
    "Rank",
    "Ranking",
    "Sums",
    "accuracy",
    "auc",
    "brier",
    "gini",
    "ks",
    "log_loss",
    "mcc",
    "rank_information_coefficient",
    "session_rank_ic",
]

_CLIP = 1e-6
MINIMUM_SYMBOLS = 10
# Values times draws worked on at once, so that their arrays stay in the processor's cache.
_STEP_WEIGHTS = 200_000

Loss = Callable[[FloatArray, FloatArray], FloatArray]


def _log_losses(truth: FloatArray, probability: FloatArray) -> FloatArray:
    p = np.clip(probability, _CLIP, 1.0 - _CLIP)
    return np.asarray(-np.log(np.where(truth == 1, p, 1.0 - p)))


def _squared_errors(truth: FloatArray, probability: FloatArray) -> FloatArray:
    return np.asarray((probability - truth) ** 2)


def _misses(truth: FloatArray, probability: FloatArray) -> FloatArray:
    return np.asarray((probability > 0.5) != (truth == 1), float)


ROW_LOSSES: dict[str, Loss] = {"log_loss": _log_losses, "brier": _squared_errors, "accuracy": _misses}
"""Loss of each row, shape (n,), by metric; `accuracy` counts misses, so lower is better for all."""


@dataclass(frozen=True)
class Sums:
    """A metric that is a function of weighted sums over rows: `combine(weight @ terms(truth, probability))`.

    Parameters
    ----------
    terms : function of (truth, probability) to an array of shape (n, k)
    combine : function of sums of shape (..., k) to values of shape (...)
    """

    terms: Loss
    combine: Callable[[FloatArray], FloatArray]

    def value(self, truth: FloatArray, probability: FloatArray, weight: FloatArray | None) -> float:
        """The metric of weighted rows; every weight is 1 by default."""
        terms = self.terms(truth, probability)
        return float(self.combine(terms.sum(axis=0) if weight is None else weight @ terms))


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows sorted by their forecast once, so that rank metrics of many sets of weights need no further sorting.

    Parameters
    ----------
    ones, zeros : sparse array of shape (n_values, n_units)
        How many rows of each unit with truth 1, or 0, have each distinct forecast, lowest first.
    """

    ones: csr_array
    zeros: csr_array

    @classmethod
    def of(cls, truth: FloatArray, probability: FloatArray, unit: IntArray, *, n_units: int) -> Self:
        """The ranking of rows whose weight is that of their unit, all arrays of shape (n,)."""
        values, value = np.unique(probability, return_inverse=True)
        shape = (len(values), n_units)
        parts = [csr_array((kind.astype(float), (value, unit)), shape=shape) for kind in (truth == 1, truth != 1)]
        return cls(*parts)

    def area(self, weights: FloatArray) -> FloatArray:
        """Area under the ROC curve, shape (draws,); NaN where one class has no weight.

        Parameters
        ----------
        weights : ndarray of shape (draws, n_units)
        """
        beaten, zeros_below = np.zeros((2, len(weights)))
        for ones, zeros in self._steps(weights):
            zeros_upto = np.cumsum(zeros, axis=0)
            beaten += zeros_below * ones.sum(axis=0) + np.einsum("vd,vd->d", ones, zeros_upto - 0.5 * zeros)
            zeros_below = zeros_below + zeros_upto[-1]
        return np.asarray(beaten / np.prod(self._totals(weights), axis=0))

    def gap(self, weights: FloatArray) -> FloatArray:
        """Largest distance between the distributions of ones and zeros, shapes as in `area`."""
        widest, lead = np.zeros((2, len(weights)))
        n_ones, n_zeros = self._totals(weights)
        for ones, zeros in self._steps(weights):
            leads = lead + np.cumsum(ones / n_ones - zeros / n_zeros, axis=0)
            widest, lead = np.maximum(widest, np.abs(leads).max(axis=0)), leads[-1]
        return widest

    def _totals(self, weights: FloatArray) -> FloatArray:
        """Weight of all ones and of all zeros, shape (2, draws), with NaN for none."""
        totals = np.array([weights @ part.sum(axis=0) for part in (self.ones, self.zeros)])
        return np.where(totals > 0, totals, np.nan)

    def _steps(self, weights: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Weight of ones and of zeros at each value, shape (some values, draws), lowest values first."""
        step = max(1, _STEP_WEIGHTS // max(len(weights), 1))
        by_unit = np.ascontiguousarray(weights.T)
        for start in range(0, self.ones.shape[0], step):
            yield self.ones[start : start + step] @ by_unit, self.zeros[start : start + step] @ by_unit


@dataclass(frozen=True)
class Rank:
    """A metric that depends only on the order of the forecasts: `read(ranking, weights)` of shape (draws,)."""

    read: Callable[[Ranking, FloatArray], FloatArray]

    def value(self, truth: FloatArray, probability: FloatArray, weight: FloatArray | None) -> float:
        """The metric of weighted rows; every weight is 1 by default; NaN where one class is missing."""
        n = len(truth)
        ranking = Ranking.of(truth, probability, np.arange(n), n_units=n)
        return float(self.read(ranking, np.ones((1, n)) if weight is None else weight[None, :])[0])


def _mean_of(loss: Loss) -> Sums:
    def terms(truth: FloatArray, probability: FloatArray) -> FloatArray:
        return np.column_stack([loss(truth, probability), np.ones(len(truth))])

    return Sums(terms, lambda sums: sums[..., 0] / sums[..., 1])


def _hits(truth: FloatArray, probability: FloatArray) -> FloatArray:
    return 1.0 - _misses(truth, probability)


def _confusion(truth: FloatArray, probability: FloatArray) -> FloatArray:
    up, said_up = truth == 1, probability > 0.5
    return np.column_stack([up & said_up, ~up & said_up, up & ~said_up, ~up & ~said_up]).astype(float)


def _mcc_of_counts(counts: FloatArray) -> FloatArray:
    tp, fp, fn, tn = np.moveaxis(counts, -1, 0)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return np.asarray((tp * tn - fp * fn) / np.sqrt(np.where(product > 0, product, 1.0)))


_ACCURACY, _BRIER, _LOG_LOSS = _mean_of(_hits), _mean_of(_squared_errors), _mean_of(_log_losses)
_MCC = Sums(_confusion, _mcc_of_counts)
_AUC, _KS = Rank(Ranking.area), Rank(Ranking.gap)
_GINI = Rank(lambda ranking, weights: 2.0 * ranking.area(weights) - 1.0)


def accuracy(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Share of rows on the right side of one half; a probability of exactly 0.5 says 0.

    Examples
    --------
    >>> round(accuracy(np.array([1, 0, 1]), np.array([0.6, 0.6, 0.9])), 4)
    0.6667
    """
    return _ACCURACY.value(truth, probability, weight)


def mcc(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Matthews correlation of the forecast class with the truth, in [-1, 1]; 0 where either has one class only.

    (tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn)), Matthews 1975.

    Examples
    --------
    >>> round(mcc(np.array([1, 0, 1, 0]), np.array([0.6, 0.6, 0.9, 0.1])), 4)
    0.5774
    """
    return _MCC.value(truth, probability, weight)


def auc(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Chance that a one is forecast higher than a zero, ties counting half; NaN where one class is missing.

    Examples
    --------
    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return _AUC.value(truth, probability, weight)


def gini(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Gini coefficient 2 AUC - 1, also called accuracy ratio or Somers' D.

    Examples
    --------
    >>> gini(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.5
    """
    return _GINI.value(truth, probability, weight)


def ks(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Kolmogorov-Smirnov distance: largest gap between the forecast's distributions among zeros and among ones.

    Examples
    --------
    >>> ks(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.5
    """
    return _KS.value(truth, probability, weight)


def brier(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean squared error of the probability (Brier 1950): 0 is perfect, 0.25 is what 0.5 for everyone gets.

    Examples
    --------
    >>> brier(np.array([1, 0]), np.array([0.5, 0.5]))
    0.25
    """
    return _BRIER.value(truth, probability, weight)


def log_loss(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean negative log-likelihood in nats, of probabilities clipped to [1e-6, 1 - 1e-6].

    Examples
    --------
    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    return _LOG_LOSS.value(truth, probability, weight)


def session_rank_ic(
    truth: FloatArray, forecast: FloatArray, session: IntArray, *, minimum: int = MINIMUM_SYMBOLS
) -> FloatArray:
    """Spearman correlation of forecast and outcome within each session, ties given their mean rank.

    Parameters
    ----------
    truth, forecast : ndarray of shape (n,)
        Forward return (or the 0/1 label where that is all there is) and the forecast.
    session : ndarray of int, shape (n,)
        Number of the session of each row, 0 to n_sessions - 1.
    minimum : int
        A session with fewer rows is NaN, as is one whose outcomes are all equal. Forecasts that are all equal score 0.

    Returns
    -------
    ndarray of shape (n_sessions,)
    """
    x, y = _centered_ranks(forecast, session), _centered_ranks(truth, session)
    n = np.bincount(session)
    xx, yy, xy = (np.bincount(session, product) for product in (x * x, y * y, x * y))
    correlation = xy / np.sqrt(np.where((xx > 0) & (yy > 0), xx * yy, 1.0))
    return np.where((n >= minimum) & (yy > 0), correlation, np.nan)


def _centered_ranks(values: FloatArray, session: IntArray) -> FloatArray:
    """Rank within the session less the session's mean rank."""
    # Whole numbers order (session, value) at once, so one ranking serves all sessions.
    level = np.unique(values, return_inverse=True)[1]
    rank = rankdata(session.astype(np.int64) * (int(level.max()) + 1) + level)
    mean = np.bincount(session, rank) / np.maximum(np.bincount(session), 1)
    return np.asarray(rank - mean[session])


def rank_information_coefficient(
    truth: FloatArray, forecast: FloatArray, session: IntArray, *, minimum: int = MINIMUM_SYMBOLS
) -> float:
    """Mean over sessions of the Spearman correlation between forecast and forward return.

    Sessions with fewer than `minimum` rows, or whose outcomes are all equal, are left out; NaN where none is left.
    Parameters are those of `session_rank_ic`.

    Examples
    --------
    >>> returns, forecast = np.array([0.01, 0.03, -0.02, 0.04]), np.array([0.2, 0.5, 0.1, 0.4])
    >>> rank_information_coefficient(returns, forecast, np.zeros(4, int), minimum=2)
    0.8
    """
    each = session_rank_ic(truth, forecast, session, minimum=minimum)
    return float(np.nanmean(each)) if np.isfinite(each).any() else np.nan


@dataclass(frozen=True)
class Metric:
    """A metric as tables and reports need it.

    Parameters
    ----------
    function : callable
        (truth, probability, weight=None) to float, or (truth, forecast, session) for `kind="panel"`.
    higher_is_better : bool
    label : str
        As people write it.
    kind : {"probability", "panel"}
        Whether single rows are judged, or the order of symbols within each session.
    shape : Sums or Rank, optional
        How the value follows from weighted rows, which makes the bootstrap fast; without it each draw calls `function`.
    """

    function: Callable[..., float]
    higher_is_better: bool
    label: str
    kind: Literal["probability", "panel"] = "probability"
    shape: Sums | Rank | None = None


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, True, "Accuracy", shape=_ACCURACY),
    "mcc": Metric(mcc, True, "MCC", shape=_MCC),
    "auc": Metric(auc, True, "AUC", shape=_AUC),
    "gini": Metric(gini, True, "Gini", shape=_GINI),
    "ks": Metric(ks, True, "KS", shape=_KS),
    "brier": Metric(brier, False, "Brier score", shape=_BRIER),
    "log_loss": Metric(log_loss, False, "Log loss", shape=_LOG_LOSS),
    "rank_ic": Metric(rank_information_coefficient, True, "Rank IC", kind="panel"),
}
