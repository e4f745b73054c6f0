"""Settings that are one number for all networks of an ensemble, or a range that each draws its own from."""

from math import inf
from typing import Any

import numpy as np

from finnet.checks import is_whole, require_number
from finnet.errors import ConfigError

__all__ = ["Range", "drawn", "require_range", "whole_ends"]

Range = float | tuple[float, float]


def require_range(setting: Range, *, name: str, below: float = inf, zero: bool = True) -> None:
    """Raise ConfigError unless a setting is a number in [0, below), or two of them, the lower one first.

    Examples
    --------
    >>> require_range((0.3, 0.1), name="dropout")
    Traceback (most recent call last):
    finnet.errors.ConfigError: dropout=(0.3, 0.1) runs backwards; write the lower end first
    """
    ends = setting if isinstance(setting, tuple) else (setting, setting)
    if len(ends) != 2:
        raise ConfigError(f"{name}={setting} is neither a number nor a range; write a number, or (low, high)")
    for end in ends:
        require_number(end, name=name, below=below, zero=zero)
    if ends[0] > ends[1]:
        raise ConfigError(f"{name}={setting} runs backwards; write the lower end first")


def whole_ends(setting: Any, *, name: str) -> tuple[int, int]:
    """The ends of a range of whole numbers, or the number twice; ConfigError for anything else.

    Examples
    --------
    >>> whole_ends(2, name="depth"), whole_ends((1, 3), name="depth")
    ((2, 2), (1, 3))
    """
    ends = setting if isinstance(setting, tuple) else (setting, setting)
    if len(ends) != 2 or not all(is_whole(end) for end in ends):
        raise ConfigError(f"{name}={setting!r} is neither a whole number nor a range of them; write 2, or (1, 3)")
    if ends[0] > ends[1]:
        raise ConfigError(f"{name}={setting} runs backwards; write the lower end first")
    return ends


def drawn(setting: Range, rng: np.random.Generator) -> float:
    """The number itself, or a draw from the range: log-uniform, or uniform where the range starts at 0.

    Examples
    --------
    >>> drawn(0.5, np.random.default_rng(0))
    0.5
    >>> 0.1 <= drawn((0.1, 0.2), np.random.default_rng(0)) <= 0.2
    True
    """
    if not isinstance(setting, tuple):
        return float(setting)
    low, high = setting
    return float(rng.uniform(low, high) if low == 0.0 else np.exp(rng.uniform(np.log(low), np.log(high))))
