"""Deciding loan by loan: from a file with margins and terms of its own to page, pending.csv and new loans."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError, DataError
from finnet.jobs.exports import model_card
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import report_from
from finnet.jobs.runner import run_job
from finnet.jobs.saved_runs import SavedRun, rendered
from finnet.jobs.sources import load
from finnet.lending.central_tendency import Shift
from finnet.lending.terms import LoanTerms, loan_values
from finnet.sums import read_files

LENDING = {"by_loan": True, "margin_column": "rate", "in_percent": True, "term_column": "months", "cost_per_loan": 40}


def written(path, *, rows=420, seed=0, known=400):
    rng = np.random.default_rng(seed)
    income = rng.normal(size=rows)
    status = np.where(rng.random(rows) < 1 / (1 + np.exp(1.5 + 1.5 * income)), "bad", "good").astype(object)
    status[known:] = "open"
    table = pd.DataFrame({"amount": rng.integers(500, 9000, rows), "months": rng.integers(6, 48, rows)})
    table = table.assign(rate=rng.uniform(1, 9, rows).round(2), income=income.round(3), status=status)
    table.to_csv(path, index=False)
    return table


def job_of(folder, *, loans=None, **settings):
    source = {"path": "loans.csv", "target": "status", "bad": "bad", "good": "good", "amount": "amount"}
    source["undecided"] = ["open"]
    base = {"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": source | (loans or {})}}
    base |= {"models": ["network", "logistic"], "tune": {"trials": 1}, "blocks": {"validation": 0.5}}
    base |= {"network": {"members": 2, "hidden": [3], "epochs": 3}, "split": {"repeated_kfold": {"folds": 3}}}
    return parse_job({**base, "lending": LENDING, **settings}).relative_to(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by-loan")
    table = written(folder / "loans.csv")
    fairness = {"groups": [{"column": "months", "limits": [24]}], "keep_as_feature": ["months"]}
    return table, run_job(job_of(folder, fairness=fairness), reports=folder / "reports")


def approved_of(table, value):
    names = [str(row) for row in table.index]
    columns = table.set_axis(pd.Index(names))
    values = loan_values(LoanTerms(**LENDING), names, amount=columns["amount"].astype(float), columns=columns)
    return ((1 - value) * values["repaid"] + value * values["defaulted"] > 0).to_numpy()


def test_pending_loans_are_approved_by_their_own_expected_profit(run):
    table, result = run
    pending = pd.read_csv(result.folder / "pending.csv")
    approved = approved_of(table.iloc[400:], pending["value"].to_numpy())
    assert pending["decision"].tolist() == np.where(approved, "approve", "refuse").tolist()
    assert 0 < approved.sum() < len(approved)
    # One line would decide otherwise: some approved loan is riskier than some refused one.
    assert pending["value"][approved].max() > pending["value"][~approved].min()


def test_new_loans_are_decided_alike_and_one_that_lacks_a_rate_is_not(run, tmp_path):
    _, result = run
    new = written(tmp_path / "new.csv", rows=30, seed=1, known=30)
    new.loc[3, "rate"] = np.nan
    new.to_csv(tmp_path / "new.csv", index=False)
    found = forecast_new(result.folder, tmp_path / "new.csv")
    value = found.forecasts.table["value"].to_numpy()
    expected = np.where(approved_of(new.fillna({"rate": 1.0}), value), "approve", "refuse").tolist()
    expected[3] = ""
    assert found.columns["decision"] == expected
    assert np.isnan(found.columns["break_even"][3])
    assert "rate" in found.flags[3]


def test_new_loans_without_a_column_of_the_terms_are_refused(run, tmp_path):
    _, result = run
    written(tmp_path / "new.csv", rows=30).drop(columns="months").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match="months"):
        forecast_new(result.folder, tmp_path / "new.csv")


def test_an_impossible_rate_of_a_new_loan_is_told_with_the_file(run, tmp_path):
    _, result = run
    written(tmp_path / "new.csv", rows=5, seed=1).assign(rate=450.0).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match=r"new\.csv: column 'rate' gives 4\.5 for loan '1'"):
        forecast_new(result.folder, tmp_path / "new.csv")


def test_record_policy_and_page_say_what_deciding_loan_by_loan_brought(run):
    table, result = run
    own = result.forecasts.of("network").table
    rows = table.iloc[own["entity"].astype(int) - 1].reset_index(drop=True)
    approved = approved_of(rows, own["value"].to_numpy())
    record = json.loads((result.folder / "metrics.json").read_text())["lending"]
    assert record["n"] == approved.sum()
    assert record["bad_rate"] == pytest.approx(own["truth"].to_numpy()[approved].mean())
    assert record["cutoff"] is None
    assert json.loads((result.folder / "policy.json").read_text())["by_loan"] is True
    page = (result.folder / "report.html").read_text()
    for words in ("Each loan is decided by itself", "One cut-off for all loans, at", "Loan by loan it approves"):
        assert words in page
    assert "Loans count as approved where their own expected profit is above 0" in page
    assert "Profits are in the unit of amount." in page
    assert "The cut-off is the one" not in page


def test_fairness_counts_those_who_are_approved_loan_by_loan(run):
    _, result = run
    files = read_files(result.folder)
    groups = pd.read_parquet(result.folder / "page" / "fairness.parquet")
    record = json.loads(files["metrics.json"])["lending"]
    assert (groups["approval_rate"] * groups["loans"]).sum() == pytest.approx(record["n"])


def test_at_a_stated_rate_loans_are_decided_one_by_one_and_nothing_realized_is_told(tmp_path):
    table = written(tmp_path / "loans.csv")
    fairness = {"groups": [{"column": "months", "limits": [24]}], "keep_as_feature": ["months"]}
    settings = {"central_tendency": 0.08, "deploy": "logistic", "fairness": fairness}
    result = run_job(job_of(tmp_path, **settings), reports=tmp_path / "reports")
    shift = Shift.from_json(json.loads((result.folder / "policy.json").read_text())["central_tendency"])
    own = result.forecasts.of("logistic").table
    rows = table.iloc[own["entity"].astype(int) - 1].reset_index(drop=True)
    moved = shift.move(own["value"].to_numpy(), rows)
    approved = approved_of(rows, moved)
    record = json.loads((result.folder / "metrics.json").read_text())["lending"]
    assert set(record) == {"cutoff", "n", "approval_rate", "forecast_bad_rate", "expected_profit"}
    assert record["n"] == approved.sum() != approved_of(rows, own["value"].to_numpy()).sum()
    assert record["forecast_bad_rate"] == pytest.approx(moved[approved].mean())
    pending = pd.read_csv(result.folder / "pending.csv")
    decision = np.where(approved_of(table.iloc[400:], pending["value"].to_numpy()), "approve", "refuse")
    assert pending["decision"].tolist() == decision.tolist()
    groups = pd.read_parquet(result.folder / "page" / "fairness.parquet")
    assert (groups["approval_rate"] * groups["loans"]).sum() == pytest.approx(record["n"])
    assert np.average(groups["forecast"], weights=groups["loans"]) == pytest.approx(own["value"].mean())
    page = (result.folder / "report.html").read_text()
    for words in ("is no test of a cut-off and is left out", "at the stated rate: it approves", "Loan by loan it"):
        assert words in page
    for words in ("Realized profit", "realized profit", "would have brought", "lost in fact", ">realized<"):
        assert words not in page
    assert rendered(result.folder, read_files(result.folder)).decode() == page


def test_the_page_is_drawn_again_and_has_a_card(run):
    _, result = run
    files = read_files(result.folder)
    assert rendered(result.folder, files) == files["report.html"]
    assert "Loan by loan it approves" in model_card(report_from(files))
    assert SavedRun.open(result.folder).job.lending.by_loan


def test_a_column_that_is_dropped_cannot_decide(tmp_path):
    written(tmp_path / "loans.csv")
    with pytest.raises(ConfigError, match=r"lending\.margin_column: column 'rate' is in data\.loans\.drop"):
        load(job_of(tmp_path, loans={"drop": ["rate"]}))


def test_margins_set_aside_decide_on_new_loans_though_no_model_is_given_them(tmp_path):
    table = written(tmp_path / "loans.csv")
    job = job_of(tmp_path, loans={"aside": ["rate"]})
    result = run_job(job, reports=tmp_path / "reports")
    assert "rate" not in json.loads((result.folder / "profile.json").read_text())["columns"]
    pending = pd.read_csv(result.folder / "pending.csv")
    approved = approved_of(table.iloc[400:], pending["value"].to_numpy())
    assert pending["decision"].tolist() == np.where(approved, "approve", "refuse").tolist()
    new = table.iloc[400:].assign(status="")
    new.loc[403, "rate"] = np.nan
    new.to_csv(tmp_path / "new.csv", index=False)
    found = forecast_new(result.folder, tmp_path / "new.csv")
    expected = pending["decision"].tolist()
    expected[3] = ""
    assert found.columns["decision"] == expected
    assert "rate missing" in found.flags[3]
    assert not any("rate" in flag for flag in (*found.flags[:3], *found.flags[4:]))
    new.drop(columns="rate").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match="rate"):
        forecast_new(result.folder, tmp_path / "new.csv")


def test_impossible_terms_of_a_pending_loan_are_told_before_anything_trains(tmp_path):
    table = written(tmp_path / "loans.csv")
    table.loc[410, "months"] = 9000
    table.to_csv(tmp_path / "loans.csv", index=False)
    with pytest.raises(DataError, match=r"9000 for loan '411 \(.*loans\.csv, line 412\)', which is not between"):
        load(job_of(tmp_path))
