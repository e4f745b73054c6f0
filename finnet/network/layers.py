"""Layers: each maps its input forward and the gradient of its output back to its input.

Arrays have shape (n_rows, n_units), or (n_members, n_rows, n_units) for a pack of networks. In training they carry one
more column behind the units: ones on the way forward, so that a bias is one more row of a weight matrix (Bishop 2006,
section 3.1), and numbers without meaning on the way back. Forecasting does without it. A layer owns the buffers that it
fills, and what `forward` or `backward` return is valid until the next call. `forward` is the training pass; `infer` is
the forecasting pass, which fills no buffer, so several threads may forecast with one network. A copied or stored layer
is bare: its settings, without buffers, to be bound again by its network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from finnet.checks import require_share
from finnet.network.activations import Activation, Identity, LeakyReLU, PiecewiseLinear, ReLU, Smooth
from finnet.network.dropout import Masks
from finnet.network.initializers import Initializer
from finnet.types import FloatArray, IntArray

__all__ = ["Activate", "Bare", "Buffer", "Dense", "Layer", "Parameter", "with_ones"]


def with_ones(X: FloatArray) -> FloatArray:
    """X with a column of ones behind its columns, as layers take it in training.

    Examples
    --------
    >>> with_ones(np.array([[3.0, 4.0]]))
    array([[3., 4., 1.]])
    """
    return np.concatenate([X, np.ones((*X.shape[:-1], 1), X.dtype)], axis=-1)


@dataclass(frozen=True)
class Parameter:
    """A matrix that a layer wants stored in the flat parameter vector of its network.

    Attributes
    ----------
    shape : tuple of two int
    n_shrunk : int
        How many of its first rows are weights, which penalties shrink; biases, gains and shifts are not.
    is_trained : bool
        False for what is kept but not trained, such as running means.
    """

    shape: tuple[int, int]
    n_shrunk: int = 0
    is_trained: bool = True


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
    """Memory of a fixed width that grows to the largest batch seen and is lent out row by row, full of ones at first.

    `units` is what was lent last, without its last column.

    Examples
    --------
    >>> buffer = Buffer(2)
    >>> buffer.like(np.ones((4, 9))).shape, buffer.like(np.ones((3, 9))).shape, buffer.units.shape
    ((4, 2), (3, 2), (3, 1))
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._shape: tuple[int, ...] = ()
        self._whole = self._lent = self.units = np.empty((0, width))

    def like(self, X: FloatArray) -> FloatArray:
        """An array with the leading axes, rows and type of X, with ones or what was written into it before."""
        if X.shape != self._shape:
            self._lend(X)
        return self._lent

    def _lend(self, X: FloatArray) -> None:
        self._shape, lead, n_rows = X.shape, X.shape[:-2], X.shape[-2]
        if self._whole.shape[:-2] != lead or self._whole.shape[-2] < n_rows:
            self._whole = np.ones((*lead, n_rows, self._width), X.dtype)
        self._lent = self._whole[..., :n_rows, :]
        self.units = self._lent[..., :-1]


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
    """Z = X W + b, where W and b are one matrix: the ones behind X take its last row, b.

    Parameters
    ----------
    n_in, n_out : int
    initializer : Initializer
        Draws W; b starts at 0.

    Attributes
    ----------
    passes_back : bool
        False for the first layer of a network, whose input needs no gradient.
    gives_scores : bool
        True for the last layer of a network, whose output has no column of ones, and so the gradient of it.
    """

    settings = ("n_in", "n_out", "initializer")
    passes_back, gives_scores = True, False

    def __init__(self, n_in: int, n_out: int, *, initializer: Initializer) -> None:
        self.n_in, self.n_out, self.initializer = n_in, n_out, initializer

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """W with b as its last row."""
        return (Parameter((self.n_in + 1, self.n_out), n_shrunk=self.n_in),)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take views of W and b (..., n_in + 1, n_out) and of their gradients."""
        (self._Wb,), (self._dWb,) = values, gradients
        self.W, self.b = self._Wb[..., :-1, :], self._Wb[..., -1:, :]
        self.dW, self.db = self._dWb[..., :-1, :], self._dWb[..., -1:, :]
        self._WbT = self._Wb.mT
        self._memory_of_Z, self._memory_of_dX = Buffer(self.n_out + (not self.gives_scores)), Buffer(self.n_in + 1)
        self._X: FloatArray | None = None
        self._dZ: FloatArray | None = None
        # For one network the method starts faster than np.matmul where all its arrays are contiguous; same bits.
        self._product = np.ndarray.dot if self.gives_scores and self.W.ndim == 2 else np.matmul
        self._product_back = _OuterProducts() if self.W.ndim == 3 and self.n_out == 1 else self._product

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """W from the initializer, b = 0."""
        (Wb,) = values
        Wb[:-1] = self.initializer.draw(rng, self.n_in, self.n_out)
        Wb[-1] = 0.0

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = X W + b."""
        if X is not self._X:
            self._meet(X)
        self._product(X, self._Wb, self._Z_of_units)
        return self._Z

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dW = X' dZ, db = 1' dZ, dX = dZ W'; the first layer of a network stops before dX."""
        if dZ is not self._dZ:
            self._meet_again(dZ)
        self._product(self._XT, self._dZ_of_units, self._dWb)
        if self.passes_back:
            self._product_back(self._dZ_of_units, self._WbT, self._dX)
        return self._dX

    def infer(self, X: FloatArray) -> FloatArray:
        """Z = X W + b in fresh memory."""
        Z: FloatArray = X.dot(self.W) if self.W.ndim == 2 else np.matmul(X, self.W)
        Z += self.b
        return Z

    def _meet(self, X: FloatArray) -> None:
        """Views and memory that go with X, which comes in the same memory step by step, but for the first layer."""
        self._X, self._XT, self._Z = X, X.mT, self._memory_of_Z.like(X)
        self._Z_of_units = self._Z if self.gives_scores else self._memory_of_Z.units

    def _meet_again(self, dZ: FloatArray) -> None:
        """The same on the way back."""
        self._dZ, self._dX = dZ, self._memory_of_dX.like(dZ)
        self._dZ_of_units = dZ if self.gives_scores else dZ[..., :-1]


class _OuterProducts:
    """Products of (K, n, 1) and (K, 1, m), which are sums of one term each.

    NumPy leaves such sums to loops of its own, several times slower than BLAS; a second term, which is 0, avoids them.
    """

    def __init__(self) -> None:
        self._left = self._right = np.empty((0, 0, 0))

    def __call__(self, left: FloatArray, right: FloatArray, out: FloatArray) -> FloatArray:
        if self._left.shape[:2] != left.shape[:2]:
            self._left = np.zeros((*left.shape[:2], 2), left.dtype)
            self._right = np.zeros((len(right), 2, right.shape[2]), right.dtype)
        self._left[..., :1], self._right[:, :1] = left, right
        return np.matmul(self._left, self._right, out)


class _Parameterless(Bare):
    """What layers without parameters share."""

    parameters: tuple[Parameter, ...] = ()

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Nothing to take."""

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Nothing to draw."""


class Activate(_Parameterless):
    """A = f(Z), and in training inverted dropout: a unit is 0 with probability `dropout`, others grow to keep the mean.

    Parameters
    ----------
    n_out : int
    activation : Activation
    dropout : sequence of float in [0, 1)
        One rate per member; one alone for a single network (see `dropout.Masks`).

    Attributes
    ----------
    result : ndarray, optional
        Output of the last training pass, None before the first.
    """

    settings = ("n_out", "activation", "dropout")

    def __init__(self, n_out: int, activation: Activation, dropout: Sequence[float] = (0.0,)) -> None:
        for rate in dropout:
            require_share(rate, name="dropout")
        self.n_out, self.activation, self.dropout = n_out, activation, tuple(dropout)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Start with empty buffers."""
        self._memory, self._memory_of_mask, self._memory_of_dropped = (Buffer(self.n_out + 1) for _ in range(3))
        self._linear = self.activation if isinstance(self.activation, PiecewiseLinear) else None
        self._smooth = self.activation if isinstance(self.activation, Smooth) else None
        self._by_unit, self._drops = getattr(self.activation, "by_unit", False), max(self.dropout, default=0.0) > 0.0
        self._keeps_ones = not self._drops and isinstance(self.activation, Identity | ReLU | LeakyReLU)
        self.result: FloatArray | None = None
        self._X: FloatArray | None = None

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Take one generator per member."""
        self._masks = Masks(rngs, self.dropout)

    def keep(self, members: IntArray) -> None:
        """Keep the rates of these members and, while training, their generators and drawn masks."""
        self.dropout = tuple(self.dropout[member] for member in members)
        if hasattr(self, "_masks"):
            self._masks.keep(members)

    def forward(self, X: FloatArray) -> FloatArray:
        """A = f(X), times a fresh mask of zeros and growth factors where units are dropped."""
        if X is not self._X:
            self._meet(X)
        if self._linear is not None:
            self._times_slopes(X, self._linear)
        elif self._smooth is not None:
            self._with_slopes(X, self._smooth)
        else:
            X = self._by_value(X)
        self.result = X
        if not self._keeps_ones:
            X[..., -1] = 1.0
        return X

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dX = dA * f'(X), in the memory of dA."""
        if self._linear is not None or self._smooth is not None:
            dZ *= self._slopes
            return dZ
        if self._drops:
            dZ *= self._mask
        dA = dZ if self._by_unit else dZ[..., :-1]
        result = self.activation.gradient(self._Z, self._A, dA)
        if result is not dA:
            dA[...] = result
        return dZ

    def infer(self, X: FloatArray) -> FloatArray:
        """A = f(X)."""
        return self.activation.value(X, X)

    def _meet(self, X: FloatArray) -> None:
        """Memory that goes with X, which comes in the same memory step by step."""
        self._X, self._slopes = X, self._memory.like(X)
        if self._drops:
            self._growth, self._mask = self._masks.growth(X.dtype), self._memory_of_mask.like(X)

    def _times_slopes(self, X: FloatArray, linear: PiecewiseLinear) -> None:
        """X times the slopes at its elements, which are 0 where units are dropped, in the memory of X."""
        if self._drops:
            linear.slopes(X, self._slopes, self._masks.draw(X.shape))
            self._slopes *= self._growth
        else:
            linear.slopes(X, self._slopes)
        X *= self._slopes

    def _with_slopes(self, X: FloatArray, smooth: Smooth) -> None:
        """f(X) and its slopes, both times a fresh mask, in the memory of X."""
        smooth.value_and_slopes(X, self._slopes)
        if self._drops:
            mask = np.multiply(self._masks.draw(X.shape), self._growth, out=self._mask)
            X *= mask
            self._slopes *= mask

    def _by_value(self, X: FloatArray) -> FloatArray:
        """f(X), in the memory of X where the gradient needs f(X) alone, and times a fresh mask in memory of its own."""
        A = X if self.activation.in_place else self._memory.like(X)
        self._Z, self._A = (X, A) if self._by_unit else (X[..., :-1], A[..., :-1])
        self.activation.value(self._Z, self._Z if self.activation.in_place else self._A)
        if not self._drops:
            return A
        np.multiply(self._masks.draw(A.shape), self._growth, out=self._mask)
        return np.multiply(A, self._mask, out=self._memory_of_dropped.like(A))
