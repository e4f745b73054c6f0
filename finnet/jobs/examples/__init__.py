"""Commented job files, ready to run and to start from."""

import re
from importlib.resources import files
from pathlib import Path

from finnet.checks import require_choice
from finnet.errors import ConfigError
from finnet.jobs.folders import require_job_name

__all__ = ["EXAMPLES", "example_path", "new_file", "write_example"]

EXAMPLES = {task: f"{task}.toml" for task in ("direction", "default-risk", "forward-return", "loss-given-default")}


def example_path(task: str) -> Path:
    """Where the example job of a task lies; ConfigError naming the nearest task where there is none.

    Examples
    --------
    >>> example_path("direction").name
    'direction.toml'
    """
    require_choice(task, EXAMPLES, name="task")
    return Path(str(files(__name__) / EXAMPLES[task]))


def write_example(task: str, name: str, *, folder: Path) -> Path:
    """Write the example job of a task as `folder/name.toml`; ConfigError where that file exists or the name is odd.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> write_example("direction", "my-study", folder=Path(mkdtemp())).name
    'my-study.toml'
    """
    text = example_path(task).read_text(encoding="utf-8")
    return new_file(name, re.sub(r'^name = "[^"]*"', f'name = "{name}"', text, flags=re.MULTILINE), folder=folder)


def new_file(name: str, text: str, *, folder: Path) -> Path:
    """Write `folder/name.toml`; ConfigError where that file exists or the name is odd."""
    require_job_name(name)
    path = folder / f"{name}.toml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} exists; choose another name or remove it") from None
    return path
