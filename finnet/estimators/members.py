"""Members of an ensemble: what each is trained on and with, what became of it, and how much it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from finnet.estimators.fit_checks import are_much_worse
from finnet.estimators.objective import Objective
from finnet.estimators.validation_rows import ROWS_TO_JUDGE
from finnet.network.activations import activated
from finnet.network.batches import Examples
from finnet.network.diagnostics import NOTHING_LEARNED, advise, typical
from finnet.network.history import History
from finnet.network.losses import Loss, mean_loss
from finnet.network.model import Network
from finnet.network.pack import PackHistory
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "Members",
    "advice_of_most",
    "best_alone",
    "choose_greedily",
    "greedy_shares",
    "kept_losses",
    "layer_table",
    "loss_table",
    "member_histories",
    "member_table",
    "note_constant_losses",
    "settings_table",
    "sound_members",
]


@dataclass(frozen=True)
class Members:
    """What a block of members is trained on and with: one entry per member everywhere, arrays of shape (n_members,).

    `inherited` are the parameters that a member goes on from, None where it starts anew; `patiences` are None where all
    have that of `early_stopping`.
    """

    rngs: list[np.random.Generator]
    settings: dict[str, FloatArray]
    depths: IntArray
    patiences: IntArray | None
    inherited: list[FloatArray | None]
    learning: Examples
    validation: Examples | None
    folds: IntArray

    def block(self, members: IntArray) -> "Members":
        """These members alone, by their positions, shape (n_taken,)."""
        return Members(
            rngs=[self.rngs[member] for member in members],
            settings={name: values[members] for name, values in self.settings.items()},
            depths=self.depths[members],
            patiences=None if self.patiences is None else self.patiences[members],
            inherited=[self.inherited[member] for member in members],
            learning=self.learning.keep(members),
            validation=None if self.validation is None else self.validation.keep(members),
            folds=self.folds[members],
        )

    def inheriting(self, members: IntArray, values: FloatArray, *, depths: IntArray) -> "Members":
        """The same, where these members go on from values of shape (len(members), n_parameters), with their depths."""
        inherited = {**dict(enumerate(self.inherited)), **dict(zip(members.tolist(), values, strict=True))}
        all_depths = self.depths.copy()
        all_depths[members] = depths
        return replace(self, depths=all_depths, inherited=list(inherited.values()))


def greedy_shares(network: Network, members: Members, loss: Loss, *, is_sound: BoolArray) -> FloatArray:
    """Share of every sound member in the average, shape (n_members,): chosen fold by fold, all folds counting alike."""
    shares = np.zeros(len(is_sound))
    assert members.validation is not None
    for fold in np.unique(members.folds[is_sound]):
        own = np.flatnonzero((members.folds == fold) & is_sound)
        # Members of one fold are judged by the same rows, so that those of the first are those of all.
        judges = members.validation.of(own[0])
        part = network.pick(own)
        scores = np.concatenate([part.infer(chunk.X) for chunk in judges.chunks()], axis=-2)
        P = activated(part.output, scores).astype(np.float64)
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
        # What the average would be with each member added: (n_members, n_rows, n_outputs), all judged at once.
        losses = mean_loss(loss, (total + P) / n_picked, Y, weights=weights)
        best = int(losses.argmin())
        total, picks[best] = total + P[best], picks[best] + 1.0
    return picks / len(P)


def member_histories(pack: PackHistory) -> list[History]:
    """What happened to every member of a pack: epochs after the one in which it diverged or stopped are left out."""
    histories = []
    for member, (best_epoch, states) in enumerate(zip(pack.best_epoch, pack.layer_states, strict=True)):
        train_loss = pack.train_loss[:, member]
        # A pack notes NaN for members that have left it.
        seen = ~np.isnan(train_loss)
        judged = pack.validation_loss[seen, member] if len(pack.validation_loss) else np.empty(0)
        losses = train_loss[seen].tolist(), judged.tolist()
        histories.append(History(*losses, states, int(best_epoch), was_interrupted=pack.was_interrupted))
    return histories


def kept_losses(histories: Sequence[History]) -> FloatArray:
    """Losses of the weights that members keep, shape (n_members,), on validation rows where there are any.

    NaN for members that diverged.

    Examples
    --------
    >>> kept_losses([History([0.7, 0.6, 0.5], [0.8, 0.7, 0.9], best_epoch=2), History([0.7])])
    array([0.7, nan])
    """
    return np.array([own.kept_loss for own in histories])


def sound_members(histories: Sequence[History], loss: Loss) -> BoolArray:
    """Which members have not diverged, shape (n_members,); where all have, those whose weights are finite.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> histories = [History([reached], best_epoch=1, constant_loss=0.7) for reached in (0.6, 99.0)]
    >>> sound_members(histories, MeanSquaredError())
    array([ True, False])
    """
    # best_epoch is 0 for a member whose weights left the finite numbers.
    constants = np.array([history.constant_loss for history in histories])
    has_weights = np.array([history.best_epoch > 0 for history in histories])
    is_sound = has_weights & ~are_much_worse(kept_losses(histories), constants, loss=loss)
    return is_sound if is_sound.any() else has_weights


def best_alone(histories: Sequence[History], is_sound: BoolArray) -> FloatArray:
    """Shares of which the member with the least loss has all.

    Examples
    --------
    >>> best_alone([History([loss], best_epoch=1) for loss in (0.7, 0.6, 0.1)], np.array([True, True, False]))
    array([0., 1., 0.])
    """
    losses = np.where(is_sound, kept_losses(histories), np.inf)
    return np.asarray(np.arange(len(losses)) == losses.argmin(), np.float64)


def settings_table(members: Members, numbers: IntArray) -> pd.DataFrame:
    """One row per member, by number: its settings, patience where it is a member's own, depth and fold."""
    patience = {} if members.patiences is None else {"patience": members.patiences}
    columns = {**members.settings, **patience, "depth": members.depths, "fold": members.folds}
    return pd.DataFrame(columns, index=pd.Index(numbers, name="member"))


def member_table(settings: pd.DataFrame, histories: Sequence[History], shares: FloatArray) -> pd.DataFrame:
    """One row per member: its settings, then best_epoch, validation_loss where known, and share."""
    table = settings.assign(best_epoch=[history.best_epoch for history in histories])
    if any(history.validation_loss for history in histories):
        table["validation_loss"] = kept_losses(histories)
    return table.assign(share=shares)


def note_constant_losses(
    histories: Sequence[History], members: Members, *, examples: Examples, objective: Objective
) -> None:
    """Note in each history the loss of forecasting the mean target, of the rows that judge the member.

    Of the rows that it learned from where none judge.
    """
    # Members of one fold are judged by the same rows, so that the loss is computed once for each fold.
    folds, firsts = np.unique(members.folds, return_index=True)
    drops = bool(members.settings["dropout"].any())
    judges = members.validation or (members.learning.some(ROWS_TO_JUDGE) if drops else members.learning)
    losses = [objective.constant_loss(examples, judges.of(member)) for member in firsts]
    for history, fold in zip(histories, members.folds, strict=True):
        history.constant_loss = losses[int(np.searchsorted(folds, fold))]


def advice_of_most(histories: Sequence[History]) -> list[str]:
    """What went wrong in most of these networks, and what helps.

    Examples
    --------
    >>> advice_of_most([History([0.7, 0.7], best_epoch=2, constant_loss=0.6)])[-1].split(":")[0]
    'the network has learned nothing'
    """
    n = len(histories)
    advice = advise(typical([history.layer_states for history in histories]))
    overfits = sum(bool(history.overfitting) for history in histories)
    if 2 * overfits > n:
        who = "the network overfits" if n == 1 else f"{overfits} of {n} networks overfit"
        advice.append(f"{who}: validation loss was best early; use early_stopping, more dropout, l1 or l2")
    idle = sum(history.has_learned_nothing for history in histories)
    if 2 * idle > n:
        who, whose = ("the network has", "its") if n == 1 else (f"{idle} of {n} networks have", "their")
        advice.append(f"{who} learned nothing: {whose} {NOTHING_LEARNED}")
    return advice


def layer_table(histories: Mapping[int, History]) -> pd.DataFrame:
    """State of every layer, one row per member, epoch and layer, as `finnet.network.diagnostics` measures it."""
    tables = [pd.DataFrame(own.layer_states).assign(member=member) for member, own in histories.items()]
    return pd.concat(tables, ignore_index=True).set_index("member").reset_index()


def loss_table(histories: Mapping[int, History]) -> pd.DataFrame:
    """Losses, one row per member and epoch: member, epoch, train_loss and, where known, validation_loss.

    Examples
    --------
    >>> loss_table({0: History([0.7, 0.6]), 3: History([0.5])})["member"].tolist()
    [0, 0, 3]
    """
    tables = [pd.DataFrame({"member": member, **own.columns()}) for member, own in histories.items() if len(own)]
    return pd.concat(tables, ignore_index=True)
