"""The bytes of a file, unpacked where it is compressed; what it is shows in its first bytes, not in its name."""

import gzip
import io
import zipfile

from finnet.data.limits import bounded
from finnet.data.quality import Findings
from finnet.files import open_regular

__all__ = ["SUFFIXES", "is_parquet", "suffix_of", "unpacked"]

SUFFIXES = (".csv.gz", ".csv.zip", ".csv", ".zip", ".parquet")
"""Ends of the names of files that a folder is read for, in any case."""

_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
_FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old kind",
    b"%PDF": "a PDF document",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"SQLite": "an SQLite database",
}


def suffix_of(path: str) -> str:
    """The end of a file's name that says how to read it, as it stands there; "" where it is none of SUFFIXES.

    Examples
    --------
    >>> suffix_of("prices/QQX.CSV.gz"), suffix_of("notes.txt")
    ('.CSV.gz', '')
    """
    ends = next((suffix for suffix in SUFFIXES if path.lower().endswith(suffix)), "")
    return path[len(path) - len(ends) :]


def is_parquet(path: str) -> bool:
    """Whether a file starts as Parquet files do, or is called so; OSError for what is no regular file."""
    with open_regular(path) as file:
        return file.read(4) == _PARQUET or path.lower().endswith(".parquet")


def unpacked(path: str, findings: Findings) -> bytes | None:
    """The bytes of a file, of the one file in a zip archive, or of a gzip file; None where it is something else.

    OSError for what is no regular file, DataError for more bytes than the limit, which are not unpacked.
    """
    with open_regular(path) as file:
        start = file.read(64)
        file.seek(0)
        if start.startswith(_GZIP):
            with gzip.GzipFile(fileobj=file) as stream:
                return bounded(stream)
        if start.startswith(_ZIP):
            return _from_zip(file, path, findings)
        kind = next((kind for begins, kind in _FOREIGN.items() if start.lstrip().startswith(begins)), "")
        if kind:
            findings.add("foreign_file", path, value=f"this is {kind}")
            return None
        return bounded(file)


def _from_zip(file: io.BufferedReader, path: str, findings: Findings) -> bytes | None:
    try:
        with zipfile.ZipFile(file) as archive:
            # Macs add a folder of their own attributes to every archive.
            names = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
            if "[Content_Types].xml" in names:
                findings.add("foreign_file", path, value="this is an Excel workbook or another office document")
            elif len(names) != 1:
                shown = ", ".join(names[:3]) or "nothing"
                words = f"this is a zip archive of {len(names)} files ({shown}{', ...' * (len(names) > 3)})"
                findings.add("many_in_archive", path, value=words)
            else:
                with archive.open(names[0]) as stream:
                    return bounded(stream)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        findings.add("unreadable_file", path, value=f"a zip archive that cannot be unpacked: {error}")
    return None
