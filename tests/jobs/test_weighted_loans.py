"""Loans of which each stands for several: from a column of a file to the page."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.data.loan_file import LoanFile
from finnet.data.loans import check_loans, read_applications, read_loans
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.jobs.sources import load
from finnet.labels import default_dataset

MODELS = ["network", "logistic", "knn", "prior_rate"]


def written(folder, *, weight=None):
    """A book of which every bad loan but only one good loan in ten is kept, which stands for ten."""
    n, rng = 4000, np.random.default_rng(0)
    income = rng.normal(size=n)
    bad = rng.random(n) < 1 / (1 + np.exp(2.5 + income))
    kept = bad | (np.arange(n) % 10 == 0)
    stands_for = np.where(bad, 1, 10) if weight is None else np.full(n, weight)
    table = pd.DataFrame({"income": income, "status": np.where(bad, "bad", "good"), "stands_for": stands_for})
    table[kept].to_csv(folder / "loans.csv", index=False)
    return float(bad.mean()), table[kept]


def job_of(folder, **changes):
    loans = {"path": "loans.csv", "target": "status", "bad": "bad", "good": "good", "weight": "stands_for"}
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans | changes}}
    settings |= {"models": MODELS, "deploy": "logistic", "tune": {"trials": 1}, "blocks": {"validation": 0.34}}
    settings |= {
        "network": {"members": 2, "hidden": [4], "epochs": 2},
        "split": {"repeated_kfold": {"folds": 2, "repeats": 1}},
    }
    return parse_job(settings).relative_to(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loans")
    rate, table = written(folder)
    return rate, table, run_job(job_of(folder), reports=folder / "reports")


def test_the_weight_is_no_feature(run):
    _, _, result = run
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest["data"]["features"] == ["income"]


def test_forecasts_are_of_the_book_and_not_of_the_sample(run):
    rate, table, result = run
    by_model = result.forecasts.table.groupby("model")
    means = {model: np.average(part["value"], weights=part["weight"]) for model, part in by_model}
    assert means["prior_rate"] == pytest.approx(rate, rel=0.1)
    assert means["logistic"] == pytest.approx(rate, rel=0.15)
    assert (table["status"] == "bad").mean() > 3 * rate


def test_the_base_rate_and_the_bins_are_those_of_the_book(run):
    rate, _, result = run
    assert result.assessment.sample.base_rate == pytest.approx(rate, rel=0.1)
    bins = result.assessment.calibration.query("model == 'logistic'")
    assert np.abs(bins["forecast"] - bins["observed"]).max() < 0.1


def test_the_page_says_by_which_column_and_what_the_rows_are_worth(run):
    _, table, result = run
    page = (result.folder / "report.html").read_text()
    w = table["stands_for"].to_numpy(float)
    assert f"Rows are weighted by stands_for: {len(w):,} rows stand for {w.sum():,.0f} cases" in page
    assert f"those of {w.sum() ** 2 / (w @ w):,.0f} equally weighted rows" in page
    assert "k‑NN takes no weights and counts every row as one; they count in its calibration alone." in page.replace(
        "k-NN", "k‑NN"
    )
    assert "weighted rows" in result.verdict


def test_the_cutoffs_count_loans_of_the_book(run):
    _, table, result = run
    assert result.decision.result["n"].iloc[-1] == pytest.approx(table["stands_for"].sum(), abs=1)


def test_the_model_saved_is_the_weighted_one_and_forecasts_files_without_weights(run, tmp_path):
    rate, table, result = run
    table.drop(columns=["stands_for", "status"]).to_csv(tmp_path / "new.csv", index=False)
    forecasts = forecast_new(result.folder, data=tmp_path / "new.csv").forecasts.table
    assert np.average(forecasts["value"], weights=table["stands_for"]) == pytest.approx(rate, rel=0.15)


def test_weights_of_one_make_the_run_of_a_file_without_them(tmp_path):
    written(tmp_path, weight=1)
    with_column, dropped = (
        load(job_of(tmp_path, **changes)).dataset for changes in ({}, {"weight": "", "drop": ["stands_for"]})
    )
    assert with_column.weight is None
    pd.testing.assert_frame_equal(with_column.X, dropped.X)


LOANS = "income,stands_for,status\n2500,2,paid\n900,,default\n700,0,paid\n400,-1,paid\n300,many,paid\n"


def loans(path, **changes):
    return LoanFile(path=str(path), target="status", bad="default", good="paid", weight="stands_for", **changes)


def test_weights_that_are_missing_or_not_above_zero_are_findings(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text(LOANS)
    found = check_loans(loans(path))
    found = found[found["column"] == "stands_for"]
    assert found[["rule", "line", "count"]].values.tolist() == [
        ["not_a_number", 6, 1],
        ["missing_weight", 3, 1],
        ["non_positive_weight", 4, 2],
    ]


def test_applications_need_no_weight(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text("income\n7\n")
    assert read_applications(loans(path)).weight is None


def test_a_book_takes_the_weights_of_its_file(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_text("income,stands_for,status\n2500,2,paid\n900,1.5,default\n")
    data = default_dataset(read_loans(loans(path)))
    assert (data.weight.tolist(), list(data.X)) == ([2.0, 1.5], ["income"])


def test_grades_of_weighted_loans_are_given_but_not_tested(run):
    _, _, result = run
    assert "Do the grades hold?" not in (result.folder / "report.html").read_text(encoding="utf-8")
    assert json.loads((result.folder / "policy.json").read_text())["grades"]
