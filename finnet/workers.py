"""Worker processes that end with the process that started them, however that one ends."""

import os
import socket
import sys
import time
from collections.abc import Callable
from functools import cache
from signal import SIG_BLOCK, SIG_IGN, SIG_SETMASK, SIGHUP, SIGINT, pthread_sigmask, signal
from threading import Thread, current_thread, main_thread

from joblib.externals.loky.backend import resource_tracker

__all__ = ["ending_with_me", "silence_tracker", "start_tracker"]

_QUIET = "ignore:resource_tracker:UserWarning"


def silence_tracker() -> None:
    """Keep joblib's tracker, which clears away what killed processes left in shared memory, from telling of it."""
    # The tracker is a process of its own, which gets these options when it is started.
    if _QUIET not in sys.warnoptions:
        sys.warnoptions.append(_QUIET)


def start_tracker() -> None:
    """Start joblib's tracker such that a closed terminal does not end it before it has cleared shared memory away."""
    # It keeps the mask of signals with which it is started, and lifts only that of Ctrl-C and SIGTERM.
    before = pthread_sigmask(SIG_BLOCK, {SIGHUP})
    try:
        resource_tracker.ensure_running()
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def ending_with_me() -> Callable[[], None]:
    """What a worker of this process calls first, to end within a second of it and leave the terminal to it.

    A process that is killed tells nobody, so each of its workers looks. Ctrl-C and a closed terminal reach every
    process; only the one that started the others shall act on them.

    Examples
    --------
    >>> ending_with_me() is ending_with_me()
    True
    """
    return _beginning(socket.gethostname(), os.getpid())


@cache
def _beginning(host: str, starter: int) -> Callable[[], None]:
    # A function within a function is sent to workers as code. One of a module would make them import finnet first,
    # which takes seconds in which nobody would look.
    def starter_lives() -> bool:
        if host != socket.gethostname():
            return True  # handed out to another machine, from which nothing can be seen
        try:
            os.kill(starter, 0)
            with open(f"/proc/{starter}/stat") as file:
                # One that is dead keeps its number until its own parent has heard of it.
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except ProcessLookupError:
            return False
        except OSError:
            return True

    def watch() -> None:
        # A child gets another parent at once, even while the number of the dead one is not free again.
        is_child = os.getppid() == starter
        while os.getppid() == starter if is_child else starter_lives():
            time.sleep(0.5)
        # Not sys.exit: the main thread may be deep in a product of matrices.
        os._exit(1)

    def begin() -> None:
        if current_thread() is main_thread():
            signal(SIGINT, SIG_IGN)
            signal(SIGHUP, SIG_IGN)
        # A daemon, as it would otherwise keep a worker that is done from ending.
        Thread(target=watch, daemon=True).start()

    return begin
