"""Penalties on weights and limits on gradients."""

from dataclasses import dataclass
from math import inf

import numpy as np

from finnet.checks import require_number
from finnet.errors import ConfigError
from finnet.network.model import Network
from finnet.network.settings import Settings
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Clipper", "Clipping", "Penalty"]


@dataclass(frozen=True)
class Penalty(Settings):
    """l1 * sum |w| + l2 / 2 * sum w^2 over weights, not biases, added to the mean loss.

    Parameters
    ----------
    l1, l2 : float, or ndarray of shape (n_members, 1) for a pack

    Examples
    --------
    >>> Penalty(l2=0.5).value(np.array([2.0, -2.0]))
    array(2.)
    """

    l1: float | FloatArray = 0.0
    l2: float | FloatArray = 0.0

    def __post_init__(self) -> None:
        for name, strength in self.get_params().items():
            _require_strength(strength, name=f"penalty.{name}")

    def value(self, weights: FloatArray) -> FloatArray:
        """The penalty of every member, shape (...), for weights of shape (..., n_weights)."""
        terms = self.l1 * np.abs(weights) + 0.5 * self.l2 * np.square(weights)
        return np.asarray(terms.sum(axis=-1))

    @property
    def is_active(self) -> bool:
        """Whether there is anything to add."""
        return bool(np.any(self.l1) or np.any(self.l2))

    def keep(self, members: IntArray) -> "Penalty":
        """The same for these members of a pack alone, given by their numbers, shape (k,)."""
        return Penalty(l1=_of(self.l1, members), l2=_of(self.l2, members))

    def apply(self, network: Network) -> None:
        """Add l1 sign(w) + l2 w to the gradients of the weights."""
        l1, l2 = (_for_matrices(strength, network.values.dtype) for strength in (self.l1, self.l2))
        for W, dW in network.weight_matrices:
            if np.any(l2):
                dW += l2 * W
            if np.any(l1):
                # At 0, where |w| has no slope, the sign is 0: what has got there is not moved away.
                dW += l1 * np.sign(W)


def _require_strength(strength: float | FloatArray, *, name: str) -> None:
    """Raise ConfigError unless `strength` is a number of 0 or more, or a column of them."""
    if not isinstance(strength, np.ndarray):
        require_number(strength, name=name)
        return
    if strength.ndim != 2 or strength.shape[1] != 1:
        raise ConfigError(f"{name} has shape {strength.shape}; give a number, or one per member in a column, (n, 1)")
    if not (np.isfinite(strength) & (strength >= 0.0)).all():
        raise ConfigError(f"{name} holds {strength.min()}; use finite numbers of 0 or more")


def _for_matrices(strength: float | FloatArray, dtype: np.dtype[np.floating]) -> FloatArray:
    """The strength in the type of the weights, so that one of float64 shrinks a member as its number does alone."""
    given = np.asarray(strength, dtype)
    return given[..., None] if given.ndim else given


def _of(strength: float | FloatArray, members: IntArray) -> float | FloatArray:
    return strength[members] if isinstance(strength, np.ndarray) else strength


@dataclass(frozen=True)
class Clipping(Settings):
    """Limits on the gradient of one step, against explosions (Pascanu, Mikolov & Bengio 2013).

    Parameters
    ----------
    norm : float, optional
        A longer gradient is shortened to this Euclidean length above 0, its direction kept.
    value : float, optional
        Every element is clipped to [-value, value]; above 0.

    Examples
    --------
    >>> gradients = np.array([3.0, 4.0])
    >>> Clipping(norm=1.0).clip(gradients)
    array(True)
    >>> gradients
    array([0.6, 0.8])
    """

    norm: float | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        for name, limit in self.get_params().items():
            if limit not in (None, inf):
                require_number(limit, name=f"clipping.{name}", zero=False)

    @property
    def is_active(self) -> bool:
        """Whether there is any limit."""
        return self.norm is not None or self.value is not None

    def clip(self, gradients: FloatArray, *, starts: IntArray | None = None) -> BoolArray:
        """Shorten the gradients of every member in place; whether they were too long.

        Gradients have shape (..., n_trained), the answer (...). `starts` are where parameters start in a gradient, None
        is one at 0. Squares are summed parameter by parameter, so that those which a member does not use, whose
        gradients are 0, round nothing otherwise.
        """
        clipped = np.zeros(gradients.shape[:-1], dtype=bool)
        if self.value is not None:
            clipped |= np.abs(gradients).max(axis=-1) > self.value
            np.clip(gradients, -self.value, self.value, out=gradients)
        if self.norm is not None:
            squares = np.add.reduceat(np.square(gradients), [0] if starts is None else starts, axis=-1)
            # One after another, as `sum` would pair the numbers of another length in another order.
            lengths = np.sqrt(np.add.accumulate(squares, axis=-1)[..., -1:])
            clipped |= lengths[..., 0] > self.norm
            gradients *= np.minimum(1.0, self.norm / np.maximum(lengths, 1e-30))
        return clipped


class Clipper:
    """Clipping at work on one network or pack, and how often it had to.

    Examples
    --------
    >>> clipper = Clipper(Clipping(value=1.0))
    >>> clipper.n_clipped += clipper.settings.clip(np.array([0.5, 2.0]))
    >>> clipper.rate(n_steps=4)
    array(0.25)
    """

    def __init__(self, settings: Clipping) -> None:
        self.settings, self.n_clipped = settings, np.array(0)

    def apply(self, network: Network) -> None:
        """Shorten the gradients of a network, and count."""
        self.n_clipped = self.n_clipped + self.settings.clip(network.trained_gradients, starts=network.starts)

    def rate(self, n_steps: int) -> FloatArray:
        """Share of the last `n_steps` steps that were clipped, shape () or (n_members,); counting starts anew."""
        rate, self.n_clipped = np.asarray(self.n_clipped / n_steps), np.array(0)
        return rate
