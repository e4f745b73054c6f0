"""Learning-rate schedules: what to multiply the learning rate by in the coming epoch."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np

from finnet.checks import require_methods, require_number, require_whole
from finnet.errors import ConfigError, NotSavedError
from finnet.network.settings import Settings

__all__ = ["Constant", "Cosine", "InverseScaling", "Plateau", "Schedule", "Step", "WarmUp", "require_factor"]


class Schedule(Protocol):
    """A pure function of the losses so far."""

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """Factor for the epoch after `losses`, one per epoch done (validation where known), out of `epochs` at most."""


def require_factor(schedule: Schedule, losses: Sequence[float], epochs: int) -> float:
    """What a schedule says, or ConfigError where that is no finite number of 0 or more.

    Examples
    --------
    >>> require_factor(Step(every=1, ratio=0.5), [0.7], 10)
    0.5
    """
    factor: object = schedule.factor(losses, epochs)
    if not isinstance(factor, float | int | np.number) or not 0.0 <= factor < inf:
        raise ConfigError(
            f"factor() of {type(schedule).__name__} gives {factor!r} after {len(losses)} epochs; correct it to give a"
            " finite number of 0 or more"
        )
    return float(factor)


@dataclass(frozen=True)
class Constant(Settings):
    """Always 1."""

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """1."""
        del losses, epochs
        return 1.0


@dataclass(frozen=True)
class Step(Settings):
    """Times `ratio` after every `every` epochs.

    Examples
    --------
    >>> [Step(every=2, ratio=0.5).factor([1.0] * done, 6) for done in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    every: int = 30
    ratio: float = 0.1

    def __post_init__(self) -> None:
        require_whole(self.every, 1, name="schedule.every")
        require_number(self.ratio, name="schedule.ratio", zero=False)

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """ratio ^ floor(epochs done / every)."""
        del epochs
        return float(self.ratio ** (len(losses) // self.every))


@dataclass(frozen=True)
class InverseScaling(Settings):
    """(1 + epochs done)^-power, which meets the conditions of Robbins & Monro (1951) for power in (1/2, 1]."""

    power: float = 0.5

    def __post_init__(self) -> None:
        require_number(self.power, name="schedule.power")

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """(1 + epochs done)^-power."""
        del epochs
        return float((1.0 + len(losses)) ** -self.power)


@dataclass(frozen=True)
class Cosine(Settings):
    """From 1 down to `floor` along half a cosine wave (Loshchilov & Hutter 2017).

    Examples
    --------
    >>> [round(Cosine().factor([1.0] * done, 4), 2) for done in range(4)]
    [1.0, 0.85, 0.5, 0.15]
    """

    floor: float = 0.0

    def __post_init__(self) -> None:
        require_number(self.floor, name="schedule.floor", below=1.0)

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """floor + (1 - floor) (1 + cos(pi * share of epochs done)) / 2."""
        share = min(1.0, len(losses) / epochs)
        return float(self.floor + (1.0 - self.floor) * 0.5 * (1.0 + np.cos(np.pi * share)))


@dataclass(frozen=True)
class WarmUp(Settings):
    """A straight rise over the first `length` epochs, then another schedule."""

    length: int = 5
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        require_whole(self.length, 0, name="schedule.length")
        # A loaded model forecasts without a schedule that its file does not hold, and asks for it when it trains.
        with suppress(NotSavedError):
            require_methods(self.then, ("factor",), name="schedule.then", such_as="Cosine()")

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """(epochs done + 1) / (length + 1) while warming up."""
        if len(losses) < self.length:
            return (len(losses) + 1.0) / (self.length + 1.0)
        # The other schedule starts at its own beginning, and has the epochs that are left.
        return self.then.factor(losses[self.length :], max(1, epochs - self.length))


@dataclass(frozen=True)
class Plateau(Settings):
    """Times `ratio` whenever the loss has not improved for `patience` epochs.

    Examples
    --------
    >>> losses = [0.9, 0.8, 0.8, 0.8, 0.8, 0.8]
    >>> [Plateau(patience=2, ratio=0.5).factor(losses[:done], 99) for done in range(7)]
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    """

    patience: int = 5
    ratio: float = 0.5

    def __post_init__(self) -> None:
        require_whole(self.patience, 1, name="schedule.patience")
        require_number(self.ratio, name="schedule.ratio", below=1.0, zero=False)

    def factor(self, losses: Sequence[float], epochs: int) -> float:
        """ratio ^ number of plateaus so far."""
        del epochs
        best, waited, plateaus = np.inf, 0, 0
        for loss in losses:
            best, waited = (loss, 0) if loss < best else (best, waited + 1)
            # Waiting starts anew: the loss gets as long to improve at the lower rate.
            if waited == self.patience:
                plateaus, waited = plateaus + 1, 0
        return float(self.ratio**plateaus)
