"""The report of a run goes to one file: the page, every figure of it, or a model card."""

import json
import shutil

import pandas as pd
import pytest

from finnet.errors import ConfigError, DataError
from finnet.jobs.config import Purpose
from finnet.jobs.exports import export_report
from finnet.jobs.runner import run_job
from tests.jobs.small import JOB


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    purpose = Purpose(use="Decide on | loans", not_for="Prices")
    job = JOB.model_copy(update={"purpose": purpose})
    return run_job(job, reports=tmp_path_factory.mktemp("reports")).folder


def exported(run, path):
    export_report(run, path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figures(run, tmp_path_factory):
    return json.loads(exported(run, tmp_path_factory.mktemp("exports") / "validation.json"))


def test_the_page_is_the_same_as_in_the_run(run, tmp_path):
    assert exported(run, tmp_path / "validation.html") == (run / "report.html").read_text(encoding="utf-8")


def test_every_table_of_the_data_names_the_file_of_the_run_that_holds_it(run, figures):
    tables = [table for section in figures["sections"] for table in section["tables"].values()]
    assert len(tables) > 5
    for table in tables:
        assert len(pd.read_parquet(run / table["file"])) == len(table["rows"])


def test_figures_of_the_data_are_those_of_the_run(run, figures):
    (comparison,) = (section for section in figures["sections"] if section["section"] == "comparison")
    own = {(row["model"], row["metric"]): row["value"] for row in comparison["tables"]["scores"]["rows"]}
    scores = json.loads((run / "metrics.json").read_text())["scores"]
    assert own["network", "log_loss"] == pytest.approx(scores["network"]["log_loss"]["value"], rel=1e-12)


def test_the_data_keep_the_chapters_of_validation(run, figures):
    assert {"Outcomes analysis", "Conceptual soundness"} <= {section["chapter"] for section in figures["sections"]}
    assert figures["run"]["run"] == run.name


def test_a_model_card_says_purpose_scores_limits_and_origin(run, tmp_path):
    card = exported(run, tmp_path / "card.md")
    assert card.startswith("# Model card: Small")
    for words in ("Decide on \\| loans", "Log loss", "## What limits this result?", "finnet run small.toml"):
        assert words in card


def test_what_is_there_is_kept(run, tmp_path):
    path = tmp_path / "card.md"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="--force"):
        export_report(run, path)
    assert path.read_text() == "mine"
    export_report(run, path, force=True)
    assert path.read_text().startswith("# Model card")


def test_a_changed_run_is_not_exported(run, tmp_path):
    changed = shutil.copytree(run, tmp_path / run.name)
    export_report(changed, tmp_path / "before.md")
    (changed / "metrics.json").write_text("{}")
    with pytest.raises(DataError, match="metrics"):
        export_report(changed, tmp_path / "card.md")
    assert not (tmp_path / "card.md").exists()
