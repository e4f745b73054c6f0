"""Members of an ensemble: what each is trained on and with, what became of it, and how much it counts."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from finnet.estimators.network_base import stratified_order
from finnet.network.batches import Examples
from finnet.network.losses import Loss, mean_loss
from finnet.network.model import Network
from finnet.network.pack import PackHistory
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "Members",
    "choose_greedily",
    "greedy_shares",
    "kept_losses",
    "loss_table",
    "member_table",
    "stratified_folds",
]


@dataclass(frozen=True)
class Members:
    """What a block of members is trained on and with: arrays of one entry per member."""

    rngs: list[np.random.Generator]
    settings: dict[str, FloatArray]
    depths: IntArray
    learning: Examples
    validation: Examples | None
    folds: IntArray

    def block(self, members: IntArray) -> "Members":
        """These members alone."""
        settings = {name: values[members] for name, values in self.settings.items()}
        validation = None if self.validation is None else self.validation.keep(members)
        rngs = [self.rngs[member] for member in members]
        return Members(
            rngs, settings, self.depths[members], self.learning.keep(members), validation, self.folds[members]
        )


def stratified_folds(
    strata: FloatArray | IntArray, n_folds: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows that judge, of shape (n_folds, n): every fold has the targets of the whole.

    Examples
    --------
    >>> learned, judged = stratified_folds(np.array([0, 1] * 4), 2, np.random.default_rng(0))
    >>> judged.shape, np.array([0, 1] * 4)[judged].mean(axis=1)
    ((2, 4), array([0.5, 0.5]))
    """
    n = len(strata)
    fold_of = np.empty(n, np.int64)
    fold_of[stratified_order(strata, rng)] = np.arange(n) % n_folds
    judged_size, learned_size = n // n_folds, n - -(-n // n_folds)
    judged = np.stack([np.flatnonzero(fold_of == k)[:judged_size] for k in range(n_folds)])
    learned = np.stack([np.flatnonzero(fold_of != k)[:learned_size] for k in range(n_folds)])
    return learned, judged


def greedy_shares(network: Network, members: Members, loss: Loss, *, is_sound: BoolArray) -> FloatArray:
    """Share of every sound member in the average: chosen fold by fold, and every fold counting the same."""
    shares = np.zeros(len(is_sound))
    assert members.validation is not None
    for fold in np.unique(members.folds[is_sound]):
        own = np.flatnonzero((members.folds == fold) & is_sound)
        judges = members.validation.of(own[0])
        part = network.pick(own)
        scores = np.concatenate([part.infer(chunk.X) for chunk in judges.chunks()], axis=-2)
        P = part.output.value(scores, scores).astype(np.float64)
        Y, weights = judges.targets()
        shares[own] = choose_greedily(P, Y, loss=loss, weights=weights)
    return cast(FloatArray, shares / shares.sum())


def choose_greedily(P: FloatArray, Y: FloatArray, *, loss: Loss, weights: FloatArray | None = None) -> FloatArray:
    """Shares of members in the average forecast that does best, found by adding one member after another.

    Members are added with replacement, as many times as there are members, each time the one that lowers the loss of
    the average most (Caruana, Niculescu-Mizil, Crew & Ksikes 2004).

    Parameters
    ----------
    P : ndarray of shape (n_members, n_rows, n_outputs)
        Forecasts of rows that the members did not learn from.
    Y : ndarray of shape (n_rows, n_outputs)
    weights : ndarray of shape (n_rows, 1), optional

    Returns
    -------
    ndarray of shape (n_members,)
        Shares, which sum to 1.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> P = np.array([[[0.0]], [[1.5]], [[9.0]]])
    >>> choose_greedily(P, np.array([[0.5]]), loss=MeanSquaredError()).round(2)
    array([0.67, 0.33, 0.  ])
    """
    total, picks = np.zeros_like(P[0]), np.zeros(len(P))
    for n_picked in range(1, len(P) + 1):
        losses = mean_loss(loss, (total + P) / n_picked, Y, weights=weights)
        best = int(losses.argmin())
        total, picks[best] = total + P[best], picks[best] + 1.0
    return picks / len(P)


def member_table(members: Members, histories: list[PackHistory], shares: FloatArray) -> pd.DataFrame:
    """One row per member: its settings, depth, fold, best_epoch, validation_loss where known, and share."""
    table = pd.DataFrame({**members.settings, "depth": members.depths, "fold": members.folds})
    table["best_epoch"] = np.concatenate([history.best_epoch for history in histories])
    if members.validation is not None:
        table["validation_loss"] = np.concatenate([np.fmin.reduce(h.validation_loss, axis=0) for h in histories])
    table["share"] = shares
    return table.rename_axis("member")


def kept_losses(histories: list[PackHistory]) -> FloatArray:
    """Loss of every member with the parameters that it keeps, of validation rows where known; NaN where it diverged."""
    return np.concatenate([_kept(history) for history in histories])


def _kept(history: PackHistory) -> FloatArray:
    losses = history.validation_loss if len(history.validation_loss) else history.train_loss
    kept = losses[np.maximum(history.best_epoch, 1) - 1, np.arange(len(history.best_epoch))]
    return np.where(history.best_epoch > 0, kept, np.nan)


def loss_table(history: PackHistory, members: IntArray) -> pd.DataFrame:
    """Losses of a block in long form: member, epoch, train_loss and, where known, validation_loss."""
    n_epochs = len(history.train_loss)
    columns: dict[str, npt.NDArray[Any]] = {
        "member": np.repeat(members, n_epochs),
        "epoch": np.tile(np.arange(1, n_epochs + 1), len(members)),
        "train_loss": history.train_loss.T.ravel(),
    }
    if len(history.validation_loss):
        columns["validation_loss"] = history.validation_loss.T.ravel()
    return pd.DataFrame(columns).dropna(subset="train_loss")
