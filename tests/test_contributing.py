"""Every kind of thing is added as CONTRIBUTING.md says, with one class or function and one line, and runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from finnet.dataset import Dataset
from finnet.evaluation.metric_shapes import Sums
from finnet.evaluation.metrics import METRICS, Metric
from finnet.evaluation.scores import score
from finnet.features.feature import Feature
from finnet.features.feature_set import FAMILIES
from finnet.jobs.config import Job, Models, SplitChoice
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import render_page
from finnet.jobs.runner import run_job
from finnet.jobs.tasks import TASKS
from finnet.jobs.tasks.direction import DirectionJob, DirectionTask, EventChoice
from finnet.jobs.tasks.task import Task
from finnet.labels import HorizonLabel
from finnet.models import BASELINES, Kind, Model
from finnet.network.activations import ACTIVATIONS
from finnet.network.losses import LOSSES
from finnet.reporting.html import Section, Table
from finnet.reporting.sections import SECTIONS
from finnet.reporting.sections.section import ReportSection
from finnet.splits import RepeatedKFold
from finnet.sums import read_files
from tests.jobs.own_code import LargeMove, Softsign

CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
MARKET = {
    "schema": 1,
    "task": "direction",
    "name": "added",
    "blocks": {"validation": 0.5},
    "tune": {"trials": 1},
    "network": {"members": 1, "hidden": [4], "epochs": 2},
    "data": {"made_market": {"symbols": 3, "sessions": 150}},
    "features": ["return_1"],
    "models": ["network", "prior_rate"],
    "split": {"holdout": {"test_share": 0.4}},
}


def run(folder, **changes):
    return run_job(parse_job(MARKET | changes), reports=folder)


def page_of(result):
    return render_page(read_files(result.folder))


def test_every_kind_of_the_table_is_added_below():
    table = CONTRIBUTING[CONTRIBUTING.index("## How to add a thing") :].split("\n## ")[0]
    kinds = set(re.findall(r"^\| (\w+) \| a", table, re.MULTILINE))
    assert kinds == {name.removeprefix("test_adding_a_") for name in globals() if name.startswith("test_adding_a_")}


def test_files_named_in_the_table_exist():
    for path in re.findall(r"`(finnet/[\w/.]+)`", CONTRIBUTING):
        assert (Path(__file__).parents[1] / path).exists(), path


def test_adding_a_feature(tmp_path, monkeypatch):
    gap = Feature("gap", 1, ("open", "close"), lambda view: view["open"] / view["close"] - 1.0)
    monkeypatch.setitem(FAMILIES, "gap", lambda: gap)
    assert ">gap<" in page_of(run(tmp_path, features=["return_1", "gap"]))


@dataclass(frozen=True)
class MoreLabels(EventChoice):
    large_move: LargeMove | None = None


class MoreDirectionJob(DirectionJob):
    label: MoreLabels = MoreLabels(large_move=LargeMove())


class MoreDirectionTask(DirectionTask):
    settings = MoreDirectionJob


def test_adding_a_label(tmp_path, monkeypatch):
    assert issubclass(LargeMove, HorizonLabel)
    monkeypatch.setitem(TASKS, "direction", MoreDirectionTask())
    result = run(tmp_path, label={"large_move": {"size": 0.01}})
    assert set(result.forecasts.table["target"]) == {"large_move"}


def misses(truth, probability):
    return np.column_stack([(probability > 0.5) != (truth == 1), np.ones(len(truth))]).astype(float)


def test_adding_a_metric(tmp_path, monkeypatch):
    shape = Sums(misses, lambda sums: sums[..., 0] / sums[..., 1])
    metric = Metric(lambda truth, p, weight=None: shape.value(truth, p, weight), False, "miss rate", shape=shape)
    monkeypatch.setitem(METRICS, "miss_rate", metric)
    forecasts = run(tmp_path).forecasts
    scores = score(forecasts, ["miss_rate", "accuracy"]).pivot_table(index="model", columns="metric", values="value")
    np.testing.assert_allclose(scores["miss_rate"], 1 - scores["accuracy"])


def bayes():
    return GaussianNB()


def test_adding_a_baseline(tmp_path, monkeypatch):
    made_by: dict[Kind, str] = {"event": f"{__name__}:bayes"}
    space = {"var_smoothing": [1e-9, 1e-3]}
    monkeypatch.setitem(BASELINES, "bayes", Model(words="naive Bayes", made_by=made_by, space=space))
    result = run(tmp_path, models=["network", "bayes", "prior_rate"], tune={"trials": 2})
    assert "naive Bayes" in result.verdict
    assert "Naive Bayes" in page_of(result)


def test_adding_a_activation(tmp_path, monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "softsign", Softsign())
    network = {**MARKET["network"], "activation": "softsign"}
    assert run(tmp_path, network=network, deploy="prior_rate").forecasts.models == ["network", "prior_rate"]


class Quartic:
    def value(self, P, Y):
        return ((P - Y) ** 4).mean(axis=-1)

    def gradient(self, P, Y):
        return 4 * (P - Y) ** 3 / P.shape[-1]


def test_adding_a_loss(tmp_path, monkeypatch):
    monkeypatch.setitem(LOSSES, "quartic", Quartic())
    monkeypatch.setattr("finnet.jobs.network_settings.CLASS_LOSSES", ("cross_entropy", "quartic"))
    monkeypatch.setattr("finnet.estimators.objective.CLASS_LOSSES", ("cross_entropy", "quartic"))
    run(tmp_path, network={**MARKET["network"], "loss": "quartic"}, deploy="prior_rate")


@dataclass(frozen=True, eq=False, kw_only=True)
class ShareSection(ReportSection):
    """How many forecasts each model made."""

    made: pd.DataFrame

    def draw(self):
        return Section("How many were made?", "", [Table(self.made.astype(str), "Forecasts by model.")])


class CountingTask(DirectionTask):
    def decide(self, job, study, results):
        decision, forecasts = super().decide(job, study, results), results.own
        made = pd.DataFrame({"model": forecasts.models, "forecasts": [len(forecasts)]})
        return type(decision)(
            result=decision.result, record=decision.record, sections=[*decision.sections, ShareSection(made=made)]
        )


def test_adding_a_section(tmp_path, monkeypatch):
    monkeypatch.setitem(SECTIONS, "share", ShareSection)
    monkeypatch.setitem(TASKS, "direction", CountingTask())
    result = run(tmp_path)
    assert "How many were made?" in page_of(result)
    assert (result.folder / "page" / "made.parquet").exists()


@dataclass(frozen=True)
class Line:
    """Numbers on a line, and noise."""

    rows: int = 120


@dataclass(frozen=True)
class LineData:
    line: Line = Line()

    @property
    def source(self):
        return self.line


class LineJob(Job):
    """Forecast numbers on a line."""

    task: Literal["line"]
    data: LineData = LineData()
    split: SplitChoice = SplitChoice(repeated_kfold=RepeatedKFold(folds=3, repeats=1))
    models: Models = ("network", "linear", "training_mean")

    @property
    def kind(self) -> Kind:
        return "number"


class LineTask(Task):
    settings = LineJob

    def read(self, job: LineJob, reading: Any) -> Mapping[str, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.normal(size=job.data.line.rows)
        return {"x": x, "y": 2 * x + rng.normal(size=len(x))}

    def dataset(self, job: LineJob, source: Any) -> Dataset:
        entity = np.arange(len(source["y"])).astype(str).astype(object)
        return Dataset(pd.DataFrame({"x": source["x"]}), source["y"], entity, "line", 0)


def test_adding_a_task(tmp_path, monkeypatch):
    monkeypatch.setitem(TASKS, "line", LineTask())
    settings = {name: MARKET[name] for name in ("schema", "tune", "network")}
    result = run_job(parse_job({**settings, "task": "line", "name": "line"}), reports=tmp_path)
    assert "linear regression" in result.verdict
    page = page_of(result)
    assert "Line" in page
    assert "What was it given?" in page


BRANCH = r"isinstance\([^)]*Job\)|task ==|^[^>\n]*(?:Direction|DefaultRisk)Job"


@pytest.mark.parametrize("path", ["finnet/jobs", "finnet/cli.py", "finnet/commands.py", "finnet/reporting"])
def test_nothing_outside_the_tasks_asks_which_task_it_is(path):
    root = Path(__file__).parents[1] / path
    files = [root] if root.is_file() else [file for file in root.rglob("*.py") if "tasks" not in file.parts]
    for file in files:
        text = file.read_text(encoding="utf-8")
        branches = re.findall(
            r"isinstance\([^)]*Job\)|task ==|^[^>\n]*(?:Direction|DefaultRisk)Job", text, re.MULTILINE
        )
        assert not branches, file
