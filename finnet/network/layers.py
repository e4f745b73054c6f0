"""The layers that networks are made of: products with weights, and activations with dropout."""

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from finnet.checks import require_share
from finnet.network.activations import Activation, Identity, LeakyReLU, PiecewiseLinear, ReLU, Smooth, activated
from finnet.network.dropout import Masks
from finnet.network.initializers import Initializer
from finnet.network.layer import Bare, Parameter, Parameterless
from finnet.network.memory import Buffer, aligned
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Activate", "Dense"]

# Multiplications of products that gain from a copied factor (see `_CopiedFactor`).
_SMALL_PRODUCTS = range(1 << 15, 10**6 + 1)


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
    overwrites_input : bool
        True where the layer before has no more use of its output: dX of a hidden layer then takes the place of X, which
        keeps the numbers of a step together in the cache.
    """

    settings = ("n_in", "n_out", "initializer")
    passes_back, gives_scores, overwrites_input = True, False, False

    def __init__(self, n_in: int, n_out: int, *, initializer: Initializer) -> None:
        self.n_in, self.n_out, self.initializer = n_in, n_out, initializer

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """W with b as its last row."""
        return (Parameter((self.n_in + 1, self.n_out), n_shrunk=self.n_in),)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take views of W and b (..., n_in + 1, n_out) and of their gradients."""
        (self._Wb,), (self._dWb,) = values, gradients
        # Views, not copies: what the optimizer does to the flat vector of parameters happens here.
        self.W, self.b = self._Wb[..., :-1, :], self._Wb[..., -1:, :]
        self.dW, self.db = self._dWb[..., :-1, :], self._dWb[..., -1:, :]
        self._memory_of_Z, self._memory_of_dX = Buffer(self.n_out + (not self.gives_scores)), Buffer(self.n_in + 1)
        self._X: FloatArray | None = None
        self._dZ: FloatArray | None = None
        # For one network the method starts faster than np.matmul where all its arrays are contiguous; same bits.
        self._product = np.ndarray.dot if self.gives_scores and self.W.ndim == 2 else np.matmul
        # One network's last layer needs dX with the column of ones, and products of another width round otherwise, but
        # for those of one term.
        self._is_full_width = self.gives_scores and (self.W.ndim == 2 or self.n_out > 1)

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """W from the initializer, b = 0, in one array of shape (n_in + 1, n_out)."""
        (Wb,) = values
        Wb[:-1] = self.initializer.draw(rng, self.n_in, self.n_out)
        Wb[-1] = 0.0

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = X W + b, shape (..., n_rows, n_out + 1), or (..., n_rows, n_out) of scores; valid until the next call."""
        if X is not self._X:
            self._prepare(X)
        self._product(X, self._Wb, self._Z_of_units)
        return self._Z

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dW = X' dZ, db = 1' dZ, dX = dZ W' of the shape of X; the first layer of a network stops before dX."""
        if dZ is not self._dZ:
            self._prepare_back(dZ)
        # dW first: dX may be written over X, of which dW is made.
        self._product(self._XT, self._dZ_of_units, self._dWb)
        if self.passes_back:
            self._product_back(self._dZ_of_units, self._WT, self._dX_of_units)
        return self._dX

    def infer(self, X: FloatArray) -> FloatArray:
        """Z = X W + b, shape (..., n_rows, n_out), in fresh memory."""
        Z: FloatArray = X.dot(self.W) if self.W.ndim == 2 else np.matmul(X, self.W)
        Z += self.b
        return Z

    def _prepare(self, X: FloatArray) -> None:
        """Views and memory that go with X, which comes in the same memory step by step, but for the first layer."""
        is_as_before = self._X is not None and X.shape == self._X.shape
        self._X, self._XT = X, X.mT
        if not is_as_before:
            self._Z = self._memory_of_Z.like(X)
            self._Z_of_units = self._Z if self.gives_scores else self._memory_of_Z.units

    def _prepare_back(self, dZ: FloatArray) -> None:
        """The same on the way back."""
        self._dZ, self._dZ_of_units = dZ, dZ if self.gives_scores else dZ[..., :-1]
        # Nobody reads what the first layer of a network passes back.
        if not self.passes_back:
            self._dX = dZ
        elif self._X is None or not self.overwrites_input or self._is_full_width:
            self._dX = self._dX_of_units = self._memory_of_dX.like(dZ)
            self._WT = self._Wb.mT
        else:
            self._dX, self._dX_of_units, self._WT = self._X, self._X[..., :-1], self.W.mT
        self._product_back = self._way_back(dZ.shape[-2])

    def _way_back(self, n_rows: int) -> Callable[[FloatArray, FloatArray, FloatArray], FloatArray]:
        """The fastest way to dZ W' for so many rows; a pack's members go as they would alone, to the bit."""
        if self.n_out == 1:
            return _OuterProducts() if self.W.ndim == 3 else self._product
        return _CopiedFactor() if n_rows * self.n_in * self.n_out in _SMALL_PRODUCTS else self._product


class _CopiedFactor:
    """Products whose second factor is copied first, row by row as it is read.

    OpenBLAS has ways of its own for small products, and the one for a transposed factor is up to 1.4 times slower.
    """

    def __init__(self) -> None:
        self._right = np.empty((0, 0))

    def __call__(self, left: FloatArray, right: FloatArray, out: FloatArray) -> FloatArray:
        if self._right.shape != right.shape:
            self._right = aligned(right.shape, right.dtype)
        self._right[...] = right
        return np.matmul(left, self._right, out)


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


class Activate(Parameterless):
    """A = f(Z), and in training inverted dropout: a unit is 0 with probability `dropout`, others grow to keep the mean.

    Parameters
    ----------
    n_out : int
    activation : Activation
    dropout : sequence of float in [0, 1)
        One rate per member, or one for all (see `dropout.Masks`).

    Attributes
    ----------
    result : ndarray, optional
        Output of the last training pass, valid until the pass back; None before the first.
    """

    settings = ("n_out", "activation", "dropout")

    def __init__(self, n_out: int, activation: Activation, dropout: Sequence[float] = (0.0,)) -> None:
        for rate in dropout:
            require_share(rate, name="dropout")
        self.n_out, self.activation, self.dropout = n_out, activation, tuple(dropout)

    @property
    def needs_result(self) -> bool:
        """Whether the way back needs the output; slopes, where the activation knows them, have memory of their own."""
        return not hasattr(self.activation, "slopes") and not hasattr(self.activation, "value_and_slopes")

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Start with empty buffers."""
        self._memory, self._memory_of_mask, self._memory_of_dropped = (Buffer(self.n_out + 1) for _ in range(3))
        # By their methods, as asking whether they are of a protocol takes a hundred times as long.
        self._linear = cast(PiecewiseLinear, self.activation) if hasattr(self.activation, "slopes") else None
        self._smooth = cast(Smooth, self.activation) if hasattr(self.activation, "value_and_slopes") else None
        self._by_unit, self._drops = getattr(self.activation, "by_unit", False), max(self.dropout, default=0.0) > 0.0
        # f(1) = 1: the column of ones behind the units comes out as it went in.
        self._fixes_ones = not self._drops and type(self.activation) in (Identity, ReLU, LeakyReLU)
        self.result: FloatArray | None = None
        self._X: FloatArray | None = None

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Take one generator per member."""
        # Without an X the next pass prepares again, and no mask of the former generators is left in use.
        self._masks, self._X = Masks(rngs, self.dropout), None

    def keep(self, members: IntArray) -> None:
        """Go on with the rates of these members, shape (k,), and while training with their generators and masks."""
        # A single rate stands for however many members are left.
        if len(self.dropout) > 1:
            self.dropout = tuple(self.dropout[member] for member in members)
        if hasattr(self, "_masks"):
            self._masks.keep(members)

    def forward(self, X: FloatArray) -> FloatArray:
        """A = f(X), of the shape of X, times a fresh mask of zeros and growth factors where units are dropped."""
        if X is not self._X:
            self._prepare(X)
        if self._linear is not None:
            self._times_slopes(X, self._linear)
        elif self._smooth is not None:
            self._with_slopes(X, self._smooth)
        else:
            X = self._by_value(X)
        # Activations run over whole rows, which lie together in memory, and so over the column of ones as well.
        if not self._fixes_ones:
            self._ones.fill(1.0)
        self.result = X
        return X

    def seen(self) -> tuple[FloatArray, BoolArray | None]:
        """A of the last training pass, shape (..., n_rows, n_out), and its dropout mask, False where A is 0 for it.

        None stands for a mask without a False, also where A is known from before its mask.
        """
        assert self.result is not None
        if self._linear is None and self._smooth is None:
            return self._A[..., : self.n_out], None
        if not self._drops:
            return self.result[..., :-1], None
        # Back to the size before dropout, in which saturation is judged.
        return self.result[..., :-1] / self._growth, self._ahead.last[..., :-1]

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dX = dA * f'(X), of the shape of dA and in its memory."""
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
        """A = f(X), of the shape of X and, where the activation works in place, in its memory."""
        return activated(self.activation, X)

    def _prepare(self, X: FloatArray) -> None:
        """Memory that goes with X, which comes in the same memory step by step."""
        self._X, self._slopes, self._ones = X, self._memory.like(X), X[..., -1]
        if self._drops:
            self._ahead = self._masks.ahead(X.shape)
            self._growth, self._mask = self._masks.growth(X.dtype), self._memory_of_mask.like(X)

    def _times_slopes(self, X: FloatArray, linear: PiecewiseLinear) -> None:
        """X times the slopes at its elements, which are 0 where units are dropped, in the memory of X."""
        if self._drops:
            linear.slopes(X, self._slopes, self._ahead.draw())
            self._slopes *= self._growth
        else:
            linear.slopes(X, self._slopes)
        X *= self._slopes

    def _with_slopes(self, X: FloatArray, smooth: Smooth) -> None:
        """f(X) and its slopes, both times a fresh mask, in the memory of X."""
        smooth.value_and_slopes(X, self._slopes)
        if self._drops:
            mask = np.multiply(self._ahead.draw(), self._growth, out=self._mask)
            X *= mask
            self._slopes *= mask

    def _by_value(self, X: FloatArray) -> FloatArray:
        """f(X), in the memory of X where the gradient needs f(X) alone, and times a fresh mask in memory of its own."""
        A = X if self.activation.in_place else self._memory.like(X)
        self._Z, self._A = (X, A) if self._by_unit else (X[..., :-1], A[..., :-1])
        self.activation.value(self._Z, self._Z if self.activation.in_place else self._A)
        if self._drops:
            np.multiply(self._ahead.draw(), self._growth, out=self._mask)
            A = np.multiply(A, self._mask, out=self._memory_of_dropped.like(A))
        # The output may lie elsewhere than X did, and it is the column of the output that must hold ones.
        self._ones = A[..., -1]
        return A
