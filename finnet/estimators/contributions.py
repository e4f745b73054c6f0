"""Contributions: how much of a forecast's log-odds each column of the table brings, against a typical row."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from finnet.checks import require_columns
from finnet.errors import DataError
from finnet.estimators.calibration_curves import IsotonicCalibrator
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.estimators.default_risk import FLOOR, DefaultRiskClassifier
from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier
from finnet.estimators.threads import one_blas_thread
from finnet.estimators.tuning import TunedClassifier
from finnet.features.encoding import TableEncoder
from finnet.fitting import CrossFit
from finnet.network.activations import Sigmoid
from finnet.network.attribution import Part, integrated_gradients
from finnet.network.model import Network, dense_network
from finnet.types import FloatArray

__all__ = ["INTEGRATED", "SAMPLED", "Contributions", "contributions", "log_odds", "typical_row"]

INTEGRATED, SAMPLED = "integrated gradients", "sampled Shapley values"
_ORDERS = 4  # of columns, each taken forward and backward


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each column of each row brings to the log-odds of its forecast.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        In log-odds; a row sums to `score - base`.
    score : ndarray of shape (n_rows,)
        Log-odds of the forecasts.
    base : float
        Log-odds of the forecast of the reference, of several the mean.
    way : str
        INTEGRATED or SAMPLED.
    missed : float
        By how much the sum of a row missed the log-odds of the networks at most, before the rest was spread.
    """

    table: pd.DataFrame
    score: FloatArray
    base: float
    way: str
    missed: float = 0.0

    @property
    def gap(self) -> FloatArray:
        """What each row sums to beyond `score - base`, shape (n_rows,)."""
        return np.asarray(self.table.to_numpy().sum(axis=1) - (self.score - self.base))


def contributions(
    model: Any, X: pd.DataFrame, *, reference: pd.DataFrame, tolerance: float = 1e-3, seed: int = 0
) -> Contributions:
    """Contributions of the columns of X to the log-odds of the second class, within `tolerance` of the forecasts.

    Networks and logistic regressions, also encoded, cross-fitted and calibrated, and DefaultRiskClassifier are
    explained by integrated gradients (Sundararajan, Taly & Yan 2017). The forecast is an average of probabilities of
    networks that see rows encoded in ways of their own; all of them walk straight from the reference to the row, each
    in its own encoding, at the same time, and the log-odds of the average is integrated along. What the encoded columns
    bring goes to the column that they are made of, a ratio's by half to each of its two. For a single logistic
    regression this is weight times distance. What the sum then misses, by rounding, by the tolerance, or where a
    forecast is held at the floor of probabilities, is spread over the columns in proportion to what they bring.
    Calibration stretches log-odds; where its curve is not straight, what the columns of a row bring is stretched alike,
    by the mean slope of the curve between reference and row.

    Any other model is explained by Shapley values: what the forecast changes when a column takes its value, columns
    taking theirs in random order; the mean over four orders and their reverses (Castro, Gomez & Tejada 2009; Mitchell
    et al. 2022). The sum is exact, the share of a column is an estimate.

    Parameters
    ----------
    model : fitted classifier of two classes
    X : DataFrame of shape (n_rows, n_columns)
    reference : DataFrame
        One row, such as `typical_row` gives, or several, whose contributions are averaged; columns as in X.
    tolerance : float
        In log-odds.
    seed : int
        Of the orders.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"debt": rng.gamma(2.0, 1.0, 200), "home": rng.choice(["own", "rent"], 200)})
    >>> y = (table["debt"] > 2.0).astype(int)
    >>> model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, y)
    >>> found = contributions(model, table.head(50), reference=typical_row(table))
    >>> found.way, found.table.abs().mean().idxmax(), bool(np.abs(found.gap).max() < 1e-3)
    ('integrated gradients', 'debt', True)
    """
    if not len(X) or not len(reference):
        raise DataError(f"{len(X)} rows and {len(reference)} references explain nothing; give at least one of each")
    require_columns(reference.columns, list(X.columns), name="reference")
    reference = reference[list(X.columns)]
    score, bases = log_odds(model, X), log_odds(model, reference)
    base = float(np.mean(bases))
    seen, seen_before = _seen(model, X), _seen(model, reference)
    if seen is None or seen_before is None:
        table = _sampled(model, X, reference=reference, rng=np.random.default_rng(seed))
        return Contributions(table, score, base, SAMPLED)
    if _is_bent(model) and len(reference) > 1:
        # The slope between reference and row is another for each reference.
        rows = [reference.iloc[[k]] for k in range(len(reference))]
        each = [contributions(model, X, reference=row, tolerance=tolerance) for row in rows]
        averaged = pd.DataFrame(np.mean([own.table for own in each], axis=0), index=X.index, columns=X.columns)
        return Contributions(averaged, score, base, INTEGRATED, max(own.missed for own in each))
    floor = 0.0
    slope: FloatArray = np.ones(len(X))  # of the curve that turns average probabilities into published ones
    if isinstance(model, CalibratedClassifier) and model.calibrator_ is not None:
        floor, slope = model.floor_, model.mean_slopes(X, reference)
    elif _has_curve(model):
        slope *= model._raced.curve.slope_
    parts = [Part(own.network, own.X, before.X, own.share) for own, before in zip(seen, seen_before, strict=True)]
    with one_blas_thread():
        # The slope stretches log-odds, and with them what a sum misses.
        found = integrated_gradients(parts, tolerance=tolerance / max(float(slope.max()), 1.0), floor=floor)
    total = pd.DataFrame(0.0, index=X.index, columns=X.columns)
    for own, brought in zip(seen, found.contributions, strict=True):
        names = list(own.weights)
        # From encoded inputs back to the columns that they were made of.
        total[names] += brought @ np.column_stack([own.weights[name] for name in names])
    total = total.mul(slope, axis=0)
    missed = float((slope * np.abs(found.gap)).max())
    return Contributions(_spread(total, score - base), score, base, INTEGRATED, missed)


def log_odds(model: Any, X: pd.DataFrame) -> FloatArray:
    """Log-odds of the second class, shape (n_rows,); probabilities nearer to 0 or 1 than FLOOR count as FLOOR."""
    return np.asarray(logit(np.clip(np.asarray(model.predict_proba(X))[:, 1], FLOOR, 1.0 - FLOOR)))


def typical_row(X: pd.DataFrame) -> pd.DataFrame:
    """One row of usual values: of numbers the one in the middle, of categories the most frequent; all occur in X.

    What is missing in most rows is missing here. Of two levels as frequent the first in the alphabet is taken.

    Examples
    --------
    >>> typical_row(pd.DataFrame({"income": [1.0, 2.0, 9.0, None], "home": ["own", "rent", "rent", None]}))
       income  home
    0     2.0  rent
    """
    columns = {}
    for name, column in X.items():
        known = column.dropna()
        if 2 * len(known) <= len(column):
            # Cells are taken from the column, by position in a list, so that the row keeps the types of the table.
            columns[name] = column.iloc[[int(column.isna().to_numpy().argmax())]]
        elif pd.api.types.is_numeric_dtype(column.dtype):
            # The lower of two in the middle, since their mean may be a value that no row has.
            columns[name] = known.sort_values().iloc[[(len(known) - 1) // 2]]
        else:
            counts = known.astype(str).value_counts()
            usual = min(counts.index[counts == counts.max()])
            columns[name] = known[(known.astype(str) == usual).to_numpy()].iloc[:1]
    return pd.DataFrame({name: column.reset_index(drop=True) for name, column in columns.items()})


class _Seen(NamedTuple):
    """A network, its share in the forecast, what it sees of rows, and how much of each input each column is."""

    network: Network
    share: float | FloatArray
    X: FloatArray
    weights: Mapping[str, FloatArray]


def _spread(table: pd.DataFrame, published: FloatArray) -> pd.DataFrame:
    """The table with what each row misses of the published sum spread over its columns by the size of what they bring.

    Of a row away from the floor that is less than the tolerance; at the floor the forecast says less than the networks.
    """
    brought = table.to_numpy()
    size = np.abs(brought).sum(axis=1)
    missing = np.divide(published - brought.sum(axis=1), size, out=np.zeros(len(size)), where=size > 0.0)
    return pd.DataFrame(brought + np.abs(brought) * missing[:, None], index=table.index, columns=table.columns)


@singledispatch
def _seen(model: Any, X: Any) -> list[_Seen] | None:
    """Networks whose average is the forecast, and what they see of X; None for other models."""
    return None


@_seen.register
def _(model: DefaultRiskClassifier, X: Any) -> list[_Seen]:
    shown, race = model._table.show(X), model._raced
    encoder, parents = model._table.encoder_, model._table.parents()
    numbers = np.asarray(encoder.numbers_, object)[encoder.varies_]
    found = []
    for bag in race.bags:
        binned = [] if bag.bins is None else zip(numbers, bag.bins.edges_, strict=True)
        origins = [*encoder.origins(), *(name for name, edges in binned for _ in edges[1:])]
        # Bags of a design share its part of the forecast alike.
        share = race.shares[bag.design] / sum(other.design == bag.design for other in race.bags)
        found.append(_Seen(bag.network, share, bag.encoded(shown), _weights(origins, parents)))
    return found


@_seen.register(CalibratedClassifier)
@_seen.register(TunedClassifier)
def _(model: Any, X: Any) -> list[_Seen] | None:
    return None if _has_curve(model.classifier_) else _seen(model.classifier_, X)


@_seen.register
def _(model: CrossFit, X: Any) -> list[_Seen] | None:
    found = [None if _has_curve(own) else _seen(own, X) for own in model.models]
    if any(own is None for own in found):
        return None
    return [seen._replace(share=seen.share / len(found)) for own in found for seen in own or []]


@_seen.register
def _(model: EncodedClassifier, X: Any) -> list[_Seen] | None:
    if not isinstance(model.encoder_, TableEncoder):
        return None
    found = _seen(model.classifier_, model.encoder_.transform(X))
    weights = _weights(model.encoder_.origins(), {})
    return None if found is None else [seen._replace(weights=weights) for seen in found]


@_seen.register(NetworkClassifier)
@_seen.register(NetworkEnsembleClassifier)
def _(model: Any, X: Any) -> list[_Seen] | None:
    if len(model.classes_) != 2:
        return None
    return [_Seen(model.network_, getattr(model, "shares_", 1.0), np.asarray(X, np.float64), _named(X))]


@_seen.register
def _(model: LogisticRegression, X: Any) -> list[_Seen] | None:
    if model.coef_.shape[0] != 1:
        return None
    # The same model as a network of one layer, so that one formula explains both.
    network = dense_network((model.coef_.shape[1], 1), output=Sigmoid(), dtype="float64")
    network.restore(np.append(model.coef_[0], model.intercept_).astype(np.float64))
    return [_Seen(network, 1.0, np.asarray(X, np.float64), _named(X))]


def _has_curve(model: Any) -> bool:
    """Whether a default-risk classifier calibrates its average, which only it itself, no average of it, can undo."""
    return isinstance(model, DefaultRiskClassifier) and model._raced.curve is not None


def _is_bent(model: Any) -> bool:
    """Whether a curve that is not straight calibrates the model."""
    return isinstance(model, CalibratedClassifier) and isinstance(model.calibrator_, IsotonicCalibrator)


def _named(X: Any) -> Mapping[str, FloatArray]:
    names = list(X.columns) if isinstance(X, pd.DataFrame) else [f"x{k}" for k in range(X.shape[1])]
    return _weights(names, {})


def _weights(origins: list[str], parents: Mapping[str, tuple[str, ...]]) -> dict[str, FloatArray]:
    """How much of each input is each column's, shape (n_inputs,) each: all, or an even part of what has parents."""
    weights: dict[str, FloatArray] = {}
    for k, origin in enumerate(origins):
        names = parents.get(origin, (origin,))
        for name in names:
            weights.setdefault(name, np.zeros(len(origins)))[k] += 1.0 / len(names)
    return weights


def _sampled(model: Any, X: pd.DataFrame, *, reference: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Shapley values by random orders of the columns, each taken forward and backward."""
    total = np.zeros(X.shape)
    orders = [rng.permutation(X.shape[1]) for _ in range(_ORDERS)]
    # A column that comes early in one order comes late in its reverse, so that their errors partly cancel.
    both = [order for drawn in orders for order in (drawn, drawn[::-1])]
    for row in range(len(reference)):
        for order in both:
            table = reference.iloc[np.full(len(X), row)].set_index(X.index)
            before = log_odds(model, table)
            for column in order:
                # Columns that have come stay at their own values: the steps add up to the whole way from the reference.
                table = table.assign(**{X.columns[column]: X.iloc[:, column]})
                after = log_odds(model, table)
                total[:, column] += after - before
                before = after
    return pd.DataFrame(total / (len(both) * len(reference)), index=X.index, columns=X.columns)
