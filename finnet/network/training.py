"""Training: forward, loss, backward, update, until the epochs or the patience run out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from finnet.checks import require_methods, require_share, require_whole
from finnet.errors import ConfigError, TrainingError
from finnet.network.batches import Batches, Examples
from finnet.network.callbacks import Callback, require_callbacks, watched
from finnet.network.diagnostics import Observer
from finnet.network.history import History
from finnet.network.losses import Loss, mean_gradient, mean_loss
from finnet.network.model import Network
from finnet.network.optimizers import Adam, Optimizer, Updater
from finnet.network.regularization import Clipper, Clipping, Penalty
from finnet.network.requirements import require_single, require_trainable
from finnet.network.schedules import Constant, Schedule, require_factor
from finnet.network.settings import Settings
from finnet.network.stopping import BestSoFar, EarlyStopping
from finnet.types import FloatArray

__all__ = [
    "Trainer",
    "Training",
    "active_rules",
    "cut_history",
    "epoch_loss",
    "require_stopping",
    "train",
    "train_steps",
    "validation_loss",
]

_ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Training(Settings):
    """How a network is trained.

    Parameters
    ----------
    epochs : int
        Passes over the training rows, at most.
    batch_size : int
        Rows per step.
    optimizer : Optimizer
    schedule : Schedule
        Factor of the learning rate, epoch by epoch.
    penalty, clipping : Penalty, Clipping
    early_stopping : EarlyStopping, optional
        Needs validation examples; None runs all epochs and ends with the last weights.
    averaging : float in [0, 1)
        Share of the earlier epochs in a running average of the weights, which `train` judges, and ends with, in place
        of those of an epoch; 0 averages nothing.
    """

    epochs: int = 100
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Adam)
    schedule: Schedule = field(default_factory=Constant)
    penalty: Penalty = field(default_factory=Penalty)
    clipping: Clipping = field(default_factory=Clipping)
    early_stopping: EarlyStopping | None = None
    averaging: float = 0.0

    def __post_init__(self) -> None:
        require_share(self.averaging, name="averaging")
        require_whole(self.epochs, 1, name="epochs")
        require_whole(self.batch_size, 1, name="batch_size")
        require_methods(self.optimizer, ("step",), name="optimizer", such_as="Adam()")
        require_methods(self.schedule, ("factor",), name="schedule", such_as="Cosine()")
        _require_kind(self.clipping, Clipping, name="clipping", such_as="Clipping(norm=1.0)")
        _require_kind(self.penalty, Penalty, name="penalty", such_as="Penalty(l2=1e-4)")
        if self.early_stopping is not None:
            _require_kind(self.early_stopping, EarlyStopping, name="early_stopping", such_as="EarlyStopping()")


def _require_kind(value: Settings, kind: type[Settings], *, name: str, such_as: str) -> None:
    """Raise ConfigError unless `value` is of that kind of settings."""
    if not isinstance(value, kind):
        raise ConfigError(f"{name}={value!r} is no {kind.__name__}; use {such_as}, or an object of a subclass")


def train(
    network: Network,
    loss: Loss,
    examples: Examples,
    *,
    rng: np.random.Generator,
    validation: Examples | None = None,
    settings: Training | None = None,
    judge: Loss | None = None,
    callbacks: Sequence[Callback] = (),
    constraint: Callable[[Network], object] | None = None,
) -> History:
    """Train a network in place and return its history.

    Parameters
    ----------
    network : Network, initialized
    loss : Loss on the network's scores (see `losses.loss_on_scores`)
    examples : Examples of the network's dtype
    rng : Generator
        Decides batch order and dropout, nothing else.
    validation : Examples, optional
        Its loss is noted after every epoch, and decides when to stop where `settings.early_stopping` is set.
    settings : Training
    judge : Loss, optional
        What validation examples are judged by; None takes the loss that is trained on.
    callbacks : sequence of Callback
    constraint : callable, optional
        Called with the network after every step, to move its weights back to where they may lie.

    Returns
    -------
    History
        An interrupt from the keyboard ends training as if patience had run out, once an epoch has come to its end; the
        best weights so far are restored where validation examples tell which they are.

    Raises
    ------
    ConfigError
        Before anything is trained, where network, loss, examples and settings do not fit each other.
    TrainingError
        When the loss leaves the finite numbers.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> from finnet.network.model import dense_network
    >>> X = np.linspace(-1.0, 1.0, 64, dtype="float32")[:, None]
    >>> network = dense_network((1, 1))
    >>> network.initialize([np.random.default_rng(0)])
    >>> history = train(network, MeanSquaredError(), Examples(X, 3 * X + 1), rng=np.random.default_rng(1),
    ...                 settings=Training(epochs=60, batch_size=8, optimizer=Adam(learning_rate=0.05)))
    >>> network.values.round(2)
    array([3., 1.], dtype=float32)
    """
    settings = settings or Training()
    require_single(network)
    require_trainable(network, loss, examples, validation=validation, penalty=settings.penalty)
    require_stopping(settings, validation)
    require_callbacks(callbacks)
    trainer = Trainer(network, loss, settings, judge=judge)
    trainer.constraint = constraint
    # What overflows is told once, as a TrainingError, not by NumPy's warnings.
    with watched(callbacks, network, trainer.history, epochs=settings.epochs), np.errstate(all="ignore"):
        try:
            _train_epochs(trainer, trainer.batches(examples, rng=rng), validation, callbacks=callbacks)
            return trainer.finish()
        except KeyboardInterrupt:
            trainer.cut(validation)
            return trainer.finish()


def require_stopping(settings: Training, validation: Examples | None) -> None:
    """Raise ConfigError where early stopping has nothing to judge by."""
    if settings.early_stopping is not None and validation is None:
        raise ConfigError("early_stopping needs validation examples; give some, or use early_stopping=None")


def _train_epochs(
    trainer: "Trainer", batches: Batches, validation: Examples | None, *, callbacks: Sequence[Callback]
) -> None:
    for _ in range(trainer.settings.epochs):
        trainer.train_epoch(batches)
        is_over = trainer.is_over(validation)
        votes = [callback.on_epoch_end(trainer.network, trainer.history) for callback in callbacks]
        if is_over or any(votes):
            break


class _State(NamedTuple):
    """What a trainer goes back to."""

    values: FloatArray
    slots: tuple[FloatArray, ...]
    time: int
    n_epochs: int


class Trainer:
    """Training at work: what is trained, how, and how far it is.

    `train` takes one from start to end; online learning keeps one, with its optimizer's memory, and hands it rows as
    they come. A copied or stored trainer goes on where it was.
    """

    constraint: Callable[[Network], object] | None = None

    def __init__(self, network: Network, loss: Loss, settings: Training, *, judge: Loss | None = None) -> None:
        self.network, self.loss, self.settings, self.history = network, loss, settings, History()
        self.judge = judge or loss
        self.average: FloatArray | None = None
        theta, gradient = network.trained, network.trained_gradients
        self.updater = Updater(settings.optimizer, theta, gradient, is_weight=network.is_weight)
        self.observer = Observer(network.layers)
        self.clipper = Clipper(settings.clipping)
        self.rules = active_rules(settings, self.clipper)
        self.best: BestSoFar | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # The cache blocks were not stored; they are cut anew from the arrays of the network that was.
        self.updater.attach(self.network.trained, self.network.trained_gradients)

    def batches(self, examples: Examples, *, rng: np.random.Generator) -> Batches:
        """The examples in batches; their order and dropout are decided by children of `rng`."""
        # One child each, so that dropout leaves the order of the batches as it is.
        order_rng, dropout_rng = rng.spawn(2)
        self.network.seed([dropout_rng])
        return Batches(examples, self.settings.batch_size, rngs=order_rng)

    def learn(self, examples: Examples, *, rng: np.random.Generator) -> None:
        """One epoch over rows that have just come, which with early stopping are forecast first, as validation.

        Where it does not come to its end all is as before, but for what was drawn from `rng`.
        """
        before = self.state()
        try:
            with np.errstate(all="ignore"):
                epoch = len(self.history) + 1
                judged = [] if self.settings.early_stopping is None else [self._loss_of(examples, epoch=epoch)]
                self.train_epoch(self.batches(examples, rng=rng))
                _finite(self.network.values.sum(), epoch=epoch)
            self.history.validation_loss += judged
            self.history.best_epoch, self.history.is_of_stream = len(self.history), True
        # Interrupts too: a learner that goes on later must not be left half-way through an epoch.
        except BaseException:
            self.go_back(before)
            raise

    def state(self) -> _State:
        """What `go_back` needs, in memory of its own."""
        slots = tuple(slot.copy() for slot in self.updater.slots)
        return _State(self.network.values.copy(), slots, self.updater.time, len(self.history))

    def go_back(self, state: _State) -> None:
        """Be again what the trainer was between two epochs, with fresh buffers; the state is used up."""
        self.network.restore(state.values)
        self.updater.slots, self.updater.time = state.slots, state.time
        self.updater.attach(self.network.trained, self.network.trained_gradients)
        self.observer.go_on()
        self.clipper.n_clipped = np.array(0)
        cut_history(self.history, state.n_epochs)
        self.history.best_epoch = state.n_epochs

    def train_epoch(self, batches: Batches) -> None:
        """Forward, loss, backward, update, batch by batch."""
        history = self.history
        self.updater.scale_rate(require_factor(self.settings.schedule, history.judged_by, self.settings.epochs))
        seen = train_steps(self, batches, constraint=self.constraint)
        epoch, n_steps = len(history) + 1, len(batches)
        loss = _finite(epoch_loss(self.loss, seen, batches), epoch=epoch)
        (states,) = self.observer.observe(epoch, n_steps, clip_rate=self.clipper.rate(n_steps))
        history.layer_states += states
        history.train_loss.append(loss)
        if self.settings.averaging:
            values, share = self.network.values, self.settings.averaging
            self.average = values.copy() if self.average is None else share * self.average + (1.0 - share) * values

    def is_over(self, validation: Examples | None) -> bool:
        """Whether patience has run out after this epoch."""
        if validation is None:
            return False
        with self._averaged() as values:
            loss = self._loss_of(validation, epoch=len(self.history))
            self.history.validation_loss.append(loss)
            if self.best is None:
                self.best = BestSoFar(self.settings.early_stopping or EarlyStopping(), values)
            is_out_of_patience = bool(self.best.is_over(values, loss))
        return self.settings.early_stopping is not None and is_out_of_patience

    def cut(self, validation: Examples | None) -> None:
        """After an interrupt, leave out the epoch that did not come to its end; KeyboardInterrupt where it is alone."""
        judged = self.best.checkpoint.n_epochs if self.best is not None else 0
        n_epochs = len(self.history) if validation is None else judged
        if not n_epochs:
            raise KeyboardInterrupt
        cut_history(self.history, n_epochs)
        self.history.was_interrupted = True

    def finish(self) -> History:
        """Restore the best weights with early stopping or after an interrupt, where known; else the last ones stay."""
        self.history.best_epoch = len(self.history)
        restores_best = self.settings.early_stopping is not None or self.history.was_interrupted
        if restores_best and self.best is not None and self.best.epoch > 0:
            self.network.values[...] = self.best.values
            self.history.best_epoch = int(self.best.epoch)
        elif self.average is not None:
            self.network.values[...] = self.average
        _finite(self.network.values.sum(), epoch=len(self.history))
        return self.history

    @contextmanager
    def _averaged(self) -> Iterator[FloatArray]:
        """The weights to judge and to end with, which the network has inside; training goes on from its own."""
        own = self.network.values
        if self.average is None:
            yield own
            return
        before = own.copy()
        # Into the same memory, of which all layers have views.
        own[...] = self.average
        try:
            yield own
        finally:
            own[...] = before

    def _loss_of(self, examples: Examples, *, epoch: int) -> float:
        return _finite(validation_loss(self.network, self.judge, examples), epoch=epoch)


def _finite(loss: FloatArray, *, epoch: int) -> float:
    """The loss, or TrainingError where it is not a finite number."""
    if not np.isfinite(loss):
        raise TrainingError(
            f"training diverged in epoch {epoch}: the loss is no longer a finite number; lower the learning rate, scale"
            " the inputs and the target to about unit size, or clip gradients"
        )
    return float(loss)


def cut_history(history: History, n_epochs: int) -> None:
    """Leave out what came after so many epochs."""
    del history.train_loss[n_epochs:], history.validation_loss[n_epochs:]
    history.layer_states[:] = [state for state in history.layer_states if state.epoch <= n_epochs]


class Learning(Protocol):
    """What takes part in a step: of one network in a `Trainer`, of many in a pack."""

    network: Network
    loss: Loss
    updater: Updater
    observer: Observer

    @property
    def rules(self) -> list[Penalty | Clipper]:
        """What is done to the gradients of every step before the update."""


def train_steps(
    learning: Learning, batches: Batches, *, constraint: Callable[[Network], object] | None = None
) -> list[FloatArray]:
    """Forward, loss, backward, update, batch by batch; the scores of all steps, shape (..., n_rows, n_outputs) each."""
    network, rules = learning.network, learning.rules
    seen: list[FloatArray] = []
    # The last step with a whole batch, or the only step: of a few rows too many units would seem dead.
    step_to_watch = max(1, len(batches.examples) // batches.size)
    for X, Y, weights in batches:
        scores = network.forward(X)
        # A copy, since the next step writes its scores into the same memory.
        seen.append(scores.copy())
        is_watched = len(seen) == step_to_watch
        # Before the way back, on which layers write gradients over their outputs.
        if is_watched:
            learning.observer.look_at_units()
        network.backward(mean_gradient(learning.loss, scores, Y, weights=weights))
        # Before penalties and clipping, so that they are the gradients of the loss alone.
        if is_watched:
            learning.observer.look_at_gradients()
        for rule in rules:
            rule.apply(network)
        learning.updater.update()
        if constraint is not None:
            constraint(network)
    return seen


def active_rules(settings: Training, clipper: Clipper) -> list[Penalty | Clipper]:
    """What is done to the gradients of every step before the update."""
    penalties: list[Penalty | Clipper] = [settings.penalty] if settings.penalty.is_active else []
    return [*penalties, clipper] if settings.clipping.is_active else penalties


def validation_loss(network: Network, loss: Loss, examples: Examples) -> FloatArray:
    """Mean loss of rows that are forecast, one number per member."""
    chunks = list(examples.chunks())
    losses = [mean_loss(loss, network.infer(X), Y, weights=weights) for X, Y, weights in chunks]
    # By rows: the last chunk is smaller.
    return np.asarray(np.average(losses, axis=0, weights=[chunk.X.shape[-2] for chunk in chunks]))


def epoch_loss(loss: Loss, seen: Sequence[FloatArray], batches: Batches) -> FloatArray:
    """Mean loss of an epoch, one number per member, from the scores of all its steps: faster than step by step."""
    n_steps = max(1, _ROWS_AT_ONCE // batches.size)
    losses, n_rows, end = [], [], 0
    for start in range(0, len(seen), n_steps):
        scores = np.concatenate(seen[start : start + n_steps], axis=-2)
        n_rows.append(scores.shape[-2])
        Y, weights = batches.targets(slice(end, end + n_rows[-1]))
        losses.append(mean_loss(loss, scores, Y, weights=weights))
        end += n_rows[-1]
    return np.asarray(np.average(losses, axis=0, weights=n_rows))
