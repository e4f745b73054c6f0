"""The race of designs: bags of rows, forecasts of the rows that each leaves out, and what they make of the designs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy.special import logit

from finnet.estimators.calibration_curves import LogitCalibrator
from finnet.estimators.risk_designs import DESIGNS, Bag, Shown, TrainedBag, train_bag
from finnet.estimators.risk_history import BagHistory, RiskHistory, Standing
from finnet.estimators.threads import one_blas_thread
from finnet.types import FloatArray, IntArray
from finnet.weights import effective_number

__all__ = [
    "FLOOR",
    "Division",
    "Race",
    "blend",
    "divide",
    "log_losses",
    "log_odds",
    "run_race",
    "standings",
    "still_racing",
]

FLOOR = 1e-5
"""No forecast of a default is nearer to 0 or 1 than this."""

_FEW_ROWS, _MANY_ROWS = 1_500, 20_000
_FIRST_BAGS = 2  # after which a design may retire, of five
_ENOUGH_ROWS = 4_000  # left out by one bag, to retire after it
_SHARES = np.linspace(0.0, 1.0, 21)

_Trained = dict[tuple[str, int], TrainedBag]


class Division(NamedTuple):
    """Rows that a bag learns from, and those that stop and judge it, by number."""

    learned: IntArray
    judged: IntArray


@dataclass(frozen=True, eq=False)
class Race:
    """What came of a race: the bags of the designs that stayed, the share of each design, and forecasts out of bag.

    `out_of_bag` has shape (n_rows,) and NaN for rows that no bag has left out. It and `history` are None where they
    were not saved. `curve` is that of the average's log-odds, where there is one; forecasts out of bag are without.
    `calibration` says how it was looked for.
    """

    bags: Sequence[Bag]
    shares: Mapping[str, float]
    out_of_bag: FloatArray | None
    history: RiskHistory | None = None
    curve: LogitCalibrator | None = None
    calibration: Mapping[str, Any] | None = None

    def forecast(self, shown: Shown) -> FloatArray:
        """Probability of the second class, shape (n_rows,)."""
        risk = np.zeros(len(shown.plain))
        with one_blas_thread():
            for bag in self.bags:
                n_alike = sum(other.design == bag.design for other in self.bags)
                risk += self.shares[bag.design] / n_alike * bag.forecast(shown)
        return risk if self.curve is None else self.curve.predict(log_odds(risk))


def run_race(
    shown: Shown,
    y: IntArray,
    divisions: Sequence[Division],
    *,
    members: int,
    rng: np.random.Generator,
    n_jobs: int | None,
    weight: FloatArray | None = None,
    signs: IntArray | None = None,
) -> Race:
    """Train designs bag by bag, and go on with those that help.

    Parameters
    ----------
    shown : Shown
    y : ndarray of 0 and 1, of shape (n_rows,)
    divisions : sequence of Division
        One for each bag; every design takes them in this order.
    members : int
        Networks that share weights in a bag.
    rng : Generator
    n_jobs : int, optional
        Processes, which make no difference to the result.
    weight : ndarray of shape (n_rows,), optional
        How much each row counts in training, in stopping, and in judging designs; bags are divided as rows stand.
    signs : ndarray of {-1, 0, 1}, optional
        As in `train_bag`.
    """
    seeds = {name: rng.integers(2**63, size=len(divisions)) for name in DESIGNS}

    def trained(work: list[tuple[str, int]]) -> _Trained:
        jobs = [
            delayed(train_bag)(
                name,
                shown,
                y,
                learned=divisions[k].learned,
                judged=divisions[k].judged,
                members=members,
                seed=int(seeds[name][k]),
                weight=weight,
                signs=signs,
            )
            for name, k in work
        ]
        return dict(zip(work, Parallel(n_jobs=n_jobs)(jobs), strict=True))

    n_first = _n_first(divisions)
    done = trained([(name, k) for name in DESIGNS for k in range(n_first)])
    after_first = standings(_out_of_bag(done, divisions, n_rows=len(y)), y, weight)
    names = still_racing(after_first)
    done |= trained([(name, k) for name in names for k in range(n_first, len(divisions))])
    forecasts = {name: P for name, P in _out_of_bag(done, divisions, n_rows=len(y)).items() if name in names}
    shares = blend(forecasts, y, weight)
    out_of_bag = np.sum([share * forecasts[name] for name, share in shares.items()], axis=0)
    history = RiskHistory(_bag_histories(done, divisions), after_first, n_first, shares)
    return Race([own.bag for (name, _), own in done.items() if name in names], shares, out_of_bag, history)


def _bag_histories(done: _Trained, divisions: Sequence[Division]) -> list[BagHistory]:
    return [
        BagHistory(name, k, len(divisions[k].learned), len(divisions[k].judged), own.history)
        for (name, k), own in done.items()
    ]


def _n_first(divisions: Sequence[Division]) -> int:
    """How many bags every design trains before any may retire."""
    if len(divisions[0].judged) >= _ENOUGH_ROWS:
        return 1
    return max(min(_FIRST_BAGS, len(divisions)), len(divisions) // 3)


def _out_of_bag(done: _Trained, divisions: Sequence[Division], *, n_rows: int) -> dict[str, FloatArray]:
    """Mean forecast of every row by the bags of each design that left it out, NaN where none did."""
    means = {}
    for name in dict.fromkeys(name for name, _ in done):
        sums, counts = np.zeros(n_rows), np.zeros(n_rows)
        for k, trained in [(k, trained) for (own, k), trained in done.items() if own == name]:
            sums[divisions[k].judged] += trained.forecast
            counts[divisions[k].judged] += 1
        means[name] = np.divide(sums, counts, out=np.full(n_rows, np.nan), where=counts > 0)
    return means


def divide(y: IntArray, groups: IntArray, rng: np.random.Generator) -> list[Division]:
    """Bags in which every row is left out once or, where rows are few, three times; equal rows stay together.

    Where fewer rows differ than there are bags, as in a table of one category, equal rows are divided too: then a copy
    of a row says nothing of whose it is. Of fewer rows than bags each is left out by a bag of its own.

    Parameters
    ----------
    y : ndarray of 0 and 1, of shape (n_rows,)
    groups : ndarray of int of shape (n_rows,)
        Rows of the same number are equal.
    rng : Generator

    Examples
    --------
    >>> bags = divide(np.array([0, 1] * 10), np.arange(20) // 2, np.random.default_rng(0))
    >>> len(bags), bags[0].judged.tolist() == sorted(set(range(20)) - set(bags[0].learned.tolist()))
    (15, True)
    """
    n_bags, n_repeats = 4 if len(y) > _MANY_ROWS else 5, 3 if len(y) < _FEW_ROWS else 1
    if groups.max() + 1 < n_bags:
        n_bags, groups = min(n_bags, len(y)), np.arange(len(y))
    bags = []
    for _ in range(n_repeats):
        bag_of_row = _bag_of_group(y, groups, n_bags, rng=rng)[groups]
        bags += [Division(np.flatnonzero(bag_of_row != k), np.flatnonzero(bag_of_row == k)) for k in range(n_bags)]
    return bags


def _bag_of_group(y: IntArray, groups: IntArray, n_bags: int, *, rng: np.random.Generator) -> IntArray:
    """Which bag leaves each group out, drawn evenly over the groups by their share of ones."""
    shares = np.bincount(groups, weights=y) / np.maximum(np.bincount(groups), 1)
    bag_of = np.empty(len(shares), np.int64)
    bag_of[np.lexsort((rng.random(len(shares)), shares))] = np.arange(len(shares)) % n_bags
    return bag_of


def log_odds(P: FloatArray) -> FloatArray:
    """Log-odds of probabilities, shape (n_rows,); nearer to 0 or 1 than FLOOR they count as FLOOR."""
    return np.asarray(logit(np.clip(P, FLOOR, 1.0 - FLOOR)))


def log_losses(P: FloatArray, y: IntArray) -> FloatArray:
    """Log loss of every forecast of the second class, shape (n_rows,)."""
    return -np.log(np.maximum(np.where(y == 1, P, 1.0 - P), 1e-7))


def standings(
    forecasts: Mapping[str, FloatArray], y: IntArray, weight: FloatArray | None = None
) -> dict[str, Standing]:
    """Log losses, weighted by rows, of every design, and of its average by half with the design of least loss.

    Examples
    --------
    >>> told = standings({"a": np.array([0.2, 0.6]), "b": np.array([0.9, 0.1])}, np.array([0, 1]))
    >>> [(round(own.loss, 2), round(own.loss_with_best, 2)) for own in told.values()]
    [(0.37, 0.37), (2.3, 0.92)]
    """
    known = ~np.isnan(next(iter(forecasts.values())))
    counts = None if weight is None else weight[known]

    def loss(P: FloatArray) -> float:
        return float(np.average(log_losses(P, y[known]), weights=counts))

    losses = {name: loss(P[known]) for name, P in forecasts.items()}
    best = forecasts[min(losses, key=lambda name: losses[name])][known]
    return {name: Standing(losses[name], loss((best + P[known]) / 2.0)) for name, P in forecasts.items()}


def still_racing(standings: Mapping[str, Standing]) -> list[str]:
    """The design of least log loss, and those which make it less when they are blended in by half.

    Examples
    --------
    >>> still_racing({"a": Standing(0.37, 0.37), "b": Standing(2.3, 0.92), "c": Standing(0.4, 0.36)})
    ['a', 'c']
    """
    best = min(standings, key=lambda name: standings[name].loss)
    return [name for name, own in standings.items() if name == best or own.loss_with_best < standings[best].loss]


def blend(forecasts: Mapping[str, FloatArray], y: IntArray, weight: FloatArray | None = None) -> dict[str, float]:
    """Share of every design, of at most two: the mean of all shares, weighted by how likely they make the classes.

    The best share alone would follow the luck of few rows; with few rows many shares are nearly as likely. Rows of
    unequal weight make them as likely as Kish's effective number of rows would.

    Examples
    --------
    >>> blend({"a": np.array([0.2, 0.7]), "b": np.array([0.2, 0.7])}, np.array([0, 1]))
    {'a': 0.5, 'b': 0.5}
    """
    if len(forecasts) == 1:
        return dict.fromkeys(forecasts, 1.0)
    (first, P), (second, Q) = forecasts.items()
    known = ~np.isnan(P) & ~np.isnan(Q)
    counts = np.ones(int(known.sum())) if weight is None else weight[known]
    counts = counts * (effective_number(counts) / counts.sum())
    sums = np.array([(counts * log_losses(s * P[known] + (1.0 - s) * Q[known], y[known])).sum() for s in _SHARES])
    likelihoods = np.exp(sums.min() - sums)
    share = round(float(likelihoods @ _SHARES / likelihoods.sum()), 6)
    return {first: share, second: round(1.0 - share, 6)}
