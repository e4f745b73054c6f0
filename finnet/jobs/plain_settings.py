"""Settings as a job file may hold them: none so deep, long or large that the code behind its key could not bear it."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from finnet.errors import ConfigError

__all__ = ["DEEPEST", "require_plain", "shown"]

DEEPEST = 8
"""Tables and lists within each other; job files need four."""
_LONGEST_LIST, _LONGEST_TEXT = 100_000, 10_000
_LARGEST, _LARGEST_SIZE = 1e12, 10_000_000
_FREE = {"data": float("inf"), "scorecard": float("inf"), "limits": 1e15, "seed": 2.0**63}
"""Tables and keys whose numbers may be larger: codes in data such as 1e30, bytes, seeds."""


def require_plain(settings: Mapping[str, Any], *, source: str) -> None:
    """Raise ConfigError, naming the key, for a value that is nested too deeply, too long, too large, or not finite.

    Examples
    --------
    >>> require_plain({"network": {"members": 2**40}}, source="job.toml")
    Traceback (most recent call last):
    finnet.errors.ConfigError: job.toml: network.members=1099511627776 is too large; use 10,000,000 or less
    """
    # A list of what is left instead of recursion, which settings nested too deeply would overflow.
    left: list[tuple[tuple[str, ...], Any]] = [((), settings)]
    while left:
        path, value = left.pop()
        if isinstance(value, Mapping):
            left += [((*path, str(name)), part) for name, part in value.items()]
        elif isinstance(value, list | tuple):
            left += [((*path, str(number)), part) for number, part in enumerate(value[: _LONGEST_LIST + 1])]
        problem = _problem(path, value)
        if problem:
            raise ConfigError(f"{source}: {shown('.'.join(path))}{problem}")


def shown(value: Any) -> str:
    """A value as an error shows it: its beginning, where it is long.

    Examples
    --------
    >>> shown("x" * 1000) == "x" * 97 + "..."
    True
    """
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _problem(path: tuple[str, ...], value: Any) -> str:
    """What is wrong with one value, not looking into it; "" where nothing is."""
    if len(path) > DEEPEST:
        return f" is nested more than {DEEPEST} deep; write it flat"
    if isinstance(value, list | tuple | Mapping) and len(value) > _LONGEST_LIST:
        return f" has {len(value):,} entries; use {_LONGEST_LIST:,} or fewer"
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            return f" has {len(value):,} characters; use {_LONGEST_TEXT:,} or fewer"
        # A tab may divide the cells of a file.
        odd = next((sign for sign in value if (ord(sign) < 32 and sign not in "\t\n") or 127 <= ord(sign) < 160), "")
        return f"={shown(ascii(value))} holds the control character {odd!a}; take it out" if odd else ""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    if isinstance(value, float) and not isfinite(value):
        return f"={value} is not finite; use a number"
    free = [_FREE[name] for name in path if name in _FREE]
    # Whole numbers are sizes, such as members or bars, which memory must bear; others only enter formulas.
    is_size = isinstance(value, int) and not free
    most = free[-1] if free else _LARGEST_SIZE if is_size else _LARGEST
    if abs(value) <= most:
        return ""
    return f"={shown(value)} is too large; use {most:,.0f} or less"
