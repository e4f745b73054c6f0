"""Loans in an order, of clients, some of them not decided yet: from a file to a page."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.jobs import runner
from finnet.jobs.drift import drift_of
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.reproduction import verify_run
from finnet.jobs.runner import run_job
from finnet.jobs.sources import load
from finnet.reporting.html import render

OPEN = 25


def written(folder, *, undecided=OPEN):
    """400 decided loans of 150 clients, shuffled, and some that are still current."""
    n, rng = 400 + undecided, np.random.default_rng(0)
    income = rng.normal(size=n)
    status = np.where(rng.random(n) < 1 / (1 + np.exp(2 * income)), "bad", "good").astype(object)
    status[400:] = "current"
    names = pd.Series(rng.choice(["own", "rent"], n))
    table = pd.DataFrame({"nth": np.arange(n) // 2, "client": rng.integers(0, 150, n), "income": income})
    table = table.assign(home=names, status=status).sample(frac=1, random_state=0)
    table.to_csv(folder / "loans.csv", index=False)
    return table


def job_of(folder, **changes):
    loans = {"path": "loans.csv", "target": "status", "bad": "bad", "good": "good", "undecided": ["current"]}
    loans |= {"categories": ["home"], "order": "nth", "group": "client"}
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans | changes}}
    settings |= {"models": ["network", "logistic"], "tune": {"trials": 1}, "blocks": {"validation": 0.34}}
    return parse_job({**settings, "network": {"members": 3, "hidden": [4], "epochs": 5}}).relative_to(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loans")
    table = written(folder)
    return folder, table, run_job(job_of(folder), reports=folder / "reports")


def test_loans_not_decided_yet_are_forecast_beside_the_run(run):
    _, table, result = run
    pending = pd.read_csv(result.folder / "pending.csv")
    assert len(pending) == OPEN
    assert pending["value"].between(0, 1).all()
    assert (pending["value"].corr(table.query("status == 'current'")["income"].reset_index(drop=True))) < 0
    rows = (np.flatnonzero(table["status"] == "current") + 1).tolist()
    assert pending["entity"].tolist() == rows


def test_they_neither_train_nor_test(run):
    _, table, result = run
    pending = set(pd.read_csv(result.folder / "pending.csv")["entity"].astype(str))
    assert not pending & set(result.forecasts.table["entity"])
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert (manifest["data"]["rows"], manifest["data"]["pending"]) == ((table["status"] != "current").sum(), OPEN)


def test_the_page_counts_them_and_says_what_orders_and_groups_the_loans(run):
    _, _, result = run
    page = (result.folder / "report.html").read_text()
    assert "25 more loans, whose outcome is not known yet" in page
    assert "in order of nth" in page
    assert "Loans of one client stay on one side" in page


def test_the_page_counts_clients(run):
    _, table, result = run
    tested = result.forecasts.table.drop_duplicates("entity")
    assert tested["group"].nunique() == table["client"].iloc[tested["entity"].astype(int) - 1].nunique() < len(tested)
    page = (result.folder / "report.html").read_text()
    assert f"over {len(tested)} loans of {tested['group'].nunique()} clients" in page
    assert "the tests of calibration, grades and vintages count clients" in page
    counted = f"{len(tested)} loans of {tested['group'].nunique()} clients; tests count clients."
    assert f"{counted} Of their default rate they tell as much as" in page
    assert f"{counted} Repeats of a loan count once" in page
    record = json.loads((result.folder / "metrics.json").read_text())
    for own in (*record["calibration_errors"], {"effective_n": sum(row["effective_n"] for row in record["grades"])}):
        assert tested["group"].nunique() / 2 < own["effective_n"] <= len(tested)


def test_outcomes_and_columns_of_new_loans_count_clients(run, tmp_path):
    _, table, result = run
    new = table.query("status != 'current'").assign(income=lambda rows: rows["income"] + 0.01)
    new.to_csv(tmp_path / "new.csv", index=False)
    found = drift_of(result.folder, tmp_path / "new.csv")
    assert (found.outcomes.n, found.outcomes.n_clients) == (len(new), new["client"].nunique())
    assert f"{len(new)} known of {new['client'].nunique()} clients, and tests count clients" in found.summary
    assert "intervals count clients" in render(found.report.page())
    new.drop(columns="client").to_csv(tmp_path / "nobody.csv", index=False)
    assert drift_of(result.folder, tmp_path / "nobody.csv").outcomes.n_clients is None


def test_the_same_forecasts_come_from_the_saved_run(run):
    folder, table, result = run
    table.query("status == 'current'").drop(columns=["nth", "client", "status"]).to_csv(folder / "new.csv")
    new = forecast_new(result.folder, folder / "new.csv").forecasts.table["value"]
    # The last bit of a product may depend on how many rows are multiplied at once.
    np.testing.assert_allclose(new, pd.read_csv(result.folder / "pending.csv")["value"], rtol=1e-14)


def test_a_run_with_loans_not_decided_yet_is_verified(run):
    _, _, result = run
    assert verify_run(result.folder).status == "bit-equal"


@pytest.fixture
def without_drawings(monkeypatch):
    """Leave the page out, which takes most of the time of so small a job."""
    monkeypatch.setattr(runner, "render_page", lambda files: "page")


def test_other_loans_not_decided_yet_make_another_run(run, tmp_path, without_drawings):
    _, _, result = run
    written(tmp_path, undecided=OPEN - 1)
    assert load(job_of(tmp_path)).dataset.in_order_of == "nth"
    assert run_job(job_of(tmp_path), reports=tmp_path / "reports").run_id != result.run_id


def test_no_table_is_written_where_all_loans_are_decided(tmp_path, without_drawings):
    written(tmp_path, undecided=0)
    result = run_job(job_of(tmp_path), reports=tmp_path / "reports")
    assert not (result.folder / "pending.csv").exists()


def dated(folder):
    """260 loans a week apart with 12 months to go bad: of the last 52 some cells are empty, some say bad already."""
    rng = np.random.default_rng(0)
    n = 260
    days = pd.Timestamp("2020-01-06") + pd.to_timedelta(7 * np.arange(n), unit="D")
    income = rng.normal(size=n)
    status = np.where(rng.random(n) < 1 / (1 + np.exp(2 * income)), "bad", "good").astype(object)
    status[n - 30 :: 2] = ""
    pd.DataFrame({"day": days, "income": income, "status": status}).to_csv(folder / "loans.csv", index=False)
    loans = {"path": "loans.csv", "target": "status", "bad": "bad", "good": "good", "applied_at": "day"}
    loans |= {"horizon_months": 12, "as_of": str(days[-1].date())}
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans}}
    settings |= {"models": ["network", "prior_rate"], "tune": {"trials": 1}, "blocks": {"validation": 0.34}}
    return parse_job({**settings, "network": {"members": 2, "hidden": [4], "epochs": 2}}).relative_to(folder)


def test_loans_whose_months_have_not_passed_are_forecast_and_neither_train_nor_test(tmp_path):
    result = run_job(dated(tmp_path), reports=tmp_path / "reports")
    pending = pd.read_csv(result.folder / "pending.csv")
    table = pd.read_csv(tmp_path / "loans.csv", keep_default_na=False)
    young = pd.to_datetime(table["day"]) > pd.to_datetime(table["day"]).iloc[-1] - pd.DateOffset(months=12)
    assert pending["entity"].tolist() == (np.flatnonzero(young) + 1).tolist()
    assert not set(pending["entity"].astype(str)) & set(result.forecasts.table["entity"])
    already = pending["flags"].fillna("").str.contains("went bad already")
    assert already.tolist() == (table.loc[young, "status"] == "bad").tolist()
    assert f"{len(pending)} more loans, whose outcome is not known yet" in (result.folder / "report.html").read_text()
