"""Lines of drafted job files: keys with their guesses marked, paths, how a file is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finnet.data.csv_format import CsvFormat
from finnet.data.sniffing import Sniffed
from finnet.jobs.toml import to_toml

__all__ = ["beside", "csv_lines", "key_lines", "words_of"]


def words_of(found: Sniffed, name: str) -> list[str]:
    """The different cells of a column as texts."""
    cells = found.table.columns[name].unique().drop_null().to_pylist()
    return [str(cell).strip() for cell in cells]


def beside(file: Path, folder: Path) -> str:
    """The path of a file as the job file will name it: relative to its folder where it lies in it."""
    whole, base = file.resolve(), folder.resolve()
    return str(whole.relative_to(base)) if whole.is_relative_to(base) else str(whole)


def csv_lines(section: str, format: CsvFormat) -> list[str]:
    """The table of a section that says how its file is written; no lines where that is as usual."""
    plain = CsvFormat()
    names = [name for name in vars(plain) if getattr(format, name) != getattr(plain, name)]
    if not names:
        return []
    return ["", f"[{section}.csv]", *key_lines({name: getattr(format, name) for name in names}, guessed=set(names))]


def key_lines(settings: Mapping[str, Any], *, guessed: set[str]) -> list[str]:
    """Keys with their values, those that were guessed marked as such."""
    return [f"{name} = {to_toml(value)}{'  # (guess)' * (name in guessed)}" for name, value in settings.items()]
