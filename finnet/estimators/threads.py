"""BLAS threads: one while a network works, because more give other bits and slow small networks down."""

from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]


class _OneThread:
    """A context that holds BLAS to one thread while at least one caller is inside, in whatever order they leave."""

    def __init__(self) -> None:
        self._controller, self._lock = ThreadpoolController(), Lock()
        self._n_inside = 0
        self._limiter: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._free()
                # Only the first notes the limits to restore: a second one would note the single thread of the first.
                self._limiter = self._controller.limit(limits=1, user_api="blas")
            self._n_inside += 1

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._free()
                self._limiter.restore_original_limits()
                self._free()

    def _free(self) -> None:
        # Newer threadpoolctl heeds the thread that set limits first and no other, which here need not be the last.
        for library in self._controller.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


@cache
def one_blas_thread() -> _OneThread:
    """The context, the same for all of a process, in which BLAS has one thread; it may be entered again inside.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with one_blas_thread(), one_blas_thread():
    ...     {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    {1}
    """
    return _OneThread()
