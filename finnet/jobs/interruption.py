"""Interruption: a run stopped by a person, a dead worker or a full disk ends with what it has kept."""

import errno
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Timer, current_thread, main_thread
from types import FrameType
from typing import Any

from joblib.externals.loky.process_executor import TerminatedWorkerError

from finnet.errors import ConfigError, InterruptedRunError

__all__ = ["Stopped", "resumable", "signals_raise", "time_limit"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_PASSING = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.EBUSY),
    *(errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT, errno.ENOLCK, errno.ENETDOWN, errno.EHOSTDOWN),
}
"""Errors of the disk that may be over when the same is tried again; all others wait for somebody to mend them."""


_AGAIN_AFTER = 0.01  # seconds


class Stopped(BaseException):
    """Raised in place of KeyboardInterrupt, which ends the training of a network early and keeps it.

    Parameters
    ----------
    why : str
        What ended the work, as the sentence of the error says it.
    number : int
        The signal that did.
    """

    def __init__(self, why: str, number: int) -> None:
        super().__init__(why)
        self.number = number


@contextmanager
def resumable(remedy: str = "run the same command again") -> Iterator[None]:
    """Turn signals, a killed worker and a disk that is full or fails into InterruptedRunError.

    What no other try can mend becomes a ConfigError: rights, a read-only disk, a file where a folder should be.

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
    except Stopped as stop:
        raise InterruptedRunError(f"{stop}; to continue, {remedy}") from None
    except TerminatedWorkerError as error:
        cause = "a worker process was killed, perhaps for want of memory"
        raise InterruptedRunError(f"{cause}; to continue, {remedy}, with fewer processes if it recurs") from error
    except BrokenPipeError:
        # Whoever read the output has gone; that is no trouble of the disk.
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        if error.errno in _PASSING:
            raise InterruptedRunError(f"{place}{error.strerror}; once that is mended, {remedy}") from error
        raise ConfigError(f"{place}{error.strerror}; choose a place that can be written") from error


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal raise Stopped; in other threads than the main one nothing changes."""
    if current_thread() is not main_thread():
        yield
        return
    # Under `nohup` a closed terminal shall not matter.
    heard = [number for number in _SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    with _raising("interrupted", heard):
        yield


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise Stopped after so many seconds, of waiting and of work; None is for ever. In the main thread only."""
    if seconds is None:
        yield
        return
    with _raising(f"stopped after {seconds:g} seconds, the time that was given", [signal.SIGALRM]):
        # Real time, so that waiting for a lock or a worker counts too.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


# Signals are of the whole process and handled by its main thread, and so are these, whatever blocks it is in.
_AGAIN: list[Timer] = []
"""Signals that are about to be sent again."""

_HELD: list[Stopped] = []
"""What signals would have raised while a block ended."""


@contextmanager
def _raising(why: str, numbers: Sequence[int]) -> Iterator[None]:
    """Let these signals raise Stopped in the main thread, also one that comes where Python ignores what is raised."""
    handlers: dict[int, Any] = {}
    hook = sys.unraisablehook
    try:
        sys.unraisablehook = partial(_hear, hook)
        for number in numbers:
            handlers[number] = signal.signal(number, partial(_stop, why))
        yield
    except BaseException as error:
        _end(handlers, hook)
        _raise_held(unless=error)
        raise
    _end(handlers, hook)
    _raise_held()


def _stop(why: str, number: int, frame: FrameType | None) -> None:
    """Raise Stopped, unless the main thread is where that would be lost or leave a block half restored."""
    stop, codes = Stopped(why, number), set()
    while frame is not None:
        codes.add(frame.f_code)
        frame = frame.f_back
    if _end.__code__ in codes:
        _HELD.append(stop)
    elif _hear.__code__ in codes:
        _send_again(stop)
    else:
        raise stop


def _raise_held(unless: BaseException | None = None) -> None:
    """Raise what came while a block ended, unless the block was stopped anyway."""
    held = _HELD.copy()
    _HELD.clear()
    if held and not isinstance(unless, Stopped):
        raise held[0] from unless


def _hear(before: Callable[["sys.UnraisableHookArgs"], Any], ignored: "sys.UnraisableHookArgs") -> None:
    """Send a signal again whose Stopped Python ignored, as it ignores what callbacks of weak references raise."""
    if isinstance(ignored.exc_value, Stopped):
        _send_again(ignored.exc_value)
    else:
        before(ignored)


def _send_again(stop: Stopped) -> None:
    # A moment later, since what is raised in a hook is ignored too.
    timer = Timer(_AGAIN_AFTER, signal.pthread_kill, (main_thread().ident, stop.number))
    timer.daemon = True
    timer.start()
    _AGAIN.append(timer)


def _end(handlers: Mapping[int, Any], hook: Callable[["sys.UnraisableHookArgs"], Any]) -> None:
    """Put back the handlers and the hook of before, once no signal is on its way that they would get."""
    while _AGAIN:
        _AGAIN.pop().join()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.unraisablehook = hook
