"""Outputs: forecasts as a file of the user's, which takes nobody's place unless told to, and runs nothing."""

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from csv import QUOTE_NONNUMERIC
from pathlib import Path
from unicodedata import category, normalize

import pandas as pd

from finnet.errors import ConfigError
from finnet.files import create_file, replace_file
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import to_parquet
from finnet.jobs.folders import require_name
from finnet.jobs.interruption import resumable
from finnet.sums import SUMS

__all__ = ["require_free", "to_csv", "write_forecasts", "write_output"]

_FORMULA = re.compile("[=+@−-]")  # the last two are a minus sign (U+2212) and a hyphen
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Mn", "Zl", "Zp", "Zs"}


def require_free(
    path: Path, *, forms: Sequence[str] = (".csv", ".parquet"), inputs: Iterable[Path] = (), force: bool = False
) -> None:
    """Raise ConfigError unless a file can be written there without loss: before the work, so that none is in vain.

    Parameters
    ----------
    forms : sequence of str
        Suffixes that the file may have.
    inputs : iterable of Path
        Files that are read.
    force : bool
        Whether a file that is there may be replaced, an input too.

    Examples
    --------
    >>> require_free(Path("/nowhere/new.csv"))
    Traceback (most recent call last):
    finnet.errors.ConfigError: /nowhere: is no folder; make it, or choose another place for new.csv
    """
    require_name(path)
    if path.suffix not in forms:
        raise ConfigError(f"{path}: {path.suffix or 'no suffix'} is no known form; use {' or '.join(forms)}")
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is no folder; make it, or choose another place for {path.name}")
    if (folder / SUMS).exists():
        raise ConfigError(f"{folder}: is a run, to which nothing is added; choose another place for {path.name}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder}: cannot be written to; choose another place for {path.name}")
    if os.path.lexists(path) and stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
        raise ConfigError(f"{path}: is no file; choose another place")
    if force:
        return
    # Followed through links, so that a link to an input counts as the input.
    if path.exists() and any(other.exists() and path.samefile(other) for other in inputs):
        raise ConfigError(f"{path}: is an input; choose another place, or pass --force to replace it")
    if os.path.lexists(path):
        raise _exists(path)


def write_forecasts(
    forecasts: Forecasts,
    path: Path,
    *,
    columns: Mapping[str, Sequence[str | float]] | None = None,
    force: bool = False,
) -> None:
    """Write forecasts as .csv or .parquet, whole or not at all, for their owner alone.

    `columns`, a text or a number per forecast each, become the last columns. In CSV no text can run as a formula.
    ConfigError where a file is there already, also one that came only just now, unless told to replace it by `force`.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> rows = {"model": "network", "fold": -1, "entity": ["=A1", "A1"], "target": "default", "horizon": 0}
    >>> path = Path(mkdtemp()) / "new.csv"
    >>> write_forecasts(Forecasts.from_rows({**rows, "kind": "probability", "value": 0.1}, run_id="demo"), path)
    >>> pd.read_csv(path)["entity"].tolist()
    ["'=A1", 'A1']
    """
    require_free(path, force=force)
    table = forecasts.table.assign(**{name: list(column) for name, column in (columns or {}).items()})
    write_output(path, _FORMS[path.suffix](table), force=force)


def write_output(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write a file whole or not at all, for its owner alone; ConfigError where there is one and `force` is False."""
    with resumable():
        try:
            # `create_file` fails on a file that came since `require_free` looked, so that none is overwritten.
            (replace_file if force else create_file)(path, content, mode=0o600)
        except FileExistsError:
            raise _exists(path) from None


def _exists(path: Path) -> ConfigError:
    return ConfigError(f"{path}: exists; choose another place, or pass --force to replace it")


def to_csv(table: pd.DataFrame) -> bytes:
    """The bytes of a CSV file of a table (n_rows, n_columns) without its index; no text in it can run as a formula.

    Texts of a column that holds numbers alone, such as grades, stay as they are: they run nothing, and a quote before
    those below zero would make the column one of texts.
    """
    texts = [str(name) for name in table if pd.api.types.is_string_dtype(table[name]) and not _is_numeric(table[name])]
    return (
        table.assign(**{name: table[name].map(_guarded) for name in texts})
        .to_csv(index=False, quoting=QUOTE_NONNUMERIC)
        .encode()
    )


def _is_numeric(texts: "pd.Series[str]") -> bool:
    return all(_NUMBER.fullmatch(text) for text in texts if text)


def _guarded(text: str) -> str:
    """The text, quoted where a spreadsheet would run it, which looks behind what cannot be seen.

    Source: OWASP, CSV Injection; wide and small forms of the signs count as the signs.
    """
    seen = next((sign for sign in text if category(sign) not in _INVISIBLE), "")
    # A control character at the start is quoted too: spreadsheets skip it and read on.
    is_formula = _FORMULA.match(normalize("NFKC", seen)) is not None
    return f"'{text}" if is_formula or category(text[:1] or "x") == "Cc" else text


_FORMS = {".csv": to_csv, ".parquet": to_parquet}
