"""The objective of a network: what it is to learn, and which losses fit it."""

from dataclasses import dataclass

import numpy as np

from finnet.checks import require_choice
from finnet.errors import ConfigError
from finnet.network.activations import Activation, Identity, Sigmoid, Softmax
from finnet.network.batches import Examples
from finnet.network.gradient_checks import verify_loss
from finnet.network.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    FocalLoss,
    Loss,
    QuantileLoss,
    loss_on_scores,
    mean_loss,
    named_loss,
)
from finnet.types import FloatArray, IntArray

__all__ = ["CLASS_LOSSES", "NUMBER_LOSSES", "Objective", "class_objective", "number_objective"]

CLASS_LOSSES = ("cross_entropy", "focal", "mse")
NUMBER_LOSSES = ("mse", "mae", "huber")

# Targets at which a gradient is checked beside made ones.
_FEW_ROWS = 4


@dataclass(frozen=True)
class Objective:
    """What a network is to learn: loss, output, how many of them, and what a stratified block is spread over.

    `strata` has shape (n_rows,): class codes, or the targets of the first output.
    """

    strata: FloatArray | IntArray
    loss: Loss
    output: Activation
    n_outputs: int

    def verify(self, examples: Examples, *, is_packed: bool) -> None:
        """Raise ConfigError where the gradient of the loss is not that of its value, at some of these targets too."""
        some = examples.Y[:: -(-len(examples.Y) // _FEW_ROWS)]
        verify_loss(self.loss, n_outputs=self.n_outputs, targets=some, is_packed=is_packed)

    def start(self, examples: Examples) -> FloatArray:
        """Scores that forecast the mean target, shape (n_outputs,), where training starts."""
        Y, weights = examples.targets()
        mean = np.average(Y.astype(np.float64), axis=0, weights=None if weights is None else weights[:, 0])
        if isinstance(self.output, Identity):
            return np.asarray(mean)
        # A class that has no weight would have a score of minus infinity, from which no step comes back.
        share = np.clip(mean, 1e-4, 1.0 - 1e-4)
        # Scores whose sigmoid, or whose softmax, is the share.
        return np.asarray(np.log(share) - np.log(1.0 - share) if isinstance(self.output, Sigmoid) else np.log(share))

    def constant_loss(self, examples: Examples, judged: Examples | None = None) -> float:
        """Mean loss of forecasting the mean target of the examples, for them or for the rows judged."""
        Y, weights = (examples if judged is None else judged).targets()
        scores = np.broadcast_to(self.start(examples).astype(Y.dtype), (*Y.shape[:-1], self.n_outputs))
        return float(mean_loss(loss_on_scores(self.loss, self.output), scores, Y, weights=weights))


def class_objective(codes: IntArray, loss: str | Loss, *, n_classes: int) -> Objective:
    """Probabilities of two classes by one output, of more by one each; ConfigError where the loss does not fit them.

    Codes are the positions of labels among the classes, shape (n_rows,).

    Examples
    --------
    >>> class_objective(np.array([0, 1]), CategoricalCrossEntropy(), n_classes=2).loss
    BinaryCrossEntropy()
    """
    is_binary = n_classes == 2
    fitting = _class_loss(loss, n_classes=n_classes)
    return Objective(codes, fitting, Sigmoid() if is_binary else Softmax(), 1 if is_binary else n_classes)


def _class_loss(loss: str | Loss, *, n_classes: int) -> Loss:
    if isinstance(loss, str):
        require_choice(loss, CLASS_LOSSES, name="loss")
    if loss == "cross_entropy" or type(loss) in (BinaryCrossEntropy, CategoricalCrossEntropy):
        return BinaryCrossEntropy() if n_classes == 2 else CategoricalCrossEntropy()
    found = named_loss(loss)
    if isinstance(found, QuantileLoss):
        raise ConfigError(f"loss={loss!r} is for numbers, and classes have no quantiles; use a regressor")
    if isinstance(found, FocalLoss) and n_classes > 2:
        raise ConfigError(f'loss={loss!r} tells two classes apart, y holds {n_classes}; use "mse"')
    return found


def number_objective(Y: FloatArray, loss: str | Loss) -> Objective:
    """As many outputs as Y has columns, or as a QuantileLoss has levels; ConfigError where the loss does not fit them.

    Y has shape (n_rows, n_columns).

    Examples
    --------
    >>> number_objective(np.zeros((5, 1)), QuantileLoss((0.1, 0.9))).n_outputs
    2
    """
    if isinstance(loss, str):
        require_choice(loss, (*NUMBER_LOSSES, "quantile"), name="loss")
    found, n_columns = named_loss(loss), Y.shape[1]
    if isinstance(found, BinaryCrossEntropy | CategoricalCrossEntropy | FocalLoss):
        raise ConfigError(f"loss={loss!r} is for probabilities, and numbers are forecast as they are; use a classifier")
    n_levels = len(found.levels) if isinstance(found, QuantileLoss) else n_columns
    if n_columns not in (1, n_levels):
        raise ConfigError(
            f"loss={loss!r} has {n_levels} levels, y has {n_columns} columns; give one column, or one for each level"
        )
    return Objective(Y[:, 0], found, Identity(), n_levels)
