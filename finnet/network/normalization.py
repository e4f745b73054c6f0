"""Normalization layers: units brought to mean 0 and variance 1, then to a learned gain and shift."""

from collections.abc import Sequence

import numpy as np

from finnet.checks import require_choice
from finnet.network.layer import Bare, Layer, Parameter
from finnet.network.memory import Buffer
from finnet.types import FloatArray

__all__ = ["BatchNorm", "LayerNorm", "normalization_layer"]

_EPSILON = 1e-5  # added to the variance, against units that do not vary; the usual value


def _standardized(X: FloatArray, axis: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """X minus its mean, over its deviation; the mean, the variance and 1 / deviation."""
    mean = X.mean(axis=axis, keepdims=True)
    centered = X - mean
    variance = np.square(centered).mean(axis=axis, keepdims=True)
    inverse = 1.0 / np.sqrt(variance + _EPSILON)
    centered *= inverse
    return centered, mean, variance, inverse


def _standardize_gradient(dN: FloatArray, N: FloatArray, inverse: FloatArray, *, axis: int) -> None:
    """Turn dN into dX = (dN - mean(dN) - N mean(dN N)) / deviation (Ioffe & Szegedy 2015, section 3)."""
    # First, while dN is still whole: the mean of dN N is part of the formula.
    along = (dN * N).mean(axis=axis, keepdims=True)
    dN -= dN.mean(axis=axis, keepdims=True)
    dN -= N * along
    dN *= inverse


class _GainAndShift(Bare):
    """Z = gain N + shift of standardized N."""

    settings = ("n_out",)

    def __init__(self, n_out: int) -> None:
        self.n_out = n_out

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Gain, which starts at 1, and shift."""
        return Parameter((1, self.n_out)), Parameter((1, self.n_out))

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take views of gain and shift (..., 1, n_out) and of their gradients."""
        self.gain, self.shift = values[:2]
        self.dgain, self.dshift = gradients[:2]
        self._Z = Buffer(self.n_out + 1)

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Gain 1, shift 0."""
        values[0][...], values[1][...] = 1.0, 0.0

    def backward(self, dZ: FloatArray) -> FloatArray:
        """Fill dgain and dshift; dX in the memory of dZ."""
        dN = dZ[..., :-1]
        # Before dN is multiplied by the gain: until then it is the gradient of Z.
        (dN * self._N).sum(axis=-2, keepdims=True, out=self.dgain)
        dN.sum(axis=-2, keepdims=True, out=self.dshift)
        dN *= self.gain
        self._backward(dN)
        return dZ

    def _backward(self, dN: FloatArray) -> None:
        """Turn dN into dX."""
        _standardize_gradient(dN, self._N, self._inverse, axis=self.axis)

    def _gained(self, N: FloatArray, X: FloatArray) -> FloatArray:
        """Gain N + shift, with the column of ones that X has."""
        self._N, Z = N, self._Z.like(X)
        np.multiply(N, self.gain, out=self._Z.units)
        self._Z.units += self.shift
        return Z

    axis: int
    _N: FloatArray
    _inverse: FloatArray


class BatchNorm(_GainAndShift):
    """Every unit standardized over the rows of the batch; when forecasting, by running means (Ioffe & Szegedy 2015).

    Running values move by a tenth of the way per batch; variances are those of a sample (n - 1). A batch of one row,
    which has no deviation, leaves them alone and is standardized by them.

    Attributes
    ----------
    is_settled : bool
        True where every batch is, as in `attribution`, which sends forecasts, not training rows, through `backward`.
    """

    axis = -2
    momentum = 0.1
    is_settled = False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Gain, shift, running mean and running variance."""
        return *super().parameters, *[Parameter((1, self.n_out), is_trained=False)] * 2

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Take views of gain, shift, running mean and running variance, shape (..., 1, n_out) each."""
        super().bind(values, gradients)
        self.mean, self.variance = values[2:]

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Gain 1, shift 0, running mean 0, running variance 1, shape (1, n_out) each."""
        super().initialize(values, rng)
        values[2][...], values[3][...] = 0.0, 1.0

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = gain (X - mean) / deviation + shift, of the shape of X, with the batch's own mean and deviation."""
        n_rows = X.shape[-2]
        self._is_alone = n_rows == 1 or self.is_settled
        if self._is_alone:
            self._inverse = 1.0 / np.sqrt(self.variance + _EPSILON)
            return self._gained((X[..., :-1] - self.mean) * self._inverse, X)
        N, mean, variance, self._inverse = _standardized(X[..., :-1], self.axis)
        # In place, since these are views of the parameters, with which they are saved.
        self.mean += self.momentum * (mean - self.mean)
        self.variance += self.momentum * (variance * (n_rows / (n_rows - 1)) - self.variance)
        return self._gained(N, X)

    def infer(self, X: FloatArray) -> FloatArray:
        """The same with running mean and variance, shape (..., n_rows, n_out)."""
        slope = self.gain / np.sqrt(self.variance + _EPSILON)
        return np.asarray((X - self.mean) * slope + self.shift)

    def _backward(self, dN: FloatArray) -> None:
        # Running values do not depend on this batch, so that only the division is passed back through.
        if self._is_alone:
            dN *= self._inverse
        else:
            super()._backward(dN)


class LayerNorm(_GainAndShift):
    """Every row standardized over the units of the layer, training or not (Ba, Kiros & Hinton 2016)."""

    axis = -1

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = gain (X - mean) / deviation + shift, of the shape of X, with the row's own mean and deviation."""
        N, _, _, self._inverse = _standardized(X[..., :-1], self.axis)
        return self._gained(N, X)

    def infer(self, X: FloatArray) -> FloatArray:
        """The same, shape (..., n_rows, n_out), remembering nothing."""
        return _standardized(X, self.axis)[0] * self.gain + self.shift


def normalization_layer(name: str, n_out: int) -> Layer:
    """A new "batch" or "layer" normalization of that width.

    Examples
    --------
    >>> type(normalization_layer("layer", 3)).__name__
    'LayerNorm'
    """
    require_choice(name, ("batch", "layer"), name="normalization")
    return BatchNorm(n_out) if name == "batch" else LayerNorm(n_out)
