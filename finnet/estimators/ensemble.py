"""Ensembles: many networks with drawn settings, trained together, chosen on rows that they did not learn from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from finnet.estimators.classifier_base import ClassifierOfNetworks
from finnet.estimators.defaults import (
    ACTIVATION,
    BATCH_SIZE,
    DROPOUTS,
    EPOCHS,
    LEARNING_RATES,
    MEMBERS,
    MEMBERS_HIDDEN,
    PENALTIES,
    SELECTION,
)
from finnet.estimators.ensemble_base import EnsembleOfNetworks
from finnet.estimators.network_base import RandomState
from finnet.estimators.ranges import Depth, Patience, Range
from finnet.estimators.regressor_base import RegressorOfNetworks
from finnet.network.activations import Activation
from finnet.network.callbacks import Callback
from finnet.network.initializers import Initializer
from finnet.network.losses import Loss
from finnet.network.optimizers import Optimizer
from finnet.network.regularization import Clipping
from finnet.network.schedules import Schedule
from finnet.network.stopping import EarlyStopping
from finnet.types import FloatArray

__all__ = ["NetworkEnsembleClassifier", "NetworkEnsembleRegressor"]


class NetworkEnsembleClassifier(EnsembleOfNetworks, ClassifierOfNetworks):
    """Forecasts class probabilities with many networks, averaged.

    Members differ in seed and in settings drawn from ranges. Rows are divided into folds; every member learns from all
    folds but one and stops by that one. So every row is learned from, and each member is judged by rows that it did not
    see. All members that did not diverge are averaged, or with `selection="greedy"` those that do best together.

    Random restarts of one network, of which the best is kept, are the same with one value for every setting and
    `selection="best"`. An interrupt from the keyboard keeps the members trained so far, each with its best weights; of
    members trained in other processes, whole packs.

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
    weight_decay : float, (low, high) or None
        Decoupled weight decay, one value for all members or a range, drawn as above; needs an optimizer that has one,
        such as "adamw". None is the optimizer's own.
    optimizer : str or Optimizer
        Its learning rate is replaced by the members' own.
    batch_size, epochs : int
    early_stopping : bool or EarlyStopping
        False trains every member on all rows for all epochs; rows of X_val still choose among members, and without them
        all are averaged.
    patience : int, (low, high) or None
        Epochs without improvement after which each member stops, drawn evenly from the range; None is that of
        `early_stopping`, which it needs.
    validation : "stratified" or "last"
        What judges members where `fit` gets no X_val: folds drawn evenly over the classes, or one block of the last
        `early_stopping.validation_fraction` of the rows, for rows in order of time.
    folds : int
    bagging : bool
        Whether each member learns from a draw with replacement of its rows.
    selection : "all", "greedy" or "best"
        Which members make the forecast: all in equal parts, those that are chosen greedily, fold by fold, or the one of
        least validation loss (of least training loss where nothing is validated); folds=1 or X_val judges all by the
        same rows.
    class_weight : dict, "balanced" or None
    schedule, clipping, normalization, residual, initializer
        As in NetworkClassifier; the same for all members, clipping member by member.
    warm_start : bool
        Whether in another `fit` the members that were chosen go on from their weights, with the depth that they have;
        the others start anew, and all else is drawn and chosen as ever. On the same targets every member keeps its
        fold, so that it is still judged by rows that it has never learned from; where `random_state` is an int, its
        settings, too.
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
        One row per member: its settings (weight_decay and patience where they are given), depth, fold, best_epoch,
        validation_loss of the weights that it keeps, and share in the forecast.
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
    >>> import numpy as np
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
        members: int = MEMBERS,
        *,
        hidden: tuple[int, ...] = MEMBERS_HIDDEN,
        depth: Depth | None = None,
        activation: str | Activation = ACTIVATION,
        loss: str | Loss = "cross_entropy",
        learning_rate: Range = LEARNING_RATES,
        dropout: Range = DROPOUTS,
        l1: Range = PENALTIES,
        l2: Range = PENALTIES,
        weight_decay: Range | None = None,
        optimizer: str | Optimizer = "adam",
        batch_size: int = BATCH_SIZE,
        epochs: int = EPOCHS,
        early_stopping: bool | EarlyStopping = True,
        patience: Patience | None = None,
        validation: str = "stratified",
        folds: int = 4,
        bagging: bool = False,
        selection: str = SELECTION,
        schedule: Schedule | None = None,
        clipping: Clipping | None = None,
        normalization: str | None = None,
        residual: bool = False,
        initializer: str | Initializer = "auto",
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
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
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.patience = patience
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
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.dtype = dtype
        self.random_state = random_state

    def _forecast(self, X: FloatArray) -> FloatArray:
        """Probabilities: sums of shares may round to a hair more than 1."""
        # The shares add up to 1 but for rounding.
        P = super()._forecast(X)
        return np.minimum(P, 1.0) if P.shape[1] == 1 else P / P.sum(axis=1, keepdims=True)


class NetworkEnsembleRegressor(EnsembleOfNetworks, RegressorOfNetworks):
    """Forecasts numbers with many networks, averaged; made as NetworkEnsembleClassifier makes its members.

    Parameters
    ----------
    loss : str or Loss
        As in NetworkRegressor.
    members, hidden, depth, activation, learning_rate, dropout, l1, l2, weight_decay, optimizer, batch_size, epochs,
    early_stopping, patience, validation, folds, bagging, selection, schedule, clipping, normalization, residual,
    initializer, warm_start, callbacks, n_jobs, dtype, random_state
        As in NetworkEnsembleClassifier.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 300)[:, None]
    >>> model = NetworkEnsembleRegressor(members=4, folds=2, l1=0.0, batch_size=32, random_state=0)
    >>> bool(model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.8)
    True
    """

    def __init__(
        self,
        members: int = MEMBERS,
        *,
        hidden: tuple[int, ...] = MEMBERS_HIDDEN,
        depth: Depth | None = None,
        activation: str | Activation = ACTIVATION,
        loss: str | Loss = "mse",
        learning_rate: Range = LEARNING_RATES,
        dropout: Range = DROPOUTS,
        l1: Range = PENALTIES,
        l2: Range = PENALTIES,
        weight_decay: Range | None = None,
        optimizer: str | Optimizer = "adam",
        batch_size: int = BATCH_SIZE,
        epochs: int = EPOCHS,
        early_stopping: bool | EarlyStopping = True,
        patience: Patience | None = None,
        validation: str = "stratified",
        folds: int = 4,
        bagging: bool = False,
        selection: str = SELECTION,
        schedule: Schedule | None = None,
        clipping: Clipping | None = None,
        normalization: str | None = None,
        residual: bool = False,
        initializer: str | Initializer = "auto",
        warm_start: bool = False,
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
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.patience = patience
        self.validation = validation
        self.folds = folds
        self.bagging = bagging
        self.selection = selection
        self.schedule = schedule
        self.clipping = clipping
        self.normalization = normalization
        self.residual = residual
        self.initializer = initializer
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.dtype = dtype
        self.random_state = random_state
