"""Packs: K networks of one shape trained at once, each with its own rows, settings and end.

Small networks spend most of their time between array operations rather than in them; a pack does K networks' work per
operation. Members never touch: each draws from its own generators and ends with the numbers that it would have alone.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from finnet.checks import require_number, require_whole
from finnet.errors import ConfigError, TrainingError
from finnet.network.batches import Batches, Examples
from finnet.network.callbacks import Callback, require_callbacks, watched
from finnet.network.diagnostics import LayerState, Observer, typical
from finnet.network.history import History
from finnet.network.losses import Loss
from finnet.network.model import Network
from finnet.network.optimizers import Updater, require_decay
from finnet.network.regularization import Clipper, Penalty
from finnet.network.requirements import require_one_each, require_pack, require_trainable
from finnet.network.schedules import require_factor
from finnet.network.stopping import BestSoFar, EarlyStopping
from finnet.network.training import (
    Training,
    active_rules,
    cut_history,
    epoch_loss,
    require_stopping,
    train_steps,
    validation_loss,
)
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["ALL_DIVERGED", "PackDivergedError", "PackHistory", "members_at_once", "train_pack"]

_CACHE_BYTES = 2 << 20  # of one core's own cache


@dataclass(frozen=True)
class PackHistory:
    """Losses per epoch and member, of shape (n_epochs, n_members), NaN after a member has stopped.

    `best_epoch` counts from 1 and names the epoch of each member's final weights; 0 marks a member that diverged before
    it had any worth using. `layer_states` are those of every member, as in a single network's history.
    `was_interrupted` says whether the user ended training from the keyboard.
    """

    train_loss: FloatArray
    validation_loss: FloatArray
    best_epoch: IntArray
    layer_states: list[list[LayerState]]
    was_interrupted: bool = False


ALL_DIVERGED = (
    "training diverged in every member: lower the learning rates, scale the inputs and the target to about unit size,"
    " or clip gradients"
)


class PackDivergedError(TrainingError):
    """Every member of a pack has diverged; `history` says how, and the network has the weights that it ended with."""

    def __init__(self, history: PackHistory) -> None:
        super().__init__(ALL_DIVERGED)
        self.history = history


def members_at_once(n_parameters: int, *, rows: int, units: int) -> int:
    """How many networks to train in one pack: as many as keep parameters and activations in the cache.

    Parameters
    ----------
    n_parameters : int
        Of one network; with its gradient, the optimizer's memory and scratch it counts five times.
    rows : int
        Of one batch.
    units : int
        Hidden units of all layers, each of which counts three times per row: for its value, its gradient and its slope.

    Examples
    --------
    >>> members_at_once(1_089, rows=32, units=48), members_at_once(4_225, rows=128, units=96)
    (52, 9)
    >>> members_at_once(2_000_000, rows=1024, units=1792)
    1
    """
    floats = 5 * n_parameters + 3 * rows * units
    return int(np.clip(_CACHE_BYTES // (4 * floats), 1, 64))


def train_pack(
    network: Network,
    loss: Loss,
    examples: Examples,
    *,
    rngs: Sequence[np.random.Generator],
    validation: Examples | None = None,
    settings: Training | None = None,
    rates: FloatArray | None = None,
    decays: FloatArray | None = None,
    patiences: IntArray | None = None,
    callbacks: Sequence[Callback] = (),
) -> PackHistory:
    """Train all members of a pack in place; a member that stops leaves, and the others go on faster.

    Parameters
    ----------
    network : Network with members, initialized
    loss : Loss on the network's scores
    examples : Examples
        What members learn from; `examples.rows` may give each its own rows.
    rngs : sequence of Generator
        One per member; member k ends as `train` would end with rngs[k].
    validation : Examples, optional
        Decides when a member stops where `settings.early_stopping` is set.
    settings : Training
        Shared; the penalty's strengths may be arrays of shape (n_members, 1).
    rates : ndarray of shape (n_members,), optional
        Learning rates; None takes the optimizer's own for all.
    decays : ndarray of shape (n_members,), optional
        Decoupled weight decays of 0 or more; None takes the optimizer's own for all.
    patiences : ndarray of int, of shape (n_members,), optional
        Epochs without improvement, 1 or more, after which each member stops; None takes that of
        `settings.early_stopping` for all.
    callbacks : sequence of Callback
        Are given the pack of members still in training, and a history of the means of their losses, where those are
        finite, and the medians of their layers' states; its best epoch is the latest best one of a member.

    Returns
    -------
    PackHistory
        An interrupt from the keyboard ends training as if all patience had run out, once an epoch has come to its end;
        the best weights so far are restored where validation rows tell which they are.

    Raises
    ------
    ConfigError
        Before anything is trained, where network, loss, examples and settings do not fit each other, such as `decays`
        for an optimizer without weight decay.
    PackDivergedError
        A TrainingError, when every member has diverged; where some have, `best_epoch` tells which.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> from finnet.network.model import dense_network
    >>> X = np.linspace(-1.0, 1.0, 64, dtype="float32")[:, None]
    >>> rngs = [np.random.default_rng(seed) for seed in range(3)]
    >>> pack = dense_network((1, 8, 1), members=3)
    >>> pack.initialize(rngs)
    >>> history = train_pack(pack, MeanSquaredError(), Examples(X, 2 * X), rngs=rngs,
    ...                      settings=Training(epochs=40, batch_size=8), rates=np.array([1e-5, 1e-3, 1e-2]))
    >>> history.train_loss[-1].argmin()
    np.int64(2)
    """
    settings = settings or Training()
    require_pack(network)
    require_trainable(network, loss, examples, validation=validation, penalty=settings.penalty)
    require_stopping(settings, validation)
    require_callbacks(callbacks)
    for name, own in {"rngs": rngs, "rates": rates, "decays": decays, "patiences": patiences}.items():
        require_one_each(own, network, name=name)
    _require_own_settings(settings, rates=rates, decays=decays, patiences=patiences)
    if settings.averaging:
        raise ConfigError(f"averaging={settings.averaging} is for single networks; use train, or averaging=0.0")
    # A copy does the work, because members leave it.
    run = _PackRun(deepcopy(network), loss, settings, rates=rates, decays=decays, patiences=patiences)
    # The same two children that `train` takes, so that a member draws what it would draw alone.
    order_rngs, dropout_rngs = zip(*[rng.spawn(2) for rng in rngs], strict=True)
    run.network.seed(dropout_rngs)
    run.batches = Batches(examples, run.settings.batch_size, rngs=order_rngs)
    run.validation = validation
    watch = watched(callbacks, run.network, run.means, epochs=settings.epochs, trained=network)
    # A member that diverges overflows until its epoch ends; its loss then says so.
    with watch, np.errstate(all="ignore"):
        try:
            run.train(callbacks)
            network.values[...], history = run.finish()
        except KeyboardInterrupt:
            run.cut()
            network.values[...], history = run.finish()
    if not history.best_epoch.any():
        raise PackDivergedError(history)
    return history


def _require_own_settings(
    settings: Training, *, rates: FloatArray | None, decays: FloatArray | None, patiences: IntArray | None
) -> None:
    """Raise ConfigError unless every member's own settings are possible, and with those that all share."""
    if rates is not None:
        for rate in np.asarray(rates).tolist():
            require_number(rate, name="rates")
    if decays is not None:
        require_decay(settings.optimizer, decays, name="decays")
        for decay in np.asarray(decays).tolist():
            require_number(decay, name="decays")
    if patiences is not None:
        if settings.early_stopping is None:
            raise ConfigError(
                f"patiences={patiences} need early stopping; use early_stopping=EarlyStopping(), or patiences=None"
            )
        for patience in np.asarray(patiences).tolist():
            require_whole(patience, 1, name="patiences")


def _finite_mean(losses: FloatArray) -> float:
    """Mean over the members whose loss is a finite number; NaN where none is."""
    finite = losses[np.isfinite(losses)]
    return float(finite.mean()) if len(finite) else np.nan


def _column(values: FloatArray | None) -> FloatArray | None:
    """One value per member, of shape (n_members, 1)."""
    return None if values is None else np.asarray(values, np.float64)[:, None]


class _Standing(NamedTuple):
    """The members still in training, and what they have; exchanged as one, so that interrupts find what fits."""

    active: IntArray
    values: FloatArray
    best: BestSoFar


class _PackRun:
    """One run of a pack: `active` are the members still in training."""

    batches: Batches
    validation: Examples | None
    states: list[list[LayerState]]
    was_interrupted = False
    is_called_off = False

    def __init__(
        self,
        network: Network,
        loss: Loss,
        settings: Training,
        *,
        rates: FloatArray | None,
        decays: FloatArray | None,
        patiences: IntArray | None,
    ) -> None:
        assert network.members is not None
        self.network, self.loss, self.settings = network, loss, settings
        self.n_members = network.members
        self.updater = Updater(
            settings.optimizer,
            network.trained,
            network.trained_gradients,
            is_weight=network.is_weight,
            rate=_column(rates),
            decay=_column(decays),
        )
        # Without early stopping this is what an interrupt goes back to, where there are validation rows.
        best = BestSoFar(settings.early_stopping or EarlyStopping(), network.values, patience=patiences)
        self.standing = _Standing(np.arange(network.members), network.values, best)
        self.final, self.best_epoch = network.values.copy(), np.zeros(self.n_members, np.int64)
        self.clipper, self.observer = Clipper(settings.clipping), Observer(network.layers)
        self.layer_states: list[list[LayerState]] = [[] for _ in range(network.members)]
        self.means = History()
        self.train_losses: list[FloatArray] = []
        self.validation_losses: list[FloatArray] = []

    @property
    def active(self) -> IntArray:
        """Numbers of the members still in training."""
        return self.standing.active

    @property
    def rules(self) -> list[Penalty | Clipper]:
        """What is done to the gradients of every step before the update, for the members still in training."""
        return active_rules(self.settings, self.clipper)

    @property
    def n_epochs(self) -> int:
        """Epochs trained to their end."""
        return len(self.train_losses)

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to train."""
        return len(self.active) > 0 and self.n_epochs < self.settings.epochs and not self.is_called_off

    def train(self, callbacks: Sequence[Callback]) -> None:
        """Epoch after epoch, until members have stopped or a callback ends it."""
        while self.goes_on:
            self.train_epoch()
            over = self.over()
            if callbacks:
                self._note_means()
            votes = [callback.on_epoch_end(self.network, self.means) for callback in callbacks]
            self.is_called_off = any(votes)
            # Members leave after the callbacks, which are to see the network that this epoch trained.
            self.leave(over)

    def cut(self) -> None:
        """After an interrupt, leave out the epoch that did not come to its end; KeyboardInterrupt where it is alone."""
        n_epochs = self.n_epochs if self.validation is None else self.standing.best.checkpoint.n_epochs
        if not n_epochs:
            raise KeyboardInterrupt
        del self.train_losses[n_epochs:], self.validation_losses[n_epochs:]
        for member, states in enumerate(self.layer_states):
            self.layer_states[member] = [state for state in states if state.epoch <= n_epochs]
        # Of the epoch in which the interrupt came, the means may hold one loss and not the other.
        cut_history(self.means, min(n_epochs, len(self.means)))
        self.was_interrupted = True

    def train_epoch(self) -> None:
        """Forward, loss, backward, update, batch by batch."""
        self.updater.scale_rate(self._rate_factors())
        seen = train_steps(self, self.batches)
        loss, n_steps = self._spread(epoch_loss(self.loss, seen, self.batches)), len(self.batches)
        self.states = self.observer.observe(self.n_epochs + 1, n_steps, clip_rate=self.clipper.rate(n_steps))
        for member, own in zip(self.active, self.states, strict=True):
            self.layer_states[member] += own
        self.train_losses.append(loss)

    def over(self) -> BoolArray:
        """Which active members stop after this epoch: out of patience, or no longer finite."""
        has_diverged = ~np.isfinite(self.train_losses[-1][self.active])
        if self.validation is None:
            return has_diverged
        # What has diverged in training is never the best, even where the loss of these other rows is finite.
        loss = np.where(has_diverged, np.nan, validation_loss(self.network, self.loss, self.validation))
        self.validation_losses.append(self._spread(loss))
        # Asked without early stopping too: this is also what notes the best weights, to which an interrupt goes back.
        is_out_of_patience = self.standing.best.is_over(self.network.values, loss)
        if self.settings.early_stopping is None:
            return ~np.isfinite(loss)
        return is_out_of_patience | has_diverged

    def leave(self, over: BoolArray) -> None:
        """Store what stopped members end with and go on without them."""
        if not over.any():
            return
        # Before anything else, as `keep` moves the parameters of those who stay to other memory.
        self._store(over)
        if self.settings.early_stopping is None:
            # Without early stopping none leaves but by diverging.
            self.best_epoch[self.active[over]] = 0
        staying = np.flatnonzero(~over)
        self.network.keep(staying)
        self.updater.keep(staying, self.network.trained, self.network.trained_gradients)
        self.observer.keep(staying)
        self.batches.keep(staying)
        self.validation = None if self.validation is None else self.validation.keep(staying)
        self.settings = replace(self.settings, penalty=self.settings.penalty.keep(staying))
        # Last and in one piece: until here an interrupt finds members and parameters that belong together.
        self.standing = _Standing(self.active[staying], self.network.values, self.standing.best.of(staying))

    def finish(self) -> tuple[FloatArray, PackHistory]:
        """Parameters of all members side by side, each with its best or last ones, and what happened."""
        self._store(np.ones(len(self.active), dtype=bool))
        # The last step of an epoch can overflow parameters although every loss before it was a number.
        self.best_epoch[~np.isfinite(self.final).all(axis=1)] = 0
        self.means.best_epoch, self.means.was_interrupted = int(self.best_epoch.max()), self.was_interrupted
        losses = np.array(self.train_losses), np.array(self.validation_losses)
        return self.final, PackHistory(
            *losses, self.best_epoch, self.layer_states, was_interrupted=self.was_interrupted
        )

    def _note_means(self) -> None:
        self.means.layer_states += [replace(state, epoch=self.n_epochs) for state in typical(self.states)]
        if self.validation is not None:
            self.means.validation_loss.append(_finite_mean(self.validation_losses[-1]))
        self.means.train_loss.append(_finite_mean(self.train_losses[-1]))

    def _store(self, over: BoolArray) -> None:
        active, values, best = self.standing
        members, is_cut_short = active[over], self.was_interrupted and self.validation is not None
        if self.settings.early_stopping is not None or is_cut_short:
            self.final[members], self.best_epoch[members] = best.values[over], best.epoch[over]
        else:
            self.final[members], self.best_epoch[members] = values[over], self.n_epochs

    def _rate_factors(self) -> FloatArray:
        """What the schedule says to each active member, of shape (n_active, 1)."""
        judged_by = np.array(self.validation_losses or self.train_losses)
        schedule, epochs = self.settings.schedule, self.settings.epochs
        losses: list[list[float]] = judged_by[:, self.active].T.tolist() if len(judged_by) else [[]] * len(self.active)
        return np.array([[require_factor(schedule, own, epochs)] for own in losses], np.float64)

    def _spread(self, loss: FloatArray) -> FloatArray:
        """One number for every member, NaN for those that have left, from one for each active member."""
        everyone = np.full(self.n_members, np.nan)
        everyone[self.active] = loss
        return everyone
