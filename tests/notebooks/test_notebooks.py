"""Notebooks run from top to bottom, define nothing, and are stored with what they print."""

import ast
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "reports" / "notebooks").glob("*.ipynb"))
in_each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def code(cell):
    return "".join(cell["source"])


@pytest.mark.parametrize("loans", [800, pytest.param(3000, marks=pytest.mark.full)], ids=["fewer loans", "as stored"])
@in_each
def test_a_notebook_runs_from_top_to_bottom(path, loans, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    plt.switch_backend("agg")
    names = {}
    for number, cell in enumerate(code_cells(path), 1):
        fewer = re.sub(r"(?<=loans=)3000|(?<=\"loans\": )3000", str(loans), code(cell))
        exec(compile(fewer, f"{path.name}, code cell {number}", "exec"), names)


@in_each
def test_a_notebook_defines_nothing(path):
    nodes = [node for cell in code_cells(path) for node in ast.walk(ast.parse(code(cell)))]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)]


@in_each
def test_a_notebook_is_stored_as_it_ran(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
