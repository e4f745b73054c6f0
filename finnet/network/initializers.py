"""Initial weights: draws whose spread keeps signals and gradients alive through depth."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from finnet.checks import require_choice, require_methods
from finnet.errors import ConfigError
from finnet.network.activations import ELU, GELU, SELU, Activation, LeakyReLU, ReLU, SiLU, Softplus
from finnet.types import FloatArray

__all__ = ["INITIALIZERS", "Checked", "He", "Initializer", "LeCun", "Orthogonal", "Xavier", "initializer_for"]


class Initializer(Protocol):
    """Draws the weights of one dense layer."""

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Weights of shape (n_in, n_out), in float64."""


@dataclass(frozen=True)
class Checked:
    """An initializer of one's own, whose draws are refused where they are no weights of that shape.

    Examples
    --------
    >>> Checked(He()).draw(np.random.default_rng(0), 3, 2).shape
    (3, 2)
    """

    initializer: Initializer

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """What the initializer draws; ConfigError where that is no array of finite numbers of shape (n_in, n_out)."""
        W, name = self.initializer.draw(rng, n_in, n_out), type(self.initializer).__name__
        if np.shape(W) != (n_in, n_out):
            raise ConfigError(f"draw() of {name} has shape {np.shape(W)} where {n_in, n_out} is needed; correct it")
        if not np.isfinite(W).all():
            raise ConfigError(f"draw() of {name} holds numbers that are not finite, for {n_in, n_out}; correct it")
        return W

    def __repr__(self) -> str:
        return repr(self.initializer)


def _uniform(rng: np.random.Generator, shape: tuple[int, int], deviation: float) -> FloatArray:
    # Numbers uniform on [-a, a] have the variance a^2 / 3.
    limit = np.sqrt(3.0) * deviation
    return rng.uniform(-limit, limit, size=shape)


@dataclass(frozen=True)
class Xavier:
    """Uniform with variance 2 / (n_in + n_out), for sigmoid, tanh and output layers (Glorot & Bengio 2010).

    Examples
    --------
    >>> W = Xavier().draw(np.random.default_rng(0), 300, 100)
    >>> bool(abs(W.var() - 2 / 400) < 1e-4)
    True
    """

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Weights of shape (n_in, n_out)."""
        return _uniform(rng, (n_in, n_out), np.sqrt(2.0 / (n_in + n_out)))


@dataclass(frozen=True)
class He:
    """Uniform with variance 2 / n_in, for the ReLU family, which halves the variance (He et al. 2015)."""

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Weights of shape (n_in, n_out)."""
        return _uniform(rng, (n_in, n_out), np.sqrt(2.0 / n_in))


@dataclass(frozen=True)
class LeCun:
    """Uniform with variance 1 / n_in, for SELU (LeCun, Bottou, Orr & Mueller 1998)."""

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Weights of shape (n_in, n_out)."""
        return _uniform(rng, (n_in, n_out), np.sqrt(1.0 / n_in))


@dataclass(frozen=True)
class Orthogonal:
    """Rows or columns of a random rotation, times `gain` (Saxe, McClelland & Ganguli 2014).

    Examples
    --------
    >>> W = Orthogonal().draw(np.random.default_rng(0), 5, 3)
    >>> bool(np.allclose(W.T @ W, np.eye(3)))
    True
    """

    gain: float = 1.0

    def draw(self, rng: np.random.Generator, n_in: int, n_out: int) -> FloatArray:
        """Weights of shape (n_in, n_out) with orthonormal rows or columns, whichever are fewer."""
        tall = rng.standard_normal((max(n_in, n_out), min(n_in, n_out)))
        Q, R = np.linalg.qr(tall)
        # QR fixes signs by a convention of its own; with those of R's diagonal all rotations are equally likely
        # (Mezzadri 2007).
        Q = self.gain * Q * np.sign(np.diag(R))
        return Q if n_in >= n_out else Q.T


INITIALIZERS: dict[str, Initializer] = {
    "xavier": Xavier(),
    "he": He(),
    "lecun": LeCun(),
    "orthogonal": Orthogonal(),
}
_OWN = {type(initializer) for initializer in INITIALIZERS.values()}
_RECTIFIERS = (ReLU, LeakyReLU, ELU, SiLU, GELU, Softplus)


def initializer_for(activation: Activation, initializer: str | Initializer = "auto") -> Initializer:
    """The initializer of that name, the object itself, or with "auto" the one that suits the activation.

    Draws of one's own are checked.

    Examples
    --------
    >>> from finnet.network.activations import Tanh
    >>> initializer_for(Tanh()), initializer_for(ReLU())
    (Xavier(), He())
    """
    if not isinstance(initializer, str):
        require_methods(initializer, ("draw",), name="initializer", such_as="He()")
        return initializer if type(initializer) in _OWN else Checked(initializer)
    if initializer == "auto":
        return LeCun() if isinstance(activation, SELU) else He() if isinstance(activation, _RECTIFIERS) else Xavier()
    require_choice(initializer, {"auto", *INITIALIZERS}, name="initializer")
    return INITIALIZERS[initializer]
