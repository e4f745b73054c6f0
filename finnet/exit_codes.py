"""Exit codes: how a command ended, as a number and in words."""

from collections.abc import Mapping
from typing import Any

from finnet.errors import ConfigError, DataError, FinnetError, InterruptedRunError, LimitError, TrainingError

__all__ = ["EXIT_CODES", "ending", "meaning_of"]

EXIT_CODES = {
    "done": 0,
    "a bug": 1,
    "usage or configuration": 2,
    "bad data": 3,
    "interrupted (resumable)": 4,
    "drift or limit breached": 5,
}
_MEANINGS: Mapping[type[FinnetError], str] = {
    ConfigError: "usage or configuration",
    DataError: "bad data",
    InterruptedRunError: "interrupted (resumable)",
    LimitError: "drift or limit breached",
    TrainingError: "usage or configuration",
}


def ending(sentence: str, meaning: str) -> dict[str, Any]:
    """What a command that failed says of its end to machines.

    Examples
    --------
    >>> ending("no such file", "bad data")["exit_code"]
    3
    """
    return {"error": sentence, "exit_code": EXIT_CODES[meaning], "meaning": meaning}


def meaning_of(error: FinnetError) -> str:
    """The key of `EXIT_CODES` that an error ends with.

    Examples
    --------
    >>> meaning_of(DataError("no such file"))
    'bad data'
    """
    return next((meaning for kind, meaning in _MEANINGS.items() if isinstance(error, kind)), "a bug")
