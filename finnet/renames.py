"""Renames that the system does in one step: two names exchanged, or a name taken only while it is free."""

import ctypes
import errno
import os
from pathlib import Path

__all__ = ["exchange", "move_to_free"]

# Linux, since 3.15: man 2 renameat2.
_HERE, _NO_REPLACE, _EXCHANGE = -100, 1, 2
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)

_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def exchange(one: Path, other: Path) -> bool:
    """Let two names stand for each other's file or folder, at once; False where the system cannot.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> one, other = Path(mkdtemp()) / "one", Path(mkdtemp()) / "other"
    >>> one.write_text("1"), other.write_text("2")
    (1, 1)
    >>> (one.read_text(), other.read_text()) if exchange(one, other) else ("2", "1")
    ('2', '1')
    """
    return _rename(one, other, _EXCHANGE)


def move_to_free(old: Path, new: Path) -> None:
    """Rename a file to a name that nobody has; FileExistsError where somebody has it, also if only just now."""
    if not _rename(old, new, _NO_REPLACE):
        # A second name first: unlike a rename, that fails where the name is taken.
        os.link(old, new, follow_symlinks=False)
        os.unlink(old)


def _rename(old: Path, new: Path, flags: int) -> bool:
    if _renameat2 is None:
        return False
    if _renameat2(_HERE, os.fsencode(old), _HERE, os.fsencode(new), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(new))
