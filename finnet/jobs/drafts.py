"""Drafts: a commented job file for a user's own files, with its guesses marked as such."""

from collections.abc import Sequence
from pathlib import Path

from finnet.checks import require_choice
from finnet.jobs.examples import new_file
from finnet.jobs.tasks import TASKS

__all__ = ["draft", "write_draft"]


def write_draft(task: str, name: str, files: Sequence[Path], *, folder: Path) -> Path:
    """Write the draft of a job as `folder/name.toml`; ConfigError where that file exists or the name is odd."""
    return new_file(name, draft(task, name, files, folder=folder), folder=folder)


def draft(task: str, name: str, files: Sequence[Path], *, folder: Path = Path()) -> str:
    """The text of a job file for these files: loans, or prices and, where there are two, sentiment.

    Every key that was guessed from the file says so; the user confirms by running it.
    """
    require_choice(task, TASKS, name="task")
    body = TASKS[task].draft(files, folder)
    head = [
        f"# Drafted from {', '.join(file.name for file in files)}. Every line marked (guess) was read off the data:",
        "# mend what is wrong, then run `finnet check-data` on this file.",
        "schema = 1",
        f'task = "{task}"',
        f'name = "{name}"',
        "seed = 7",
    ]
    return "\n".join([*head, *body, ""])
