"""Settings that are one number for all networks of an ensemble, or a range that each draws its own from."""

from collections.abc import Sequence
from math import inf

import numpy as np

from finnet.checks import require_number
from finnet.errors import ConfigError
from finnet.network.depth import require_depths

__all__ = ["Depth", "Range", "depth_range", "drawn", "require_range"]

Range = float | tuple[float, float]
Depth = int | tuple[int, int]


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


def depth_range(depth: Depth, hidden: Sequence[int]) -> tuple[int, int]:
    """Fewest and most hidden layers that networks use; ConfigError where they cannot use so few or so many.

    Examples
    --------
    >>> depth_range(2, (32, 32)), depth_range((1, 2), (32, 32))
    ((2, 2), (1, 2))
    """
    low, high = depth if isinstance(depth, tuple) else (depth, depth)
    if low > high:
        raise ConfigError(f"depth=({low}, {high}) runs backwards; write the lower end first")
    require_depths((low, high), hidden)
    return low, high


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
