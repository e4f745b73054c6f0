"""Job files: read, and checked key by key, into the settings of the task that they name."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from finnet.checks import nearest
from finnet.errors import ConfigError, PluginError
from finnet.files import open_regular
from finnet.jobs.config import Job
from finnet.jobs.plain_settings import DEEPEST, require_plain, shown
from finnet.jobs.tasks import TASKS

__all__ = ["parse_job", "read_job", "settings_class"]

_MOST_BYTES = 1_000_000


def read_job(path: Path | str) -> Job:
    """The job that a file describes; paths in it are relative to its folder.

    Raises
    ------
    ConfigError
        Naming the file, the key path, the value and the remedy, for every key that is wrong.

    Examples
    --------
    >>> from finnet.jobs.examples import example_path
    >>> read_job(example_path("default-risk")).task
    'default-risk'
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            # One byte more than is allowed tells that there are more, however large the file.
            text = file.read(_MOST_BYTES + 1)
        settings = tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a job file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({shown(error)}); mend that line") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested more than {DEEPEST} deep; write it flat") from error
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{path}: has more than {_MOST_BYTES:,} bytes; give the path of a job file")
    job = parse_job(settings, source=str(path)).relative_to(path.parent)
    return job.with_files_read().named_after(path)


def parse_job(settings: Mapping[str, Any], *, source: str = "job") -> Job:
    """The job that these settings describe; ConfigError naming every key that is wrong."""
    require_plain(settings, source=source)
    name = settings.get("task")
    if not isinstance(name, str):
        known = " or ".join(f'task = "{task}"' for task in TASKS)
        raise ConfigError(f"{source}: task is missing; add {known}")
    if name not in TASKS:
        raise ConfigError(f"{source}: task={name!r} is not known; {nearest(name, TASKS)}")
    job, settings = TASKS[name].settings, TASKS[name].complete(settings)
    try:
        # Strict, so that "5" is no number; by way of JSON, whose lists and days are our tuples and dates.
        return job.model_validate_json(json.dumps(settings, default=str), strict=True)
    except ValidationError as error:
        found = error.errors()
        problems = dict.fromkeys(_sentence(job, each) for each in found if not _is_of_a_table(each, found))
        causes = [problem.get("ctx", {}).get("error") for problem in error.errors()]
        kind = PluginError if any(isinstance(cause, PluginError) for cause in causes) else ConfigError
        raise kind(f"{source}: " + "; ".join(problems)) from None


_PLAIN_WORDS = {
    "Input should be an object": "must be a table of keys",
    "Input should be a valid string": 'must be a text in quotes, or a list where several are meant: "a" or ["a", "b"]',
    "Input should be a valid array": "must be a list in brackets",
    "Input should be": "must be",
}


_PLAIN_TYPE = re.compile(r"(str|tuple|list|int|float|bool)\b")


def _is_of_a_table(problem: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it only says that a table is no text where both may stand: what is wrong is in the table."""
    if problem["loc"][-1:] != ("str",) or not isinstance(problem.get("input"), dict):
        return False
    place = list(problem["loc"][:-1])
    beside = [each["loc"][len(place)] for each in found if list(each["loc"][: len(place)]) == place]
    return any(not _PLAIN_TYPE.match(str(part)) for part in beside)


def _sentence(job: type[Job], problem: Mapping[str, Any]) -> str:
    # Of a key that may be of two types, both are tried, and named by Python's words for them.
    # The name of a class follows the number of an element that may be a table.
    parts = [str(part) for part in problem["loc"]]
    is_class = [before.isdigit() and part[:1].isupper() for before, part in zip(["", *parts], parts, strict=False)]
    loc = tuple(part for part, named in zip(parts, is_class, strict=True) if not (named or _PLAIN_TYPE.match(part)))
    path = ".".join(loc)
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {path}; {nearest(loc[-1], _keys_at(job, loc[:-1]))}"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{path} is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    # The longest beginnings first, as the last one is a part of the others.
    for words, plain in _PLAIN_WORDS.items():
        message = message.replace(words, plain)
    value = problem.get("input")
    if not path:
        return str(message)
    return f"{path}: {message}" + ("" if isinstance(value, dict) else f" (given {shown(repr(value))})")


def _keys_at(kind: Any, path: tuple[str, ...]) -> list[str]:
    """Keys allowed in the table at `path` within `kind`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        types: dict[str, Any] = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    else:
        # Of a list, the keys of its tables.
        table = settings_class(get_args(kind)[0] if get_origin(kind) is tuple else kind)
        types = {} if table is None else {field.name: field.type for field in fields(table)}
    if not path:
        return list(types)
    return _keys_at(types[path[0]], path[1:]) if path[0] in types else list(types)


def settings_class(kind: Any) -> Any:
    """The class whose settings a table of a job file gives, from the type of its field; None where it is no table."""
    parts = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    return next((part for part in parts if isinstance(part, type) and is_dataclass(part)), None)
