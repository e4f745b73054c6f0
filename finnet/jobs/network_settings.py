"""The [network] table of job files: how many networks are trained at once, and what each may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator

from finnet.checks import require_at_least, require_choice, require_within
from finnet.errors import ConfigError
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
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.fit_checks import require_hidden
from finnet.estimators.objective import CLASS_LOSSES, NUMBER_LOSSES
from finnet.estimators.ranges import Depth, depth_range, require_range
from finnet.models import Kind
from finnet.network.activations import Activation, named_activation
from finnet.network.gradient_checks import verify_activation, verify_loss
from finnet.network.losses import QuantileLoss
from finnet.network.optimizers import OPTIMIZERS
from finnet.network.stopping import EarlyStopping
from finnet.plugins import is_plugin, own_object

__all__ = ["NetworkSettings"]


def _number_or_range(value: Any) -> float | tuple[float, float]:
    """A number as it is, and the list of two numbers of a job file as a pair; ConfigError for anything else."""
    # Not isinstance: True is an int to Python, but no number in a job file.
    if type(value) in (int, float):
        return float(value)
    if isinstance(value, list) and [type(end) in (int, float) for end in value] == [True, True]:
        return float(value[0]), float(value[1])
    raise ConfigError("write a number, or a range [low, high]")


def _count_or_range(value: Any) -> int | tuple[int, int]:
    """A whole number as it is, and a list of two of them as a pair; ConfigError for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, list) and [type(end) for end in value] == [int, int]:
        return value[0], value[1]
    raise ConfigError("write a whole number, or a range [low, high] of whole numbers")


def _as_it_is(value: Any) -> Any:
    return value


NumberOrRange = Annotated[
    float | tuple[float, float], PlainValidator(_number_or_range), PlainSerializer(_as_it_is, return_type=Any)
]
CountOrRange = Annotated[Depth, PlainValidator(_count_or_range), PlainSerializer(_as_it_is, return_type=Any)]


@dataclass(frozen=True)
class NetworkSettings:
    """Networks trained at once on each training window, whose average is the forecast.

    Each setting that may be a range [low, high] is drawn from it for every network: evenly over its logarithm, or over
    the numbers themselves where it starts at 0, or where it is `depth`.

    Parameters
    ----------
    members : int
        Networks trained, divided over the fits of a training window (see `Blocks`), each of which trains at least one.
    selection : str
        "all" averages all of them, "greedy" those of a fit that do best together on the rows held out of it.
    hidden : tuple of int
        Units of each hidden layer.
    depth : whole number or range, optional
        Hidden layers that a network uses, counted from the first; a range [low, high] is drawn from. All where it is
        not given. Layers that may be left out must be as wide as the one before.
    activation : str
        Of the hidden layers: relu, tanh, sigmoid, silu and others of `finnet.network.activations`, or
        `package.module:name` of your own.
    loss : str, optional
        What training minimizes, or `package.module:name` of your own: of probabilities cross_entropy (by default),
        focal or mse; of numbers mse (by default), mae or huber.
    optimizer : str
        adam, adamw, sgd, momentum, nesterov, adagrad or rmsprop.
    weight_decay : number or range, optional
        Decoupled decay of the weights, with the optimizer adamw.
    normalization : str, optional
        "batch" or "layer".
    residual : bool
        Whether hidden layers of equal width add their input to their output.
    bagging : bool
        Whether each network trains on a bootstrap sample of the rows.
    class_weight : str, optional
        "balanced" weighs rows by the inverse of their class's share.
    learning_rate : number or range
        Of Adam; a number, or a range [low, high] that every network draws its own from.
    dropout : number or range
        Share of hidden units left out of each training step.
    l1 : number or range
        Weight of the absolute weights in the loss.
    l2 : number or range
        Weight of the squared weights in the loss.
    batch_size : int
        Rows per step.
    epochs : int
        Passes over the training rows, at most.
    patience : int
        Epochs without a better validation loss that end a network's training.

    Examples
    --------
    >>> NetworkSettings(members=4, l1=0.0).build().members
    4
    >>> NetworkSettings(dropout=(0.5, 1.5))
    Traceback (most recent call last):
    finnet.errors.ConfigError: dropout=1.5 is not a number of 0 or more and below 1
    """

    members: int = MEMBERS
    selection: str = SELECTION
    hidden: tuple[int, ...] = MEMBERS_HIDDEN
    depth: CountOrRange | None = None
    activation: str = ACTIVATION
    loss: str | None = None
    optimizer: str = "adam"
    weight_decay: NumberOrRange | None = None
    normalization: str | None = None
    residual: bool = False
    bagging: bool = False
    class_weight: Literal["balanced"] | None = None
    learning_rate: NumberOrRange = LEARNING_RATES
    dropout: NumberOrRange = DROPOUTS
    l1: NumberOrRange = PENALTIES
    l2: NumberOrRange = PENALTIES
    batch_size: int = BATCH_SIZE
    epochs: int = EPOCHS
    patience: int = EarlyStopping.patience

    def __post_init__(self) -> None:
        for name in ("members", "batch_size", "epochs", "patience"):
            require_at_least(getattr(self, name), 1, name=name)
        require_within(self.members, 1, 4096, name="members")
        require_choice(self.selection, ("all", "greedy"), name="selection")
        require_hidden(self.hidden)
        if self.depth is not None:
            depth_range(self.depth, self.hidden)
        verify_activation(self.own_activation, is_packed=True)
        if self.loss is not None and is_plugin(self.loss):
            verify_loss(own_object(self.loss), is_packed=True)
        elif self.loss is not None:
            # Which losses fit what is forecast is known only in `build`.
            require_choice(self.loss, {*CLASS_LOSSES, *NUMBER_LOSSES}, name="loss")
        require_choice(self.optimizer, OPTIMIZERS, name="optimizer")
        if self.weight_decay is not None:
            require_range(self.weight_decay, name="weight_decay")
        require_range(self.learning_rate, name="learning_rate", zero=False)
        require_range(self.dropout, name="dropout", below=1.0)
        require_range(self.l1, name="l1")
        require_range(self.l2, name="l2")

    @property
    def own_activation(self) -> Activation:
        """The activation, loaded where it is code of the user's own."""
        if is_plugin(self.activation):
            return named_activation(own_object(self.activation))
        return named_activation(self.activation)

    def members_of(self, fits: int) -> int:
        """Networks that each of so many fits trains."""
        # Rounded up, so that there are never fewer networks than asked for.
        return -(-self.members // fits)

    def build(
        self, *, fits: int = 1, kind: Kind = "event", levels: Sequence[float] = ()
    ) -> NetworkEnsembleClassifier | NetworkEnsembleRegressor:
        """The untrained networks of one of `fits` fits; of quantiles, at these levels."""
        members, shared = self.members_of(fits), self._shared
        loss = own_object(self.loss) if self.loss is not None and is_plugin(self.loss) else self.loss
        if self.loss is not None and not is_plugin(self.loss):
            require_choice(self.loss, CLASS_LOSSES if kind == "event" else NUMBER_LOSSES, name="network.loss")
        if kind == "event":
            return NetworkEnsembleClassifier(
                members, loss=loss or "cross_entropy", class_weight=self.class_weight, **shared
            )
        if self.class_weight is not None:
            raise ConfigError("network.class_weight weighs classes, and numbers have none; leave it out")
        if kind == "quantile" and loss is not None:
            raise ConfigError("network.loss is the pinball loss where quantiles are forecast; leave it out")
        return NetworkEnsembleRegressor(
            members, loss=QuantileLoss(tuple(levels)) if kind == "quantile" else loss or "mse", **shared
        )

    @property
    def _shared(self) -> dict[str, Any]:
        """What classifiers and regressors take alike."""
        return {
            "selection": self.selection,
            "hidden": self.hidden,
            "depth": self.depth,
            "activation": self.own_activation if is_plugin(self.activation) else self.activation,
            "optimizer": self.optimizer,
            "weight_decay": self.weight_decay,
            "normalization": self.normalization,
            "residual": self.residual,
            "bagging": self.bagging,
            "learning_rate": self.learning_rate,
            "dropout": self.dropout,
            "l1": self.l1,
            "l2": self.l2,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "early_stopping": EarlyStopping(patience=self.patience),
        }
