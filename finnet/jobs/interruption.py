"""Interruption: a run stopped by a person, a dead worker or a full disk ends with what it has kept."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

from joblib.externals.loky.process_executor import TerminatedWorkerError

from finnet.errors import InterruptedRunError

__all__ = ["Stopped", "resumable", "signals_raise"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """Raised in place of KeyboardInterrupt, which ends the training of a network early and keeps it."""


@contextmanager
def resumable(remedy: str = "run the same command again") -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM, a killed worker and errors of the disk into InterruptedRunError.

    Parameters
    ----------
    remedy : str
        What continues the work, as the sentence of the error says it.

    Examples
    --------
    >>> with resumable():
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    finnet.errors.InterruptedRunError: No space left on device; once that is mended, run the same command again
    """
    try:
        with signals_raise():
            yield
    except Stopped:
        raise InterruptedRunError(f"interrupted; to continue, {remedy}") from None
    except TerminatedWorkerError as error:
        cause = "a worker process was killed, perhaps for want of memory"
        raise InterruptedRunError(f"{cause}; to continue, {remedy}, with fewer processes if it recurs") from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise InterruptedRunError(f"{place}{error.strerror}; once that is mended, {remedy}") from error


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise Stopped; in other threads than the main one nothing changes."""
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped
