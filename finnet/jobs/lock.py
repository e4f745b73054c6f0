"""A lock that lets one process at a time run a job, and that dies with its process."""

import errno
import fcntl
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from finnet.errors import ConfigError
from finnet.files import is_file_of
from finnet.jobs.folders import mark

__all__ = ["only_run"]

_HOLDER = re.compile(r"([\w.-]*) ?([0-9]+)\n?")


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the folder of a job, made and marked if need be; ConfigError where another process holds it.

    The system drops the lock of a process that dies, so a lock left behind by a crash hinders nobody. Folders made here
    that end up empty are removed again.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = Path(mkdtemp()) / "job"
    >>> with only_run(folder), only_run(folder):
    ...     pass
    Traceback (most recent call last):
    finnet.errors.ConfigError: ...: process ... on ... is running this job; wait until it has ended
    """
    made = mark(folder)
    handle = _acquire(folder / ".lock")
    try:
        yield
    finally:
        # Unlinked while still held: whoever opened the old file sees that it is gone and takes a new one.
        with suppress(OSError):
            (folder / ".lock").unlink()
        os.close(handle)
        _remove_empty(made)


def _remove_empty(made: list[Path]) -> None:
    # Deepest first. The marker goes only where it is alone, and a folder that holds anything refuses to go.
    for path in made:
        with suppress(OSError):
            if not path.is_dir() and len(os.listdir(path.parent)) == 1:
                path.unlink()
            else:
                path.rmdir()


def _acquire(path: Path) -> int:
    while True:
        handle = _opened(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            match = _HOLDER.fullmatch(os.pread(handle, 400, 0).decode("utf-8", "replace"))
            host, process = (match[1] or "this host", match[2]) if match else ("this host", "of another start")
            os.close(handle)
            words = f"process {process} on {host} is running this job"
            raise ConfigError(f"{path.parent}: {words}; wait until it has ended") from None
        # Between opening and locking, the holder before us may have ended and unlinked the file: then try a new one.
        if is_file_of(handle, path):
            # The words only help whoever finds the job busy; a full disk shall not stop us here.
            with suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{socket.gethostname()} {os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)


def _opened(path: Path) -> int:
    """The lock file, made if need be; ConfigError where the file of that name is not one of ours."""
    # No link is followed, and a pipe of that name does not block.
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise ConfigError(f"{path}: is no lock of finnet's; move it away") from error
    found = os.fstat(handle)
    # A second name of the file would show what is written here in another place.
    is_ours = stat.S_ISREG(found.st_mode) and found.st_nlink <= 1
    words = os.pread(handle, 400, 0).decode("utf-8", "replace") if is_ours else "not ours"
    if words and not _HOLDER.fullmatch(words):
        os.close(handle)
        raise ConfigError(f"{path}: is no lock of finnet's; move it away")
    return handle
