"""Attribution: how much of a forecast's log-odds each input brings, by integrated gradients.

Contribution of input j to the score F of a row x is (x_j - r_j) times the mean of dF/dx_j along the straight way from a
reference r to x; the contributions sum to F(x) - F(r) (Sundararajan, Taly & Yan 2017). Gradients come from the
network's own backward pass, without dropout and with running statistics, as forecasts do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from finnet.errors import ConfigError
from finnet.network.activations import Sigmoid
from finnet.network.block import Block
from finnet.network.layer import Layer, with_ones
from finnet.network.layers import Activate, Dense
from finnet.network.model import Network
from finnet.network.normalization import BatchNorm
from finnet.network.shared import Averaged, PerShared, SharedDense
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Attribution", "Part", "integrated_gradients"]

_ROWS_AT_ONCE, _AT_ONCE = 64, 256  # rows, and stretches of their ways
# Number at first, and the shortest as a share of the way: a slope that jumps within it brings next to nothing.
_FIRST_STRETCHES, _SHORTEST = 4, 2.0**-20
_RETRIES = (1 / 8, 1 / 64)  # of the tolerance
# Gauss-Legendre quadrature with three nodes, moved from [-1, 1] to [0, 1].
_NODES = (np.array([-np.sqrt(0.6), 0.0, np.sqrt(0.6)]) + 1.0) / 2.0, np.array([5.0, 8.0, 5.0]) / 18.0
_LEAST = 1e-300  # keeps logarithms of probabilities finite


@dataclass(frozen=True, eq=False)
class Part:
    """A network whose probability has a share in a forecast, and what it sees of the rows.

    Parameters
    ----------
    network : Network
        With one sigmoid output; also a pack, or networks that share weights.
    X : ndarray of shape (n_rows, n_inputs)
    reference : ndarray of shape (n_inputs,), or (n_references, n_inputs)
        Where the way to every row starts; contributions from several are averaged.
    share : float, or ndarray of shape (n_members,) for a pack
    """

    network: Network
    X: FloatArray
    reference: FloatArray
    share: float | FloatArray = 1.0


@dataclass(frozen=True, eq=False)
class Attribution:
    """Contributions of the inputs of each part, and the scores that they lead from and to.

    Parameters
    ----------
    contributions : list of ndarray of shape (n_rows, n_inputs), one for each part
    score : ndarray of shape (n_rows,)
    base : float
        Score of the reference, of several their mean.
    """

    contributions: list[FloatArray]
    score: FloatArray
    base: float

    @property
    def gap(self) -> FloatArray:
        """What the contributions sum to beyond `score - base`, shape (n_rows,)."""
        totals = np.sum([part.sum(axis=1) for part in self.contributions], axis=0)
        return np.asarray(totals - (self.score - self.base))


def integrated_gradients(parts: Sequence[Part], *, tolerance: float = 1e-3, floor: float = 0.0) -> Attribution:
    """Contributions to the log-odds of the parts' average probability, which sum to it within `tolerance`.

    All parts walk from reference to row at the same time, so that the log-odds of their average is one function of
    where they are. Steps are the shorter the more its slope changes, until contributions sum to the difference of
    scores; `Attribution.gap` tells what is left.

    Parameters
    ----------
    parts : sequence of Part
        Their shares sum to 1; all see the same rows and the same number of references.
    tolerance : float
        Of the sum, in log-odds.
    floor : float
        The score is the log-odds of (1 - floor) p + floor / 2.

    Raises
    ------
    ConfigError
        For networks whose output is no sigmoid of one score, and parts that do not fit each other.

    Examples
    --------
    >>> from finnet.network.model import dense_network
    >>> network = dense_network((2, 1), output=Sigmoid(), dtype="float64")
    >>> network.restore(np.array([0.5, -2.0, 0.1]))  # two weights, then the bias
    >>> integrated_gradients([Part(network, np.array([[3.0, 1.0]]), np.array([1.0, 1.0]))]).contributions
    [array([[1., 0.]])]
    """
    _require_fitting(parts)
    networks = [_settled(part.network) for part in parts]
    n_references, n_rows = len(np.atleast_2d(parts[0].reference)), len(parts[0].X)
    contributions: list[FloatArray] = [np.zeros(part.X.shape) for part in parts]
    score, base = np.zeros(n_rows), 0.0
    for reference in range(n_references):
        for start in range(0, n_rows, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            ways = [
                _Way.between(network, np.atleast_2d(part.reference)[reference], part.X[rows], share=part.share)
                for network, part in zip(networks, parts, strict=True)
            ]
            journey = _Journey(ways, floor)
            for own, brought in zip(contributions, journey.contributions(tolerance), strict=True):
                own[rows] += brought / n_references
            score[rows] = journey.ends
        base += journey.start / n_references
    return Attribution(contributions, score, base)


def _require_fitting(parts: Sequence[Part]) -> None:
    if not parts:
        raise ConfigError("there are no parts to explain; give at least one network")
    for part in parts:
        output, n_outputs = part.network.output, part.network.layers[-1].n_out
        own = output.activation if isinstance(output, Averaged) else output
        if not isinstance(own, Sigmoid) or n_outputs != 1:
            raise ConfigError(
                f"a network with {n_outputs} outputs and {output!r} has no log-odds; give one with a single sigmoid"
                " output"
            )
        if np.atleast_2d(part.reference).shape != (len(np.atleast_2d(parts[0].reference)), part.X.shape[1]):
            raise ConfigError(
                f"a reference of shape {np.shape(part.reference)} does not fit rows of shape {part.X.shape}; give one"
                " number for each column, and every part as many references"
            )
        if len(part.X) != len(parts[0].X) or not len(part.X):
            raise ConfigError(f"parts have {len(part.X)} and {len(parts[0].X)} rows; give all the same, at least one")


def _settled(network: Network) -> Network:
    """A copy in float64 that passes forward as it forecasts, and back to its inputs."""
    copied = network.astype("float64")
    for layer in copied.layers:
        _settle(layer)
    # Binds layers anew, as their settings have changed, and turns `passes_back` off, which comes on again after it.
    copied.restore(copied.values)
    if isinstance(copied.layers[0], Dense | SharedDense):
        copied.layers[0].passes_back = True
    return copied


def _settle(layer: Layer) -> None:
    match layer:
        case Activate():
            layer.dropout = (0.0,)
        case BatchNorm():
            layer.is_settled = True
        case PerShared():
            _settle(layer.layer)
        case Block():
            for own in layer.layers:
                _settle(own)


class _Way(NamedTuple):
    """Where a network walks: what its first layer gives at the reference and at each row, linear in between.

    So only the layers behind it are passed at every step; gradients are summed there, and go through it once.
    """

    network: Network
    first: Layer
    shares: FloatArray
    change: FloatArray  # of the inputs, (n_rows, n_inputs)
    start: FloatArray  # (..., 1, n_units)
    change_behind: FloatArray  # (..., n_rows, n_units)

    @classmethod
    def between(cls, network: Network, reference: FloatArray, X: FloatArray, *, share: float | FloatArray) -> "_Way":
        """From the reference to every row."""
        first, dtype = network.layers[0], network.values.dtype
        X, reference = np.asarray(X, dtype), np.asarray(reference, dtype)
        members = (network.members,) if network.members is not None else ()
        # Copies, since the second pass writes its result into the memory of the first one.
        start, ends = (
            first.forward(np.broadcast_to(rows, (*members, *rows.shape)).copy()).copy()
            for rows in (with_ones(reference[None]), with_ones(X))
        )
        n_shared = start.shape[0] if start.ndim == 3 else 1
        # A pack's members have shares of their own, those that share weights have equal ones.
        shares = np.asarray(share, np.float64) if members else np.full(n_shared, float(np.squeeze(share)) / n_shared)
        return cls(network, first, shares, X - reference, start, ends - start)

    def scores(self, rows: IntArray, positions: FloatArray) -> FloatArray:
        """Scores of all members with each of the rows at its position, shape (n_members, n_rows)."""
        Z: FloatArray = self.change_behind[..., rows, :] * positions.astype(self.start.dtype)[:, None]
        Z += self.start
        for layer in self.network.layers[1:]:
            Z = layer.forward(Z)
        return Z.reshape(len(self.shares), len(rows)).astype(np.float64)

    def slopes(self, dZ: FloatArray) -> FloatArray:
        """Gradient with respect to what the first layer gives, from that of the scores (n_members, n_rows)."""
        back = dZ.reshape(*self.change_behind.shape[:-2], dZ.shape[1], 1).astype(self.change_behind.dtype)
        for layer in reversed(self.network.layers[1:]):
            back = layer.backward(back)
        return back

    def contributions(self, slopes: FloatArray) -> FloatArray:
        """Of the inputs, shape (n_rows, n_inputs), from the mean gradient behind the first layer."""
        dX = self.first.backward(slopes)[..., :-1]
        return np.asarray((dX.sum(axis=0) if dX.ndim == 3 else dX) * self.change)


class _Stretches(NamedTuple):
    """Parts of the ways of some rows: where each starts, how long it is, and the scores at its two ends."""

    rows: IntArray
    start: FloatArray
    length: FloatArray
    before: FloatArray
    behind: FloatArray

    def take(self, chosen: BoolArray | slice) -> "_Stretches":
        """Some of them."""
        return _Stretches._make(own[chosen] for own in self)

    def followed_by(self, others: "_Stretches") -> "_Stretches":
        """These and others."""
        return _Stretches._make(np.concatenate(parts) for parts in zip(self, others, strict=True))

    def halves(self, between: FloatArray) -> "_Stretches":
        """Both halves of each, from the scores in the middle."""
        half = self.length / 2.0
        first = _Stretches(self.rows, self.start, half, self.before, between)
        return first.followed_by(_Stretches(self.rows, self.start + half, half, between, self.behind))


class _Journey:
    """All ways at the same time, and the log-odds of their average along them.

    Attributes
    ----------
    start : float
    ends : ndarray of shape (n_rows,)
    """

    def __init__(self, ways: Sequence[_Way], floor: float) -> None:
        self._ways, self._floor, self._n_rows = ways, floor, len(ways[0].change)
        self.start = float(self._score(np.arange(1), np.zeros(1))[0])
        self.ends = self._score(np.arange(self._n_rows), np.ones(self._n_rows))

    def contributions(self, tolerance: float) -> list[FloatArray]:
        """Of the inputs of every way, of rows that miss their score once more with less tolerance on the way."""
        means = self._means(np.arange(self._n_rows), tolerance)
        for share in _RETRIES:
            gap = self._moved(means, np.arange(self._n_rows)) - (self.ends - self.start)
            missed = np.flatnonzero(np.abs(gap) > tolerance)
            if not len(missed):
                break
            for mean, own in zip(means, self._means(missed, share * tolerance), strict=True):
                mean[..., missed, :] = own[..., missed, :]
        return [way.contributions(mean) for way, mean in zip(self._ways, means, strict=True)]

    def _means(self, rows: IntArray, tolerance: float) -> list[FloatArray]:
        """Mean gradients of these rows behind the first layers, 0 for others.

        A stretch of the way is halved until what it brings and the scores at its ends agree. The slopes of ReLU jump:
        what a jump misses shrinks as fast as its stretch, hence the root, without which no stretch would be short
        enough.
        """
        means = [np.zeros_like(way.change_behind) for way in self._ways]
        waiting = self._first_stretches(rows)
        while len(waiting.rows):
            # The last ones first, so that halves are finished before others begin, and few wait at a time.
            now, waiting = waiting.take(slice(-_AT_ONCE, None)), waiting.take(slice(0, -_AT_ONCE))
            found = self._integrals(now)
            gap = np.abs(self._moved(found, now.rows) - (now.behind - now.before))
            is_done = (gap <= tolerance * np.sqrt(now.length) / 2.0) | (now.length <= _SHORTEST)
            belongs = (np.arange(self._n_rows)[:, None] == now.rows) & is_done
            for mean, own in zip(means, found, strict=True):
                mean += belongs.astype(mean.dtype) @ own
            now = now.take(~is_done)
            waiting = waiting.followed_by(now.halves(self._score(now.rows, now.start + now.length / 2.0)))
        return means

    def _first_stretches(self, rows: IntArray) -> _Stretches:
        n, cuts = len(rows), np.linspace(0.0, 1.0, _FIRST_STRETCHES + 1)
        scores = np.array([self._score(rows, np.full(n, cut)) for cut in cuts])
        return _Stretches(
            np.tile(rows, _FIRST_STRETCHES),
            np.repeat(cuts[:-1], n),
            np.full(_FIRST_STRETCHES * n, 1.0 / _FIRST_STRETCHES),
            scores[:-1].ravel(),
            scores[1:].ravel(),
        )

    def _integrals(self, now: _Stretches) -> list[FloatArray]:
        """Integral of the gradients over each stretch, by Gauss and Legendre."""
        sums = [np.zeros_like(way.change_behind[..., now.rows, :]) for way in self._ways]
        for node, weight in zip(*_NODES, strict=True):
            for own, slopes in zip(sums, self._slopes(now.rows, now.start + node * now.length), strict=True):
                slopes *= (weight * now.length)[:, None].astype(slopes.dtype)
                own += slopes
        return sums

    def _slopes(self, rows: IntArray, positions: FloatArray) -> Iterator[FloatArray]:
        scores = [way.scores(rows, positions) for way in self._ways]
        ones, zeros = self._probabilities(scores)
        # The log-odds log P1 - log P0 of the average, where P0 = 1 - P1.
        steepness = (1.0 - self._floor) * (1.0 / self._floored(ones) + 1.0 / self._floored(zeros))
        for way, own in zip(self._ways, scores, strict=True):
            yield way.slopes(way.shares[:, None] * _sigmoid(own) * _sigmoid(-own) * steepness)

    def _score(self, rows: IntArray, positions: FloatArray) -> FloatArray:
        ones, zeros = self._probabilities([way.scores(rows, positions) for way in self._ways])
        return np.asarray(np.log(self._floored(ones)) - np.log(self._floored(zeros)))

    def _probabilities(self, scores: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Of a one and of a zero, each without loss near 0."""
        pairs = [
            (way.shares @ _sigmoid(own), way.shares @ _sigmoid(-own))
            for way, own in zip(self._ways, scores, strict=True)
        ]
        ones, zeros = (np.sum(parts, axis=0) for parts in zip(*pairs, strict=True))
        return ones, zeros

    def _floored(self, p: FloatArray) -> FloatArray:
        return np.asarray(np.maximum((1.0 - self._floor) * p + self._floor / 2.0, _LEAST))

    def _moved(self, slopes: list[FloatArray], rows: IntArray) -> FloatArray:
        """What the contributions of rows sum to; the first layer, being linear, changes no sum."""
        total = np.zeros(len(rows))
        for way, own in zip(self._ways, slopes, strict=True):
            moved = np.einsum("...ij,...ij->...i", own, way.change_behind[..., rows, :])
            total += moved.sum(axis=0) if moved.ndim == 2 else moved
        return total


def _sigmoid(z: FloatArray) -> FloatArray:
    # exp(-log(1 + exp(-z))), which keeps its digits near 0, where log-odds need them, and does not overflow.
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))
