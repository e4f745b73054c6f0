"""The oldest versions that pyproject.toml allows, one pin a line: `python tests/oldest.py > pins.txt`."""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
LINT = ("ruff", "mypy", "pandas-stubs")
"""Tools that read the code and run none of it."""


def oldest(project):
    """`name==version` for each bound of the package and of what tests it."""
    # Later ones call what the oldest matplotlib and typer do deprecated, and warnings are errors.
    yield "pyparsing<3.3"
    yield "click<8.2"
    for bound in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        name, version = re.fullmatch(r"([\w-]+)>=([\d.]+)", bound).groups()
        if name not in LINT:
            yield f"{name}=={version}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(oldest(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"])) + "\n")
