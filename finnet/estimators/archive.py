"""Archives: a description and arrays in one .npz file, all of which is checked when it is read."""

import io
import json
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from finnet.errors import ConfigError, DataError

__all__ = [
    "MAX_BYTES",
    "Archive",
    "Arrays",
    "Description",
    "checked_classes",
    "checked_names",
    "checked_number",
    "keep",
    "pack",
    "unpack",
]

Description = Mapping[str, Any]
Arrays = list[np.ndarray]

MAX_BYTES = 256 * 2**20
"""Largest file that is read; members are not compressed, so none unpacks to more."""

_MAX_MEMBERS = 2000
_DESCRIPTION = "description.json"
_DIGEST = 64
# Headers of NumPy's format 1.0 as `pack` writes them: little-endian, int or float, 4 or 8 bytes, in C order.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '(<[fi][48])', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n",
    re.DOTALL,
)
# A zip file dates its members. All get the same date, the earliest there is, so that equal archives are equal bytes.
_DATES = (1980, 1, 1, 0, 0, 0)
_LARGEST = 1e12  # of any slope, intercept or scale that data gave


@dataclass(frozen=True, eq=False)
class Archive:
    """A description in JSON values, and the arrays, of any shape, that it refers to by number."""

    description: Mapping[str, Any]
    arrays: Sequence[np.ndarray]


def keep(array: np.ndarray, arrays: Arrays) -> int:
    """Number under which the archive will hold an array.

    Examples
    --------
    >>> arrays = [np.zeros(2)]
    >>> keep(np.ones(3), arrays), len(arrays)
    (1, 2)
    """
    arrays.append(array)
    return len(arrays) - 1


def checked_number(value: Any, low: float = -_LARGEST, high: float = _LARGEST) -> float:
    """The value of a description, which must be a number between the two; DataError otherwise."""
    # A truth is an int to Python; NaN is refused too, as no comparison with it holds.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise DataError(f"{value!r} stands where a number from {low:g} to {high:g} should")
    return value


def checked_classes(values: Any) -> np.ndarray:
    """Labels of shape (n_classes,), from a value that must list two or more different ones; DataError otherwise."""
    classes = np.array(values)
    if classes.ndim != 1 or len(np.unique(classes)) < max(len(classes), 2):
        raise DataError(f"classes {classes.tolist()} are not two or more different ones")
    return classes


def checked_names(values: Any) -> list[str]:
    """The value of a description, which must be a list of texts; DataError otherwise."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(f"{values!r} stands where names should")
    return values


def pack(archive: Archive) -> bytes:
    """The bytes of an .npz file whose comment is the sha256 of all before it; equal archives give equal bytes.

    ConfigError for an archive that `unpack` would refuse for its size.

    Examples
    --------
    >>> content = pack(Archive({"schema": 1}, [np.arange(3)]))
    >>> unpack(content).arrays
    [array([0, 1, 2])]
    >>> unpack(content[:-1])
    Traceback (most recent call last):
    finnet.errors.DataError: the file was cut off or changed after it was written; copy it again, or make it again
    """
    # Asked before anything is built, so that an archive that is too large takes no memory for it.
    _require_size(sum(array.nbytes for array in archive.arrays), len(archive.arrays) + 1)
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as zipped:
        # The digest becomes the comment at the end of the file. Its length stands before it, so room is made now.
        zipped.comment = b"0" * _DIGEST
        zipped.writestr(ZipInfo(_DESCRIPTION, _DATES), json.dumps(archive.description, sort_keys=True))
        for number, array in enumerate(archive.arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), (1, 0), allow_pickle=False)
            zipped.writestr(ZipInfo(f"{number}.npy", _DATES), member.getvalue())
    content = buffer.getvalue()[:-_DIGEST]
    # Asked again, as headers and the description take bytes too, and `unpack` counts all.
    _require_size(len(content) + _DIGEST, len(archive.arrays) + 1)
    return content + sha256(content).hexdigest().encode()


def _require_size(n_bytes: int, n_members: int) -> None:
    if n_bytes > MAX_BYTES or n_members > _MAX_MEMBERS:
        raise ConfigError(
            f"the model takes {n_bytes:,} bytes in {n_members:,} parts, and a file of at most {MAX_BYTES:,} bytes and"
            f" {_MAX_MEMBERS:,} parts is loaded again; use fewer members, units or rows"
        )


def unpack(content: bytes) -> Archive:
    """The archive that `pack` wrote; DataError for anything else, however it was made."""
    if len(content) > MAX_BYTES:
        raise DataError(f"the file has {len(content)} bytes; a model has at most {MAX_BYTES}")
    if sha256(content[:-_DIGEST]).hexdigest().encode() != content[-_DIGEST:]:
        raise DataError("the file was cut off or changed after it was written; copy it again, or make it again")
    # A right digest proves that nothing was damaged, not that we wrote it.
    try:
        members = _members(content)
        description = json.loads(members.pop(_DESCRIPTION), parse_constant=_refuse)
        arrays = [_array(members[f"{number}.npy"]) for number in range(len(members))]
    except (
        BadZipFile,
        struct.error,
        LookupError,
        ValueError,
        RecursionError,
        RuntimeError,
        OSError,
        EOFError,
    ) as error:
        raise DataError(f"the file is no archive of finnet ({error}); save the model again") from error
    if not isinstance(description, dict):
        raise DataError("the description of the file is no JSON object; save the model again")
    return Archive(description, arrays)


def _members(content: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(content)) as zipped:
        infos = zipped.infolist()
        names = {info.filename for info in infos}
        if len(infos) > _MAX_MEMBERS or len(names) < len(infos):
            raise ValueError(f"{len(infos)} members, {len(names)} names")
        if any(info.compress_type != ZIP_STORED or info.file_size != info.compress_size for info in infos):
            raise ValueError("a member is compressed")
        # Members may overlap in a hostile file, and then be more together than the file.
        if sum(info.file_size for info in infos) > len(content):
            raise ValueError("members are larger than the file")
        return {info.filename: zipped.read(info) for info in infos}


def _array(member: bytes) -> np.ndarray:
    """An array whose header is one of the few that `pack` writes, and is borne out by the bytes after it."""
    header = _HEADER.match(member)
    # Magic, version and the length itself take the first ten bytes, which the length does not count.
    if header is None or header.end() != 10 + int.from_bytes(header[1], "little"):
        raise ValueError("an array of another format")
    dtype, shape = np.dtype(header[2].decode()), [int(size) for size in header[3].split(b",") if size.strip()]
    data = member[header.end() :]
    # Python's whole numbers, which no shape in a hostile file makes overflow.
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array of {dtype} and shape {shape} in {len(data)} bytes")
    # A copy, as arrays over bytes cannot be written to, and models that learn on do.
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    if not np.isfinite(array).all():
        raise ValueError("an array with values that are not finite")
    return array


def _refuse(constant: str) -> float:
    raise ValueError(f"the description holds {constant}")
