"""Files: written beside and moved in place, so that whoever reads finds the old or the new, never half."""

import errno
import fcntl
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from finnet.renames import exchange, move_to_free

__all__ = [
    "PARTIAL",
    "create_file",
    "is_file_of",
    "make_folder",
    "open_regular",
    "point",
    "replace_file",
    "replace_folder",
    "restore_folder",
    "stepped_aside",
    "sweep",
]

PARTIAL = re.compile(r"\.finnet-[0-9a-f]{12}-[0-9a-f]{12}\.partial")
"""Names of what is being written; a digest of the name that it shall get comes first."""

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
}


def replace_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file at once: until the very end, readers see the old one, or none.

    Several writers at once leave the file of one of them, whole. What a killed writer left beside is removed.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "a.txt"
    >>> replace_file(path, b"whole")
    >>> path.read_text()
    'whole'
    """
    _put(path, content, mode=mode, move=os.replace)


def create_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a new file at once; FileExistsError where one of that name exists at the end, which stays as it is."""
    _put(path, content, mode=mode, move=move_to_free)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, names with slashes included, and move it in place of the one there.

    The two are exchanged at once where the system can; elsewhere the old folder steps aside for the moment between two
    renames, and `restore_folder` puts it back after a crash there. Only the owner can read what was written.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FileExistsError(errno.EEXIST, "is no folder of its own; move it away", str(folder))
    beside = _beside(folder)
    os.mkdir(beside, 0o700)
    handle = os.open(beside, os.O_RDONLY)
    try:
        _hold(handle)
        with _space_for(folder, sum(map(len, files.values()))):
            for name, content in files.items():
                (beside / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write_new(beside / name, content)
            # Files have been synced as they were written; names of files are part of the folders that hold them.
            for path in [*(path for path in beside.rglob("*") if path.is_dir()), beside]:
                _sync(path)
        _swap(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    finally:
        os.close(handle)
    _sync(folder.parent)
    # After an exchange the old folder has that name; as `folder` is complete by now, its end matters to nobody.
    shutil.rmtree(beside, ignore_errors=True)


def restore_folder(folder: Path) -> bool:
    """Put a folder back that had stepped aside when a crash came; whether there was one to put back."""
    old, is_gone = stepped_aside(folder), not os.path.lexists(folder)
    if old.is_symlink() or not old.is_dir():
        return False
    # Where the new folder is in place, the crash came after both renames, and the old one has only not been removed.
    if is_gone:
        os.rename(old, folder)
        _sync(folder.parent)
    else:
        shutil.rmtree(old, ignore_errors=True)
    return is_gone


def stepped_aside(folder: Path) -> Path:
    """Where a folder waits for the moment in which another takes its place, on systems that cannot exchange them."""
    return folder.with_name(f".{folder.name}.old")


def sweep(parent: Path, pattern: re.Pattern[str] = PARTIAL) -> None:
    """Remove what writers that are dead left in a folder, by names of this form; the living hold theirs."""
    for left in parent.iterdir():
        if not pattern.fullmatch(left.name):
            continue
        with suppress(OSError):
            if left.is_symlink():
                left.unlink()
            elif _is_left_over(left):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def point(link: Path, name: str) -> None:
    """Make `link` a symbolic link to its neighbor `name`, at once; FileExistsError where it is a file or a folder."""
    if link.exists() and not link.is_symlink():
        raise FileExistsError(errno.EEXIST, "is no link; move it away", str(link))
    beside = _beside(link)
    # A link cannot be changed, but another may be renamed over it, so that no reader finds none.
    os.symlink(name, beside)
    try:
        os.replace(beside, link)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    _sync(link.parent)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder for its owner alone, and those above it; the ones made, deepest first, are on the disk for good."""
    missing = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    made: list[Path] = []
    for path in reversed(missing):
        with suppress(FileExistsError):  # another process was first
            os.mkdir(path, 0o700)
            _sync(path.parent)
            made.insert(0, path)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is a file where a folder should be", str(folder))
    return made


def open_regular(path: Path | str, *, follow: bool = True) -> io.BufferedReader:
    """A regular file opened for reading; OSError for pipes and devices, which might never end.

    Parameters
    ----------
    follow : bool
        Whether a link stands for the file that it names.

    Examples
    --------
    >>> open_regular("/dev/zero")
    Traceback (most recent call last):
    OSError: [Errno 22] is a device, no regular file: '/dev/zero'
    """
    # Without waiting: a pipe would keep us until somebody writes to it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise OSError(errno.EINVAL, f"is {_KINDS.get(kind, 'something else')}, no regular file", str(path))
    return os.fdopen(handle, "rb")


def is_file_of(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _put(path: Path, content: bytes, *, mode: int, move: Callable[[Path, Path], None]) -> None:
    # Only what was meant for this very name: other writers in the folder clear up their own.
    sweep(path.parent, re.compile(re.escape(_prefix(path)) + r"[0-9a-f]{12}\.partial"))
    beside, handle = _claim(path, mode)
    try:
        with _space_for(path, len(content)):
            _write(handle, content)
        move(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    finally:
        os.close(handle)
    # The new name stands in the folder, which reaches the disk by a sync of its own.
    _sync(path.parent)


def _claim(path: Path, mode: int) -> tuple[Path, int]:
    """A new file beside, held so that nobody sweeps it away."""
    while True:
        beside = _beside(path)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        _hold(handle)
        if is_file_of(handle, beside):
            return beside, handle
        os.close(handle)  # swept between opening and holding


def _hold(handle: int) -> bool:
    try:
        # The system drops the lock when its process ends, however it ends: what nobody locks has no living writer.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_left_over(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return stat.S_IFMT(os.fstat(handle).st_mode) in (stat.S_IFREG, stat.S_IFDIR) and _hold(handle)
    finally:
        os.close(handle)


def _beside(path: Path) -> Path:
    return path.with_name(f"{_prefix(path)}{token_hex(6)}.partial")


def _prefix(path: Path) -> str:
    # A digest, as the name itself may already be as long as a name can be.
    return f".finnet-{sha256(os.fsencode(path.name)).hexdigest()[:12]}-"


def _write_new(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        _write(handle, content)
    finally:
        os.close(handle)


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
    # Before the rename: after a crash the name must not stand for a file whose bytes never reached the disk.
    os.fsync(handle)


@contextmanager
def _space_for(path: Path, needed: int) -> Iterator[None]:
    """Let the error of a full disk name the disk and what would be needed."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        folder = path.parent.resolve()
        disk = next(place for place in (folder, *folder.parents) if place.is_mount())
        words = f"{os.strerror(error.errno)} on the disk of {disk}: {needed:,} bytes needed"
        raise OSError(error.errno, f"{words}, {shutil.disk_usage(disk).free:,} free", str(path)) from error


def _swap(new: Path, place: Path) -> None:
    if not place.exists():
        os.rename(new, place)
        return
    if exchange(new, place):
        return
    # For a moment there is no folder of that name; `restore_folder` mends it after a crash between the two renames.
    old = stepped_aside(place)
    os.rename(place, old)
    try:
        os.rename(new, place)
    except BaseException:
        os.rename(old, place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
