"""A job publishes grades, and probabilities at the stated long-run rate, from job file to page and new rows."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError
from finnet.estimators.saving import load_model
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.jobs.sources import load
from finnet.jobs.tasks.loan_grades import _moved, _scale_words, grades_of_policy
from finnet.lending.central_tendency import CentralTendency, Shift
from finnet.lending.grades import Grades, GradeScale
from finnet.reporting.sections.fairness import FairnessSection

BOOK = made_loan_book(loans=500)
RATES = {"mortgage": 0.02, "own": 0.01, "rent": 0.03}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """450 loans with an outcome and 50 without, undated."""
    path = tmp_path_factory.mktemp("loans") / "loans.csv"
    status = np.where(np.arange(500) < 450, np.where(BOOK.default == 1, "bad", "good"), "open")
    BOOK.features[["income", "credit_score", "home"]].assign(status=status).to_csv(path, index=False)
    return path


def job_of(file, **changes):
    loans = {"path": str(file), "target": "status", "bad": "bad", "good": "good", "undecided": ["open"]}
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans | {"categories": ["home"]}}}
    settings |= {"split": {"repeated_kfold": {"folds": 2, "repeats": 1}}}
    settings |= {
        "models": ["network", "logistic"],
        "tune": {"trials": 1},
        "network": {"members": 2, "hidden": [4], "epochs": 5},
    }
    settings |= {"blocks": {"validation": 0.5}}
    return parse_job({**settings, "deploy": "logistic", **changes})


@pytest.fixture(scope="module")
def stated(file, tmp_path_factory):
    """A run with long-run rates by home."""
    changes = {"central_tendency": {"column": "home", "rates": RATES}, "grades": {"limits": [0.01, 0.03]}}
    changes |= {"lending": {"margin": 0.05, "loss_given_default": 0.5}, "fairness": {"groups": ["home"]}}
    changes["fairness"]["keep_as_feature"] = ["home"]
    job = job_of(file, **changes)
    return job, run_job(job, reports=tmp_path_factory.mktemp("reports"))


@pytest.mark.parametrize(("left", "words"), [(1, "of which 1 is left"), (3, "of which 3 are left")])
def test_how_many_grades_are_left_is_said_in_words(left, words):
    assert words in _scale_words(Grades(count=7), GradeScale((0.01, 0.03)[: left - 1]))


def policy_of(result):
    return json.loads((result.folder / "policy.json").read_text())


def moved_out_of_sample(result, X):
    """Forecasts of the model deployed on the scale that is published, with the loan of each."""
    table = result.forecasts.of("logistic").table
    shift = Shift.from_json(policy_of(result)["central_tendency"])
    row = table["entity"].astype(int).to_numpy() - 1
    return table.assign(value=shift.move(table["value"].to_numpy(), X.iloc[row]), row=row)


def test_forecasts_made_out_of_sample_have_the_stated_rates_on_average(stated):
    moved = moved_out_of_sample(stated[1], BOOK.features)
    mean = moved["value"].groupby(BOOK.features["home"].astype(str).to_numpy()[moved["row"]]).mean()
    assert mean.to_dict() == pytest.approx(RATES, rel=1e-6)


def test_of_a_holdout_the_loans_held_out_are_the_reference(file, tmp_path):
    dated = {"data": {"made_loan_book": {"loans": 400}}, "split": {"holdout": {"test_share": 0.4}}}
    result = run_job(job_of(file, central_tendency=0.02, **dated), reports=tmp_path)
    table = result.forecasts.of("logistic").table
    assert len(table) < 200
    shift = Shift.from_json(policy_of(result)["central_tendency"])
    assert shift.move(table["value"].to_numpy(), table).mean() == pytest.approx(0.02, rel=1e-6)
    page = (result.folder / "report.html").read_text()
    assert "so that their mean over the loans forecast out of sample is 2.00 %, as stated" in page


def test_a_segment_without_a_loan_forecast_out_of_sample_is_named():
    stated = CentralTendency({"own": 0.01, "rent": 0.03}, "home")
    words = _moved(stated, Shift(-1.5, "home", {"own": -1.5}))
    assert "Without a loan forecast out of sample: rent; moved by the average of the others, −1.50" in words
    assert "own −1.50 to 1.00 %" in words


def test_realized_figures_do_not_stand_beside_forecasts_that_are_moved(stated):
    page, metrics = ((stated[1].folder / name).read_text() for name in ("report.html", "metrics.json"))
    for words in ("Realized profit", ">too low<", "lost in fact", "Grades at fault"):
        assert words not in page
    assert "are forecast to default at the stated rate, which outcomes of these loans do not test" in page
    assert "is no test of a cut-off and is left out" in page
    assert "realized_profit" not in json.loads(metrics)["lending"]
    assert {grade["finding"] for grade in json.loads(metrics)["grades"]} == {"not tested"}


def test_outcomes_of_groups_are_set_beside_forecasts_that_are_not_moved(stated):
    section = next(part for part in stated[1].decision.sections if isinstance(part, FairnessSection))
    own = stated[1].forecasts.of("logistic").table
    home = BOOK.features["home"].astype(str).to_numpy()[own["entity"].astype(int).to_numpy() - 1]
    means = own["value"].groupby(home).mean()
    assert section.fairness.set_index("group")["forecast"].to_dict() == pytest.approx(means.to_dict())


def test_new_loans_are_moved_by_the_shift_of_the_run_and_graded(stated, file):
    _, result = stated
    new = forecast_new(result.folder, file)
    raw = load_model(result.folder / "model.npz").predict_proba(load(stated[0]).dataset.X)[:, 1]
    shift = Shift.from_json(policy_of(result)["central_tendency"])
    moved = shift.move(raw, BOOK.features.iloc[:450])
    assert new.forecasts.table["value"][:450].to_numpy() == pytest.approx(moved, rel=1e-9)
    grades = GradeScale((0.01, 0.03)).grades(new.forecasts.table["value"].to_numpy())
    assert new.columns["grade"] == [str(grade) for grade in grades]


def test_pending_loans_stand_in_their_file_as_new_ones_are_forecast(stated, file):
    _, result = stated
    pending = pd.read_csv(result.folder / "pending.csv")
    new = forecast_new(result.folder, file)
    assert pending["value"].to_numpy() == pytest.approx(new.forecasts.table["value"][450:].to_numpy(), rel=1e-12)
    assert pending["grade"].astype(str).tolist() == new.columns["grade"][450:]


def test_models_are_compared_by_forecasts_that_are_not_moved(stated):
    _, result = stated
    assert result.forecasts.of("logistic").table["value"].mean() > 0.08
    scores = result.assessment.calibration_errors.set_index("model")
    assert abs(scores.loc["logistic", "intercept"]) < 0.5


def test_the_page_says_what_was_moved_and_why_scores_were_not(stated):
    page = (stated[1].folder / "report.html").read_text()
    assert "Published probabilities are moved by home on the log-odds" in page
    assert "What are the grades?" in page


def test_without_a_stated_rate_forecasts_are_those_of_the_model(file, tmp_path):
    result = run_job(job_of(file), reports=tmp_path)
    raw = load_model(result.folder / "model.npz").predict_proba(load(job_of(file)).dataset.X)[:, 1]
    assert forecast_new(result.folder, file).forecasts.table["value"][:450].to_numpy() == pytest.approx(raw)
    assert "central_tendency" not in policy_of(result)
    assert "Published probabilities are moved" not in (result.folder / "report.html").read_text()


def test_grades_follow_the_limits_of_the_run(stated):
    forecasts = stated[1].forecasts
    moved = replace(forecasts, table=forecasts.table.assign(value=0.5))
    assert set(grades_of_policy(policy_of(stated[1]), moved)) == {"3"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grades": {"by": ["hom"]}}, "grades.by: unknown column 'hom'; did you mean 'home'"),
        ({"grades": {"by": ["income"]}}, "levels; use a column with at most 30"),
        ({"central_tendency": {"column": "home", "rates": {"own": 0.1}}}, "add its rate"),
    ],
)
def test_columns_that_the_loans_do_not_have_are_named_before_anything_trains(file, changes, words):
    with pytest.raises(ConfigError, match=words):
        load(job_of(file, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"central_tendency": 2.1}, "the rate 2.1 of 'all' is no default rate"),
        ({"central_tendency": {"column": "home", "rates": {"own": 2}}}, "the rate 2.0 of 'own' is no"),
        ({"central_tendency": {"colum": "home"}}, "unknown key central_tendency.colum; did you mean 'column'"),
        ({"grades": {"limits": [0.2, 0.1]}}, "do not rise"),
        ({"grades": {"limit": [0.1]}}, "unknown key grades.limit"),
    ],
)
def test_settings_that_are_wrong_are_named(file, changes, words):
    with pytest.raises(ConfigError, match=words):
        job_of(file, **changes)
