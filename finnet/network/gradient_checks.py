"""Checks of a user's own activation or loss against central differences, before it is trusted with training."""

from typing import Any, Protocol

import numpy as np

from finnet.checks import require_methods
from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS, Activation, PiecewiseLinear, Smooth
from finnet.network.losses import LOSSES, Loss
from finnet.types import FloatArray

__all__ = ["verify_activation", "verify_loss"]

_STEP, _TOLERANCE = 1e-6, 1e-4


def verify_activation(activation: Activation, *, is_packed: bool = False) -> None:
    """Raise ConfigError unless the gradient of an activation is that of its value; finnet's own pass unseen.

    Parameters
    ----------
    activation : Activation
    is_packed : bool
        Whether it is to take arrays of shape (n_members, n_rows, n_units), too.

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
    require_methods(activation, ("value", "gradient"), name="activation", such_as="Tanh()")
    if not isinstance(getattr(activation, "in_place", None), bool | np.bool_):
        raise ConfigError(
            f"activation {type(activation).__name__} does not say whether it is in_place; set True where gradient()"
            " needs the output alone, else False"
        )
    # Odd numbers, none of them a round one, where a kink is likely; the wide ones reach the flat ends.
    near, wide = np.linspace(-0.923, 1.117, 12), np.linspace(-8.371, 8.713, 12)
    Z = np.concatenate([near, wide]).reshape(8, 3)
    with np.errstate(all="ignore"):
        _verify_at(activation, Z)
        if is_packed:
            _verify_in_pack(activation, Z)


def _verify_at(activation: Activation, Z: FloatArray) -> None:
    """Raise ConfigError unless all that an activation gives for these pre-activations fits together."""
    # Another dA for every element: with equal ones, gradients that stand in the wrong place would pass.
    name, dA = type(activation).__name__, np.cos(np.arange(float(Z.size))).reshape(Z.shape)
    A = _value(activation, Z)
    _require_defined(A, Z, name=name)

    def total(moved: FloatArray) -> float:
        return float((_value(activation, moved) * dA).sum())

    numeric = _central_differences(total, Z)
    # Copies, as what is tried may write into whatever it is given.
    given = activation.gradient((A if activation.in_place else Z).copy(), A.copy(), dA.copy())
    _require_array(given, Z.shape, name=f"gradient() of {name}")
    _compare_gradient(given, numeric, at=Z, name=name)
    _verify_memory(activation, Z, A)
    _verify_rows(activation, Z, A)
    if isinstance(activation, PiecewiseLinear):
        _verify_slopes(activation, Z, A, numeric=numeric / dA)
    if isinstance(activation, Smooth):
        _verify_both(activation, Z, A, numeric=numeric / dA)


def _verify_in_pack(activation: Activation, Z: FloatArray) -> None:
    """Raise ConfigError unless an activation gives two members at once what it gives each alone."""
    name, packed = type(activation).__name__, np.stack([Z, Z[::-1]])
    remedy = "let it take arrays of shape (n_members, n_rows, n_units), with axis=-1 for the units"
    try:
        A = _value(activation, packed)
        _compare(A[0], _value(activation, Z), at=Z, claim=f"{name} fails in packs", right="alone", remedy=remedy)
        _verify_at(activation, packed)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{name} fails in packs of networks, {error!r}; {remedy}") from error


def verify_loss(loss: Loss, *, n_outputs: int = 1, targets: FloatArray | None = None, is_packed: bool = False) -> None:
    """Raise ConfigError unless the gradient of a loss is that of its value; finnet's own pass unseen.

    Values are tried between 0.1 and 0.9, so that losses of probabilities are within their range too, against targets 0
    and 1, where the loss is defined for them, and against those given.

    Parameters
    ----------
    loss : Loss
    n_outputs : int
    targets : ndarray of shape (n_rows, n_outputs), optional
        A few targets of the task; one column alone where the loss compares all outputs with it.
    is_packed : bool
        Whether the loss is to compare arrays of shape (n_members, n_rows, n_outputs).

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
    require_methods(loss, ("value", "gradient"), name="loss", such_as="MeanSquaredError()")
    n_columns = n_outputs if targets is None else targets.shape[1]
    tried = [np.tile([[1.0], [0.0]], (2, n_columns))]
    tried += [] if targets is None else [targets.astype(np.float64)]
    with np.errstate(all="ignore"):
        is_defined = [_verify_against(loss, Y, n_outputs=n_outputs, is_packed=is_packed) for Y in tried]
    if not is_defined[-1]:
        raise ConfigError(
            f"the value of {type(loss).__name__} is no finite number for P from 0.1 to 0.9 and Y from"
            f" {tried[-1].min():.3g} to {tried[-1].max():.3g}; correct value(), or bring the target to where the loss"
            " is defined"
        )


def _verify_against(loss: Loss, Y: FloatArray, *, n_outputs: int, is_packed: bool) -> bool:
    """Compare gradient and value at these targets; False where the value is not finite there."""
    name = type(loss).__name__
    # Odd numbers, which targets are not likely to meet: at a kink no difference is right.
    P = np.linspace(0.10371, 0.89713, len(Y) * n_outputs).reshape(len(Y), n_outputs)
    if is_packed:
        P, Y = np.stack([P, P[::-1]]), np.stack([Y, Y])
    rows = loss.value(P.copy(), Y)
    _require_array(rows, P.shape[:-1], name=f"value() of {name}")
    if not np.isfinite(rows).all():
        return False
    numeric = _central_differences(lambda moved: float(loss.value(moved, Y).sum()), P)
    given = loss.gradient(P.copy(), Y)
    _require_array(given, P.shape, name=f"gradient() of {name}")
    # Differences of large values round more than the step moves them.
    noise = 8.0 * np.finfo(np.float64).eps * float(np.abs(rows).sum()) / _STEP
    _compare_gradient(given, numeric, at=P, name=name, noise=noise)
    return True


def _value(activation: Activation, Z: FloatArray) -> FloatArray:
    """f(Z) in memory of its own, where it has to be written."""
    # NaN, so that an element which is never written is seen.
    out = np.full_like(Z, np.nan)
    found = activation.value(Z.copy(), out)
    _require_array(found, Z.shape, name=f"value() of {type(activation).__name__}")
    if not np.shares_memory(found, out):
        raise ConfigError(f"value() of {type(activation).__name__} has to write to `out` and to return it; correct it")
    return out


def _verify_memory(activation: Activation, Z: FloatArray, A: FloatArray) -> None:
    """Raise ConfigError unless value(Z, Z) is value(Z, out), or leaves Z alone where memory is never shared."""
    name, given = type(activation).__name__, Z.copy()
    if activation.in_place:
        activation.value(given, given)
        claim, remedy = f"value(Z, Z) of {name} is not its value(Z, out)", "correct value(), or set in_place = False"
        _compare(given, A, at=Z, claim=claim, right="value(Z, out) gives", remedy=remedy)
    else:
        activation.value(given, np.empty_like(Z))
        claim, remedy = f"value(Z, out) of {name} writes into Z", "correct value()"
        _compare(given, Z, at=Z, claim=claim, right="it found", remedy=remedy)
    if getattr(activation, "by_unit", False):
        claim, remedy = f"an output of {name} depends on other units", "set by_unit = False"
        _compare(_value(activation, Z[..., :1]), A[..., :1], at=Z, claim=claim, right="with them", remedy=remedy)


def _verify_rows(activation: Activation, Z: FloatArray, A: FloatArray) -> None:
    """Raise ConfigError unless the outputs of a row are its own, as a forecast must not depend on its company."""
    claim, remedy = f"an output of {type(activation).__name__} depends on other rows", "correct value()"
    _compare(_value(activation, Z[..., :1, :]), A[..., :1, :], at=Z, claim=claim, right="with them", remedy=remedy)


def _require_defined(A: FloatArray, Z: FloatArray, *, name: str) -> None:
    """Raise ConfigError unless all values are finite numbers."""
    wrong = np.argwhere(~np.isfinite(A))
    if len(wrong):
        place = tuple(wrong[0])
        raise ConfigError(
            f"the value of {name} is undefined at z={Z[place]:.3f}, where it gives {A[place]:.6g}; pre-activations may"
            " be any number: define it for all"
        )


def _verify_slopes(activation: PiecewiseLinear, Z: FloatArray, A: FloatArray, *, numeric: FloatArray) -> None:
    """Raise ConfigError unless slopes(Z) are those of the value, and 0 where a unit is not kept."""
    name, kept = type(activation).__name__, np.arange(Z.size).reshape(Z.shape) % 5 > 0
    claim, remedy = f"slopes() of {name} are not those of its value", "correct slopes(), or neither have nor inherit it"
    slopes, masked = np.full_like(Z, np.nan), np.full_like(Z, np.nan)
    activation.slopes(Z.copy(), slopes)
    _compare(slopes, numeric, at=Z, claim=claim, right="central differences give", remedy=remedy)
    _compare(slopes, A / Z, at=Z, claim=claim, right="value / z is", remedy=remedy)
    activation.slopes(Z.copy(), masked, kept)
    claim = f"slopes() of {name} are not 0 exactly where kept is False"
    _compare(masked, slopes * kept, at=Z, claim=claim, right="they should be", remedy="correct slopes()")


def _verify_both(activation: Smooth, Z: FloatArray, A: FloatArray, *, numeric: FloatArray) -> None:
    """Raise ConfigError unless value_and_slopes(Z) gives value(Z) and its slopes."""
    both = f"value_and_slopes() of {type(activation).__name__}"
    remedy = "correct it, or neither have nor inherit it"
    given, slopes = Z.copy(), np.full_like(Z, np.nan)
    activation.value_and_slopes(given, slopes)
    _compare(given, A, at=Z, claim=f"{both} is not its value", right="value() gives", remedy=remedy)
    claim = f"{both} has other slopes than its value"
    _compare(slopes, numeric, at=Z, claim=claim, right="central differences give", remedy=remedy)


def _require_array(found: Any, shape: tuple[int, ...], *, name: str) -> None:
    if not isinstance(found, np.ndarray) or found.shape != shape:
        given = f"shape {found.shape}" if isinstance(found, np.ndarray) else repr(found)
        raise ConfigError(f"{name} gives {given} where an array of shape {shape} is needed; correct it")


class _Function(Protocol):
    def __call__(self, moved: FloatArray, /) -> float: ...


def _central_differences(function: _Function, at: FloatArray) -> FloatArray:
    slopes = np.empty_like(at)
    for place in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[place] = _STEP
        slopes[place] = (function(at + step) - function(at - step)) / (2 * _STEP)
    return slopes


def _compare_gradient(given: FloatArray, numeric: FloatArray, *, at: FloatArray, name: str, noise: float = 0.0) -> None:
    claim, right = f"the gradient of {name} is not that of its value", "central differences give"
    _compare(given, numeric, at=at, claim=claim, right=right, remedy="correct gradient()", noise=noise)


def _compare(
    given: FloatArray,
    true: FloatArray,
    *,
    at: FloatArray,
    claim: str,
    right: str,
    remedy: str,
    noise: float = 0.0,
) -> None:
    """Raise ConfigError that names the first place where two arrays differ."""
    wrong = np.argwhere(~np.isclose(given, true, rtol=_TOLERANCE, atol=_TOLERANCE + noise))
    if len(wrong):
        place = tuple(wrong[0])
        raise ConfigError(
            f"{claim}: at z={at[place]:.3f} it gives {given[place]:.6g}, {right} {true[place]:.6g}; {remedy}"
        )
