"""Losses: value and gradient side by side.

A loss compares predictions P with targets Y, both of shape (n_rows, n_outputs) or (n_members, n_rows, n_outputs), and
gives one number per row: the mean over outputs where a row has several. Its gradient is that of the row's loss, in the
buffer of P. Means over rows, and sample weights, are `mean_loss` and `mean_gradient`, the same for every loss. Losses
of scores, from which an output activation would make the predictions, call them Z.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from finnet.checks import require_choice, require_methods, require_number
from finnet.errors import ConfigError
from finnet.network.activations import Activation, Identity, Sigmoid, Softmax, sigmoid, sigmoid_by_tanh
from finnet.network.constants import constant
from finnet.types import FloatArray

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "Composed",
    "FocalLoss",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "QuantileLoss",
    "SigmoidCrossEntropy",
    "SigmoidFocalLoss",
    "SoftmaxCrossEntropy",
    "gradient_in_place",
    "is_built_in",
    "loss_on_scores",
    "mean_gradient",
    "mean_loss",
    "named_loss",
]


class Loss(Protocol):
    """A differentiable penalty per row; a user's own is any object of this shape."""

    def value(self, P: FloatArray, Y: FloatArray, /) -> FloatArray:
        """Loss of every row, of shape (..., n_rows)."""

    def gradient(self, P: FloatArray, Y: FloatArray, /) -> FloatArray:
        """Gradient of the row losses with respect to P, of its shape; may overwrite P."""


def mean_loss(loss: Loss, P: FloatArray, Y: FloatArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Mean loss over rows, one number per member; rows weighted where weights (..., n_rows, 1) are given.

    Examples
    --------
    >>> P, Y = np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]])
    >>> float(mean_loss(MeanSquaredError(), P, Y))
    2.0
    """
    rows = loss.value(P, Y)
    if weights is not None:
        rows = rows * weights[..., 0]
    return np.asarray(rows.mean(axis=-1))


def gradient_in_place(loss: Loss, P: FloatArray, Y: FloatArray) -> FloatArray:
    """Gradient of the row losses with respect to P, of its shape and in its buffer.

    What a loss returns may be memory that it uses again, and is copied then.
    """
    dP = loss.gradient(P, Y)
    return P if dP is P else _moved(dP, P, of=loss)


def _moved(dP: FloatArray, P: FloatArray, *, of: Loss) -> FloatArray:
    """P, which now holds dP."""
    if dP.shape != P.shape:
        raise ConfigError(
            f"gradient() of {type(of).__name__} has shape {dP.shape} for P of shape {P.shape}; give one number for each"
            " of P"
        )
    P[...] = dP
    return P


def mean_gradient(loss: Loss, P: FloatArray, Y: FloatArray, *, weights: FloatArray | None = None) -> FloatArray:
    """Gradient of `mean_loss` with respect to P, of its shape and in its buffer; weights are (..., n_rows, 1)."""
    dP = loss.gradient(P, Y)
    if dP is not P:
        dP = _moved(dP, P, of=loss)
    if weights is not None:
        dP *= weights
    dP *= constant(1.0 / dP.shape[-2], dP.dtype)
    return dP


def _over_outputs(E: FloatArray) -> FloatArray:
    # The mean of one output is itself, and looking for it takes longer than all the rest.
    return np.asarray(E[..., 0] if E.shape[-1] == 1 else E.mean(axis=-1))


@dataclass(frozen=True)
class MeanSquaredError:
    """(p - y)^2, whose best constant answer is the mean."""

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs of (P - Y)^2."""
        return _over_outputs(np.square(P - Y))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """2 (P - Y) / n_outputs."""
        P -= Y
        P *= 2.0 / P.shape[-1]
        return P


@dataclass(frozen=True)
class MeanAbsoluteError:
    """|p - y|, whose best constant answer is the median."""

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs of |P - Y|."""
        return _over_outputs(np.abs(P - Y))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """sign(P - Y) / n_outputs."""
        P -= Y
        np.sign(P, out=P)
        P /= P.shape[-1]
        return P


@dataclass(frozen=True)
class Huber:
    """Squared near the target, absolute beyond `delta`, so that outliers pull no harder than that (Huber 1964)."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        require_number(self.delta, name="loss.delta", zero=False)

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs of E^2 / 2 where |E| <= delta, else delta (|E| - delta / 2), with E = P - Y."""
        E = np.abs(P - Y)
        # Both cases in one formula: near is |E| within delta and delta beyond.
        near = np.minimum(E, self.delta)
        return _over_outputs(near * (E - 0.5 * near))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """E clipped to [-delta, delta], divided by n_outputs."""
        P -= Y
        np.clip(P, -self.delta, self.delta, out=P)
        P /= P.shape[-1]
        return P


@dataclass(frozen=True)
class QuantileLoss:
    """Pinball loss of several quantiles at once, one output per level (Koenker & Bassett 1978).

    Parameters
    ----------
    levels : tuple of float in (0, 1)
        Y has one column and P one column per level.

    Examples
    --------
    >>> QuantileLoss(levels=(0.9,)).value(np.array([[1.0]]), np.array([[3.0]]))
    array([1.8])
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        if np.ndim(self.levels) != 1 or not len(self.levels):
            raise ConfigError(f"loss.levels={self.levels!r} is no row of levels; write (0.1, 0.5, 0.9) or (0.5,)")
        object.__setattr__(self, "levels", tuple(np.asarray(self.levels).tolist()))
        for level in self.levels:
            require_number(level, name="loss.levels", below=1.0, zero=False)

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over levels of max(level * (Y - P), (level - 1) * (Y - P))."""
        E, levels = Y - P, np.asarray(self.levels, P.dtype)
        return _over_outputs(np.maximum(levels * E, (levels - 1.0) * E))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """(1 where P > Y, else 0) minus level, divided by the number of levels."""
        # Written as floats 0 and 1 into the memory of P.
        np.greater(P, Y, out=P)
        P -= np.asarray(self.levels, P.dtype)
        P /= len(self.levels)
        return P


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """-y log p - (1 - y) log(1 - p) of probabilities p; probabilities within 1e-7 of 0 or 1 count as that far away."""

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs."""
        # As near as float32 comes to 1; nearer, 1 - p would round to 0.
        P = np.clip(P, 1e-7, 1.0 - 1e-7)
        return -_over_outputs(Y * np.log(P) + (1.0 - Y) * np.log1p(-P))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """(P - Y) / (P (1 - P)), divided by n_outputs."""
        np.clip(P, 1e-7, 1.0 - 1e-7, out=P)
        np.divide(P - Y, P * (1.0 - P) * P.shape[-1], out=P)
        return P


@dataclass(frozen=True)
class CategoricalCrossEntropy:
    """-sum_j y_j log p_j of the probabilities of one row."""

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Sum over classes."""
        return np.asarray(-(Y * np.log(np.maximum(P, 1e-7))).sum(axis=-1))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """-Y / P."""
        np.divide(Y, np.maximum(P, 1e-7), out=P)
        return np.negative(P, out=P)


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """Binary cross-entropy of sigmoid(z), computed from z itself: exact for any z.

    Examples
    --------
    >>> SigmoidCrossEntropy().value(np.array([[1000.0]]), np.array([[0.0]]))
    array([1000.])
    """

    def value(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs of max(z, 0) - z y + log(1 + exp(-|z|))."""
        # log(1 + exp(z)) - z y, rearranged so that no exponent is above 0.
        return _over_outputs(np.maximum(Z, 0.0) - Z * Y + np.log1p(np.exp(-np.abs(Z))))

    def gradient(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """(sigmoid(z) - y) / n_outputs: the two fractions of the chain rule cancel."""
        sigmoid_by_tanh(Z, out=Z)
        Z -= Y
        if Z.shape[-1] > 1:
            Z /= Z.shape[-1]
        return Z


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Categorical cross-entropy of softmax(z), computed from z itself; the targets of a row sum to 1."""

    def value(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """log(sum exp z) - sum(y z)."""
        # Less the maximum nothing overflows; as the targets of a row sum to 1, it cancels out of both terms.
        S = Z - Z.max(axis=-1, keepdims=True)
        return np.asarray(np.log(np.exp(S).sum(axis=-1)) - (Y * S).sum(axis=-1))

    def gradient(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """softmax(z) - y."""
        Softmax().value(Z, Z)
        Z -= Y
        return Z


@dataclass(frozen=True)
class FocalLoss:
    """Binary cross-entropy that gives less weight to rows already right (Lin et al. 2017): -(1 - q)^gamma log q.

    q is the probability given to the true class; gamma = 0 is plain cross-entropy.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        require_number(self.gamma, name="loss.gamma")

    def value(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs; Y is 0 or 1."""
        Q = np.clip(np.where(Y > 0.5, P, 1.0 - P), 1e-7, 1.0 - 1e-7)
        return -_over_outputs((1.0 - Q) ** self.gamma * np.log(Q))

    def gradient(self, P: FloatArray, Y: FloatArray) -> FloatArray:
        """d/dq = gamma (1 - q)^(gamma - 1) log q - (1 - q)^gamma / q, with the sign of dq/dp."""
        Q = np.clip(np.where(Y > 0.5, P, 1.0 - P), 1e-7, 1.0 - 1e-7)
        dQ = self.gamma * (1.0 - Q) ** (self.gamma - 1.0) * np.log(Q) - (1.0 - Q) ** self.gamma / Q
        np.divide(np.where(Y > 0.5, dQ, -dQ), P.shape[-1], out=P)
        return P


@dataclass(frozen=True)
class SigmoidFocalLoss:
    """Focal loss of sigmoid(z), computed from z itself: exact for any z, and never flat where a row is wrong.

    Examples
    --------
    >>> SigmoidFocalLoss(gamma=2.0).value(np.array([[-1000.0]]), np.array([[1.0]]))
    array([1000.])
    """

    gamma: float = 2.0

    def value(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """Mean over outputs of -(1 - q)^gamma log q."""
        _, wrong, log_right = self._of_truth(Z, Y)
        return -_over_outputs(wrong**self.gamma * log_right)

    def gradient(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """(1 - q)^gamma (gamma q log q - (1 - q)) / n_outputs, with the sign of dq/dz."""
        sign, wrong, log_right = self._of_truth(Z, Y)
        slope = wrong**self.gamma * (self.gamma * (1.0 - wrong) * log_right - wrong)
        np.divide(sign * slope, Z.shape[-1], out=Z)
        return Z

    def _of_truth(self, Z: FloatArray, Y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Sign of dq/dz, 1 - q and log q of the probability q of the true class."""
        sign = np.where(Y > 0.5, Z.dtype.type(1.0), Z.dtype.type(-1.0))
        M = sign * Z
        return sign, sigmoid(-M), np.minimum(M, 0.0) - np.log1p(np.exp(-np.abs(M)))


@dataclass(frozen=True)
class Composed:
    """A loss of activation(z), as a loss of the scores z: the chain rule for one output layer."""

    activation: Activation
    loss: Loss

    def value(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """Loss of activation(z)."""
        return self.loss.value(self.activation.value(Z, np.empty_like(Z)), Y)

    def gradient(self, Z: FloatArray, Y: FloatArray) -> FloatArray:
        """Gradient with respect to z."""
        # A is needed twice, for the loss, which may write over what it gets, and for the activation's own gradient.
        A = self.activation.value(Z, np.empty_like(Z))
        given = A if self.activation.in_place else Z
        return self.activation.gradient(given, A, gradient_in_place(self.loss, A.copy(), Y))


LOSSES: dict[str, Loss] = {
    "mse": MeanSquaredError(),
    "mae": MeanAbsoluteError(),
    "huber": Huber(),
    "quantile": QuantileLoss(),
    "binary_cross_entropy": BinaryCrossEntropy(),
    "categorical_cross_entropy": CategoricalCrossEntropy(),
    "focal": FocalLoss(),
}


def is_built_in(loss: Loss) -> bool:
    """Whether the loss is finnet's, which compares column by column and is never below 0; a subclass need not be so.

    Examples
    --------
    >>> class NetProfit(MeanSquaredError): ...
    >>> is_built_in(Huber(0.5)), is_built_in(SigmoidCrossEntropy()), is_built_in(NetProfit())
    (True, True, False)
    """
    fused = {SigmoidCrossEntropy, SigmoidFocalLoss, SoftmaxCrossEntropy}
    return type(loss) in fused | {*map(type, LOSSES.values())}


def loss_on_scores(loss: Loss, activation: Activation) -> Loss:
    """The loss as a function of the output layer's scores, fused with the output activation where that is stabler.

    Examples
    --------
    >>> loss_on_scores(BinaryCrossEntropy(), Sigmoid())
    SigmoidCrossEntropy()
    """
    if type(activation) is Identity:
        return loss
    # By type, because a subclass may have a value of its own, which its parent's fused form does not know.
    kinds = type(activation), type(loss)
    if kinds == (Sigmoid, BinaryCrossEntropy):
        return SigmoidCrossEntropy()
    if kinds == (Softmax, CategoricalCrossEntropy):
        return SoftmaxCrossEntropy()
    if isinstance(loss, FocalLoss) and kinds == (Sigmoid, FocalLoss):
        return SigmoidFocalLoss(loss.gamma)
    return Composed(activation, loss)


def named_loss(loss: str | Loss) -> Loss:
    """The loss of that name, or the object itself; an unknown name raises ConfigError.

    Examples
    --------
    >>> named_loss("mse")
    MeanSquaredError()
    """
    if not isinstance(loss, str):
        require_methods(loss, ("value", "gradient"), name="loss", such_as="Huber()")
        return loss
    require_choice(loss, LOSSES, name="loss")
    return LOSSES[loss]
