"""Networks that share weights, each with scalings of its own (BatchEnsemble; Wen, Tran & Ba 2020).

K members share every weight matrix W; member k multiplies inputs by r_k and outputs by s_k, so that it works with
W_k = diag(r_k) W diag(s_k) at the price of two vectors. The members are one plain network: rows go in once, and inside
all arrays have shape (n_shared, n_rows, n_units). Signs at random scale the inputs of the first layer, which makes the
members differ from the start (TabM; Gorishniy, Kotelnikov & Babenko 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar

import numpy as np

from finnet.network.activations import Activation
from finnet.network.initializers import Initializer
from finnet.network.layer import Bare, Layer, Parameter
from finnet.network.layers import Activate, Dense
from finnet.network.losses import Loss, gradient_in_place
from finnet.network.memory import Buffer
from finnet.network.residual import Residual
from finnet.types import FloatArray

__all__ = [
    "Averaged",
    "LossOfAverage",
    "MeanOverShared",
    "Ones",
    "PerShared",
    "RandomSigns",
    "SharedDense",
    "share_weights",
]


@dataclass(frozen=True)
class Ones:
    """Scalings that change nothing."""

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Ones of shape (n_in, n_out)."""
        del rng
        return np.ones((n_in, n_out))


@dataclass(frozen=True)
class RandomSigns:
    """Scalings of +1 or -1, which turn one set of inputs into as many as there are members.

    Examples
    --------
    >>> np.unique(RandomSigns().draw(np.random.default_rng(0), 8, 5))
    array([-1.,  1.])
    """

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Signs of shape (n_in, n_out)."""
        return rng.choice([-1.0, 1.0], size=(n_in, n_out))


class SharedDense(Bare):
    """Z_k = ((X_k * r_k) W) * s_k + b_k for every network k of those that share W.

    X has shape (n_rows, n_in + 1) where all take the same rows, else (n_shared, n_rows, n_in + 1). Its ones are not
    used: biases are the networks' own, and W is not.

    Parameters
    ----------
    n_shared, n_in, n_out : int
    initializer : Initializer
        Draws W; b starts at 0, S at 1.
    scalings : Initializer
        Draws R.

    Examples
    --------
    >>> SharedDense(8, 3, 2, initializer=Ones(), scalings=Ones()).parameters[1]
    Parameter(shape=(8, 3), n_shrunk=0, is_trained=True)
    """

    settings = ("n_shared", "n_in", "n_out", "initializer", "scalings")
    passes_back, gives_scores = True, False

    def __init__(
        self, n_shared: int, n_in: int, n_out: int, *, initializer: Initializer, scalings: Initializer
    ) -> None:
        self.n_shared, self.n_in, self.n_out = n_shared, n_in, n_out
        self.initializer, self.scalings = initializer, scalings

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """W, which penalties shrink, and R, S and b, one row per network."""
        rows = [Parameter((self.n_shared, n)) for n in (self.n_in, self.n_out, self.n_out)]
        return Parameter((self.n_in, self.n_out), n_shrunk=self.n_in), *rows

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take views of W (n_in, n_out), R (n_shared, n_in, 1), S and b (n_shared, 1, n_out) and their gradients."""
        (self.W, *rows), (self.dW, *row_gradients) = values, gradients
        self.R, self.S, self.b = self._columns_and_rows(rows)
        self.dR, self.dS, self.db = self._columns_and_rows(row_gradients)
        self._Z, self._dX = Buffer(self.n_out + 1), Buffer(self.n_in + 1)
        # The weights of each network: filled on the way forward, read on the way back, and then written over.
        self._own, self._slopes = (np.empty((self.n_shared, *self.W.shape), self.W.dtype) for _ in range(2))
        self._ones = np.empty((1, 0), self.W.dtype)

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """W (n_in, n_out) and R (n_shared, n_in) from their initializers, S = 1, b = 0; shapes are in `parameters`."""
        W, R, S, b = values
        W[...] = self.initializer.draw(rng, self.n_in, self.n_out)
        R[...] = self.scalings.draw(rng, self.n_shared, self.n_in)
        S[...], b[...] = 1.0, 0.0

    def forward(self, X: FloatArray) -> FloatArray:
        """Z_k = X_k W_k + b_k with W_k = diag(r_k) W diag(s_k): cheaper than scaling rows, which outnumber inputs.

        Z has shape (n_shared, n_rows, n_out + 1), without the ones where it holds scores.
        """
        # A view: the rows that all networks take lie in memory once.
        X = np.broadcast_to(X, (self.n_shared, *X.shape[-2:]))
        self._X, Z = X[..., :-1], self._Z.like(X)
        np.multiply(self.W, self.R, out=self._own)
        self._own *= self.S
        np.matmul(self._X, self._own, out=self._Z.units)
        self._Z.units += self.b
        return self._Z.units if self.gives_scores else Z

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dW_k = X_k' dZ_k, handed on to W, r_k and s_k; dX_k = dZ_k W_k', where a layer stands before this one.

        dX has shape (n_shared, n_rows, n_in + 1).
        """
        dX, dZ = self._dX.like(dZ), dZ if self.gives_scores else dZ[..., :-1]
        if self._ones.shape[1] != dZ.shape[-2]:
            self._ones = np.ones((1, dZ.shape[-2]), dZ.dtype)
        np.matmul(self._ones, dZ, out=self.db)
        # Now or never: further down the networks' own weights are written over.
        if self.passes_back:
            np.matmul(dZ, self._own.mT, out=self._dX.units)
            # What activations multiply step after step would shrink to denormal numbers, which slow every later step.
            dX[..., -1] = 1.0
        own = np.matmul(self._X.mT, dZ, out=self._slopes)
        # dR and dS sum dW_k * W over outputs and over inputs; as products with S and R they need no array in between.
        slopes = np.multiply(own, self.W, out=self._own)
        np.matmul(slopes, self.S.mT, out=self.dR)
        np.matmul(self.R.mT, slopes, out=self.dS)
        # Last, since it spoils dW_k: what each network contributes to the gradient of the W that all share.
        own *= self.R
        own *= self.S
        own.sum(axis=0, out=self.dW)
        return dX

    def infer(self, X: FloatArray) -> FloatArray:
        """The same, shape (n_shared, n_rows, n_out), in fresh memory, by scaling weights or rows, which are fewer."""
        if X.shape[-2] < self.n_in:
            Z: FloatArray = np.matmul(X * self.R.mT, self.W)
            Z *= self.S
        else:
            Z = np.matmul(X, self.W * self.R * self.S)
        Z += self.b
        return Z

    def _columns_and_rows(self, rows: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
        R, S, b = rows
        return R[:, :, None], S[:, None, :], b[:, None, :]


class PerShared(Bare):
    """A layer that every network of those that share weights has for itself: its own gains, statistics, masks.

    Parameters
    ----------
    layer : Layer that works on packs, such as BatchNorm, LayerNorm, or Activate with one dropout rate per network
    n_shared : int
    """

    settings = ("layer", "n_shared")

    def __init__(self, layer: Layer, n_shared: int) -> None:
        self.layer, self.n_shared = layer, n_shared

    @property
    def n_out(self) -> int:
        """Units of each network."""
        return self.layer.n_out

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of the layer, one row per network."""
        return tuple(replace(p, shape=(self.n_shared, p.shape[1])) for p in self.layer.parameters)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Hand on views of shape (n_shared, 1, n_units)."""
        self.layer.bind([rows[:, None] for rows in values], [rows[:, None] for rows in gradients])

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Draw network by network into arrays of shape (n_shared, n_units)."""
        for own in zip(*values, strict=True):
            self.layer.initialize([row[None] for row in own], rng)

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Every network gets a generator of its own."""
        # Seen from outside, networks that share weights are one network, with one generator.
        (rng,) = rngs
        self.layer.seed(rng.spawn(self.n_shared))

    def forward(self, X: FloatArray) -> FloatArray:
        """What the layer gives, of the shape of X."""
        return self.layer.forward(X)

    def backward(self, dZ: FloatArray) -> FloatArray:
        """What the layer passes back, of the shape of dZ."""
        return self.layer.backward(dZ)

    def infer(self, X: FloatArray) -> FloatArray:
        """What the layer gives when forecasting, of the shape of X."""
        return self.layer.infer(X)


@dataclass(frozen=True)
class MeanOverShared:
    """The loss of networks that share weights: the mean of the losses that each has alone.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> scores = np.array([[[1.0]], [[3.0]]])
    >>> MeanOverShared(MeanSquaredError()).value(scores, np.array([[1.0]]))
    array([2.])
    """

    loss: Loss

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Loss of every row, of shape (n_rows,), for P of shape (n_shared, n_rows, n_outputs)."""
        return np.asarray(self.loss.value(P, self._for_each(P, Y)).mean(axis=0))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Gradient of the row losses with respect to P, of its shape and in its buffer."""
        dP = gradient_in_place(self.loss, P, self._for_each(P, Y))
        dP /= len(P)
        return dP

    def _for_each(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        # A view: the targets lie in memory once.
        return np.broadcast_to(Y, (len(P), *Y.shape))


@dataclass(frozen=True)
class LossOfAverage:
    """The loss of the forecast of networks that share weights, which is the average of theirs; for judging.

    Parameters
    ----------
    loss : Loss of forecasts
    activation : Activation that turns scores into forecasts

    Examples
    --------
    >>> from finnet.network.activations import Identity
    >>> from finnet.network.losses import MeanSquaredError
    >>> scores = np.array([[[1.0]], [[3.0]]])
    >>> LossOfAverage(MeanSquaredError(), Identity()).value(scores, np.array([[1.0]]))
    array([1.])
    """

    loss: Loss
    activation: Activation

    def value(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """Loss of every row, of shape (n_rows,), for scores Z of shape (n_shared, n_rows, n_outputs)."""
        return self.loss.value(Averaged(self.activation).value(Z, np.empty_like(Z)), Y)

    def gradient(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """Gradient of the row losses with respect to Z, of its shape."""
        average = Averaged(self.activation)
        A = average.value(Z, np.empty_like(Z))
        return average.gradient(Z, A, gradient_in_place(self.loss, A.copy(), Y))


@dataclass(frozen=True)
class Averaged:
    """The forecast of networks that share weights: the mean of what an output activation gives for each.

    Examples
    --------
    >>> from finnet.network.activations import Sigmoid
    >>> Z = np.array([[[0.0]], [[1000.0]]])
    >>> Averaged(Sigmoid()).value(Z, np.empty_like(Z))
    array([[0.75]])
    """

    activation: Activation
    in_place: ClassVar[bool] = False

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """Mean of shape (n_rows, n_outputs), for Z of shape (n_shared, n_rows, n_outputs); `out` is scratch."""
        # One after another: NumPy's own sum would add the networks in another order where there is one row alone.
        return np.asarray(reduce(np.add, self.activation.value(Z, out)) / len(Z))

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ of every network, shape (n_shared, n_rows, n_outputs), from dA of the mean, (n_rows, n_outputs)."""
        del A
        each, own = self.activation.value(Z, np.empty_like(Z)), np.repeat(dA[None] / len(Z), len(Z), axis=0)
        return self.activation.gradient(each if self.activation.in_place else Z, each, own)


def share_weights(layers: Sequence[Layer], n_shared: int) -> list[Layer]:
    """Layers of a plain network turned into those of `n_shared` networks that share its weights.

    Examples
    --------
    >>> from finnet.network.normalization import LayerNorm
    >>> layers = [Dense(5, 4, initializer=Ones()), LayerNorm(4), Dense(4, 1, initializer=Ones())]
    >>> [type(layer).__name__ for layer in share_weights(layers, 8)]
    ['SharedDense', 'PerShared', 'SharedDense']
    """
    first, *others = layers
    return [_shared(first, n_shared, scalings=RandomSigns()), *(_shared(layer, n_shared) for layer in others)]


def _shared(layer: Layer, n_shared: int, *, scalings: Initializer | None = None) -> Layer:
    match layer:
        case Dense():
            widths = layer.n_in, layer.n_out
            return SharedDense(n_shared, *widths, initializer=layer.initializer, scalings=scalings or Ones())
        case Residual():
            return Residual([_shared(own, n_shared) for own in layer.layers])
        case Activate() if max(layer.dropout) == 0.0:
            # It has nothing of its own for each network, and takes their arrays as they are.
            return layer
        case Activate():
            return PerShared(Activate(layer.n_out, layer.activation, layer.dropout * n_shared), n_shared)
    return PerShared(layer, n_shared)
