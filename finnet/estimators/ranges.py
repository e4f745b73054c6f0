"""Settings that are one number for all networks of an ensemble, or a range that each draws its own from."""

from collections.abc import Sequence
from math import inf

import numpy as np
import numpy.typing as npt

from finnet.checks import is_whole, require_at_least, require_number
from finnet.errors import ConfigError
from finnet.network.depth import require_depths
from finnet.types import BoolArray, IntArray

__all__ = [
    "Depth",
    "Patience",
    "Range",
    "depth_range",
    "drawn",
    "drawn_whole",
    "patience_range",
    "require_range",
    "within",
]

Range = float | tuple[float, float]
Depth = int | tuple[int, int]
Patience = int | tuple[int, int]


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
    low, high = _whole_range(depth, name="depth", such_as="2, or (1, 3)")
    require_depths((low, high), hidden)
    return low, high


def patience_range(patience: Patience) -> tuple[int, int]:
    """Least and most patience of networks, in epochs; ConfigError for what is no patience.

    Examples
    --------
    >>> patience_range(5), patience_range((5, 20))
    ((5, 5), (5, 20))
    """
    low, high = _whole_range(patience, name="patience", such_as="10, or (5, 20)")
    require_at_least(low, 1, name="patience")
    return low, high


def _whole_range(setting: int | tuple[int, int], *, name: str, such_as: str) -> tuple[int, int]:
    ends = setting if isinstance(setting, tuple) else (setting, setting)
    if len(ends) != 2 or not all(is_whole(end) for end in ends):
        raise ConfigError(f"{name}={setting!r} is neither a whole number nor a range of them; write {such_as}")
    low, high = ends
    if low > high:
        raise ConfigError(f"{name}=({low}, {high}) runs backwards; write the lower end first")
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


def within(setting: Range, values: npt.ArrayLike) -> BoolArray:
    """Which values are the number itself, or in the range, its ends and what rounds beyond them included.

    Examples
    --------
    >>> within((0.1, 0.2), [0.05, 0.2]), within(0.3, [0.3])
    (array([False,  True]), array([ True]))
    """
    low, high = setting if isinstance(setting, tuple) else (setting, setting)
    # exp(log(high)) may be a rounding above `high`.
    return np.isclose(values, np.clip(values, low, high), rtol=1e-12, atol=0.0)


def drawn_whole(ends: tuple[int, int], rngs: Sequence[np.random.Generator]) -> IntArray:
    """A whole number of each generator, drawn evenly between both ends and these included.

    Examples
    --------
    >>> drawn_whole((2, 2), [np.random.default_rng(0)])
    array([2])
    """
    return np.array([rng.integers(*ends, endpoint=True) for rng in rngs])
