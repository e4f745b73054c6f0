"""Bins files: the bins of columns as TOML that a person can read, edit and give back.

    [income]
    edges = [1000.0, 2500.0]           # each is the lowest number of the interval above it
    codes = [-999.0]                   # numbers that get bins of their own
    [home]
    groups = [["own"], ["rent", "family"]]

What is missing has a bin of its own in every column, and so has any level that no group names.
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finnet.checks import nearest
from finnet.errors import ConfigError
from finnet.features.binning import Bins, LevelBins, NumberBins
from finnet.files import open_regular

__all__ = ["bins_from", "plain_bins", "read_bins", "write_bins"]

_MOST_BYTES = 1_000_000
_KEYS = {"edges", "codes", "groups"}


def read_bins(path: Path | str) -> dict[str, Any]:
    """What a bins file says, by column, checked; `bins_from` makes bins of it.

    ConfigError that names the file and the column where it cannot be read, edges do not rise, a level comes twice or a
    key is not known.
    """
    try:
        with open_regular(Path(path)) as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ConfigError(f"{path}: has more than {_MOST_BYTES:,} bytes; give the path of a bins file")
        columns = tomllib.loads(text.decode())
        bins_from(columns)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a bins file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML ({error}); mend that line") from error
    except ConfigError as error:
        # An error about the file's size names the file already.
        raise ConfigError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    return columns


def bins_from(columns: Mapping[str, Any]) -> dict[str, Bins]:
    """Bins by column, from plain tables with `edges` and `codes`, or with `groups`.

    Examples
    --------
    >>> bins_from({"income": {"edges": [1000, 2500]}, "home": {"groups": [["own"], ["rent"]]}})
    {'income': NumberBins(edges=(1000.0, 2500.0), codes=()), 'home': LevelBins(groups=(('own',), ('rent',)))}
    >>> bins_from({"income": {"edges": [2500, 1000]}})
    Traceback (most recent call last):
    finnet.errors.ConfigError: column 'income': edges do not rise: 2500 stands before 1000; put them in order, each once
    """
    made = {}
    for name, table in columns.items():
        try:
            made[name] = _bins(table)
        except ConfigError as error:
            raise ConfigError(f"column {name!r}: {error}") from error
    return made


def write_bins(bins: Mapping[str, Bins]) -> str:
    """The text of a bins file, from which the same bins are read.

    Examples
    --------
    >>> print(write_bins({"income": NumberBins((1000.0,)), "home": LevelBins((("own",), ("rent",)))}), end="")
    [income]
    edges = [1000.0]
    <BLANKLINE>
    [home]
    groups = [["own"], ["rent"]]
    """
    tables = []
    for name, own in bins.items():
        lines = [f"{key} = {_text(value)}\n" for key, value in plain_bins(own).items()]
        tables.append("".join([f"[{_key(name)}]\n", *lines]))
    return "\n".join(tables)


def plain_bins(bins: Bins) -> dict[str, Any]:
    """The table of plain lists that `bins_from` makes the same bins of.

    Examples
    --------
    >>> plain_bins(NumberBins((1000.0,), codes=(-9.0,)))
    {'edges': [1000.0], 'codes': [-9.0]}
    """
    if isinstance(bins, LevelBins):
        return {"groups": [[*group] for group in bins.groups]}
    return {"edges": [*bins.edges]} | ({"codes": [*bins.codes]} if bins.codes else {})


def _bins(table: Any) -> Bins:
    if not isinstance(table, Mapping) or not table:
        raise ConfigError("has no bins; give edges, codes or both, or groups of levels")
    unknown = [key for key in table if key not in _KEYS]
    if unknown:
        raise ConfigError(f"key {unknown[0]!r} is not known; {nearest(unknown[0], _KEYS)}")
    if "groups" not in table:
        return NumberBins(_numbers(table, "edges"), _numbers(table, "codes"))
    if len(table) > 1:
        raise ConfigError("has groups of levels and edges or codes of numbers; a column has one or the other")
    groups = table["groups"]
    is_list = isinstance(groups, list | tuple) and all(isinstance(group, list | tuple) for group in groups)
    if not is_list or not all(isinstance(level, str) for group in groups for level in group):
        raise ConfigError('groups are no lists of levels; write groups = [["own"], ["rent", "family"]]')
    return LevelBins(tuple(tuple(group) for group in groups))


def _numbers(table: Mapping[str, Any], key: str) -> tuple[float, ...]:
    values = table.get(key, [])
    # By type, as isinstance takes a truth for a whole number.
    if not isinstance(values, list | tuple) or not all(type(value) in (int, float) for value in values):
        raise ConfigError(f"{key} are no list of numbers; write {key} = [1000, 2500]")
    return tuple(map(float, values))


def _key(name: str) -> str:
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else _text(name)


def _text(value: Any) -> str:
    """A value of JSON is one of TOML, but for the one sign that TOML wants escaped and JSON does not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
