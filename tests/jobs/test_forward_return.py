"""Forecasts of numbers go from a job file to a page, to new rows, and find what is there."""

import json

import pandas as pd
import pytest

from finnet.data.samples import made_market
from finnet.errors import ConfigError
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import report_from
from finnet.jobs.runner import run_job
from finnet.reporting.sections.coverage import CoverageSection
from finnet.sums import read_files
from tests.reporting.changing import section_of

JOB = {
    "schema": 1,
    "task": "forward-return",
    "name": "returns",
    "data": {"made_market": {"symbols": 12, "sessions": 400}},
    "features": ["return_1", "sentiment"],
    "models": ["network", "linear", "zero", "training_mean"],
    "tune": {"trials": 2},
    "split": {"holdout": {"test_share": 0.4}},
    "network": {"members": 5, "epochs": 15},
}


def run(folder, **changes):
    return run_job(parse_job(JOB | changes), reports=folder)


def network_score(result, metric):
    scores = result.assessment.scores.set_index(["model", "metric"])
    return scores.loc[("network", metric)]


@pytest.fixture(scope="module")
def returns(tmp_path_factory):
    return run(tmp_path_factory.mktemp("returns"))


def test_a_planted_signal_is_found(returns):
    assert network_score(returns, "r2")["low"] > 0
    assert network_score(returns, "rank_ic")["low"] > 0.1
    assert "it beats zero and the training mean" in returns.verdict


def test_the_page_is_about_numbers(returns):
    page = (returns.folder / "report.html").read_text(encoding="utf-8")
    for words in ("Does the network beat the others?", "mean squared error decides", "R²", "How did it learn?"):
        assert words in page, words
    for words in ("Can its probabilities be trusted?", "of forecast cases", "Would it have paid?"):
        assert words not in page, words


def test_noise_is_called_noise(tmp_path):
    result = run(tmp_path, data={"made_market": {"symbols": 12, "sessions": 400, "beta": 0.0}})
    assert "beats" not in result.verdict
    assert "No model is shown to beat" in result.verdict


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """A file of 400 sessions."""
    panel = made_market(symbols=4, sessions=400)
    index = pd.MultiIndex.from_product([panel.sessions, panel.symbols], names=["date", "symbol"])
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    pd.DataFrame({name: panel[name].ravel() for name in ("close", "volume")}, index=index).reset_index().to_csv(
        path, index=False
    )
    return path


@pytest.fixture(scope="module")
def quantiles(prices, tmp_path_factory):
    data = {"prices": {"path": str(prices)}}
    changes = {"data": data, "features": ["return_1", "volatility_20"], "levels": [0.1, 0.5, 0.9]}
    job = {name: value for name, value in JOB.items() if name != "models"}
    return run_job(parse_job(job | changes), reports=tmp_path_factory.mktemp("quantiles"))


def test_quantiles_are_forecast_and_their_coverage_stands_on_the_page(quantiles):
    assert quantiles.forecasts.models == ["network", "boosting", "training_quantiles"]
    assert quantiles.forecasts.levels == [0.1, 0.5, 0.9]
    coverage = section_of(report_from(read_files(quantiles.folder)), CoverageSection).coverage
    own = coverage[coverage["model"] == "network"].set_index("level")["observed"]
    assert own[0.1] < own[0.5] < own[0.9]
    assert "Can its quantiles be trusted?" in (quantiles.folder / "report.html").read_text(encoding="utf-8")


def test_new_rows_get_a_forecast_for_every_level(quantiles, prices):
    new = forecast_new(quantiles.folder, prices, now=pd.Timestamp("2016-07-20"))
    assert new.forecasts.levels == [0.1, 0.5, 0.9]
    rows = new.forecasts.table[["entity", "issued_at"]].drop_duplicates()
    assert len(new.flags) == len(new.forecasts) == 3 * len(rows)


def test_volatility_is_judged_by_qlike_and_never_negative(tmp_path):
    label = {"forward_volatility": {"horizon_bars": 5}}
    models = ["network", "linear", "training_mean"]
    result = run(tmp_path, label=label, features=["volatility_20"], models=models)
    assert result.assessment.comparisons[0].metric == "qlike"
    assert (result.forecasts.table["value"] >= 0).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"models": ["network", "logistic"]}, "models names logistic, which cannot forecast this"),
        ({"levels": [0.9, 0.1], "models": ["network", "boosting"]}, "not in order"),
        ({"levels": [1.0], "models": ["network", "boosting"]}, "levels=1.0"),
        ({"deploy": "best"}, "deploy='best' is not known"),
        ({"levels": [0.5], "models": ["network", "boosting"], "deploy": "boosting"}, "no form in a model file"),
        ({"network": {"loss": "focal"}}, "network.loss"),
        ({"network": {"class_weight": "balanced"}}, "weighs classes"),
    ],
)
def test_what_cannot_forecast_numbers_is_refused_at_the_start(changes, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        run(tmp_path, **changes)
    assert not list(tmp_path.rglob("report.html"))


def test_metrics_say_what_was_measured(returns):
    saved = json.loads((returns.folder / "metrics.json").read_text())
    assert set(saved["scores"]["network"]) == {"r2", "mse", "mae", "rank_ic"}
    assert "calibration_errors" not in saved
