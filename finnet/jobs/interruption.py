"""Interruption: a run stopped by a person, a dead worker or a full disk ends with what it has kept."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Timer, current_thread, get_ident, main_thread
from types import FrameType

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
    before = {number: signal.signal(number, _stop) for number in heard}
    try:
        with _never_ignored():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise Stopped after so many seconds, of waiting and of work; None is for ever. In the main thread only."""
    if seconds is None:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(f"stopped after {seconds:g} seconds, the time that was given", number)

    before = signal.signal(signal.SIGALRM, stop)
    # Real time, so that waiting for a lock or a worker counts too.
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with _never_ignored():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped("interrupted", number)


@contextmanager
def _never_ignored() -> Iterator[None]:
    """Send a signal again whose Stopped Python ignored, as it ignores what callbacks of weak references raise."""
    before, timers, here = sys.unraisablehook, list[Timer](), get_ident()

    def hook(ignored: "sys.UnraisableHookArgs") -> None:
        if not isinstance(ignored.exc_value, Stopped):
            before(ignored)
            return
        # A moment later, since what is raised in a hook is ignored too.
        again = partial(signal.pthread_kill, here, ignored.exc_value.number)
        timers.append(Timer(_AGAIN_AFTER, again))
        timers[-1].daemon = True
        timers[-1].start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()
