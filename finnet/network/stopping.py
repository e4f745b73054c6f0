"""Early stopping: when to stop, and which weights to keep."""

from dataclasses import dataclass

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

    patience: int = 10
    min_delta: float = 0.0
    validation_fraction: float = 0.15

    def __post_init__(self) -> None:
        require_whole(self.patience, 1, name="early_stopping.patience")
        require_number(self.min_delta, name="early_stopping.min_delta")
        require_number(self.validation_fraction, name="early_stopping.validation_fraction", below=1.0, zero=False)


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
        self.settings, self.values = settings, values.copy()
        self.loss = np.full(values.shape[:-1], np.inf)
        self.epoch = np.zeros(values.shape[:-1], dtype=np.int64)
        self.patience = np.broadcast_to(settings.patience if patience is None else patience, self.epoch.shape)
        self._now = 0

    def is_over(self, values: FloatArray, loss: FloatArray | float) -> BoolArray:
        """Note one epoch's parameters and validation loss; True for members whose patience is used up."""
        self._now += 1
        improved = np.asarray(loss < self.loss - self.settings.min_delta)
        self.loss = np.where(improved, loss, self.loss)
        self.epoch = np.where(improved, self._now, self.epoch)
        self.values[improved] = values[improved]
        return np.asarray(self._now - self.epoch >= self.patience)

    def keep(self, members: IntArray) -> None:
        """Go on with these members of a pack alone."""
        self.values, self.loss, self.epoch = self.values[members], self.loss[members], self.epoch[members]
        self.patience = self.patience[members]
