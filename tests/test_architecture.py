"""Imports flow one way, as DESIGN says, and the numeric heart stays free of what it must not know."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "finnet"
CORE = {
    "errors",
    "types",
    "checks",
    "codes",
    "seeds",
    "names",
    "files",
    "renames",
    "sums",
    "workers",
    "dataset",
    "forecasts",
    "fitting",
    "targets",
    "plugins",
    "models",
    "weights",
}
MAY_IMPORT = {  # room -> rooms it may import, besides itself
    **dict.fromkeys(CORE, CORE),
    "data": CORE,
    "features": CORE | {"data"},
    "label_lookahead": CORE | {"data", "features"},
    "labels": CORE | {"data", "features", "label_lookahead"},
    "splits": CORE | {"data"},
    "blocks": CORE | {"data", "splits"},
    "network": {"errors", "types", "checks"},
    "estimators": CORE | {"network", "features"},
    "evaluation": CORE | {"blocks", "splits"},
    "backtest": CORE | {"data", "evaluation"},
    "lending": CORE | {"data", "evaluation"},
    "reporting": CORE | {"evaluation", "backtest", "lending", "network"},
}
FOREIGN = {"network": {"pandas", "sklearn", "scipy", "matplotlib"}, "reporting": {"sklearn", "scipy"}}
FILES = sorted(path for path in PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} line {node.lineno}: use absolute imports"
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path):
    if room(path) in MAY_IMPORT:
        rooms = {name.split(".")[1] for name in imported(path) if name.startswith("finnet.")}
        assert rooms - {room(path)} <= MAY_IMPORT[room(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_room_imports_what_it_must_not_know(path):
    assert not {name.split(".")[0] for name in imported(path)} & FOREIGN.get(room(path), set())


def test_nothing_imports_pickle():
    for path in FILES:
        assert not imported(path) & {"pickle", "cloudpickle", "dill"}


def test_job_files_are_read_above_the_tasks_that_they_name():
    below = [PACKAGE / "jobs" / "config.py", *(PACKAGE / "jobs" / "tasks").glob("*.py")]
    assert "finnet.jobs.tasks" in imported(PACKAGE / "jobs" / "job_file.py")
    assert not [path.name for path in below if "finnet.jobs.job_file" in imported(path)]
    assert "finnet.jobs.tasks" not in imported(PACKAGE / "jobs" / "config.py")
