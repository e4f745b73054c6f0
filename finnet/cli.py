"""The command line: runs a command, and turns errors into one sentence and an exit code."""

import sys
import warnings
from collections.abc import Sequence
from traceback import format_exc
from typing import NoReturn

from finnet.commands import OPTIONS_OF_ALL, app
from finnet.errors import ConfigError, FinnetError
from finnet.exit_codes import ending, meaning_of
from finnet.jobs.folders import require_name
from finnet.jobs.interruption import resumable
from finnet.terminal import VOICE, Result, Voice
from finnet.workers import silence_tracker

__all__ = ["main"]


def main() -> None:
    """Run the command line; the exit code says how it ended (see EXIT_CODES)."""
    words = _hoisted(sys.argv[1:])
    # Before anything is parsed, so that a wrong word is answered in the form that was asked for.
    voice = Voice(as_json="--json" in words, log_json="--log-json" in words, is_quiet="--quiet" in words)
    VOICE.set(voice)
    warnings.showwarning = voice.warning
    silence_tracker()
    try:
        with resumable():
            # Words that no file system can hold, such as bytes that are no text, would break every message about them.
            for word in words:
                require_name(word)
            result = app(words, standalone_mode=False)
            if isinstance(result, Result):
                _end(result)
            sys.exit(result or 0)
    except FinnetError as error:
        _fail(error)
    except BrokenPipeError:
        sys.exit(0)
    except SystemExit as end:
        # The parser calls it an error where nobody reads its help to the end.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        sys.exit(0)
    # Not a bug: the settings or the data are too large for this machine, which only its user can change.
    except MemoryError as error:
        _fail(ConfigError(f"there is not enough memory ({error}); give smaller settings or less data"))
    except Exception as error:
        _fail_otherwise(error)


def _hoisted(words: Sequence[str]) -> list[str]:
    """The same words with the options of every command first, wherever they stood."""
    first: list[str] = []
    rest: list[str] = []
    left = list(words)
    # After "--" every word is an argument, whatever it looks like.
    while left and left[0] != "--":
        word = left.pop(0)
        count = 0 if "=" in word else OPTIONS_OF_ALL.get(word, 0)
        (first if word.split("=")[0] in OPTIONS_OF_ALL else rest).extend([word, *left[:count]])
        del left[:count]
    return [*first, *rest, *left]


def _end(result: Result) -> NoReturn:
    end = {} if result.failure is None else ending(str(result.failure), meaning_of(result.failure))
    VOICE.get().result(result, end)
    if result.failure is not None:
        VOICE.get().error(str(result.failure), end, has_result=True)
    sys.exit(end.get("exit_code", 0))


def _fail(error: FinnetError) -> NoReturn:
    _stop(str(error), meaning_of(error))


def _fail_otherwise(error: Exception) -> NoReturn:
    """End with what the parser of the command line says, or with a bug."""
    # Errors of Typer's parser have no public class in common; all of them have this method.
    if hasattr(error, "format_message"):
        asked = "; see finnet --help" if error.format_message() else "give a command; see finnet --help"
        _stop(f"{' '.join(error.format_message().split())}{asked}", "usage or configuration")
    if not VOICE.get().log_json:
        sys.stderr.write(format_exc())
    _stop(f"this is a bug of finnet, please report it: {error!r}", "a bug")


def _stop(sentence: str, meaning: str) -> NoReturn:
    end = ending(sentence, meaning)
    VOICE.get().error(sentence, end, has_result=False)
    sys.exit(end["exit_code"])
