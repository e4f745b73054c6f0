"""Keys of job files, read off the classes that they fill, so that the documentation cannot drift from the code."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from finnet.features.feature_set import FAMILIES
from finnet.jobs.config import Job
from finnet.jobs.job_file import settings_class
from finnet.jobs.toml import to_toml

__all__ = ["Key", "feature_families", "job_keys"]


@dataclass(frozen=True)
class Key:
    """One key of a job file.

    Parameters
    ----------
    path : str
        As in the file, tables joined by dots; a path that ends in a dot is a table.
    default : str
        As in TOML; "" where the key must be given or names a table.
    meaning : str
    """

    path: str
    default: str
    meaning: str


def job_keys(job: type[Job]) -> list[Key]:
    """Every key that a kind of job knows, in the order of the classes that it fills.

    Examples
    --------
    >>> from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
    >>> next(key for key in job_keys(DefaultRiskJob) if key.path == "split.holdout.test_share").default
    '0.3'
    """
    meanings = _meanings(job)
    keys = []
    for name, field in job.model_fields.items():
        path = field.alias or name
        table = settings_class(field.annotation)
        if table is None:
            default = MISSING if field.is_required() else field.default
            keys.append(Key(path, _toml(default), meanings.get(path, "")))
        else:
            keys += _table_keys(path, table)
    return keys


def feature_families() -> list[Key]:
    """Every family of features, with its field and bars as they stand in a name, and the fields that it reads.

    Examples
    --------
    >>> next(key.path for key in feature_families() if key.path.startswith("sentiment_z"))
    'sentiment_z[_field][_60]'
    """
    keys = []
    for family, make in FAMILIES.items():
        parameters = inspect.signature(make).parameters.values()
        parts = [_part(parameter) for parameter in parameters]
        first = " ".join((inspect.getdoc(make) or "").split("\n\n")[0].split())
        keys.append(Key(f"{family}{''.join(parts)}", "", first))
    return keys


def _part(parameter: inspect.Parameter) -> str:
    if parameter.name in ("field", "feature"):
        return f"_{parameter.name}" if parameter.default is parameter.empty else f"[_{parameter.name}]"
    return "_bars" if parameter.default is parameter.empty else f"[_{parameter.default}]"


def _table_keys(path: str, table: type) -> Iterator[Key]:
    yield Key(f"{path}.", "", (inspect.getdoc(table) or "").split("\n")[0])
    meanings = _meanings(table)
    for field in fields(table):
        inner = settings_class(field.type)
        if inner is not None:
            yield from _table_keys(f"{path}.{field.name}", inner)
        else:
            default = field.default if field.default_factory is MISSING else field.default_factory()
            yield Key(f"{path}.{field.name}", _toml(default), meanings.get(field.name, ""))


def _meanings(documented: type) -> dict[str, str]:
    """First sentences of the Parameters in a docstring, own and inherited, by name."""
    found: dict[str, str] = {}
    # From base to derived class, so that what a class says of a key takes the place of what it inherits.
    for cls in reversed(documented.__mro__):
        text = inspect.cleandoc(cls.__doc__ or "")
        section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\w+\n-+\n|\Z)", text, re.DOTALL)
        lines = f"{section.group(1)}\n" if section else ""
        # A name, or several with commas, then a type up to the end of the line, then indented lines of words.
        for names, words in re.findall(r"^(\w[\w, ]*?) :[^\n]*\n((?: {4}[^\n]*\n?|\n)+)", lines, re.MULTILINE):
            found |= dict.fromkeys(names.split(", "), " ".join(words.split()))
    return found


def _toml(value: Any) -> str:
    """A default as a job file would write it; "" where there is none."""
    return "" if value is MISSING or value is None or is_dataclass(value) else to_toml(value)
