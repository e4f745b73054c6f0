"""Optimizers: rules that turn gradients into steps.

A rule is a frozen settings object. What it remembers between steps lives in `Updater`, which cuts the flat parameter
vector into cache blocks; a rule then changes one block in place, in as few passes as it can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

import numpy as np

from finnet.checks import require_choice, require_methods, require_number, require_whole
from finnet.errors import ConfigError
from finnet.network.constants import common, constant
from finnet.network.memory import aligned
from finnet.network.settings import Settings
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Block",
    "Optimizer",
    "RMSProp",
    "Updater",
    "named_optimizer",
    "require_decay",
]

_BLOCK_ELEMENTS = 1 << 16
_FLUSH_EVERY = 256
# Far above the denormal numbers, which memory that decays by a tenth per step reaches before it is looked at again.
_FLUSH_BELOW = {np.dtype("float32"): 1e-25, np.dtype("float64"): 1e-200}


@dataclass
class Block:
    """A piece of the parameters with all that a rule needs to change it.

    Attributes
    ----------
    theta, gradient : ndarray of shape (n,) or (n_members, n)
    is_weight : ndarray of bool, of shape (n,)
        Which elements of `theta` decoupled weight decay shrinks.
    slots : tuple of ndarray
        What the rule remembers, in the shape of `theta`, first all 0.
    scratch : ndarray
        Memory of that shape with arbitrary content.
    rate : float or ndarray of float64 of shape (n_members, 1)
        Learning rate of the coming step; a rule multiplies it with what it must and rounds once to the type of `theta`,
        so that a pack takes the steps of its members.
    decay : float, ndarray of float64 of shape (n_members, 1), or None
        Decoupled weight decay in place of the rule's own, rounded as `rate`; None is the rule's own. A rule without
        weight decay never looks at it.
    """

    theta: FloatArray
    gradient: FloatArray
    is_weight: BoolArray
    slots: tuple[FloatArray, ...]
    scratch: FloatArray
    rate: float | FloatArray
    decay: float | FloatArray | None = None


class Optimizer(Protocol):
    """A rule for one step."""

    @property
    def learning_rate(self) -> float:
        """Step size before schedules."""

    @property
    def n_slots(self) -> int:
        """How many arrays the rule remembers."""

    def step(self, block: Block, time: int) -> None:
        """Change `block.theta` in place by step number `time`, counted from 1."""


def _require_numbers(optimizer: Settings, *, shares: tuple[str, ...]) -> None:
    """Raise ConfigError unless rate and epsilon are above 0, and `shares` in [0, 1)."""
    settings = optimizer.get_params()
    for name in {"learning_rate", "epsilon"} & settings.keys():
        require_number(settings[name], name=f"optimizer.{name}", zero=False)
    for name in shares:
        require_number(settings[name], name=f"optimizer.{name}", below=1.0)


@dataclass(frozen=True)
class SGD(Settings):
    """Stochastic gradient descent, plain, with momentum or with Nesterov's look ahead.

    v <- momentum v + g;  theta <- theta - rate v, or theta - rate (g + momentum v) with `nesterov`
    (Sutskever, Martens, Dahl & Hinton 2013). Full-batch gradient descent is this with batch_size = number of rows.

    Examples
    --------
    >>> theta, gradient = np.array([1.0]), np.array([0.5])
    >>> Updater(SGD(learning_rate=0.1), theta, gradient).update()
    >>> theta
    array([0.95])
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _require_numbers(self, shares=("momentum",))
        if self.nesterov and not self.momentum:
            raise ConfigError("nesterov=True looks ahead along the momentum, which is 0; use momentum=0.9 or so")

    @property
    def n_slots(self) -> int:
        """The velocity, where there is momentum."""
        return int(self.momentum > 0.0)

    def step(self, block: Block, time: int) -> None:
        """One step along the velocity."""
        del time
        np.multiply(self._direction(block), np.array(block.rate, block.theta.dtype), out=block.scratch)
        block.theta -= block.scratch

    def _direction(self, block: Block) -> FloatArray:
        if not self.momentum:
            return block.gradient
        (velocity,) = block.slots
        velocity *= self.momentum
        velocity += block.gradient
        if not self.nesterov:
            return velocity
        np.multiply(velocity, self.momentum, out=block.scratch)
        block.scratch += block.gradient
        return block.scratch


@dataclass(frozen=True)
class Adagrad(Settings):
    """Steps divided by the root of the sum of all squared gradients so far (Duchi, Hazan & Singer 2011)."""

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    n_slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _require_numbers(self, shares=())

    def step(self, block: Block, time: int) -> None:
        """S <- S + g^2; theta <- theta - rate g / (sqrt(S) + epsilon)."""
        del time
        (total,) = block.slots
        np.square(block.gradient, out=block.scratch)
        total += block.scratch
        _divide_by_root(block, total, self.epsilon)
        block.scratch *= np.array(block.rate, block.theta.dtype)
        block.theta -= block.scratch


@dataclass(frozen=True)
class RMSProp(Settings):
    """Steps divided by the root of a moving mean of squared gradients (Tieleman & Hinton 2012)."""

    learning_rate: float = 1e-3
    decay: float = 0.99
    epsilon: float = 1e-8
    n_slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _require_numbers(self, shares=("decay",))

    def step(self, block: Block, time: int) -> None:
        """V <- decay V + (1 - decay) g^2; theta <- theta - rate g / (sqrt(V) + epsilon)."""
        del time
        (mean_square,) = block.slots
        mean_square *= self.decay
        np.square(block.gradient, out=block.scratch)
        block.scratch *= 1.0 - self.decay
        mean_square += block.scratch
        _divide_by_root(block, mean_square, self.epsilon)
        block.scratch *= np.array(block.rate, block.theta.dtype)
        block.theta -= block.scratch


def _divide_by_root(block: Block, squares: FloatArray, epsilon: float) -> None:
    """Scratch = gradient / (sqrt(squares) + epsilon)."""
    np.sqrt(squares, out=block.scratch)
    block.scratch += epsilon
    np.divide(block.gradient, block.scratch, out=block.scratch)


@dataclass(frozen=True)
class Adam(Settings):
    """Moving means of gradients and of their squares, both corrected for their start at 0 (Kingma & Ba 2015).

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
    theta <- theta - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).

    Examples
    --------
    >>> theta, gradient = np.array([1.0, 1.0]), np.array([1e-3, -40.0])
    >>> Updater(Adam(learning_rate=0.1), theta, gradient).update()
    >>> theta.round(4)  # the first step has the length of the rate, whatever the gradient's
    array([0.9, 1.1])
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    n_slots: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _require_numbers(self, shares=("beta1", "beta2"))

    def step(self, block: Block, time: int) -> None:
        """One step; the slots hold m / (1 - beta1) and v / (1 - beta2), which saves two passes."""
        (M, V), gradient, scratch, dtype = block.slots, block.gradient, block.scratch, block.theta.dtype
        # sqrt(v / (1 - beta2^t)) is sqrt(V) / root: multiplying through by root leaves one root and one division per
        # element.
        root = ((1.0 - self.beta2**time) / (1.0 - self.beta2)) ** 0.5
        M *= constant(self.beta1, dtype)
        M += gradient
        V *= constant(self.beta2, dtype)
        V += np.multiply(gradient, gradient, out=scratch)
        np.sqrt(V, out=scratch)
        scratch += np.array(self.epsilon * root, dtype)
        np.divide(M, scratch, out=scratch)
        scratch *= np.array(block.rate * (root * (1.0 - self.beta1) / (1.0 - self.beta1**time)), dtype)
        block.theta -= scratch


@dataclass(frozen=True)
class AdamW(Settings):
    """Adam, with weights (not biases) shrunk by rate * weight_decay beside the step (Loshchilov & Hutter 2019)."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 1e-2
    n_slots: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _require_numbers(self, shares=("beta1", "beta2"))
        require_number(self.weight_decay, name="optimizer.weight_decay")

    def step(self, block: Block, time: int) -> None:
        """Shrink, then step as Adam does."""
        decay = float(self.weight_decay) if block.decay is None else block.decay
        np.multiply(block.is_weight, np.array(-block.rate * decay, block.theta.dtype), out=block.scratch)
        # Biases get the factor 1, so that one product serves all; Adam then takes the scratch for itself.
        block.scratch += 1.0
        block.theta *= block.scratch
        Adam.step(cast(Adam, self), block, time)


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "adagrad": Adagrad(),
    "rmsprop": RMSProp(),
    "adam": Adam(),
    "adamw": AdamW(),
}


class Updater:
    """An optimizer at work on one flat parameter vector: its memory, its clock and its cache blocks.

    Parameters
    ----------
    optimizer : Optimizer
    theta, gradient : ndarray of shape (n,) or (n_members, n)
        Held by reference: `update` reads the gradient and changes theta in place.
    is_weight : ndarray of bool, of shape (n,), optional
        Which parameters decoupled weight decay shrinks; None is all of them.
    rate : float or ndarray of float64 of shape (n_members, 1), optional
        Learning rate; None takes the optimizer's own.
    decay : float or ndarray of float64 of shape (n_members, 1), optional
        Decoupled weight decay; None takes the optimizer's own.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        theta: FloatArray,
        gradient: FloatArray,
        *,
        is_weight: BoolArray | None = None,
        rate: float | FloatArray | None = None,
        decay: float | FloatArray | None = None,
    ) -> None:
        self.optimizer, self.time = optimizer, 0
        self.slots = tuple(aligned(theta.shape, theta.dtype, make=np.zeros) for _ in range(optimizer.n_slots))
        # Numbers of NumPy's float32 would round every product with them, and a pack's rates are float64.
        self._rate, self._decay = float(optimizer.learning_rate) if rate is None else rate, decay
        self._is_weight = np.ones(theta.shape[-1], dtype=bool) if is_weight is None else is_weight
        self.attach(theta, gradient)

    def update(self) -> None:
        """Change theta by one step."""
        self.time += 1
        # All passes of the rule over one block before the next, so that each is fetched from memory once.
        for block in self._blocks:
            self.optimizer.step(block, self.time)
        if self.time % _FLUSH_EVERY == 0:
            # Memory of gradients long gone decays into denormal numbers, which slow every later step 1.7 times.
            for slot in self.slots:
                slot[np.abs(slot) < _FLUSH_BELOW[slot.dtype]] = 0.0

    def scale_rate(self, factor: float | FloatArray) -> None:
        """Multiply the starting learning rate by `factor`, for a pack of shape (n_members, 1), from now on."""
        # From the starting rate, not the last one: the factors of a schedule do not pile up.
        for block in self._blocks:
            block.rate = common(self._rate * factor)

    def keep(self, members: IntArray, theta: FloatArray, gradient: FloatArray) -> None:
        """Go on with these members of a pack alone, numbers of shape (k,), at the starting rate.

        Their parameters and gradients now lie in `theta` and `gradient`, shape (k, n).
        """
        self.slots = tuple(slot[members] for slot in self.slots)
        if isinstance(self._rate, np.ndarray):
            self._rate = self._rate[members]
        if isinstance(self._decay, np.ndarray):
            self._decay = self._decay[members]
        self.attach(theta, gradient)

    def attach(self, theta: FloatArray, gradient: FloatArray) -> None:
        """Work on these arrays, of the shape of those before, with the memory that there is, at the starting rate."""
        cuts = list(_cuts(theta.shape))
        # One for all blocks, which take turns and so keep it in the cache; the first is the largest.
        scratch = aligned(theta[cuts[0]].shape, theta.dtype)
        self._blocks = [self._block_at(where, theta, gradient, scratch=scratch) for where in cuts]

    def __getstate__(self) -> dict[str, object]:
        # Blocks are views, and copies of views would no longer change the network; `attach` cuts new ones.
        return {name: value for name, value in vars(self).items() if name != "_blocks"}

    def _block_at(self, where: "_Where", theta: FloatArray, gradient: FloatArray, *, scratch: FloatArray) -> Block:
        part = theta[where]
        return Block(
            theta=part,
            gradient=gradient[where],
            is_weight=self._is_weight[where[-1]],
            slots=tuple(slot[where] for slot in self.slots),
            scratch=scratch[..., : part.shape[-1]],
            rate=self._rate,
            decay=self._decay,
        )


_Where = tuple[slice, ...]


def _cuts(shape: tuple[int, ...]) -> Iterator[_Where]:
    """Blocks of at most 64k elements, cut along the parameters and never between members."""
    # Rates stand one per member, so every block holds a piece of each of them.
    lead, n = shape[:-1], shape[-1]
    width = max(1, _BLOCK_ELEMENTS // max(1, *lead)) if lead else _BLOCK_ELEMENTS
    for start in range(0, n, width):
        yield (*(slice(None) for _ in lead), slice(start, min(start + width, n)))


def named_optimizer(optimizer: str | Optimizer, learning_rate: float | None = None) -> Optimizer:
    """The optimizer of that name with that learning rate, or the object itself with its own.

    Examples
    --------
    >>> named_optimizer("nesterov", 0.1)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    """
    if not isinstance(optimizer, str):
        require_methods(optimizer, ("step",), name="optimizer", such_as="Adam()")
        require_number(getattr(optimizer, "learning_rate", None), name="optimizer.learning_rate", zero=False)
        require_whole(getattr(optimizer, "n_slots", None), 0, name="optimizer.n_slots")
        return optimizer
    require_choice(optimizer, OPTIMIZERS, name="optimizer")
    named = OPTIMIZERS[optimizer]
    if learning_rate is None or not isinstance(named, Settings):
        return named
    return named.changed({"learning_rate": learning_rate})


def require_decay(optimizer: Optimizer, decay: object, *, name: str) -> None:
    """Raise ConfigError where decoupled weight decay is given to an optimizer that has none.

    Examples
    --------
    >>> require_decay(SGD(), 0.1, name="weight_decay")
    Traceback (most recent call last):
    finnet.errors.ConfigError: weight_decay=0.1 needs an optimizer that has weight decay, and SGD has none; use AdamW()
    ("adamw"), or weight_decay=None
    """
    if not hasattr(optimizer, "weight_decay"):
        raise ConfigError(
            f"{name}={decay} needs an optimizer that has weight decay, and {type(optimizer).__name__} has none;"
            f' use AdamW() ("adamw"), or {name}=None'
        )
