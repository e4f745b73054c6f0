"""What ensembles of classifiers and of regressors share: members drawn, trained in packs, chosen and averaged."""

from dataclasses import replace
from functools import reduce
from typing import Self, cast

import numpy as np
import pandas as pd
from joblib import delayed, effective_n_jobs
from sklearn.utils.validation import check_is_fitted, validate_data

from finnet.checks import require_choice, require_whole
from finnet.errors import ConfigError, TrainingError
from finnet.estimators.fit_checks import parallel_as_they_come, require_jobs, warn_if_worse, warn_of_divergence
from finnet.estimators.members import (
    Members,
    advice_of_most,
    best_alone,
    greedy_shares,
    kept_losses,
    layer_table,
    loss_table,
    member_histories,
    member_table,
    note_constant_losses,
    settings_table,
    sound_members,
)
from finnet.estimators.network_base import Data, InDouble
from finnet.estimators.objective import Objective
from finnet.estimators.online import OnlineMembers
from finnet.estimators.sampled_settings import SampledSettings
from finnet.estimators.threads import one_blas_thread
from finnet.estimators.unsaved import of_training
from finnet.estimators.validation_rows import ROWS_TO_JUDGE, divided, held_out, stratified_folds
from finnet.network.activations import named_activation
from finnet.network.batches import Examples
from finnet.network.depth import Skippable
from finnet.network.diagnostics import typical
from finnet.network.gradient_checks import verify_activation
from finnet.network.history import History
from finnet.network.layers import Dense
from finnet.network.losses import loss_on_scores
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import named_optimizer
from finnet.network.pack import ALL_DIVERGED, PackDivergedError, members_at_once, train_pack
from finnet.network.regularization import Clipping, Penalty
from finnet.network.schedules import Constant
from finnet.network.training import Training, validation_loss
from finnet.types import FloatArray, IntArray

__all__ = ["EnsembleOfNetworks"]

_Trained = tuple[FloatArray, list[History]]


class EnsembleOfNetworks(SampledSettings):
    """Trains and chooses members."""

    folds: int
    bagging: bool
    selection: str
    residual: bool
    n_jobs: int | None
    # Each raises an error that says why where an ensemble does not have it: not trained, or loaded from a file.
    members_: pd.DataFrame = of_training()
    _histories: dict[int, History] = of_training()
    _loaded_settings: pd.DataFrame = of_training()
    _online: OnlineMembers | None = None

    @property
    def history_(self) -> pd.DataFrame:
        """Losses, one row per member and epoch."""
        return loss_table(self._histories)

    @property
    def n_iter_(self) -> int:
        """Epochs run by the member that ran most; in a stream, calls since it was begun, or since all diverged."""
        return max(len(history) for history in self._histories.values())

    @property
    def diagnostics_(self) -> pd.DataFrame:
        """State of every layer, one row per member, epoch and layer."""
        return layer_table(self._histories)

    @property
    def layers_(self) -> pd.DataFrame:
        """State of every layer in the last epoch, the median over the networks that were chosen; one row per layer."""
        states = typical([history.layer_states for history in self._chosen_histories()])
        return pd.DataFrame(states).drop(columns="epoch")

    @property
    def advice_(self) -> list[str]:
        """What went wrong in most networks that were chosen, and what helps."""
        return advice_of_most(self._chosen_histories())

    def _chosen_histories(self) -> list[History]:
        return [self._histories[member] for member in self._chosen_numbers()]

    def spread(self, X: Data) -> FloatArray:
        """Standard deviation of the forecasts over the chosen members, of shape (n_rows, n_outputs)."""
        check_is_fitted(self)
        rows: FloatArray = validate_data(self, X, reset=False, dtype=[np.float64, np.float32], order="C")
        with one_blas_thread():
            P = self._network_forecasts(rows)
        return np.sqrt(self._averaged(np.square(P - self._averaged(P))))

    def _fit(self, examples: Examples, objective: Objective, *, validation: Examples | None) -> Self:
        self._require_learnable(examples, objective)
        everyone = self._plan(examples, objective, validation)
        network = self._network(everyone, examples, objective)
        # As many members in a pack as keep to the cache, but no fewer packs than processes.
        size = members_at_once(len(network.values[0]), rows=self.batch_size, units=sum(self.hidden))
        size = min(size, -(-self.members // effective_n_jobs(self.n_jobs)))
        blocks = np.array_split(np.arange(self.members), -(-self.members // size))
        done = self._train_blocks([everyone.block(block) for block in blocks], examples, objective)
        histories = [history for _, own in done.values() for history in own]
        if not any(history.best_epoch for history in histories):
            raise TrainingError(ALL_DIVERGED)
        # An interrupt leaves only some blocks; what follows is about their members alone, in the order of numbers.
        trained = np.concatenate([blocks[k] for k in done])
        everyone = everyone.block(trained)
        network.keep(trained)
        network.values[...] = np.concatenate([values for values, _ in done.values()])
        # Noted first: `sound_members` compares the loss of each member with that of forecasting the mean.
        note_constant_losses(histories, everyone, examples=examples, objective=objective)
        is_sound = sound_members(histories, objective.loss)
        warn_of_divergence(int((~is_sound).sum()), len(is_sound))
        if self.selection == "best":
            shares = best_alone(histories, is_sound)
        elif self.selection == "greedy" and everyone.validation is not None:
            shares = greedy_shares(network, everyone, objective.loss, is_sound=is_sound)
        else:
            shares = np.asarray(is_sound / is_sound.sum())
        self.members_ = member_table(settings_table(everyone, trained), histories, shares)
        self._histories, self._online = dict(zip(trained.tolist(), histories, strict=True)), None
        chosen = np.flatnonzero(shares)
        reached = float(kept_losses(histories)[chosen] @ shares[chosen])
        warn_if_worse(reached, objective.constant_loss(examples), loss=objective.loss)
        network.keep(chosen)
        return self._note_fitted(network, shares[chosen])

    def _learn(self, examples: Examples, objective: Objective) -> Self:
        """Let every member go on by one epoch over these rows, new ones where there are none."""
        online = self._online or self._online_members(examples, objective)
        self._require_dtype_of_stream(online.network)
        try:
            with one_blas_thread():
                online.learn(examples)
        except TrainingError:
            # All members have diverged; the next call begins with new ones.
            self._online = None
            raise
        self._online, self.members_, self._histories = online, online.table, online.histories
        return self._note_fitted(online.network, online.shares)

    def _online_members(self, examples: Examples, objective: Objective) -> OnlineMembers:
        """All members, or those that were chosen, to learn from these rows and others."""
        self._require_learnable(examples, objective)
        _, members = self._drawn(examples)
        is_fitted = hasattr(self, "network_")
        numbers = self._chosen_numbers() if is_fitted else np.arange(self.members)
        shares = self.shares_ if is_fitted else np.full(self.members, 1.0 / self.members)
        if is_fitted:
            members = self._going_on(members, examples, objective).block(numbers)
            members = self._as_fitted(members, self._chosen_settings())
        return OnlineMembers(
            self._started(members, examples, objective),
            settings_table(members, numbers),
            rngs=members.rngs,
            shares=shares,
            loss=loss_on_scores(objective.loss, objective.output),
            training=self._training(Penalty()),
            bagging=self.bagging,
        )

    def _note_fitted(self, network: Network, shares: FloatArray) -> Self:
        """Take the network and the shares (n_members,) by which its members forecast from now on."""
        self.shares_, self.network_, self._double = shares, network, InDouble(network)
        return self

    def _chosen_numbers(self) -> IntArray:
        """Numbers of the members whose average is the forecast."""
        return np.asarray(self._chosen_settings().index)

    def _chosen_settings(self) -> pd.DataFrame:
        """Settings and folds of those members."""
        if not hasattr(self, "members_"):
            return self._loaded_settings
        return self.members_[self.members_["share"] > 0.0]

    def _require_learnable(self, examples: Examples, objective: Objective) -> None:
        """Raise ConfigError for settings that no ensemble can have, and gradients that are wrong."""
        self._require_settings()
        objective.verify(examples, is_packed=True)
        verify_activation(named_activation(self.activation), is_packed=True)

    def _require_settings(self) -> None:
        super()._require_settings()
        require_whole(self.folds, 1, name="folds")
        require_choice(self.selection, ("greedy", "all", "best"), name="selection")
        require_jobs(self.n_jobs)
        if self.callbacks and effective_n_jobs(self.n_jobs) > 1:
            raise ConfigError(f"callbacks cannot watch other processes; use n_jobs=1 instead of {self.n_jobs}")

    def _plan(self, examples: Examples, objective: Objective, validation: Examples | None) -> Members:
        """Draw settings, and divide rows into those that members learn from and those that judge them."""
        rows_rng, everyone = self._drawn(examples)
        if self._goes_on:
            everyone = self._going_on(everyone, examples, objective)
        rngs, folds = everyone.rngs, everyone.folds
        learning: IntArray | None = None
        judges = validation
        if validation is None and self._stopping() is not None:
            learned, judged = self._divide(objective.strata, self._divider(rows_rng), weights=examples.weights)
            # Members take folds by turns; each learns from all rows but those of its fold, which judge it.
            folds = np.arange(self.members) % len(learned)
            learning, (_, judges) = learned[folds], divided(examples, learned[folds], judged[folds])
        if self.bagging:
            everything = np.broadcast_to(np.arange(len(examples)), (self.members, len(examples)))
            # From a member's own rows, so that no draw brings in rows that judge it.
            pools = everything if learning is None else learning
            learning = np.stack([rng.choice(pool, size=len(pool)) for rng, pool in zip(rngs, pools, strict=True)])
        return replace(
            everyone,
            learning=examples if learning is None else examples.among(learning),
            validation=judges,
            folds=folds,
        )

    def _going_on(self, everyone: Members, examples: Examples, objective: Objective) -> Members:
        """The same members, of which those that were chosen go on with their weights and depth."""
        chosen = self._chosen_numbers()
        if chosen[-1] >= self.members:
            raise ConfigError(
                f"warm_start and partial_fit go on with member {chosen[-1]}, which members={self.members} leaves out;"
                f" use {chosen[-1] + 1} or more, or fit a clone"
            )
        self._require_layers_of_fitted(self._network(everyone.block(chosen[:1]), examples, objective))
        # (n_layers, n_members): which layers each chosen member passes by.
        off = [np.logical_not(layer.on) for layer in self.network_.layers if isinstance(layer, Skippable)]
        depths = np.asarray(len(self.hidden) - np.sum(off, axis=0, dtype=np.int64))
        return everyone.inheriting(chosen, self.network_.values, depths=depths)

    def _divide(
        self, strata: FloatArray | IntArray, rng: np.random.Generator, *, weights: FloatArray | None = None
    ) -> tuple[IntArray, IntArray]:
        """Rows to learn from and rows that judge, of shape (n_folds, n), alike in length from fold to fold."""
        stopping, n_folds = self._stopping(), min(self.folds, self.members)
        assert stopping is not None
        n_judges = len(strata) if weights is None else np.count_nonzero(weights)
        # One block for all: rows in order of time have only one that is last, and folds need rows to judge by.
        if self.validation == "last" or n_folds < 2 or n_judges < 2 * n_folds:
            fraction, how = stopping.validation_fraction, self.validation
            judged = held_out(strata, fraction, how=how, rng=rng, weights=weights)[None]
            return np.setdiff1d(np.arange(len(strata)), judged)[None], judged
        return stratified_folds(strata, n_folds, rng, weights=weights)

    def _network(self, members: Members, examples: Examples, objective: Objective) -> Network:
        return dense_network(
            (examples.X.shape[1], *self.hidden, objective.n_outputs),
            activation=named_activation(self.activation),
            output=objective.output,
            dropout=tuple(members.settings["dropout"]),
            normalization=self.normalization,
            residual=self.residual,
            initializer=self.initializer,
            depths=members.depths.tolist() if self.hidden else None,
            members=len(members.rngs),
            dtype=self.dtype,
        )

    def _started(self, members: Members, examples: Examples, objective: Objective) -> Network:
        """Networks that forecast the mean target, but for those that go on from what they learned before."""
        network = self._network(members, examples, objective)
        network.initialize(members.rngs)
        # Views of the parameters, set in place; what a member inherits then takes the place of all that was drawn.
        cast(Dense, network.layers[-1]).b[...] = objective.start(examples)
        for values, inherited in zip(network.values, members.inherited, strict=True):
            if inherited is not None:
                values[...] = inherited
        return network

    def _train_blocks(self, blocks: list[Members], examples: Examples, objective: Objective) -> dict[int, _Trained]:
        """Parameters and histories of every block by number; those done so far where the user interrupts."""
        done: dict[int, _Trained] = {}
        work = [delayed(self._train_block)(block, examples, objective, k=k) for k, block in enumerate(blocks)]
        try:
            for k, trained in parallel_as_they_come(self.n_jobs)(work):
                done[k] = trained
                if trained[1][0].was_interrupted:
                    break
        except KeyboardInterrupt:
            if not done:
                raise
        # Blocks come in the order in which processes finish; sorted, the number of processes changes no result.
        return dict(sorted(done.items()))

    def _train_block(
        self, members: Members, examples: Examples, objective: Objective, *, k: int
    ) -> tuple[int, _Trained]:
        network, loss = self._started(members, examples, objective), loss_on_scores(objective.loss, objective.output)
        strengths = {name: members.settings[name][:, None].astype(self.dtype) for name in ("l1", "l2")}
        with one_blas_thread():
            try:
                pack = train_pack(
                    network,
                    loss,
                    members.learning,
                    rngs=members.rngs,
                    validation=members.validation,
                    settings=self._training(Penalty(**strengths)),
                    rates=members.settings["learning_rate"],
                    decays=members.settings.get("weight_decay"),
                    patiences=members.patiences,
                    callbacks=self.callbacks,
                )
            except PackDivergedError as diverged:
                # Other packs may have sound members, and which one a member is in must not matter.
                pack = diverged.history
            histories = member_histories(pack)
            # Training losses are those of networks thinned by dropout; whole ones are measured on some of the rows.
            if members.validation is None and members.settings["dropout"].any():
                with np.errstate(all="ignore"):
                    losses = validation_loss(network, loss, members.learning.some(ROWS_TO_JUDGE))
                for history, own in zip(histories, losses.tolist(), strict=True):
                    history.final_train_loss = own
        # With its number, as blocks come back in any order.
        return k, (network.values, histories)

    def _training(self, penalty: Penalty) -> Training:
        return Training(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=named_optimizer(self.optimizer),
            schedule=self.schedule or Constant(),
            penalty=penalty,
            clipping=self.clipping or Clipping(),
            early_stopping=self._stopping(),
        )

    def _forecast(self, X: FloatArray) -> FloatArray:
        return self._averaged(self._network_forecasts(X))

    def _averaged(self, P: FloatArray) -> FloatArray:
        # Member after member: a matrix product, and NumPy's sum of one row alone, would round by the number of rows.
        return np.asarray(reduce(np.add, self.shares_[:, None, None] * P))
