"""Checks of a user's own activation or loss against central differences, before it is trusted with training."""

from typing import Protocol

import numpy as np

from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS, Activation
from finnet.network.losses import LOSSES, Loss
from finnet.types import FloatArray

__all__ = ["verify_activation", "verify_loss"]

_STEP, _TOLERANCE = 1e-6, 1e-4


def verify_activation(activation: Activation) -> None:
    """Raise ConfigError unless the gradient of an activation is that of its value; finnet's own pass unseen.

    Examples
    --------
    >>> class Cube:
    ...     in_place = False
    ...     def value(self, Z, out):
    ...         return np.power(Z, 3, out=out)
    ...     def gradient(self, Z, A, dA):
    ...         dA *= 2 * Z
    ...         return dA
    >>> verify_activation(Cube())
    Traceback (most recent call last):
    finnet.errors.ConfigError: the gradient of Cube is not that of its value: at z=-0.923 it gives ...
    """
    if type(activation) in {type(own) for own in ACTIVATIONS.values()}:
        return
    Z = np.linspace(-0.923, 1.117, 12).reshape(4, 3)
    dA = np.cos(np.arange(12.0)).reshape(4, 3)

    def total(moved: FloatArray) -> float:
        return float((activation.value(moved.copy(), moved.copy()) * dA).sum())

    A = activation.value(Z.copy(), Z.copy())
    given = activation.gradient(A if activation.in_place else Z, A, dA.copy())
    _compare(given, _central_differences(total, Z), at=Z, name=type(activation).__name__)


def verify_loss(loss: Loss, *, n_outputs: int = 1) -> None:
    """Raise ConfigError unless the gradient of a loss is that of its value; finnet's own pass unseen.

    Values are tried between 0.1 and 0.9, so that losses of probabilities are within their range too.

    Examples
    --------
    >>> class NetProfit:  # of a position p in an asset that returns y, at a cost of 0.001 p^2
    ...     def value(self, P, Y):
    ...         return (0.001 * P * P - P * Y).mean(axis=-1)
    ...     def gradient(self, P, Y):
    ...         return (0.002 * P - Y) / P.shape[-1]
    >>> verify_loss(NetProfit())
    """
    if type(loss) in {type(own) for own in LOSSES.values()}:
        return
    P = np.linspace(0.1, 0.9, 4 * n_outputs).reshape(4, n_outputs)
    Y = np.tile([[1.0], [0.0]], (2, n_outputs))
    given = loss.gradient(P.copy(), Y)
    numeric = _central_differences(lambda moved: float(loss.value(moved, Y).sum()), P)
    _compare(given, numeric, at=P, name=type(loss).__name__)


class _Function(Protocol):
    def __call__(self, moved: FloatArray, /) -> float: ...


def _central_differences(function: _Function, at: FloatArray) -> FloatArray:
    slopes = np.empty_like(at)
    for place in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[place] = _STEP
        slopes[place] = (function(at + step) - function(at - step)) / (2 * _STEP)
    return slopes


def _compare(given: FloatArray, numeric: FloatArray, *, at: FloatArray, name: str) -> None:
    wrong = np.argwhere(~np.isclose(given, numeric, rtol=_TOLERANCE, atol=_TOLERANCE))
    if len(wrong):
        place = tuple(wrong[0])
        raise ConfigError(
            f"the gradient of {name} is not that of its value: at z={at[place]:.3f} it gives {given[place]:.6g},"
            f" central differences give {numeric[place]:.6g}; correct gradient()"
        )
