"""What happened in training, epoch by epoch."""

from dataclasses import dataclass, field
from math import isnan, nan

from finnet.network.diagnostics import NOTHING_LEARNED, LayerState, advise, overfitting_advice

__all__ = ["History"]

_HAIR = 1e-4  # of the loss: what a network falls below the mean's loss by rounding and luck alone


@dataclass
class History:
    """Losses per epoch of one training run, data loss alone, penalties excluded.

    Attributes
    ----------
    train_loss : list of float
        Mean over the epoch's batches, each seen with the weights of its step and with dropout.
    validation_loss : list of float
        Loss on the validation rows after the epoch; empty where there are none. Of a stream, loss of each chunk before
        it was learned from.
    layer_states : list of LayerState
        One per epoch and dense layer.
    best_epoch : int
        Counted from 1: the epoch whose weights are the final ones.
    was_interrupted : bool
        Whether the user stopped training from the keyboard.
    constant_loss : float
        Loss of forecasting the mean target for every row, of the rows of `judged_by`; NaN where not known.
    final_train_loss : float
        Loss of forecasting the training rows with the final weights, where dropout makes `train_loss` larger than
        that; NaN where it does not, or not known.
    is_of_stream : bool
        Whether every epoch saw other rows, so that losses rise and fall with the rows, too.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    layer_states: list[LayerState] = field(default_factory=list)
    best_epoch: int = 0
    was_interrupted: bool = False
    constant_loss: float = nan
    final_train_loss: float = nan
    is_of_stream: bool = False

    def __len__(self) -> int:
        return len(self.train_loss)

    def columns(self) -> dict[str, list[float]]:
        """Columns of equal length for a table: epoch, train_loss and, where known, validation_loss.

        Examples
        --------
        >>> History(train_loss=[0.7, 0.6]).columns()
        {'epoch': [1, 2], 'train_loss': [0.7, 0.6]}
        """
        columns: dict[str, list[float]] = {"epoch": list(range(1, len(self) + 1)), "train_loss": self.train_loss}
        if self.validation_loss:
            columns["validation_loss"] = self.validation_loss
        return columns

    @property
    def advice(self) -> list[str]:
        """Plain sentences about what went wrong and what helps (see `diagnostics.advise`)."""
        advice = [*advise(self.layer_states), *self.overfitting]
        if self.has_learned_nothing:
            advice.append(f"the network has learned nothing: its {NOTHING_LEARNED}")
        return advice

    @property
    def overfitting(self) -> list[str]:
        """A sentence where the final weights overfit (see `diagnostics.overfitting_advice`)."""
        if self.is_of_stream:
            return []
        return [*overfitting_advice(self.validation_loss, kept_epoch=self.best_epoch)]

    @property
    def has_learned_nothing(self) -> bool:
        """Whether the loss of the final weights is not below `constant_loss`, by more than a hair.

        Examples
        --------
        >>> [History([loss], best_epoch=1, constant_loss=0.69).has_learned_nothing for loss in (0.7, 0.6)]
        [True, False]
        """
        return self.kept_loss > self.constant_loss - _HAIR * abs(self.constant_loss)

    @property
    def kept_loss(self) -> float:
        """Loss of the final weights, on validation rows where there are any; NaN where no epoch was any good.

        Examples
        --------
        >>> History([0.7, 0.6, 0.5], [0.8, 0.7, 0.9], best_epoch=2).kept_loss
        0.7
        """
        losses = self.judged_by[: self.best_epoch]
        if not losses:
            return nan
        return losses[-1] if self.validation_loss or isnan(self.final_train_loss) else self.final_train_loss

    @property
    def judged_by(self) -> list[float]:
        """Validation losses where there are any, else training losses."""
        return self.validation_loss or self.train_loss
