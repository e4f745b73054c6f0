"""Sums: whether a folder holds the files that were written, all of them, none other, and to the byte."""

import hashlib
import hmac
import io
import os
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from finnet.errors import DataError
from finnet.files import open_regular

__all__ = ["KEY", "SEAL", "SUMS", "TIMINGS", "check_contents", "check_files", "read_files", "sealed", "sums"]

SUMS, SEAL, TIMINGS = "SHA256SUMS", "SHA256SUMS.hmac", "timings.json"
KEY = "FINNET_SEAL_KEY"
"""Environment variable with a secret; where it is set, runs are sealed and no run without its seal is believed."""

_UNSUMMED = {SUMS, SEAL, TIMINGS}
_LINE = re.compile(r"([0-9a-f]{64})  ([^\x00-\x1f\x7f]+)")
# Whoever made the folder may have made it to do harm: neither a huge file of sums nor endless folders are followed.
_MOST_SUMS, _DEEPEST = 1_000_000, 9


def sums(files: Mapping[str, bytes]) -> bytes:
    """What `sha256sum` prints of these files, so that `sha256sum -c` can check them.

    Examples
    --------
    >>> sums({"a.txt": b"A"}).decode()
    '559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd  a.txt\\n'
    """
    return "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())).encode()


def sealed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """These files with their SHA256SUMS, and its seal (HMAC-SHA256, RFC 2104) where FINNET_SEAL_KEY is set.

    `timings.json` is no part of the sums, so that equal runs have equal sums.
    """
    named = {name: content for name, content in files.items() if name not in _UNSUMMED}
    own = sums(named)
    clock = {TIMINGS: files[TIMINGS]} if TIMINGS in files else {}
    key = os.environ.get(KEY)
    return named | clock | {SUMS: own} | ({SEAL: _seal(own, key)} if key else {})


def check_files(folder: Path) -> None:
    """Raise DataError unless a folder holds the files of its SHA256SUMS, no others, and every byte of them."""
    named, found = _named(folder), _found(folder)
    _compare(folder, named, found)
    for name, digest in named.items():
        with _opened(found[name]) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise _changed(found[name])


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by name, with slashes where it lies deeper; DataError for links, pipes and devices."""
    return {name: _read(path) for name, path in sorted(_found(folder).items())}


def check_contents(folder: Path, files: Mapping[str, bytes]) -> None:
    """What `check_files` does, of files that were read, so that nothing can change between check and use."""
    named = _named(folder, files.get(SUMS), files.get(SEAL))
    _compare(folder, named, {name: folder / name for name in files})
    for name, digest in named.items():
        if sha256(files[name]).hexdigest() != digest:
            raise _changed(folder / name)


def _named(folder: Path, content: bytes | None = None, seal: bytes | None = None) -> dict[str, str]:
    """Digests by name; DataError for a line that is none, a name that stands twice, or a seal that does not hold."""
    path = folder / SUMS
    content = _read(path, most=_MOST_SUMS) if content is None else content
    _check_seal(folder, content, seal)
    named: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in named:
            raise DataError(f"{path} line {number}: {line[:100]!r} is no sum of a file; run the job again")
        named[match[2]] = match[1]
    return named


def _check_seal(folder: Path, content: bytes, seal: bytes | None) -> None:
    key = os.environ.get(KEY)
    if not key:
        return
    if seal is None:
        if not os.path.lexists(folder / SEAL):
            raise DataError(f"{folder}: was made without a seal; run the job again, or unset {KEY}")
        seal = _read(folder / SEAL, most=_MOST_SUMS)
    # Takes as long wherever the first difference is, so that a seal cannot be guessed byte by byte.
    if not hmac.compare_digest(seal, _seal(content, key)):
        raise DataError(f"{folder / SEAL}: is no seal of these sums under {KEY}; run the job again")


def _seal(content: bytes, key: str) -> bytes:
    return hmac.new(os.fsencode(key), content, "sha256").hexdigest().encode() + b"\n"


def _compare(folder: Path, named: Mapping[str, str], found: Mapping[str, Path]) -> None:
    for name in named:
        if name not in found:
            raise DataError(f"{folder / name}: is missing; run the job again")
    strange = sorted(set(found) - set(named) - _UNSUMMED)
    if strange:
        raise DataError(f"{folder / strange[0]}: is no file of {folder / SUMS}; remove it, or run the job again")


def _found(folder: Path, inside: str = "") -> dict[str, Path]:
    """Paths of all files by name; DataError for what is neither a regular file nor a folder."""
    found: dict[str, Path] = {}
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False) and inside.count("/") < _DEEPEST:
            found |= _found(Path(entry.path), f"{inside}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            found[f"{inside}{entry.name}"] = Path(entry.path)
        else:
            raise DataError(f"{entry.path}: is no regular file, so no part of a run; remove it")
    return found


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise _unreadable(folder, error) from error


def _opened(path: Path) -> io.BufferedReader:
    # A link could lead out of the folder to a file that has the right sum.
    try:
        return open_regular(path, follow=False)
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path, *, most: int = -1) -> bytes:
    with _opened(path) as file:
        return bytes(file.read(most))


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); give the folder of a complete run")


def _changed(path: Path) -> DataError:
    return DataError(f"{path}: was changed or damaged after it was written; run the job again")
