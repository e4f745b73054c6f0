"""The terminal: what is said there, in plain text or JSON, with nothing that a terminal would obey."""

import json
import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from errno import EIO
from typing import Any, TextIO
from unicodedata import category

from finnet.errors import FinnetError

__all__ = ["VOICE", "Result", "Voice", "clean"]


@dataclass(frozen=True)
class Result:
    """What a command has found.

    Parameters
    ----------
    text : str
        For people.
    facts : mapping
        The same for programs, as JSON.
    failure : FinnetError, optional
        Why the exit code is not 0 although there is a result.
    """

    text: str
    facts: Mapping[str, Any]
    failure: FinnetError | None = field(default=None)


def clean(text: str) -> str:
    """The text with control characters, and marks that turn its direction, written out.

    Examples
    --------
    >>> clean("\\x1b[31mred\\u202e")
    '\\\\x1b[31mred\\\\u202e'
    """
    return "".join(sign if _is_harmless(sign) else sign.encode("unicode_escape").decode() for sign in text)


def _is_harmless(sign: str) -> bool:
    if sign.isprintable() or sign in "\n\t":
        return True
    return category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Voice:
    """How a command speaks: results to stdout; progress, warnings and errors to stderr.

    Parameters
    ----------
    as_json : bool
        Results, and errors too, as one JSON object on stdout.
    log_json : bool
        What goes to stderr as lines of JSON.
    is_quiet : bool
        Whether results and progress are left out.
    """

    as_json: bool = False
    log_json: bool = False
    is_quiet: bool = False

    def result(self, result: Result, ending: Mapping[str, Any]) -> None:
        """Say what was found; `ending` joins the facts."""
        if self.as_json:
            _write(sys.stdout, json.dumps({**result.facts, **ending}, default=str))
        elif not self.is_quiet:
            _write(sys.stdout, clean(result.text))

    def error(self, sentence: str, ending: Mapping[str, Any], *, has_result: bool) -> None:
        """Say what went wrong, in one sentence."""
        if self.as_json and not has_result:
            _write(sys.stdout, json.dumps(ending, default=str))
        if self.log_json:
            self.log("error", message=sentence, **{name: ending[name] for name in ("exit_code", "meaning")})
        else:
            _write(sys.stderr, f"finnet: {clean(sentence)}")

    def warning(self, message: Warning | str, *place: object, **more: object) -> None:
        """Say a warning; of the form of `warnings.showwarning`."""
        if self.log_json:
            self.log("warning", message=str(message))
        else:
            _write(sys.stderr, f"finnet: warning: {clean(str(message))}")

    def finding(self, severity: str, sentence: str, **facts: object) -> None:
        """Say what is odd about the data, a warning or a note; its facts instead where lines of JSON are wanted."""
        if self.log_json:
            self.log(severity, **facts)
        elif severity != "note" or not self.is_quiet:
            _write(sys.stderr, f"finnet: {severity}: {clean(sentence)}")

    def log(self, event: str, **facts: object) -> None:
        """Write one line of JSON to stderr."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        _write(sys.stderr, json.dumps({"time": time, "event": event, **facts}, default=str))


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before the start
        return
    # A terminal that cannot show a sign gets its escape; an error while an error is told would hide it.
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except (BrokenPipeError, ValueError):  # ValueError: the stream was closed
        _leave(stream)
    except OSError as error:
        _leave(stream)
        # EIO: the terminal itself has gone; anything else, such as a full disk, the user must hear of.
        if error.errno != EIO:
            raise OSError(error.errno, error.strerror, stream.name) from error


def _leave(stream: TextIO) -> None:
    """Nobody reads any more: let what is still said go nowhere, also when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


VOICE = ContextVar("voice", default=Voice())  # noqa: B039 (a Voice is frozen)
"""How the command that runs speaks."""
