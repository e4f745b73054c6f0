"""A lock that lets one process at a time run a job, and that dies with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from finnet.errors import ConfigError

__all__ = ["only_run"]


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the folder of a job, made if need be; ConfigError where another process holds it.

    The system drops the lock of a process that dies, so a lock left behind by a crash hinders nobody. Folders made here
    that end up empty are removed again.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "job"
    >>> with only_run(folder), only_run(folder):
    ...     pass
    Traceback (most recent call last):
    finnet.errors.ConfigError: ...: process ... is running this job; wait until it has ended
    """
    made = [path for path in (folder, folder.parent) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    handle = _acquire(folder / ".lock")
    try:
        yield
    finally:
        # Unlinked while still held: whoever opened the old file sees that it is gone and takes a new one.
        with suppress(OSError):
            (folder / ".lock").unlink()
        os.close(handle)
        for path in made:
            with suppress(OSError):
                path.rmdir()


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode() or "of another start"
            os.close(handle)
            raise ConfigError(f"{path.parent}: process {holder} is running this job; wait until it has ended") from None
        if _is_file_of(handle, path):
            # The number only helps whoever finds the job busy; a full disk shall not stop us here.
            with suppress(OSError):
                os.write(handle, str(os.getpid()).encode())
            return handle
        os.close(handle)


def _is_file_of(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
