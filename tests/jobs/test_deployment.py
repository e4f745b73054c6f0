"""The model that a job deploys decides, is saved, and forecasts; "best" is chosen by rows held out."""

import json

import pytest

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError
from finnet.evaluation.walk_forward import FitRecord, FoldResult
from finnet.forecasts import Forecasts
from finnet.jobs.deployment import deployed
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.names import model_in_sentence

JOB = {
    "schema": 1,
    "task": "default-risk",
    "name": "deployed",
    "split": {"repeated_kfold": {"folds": 2, "repeats": 1}},
    "models": ["network", "logistic", "tree", "prior_rate"],
    "blocks": {"validation": 0.5},
    "tune": {"trials": 1},
    "network": {"members": 2, "hidden": [4], "epochs": 2},
}


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    book = made_loan_book(loans=400)
    table = book.features.assign(loan_id=book.loan_id, bad=book.default.astype(int))
    path = tmp_path_factory.mktemp("loans") / "loans.csv"
    table.to_csv(path, index=False)
    return path


def run(loans, folder, deploy, **changes):
    data = {"loans": {"path": str(loans), "target": "bad", "id": "loan_id", "text_is_category": True}}
    return run_job(parse_job(JOB | {"data": data, "deploy": deploy, **changes}), reports=folder)


@pytest.fixture(scope="module")
def best(loans, tmp_path_factory):
    return run(loans, tmp_path_factory.mktemp("best"), "best")


def refit_of(result):
    return json.loads((result.folder / "manifest.json").read_text())["final refit"]["model"]


@pytest.mark.parametrize("deploy", ["logistic", "prior_rate"])
def test_any_model_can_be_deployed_and_forecasts_new_rows(deploy, loans, tmp_path):
    result = run(loans, tmp_path, deploy, models=["network", "tree", deploy])
    assert result.assessment.subject == refit_of(result) == deploy
    new = forecast_new(result.folder, loans)
    assert new.forecasts.models == [deploy]
    assert len(new.forecasts) == 400
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert f"Does {model_in_sentence(deploy)} beat the others?" in page


def result_of(model, fold, loss):
    rows = {"model": model, "fold": fold, "entity": ["A", "B"], "target": "default", "horizon": 0}
    forecasts = Forecasts.from_rows({**rows, "kind": "probability", "value": loss}, run_id="demo")
    record = {"loss_before": loss, "loss_after": loss + 1.0, "taken": False}
    return FoldResult(model, fold, forecasts, FitRecord(calibration=record), 0.0)


def test_each_fold_takes_the_model_with_the_lowest_loss_on_rows_held_out():
    losses = {("network", 0): 0.3, ("tree", 0): 0.4, ("network", 1): 0.5, ("tree", 1): 0.45}
    found, results = deployed("best", [result_of(*place, loss) for place, loss in losses.items()])
    assert (found.subject, found.model, found.chosen) == ("best", "network", {0: "network", 1: "tree"})
    best = [result for result in results if result.model == "best"]
    assert [result.forecasts.table["value"].tolist() for result in best] == [[0.3, 0.3], [0.45, 0.45]]
    assert "Chosen by fold: 0 the network, 1 the decision tree" in found.note


def test_a_model_that_every_fold_chooses_is_not_compared_with_itself():
    losses = {("network", 0): 0.3, ("tree", 0): 0.4, ("network", 1): 0.4, ("tree", 1): 0.45}
    found, results = deployed("best", [result_of(*place, loss) for place, loss in losses.items()])
    assert (found.subject, found.model, len(results)) == ("network", "network", 4)
    assert "Every fold chose the network" in found.note


def test_a_run_saves_the_best_and_forecasts_by_it(best, loans):
    chosen = json.loads((best.folder / "manifest.json").read_text())["deployed"]["by fold"]
    # Two epochs teach a network nothing, and the rows held out know it.
    assert set(chosen.values()) <= {"logistic", "tree"}
    page = (best.folder / "report.html").read_text(encoding="utf-8")
    assert "test rows choose nothing" in page
    assert forecast_new(best.folder, loans).forecasts.models == [refit_of(best)]


def test_the_best_may_be_the_default_risk_network(loans, tmp_path, monkeypatch):
    monkeypatch.setitem(JOB, "models", ["risk_network", "prior_rate"])
    result = run(loans, tmp_path, "best")
    # The prior rate holds out no rows, so that without forecasts of the default-risk network none could be chosen.
    assert set(json.loads((result.folder / "manifest.json").read_text())["deployed"]["by fold"].values()) == {
        "risk_network"
    }
    assert "How the log-odds of the default-risk network were calibrated" in (result.folder / "report.html").read_text()


def test_a_model_that_the_job_does_not_have_cannot_be_deployed():
    with pytest.raises(ConfigError, match="deploy"):
        parse_job(JOB | {"data": {"made_loan_book": {}}, "deploy": "svm"})


def test_the_best_needs_rows_to_choose_by():
    with pytest.raises(ConfigError, match=r"blocks\.calibration"):
        parse_job(JOB | {"data": {"made_loan_book": {}}, "deploy": "best", "blocks": {"calibration": 0.0}})
