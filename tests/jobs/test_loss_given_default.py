"""Losses of defaulted loans go from a file to a page and to new rows, and what is there is found."""

import json
import tomllib

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_recoveries
from finnet.errors import ConfigError, DataError
from finnet.jobs.drafts import write_draft
from finnet.jobs.drift import drift_of
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job, read_job
from finnet.jobs.runner import run_job
from finnet.jobs.sources import check_data, load

QUICK = {
    "schema": 1,
    "task": "loss-given-default",
    "name": "losses",
    "tune": {"trials": 1},
    "blocks": {"validation": 0.34},
    "network": {"members": 3, "hidden": [8], "epochs": 20},
}


def table_of(book):
    """What a bank's file of these loans holds."""
    table = book.features.assign(loan=book.loan_id, loss_share=book.loss, status="default")
    return table.assign(defaulted_on=book.applied_at.astype("datetime64[D]").astype(str))


def write(table, folder, name="loans.csv"):
    path = folder / name
    table.to_csv(path, index=False)
    return path


def job_on(path, *, split=None, **loans):
    columns = {"target": "status", "bad": "default", "good": "paid", "id": "loan", "loss": "loss_share"}
    columns |= {"categories": ["collateral"], "drop": ["defaulted_on"]}
    split = split or {"repeated_kfold": {"folds": 2, "repeats": 1}}
    models = ["network", "linear", "training_mean"]
    return parse_job(
        QUICK | {"split": split, "models": models, "data": {"loans": {"path": str(path), **columns, **loans}}}
    )


@pytest.fixture(scope="module")
def table():
    """150 defaulted loans of which the last three are not worked out, and ten that paid."""
    rows = table_of(made_recoveries(loans=160))
    rows.loc[147:149, "loss_share"] = np.nan
    rows.loc[150:, ["status", "loss_share"]] = ["paid", -5.0]
    return rows


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("losses")
    return run_job(job_on(write(table, folder)), reports=folder)


def test_a_file_goes_to_a_page(run):
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    for words in (
        "Does the network beat the others?",
        "mean squared error decides",
        "R²",
        "mean loss",
        "did not default",
    ):
        assert words in page, words
    assert "How much of the losses could be known?" not in page


def test_forecasts_are_means_of_known_losses_alone(run, table):
    forecasts = run.forecasts.table
    assert set(forecasts["entity"]) == set(table["loan"][:147])
    assert set(forecasts["kind"]) == {"mean"}
    assert forecasts["value"].between(0, 1).all()


def test_outcome_and_loss_are_no_features(run):
    features = json.loads((run.folder / "profile.json").read_text())["columns"]
    names = {"exposure", "collateral", "loan_to_value", "months_on_book", "unemployment", "earlier_arrears"}
    assert {column["name"] if isinstance(column, dict) else column for column in features} == names


def test_loans_that_are_not_worked_out_are_forecast_as_pending(run, table):
    pending = pd.read_csv(run.folder / "pending.csv")
    assert pending["entity"].tolist() == table["loan"][147:150].tolist()
    assert pending["value"].between(0, 1).all()


def test_new_loans_are_forecast_without_outcome_and_loss(run, table, tmp_path):
    new = forecast_new(run.folder, write(table.drop(columns=["status", "loss_share"])[:5], tmp_path))
    assert new.forecasts.table["entity"].tolist() == table["loan"][:5].tolist()
    assert new.forecasts.table["value"].between(0, 1).all()


def test_drift_judges_the_losses_that_have_come(run, table, tmp_path):
    # Other loans than those of the run: the model has learned the losses of these, which say nothing.
    other = table[:150].assign(exposure=1.01 * table["exposure"])
    assert drift_of(run.folder, write(other, tmp_path)).outcomes.n == 147
    assert drift_of(run.folder, write(table[:150], tmp_path)).outcomes is None


@pytest.fixture
def without_page(monkeypatch):
    """Leave out the page, which takes longer than the fits."""
    monkeypatch.setattr("finnet.jobs.runner.render_page", lambda files: "page")


def made(folder, signal):
    data = {"made_recoveries": {"loans": 500, "signal": signal}}
    job = QUICK | {"data": data, "models": ["network", "linear", "training_mean"]}
    return run_job(parse_job(job), reports=folder)


@pytest.mark.usefixtures("without_page")
def test_what_moves_losses_is_found(tmp_path):
    result = made(tmp_path, 2.0)
    scores = result.assessment.scores.set_index(["model", "metric"])
    assert scores.loc[("network", "r2")]["low"] > 0.05
    assert "it beats the training mean" in result.verdict
    truth = result.decision.record["known_truth"]
    assert truth["r2"] == pytest.approx(scores.loc[("network", "r2")]["value"])
    assert 0 < truth["r2"] < truth["r2_of_truth"]


@pytest.mark.usefixtures("without_page")
def test_noise_is_called_noise(tmp_path):
    assert "No model is shown to beat" in made(tmp_path, 0.0).verdict


@pytest.mark.parametrize(
    ("loss", "rule", "words"),
    [("45", "loss_out_of_range", "from 0 to 1, not in percent"), ("half", "not_a_number", "write plain numbers")],
)
def test_a_loss_that_is_no_share_is_named_with_its_line(loss, rule, words, table, tmp_path):
    path = write(
        table[:40].assign(loss_share=table["loss_share"].astype(object).where(table.index != 7, loss)), tmp_path
    )
    with pytest.raises(DataError, match=f"loans.csv, line 9, column loss_share: '{loss}' .{rule}.; .*{words}"):
        load(job_on(path))


def test_a_file_without_a_known_loss_is_refused(table, tmp_path):
    with pytest.raises(DataError, match="no defaulted loan is left whose loss is known"):
        load(job_on(write(table[147:], tmp_path)))


def test_a_missing_column_of_losses_is_named(table, tmp_path):
    with pytest.raises(DataError, match=r"column loss_shares: .*loss_share"):
        load(job_on(write(table, tmp_path), loss="loss_shares"))


@pytest.mark.parametrize(
    ("changes", "words"), [({"loss": ""}, "names no column"), ({"loss": "status"}, "is target and loss")]
)
def test_settings_that_name_no_losses_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        job_on("loans.csv", **changes)


def test_a_model_of_events_is_refused():
    with pytest.raises(ConfigError, match="models names logistic, which cannot forecast this"):
        parse_job(QUICK | {"data": {"made_recoveries": {}}, "models": ["network", "logistic"]})


def test_a_column_that_gives_the_loss_away_is_named(table, tmp_path):
    path = write(table[:147].assign(recovered=1.0 - table["loss_share"]), tmp_path)
    found = check_data(job_on(path)).set_index("rule")
    assert found.loc["gives_away", "column"] == "recovered"


def test_young_loans_wait_whatever_their_cell_says(table, tmp_path):
    loans = {"applied_at": "defaulted_on", "horizon_months": 24, "as_of": "2015-12-31", "drop": []}
    study = load(job_on(write(table[:147], tmp_path), split={"holdout": {}}, **loans))
    late = table["defaulted_on"][:147].between("2014-01-01", "2015-12-31").sum()
    assert len(study.source.pending) == late
    assert study.dataset.clock("resolves_at").max() <= np.datetime64("2016-01-01")


def test_a_file_of_defaulted_loans_alone_needs_no_outcome(table, tmp_path):
    rows = table[:60].drop(columns="status")
    assert len(load(job_on(write(rows, tmp_path), target="")).dataset) == 60


def test_a_draft_names_loss_outcome_and_day_of_default(table, tmp_path):
    path = write_draft("loss-given-default", "mine", [write(table.drop(columns="loan"), tmp_path)], folder=tmp_path)
    loans = read_job(path).data.loans
    assert (loans.loss, loans.target, loans.bad, loans.good) == ("loss_share", "status", ("default",), ("paid",))
    assert (loans.applied_at, loans.categories) == ("defaulted_on", ("collateral",))
    assert not (check_data(read_job(path))["severity"] == "error").any()
    assert 'loss = "loss_share"  # (guess)' in path.read_text()
    assert tomllib.loads(path.read_text())["task"] == "loss-given-default"
