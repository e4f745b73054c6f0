"""Activation functions: value and gradient side by side.

An activation maps pre-activations Z to outputs A. Going back it turns dA = dLoss/dA into dZ = dLoss/dZ, in the buffer
of dA. Arrays have shape (n_rows, n_units), or (n_members, n_rows, n_units) for a pack; nothing here depends on which.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from finnet.checks import require_choice, require_methods, require_number
from finnet.types import BoolArray, FloatArray

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "SELU",
    "Activation",
    "Identity",
    "LeakyReLU",
    "PiecewiseLinear",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Smooth",
    "Softmax",
    "Softplus",
    "Tanh",
    "activated",
    "named_activation",
    "sigmoid",
    "sigmoid_by_tanh",
]


# An array of no dimension starts a third of a microsecond sooner than a Python number, which counts in small networks.
_ZERO, _HALF, _ONE, _LOWEST = (np.array(number, dtype=np.float32) for number in (0.0, 0.5, 1.0, -80.0))


class Activation(Protocol):
    """A differentiable function of one layer's pre-activations; a user's own is any object of this shape.

    One that also has `by_unit = True`, because every output depends on its own pre-activation alone, trains faster.
    """

    @property
    def in_place(self) -> bool:
        """Whether the gradient needs the output alone, so that A may overwrite Z."""

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = f(Z), of shape (..., n_rows, n_units), written to `out`, which is Z itself for an in-place activation."""

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """Turn `dA` into dZ in its own buffer, both of the shape of Z; Z equals A for an in-place activation."""


@runtime_checkable
class PiecewiseLinear(Activation, Protocol):
    """An activation f(z) = s(z) z with a slope s that is constant but for jumps, so that dZ = s(Z) dA."""

    def slopes(self, Z: FloatArray, out: FloatArray, kept: BoolArray | None = None) -> FloatArray:
        """S = s(Z), of the shape of Z, and 0 where dropout silences a unit, written to `out`.

        In training it serves both ways: A = S Z and dZ = S dA.
        """


@runtime_checkable
class Smooth(Activation, Protocol):
    """An activation by unit whose value and slopes share most of their work, so that training computes both at once."""

    def value_and_slopes(self, Z: FloatArray, slopes: FloatArray) -> None:
        """Turn Z into A = f(Z) in its own buffer, and fill `slopes`, of the shape of Z, with f'(Z)."""


def activated(activation: Activation, Z: FloatArray) -> FloatArray:
    """f(Z), of the shape of Z, in the memory of Z where the activation works in place, else in memory of its own.

    Examples
    --------
    >>> Z = np.array([[0.0, 2.0]])
    >>> activated(SiLU(), Z).round(3), Z
    (array([[0.   , 1.762]]), array([[0., 2.]]))
    """
    return activation.value(Z, Z if activation.in_place else np.empty_like(Z))


def sigmoid(Z: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """1 / (1 + exp(-Z)), of the shape of Z, without overflow: pre-activations below -80 count as -80.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(3)
    array([0. , 0.5, 1. ])
    """
    # exp(80) is a number in float32, exp(89) is not.
    out = np.maximum(Z, _LOWEST, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out += _ONE
    return np.reciprocal(out, out=out)


def sigmoid_by_tanh(Z: FloatArray, out: FloatArray) -> FloatArray:
    """(1 + tanh(Z / 2)) / 2, which is sigmoid(Z) in fewer operations, to the same distance from it but not from 0.

    All arrays have the shape of Z.

    Examples
    --------
    >>> Z = np.array([-40.0, 0.0, 2.0])
    >>> sigmoid_by_tanh(Z, out=np.empty(3)).round(3)
    array([0.   , 0.5  , 0.881])
    """
    np.multiply(Z, _HALF, out=out)
    np.tanh(out, out=out)
    out *= _HALF
    out += _HALF
    return out


@dataclass(frozen=True)
class Identity:
    """f(z) = z, for regression outputs."""

    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """Z itself."""
        if out is not Z:
            out[...] = Z
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA."""
        del Z, A
        return dA


@dataclass(frozen=True)
class Sigmoid:
    """f(z) = 1 / (1 + exp(-z)), between 0 and 1.

    Examples
    --------
    >>> Z = np.array([[0.0, 2.0]])
    >>> Sigmoid().value(Z, Z).round(3)
    array([[0.5  , 0.881]])
    """

    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = 1 / (1 + exp(-Z))."""
        return sigmoid(Z, out=out)

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA * A * (1 - A)."""
        del Z
        dA *= A
        dA *= 1.0 - A
        return dA


@dataclass(frozen=True)
class Tanh:
    """f(z) = tanh(z), between -1 and 1."""

    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = tanh(Z)."""
        return np.tanh(Z, out=out)

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA * (1 - A^2)."""
        del Z
        dA *= 1.0 - A * A
        return dA


@dataclass(frozen=True)
class ReLU:
    """f(z) = max(z, 0), the rectified linear unit."""

    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = max(Z, 0)."""
        return np.maximum(Z, _ZERO, out=out)

    def slopes(self, Z: FloatArray, out: FloatArray, kept: BoolArray | None = None) -> FloatArray:
        """S = 1 where Z > 0, else 0."""
        is_on = np.greater(Z, _ZERO)
        if kept is not None:
            is_on &= kept
        # Twice as fast as comparing straight into floats.
        np.copyto(out, is_on)
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA where A > 0, else 0."""
        del Z
        dA *= A > _ZERO
        return dA


@dataclass(frozen=True)
class LeakyReLU:
    """f(z) = z where z > 0, else slope * z, so that no unit dies.

    Parameters
    ----------
    slope : float in [0, 1)
    """

    slope: float = 0.01
    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_number(self.slope, name="activation.slope", below=1.0)

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = max(Z, slope * Z)."""
        np.maximum(Z, self.slope * Z, out=out)
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA where A > 0, else slope * dA."""
        del Z
        dA *= self.slopes(A, np.empty_like(A))
        return dA

    def slopes(self, Z: FloatArray, out: FloatArray, kept: BoolArray | None = None) -> FloatArray:
        """S = 1 where Z > 0, else slope."""
        np.copyto(out, Z > _ZERO)
        out *= 1.0 - self.slope
        out += self.slope
        if kept is not None:
            out *= kept
        return out


@dataclass(frozen=True)
class ELU:
    """f(z) = z where z > 0, else alpha * (exp(z) - 1) (Clevert, Unterthiner & Hochreiter 2016)."""

    alpha: float = 1.0
    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_number(self.alpha, name="activation.alpha", zero=False)

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = max(Z, 0) + alpha * (exp(min(Z, 0)) - 1)."""
        # expm1 is exact near 0, where exp(z) - 1 would lose all digits.
        below = self.alpha * np.expm1(np.minimum(Z, 0.0))
        np.maximum(Z, 0.0, out=out)
        out += below
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA where A > 0, else dA * (A + alpha)."""
        del Z
        # Below 0 the slope is alpha exp(z) = A + alpha, so that Z, which A has overwritten, is not needed.
        dA *= np.where(A > 0.0, A.dtype.type(1.0), A + self.alpha)
        return dA


@dataclass(frozen=True)
class SELU:
    """Scaled ELU whose outputs keep mean 0 and variance 1 through depth (Klambauer et al. 2017)."""

    # The pair for which pre-activations of mean 0 and variance 1 give outputs of mean 0 and variance 1.
    alpha: ClassVar[float] = 1.6732632423543772
    scale: ClassVar[float] = 1.0507009873554805
    elu: ClassVar[ELU] = ELU(alpha)
    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = scale * ELU(Z)."""
        self.elu.value(Z, out)
        out *= self.scale
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA * scale where A > 0, else dA * (A + scale * alpha)."""
        del Z
        dA *= np.where(A > 0.0, A.dtype.type(self.scale), A + self.scale * self.alpha)
        return dA


@dataclass(frozen=True)
class SiLU:
    """f(z) = z * sigmoid(z), also called swish (Elfwing, Uchibe & Doya 2018)."""

    in_place: ClassVar[bool] = False
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = Z * sigmoid(Z)."""
        return np.multiply(Z, sigmoid(Z), out=out)

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA * (S + A * (1 - S)) with S = sigmoid(Z)."""
        S = sigmoid(Z)
        dA *= S + A * (1.0 - S)
        return dA

    def value_and_slopes(self, Z: FloatArray, slopes: FloatArray) -> None:
        """A = Z * S, slopes = S + A * (1 - S) with S = sigmoid(Z)."""
        S = sigmoid_by_tanh(Z, out=slopes)
        Z *= S
        # Z holds A from here on.
        rest = _ONE - S
        rest *= Z
        slopes += rest


@dataclass(frozen=True)
class GELU:
    """Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016).

    f(z) = z/2 * (1 + tanh(sqrt(2/pi) * (z + 0.044715 z^3))).
    """

    slope: ClassVar[float] = 0.7978845608028654  # sqrt(2 / pi)
    cubic: ClassVar[float] = 0.044715
    in_place: ClassVar[bool] = False
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = Z/2 * (1 + T) with T = tanh(slope * (Z + cubic * Z^3))."""
        np.multiply(0.5 * Z, 1.0 + self._tanh(Z), out=out)
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA/2 * (1 + T + Z * (1 - T^2) * slope * (1 + 3 cubic Z^2))."""
        del A
        dA *= self._slopes(Z, self._tanh(Z))
        return dA

    def value_and_slopes(self, Z: FloatArray, slopes: FloatArray) -> None:
        """Both from the same T."""
        T = self._tanh(Z)
        slopes[...] = self._slopes(Z, T)
        Z *= 0.5
        Z *= 1.0 + T

    def _slopes(self, Z: FloatArray, T: FloatArray) -> FloatArray:
        inner = self.slope * (1.0 + 3.0 * self.cubic * Z * Z)
        return np.asarray(0.5 * (1.0 + T + Z * (1.0 - T * T) * inner))

    def _tanh(self, Z: FloatArray) -> FloatArray:
        return np.asarray(np.tanh(self.slope * (Z + self.cubic * Z * Z * Z)))


@dataclass(frozen=True)
class Softplus:
    """f(z) = log(1 + exp(z)), a smooth ReLU, above 0."""

    in_place: ClassVar[bool] = False
    by_unit: ClassVar[bool] = True

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = max(Z, 0) + log(1 + exp(-|Z|))."""
        # The exponent is never above 0, so that nothing overflows; log1p is exact where exp(-|Z|) is tiny.
        return np.add(np.maximum(Z, 0.0), np.log1p(np.exp(-np.abs(Z))), out=out)

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = dA * sigmoid(Z)."""
        del A
        dA *= sigmoid(Z)
        return dA


@dataclass(frozen=True)
class Softmax:
    """f(z)_j = exp(z_j) / sum_k exp(z_k): the shares of a row, which sum to 1.

    Examples
    --------
    >>> Z = np.log(np.array([[1.0, 1.0, 2.0]]))
    >>> Softmax().value(Z, Z)
    array([[0.25, 0.25, 0.5 ]])
    """

    in_place: ClassVar[bool] = True
    by_unit: ClassVar[bool] = False

    def value(self, Z: FloatArray, out: FloatArray) -> FloatArray:
        """A = exp(Z - max Z) / sum(exp(Z - max Z)), row by row."""
        # The largest exponent is then 0; shares stay the same, since the factor cancels out.
        np.subtract(Z, Z.max(axis=-1, keepdims=True), out=out)
        np.exp(out, out=out)
        out /= out.sum(axis=-1, keepdims=True)
        return out

    def gradient(self, Z: FloatArray, A: FloatArray, dA: FloatArray) -> FloatArray:
        """dZ = A * (dA - sum(A * dA)), row by row."""
        del Z
        dA -= (A * dA).sum(axis=-1, keepdims=True)
        dA *= A
        return dA


ACTIVATIONS: dict[str, Activation] = {
    "identity": Identity(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "relu": ReLU(),
    "leaky_relu": LeakyReLU(),
    "elu": ELU(),
    "selu": SELU(),
    "silu": SiLU(),
    "gelu": GELU(),
    "softplus": Softplus(),
    "softmax": Softmax(),
}


def named_activation(activation: str | Activation) -> Activation:
    """The activation of that name, or the object itself; an unknown name raises ConfigError.

    Examples
    --------
    >>> named_activation("tanh")
    Tanh()
    """
    if not isinstance(activation, str):
        require_methods(activation, ("value", "gradient"), name="activation", such_as="Tanh()")
        return activation
    require_choice(activation, ACTIVATIONS, name="activation")
    return ACTIVATIONS[activation]
