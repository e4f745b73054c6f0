"""Both kinds of job run on real data, and find the rows that the published protocols count."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import join_as_of
from finnet.data.prices import PriceFile, read_prices
from finnet.data.sentiment_files import SentimentFile, read_sentiment
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.labels import Direction, build_dataset

pytestmark = pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")  # real files break some rules

STOCKNET_LABEL = Direction(up=0.0055, down=-0.005)
# The return of day t counts from the close of t - 1, so its features are those of t - 2: 30 of 31 rows before t.
HISTORY = 31 - 1


def count(dataset, start, end):
    """Rows whose return falls on a day in [start, end), and their share of ups."""
    day = dataset.clock("resolves_at").astype("datetime64[D]")
    inside = (day >= np.datetime64(start)) & (day < np.datetime64(end)) & dataset.has_label
    return int(inside.sum()), round(float(dataset.y[inside].mean()), 3), len(set(dataset.entity[inside]))


def market(shared_data, name, **settings):
    return PriceFile(path=str(shared_data / "market" / f"{name}_prices.parquet"), **settings)


def without_volume(panel):
    """The published rows count sessions without volume, on which nobody could have traded."""
    return replace(panel, fields={name: values for name, values in panel.fields.items() if name != "volume"})


def test_stocknet_has_the_published_rows(shared_data):
    panel = without_volume(read_prices(market(shared_data, "acl18", exclude=("GMRE",))))
    dataset = build_dataset(panel, ["weekday"], STOCKNET_LABEL, min_history_bars=HISTORY)
    assert count(dataset, "2014-01-02", "2015-08-03") == (20_319, 0.507, 87)
    assert count(dataset, "2015-08-03", "2015-10-01")[:2] == (2_555, 0.446)


@pytest.mark.parametrize(("earlier_rows", "rows"), [(29, 64_767), (31, 64_715)])
def test_kdd17_has_the_published_rows(shared_data, earlier_rows, rows):
    panel = without_volume(read_prices(market(shared_data, "kdd17")))
    dataset = build_dataset(panel, ["weekday"], STOCKNET_LABEL, min_history_bars=earlier_rows - 1)
    assert count(dataset, "2007-01-03", "2015-01-02")[0] == rows
    assert count(dataset, "2015-01-02", "2016-01-04")[0] == 8_070


def direction_job(prices, **settings):
    quick = {"models": ["network", "logistic", "always_up", "best_column"], "tune": {"trials": 1}}
    job = {"schema": 1, "task": "direction", "name": "real", "data": {"prices": prices}, **quick, **settings}
    return parse_job(job | {"data": {"prices": prices, **settings.get("data", {})}})


def test_a_stocknet_job_with_daily_sentiment_runs(shared_data, tmp_path):
    folder = shared_data / "market"
    sentiment = {
        "path": str(folder / "acl18_sentiment_daily.parquet"),
        "columns": {"date": "date", "symbol": "symbol", "finlex": "finlex_mean", "vader": "vader_mean"},
        "time": "23:00",  # a file day ends then, in UTC
    }
    job = direction_job(
        {"path": str(folder / "acl18_prices.parquet"), "exclude": ["GMRE"]},
        data={"sentiment": sentiment},
        features=["return_1", "return_5", "volatility_20", "sentiment_finlex", "sentiment_vader"],
        min_history_bars=HISTORY,
        label={"direction": {"up": 0.0055, "down": -0.005}},
        split={"holdout": {"test_from": "2015-08-03"}},
        network={"members": 5, "epochs": 20},
    )
    result = run_job(job, reports=tmp_path)
    truth, value = result.forecasts.of("network").values()
    # A presumption of leakage: published models reach 58 % on this benchmark with the day's own tweets.
    assert 0.40 < ((value > 0.5) == truth).mean() < 0.60


def test_tweets_of_a_file_day_reach_the_next_close_only(shared_data):
    # The file of a day ends at 23:00 UTC, hours after that day's close.
    path = str(shared_data / "market" / "acl18_sentiment_daily.parquet")
    columns = {"date": "date", "symbol": "symbol", "texts": "n_texts"}
    table = read_sentiment(SentimentFile(path=path, columns=columns, time="23:00"))
    panel = join_as_of(read_prices(market(shared_data, "acl18", symbols=("AAPL",))), table, ["texts"])
    daily = pd.read_parquet(path).query("symbol == 'AAPL'").set_index("date")["n_texts"]
    next_day = panel.sessions == np.datetime64("2014-01-03")
    assert panel["texts"][next_day, 0] == daily["2014-01-02"] != daily["2014-01-03"]


@pytest.mark.full
def test_an_sp500_job_runs_on_ranks(shared_data, tmp_path):
    job = direction_job(
        {
            "path": str(shared_data / "market" / "sp500_20y_prices.parquet"),
            "exclude": [""],
            "start": "2009-01-01",
            "end": "2012-12-31",
        },
        models=["network", "logistic", "best_column"],
        features=["rank_return_1", "rank_return_5", "rank_return_20", "rank_volatility_20", "rank_volume_z_20"],
        label={"above_median": {}},
        split={"walk_forward": {"train_bars": 500, "test_bars": 250}},
        network={"hidden": [16], "epochs": 5, "batch_size": 2048},
        backtest={"positions": {"top_bottom": {"share": 0.1}}, "cost_bps": 5.0},
    )
    result = run_job(job, reports=tmp_path)
    scores = result.assessment.scores.set_index(["model", "metric"])["value"]
    # Traded one close late, the best boosting reaches .02: ten times that would be a leak.
    assert abs(scores["network", "rank_ic"]) < 0.05
    assert result.assessment.sample.n_entities > 400


@pytest.mark.parametrize(
    ("name", "categories", "ceiling"),
    [("german", (), 0.83), pytest.param("taiwan", ("SEX", "EDUCATION", "MARRIAGE"), 0.80, marks=pytest.mark.full)],
)
def test_real_loans_are_ranked_as_well_as_is_plausible(shared_data, tmp_path, name, categories, ceiling):
    loans = {
        "path": str(shared_data / "credit" / f"{name}.csv.gz"),
        "target": "default",
        "categories": list(categories),
        "text_is_category": True,
        "drop": ["ID"] if name == "taiwan" else [],
    }
    job = {
        "schema": 1,
        "task": "default-risk",
        "name": name,
        "data": {"loans": loans},
        "split": {"repeated_kfold": {"folds": 3}},
        "models": ["network", "tree", "prior_rate"],
        "tune": {"trials": 1},
        "network": {"members": 5, "epochs": 40},
    }
    result = run_job(parse_job(job), reports=tmp_path)
    scores = result.assessment.scores.set_index(["model", "metric"])["value"]
    assert scores["tree", "auc"] < scores["network", "auc"] < ceiling
