"""Metrics of forecasts against what came true: all that are registered, and those of probabilities.

A metric is a plain function of (truth, probability, weight). Those of numbers stand in `number_metrics`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import rankdata

from finnet.checks import require_choice
from finnet.errors import ConfigError
from finnet.evaluation.cases import Cases
from finnet.evaluation.metric_shapes import Rank, Ranking, Sums, auc_contributions, ks_contributions, mean_of
from finnet.evaluation.number_metrics import (
    MAE,
    MSE,
    QLIKE,
    R2,
    coverage_error,
    coverage_error_at,
    mae,
    mse,
    pinball,
    pinball_at,
    qlike,
    r2,
    squared_errors,
)
from finnet.plugins import is_plugin, load_plugin
from finnet.types import FloatArray, IntArray

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "auc",
    "brier",
    "contributions",
    "gini",
    "ks",
    "log_loss",
    "log_losses",
    "mcc",
    "metric_named",
    "rank_information_coefficient",
    "require_judges",
    "session_contributions",
    "session_rank_ic",
]

# One probability of 0 for what came true would make the mean infinite; a millionth costs that row 13.8 nats instead.
_CLIP = 1e-6
MINIMUM_SYMBOLS = 10
_MOST_DIGITS = 12


def log_losses(truth: FloatArray, probability: FloatArray) -> FloatArray:
    """Negative log-likelihood of each row in nats, of probabilities clipped to [1e-6, 1 - 1e-6], shape (n,).

    Examples
    --------
    >>> log_losses(np.array([1, 0]), np.array([0.5, 0.5])).round(4)
    array([0.6931, 0.6931])
    """
    p = np.clip(probability, _CLIP, 1.0 - _CLIP)
    return np.asarray(-np.log(np.where(truth == 1, p, 1.0 - p)))


def _hits(truth: FloatArray, probability: FloatArray) -> FloatArray:
    return np.asarray((probability > 0.5) == (truth == 1), float)


def _confusion(truth: FloatArray, probability: FloatArray) -> FloatArray:
    up, said_up = truth == 1, probability > 0.5
    return np.column_stack([up & said_up, ~up & said_up, up & ~said_up, ~up & ~said_up]).astype(float)


def _mcc_of_counts(counts: FloatArray) -> FloatArray:
    tp, fp, fn, tn = np.moveaxis(counts, -1, 0)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    # With one class missing the numerator is 0 as well, so that any divisor gives the value 0 that is agreed on.
    return np.asarray((tp * tn - fp * fn) / np.sqrt(np.where(product > 0, product, 1.0)))


_ACCURACY, _BRIER, _LOG_LOSS = mean_of(_hits), mean_of(squared_errors), mean_of(log_losses)
_MCC = Sums(_confusion, _mcc_of_counts)


def _gini_contributions(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> FloatArray:
    return 2.0 * auc_contributions(truth, probability, weight) - 1.0


_AUC, _KS = Rank(Ranking.area, auc_contributions), Rank(Ranking.gap, ks_contributions)
_GINI = Rank(lambda ranking, weights: 2.0 * ranking.area(weights) - 1.0, _gini_contributions)


def accuracy(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Share of rows on the right side of one half; a probability of exactly 0.5 says 0.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        In [0, 1].
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> round(accuracy(np.array([1, 0, 1]), np.array([0.6, 0.6, 0.9])), 4)
    0.6667
    """
    return _ACCURACY.value(truth, probability, weight)


def mcc(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Matthews correlation of the forecast class with the truth, in [-1, 1]; 0 where either has one class only.

    (tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn)), Matthews 1975.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        In [0, 1].
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> round(mcc(np.array([1, 0, 1, 0]), np.array([0.6, 0.6, 0.9, 0.1])), 4)
    0.5774
    """
    return _MCC.value(truth, probability, weight)


def auc(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Chance that a one is forecast higher than a zero, ties counting half; NaN where one class is missing.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        Or any score: only the order counts.
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return _AUC.value(truth, probability, weight)


def gini(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Gini coefficient 2 AUC - 1, also called accuracy ratio or Somers' D.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        Or any score: only the order counts.
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> gini(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.5
    """
    return _GINI.value(truth, probability, weight)


def ks(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Kolmogorov-Smirnov distance: largest gap between the forecast's distributions among zeros and among ones.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        Or any score: only the order counts.
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> ks(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.5
    """
    return _KS.value(truth, probability, weight)


def brier(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean squared error of the probability (Brier 1950): 0 is perfect, 0.25 is what 0.5 for everyone gets.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        In [0, 1].
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Examples
    --------
    >>> brier(np.array([1, 0]), np.array([0.5, 0.5]))
    0.25
    """
    return _BRIER.value(truth, probability, weight)


def log_loss(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> float:
    """Mean negative log-likelihood in nats, of probabilities clipped to [1e-6, 1 - 1e-6].

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        In [0, 1].
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

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
    # Spearman's coefficient is Pearson's of the ranks; sums by session give it for all sessions at once.
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
    Arrays are those of `session_rank_ic`, of shape (n,).

    Examples
    --------
    >>> returns, forecast = np.array([0.01, 0.03, -0.02, 0.04]), np.array([0.2, 0.5, 0.1, 0.4])
    >>> rank_information_coefficient(returns, forecast, np.zeros(4, int), minimum=2)
    0.8
    """
    each = session_rank_ic(truth, forecast, session, minimum=minimum)
    return float(np.nanmean(each)) if np.isfinite(each).any() else np.nan


def session_contributions(truth: FloatArray, forecast: FloatArray, session: IntArray) -> FloatArray:
    """The rank IC of each row's session, scaled so that the mean over rows is that over sessions, shape (n,).

    NaN in sessions that have none (`session_rank_ic`); the mean is taken over the others.

    Examples
    --------
    >>> forecast = np.r_[np.arange(10.0), np.arange(12.0)]
    >>> session = np.repeat([0, 1], [10, 12])
    >>> session_contributions(np.r_[np.arange(10.0), -np.arange(12.0)], forecast, session)[[0, -1]].round(3)
    array([ 1.1  , -0.917])
    """
    each = session_rank_ic(truth, forecast, session)
    known = np.isfinite(each)
    rows = np.bincount(session, minlength=len(each))
    mean = float(each[known].mean()) if known.any() else np.nan
    scale = rows[known].mean() / np.maximum(rows, 1) if known.any() else np.ones(len(each))
    return np.asarray((mean + (each - mean) * scale)[session])


@dataclass(frozen=True)
class Metric:
    """A metric and all that tables, tests and pages need to know of it.

    Parameters
    ----------
    function : callable
        (truth, forecast, weight=None) to float, with `levels` of quantiles, or (truth, forecast, session) where `kind`
        is "panel".
    higher_is_better : bool
    words : str
        What a sentence calls it.
    digits : int
        Digits of a value in a table, of a percentage where `is_share`; figures that count where `has_unit`.
    is_share : bool
        Whether it is written as a percentage.
    kind : {"row", "panel"}
        Whether single rows are judged, or the order of symbols within each session.
    shape : Sums, Rank or function of levels to Sums, optional
        How the value follows from weighted rows, for quantiles by their levels. The bootstrap and paired tests need it;
        a panel metric needs none, as its sessions are averaged.
    fits : tuple of str
        Kinds of forecasts that it judges (`finnet.forecasts.KINDS`).
    needs_events : bool
        Whether every truth must be 0 or 1.
    has_unit : bool
        Whether the value has the unit of the truth, or its square, so that it may be of any size.
    against_naive : bool
        Whether truth and forecast are taken less the naive forecast (`Cases.naive`).
    """

    function: Callable[..., float]
    higher_is_better: bool
    words: str
    digits: int = 3
    is_share: bool = False
    kind: Literal["row", "panel"] = "row"
    shape: Sums | Rank | Callable[[FloatArray], Sums] | None = None
    fits: tuple[str, ...] = ("probability",)
    needs_events: bool = False
    has_unit: bool = False
    against_naive: bool = False

    @property
    def label(self) -> str:
        """What a heading calls it."""
        return self.words[0].upper() + self.words[1:]

    def digits_of(self, size: float) -> int:
        """Digits behind the point of a value about as large as `size`.

        Examples
        --------
        >>> METRICS["mse"].digits_of(0.000123), METRICS["mse"].digits_of(12.3), METRICS["auc"].digits_of(0.000123)
        (7, 2, 3)
        """
        if not self.has_unit or not size or not np.isfinite(size):
            return self.digits
        return int(np.clip(self.digits - 1 - np.floor(np.log10(abs(size))), 0, _MOST_DIGITS))

    def shape_at(self, levels: FloatArray) -> Sums | Rank | None:
        """The shape, of quantiles at these levels."""
        return self.shape if self.shape is None or isinstance(self.shape, Sums | Rank) else self.shape(levels)

    def judges(self, cases: Cases) -> bool:
        """Whether it fits these forecasts and what came true; a panel metric takes no weights."""
        has_naive = cases.naive is not None or not self.against_naive
        counts = self.kind != "panel" or cases.weight is None
        return cases.kind in self.fits and has_naive and counts and (cases.is_event or not self.needs_events)

    def judged(
        self, truth: FloatArray, forecast: FloatArray, naive: FloatArray | None
    ) -> tuple[FloatArray, FloatArray]:
        """Truth and forecast, shape (n,) each, as the metric takes them: less the naive one where it judges against it.

        A forecast of quantiles has shape (n, n_levels).
        """
        if not self.against_naive or naive is None:
            return truth, forecast
        return truth - naive, forecast - naive


_RANKED: dict[str, Any] = {"fits": ("probability", "score"), "needs_events": True}
_OF_MEANS: dict[str, Any] = {"fits": ("mean",)}
_OF_QUANTILES: dict[str, Any] = {"fits": ("quantile",)}

METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, True, "accuracy", digits=1, is_share=True, shape=_ACCURACY),
    "mcc": Metric(mcc, True, "MCC", shape=_MCC),
    "auc": Metric(auc, True, "AUC", shape=_AUC, **_RANKED),
    "gini": Metric(gini, True, "Gini", shape=_GINI, **_RANKED),
    "ks": Metric(ks, True, "KS", shape=_KS, **_RANKED),
    "brier": Metric(brier, False, "Brier score", digits=4, shape=_BRIER),
    "log_loss": Metric(log_loss, False, "log loss", digits=4, shape=_LOG_LOSS),
    "rank_ic": Metric(
        rank_information_coefficient, True, "rank IC", digits=4, kind="panel", fits=("probability", "mean", "score")
    ),
    "mse": Metric(mse, False, "mean squared error", digits=4, shape=MSE, has_unit=True, **_OF_MEANS),
    "mae": Metric(mae, False, "mean absolute error", digits=4, shape=MAE, has_unit=True, **_OF_MEANS),
    "r2": Metric(r2, True, "out-of-sample R²", digits=2, is_share=True, shape=R2, against_naive=True, **_OF_MEANS),
    "qlike": Metric(qlike, False, "QLIKE", digits=4, shape=QLIKE, **_OF_MEANS),
    "pinball": Metric(pinball, False, "pinball loss", digits=4, shape=pinball_at, has_unit=True, **_OF_QUANTILES),
    "coverage_error": Metric(
        coverage_error, False, "coverage error", digits=1, is_share=True, shape=coverage_error_at, **_OF_QUANTILES
    ),
}


def metric_named(name: str) -> Metric:
    """The metric of a name: one of `METRICS`, or a plugin `package.module:name`, where plugins are allowed.

    Raises
    ------
    ConfigError
        Where there is no such metric.

    Examples
    --------
    >>> metric_named("auc").higher_is_better
    True
    """
    if not is_plugin(name):
        require_choice(name, METRICS, name="metric")
        return METRICS[name]
    # Looked up each time and never added to METRICS: what one job names must not be known to the next.
    own = load_plugin(name)
    if not isinstance(own, Metric):
        raise ConfigError(f"{name!r} is no Metric; see finnet.evaluation.metrics.Metric")
    return own


def require_judges(name: str, cases: Cases) -> None:
    """Raise ConfigError where no metric has this name, or it does not fit the forecasts; it names those that do.

    Examples
    --------
    >>> from finnet.evaluation.cases import paired_cases
    >>> from finnet.forecasts import Forecasts
    >>> rows = {"model": "network", "fold": 0, "entity": ["A"], "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.1], "truth": [0.0]}
    >>> require_judges("mse", paired_cases(Forecasts.from_rows(rows, run_id="demo")))
    Traceback (most recent call last):
    finnet.errors.ConfigError: metric 'mse' does not fit forecasts of kind probability; use accuracy, ...
    """
    metric = metric_named(name)
    if not metric.judges(cases):
        fitting = [other for other, one in METRICS.items() if one.judges(cases) and _has_sessions(one, cases)]
        listed = (", ".join(fitting[:-1]), "".join(fitting[-1:]))
        either = " or ".join(part for part in listed if part) or "another kind"
        raise ConfigError(f"metric {name!r} {_misfit(metric, cases)}; use {either}")
    if not _has_sessions(metric, cases):
        raise ConfigError(f"metric {name!r} orders symbols within a session; leave it out for rows without dates")


def _has_sessions(metric: Metric, cases: Cases) -> bool:
    return metric.kind != "panel" or cases.is_dated


def _misfit(metric: Metric, cases: Cases) -> str:
    if cases.kind not in metric.fits:
        return f"does not fit forecasts of kind {cases.kind}"
    if metric.needs_events and not cases.is_event:
        return "needs truths of 0 and 1"
    if metric.kind == "panel" and cases.weight is not None:
        return "orders symbols within a session and takes no weights, which these rows have"
    return "measures against a naive forecast that the models lack"


def contributions(metric: Metric, cases: Cases, forecast: FloatArray) -> FloatArray:
    """Numbers whose mean is the metric and whose spread gives its standard error, shape (n,).

    They turn a comparison in any metric into a test of a mean: losses as they are, the AUC by DeLong's components, a
    rank IC by its sessions (where it has none: NaN), other metrics by the delta method. Repeats of a case are scored
    apart, as repeated folds are. Where cases have weights, it is the weighted mean that is the metric.

    Parameters
    ----------
    cases : Cases
    forecast : ndarray of shape (n,), or (n, n_levels) of quantiles
        Of one model.
    """
    if metric.kind == "panel":
        return session_contributions(cases.outcome, forecast, cases.unit)
    shape = metric.shape_at(cases.levels)
    if shape is None:
        raise ConfigError(f"{metric.words} says not what a row contributes to it; give Metric(shape=...)")
    truth, forecast = metric.judged(cases.truth, forecast, cases.naive)
    out = np.empty(len(forecast))
    # Repeats are other fits: a ranking across them would compare forecasts of different models.
    for repeat in range(int(cases.repeat.max()) + 1):
        rows = cases.repeat == repeat
        weight = None if cases.weight is None else cases.weight[rows]
        out[rows] = shape.contributions(truth[rows], forecast[rows], weight)
    return out
