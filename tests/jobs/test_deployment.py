"""The model that a job deploys decides, is saved, and forecasts; "best" is chosen by rows held out."""

import json

import pytest

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError
from finnet.jobs.config import parse_job
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.runner import run_job

JOB = {
    "schema": 1,
    "task": "default-risk",
    "name": "deployed",
    "split": {"repeated_kfold": {"folds": 2, "repeats": 1}},
    "models": ["network", "logistic", "tree", "prior_rate"],
    "tune": {"trials": 1},
    "network": {"members": 2, "hidden": [4], "epochs": 2},
}


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    book = made_loan_book(loans=400)
    table = book.applications.assign(loan_id=book.loan_id, bad=book.default.astype(int))
    path = tmp_path_factory.mktemp("loans") / "loans.csv"
    table.to_csv(path, index=False)
    return path


def run(loans, folder, deploy):
    data = {"loans": {"path": str(loans), "target": "bad", "id": "loan_id", "text_is_category": True}}
    return run_job(parse_job(JOB | {"data": data, "deploy": deploy}), reports=folder)


@pytest.fixture(scope="module")
def best(loans, tmp_path_factory):
    return run(loans, tmp_path_factory.mktemp("best"), "best")


def refit_of(result):
    return json.loads((result.folder / "manifest.json").read_text())["final refit"]["model"]


@pytest.mark.parametrize("deploy", ["logistic", "prior_rate"])
def test_any_model_can_be_deployed_and_forecasts_new_rows(deploy, loans, tmp_path):
    result = run(loans, tmp_path, deploy)
    assert result.judgement.subject == refit_of(result) == deploy
    new = forecast_new(result.folder, loans)
    assert new.forecasts.models == [deploy]
    assert len(new.forecasts) == 400
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "which the job deploys" in page


def test_the_best_of_a_fold_is_the_one_with_the_lowest_loss_on_rows_held_out(best):
    chosen = json.loads((best.folder / "manifest.json").read_text())["deployed"]["by fold"]
    table = best.forecasts.table
    for fold, model in chosen.items():
        own = table[(table["fold"] == int(fold)) & table["model"].isin([model, "best"])]
        values = own.pivot(index="entity", columns="model", values="value")
        assert (values[model] == values["best"]).all()
    # Two epochs teach a network nothing, and the rows held out know it.
    assert set(chosen.values()) <= {"logistic", "tree"}


def test_the_page_says_which_was_chosen_and_forecasts_name_it(best, loans):
    assert best.judgement.subject == "best"
    page = (best.folder / "report.html").read_text(encoding="utf-8")
    assert "Chosen by fold: 0 " in page
    assert forecast_new(best.folder, loans).forecasts.models == [refit_of(best)]


def test_a_model_that_the_job_does_not_have_cannot_be_deployed():
    with pytest.raises(ConfigError, match="deploy"):
        parse_job(JOB | {"data": {"made_loan_book": {}}, "deploy": "svm"})


def test_the_best_needs_rows_to_choose_by():
    with pytest.raises(ConfigError, match=r"blocks\.calibration"):
        parse_job(JOB | {"data": {"made_loan_book": {}}, "deploy": "best", "blocks": {"calibration": 0.0}})
