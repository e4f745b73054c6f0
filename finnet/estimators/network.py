"""Networks in scikit-learn's shape."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from finnet.checks import require_number, require_whole
from finnet.errors import NotSavedError, TrainingError
from finnet.estimators.classifier_base import ClassifierOfNetworks
from finnet.estimators.defaults import ACTIVATION, BATCH_SIZE, DROPOUT, EPOCHS, HIDDEN, LEARNING_RATE, PENALTY
from finnet.estimators.fit_checks import warn_if_worse
from finnet.estimators.network_base import (
    EstimatorOfNetworks,
    InDouble,
    RandomState,
    generator,
)
from finnet.estimators.objective import Objective
from finnet.estimators.regressor_base import RegressorOfNetworks
from finnet.estimators.threads import one_blas_thread
from finnet.estimators.unsaved import of_training
from finnet.estimators.validation_rows import ROWS_TO_JUDGE, divided, held_out
from finnet.network.activations import Activation, named_activation
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback
from finnet.network.gradient_checks import verify_activation
from finnet.network.history import History
from finnet.network.initializers import Initializer
from finnet.network.layers import Dense
from finnet.network.losses import Loss, loss_on_scores
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import Optimizer, named_optimizer
from finnet.network.regularization import Clipping, Penalty
from finnet.network.schedules import Constant, Schedule
from finnet.network.shared import MeanOverShared, SharedDense
from finnet.network.stopping import EarlyStopping
from finnet.network.training import Trainer, Training, train, validation_loss
from finnet.types import FloatArray, IntArray

__all__ = ["NetworkClassifier", "NetworkRegressor"]


class _SingleNetwork(EstimatorOfNetworks):
    """Builds and trains one network."""

    dropout: float
    l1: float
    l2: float
    learning_rate: float
    residual: bool
    batch_ensemble: int
    random_state: RandomState
    _history: History = of_training()
    _trainer: Trainer | None

    @property
    def history_(self) -> pd.DataFrame:
        """Losses epoch by epoch."""
        return pd.DataFrame(self._history.columns())

    @property
    def diagnostics_(self) -> pd.DataFrame:
        """State of every layer epoch by epoch."""
        return pd.DataFrame(self._watched.layer_states)

    @property
    def advice_(self) -> list[str]:
        """What went wrong in training and what helps."""
        return self._watched.advice

    @property
    def _watched(self) -> History:
        """What happened in training, where it was watched layer by layer."""
        if not self._history.layer_states:
            raise NotSavedError(
                "diagnostics_ and advice_ are known right after training alone, a file holds only history_; look at"
                " them before saving, or train on"
            )
        return self._history

    @property
    def n_iter_(self) -> int:
        """Epochs run; in a stream, calls of `partial_fit` since it was begun, or since training diverged."""
        return len(self._history)

    @property
    def best_epoch_(self) -> int:
        """The epoch whose weights are kept."""
        return self._history.best_epoch

    def _fit(self, examples: Examples, objective: Objective, *, validation: Examples | None) -> Self:
        """Train a network and keep what training leaves."""
        # Three generators, so that what one use draws moves nothing in the others.
        weights_rng, training_rng, held_rng = generator(self.random_state).spawn(3)
        examples, validation = self._split(examples, objective.strata, given=validation, rng=self._divider(held_rng))
        network = self._started(examples, objective, rng=weights_rng)
        if self._goes_on:
            self._inherit(network)
        with one_blas_thread():
            history = train(
                network,
                self._loss_on_scores(objective),
                examples,
                rng=training_rng,
                validation=validation,
                settings=self._training(),
                callbacks=self.callbacks,
            )
            # Training losses are those of networks thinned by dropout; the whole one is measured on some of the rows.
            reached, some = history.train_loss[history.best_epoch - 1], examples
            if self.dropout > 0.0:
                some = examples.some(ROWS_TO_JUDGE)
                with np.errstate(all="ignore"):
                    reached = float(validation_loss(network, self._loss_on_scores(objective), some))
                history.final_train_loss = reached
        self._trainer = None
        constant_loss = objective.constant_loss(examples, some)
        history.constant_loss = constant_loss if validation is None else objective.constant_loss(examples, validation)
        warn_if_worse(reached, constant_loss, loss=objective.loss)
        # A copy of a network is bare: the buffers of training, which grow with the batch, are left behind.
        return self._note_fitted(deepcopy(network), history)

    def _learn(self, examples: Examples, objective: Objective) -> Self:
        """Go on by one epoch over these rows, from a new network where there is none."""
        trainer: Trainer | None = getattr(self, "_trainer", None)
        if trainer is None:
            weights_rng, self._online_rng = generator(self.random_state).spawn(2)
            network = self._started(examples, objective, rng=weights_rng)
            if hasattr(self, "network_"):
                self._inherit(network)
            trainer = Trainer(network, self._loss_on_scores(objective), self._training())
        self._require_dtype_of_stream(trainer.network)
        try:
            with one_blas_thread():
                trainer.learn(examples, rng=self._online_rng)
        except TrainingError:
            # What it remembers led to numbers that are none; the next call begins with a new one.
            self._trainer = None
            raise
        self._trainer = trainer
        # A copy, as the trainer goes on in its own network, and forecasts may be asked for in between.
        return self._note_fitted(deepcopy(trainer.network), trainer.history)

    def _loss_on_scores(self, objective: Objective) -> Loss:
        loss = loss_on_scores(objective.loss, objective.output)
        return loss if self.batch_ensemble == 1 else MeanOverShared(loss)

    def _note_fitted(self, network: Network, history: History) -> Self:
        """Take the network that forecasts from now on, and how it was trained."""
        self.network_, self._double, self._history = network, InDouble(network), history
        return self

    def _started(self, examples: Examples, objective: Objective, *, rng: np.random.Generator) -> Network:
        """A new network whose output bias forecasts the mean target."""
        self._require_settings()
        objective.verify(examples, is_packed=self.batch_ensemble > 1)
        verify_activation(named_activation(self.activation), is_packed=self.batch_ensemble > 1)
        network = dense_network(
            (examples.X.shape[1], *self.hidden, objective.n_outputs),
            activation=named_activation(self.activation),
            output=objective.output,
            dropout=(self.dropout,),
            normalization=self.normalization,
            residual=self.residual,
            batch_ensemble=self.batch_ensemble,
            initializer=self.initializer,
            dtype=self.dtype,
        )
        network.initialize([rng])
        # b is a view of the network's parameters, so that writing into it sets them.
        cast(Dense | SharedDense, network.layers[-1]).b[...] = objective.start(examples)
        return network

    def _require_settings(self) -> None:
        super()._require_settings()
        require_number(self.learning_rate, name="learning_rate", zero=False)
        require_number(self.dropout, name="dropout", below=1.0)
        require_number(self.l1, name="l1")
        require_number(self.l2, name="l2")
        require_whole(self.batch_ensemble, 1, name="batch_ensemble")

    def _inherit(self, network: Network) -> None:
        """Give a new network the parameters of the fitted one."""
        self._require_layers_of_fitted(network)
        network.values[...] = self.network_.values

    def _training(self) -> Training:
        return Training(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=named_optimizer(self.optimizer, self.learning_rate),
            schedule=self.schedule or Constant(),
            penalty=Penalty(l1=self.l1, l2=self.l2),
            clipping=self.clipping or Clipping(),
            early_stopping=self._stopping(),
        )

    def _split(
        self, examples: Examples, strata: FloatArray | IntArray, *, given: Examples | None, rng: np.random.Generator
    ) -> tuple[Examples, Examples | None]:
        """Training and validation rows: those given, or a block held out where early stopping needs one."""
        stopping = self._stopping()
        if given is not None or stopping is None:
            return examples, given
        weights = examples.weights
        held = held_out(strata, stopping.validation_fraction, how=self.validation, rng=rng, weights=weights)
        # Numbers of rows alone; the rows themselves are not copied.
        kept = np.setdiff1d(np.arange(len(examples)), held, assume_unique=True)
        return divided(examples, kept, held)

    def _forecast(self, X: FloatArray) -> FloatArray:
        return self._network_forecasts(X)


class NetworkClassifier(_SingleNetwork, ClassifierOfNetworks):
    """Forecasts class probabilities with a network of dense layers trained by backpropagation.

    Two classes take one sigmoid output and binary cross-entropy, more take softmax and categorical cross-entropy.
    The output bias starts at the training frequencies of the classes. Inputs should have about unit size (a
    StandardScaler in front): nothing is scaled here. The same `random_state`, data, machine type and library versions
    give the same bits.

    The defaults suit targets that are nearly all noise, as directions of prices and defaults of loans are: a small
    network, penalized, and stopped early by rows that are held out. A clean target of some complexity is learned more
    closely with `hidden=(64, 32), dropout=0.0, l1=0.0, l2=0.0, early_stopping=False`.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers; () is logistic regression.
    activation : str or Activation
        Of the hidden layers: relu, tanh, sigmoid, leaky_relu, elu, selu, silu, gelu, softplus, softmax, identity.
    loss : str or Loss
        cross_entropy; "mse", the Brier score, which minds confident errors less; "focal", for two classes of which one
        is rare, whose outputs need calibration to be probabilities; or an object, with probabilities as its P.
    dropout : float in [0, 1)
        Share of hidden units silenced in every training step, rounded to a multiple of 1/256.
    l1, l2 : float
        l1 * sum |w| + l2 / 2 * sum w^2 over weights, added to the mean loss.
    optimizer : str or Optimizer
        adam, adamw, sgd, momentum, nesterov, adagrad, rmsprop with `learning_rate`; or an object with its own.
    learning_rate : float
    batch_size, epochs : int
    early_stopping : bool or EarlyStopping
        Stops by validation loss and keeps the best weights; False runs all epochs and keeps the last.
    validation : "stratified" or "last"
        Which training rows early stopping holds out where `fit` gets no X_val: drawn evenly over the classes, or the
        last ones, for rows in order of time.
    class_weight : dict, "balanced" or None
        As in scikit-learn; multiplies sample_weight.
    schedule : Schedule, optional
        Factor of the learning rate by epoch: Step, InverseScaling, Cosine, WarmUp, Plateau; None keeps the rate.
    clipping : Clipping, optional
        Limits on the gradient.
    normalization : "batch", "layer" or None
        Before every hidden activation. "batch" needs batches of several rows; a row that comes alone, last in an epoch
        or in `partial_fit`, is standardized by running values.
    residual : bool
        Whether hidden layers as wide as their input get a way around them.
    batch_ensemble : int
        Networks that share weights, each with scalings, biases and normalization of its own (BatchEnsemble; Wen, Tran &
        Ba 2020, and TabM, Gorishniy et al. 2024); 1 is a plain network. Losses are means over the networks, the
        forecast is their average, and training costs about as much as for that many networks.
    initializer : str or Initializer
        xavier, he, lecun, orthogonal; "auto" suits the activation.
    warm_start : bool
        Whether another `fit` goes on from the weights of the one before; on the same targets early stopping holds out
        the same rows again. For restarts from several seeds, of which the best are kept, see NetworkEnsembleClassifier.
    callbacks : sequence of Callback
        What is done at named moments of `fit`, such as `finnet.estimators.progress.ProgressBar()`.
    dtype : "float32" or "float64"
    random_state : int, RandomState, Generator or None

    Attributes
    ----------
    classes_ : ndarray
    history_ : DataFrame
        epoch, train_loss and, where there are validation rows, validation_loss.
    n_iter_, best_epoch_ : int
        Epochs run, and the one whose weights are kept.
    diagnostics_ : DataFrame
        Per epoch and layer: gradient_norm, update_ratio, dead, saturated (see `finnet.network.diagnostics`).
    advice_ : list of str
        What went wrong in training and what helps; empty where all is well.
    network_ : Network
        The trained network itself.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "up", "down")
    >>> model = NetworkClassifier(hidden=(16,), learning_rate=0.01, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    >>> model.summary()[["units", "parameters"]].values.tolist()
    [[16, 48], [16, 0], [1, 17]]
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = HIDDEN,
        *,
        activation: str | Activation = ACTIVATION,
        loss: str | Loss = "cross_entropy",
        dropout: float = DROPOUT,
        l1: float = PENALTY,
        l2: float = PENALTY,
        optimizer: str | Optimizer = "adam",
        learning_rate: float = LEARNING_RATE,
        batch_size: int = BATCH_SIZE,
        epochs: int = EPOCHS,
        early_stopping: bool | EarlyStopping = True,
        validation: str = "stratified",
        class_weight: Mapping[Any, float] | str | None = None,
        schedule: Schedule | None = None,
        clipping: Clipping | None = None,
        normalization: str | None = None,
        residual: bool = False,
        batch_ensemble: int = 1,
        initializer: str | Initializer = "auto",
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        # scikit-learn reads settings by the names of this signature: each is kept as given, and checked in `fit`.
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation = validation
        self.class_weight = class_weight
        self.schedule = schedule
        self.clipping = clipping
        self.normalization = normalization
        self.residual = residual
        self.batch_ensemble = batch_ensemble
        self.initializer = initializer
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.dtype = dtype
        self.random_state = random_state


class NetworkRegressor(_SingleNetwork, RegressorOfNetworks):
    """Forecasts numbers with a network of dense layers trained by backpropagation.

    Inputs and targets should have about unit size: nothing is scaled here (TransformedTargetRegressor scales targets).
    The output bias starts at the mean target. A loss of one's own says what forecasts are for, profit after costs
    included; its gradient is compared with its value before it trains anything.

    Parameters
    ----------
    loss : str or Loss
        mse, mae, huber; "quantile" or QuantileLoss(levels=(0.1, 0.5, 0.9)), which forecasts one column per level of a y
        of one column, or of one per level; or an object of one's own.
    validation : "stratified" or "last"
        Which training rows early stopping holds out where `fit` gets no X_val: drawn evenly over the sorted targets (of
        the first output), or the last ones, for rows in order of time.
    hidden, activation, dropout, l1, l2, optimizer, learning_rate, batch_size, epochs, early_stopping, schedule,
    clipping, normalization, residual, batch_ensemble, initializer, warm_start, callbacks, dtype, random_state
        As in NetworkClassifier.

    Attributes
    ----------
    history_, n_iter_, best_epoch_, diagnostics_, advice_, network_
        As in NetworkClassifier.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> y = X[:, 0] ** 2
    >>> model = NetworkRegressor(hidden=(16,), learning_rate=0.01, batch_size=32, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True

    Positions for the most profit after costs, instead of forecasts of returns:

    >>> class NetProfit:  # minus the profit of a position tanh(p) in what returns y, at a cost of 0.2 per unit held
    ...     def value(self, P, Y):
    ...         position = np.tanh(P)
    ...         return (0.2 * np.abs(position) - position * Y).mean(axis=-1)
    ...     def gradient(self, P, Y):
    ...         position = np.tanh(P)
    ...         return (0.2 * np.sign(position) - Y) * (1.0 - position**2) / P.shape[-1]
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((4000, 3))
    >>> y = 0.5 * X[:, 0] + rng.standard_normal(4000)
    >>> trader = NetworkRegressor((8,), activation="tanh", loss=NetProfit(), l2=0.003, epochs=30, random_state=0)
    >>> position = np.tanh(trader.fit(X[:2000], y[:2000]).predict(X[2000:]))
    >>> bool((position * y[2000:] - 0.2 * np.abs(position)).mean() > 0.1)
    True
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = HIDDEN,
        *,
        activation: str | Activation = ACTIVATION,
        loss: str | Loss = "mse",
        dropout: float = DROPOUT,
        l1: float = PENALTY,
        l2: float = PENALTY,
        optimizer: str | Optimizer = "adam",
        learning_rate: float = LEARNING_RATE,
        batch_size: int = BATCH_SIZE,
        epochs: int = EPOCHS,
        early_stopping: bool | EarlyStopping = True,
        validation: str = "stratified",
        schedule: Schedule | None = None,
        clipping: Clipping | None = None,
        normalization: str | None = None,
        residual: bool = False,
        batch_ensemble: int = 1,
        initializer: str | Initializer = "auto",
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        dtype: str = "float32",
        random_state: RandomState = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation = validation
        self.schedule = schedule
        self.clipping = clipping
        self.normalization = normalization
        self.residual = residual
        self.batch_ensemble = batch_ensemble
        self.initializer = initializer
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.dtype = dtype
        self.random_state = random_state
