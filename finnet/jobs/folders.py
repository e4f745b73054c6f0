"""Folders of jobs: which names in them are finnet's, so that it touches nothing else, and which run is the latest."""

import errno
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from warnings import warn

from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.files import create_file, make_folder, open_regular, point, restore_folder, sweep
from finnet.sums import SUMS

__all__ = [
    "LATEST",
    "MANIFEST",
    "has_run_aside",
    "is_marked",
    "is_run_name",
    "mark",
    "move_latest",
    "require_job_name",
    "require_name",
    "restore_runs",
    "run_of",
    "runs_of",
]

LATEST = "latest"
MANIFEST = "manifest.json"
MARKER = ".finnet"

_RUN = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|undated)-[0-9a-f]{10}"
_ASIDE = re.compile(rf"\.({_RUN})\.old")
_WORDS = b"finnet keeps runs of a job in this folder.\n"


def is_run_name(name: str) -> bool:
    """Whether a name has the form of a run's.

    Examples
    --------
    >>> [is_run_name(name) for name in ("2020-01-31-0123456789", "undated-0123456789", "latest", ".config")]
    [True, True, False, False]
    """
    return re.fullmatch(_RUN, name) is not None


def require_name(path: Path | str) -> None:
    """Raise ConfigError for a name that pages and tables cannot show, or that this system cannot give to a file."""
    try:
        str(path).encode()
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise ConfigError(f"{str(path)!a}: is no name in UTF-8, or none that can be given here; rename it") from error


def require_job_name(name: str) -> None:
    """Raise ConfigError unless a job may be called so: its reports go to a folder of that name, on any system.

    Examples
    --------
    >>> require_job_name("My study")
    Traceback (most recent call last):
    finnet.errors.ConfigError: 'My study' is no name of a job; use 1 to 60 lower-case letters a to z, digits and dashes,
    the first of them no dash, such as 'my-study'
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,59}", name):
        raise ConfigError(
            f"{name[:80]!r} is no name of a job; use 1 to 60 lower-case letters a to z, digits and dashes, the first of"
            " them no dash, such as 'my-study'"
        )


def mark(folder: Path) -> list[Path]:
    """Make the folder of a job, marked as finnet's; what was made, deepest first."""
    made = make_folder(folder)
    if is_marked(folder):
        return made
    # Without its marker a folder is somebody else's: nothing in it is listed, restored or removed.
    try:
        create_file(folder / MARKER, _WORDS, mode=0o600)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "is no marker of finnet's; move it away", str(folder / MARKER)) from None
    return [folder / MARKER, *made]


def is_marked(folder: Path) -> bool:
    """Whether finnet made this folder for a job, or has run one in it."""
    try:
        with open_regular(folder / MARKER, follow=False) as file:
            # One byte more than the words, so that a longer file is not taken for the marker.
            return file.read(len(_WORDS) + 1) == _WORDS
    except OSError:
        return False


def runs_of(folder: Path) -> Iterator[Path]:
    """Runs in the folder of a job, oldest data first: whatever has the name of one and is no link."""
    for path in sorted(folder.iterdir()):
        if is_run_name(path.name) and not path.is_symlink() and path.is_dir():
            yield path


def restore_runs(folder: Path) -> None:
    """Tidy up after a crash: put back runs that had stepped aside, with a warning, and remove what was half written.

    Only the process that holds the folder may do this. Folders that are not marked stay as they are.
    """
    if not is_marked(folder):
        return
    for name in _aside(folder):
        if restore_folder(folder / name):
            warn(f"{folder / name}: had been left aside by a crash, and was put back", FinnetWarning, stacklevel=2)
    sweep(folder)


def has_run_aside(folder: Path) -> bool:
    """Whether a crash, or another process just now, has left a run aside with none in its place."""
    return is_marked(folder) and any(not os.path.lexists(folder / name) for name in _aside(folder))


def _aside(folder: Path) -> list[str]:
    return [match[1] for path in folder.iterdir() if (match := _ASIDE.fullmatch(path.name))]


def run_of(path: Path) -> Path:
    """The run that a path stands for: that of `latest`, of a job's folder by its `latest`, or the path itself.

    Raises
    ------
    DataError
        Where `latest` is no link to a run beside it, or a job's folder has none.
    """
    if path.name == LATEST and os.path.lexists(path):
        return _target(path)
    if os.path.lexists(path / LATEST):
        return _target(path / LATEST)
    if is_marked(path):
        names = [run.name for run in runs_of(path)]
        known = f"give one of its runs: {', '.join(names)}" if names else "run the job"
        raise DataError(f"{path}: has no latest run; {known}")
    return path.resolve() if (path / SUMS).exists() else path


def move_latest(run: Path, *, force: bool = False) -> str:
    """Let `latest` point to a run, unless that would be a step back: then the reason why it stays where it is.

    A step back is a run whose newest row is older than that of `latest`, as of a file that was cut off, or dated after
    today, as by a typo. A `latest` that is damaged or itself dated after today holds nobody back.
    """
    link = run.with_name(LATEST)
    reason = "" if force else _step_back(run, link)
    if not reason:
        point(link, run.name)
    return reason


def _target(link: Path) -> Path:
    # The bare name of a run: a link to any other place is not one that finnet made.
    name = os.readlink(link) if link.is_symlink() else ""
    if not is_run_name(name):
        raise DataError(f"{link}: is no link to a run beside it; remove it, and run the job again")
    return link.parent.resolve() / name


def _step_back(run: Path, link: Path) -> str:
    # Moments in ISO form, whose order as texts is that in time; "" of rows without dates comes before all.
    newest, today = _newest(run), datetime.now(UTC).replace(tzinfo=None)
    # A day more, as some markets are ahead of UTC.
    limit = (today + timedelta(days=1)).isoformat()
    if newest > limit:
        return f"the newest row of {run.name} is of {newest[:10]}, after today; mend the date"
    try:
        old = _target(link) if os.path.lexists(link) else run
        before = _newest(old)
    except DataError:
        return ""
    if old.name == run.name or before > limit or newest >= before:
        return ""
    words = f"the newest row of {run.name} is of {newest or 'no date'}, older than {before} of {old.name}"
    return f"{words}; give all data"


def _newest(run: Path) -> str:
    """Moment of the newest row that a run had read, "" where its rows have no dates."""
    try:
        with open_regular(run / MANIFEST, follow=False) as file:
            data: Any = json.load(file)["data"]
        return str(data.get("newest") or "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{run / MANIFEST}: does not say how new its data are; run the job again") from error
