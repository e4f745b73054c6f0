"""What a layer is: it maps its input forward and the gradient of its output back to its input.

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

from finnet.types import FloatArray, IntArray

__all__ = ["Bare", "Layer", "Parameter", "Parameterless", "with_ones"]


def with_ones(X: FloatArray) -> FloatArray:
    """X (..., n_rows, n_columns) with a column of ones behind its columns, as layers take it in training.

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
        False for what is stored but not trained, such as running means.
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
        """Take the views of the flat vectors that hold this layer's parameters and their gradients.

        Each has the shape of its `Parameter`, with a leading axis (n_members, ...) for a pack.
        """

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Draw the initial values of one member's parameters into `values`, of the shapes of `parameters`."""

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Take one generator per member, for layers that draw while training."""

    def keep(self, members: IntArray) -> None:
        """Go on with these members of a pack alone, given by their numbers, shape (k,); `bind` follows."""

    def forward(self, X: FloatArray) -> FloatArray:
        """Output (..., n_rows, n_out + 1) for the input X (..., n_rows, n_in + 1), remembered for `backward`."""

    def backward(self, dZ: FloatArray) -> FloatArray:
        """Fill the parameter gradients and return the gradient with respect to the input, of its shape."""

    def infer(self, X: FloatArray) -> FloatArray:
        """Output (..., n_rows, n_out) for the input X (..., n_rows, n_in) when forecasting; may overwrite X."""


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


class Parameterless(Bare):
    """A layer without parameters."""

    parameters: tuple[Parameter, ...] = ()

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Nothing to take."""

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Nothing to draw."""
