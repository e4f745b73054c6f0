"""Files: written beside and moved in place, so that whoever reads finds the old or the new, never half."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from finnet.errors import DataError

__all__ = ["SUMS", "check_files", "point", "replace_file", "replace_folder", "restore_folders", "sums"]

SUMS = "SHA256SUMS"
_ASIDE, _PARTIAL = ".old", ".partial"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file at once: until the very end, readers see the old one, or none.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "a.txt"
    >>> replace_file(path, b"whole")
    >>> path.read_text()
    'whole'
    """
    beside = path.with_name(f".{path.name}{_PARTIAL}")
    try:
        _write(beside, content)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    _sync(path.parent)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, names with slashes included, and move it in place of the one there.

    The old folder steps aside for the moment between two renames; `restore_folders` puts it back after a crash there.
    """
    beside = folder.with_name(f".{folder.name}{_PARTIAL}")
    shutil.rmtree(beside, ignore_errors=True)
    for name, content in files.items():
        (beside / name).parent.mkdir(parents=True, exist_ok=True)
        _write(beside / name, content)
    for path in [*(path for path in beside.rglob("*") if path.is_dir()), beside]:
        _sync(path)
    _swap(beside, folder)


def restore_folders(parent: Path) -> None:
    """Tidy up after a crash: put back folders that had stepped aside, and remove what was written beside."""
    for old in parent.glob(f".*{_ASIDE}"):
        place = parent / old.name[1:].removesuffix(_ASIDE)
        if not place.exists():
            os.rename(old, place)
    for left in [*parent.glob(f".*{_ASIDE}"), *parent.glob(f".*{_PARTIAL}")]:
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def point(link: Path, name: str) -> None:
    """Make `link` a symbolic link to its neighbor `name`, at once."""
    beside = link.with_name(f".{link.name}{_PARTIAL}")
    with suppress(OSError):
        beside.unlink()
    os.symlink(name, beside)
    os.replace(beside, link)
    _sync(link.parent)


def sums(files: Mapping[str, bytes]) -> bytes:
    """What `sha256sum` prints of these files, so that `sha256sum -c` can check them.

    Examples
    --------
    >>> sums({"a.txt": b"A"}).decode()
    '559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd  a.txt\\n'
    """
    return "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()


def check_files(folder: Path) -> None:
    """Raise DataError unless every file named in SHA256SUMS is there and holds the bytes that were written."""
    for line in _read(folder / SUMS).decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        if sha256(_read(folder / name)).hexdigest() != digest:
            raise DataError(f"{folder / name}: was changed or damaged after it was written; run the job again")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the folder of a complete run") from error


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(new: Path, place: Path) -> None:
    old = _aside(place)
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        os.rename(place, old)
    try:
        os.rename(new, place)
    except BaseException:
        if old.exists():
            os.rename(old, place)
        raise
    _sync(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_ASIDE}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
