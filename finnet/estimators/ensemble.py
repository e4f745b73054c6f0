"""Ensembles: many networks with drawn settings, trained together, chosen on rows that they did not learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils.validation import check_is_fitted, validate_data

from finnet.checks import require_at_least, require_choice
from finnet.errors import ConfigError
from finnet.estimators.members import Members, greedy_shares, kept_losses, loss_table, member_table, stratified_folds
from finnet.estimators.network_base import (
    ClassifierOfNetworks,
    Data,
    EstimatorOfNetworks,
    RandomState,
    RegressorOfNetworks,
    Task,
    are_much_worse,
    blas_threads,
    generator,
    held_out,
    warn_if_worse,
    warn_of_divergence,
)
from finnet.estimators.ranges import Range, drawn, require_range
from finnet.network.activations import Activation, named_activation
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback
from finnet.network.depth import require_depths
from finnet.network.diagnostics import (
    NOTHING_LEARNED,
    LayerState,
    advise,
    has_learned_nothing,
    overfitting_advice,
    typical,
)
from finnet.network.initializers import Initializer
from finnet.network.layers import Dense
from finnet.network.losses import Loss, loss_on_scores
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import Optimizer, named_optimizer
from finnet.network.pack import PackHistory, members_at_once, train_pack
from finnet.network.regularization import Clipping, Penalty
from finnet.network.schedules import Constant, Schedule
from finnet.network.stopping import EarlyStopping
from finnet.network.training import Training
from finnet.network.verification import verify_activation, verify_loss
from finnet.types import FloatArray, IntArray

__all__ = ["NetworkEnsembleClassifier", "NetworkEnsembleRegressor"]

_Trained = tuple[FloatArray, PackHistory]
SETTINGS = ("learning_rate", "dropout", "l1", "l2")


class _Ensemble(EstimatorOfNetworks):
    """Draws, trains and chooses members."""

    members: int
    hidden: tuple[int, ...]
    depth: int | tuple[int, int] | None
    activation: str | Activation
    learning_rate: Range
    dropout: Range
    l1: Range
    l2: Range
    optimizer: str | Optimizer
    batch_size: int
    epochs: int
    validation: str
    folds: int
    bagging: bool
    selection: str
    schedule: Schedule | None
    clipping: Clipping | None
    normalization: str | None
    residual: bool
    initializer: str | Initializer
    callbacks: Sequence[Callback]
    n_jobs: int | None
    random_state: RandomState
    members_: pd.DataFrame
    history_: pd.DataFrame
    _layer_states: list[list[LayerState]]
    _kept_losses: FloatArray
    _constant_losses: FloatArray

    @property
    def diagnostics_(self) -> pd.DataFrame:
        """State of every layer, member by member and epoch by epoch."""
        tables = [pd.DataFrame(states).assign(member=member) for member, states in enumerate(self._layer_states)]
        return pd.concat(tables, ignore_index=True).set_index("member").reset_index()

    @property
    def layers_(self) -> pd.DataFrame:
        """State of every layer in the last epoch, the median over the networks that were chosen."""
        return pd.DataFrame(self._typical_states()).drop(columns="epoch")

    @property
    def advice_(self) -> list[str]:
        """What went wrong in most networks that were chosen, and what helps."""
        chosen = np.flatnonzero(self.members_["share"]).tolist()
        advice = advise(self._typical_states())
        overfits = [bool([*overfitting_advice(self._validation_losses(member))]) for member in chosen]
        if 2 * sum(overfits) > len(overfits):
            n, of = sum(overfits), len(overfits)
            advice.append(f"{n} of {of} networks overfit: validation loss was best early; use more dropout, l1 or l2")
        losses = zip(self._kept_losses[chosen], self._constant_losses[chosen], strict=True)
        n_idle = sum(has_learned_nothing(loss, constant) for loss, constant in losses)
        if 2 * n_idle > len(chosen):
            advice.append(f"{n_idle} of {len(chosen)} networks have learned nothing: {NOTHING_LEARNED}")
        return advice

    def _typical_states(self) -> list[LayerState]:
        return typical([self._layer_states[member] for member in np.flatnonzero(self.members_["share"])])

    def spread(self, X: Data) -> FloatArray:
        """Standard deviation of the forecasts over the chosen members, of shape (n_rows, n_outputs)."""
        check_is_fitted(self)
        rows: FloatArray = validate_data(self, X, reset=False, dtype=[np.float64, np.float32], order="C")
        P = self._member_forecasts(rows)
        return np.sqrt(self._averaged(np.square(P - self._averaged(P))))

    def _fit(self, examples: Examples, task: Task, *, validation: Examples | None) -> Self:
        self._require_settings()
        verify_loss(task.loss, n_outputs=examples.Y.shape[1])
        verify_activation(named_activation(self.activation))
        everyone = self._plan(examples, task, validation)
        network = self._network(everyone, examples, task)
        size = members_at_once(len(network.values[0]), rows=self.batch_size, units=sum(self.hidden))
        size = min(size, -(-self.members // effective_n_jobs(self.n_jobs)))
        blocks = np.array_split(np.arange(self.members), -(-self.members // size))
        done = self._train_blocks([everyone.block(block) for block in blocks], examples, task)
        trained = np.arange(sum(len(values) for values, _ in done))
        everyone, histories = everyone.block(trained), [history for _, history in done]
        network.keep(trained)
        network.values[...] = np.concatenate([values for values, _ in done])
        best_epoch = np.concatenate([history.best_epoch for history in histories])
        self._constant_losses = self._losses_of_the_mean(everyone, examples, task)
        self._kept_losses = kept_losses(histories)
        has_diverged = (best_epoch == 0) | are_much_worse(self._kept_losses, self._constant_losses)
        warn_of_divergence(int(has_diverged.sum()), len(has_diverged))
        is_sound = ~has_diverged if not has_diverged.all() else best_epoch > 0
        shares = is_sound / is_sound.sum()
        if self.selection == "greedy" and everyone.validation is not None:
            shares = greedy_shares(network, everyone, task.loss, is_sound=is_sound)
        self.members_ = member_table(everyone, histories, shares)
        self._layer_states = [states for history in histories for states in history.layer_states]
        tables = [loss_table(history, block) for history, block in zip(histories, blocks, strict=False)]
        self.history_ = pd.concat(tables, ignore_index=True)
        chosen = np.flatnonzero(shares)
        warn_if_worse(float(self._kept_losses[chosen] @ shares[chosen]), task.constant_loss(examples))
        self.n_iter_ = int(self.history_["epoch"].max())
        network.keep(chosen)
        self.shares_, self.network_, self._double_network = shares[chosen], network, network.astype("float64")
        return self

    def _require_settings(self) -> None:
        super()._require_settings()
        require_at_least(self.members, 1, name="members")
        require_choice(self.selection, ("greedy", "all"), name="selection")
        require_range(self.learning_rate, name="learning_rate", zero=False)
        require_range(self.dropout, name="dropout", below=1.0)
        for name in ("l1", "l2"):
            require_range(getattr(self, name), name=name)
        if self.callbacks and effective_n_jobs(self.n_jobs) > 1:
            raise ConfigError(f"callbacks cannot watch other processes; use n_jobs=1 instead of {self.n_jobs}")

    def _plan(self, examples: Examples, task: Task, validation: Examples | None) -> Members:
        """Draw settings, and divide rows into those that members learn from and those that judge them."""
        rows_rng, *rngs = generator(self.random_state).spawn(self.members + 1)
        draws = [[drawn(getattr(self, name), rng) for name in SETTINGS] for rng in rngs]
        settings = dict(zip(SETTINGS, np.array(draws).T, strict=True))
        depths = self._depths(rngs)
        folds = np.zeros(self.members, np.int64)
        learning: IntArray | None = None
        judging = validation
        if validation is None and self._stopping() is not None:
            learned, judged = self._divide(task.strata, rows_rng)
            folds = np.arange(self.members) % len(learned)
            learning, judging = learned[folds], replace(examples, rows=judged[folds])
        if self.bagging:
            everything = np.broadcast_to(np.arange(len(examples)), (self.members, len(examples)))
            pools = everything if learning is None else learning
            learning = np.stack([rng.choice(pool, size=len(pool)) for rng, pool in zip(rngs, pools, strict=True)])
        return Members(rngs, settings, depths, replace(examples, rows=learning), judging, folds)

    def _depths(self, rngs: list[np.random.Generator]) -> IntArray:
        """Hidden layers that each member uses."""
        if self.depth is None:
            return np.full(len(rngs), len(self.hidden))
        low, high = self.depth if isinstance(self.depth, tuple) else (self.depth, self.depth)
        if low > high:
            raise ConfigError(f"depth=({low}, {high}) runs backwards; write the lower end first")
        require_depths((low, high), self.hidden)
        return np.array([rng.integers(low, high, endpoint=True) for rng in rngs])

    def _divide(self, strata: FloatArray | IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
        """Rows to learn from and rows that judge, of shape (n_folds, n), alike in length from fold to fold."""
        stopping, n_folds = self._stopping(), min(self.folds, self.members)
        assert stopping is not None
        if self.validation == "last" or n_folds < 2 or len(strata) < 2 * self.folds:
            judged = held_out(strata, stopping.validation_fraction, how=self.validation, rng=rng)[None]
            return np.setdiff1d(np.arange(len(strata)), judged)[None], judged
        require_choice(self.validation, ("stratified", "last"), name="validation")
        return stratified_folds(strata, n_folds, rng)

    def _network(self, members: Members, examples: Examples, task: Task) -> Network:
        return dense_network(
            (examples.X.shape[1], *self.hidden, examples.Y.shape[1]),
            activation=named_activation(self.activation),
            output=task.output,
            dropout=tuple(members.settings["dropout"]),
            normalization=self.normalization,
            residual=self.residual,
            initializer=self.initializer,
            depths=members.depths.tolist() if self.hidden else None,
            members=len(members.rngs),
            dtype=self.dtype,
        )

    def _train_blocks(self, blocks: list[Members], examples: Examples, task: Task) -> list[_Trained]:
        """Parameters and history of every block; those done so far where the user interrupts."""
        done: list[_Trained] = []
        work = [delayed(self._train_block)(block, examples, task) for block in blocks]
        try:
            for block in Parallel(n_jobs=self.n_jobs, return_as="generator")(work):
                done.append(block)
                if block[1].was_interrupted:
                    break
        except KeyboardInterrupt:
            if not done:
                raise
        return done

    def _train_block(self, members: Members, examples: Examples, task: Task) -> _Trained:
        network = self._network(members, examples, task)
        network.initialize(members.rngs)
        cast(Dense, network.layers[-1]).b[...] = task.start(examples)
        strengths = {name: members.settings[name][:, None].astype(self.dtype) for name in ("l1", "l2")}
        settings = Training(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=named_optimizer(self.optimizer),
            schedule=self.schedule or Constant(),
            penalty=Penalty(**strengths),
            clipping=self.clipping or Clipping(),
            early_stopping=self._stopping(),
        )
        with blas_threads().limit(limits=1, user_api="blas"):
            history = train_pack(
                network,
                loss_on_scores(task.loss, task.output),
                members.learning,
                rngs=members.rngs,
                validation=members.validation,
                settings=settings,
                rates=members.settings["learning_rate"],
                callbacks=self.callbacks,
            )
        return network.values, history

    def _validation_losses(self, member: int) -> list[float]:
        own = self.history_[self.history_["member"] == member]
        return own["validation_loss"].tolist() if "validation_loss" in own else []

    def _losses_of_the_mean(self, members: Members, examples: Examples, task: Task) -> FloatArray:
        """Loss of forecasting the mean target, of the rows that judge each member, or of all where none do."""
        if members.validation is None:
            return np.full(len(members.folds), task.constant_loss(examples))
        _, firsts, fold_of = np.unique(members.folds, return_index=True, return_inverse=True)
        return np.array([task.constant_loss(examples, members.validation.of(first)) for first in firsts])[fold_of]

    def _forecast(self, X: FloatArray) -> FloatArray:
        return self._averaged(self._member_forecasts(X))

    def _averaged(self, P: FloatArray) -> FloatArray:
        # Summed member by member: a matrix product would round by the number of rows.
        return np.asarray((self.shares_[:, None, None] * P).sum(axis=0))

    def _member_forecasts(self, X: FloatArray) -> FloatArray:
        network = self.network_ if X.dtype == self.dtype else self._double_network
        scores = network.scores(X.astype(network.values.dtype, copy=False)).astype(np.float64)
        return network.output.value(scores, scores)


class NetworkEnsembleClassifier(_Ensemble, ClassifierOfNetworks):
    """Forecasts class probabilities with many networks, averaged.

    Members differ in seed and in settings drawn from ranges. Rows are divided into folds; every member learns from all
    folds but one and stops by that one, and on it the members of a fold are chosen greedily. So every row is learned
    from, and every choice is made on rows that the chosen did not see. Members that diverge take no part.

    Random restarts of one network are the same with one value for every setting. An interrupt from the keyboard keeps
    the members trained so far, each with its best weights; of members trained in other processes, whole packs.

    Parameters
    ----------
    members : int
    hidden, activation, loss
        As in NetworkClassifier; the same for all members.
    depth : int, (low, high) or None
        Number of hidden layers that each member uses, counted from the first, drawn evenly from the range; None is all
        of them. Layers that some member may pass by must be as wide as the one before. A member of less depth costs no
        less.
    learning_rate, dropout, l1, l2 : float or (low, high)
        One value for all members, or a range: log-uniform, or uniform where it starts at 0.
    optimizer : str or Optimizer
        Its learning rate is replaced by the members' own.
    batch_size, epochs : int
    early_stopping : bool or EarlyStopping
        False trains every member on all rows for all epochs and averages all.
    validation : "stratified" or "last"
        What judges members where `fit` gets no X_val: folds drawn evenly over the classes, or one block of the last
        `early_stopping.validation_fraction` of the rows, for rows in order of time.
    folds : int
    bagging : bool
        Whether each member learns from a draw with replacement of its rows.
    selection : "greedy" or "all"
    class_weight : dict, "balanced" or None
    schedule, clipping, normalization, residual, initializer
        As in NetworkClassifier; the same for all members, clipping member by member.
    callbacks : sequence of Callback
        Called as by NetworkClassifier for every pack of networks, with mean losses over the members still in training;
        needs one process.
    n_jobs : int, optional
        Processes, as in joblib; the numbers do not depend on it.
    dtype : "float32" or "float64"
    random_state : int, RandomState, Generator or None

    Attributes
    ----------
    members_ : DataFrame
        One row per member: its settings, depth, fold, best_epoch, validation_loss and share in the forecast.
    history_ : DataFrame
        member, epoch, train_loss, validation_loss.
    diagnostics_ : DataFrame
        Per member, epoch and layer, as in NetworkClassifier.
    layers_ : DataFrame
        Per layer, the median over the chosen members, each in its last epoch.
    advice_ : list of str
        What went wrong in most of the chosen networks and what helps; empty where all is well.
    classes_ : ndarray
    network_ : Network
        The chosen members as a pack, whose shares are `shares_`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((600, 3))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)
    >>> model = NetworkEnsembleClassifier(members=4, folds=2, batch_size=64, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.8)
    True
    >>> model.spread(X[:1]).shape
    (1, 1)
    """

    def __init__(
        self,
        members: int = 16,
        *,
        hidden: tuple[int, ...] = (64,),
        depth: int | tuple[int, int] | None = None,
        activation: str | Activation = "silu",
        loss: str | Loss = "cross_entropy",
        learning_rate: Range = (1e-3, 3e-3),
        dropout: Range = (0.0, 0.25),
        l1: Range = (2e-4, 1e-3),
        l2: Range = (3e-4, 6e-3),
        optimizer: str | Optimizer = "adam",
        batch_size: int = 256,
        epochs: int = 100,
        early_stopping: bool | EarlyStopping = True,
        validation: str = "stratified",
        folds: int = 4,
        bagging: bool = False,
        selection: str = "greedy",
        schedule: Schedule | None = None,
        clipping: Clipping | None = None,
        normalization: str | None = None,
        residual: bool = False,
        initializer: str | Initializer = "auto",
        class_weight: Mapping[Any, float] | str | None = None,
        callbacks: Sequence[Callback] = (),
        n_jobs: int | None = None,
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.members = members
        self.hidden = hidden
        self.depth = depth
        self.activation = activation
        self.loss = loss
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation = validation
        self.folds = folds
        self.bagging = bagging
        self.selection = selection
        self.schedule = schedule
        self.clipping = clipping
        self.normalization = normalization
        self.residual = residual
        self.initializer = initializer
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.dtype = dtype
        self.random_state = random_state


class NetworkEnsembleRegressor(_Ensemble, RegressorOfNetworks):
    """Forecasts numbers with many networks, averaged; made as NetworkEnsembleClassifier makes its members.

    Parameters
    ----------
    loss : str or Loss
        As in NetworkRegressor.
    members, hidden, depth, activation, learning_rate, dropout, l1, l2, optimizer, batch_size, epochs, early_stopping,
    validation, folds, bagging, selection, schedule, clipping, normalization, residual, initializer, callbacks, n_jobs,
    dtype, random_state
        As in NetworkEnsembleClassifier.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 300)[:, None]
    >>> model = NetworkEnsembleRegressor(members=4, folds=2, l1=0.0, batch_size=32, random_state=0)
    >>> bool(model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.8)
    True
    """

    def __init__(
        self,
        members: int = 16,
        *,
        hidden: tuple[int, ...] = (64,),
        depth: int | tuple[int, int] | None = None,
        activation: str | Activation = "silu",
        loss: str | Loss = "mse",
        learning_rate: Range = (1e-3, 3e-3),
        dropout: Range = (0.0, 0.25),
        l1: Range = (2e-4, 1e-3),
        l2: Range = (3e-4, 6e-3),
        optimizer: str | Optimizer = "adam",
        batch_size: int = 256,
        epochs: int = 100,
        early_stopping: bool | EarlyStopping = True,
        validation: str = "stratified",
        folds: int = 4,
        bagging: bool = False,
        selection: str = "greedy",
        schedule: Schedule | None = None,
        clipping: Clipping | None = None,
        normalization: str | None = None,
        residual: bool = False,
        initializer: str | Initializer = "auto",
        callbacks: Sequence[Callback] = (),
        n_jobs: int | None = None,
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.members = members
        self.hidden = hidden
        self.depth = depth
        self.activation = activation
        self.loss = loss
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation = validation
        self.folds = folds
        self.bagging = bagging
        self.selection = selection
        self.schedule = schedule
        self.clipping = clipping
        self.normalization = normalization
        self.residual = residual
        self.initializer = initializer
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.dtype = dtype
        self.random_state = random_state
