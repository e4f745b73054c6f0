"""Layers: each maps its input forward and the gradient of its output back to its input.

Arrays have shape (n_rows, n_units), or (n_members, n_rows, n_units) for a pack of networks. A layer owns the buffers
that it fills, and what `forward` or `backward` return is valid until the next call. `forward` is the training pass;
`infer` is the forecasting pass, which fills no buffer, so several threads may forecast with one network. A copied or
stored layer is bare: its settings, without buffers, to be bound again by its network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import ClassVar, Protocol, cast

import numpy as np

from finnet.checks import require_share
from finnet.network.activations import Activation, PiecewiseLinear
from finnet.network.initializers import Initializer
from finnet.types import FloatArray, IntArray

__all__ = ["Activate", "Bare", "Buffer", "Dense", "Dropout", "Layer", "Parameter", "Role"]


# Enough that drawing is cheap, few enough that they stay in the cache.
_MASKS_AHEAD, _MASKS_AHEAD_EACH = 1 << 16, 1 << 13


class Role(Enum):
    """What a parameter is for, which also orders the flat parameter vector."""

    WEIGHT = 0  # trained and shrunk by penalties
    SHIFT = 1  # trained, never shrunk: biases, gains
    STATISTIC = 2  # kept, not trained: running means and variances


@dataclass(frozen=True)
class Parameter:
    """Shape and role of one parameter of a layer."""

    shape: tuple[int, int]
    role: Role


class Layer(Protocol):
    """One step of a network."""

    @property
    def n_out(self) -> int:
        """Units that the layer gives."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer wants stored in the network's flat parameter vector."""

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take the views of the flat vectors that hold this layer's parameters and their gradients."""

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Draw the initial values of one member's parameters."""

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Take one generator per member, for layers that draw while training."""

    def keep(self, members: IntArray) -> None:
        """Go on with these members of a pack alone; `bind` follows."""

    def forward(self, X: FloatArray) -> FloatArray:
        """Output for the input X, remembered for `backward`."""

    def backward(self, dZ: FloatArray) -> FloatArray:
        """Fill the parameter gradients and return the gradient with respect to the input."""

    def infer(self, X: FloatArray) -> FloatArray:
        """Output for the input X when forecasting; may overwrite X."""


class Buffer:
    """Memory of a fixed width that grows to the largest batch seen and is lent out row by row.

    Examples
    --------
    >>> buffer = Buffer(2)
    >>> buffer.like(np.ones((4, 9))).shape, buffer.like(np.ones((3, 9))).shape
    ((4, 2), (3, 2))
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: tuple[int, ...] = (0,)
        self._shape: tuple[int, ...] = ()
        self._whole = self._lent = np.empty((0, width))

    def like(self, X: FloatArray) -> FloatArray:
        """An array with the leading axes, rows and type of X, with arbitrary content."""
        if X.shape != self._shape:
            self._lend(X)
        return self._lent

    def _lend(self, X: FloatArray) -> None:
        self._shape, self._rows = X.shape, X.shape[:-1]
        if self._whole.shape[:-2] != self._rows[:-1] or self._whole.shape[-2] < self._rows[-1]:
            self._whole = np.empty((*self._rows, self._width), X.dtype)
        self._lent = self._whole[..., : self._rows[-1], :]


class Bare:
    """A layer that is copied and stored without what `bind` and the passes left in it."""

    settings: ClassVar[tuple[str, ...]]

    def __getstate__(self) -> dict[str, object]:
        return {name: vars(self)[name] for name in self.settings}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={vars(self)[name]!r}' for name in self.settings)})"

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Nothing is drawn while training."""

    def keep(self, members: IntArray) -> None:
        """Nothing belongs to single members."""


class Dense(Bare):
    """Z = X W + b.

    Parameters
    ----------
    n_in, n_out : int
    initializer : Initializer
        Draws W; b starts at 0.
    """

    settings = ("n_in", "n_out", "initializer")
    passes_back = True

    def __init__(self, n_in: int, n_out: int, *, initializer: Initializer) -> None:
        self.n_in, self.n_out, self.initializer = n_in, n_out, initializer

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """W and b."""
        return Parameter((self.n_in, self.n_out), Role.WEIGHT), Parameter((1, self.n_out), Role.SHIFT)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take views of W (..., n_in, n_out) and b (..., 1, n_out) and of their gradients."""
        self.W, self.b = values
        self.dW, self.db = gradients
        self._Z, self._dX = Buffer(self.n_out), Buffer(self.n_in)
        # For one network the method starts faster than np.matmul; the bits are the same.
        self._product = np.ndarray.dot if self.W.ndim == 2 else np.matmul
        # An outer product of a pack; NumPy multiplies it out faster than BLAS.
        self._product_back = np.multiply if self.W.ndim == 3 and self.n_out == 1 else self._product

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """W from the initializer, b = 0."""
        W, b = values
        W[...] = self.initializer.draw(rng, self.n_in, self.n_out)
        b[...] = 0.0

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = X W + b."""
        self._X = X
        Z = self._Z.like(X)
        self._product(X, self.W, out=Z)
        Z += self.b
        return Z

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dW = X' dZ, db = 1' dZ, dX = dZ W'; the first layer of a network stops before dX."""
        self._product(self._X.mT, dZ, out=self.dW)
        # A product with ones sums over rows 3 to 7 times faster than sum(axis=-2).
        self._product(_ones(dZ.shape[-2], dZ.dtype), dZ, out=self.db)
        if not self.passes_back:
            return dZ
        dX = self._dX.like(dZ)
        self._product_back(dZ, self.W.mT, out=dX)
        return dX

    def infer(self, X: FloatArray) -> FloatArray:
        """Z = X W + b in fresh memory."""
        Z: FloatArray = self._product(X, self.W)
        Z += self.b
        return Z


@lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype[np.floating]) -> FloatArray:
    return np.ones((1, n), dtype)


class _Parameterless(Bare):
    """What layers without parameters share."""

    parameters: tuple[Parameter, ...] = ()

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Nothing to take."""

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Nothing to draw."""


class Activate(_Parameterless):
    """A = f(Z), in the memory of Z where the gradient needs A alone.

    `result` is A of the last training pass, None before the first.
    """

    settings = ("n_out", "activation")

    def __init__(self, n_out: int, activation: Activation) -> None:
        self.n_out, self.activation = n_out, activation

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Start with an empty buffer."""
        self._buffer = Buffer(self.n_out)
        self._linear = self.activation if isinstance(self.activation, PiecewiseLinear) else None
        self.result: FloatArray | None = None

    def forward(self, X: FloatArray) -> FloatArray:
        """A = f(X)."""
        if self._linear is not None:
            self._slopes = self._linear.slopes(X, self._buffer.like(X))
            X *= self._slopes
            self.result = X
            return X
        self._Z = X
        out = X if self.activation.in_place else self._buffer.like(X)
        self.result = self._A = self.activation.value(X, out)
        return self._A

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dX = dA * f'(X), in the memory of dA."""
        if self._linear is not None:
            dZ *= self._slopes
            return dZ
        return self.activation.gradient(self._Z, self._A, dZ)

    def infer(self, X: FloatArray) -> FloatArray:
        """A = f(X)."""
        return self.activation.value(X, X)


class Dropout(_Parameterless):
    """Inverted dropout: each unit is set to 0 with probability `rate`, the others grow to keep the mean.

    Random bytes are compared with a threshold, so the rate is rounded to a multiple of 1/256, and survivors are
    multiplied by 1 / (1 - threshold / 256), the exact inverse of their probability (Srivastava et al. 2014).

    Parameters
    ----------
    rates : sequence of float in [0, 1)
        One rate per member; one alone for a single network.
    """

    settings = ("n_out", "rates")

    def __init__(self, n_out: int, rates: Sequence[float]) -> None:
        for rate in rates:
            require_share(rate, name="dropout")
        self.n_out, self.rates = n_out, tuple(rates)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Start with an empty buffer."""
        self._out = Buffer(self.n_out)

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Take one generator per member."""
        self._masks = _Masks(rngs, self.rates)

    def keep(self, members: IntArray) -> None:
        """Keep the rates of these members and, while training, their generators and drawn masks."""
        self.rates = tuple(self.rates[member] for member in members)
        if hasattr(self, "_masks"):
            self._masks.keep(members)

    def forward(self, X: FloatArray) -> FloatArray:
        """X times a fresh mask of zeros and growth factors."""
        self._mask = self._masks.draw(X)
        return np.multiply(X, self._mask, out=self._out.like(X))

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dZ times the same mask."""
        dZ *= self._mask
        return dZ

    def infer(self, X: FloatArray) -> FloatArray:
        """X itself."""
        return X


class _Masks:
    """Dropout masks, drawn several steps ahead because each call has a price; members have generators of their own."""

    def __init__(self, rngs: Sequence[np.random.Generator], rates: Sequence[float]) -> None:
        seeds = [cast(np.random.SeedSequence, rng.bit_generator.seed_seq) for rng in rngs]
        self._sources = [np.random.SFC64(seed) for seed in seeds]
        self._ahead, self._next = max(_MASKS_AHEAD // len(rngs), _MASKS_AHEAD_EACH), 0
        self._threshold = np.minimum(np.round(256 * np.asarray(rates)), 255).astype(np.uint8)[:, None]
        self._growth = 256.0 / (256.0 - self._threshold)
        self._pool = np.empty((len(rngs), 0))

    def draw(self, X: FloatArray) -> FloatArray:
        """A mask in the shape and type of X; a member's depends on its own generator alone."""
        count = X.shape[-2] * X.shape[-1]
        if self._next + count > self._pool.shape[1]:
            self._refill(count, X.dtype)
        self._next += count
        return self._pool[:, self._next - count : self._next].reshape(X.shape)

    def keep(self, members: IntArray) -> None:
        """Go on with these members alone."""
        self._sources = [self._sources[member] for member in members]
        self._threshold, self._growth = self._threshold[members], self._growth[members]
        self._pool = self._pool[members]

    def _refill(self, count: int, dtype: np.dtype[np.floating]) -> None:
        left = self._pool[:, self._next :]
        words = -(-max(count - left.shape[1], self._ahead) // 8)
        draws = [source.random_raw(words) for source in self._sources]
        kept = np.array(draws).view(np.uint8) >= self._threshold
        self._next, self._pool = 0, np.empty((len(left), left.shape[1] + 8 * words), dtype)
        self._pool[:, : left.shape[1]] = left
        np.multiply(kept, self._growth, out=self._pool[:, left.shape[1] :], dtype=dtype, casting="same_kind")
