"""Early stopping: when to stop, and which weights to restore."""

from copy import copy
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from finnet.checks import require_number, require_whole
from finnet.network.settings import Settings
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["BestSoFar", "EarlyStopping"]


@dataclass(frozen=True)
class EarlyStopping(Settings):
    """Stop when the validation loss has not improved for a while, and go back to the best weights.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which training stops.
    min_delta : float
        A loss counts as improved when it is lower than the best one by more than this.
    validation_fraction : float in (0, 1)
        Share of the training rows held out for the validation loss where no validation rows are given.
    """

    patience: int = 6
    min_delta: float = 0.0
    validation_fraction: float = 0.15

    def __post_init__(self) -> None:
        require_whole(self.patience, 1, name="early_stopping.patience")
        require_number(self.min_delta, name="early_stopping.min_delta")
        require_number(self.validation_fraction, name="early_stopping.validation_fraction", below=1.0, zero=False)


class _Checkpoint(NamedTuple):
    """The best parameters of `n_epochs`; exchanged as one, so that an interrupt finds what belongs together."""

    values: FloatArray
    loss: FloatArray
    epoch: IntArray
    n_epochs: int = 0


class BestSoFar:
    """The best epoch of every member and its parameters.

    Parameters
    ----------
    settings : EarlyStopping
    values : ndarray of shape (n_parameters,) or (n_members, n_parameters)
    patience : ndarray of int, of shape (n_members,), optional
        Epochs without improvement after which each member is over; None takes that of the settings for all.

    Examples
    --------
    >>> values, best = np.array([1.0]), BestSoFar(EarlyStopping(patience=2), np.array([0.0]))
    >>> [bool(best.is_over(values * epoch, loss)) for epoch, loss in enumerate([0.5, 0.3, 0.4, 0.6], 1)]
    [False, False, False, True]
    >>> int(best.epoch), best.values
    (2, array([2.]))
    """

    def __init__(self, settings: EarlyStopping, values: FloatArray, *, patience: IntArray | None = None) -> None:
        lead = values.shape[:-1]
        # Any number is below infinity, and NaN is not: a diverged epoch is never the best.
        self.checkpoint = _Checkpoint(values.copy(), np.full(lead, np.inf), np.zeros(lead, np.int64))
        self.settings = settings
        self.patience = np.broadcast_to(settings.patience if patience is None else patience, lead)

    @property
    def values(self) -> FloatArray:
        """Parameters of the best epoch, shape (n_parameters,) or (n_members, n_parameters)."""
        return self.checkpoint.values

    @property
    def epoch(self) -> IntArray:
        """The best epoch, shape () or (n_members,), counted from 1; 0 where none was any good."""
        return self.checkpoint.epoch

    def is_over(self, values: FloatArray, loss: FloatArray | float) -> BoolArray:
        """Note one epoch's parameters and validation loss; True for members whose patience is used up.

        Parameters have the shape of the first ones, losses and the answer shape () or (n_members,).
        """
        before, now = self.checkpoint, self.checkpoint.n_epochs + 1
        improved = np.asarray(loss < before.loss - self.settings.min_delta)
        # New arrays, not written into: until the last line an interrupt finds the checkpoint as it was.
        best = np.where(improved[..., None], values, before.values) if improved.any() else before.values
        losses, epoch = np.where(improved, loss, before.loss), np.where(improved, now, before.epoch)
        self.checkpoint = _Checkpoint(best, losses, epoch, now)
        return np.asarray(now - epoch >= self.patience)

    def of(self, members: IntArray) -> Self:
        """The same for these members of a pack alone, given by their numbers, shape (k,)."""
        part, whole = copy(self), self.checkpoint
        part.checkpoint = _Checkpoint(whole.values[members], whole.loss[members], whole.epoch[members], whole.n_epochs)
        part.patience = self.patience[members]
        return part
