"""Late data reaches the panel of a job as of its publication."""

import re

import numpy as np
import pandas as pd

from finnet.jobs.config import SplitChoice
from finnet.jobs.job_file import parse_job
from finnet.jobs.sources import check_data, load
from finnet.jobs.tasks.direction import EventChoice
from finnet.jobs.tasks.market import load_panel
from finnet.labels import Direction
from finnet.splits import WalkForward

PRICES = "date,symbol,close\n2020-01-30,A,1\n2020-01-31,A,1\n2020-02-03,A,1\n2020-02-04,A,1\n"
SPREADS = "month,baa\n2020-01-01,1.5\n"


def job_in(folder):
    (folder / "prices.csv").write_text(PRICES)
    (folder / "spreads.csv").write_text(SPREADS)
    macro = {"columns": {"date": "month", "spread": "baa"}, "lag_months": 1, "time": "08:30"}
    data = {"prices": {"path": "prices.csv"}, "macro": {"path": "spreads.csv", **macro}}
    settings = {"schema": 1, "task": "direction", "name": "a", "data": data, "features": ["sentiment_spread"]}
    return parse_job(settings).relative_to(folder)


def test_a_monthly_value_is_known_in_the_following_month(tmp_path):
    panel = load_panel(job_in(tmp_path).data)
    np.testing.assert_array_equal(panel["spread"][:, 0], [np.nan, np.nan, 1.5, 1.5])


def test_the_macro_file_is_checked_too(tmp_path):
    job = job_in(tmp_path)
    (tmp_path / "spreads.csv").write_text("month,baa\n2020-01-01,much\n")
    table = check_data(job)
    assert "spreads.csv" in str(table["file"].iloc[0])


def market_job(folder, **data):
    rng = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(rng.normal(size=400) * 0.02))
    days = pd.bdate_range("2019-01-01", periods=400)
    table = pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "symbol": "A", "close": close})
    table["hint"] = np.append(close[1:] / close[:-1], 1.0)
    table.to_csv(folder / "prices.csv", index=False)
    settings = {"schema": 1, "task": "direction", "name": "a", "features": ["return_1"], "data": data}
    settings["split"] = {"walk_forward": {"train_bars": 200, "test_bars": 100}}
    return parse_job(settings).relative_to(folder)


def test_a_column_of_tomorrows_returns_is_an_alarm(tmp_path):
    job = market_job(tmp_path, prices={"path": "prices.csv", "columns": {"hint": "hint"}})
    assert check_data(job).query("rule == 'gives_away'")["column"].tolist() == ["hint"]
    assert "gives_away" in load(job).quality["rule"].tolist()


def test_prices_alone_raise_no_alarm(tmp_path):
    assert check_data(market_job(tmp_path, prices={"path": "prices.csv"})).empty


def test_the_age_of_late_values_is_bounded(tmp_path):
    (tmp_path / "scores.csv").write_text("at,score\n2019-01-02 12:00,1\n2019-01-03 12:00,2\n")
    late = {"path": "scores.csv", "columns": {"available_at": "at", "score": "score"}, "max_age_days": 10}
    panel = load_panel(market_job(tmp_path, prices={"path": "prices.csv"}, sentiment=late).data)
    assert np.isfinite(panel["score"]).sum() == 8


def test_what_cannot_be_run_is_found_before_it_runs(tmp_path):
    job = market_job(tmp_path, prices={"path": "prices.csv"}).model_copy(update={"min_history_bars": 900})
    assert check_data(job)[["severity", "rule"]].values.tolist() == [["error", "cannot_run"]]


def test_a_naive_forecast_without_its_column_is_found_before_the_run(tmp_path):
    job = market_job(tmp_path, prices={"path": "prices.csv"}).model_copy(update={"features": ("return_5",)})
    found = check_data(job)
    assert found["rule"].tolist() == ["cannot_run"]
    assert "persistence, which reads 'return_1'" in found["value"].iloc[0]


def test_a_window_longer_than_the_data_is_found_before_the_run(tmp_path):
    split = SplitChoice(walk_forward=WalkForward(train_bars=900))
    job = market_job(tmp_path, prices={"path": "prices.csv"}).model_copy(update={"split": split})
    assert "train_bars=900 leaves no test bar" in check_data(job)["value"].iloc[0]


def test_blocks_that_leave_nothing_to_fit_are_found_with_the_number_that_would_do(tmp_path):
    split = SplitChoice(walk_forward=WalkForward(train_bars=60, test_bars=100))
    label = EventChoice(direction=Direction(horizon_bars=40))
    job = market_job(tmp_path, prices={"path": "prices.csv"}).model_copy(update={"split": split, "label": label})
    (said,) = check_data(job)["value"]
    enough = int(re.search(r"train_bars of at least (\d+) would do", said)[1])
    better = SplitChoice(walk_forward=WalkForward(train_bars=enough, test_bars=100))
    assert check_data(job.model_copy(update={"split": better})).empty
