"""New data are compared with what a run saved: what moved is named, and what came true is set beside the forecasts."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_loan_book, made_market
from finnet.errors import ConfigError, DataError, FinnetWarning, LimitError
from finnet.jobs.drift import drift_of
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.reporting.html import render
from finnet.sums import read_files, sealed
from tests.jobs.test_forecasting import PANEL, QUICK, at, long, price_job

BOOK = made_loan_book(loans=1500)
LOANS = BOOK.features.assign(bad=BOOK.default, day=BOOK.applied_at.astype("datetime64[D]"), number=BOOK.loan_id)
LOANS = LOANS.sort_values("day", ignore_index=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on the first 1,000 of 1,500 loans."""
    folder = tmp_path_factory.mktemp("loans")
    LOANS.head(1000).to_csv(folder / "loans.csv", index=False)
    source = {"path": str(folder / "loans.csv"), "target": "bad", "id": "number", "applied_at": "day"}
    source |= {"categories": ["home", "purpose"], "horizon_months": 12}
    job = {**QUICK, "task": "default-risk", "name": "a", "data": {"loans": source}, "models": ["network", "prior_rate"]}
    return run_job(parse_job(job), reports=folder).folder


def drift(run, folder, rows, **options):
    rows.to_csv(folder / "new.csv", index=False)
    return drift_of(run, folder / "new.csv", **options)


def test_later_loans_of_the_same_book_are_within_their_limits(run, tmp_path):
    found = drift(run, tmp_path, LOANS.tail(500))
    found.require_stable()
    assert "nothing is beyond its limit" in found.summary
    assert found.outcomes.n == 500


def test_what_moved_is_named_and_makes_the_exit_code(run, tmp_path):
    moved = LOANS.tail(500).assign(income=lambda rows: 1.6 * rows["income"], home="boat")
    found = drift(run, tmp_path, moved)
    assert set(found.alarms) >= {"income", "home"}
    assert found.columns["column"].iloc[0] == "home"
    # They follow from the columns, and the final refit alone has moved them a little.
    assert not found.forecasts["breached"].any()
    assert "rows have levels that training never saw (boat)" in found.summary
    assert len(found.summary.splitlines()) <= 15
    with pytest.raises(LimitError, match="home, income"):
        found.require_stable()


def test_outcomes_that_are_worse_than_forecast_are_named_first(run, tmp_path):
    found = drift(run, tmp_path, LOANS.tail(500).assign(bad=np.arange(500) % 2))
    assert next(iter(found.alarms)) == "outcomes"
    assert "run the job again" in found.summary


def test_outcomes_count_once_their_months_have_passed_and_may_be_absent(run, tmp_path):
    last = pd.Timestamp(LOANS["day"].iloc[-1])
    known = LOANS.tail(500)["day"] <= last - pd.DateOffset(months=12)
    assert drift(run, tmp_path, LOANS.tail(500), now=last).outcomes.n == known.sum()
    assert drift(run, tmp_path, LOANS.tail(500).drop(columns="bad")).outcomes is None


def test_the_page_and_the_figures_are_written(run, tmp_path):
    found = drift(run, tmp_path, LOANS.tail(500))
    found.write(tmp_path / "drift.html")
    found.write(tmp_path / "drift.json")
    page, figures = (tmp_path / "drift.html").read_text(), json.loads((tmp_path / "drift.json").read_text())
    assert "Characteristic stability index" in page
    assert "What came true?" in page
    assert figures["is_within_limits"] is True
    assert figures["outcomes"]["scores"][0]["metric"] == "auc"
    assert [row["column"] for row in figures["forecasts"]] == ["forecast"]
    with pytest.raises(ConfigError, match="exists"):
        found.write(tmp_path / "drift.html")


def test_rows_that_trained_the_model_are_named_and_their_outcomes_left_out(run, tmp_path):
    found = drift(run, tmp_path, LOANS.iloc[900:1200])
    assert found.seen == 100
    assert found.outcomes.n == 200
    first, second = found.summary.splitlines()[:2]
    assert first.endswith("nothing is beyond its limit, but 100 of the new rows trained the model.")
    assert second.startswith("Of the 300 new rows 100 equal a row that trained the model in every column")
    assert "What to do: compare rows that the model did not train on" in found.summary
    assert json.loads(found.to_json())["seen"] == 100


def test_of_training_rows_alone_no_outcome_is_judged(run, tmp_path):
    LOANS.head(300).to_parquet(tmp_path / "new.parquet")
    found = drift_of(run, tmp_path / "new.parquet")
    assert (found.seen, found.outcomes) == (300, None)
    assert "Of the 300 new rows 300 equal a row that trained the model" in render(found.report.page())


def test_rows_that_are_new_raise_no_word_of_training(run, tmp_path):
    found = drift(run, tmp_path, LOANS.tail(300))
    assert found.seen == 0
    assert "trained the model" not in found.summary


def without(run, folder, key):
    """A copy of the run whose profile lacks the key."""
    files = read_files(run)
    profile = json.loads(files["profile.json"])
    del profile[key]
    for name, content in sealed(files | {"profile.json": json.dumps(profile).encode()}).items():
        (folder / run.name / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / run.name / name).write_bytes(content)
    return folder / run.name


def test_a_run_that_kept_no_hashes_is_read_and_cannot_tell(run, tmp_path):
    found = drift(without(run, tmp_path, "seen"), tmp_path, LOANS.head(300))
    assert found.seen is None
    assert found.outcomes.n == 300
    assert "trained the model" not in found.summary


def test_a_run_without_reference_of_its_forecasts_is_refused(run, tmp_path):
    with pytest.raises(DataError, match="holds no forecasts of the run; run the job again"):
        drift(without(run, tmp_path, "forecasts"), tmp_path, LOANS.tail(50))


def test_prices_are_compared_by_sessions_and_labels_that_came_true_are_judged(tmp_path):
    long(PANEL).to_csv(tmp_path / "all.csv", index=False)
    long(PANEL.until(150)).to_csv(tmp_path / "prices.csv", index=False)
    run = run_job(price_job(tmp_path / "prices.csv"), reports=tmp_path).folder
    found = drift_of(run, tmp_path / "all.csv", now=at(219))
    assert found.is_dependent
    assert found.rows == 3 * (220 - 149)
    assert found.outcomes.n == 3 * (220 - 149 - 3)
    assert "accuracy" in found.summary
    assert "Sessions are counted, not rows" in found.summary


def test_quantiles_have_a_reference_for_every_level(tmp_path):
    long(made_market(symbols=2, sessions=220)).to_csv(tmp_path / "prices.csv", index=False)
    source = {"prices": {"path": str(tmp_path / "prices.csv")}}
    job = {
        **QUICK,
        "task": "forward-return",
        "name": "q",
        "data": source,
        "features": ["return_1"],
        "levels": [0.1, 0.9],
    }
    job |= {
        "levels": [0.1, 0.9],
        "models": ["network", "training_quantiles"],
        "split": {"holdout": {"test_share": 0.4}},
    }
    run = run_job(parse_job(job), reports=tmp_path).folder
    long(made_market(symbols=2, sessions=240)).to_csv(tmp_path / "prices.csv", index=False)
    last = pd.Timestamp(made_market(symbols=2, sessions=240).closes_at[-1])
    found = drift_of(run, tmp_path / "prices.csv", now=last)
    assert found.forecasts["column"].tolist() == ["forecast at level 0.1", "forecast at level 0.9"]
    assert found.outcomes.bins["forecast"].tolist() == [0.1, 0.9]


def test_columns_that_the_model_never_had_are_named_and_ignored(run, tmp_path):
    rows = LOANS.tail(60)
    known = drift(run, tmp_path, rows)
    with pytest.warns(FinnetWarning, match="columns 'score', 'note' are ignored"):
        found = drift(run, tmp_path, rows.assign(score=1.5, note="called twice"))
    assert found.to_json() == known.to_json()
    with pytest.warns(FinnetWarning, match="'score'"):
        new = forecast_new(run, tmp_path / "new.csv")
    assert len(new.columns["reasons"]) == 60
