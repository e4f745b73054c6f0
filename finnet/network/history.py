"""What happened in training, epoch by epoch."""

from dataclasses import dataclass, field
from math import nan

from finnet.network.diagnostics import NOTHING_LEARNED, LayerState, advise

__all__ = ["History"]

_HAIR = 1e-4


@dataclass
class History:
    """Losses per epoch of one training run, data loss alone, penalties excluded.

    Attributes
    ----------
    train_loss : list of float
        Mean over the epoch's batches, each seen with the weights of its step and with dropout.
    validation_loss : list of float
        Loss on the validation rows after the epoch; empty where there are none.
    layer_states : list of LayerState
        One per epoch and dense layer.
    best_epoch : int
        Counted from 1: the epoch whose weights are kept.
    was_interrupted : bool
        Whether the user stopped training from the keyboard.
    constant_loss : float
        Loss of forecasting the mean target for every row, of the rows of `judged_by`; NaN where not known.
    """

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    layer_states: list[LayerState] = field(default_factory=list)
    best_epoch: int = 0
    was_interrupted: bool = False
    constant_loss: float = nan

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
        advice = advise(self.layer_states, self.validation_loss)
        if self.has_learned_nothing:
            advice.append(f"the network has learned nothing: its {NOTHING_LEARNED}")
        return advice

    @property
    def has_learned_nothing(self) -> bool:
        """Whether the loss of the weights that are kept is not below `constant_loss`, by more than a hair.

        Examples
        --------
        >>> [History([loss], best_epoch=1, constant_loss=0.69).has_learned_nothing for loss in (0.7, 0.6)]
        [True, False]
        """
        kept = self.judged_by[: self.best_epoch]
        return bool(kept) and kept[-1] > self.constant_loss - _HAIR * abs(self.constant_loss)

    @property
    def judged_by(self) -> list[float]:
        """Validation losses where there are any, else training losses."""
        return self.validation_loss or self.train_loss
