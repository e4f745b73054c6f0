"""What users may bring: a feature, a label, a model and an activation, and some that must be refused."""

from dataclasses import dataclass

import numpy as np
from sklearn.naive_bayes import GaussianNB

from finnet.evaluation.metric_shapes import Sums
from finnet.evaluation.metrics import Metric
from finnet.features.feature import Feature
from finnet.labels import HorizonLabel


def high_low():
    return Feature("high_low", 1, ("high", "low"), lambda view: view["high"] / view["low"] - 1.0)


def tomorrow():
    """A feature that looks ahead."""
    return Feature("tomorrow", 1, ("close",), lambda view: np.roll(view["close"], -1, axis=0) / view["close"])


@dataclass(frozen=True)
class LargeMove(HorizonLabel):
    """1 where the price moves by more than `size`, up or down."""

    size: float = 0.01

    @property
    def target(self):
        return "large_move"

    def values(self, panel):
        returns = self.returns(panel)
        return np.where(np.isnan(returns), np.nan, (np.abs(returns) > self.size).astype(float))


class Softsign:
    in_place = False

    def value(self, Z, out):
        return np.divide(Z, 1 + np.abs(Z), out=out)

    def gradient(self, Z, A, dA):
        dA /= (1 + np.abs(Z)) ** 2
        return dA


class WrongSoftsign(Softsign):
    """An activation whose gradient is another one's."""

    def gradient(self, Z, A, dA):
        dA /= 1 + np.abs(Z)
        return dA


def _misses(truth, probability):
    return np.column_stack([(probability > 0.5) != (truth == 1), np.ones(len(truth))]).astype(float)


_SHAPE = Sums(_misses, lambda sums: sums[..., 0] / sums[..., 1])
miss_rate = Metric(lambda truth, p, weight=None: _SHAPE.value(truth, p, weight), False, "miss rate", shape=_SHAPE)


def bayes():
    return GaussianNB()


class Failing(GaussianNB):
    """A model that fails, or ends the process, when it is fitted."""

    def __init__(self, ends=False):
        super().__init__()
        self.ends = ends

    def fit(self, X, y):
        if self.ends:
            raise SystemExit(3)
        raise ValueError("boom")


def fails_at_fit():
    return Failing()


def ends_at_fit():
    return Failing(ends=True)


def fails_when_called():
    return 1 / 0


def no_estimator():
    return "text"
