"""A job trades only where somebody could have, and its page says what became of its rows."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_market
from finnet.jobs import runner
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import report_from
from finnet.jobs.sources import load
from finnet.jobs.tasks import direction
from finnet.reporting.sections.trading import TradingSection
from finnet.sums import read_files
from tests.reporting.changing import section_of

QUICK = {
    "schema": 1,
    "task": "direction",
    "name": "trading",
    "tune": {"trials": 1},
    "network": {"members": 2, "hidden": [4], "epochs": 2},
    "models": ["network", "always_up"],
    "features": ["return_1", "return_5"],
    "blocks": {"calibration": 0.0},
}
MADE = {"data": {"made_market": {"symbols": 3, "sessions": 160}}}
FORWARD = {"split": {"walk_forward": {"train_bars": 80, "test_bars": 40}}}


@pytest.fixture(autouse=True)
def without_drawings(monkeypatch):
    """Leave the page out, which takes most of the time of so small a job; what it is made from is looked at."""
    monkeypatch.setattr(runner, "render_page", lambda parts: "page")


def run(folder, *parts):
    """The result of a job and the trading on its page."""
    settings = QUICK.copy()
    for part in parts:
        settings |= part
    result = runner.run_job(parse_job(settings), reports=folder)
    return result, section_of(report_from(read_files(result.folder)), TradingSection)


def test_folds_that_trained_on_later_rows_are_never_called_trading(tmp_path):
    result, trading = run(tmp_path, MADE, {"split": {"purged_kfold": {"folds": 3}}})
    assert result.decision.result is None
    assert (trading.table, trading.summary) == (None, None)
    assert "measure models, not strategies" in trading.rule
    assert json.loads((result.folder / "metrics.json").read_text())["backtest"] is None


@pytest.fixture
def says_one_number(monkeypatch):
    """`says_one_number(folds)`: the network's forecasts of these folds become .48."""

    def change(folds):
        original = direction._trade

        def trade(job, forecasts, study):
            table = forecasts.table.copy()
            table.loc[table["fold"].isin(folds), "value"] = 0.48
            return original(job, type(forecasts)(table), study)

        monkeypatch.setattr(direction, "_trade", trade)

    return change


def test_a_network_that_says_one_number_in_every_fold_has_nothing_to_trade_on(tmp_path, says_one_number):
    says_one_number([0, 1])
    _, trading = run(tmp_path, MADE, FORWARD, {"backtest": {"positions": {"long_short": {}}}})
    assert (trading.table, trading.summary) == (None, None)
    assert "in every fold the network says one number" in trading.rule


def test_a_fold_of_one_number_is_named_and_holds_nothing(tmp_path, says_one_number):
    says_one_number([1])
    result, trading = run(tmp_path, MADE, FORWARD, {"backtest": {"positions": {"long_short": {}}}})
    positions = result.decision.result.positions
    assert result.decision.result.idle_folds == (1,)
    assert (positions.iloc[41:] == 0).all(axis=None)
    assert (positions.iloc[:30] != 0).any(axis=None)
    assert trading.notes[0].startswith("No position in fold 1:")


@pytest.fixture(scope="module")
def vanishing(tmp_path_factory):
    """A price file in which one symbol leaves and another is not traded for two sessions."""
    panel = made_market(symbols=3, sessions=160)
    index = pd.MultiIndex.from_product([panel.sessions, panel.symbols], names=["date", "symbol"])
    table = pd.DataFrame({name: panel[name].ravel() for name in ("close", "volume")}, index=index).reset_index()
    last, pause = panel.sessions[120], panel.sessions[[50, 51]]
    table = table[(table["symbol"] != "MADE000") | (table["date"] <= last)]
    table.loc[(table["symbol"] == "MADE001") & table["date"].isin(pause), "volume"] = 0.0
    path = tmp_path_factory.mktemp("vanishing") / "prices.csv"
    table.to_csv(path, index=False)
    return {"data": {"prices": {"path": str(path)}}}


def test_rows_that_left_or_could_not_be_traded_are_counted_on_the_page(tmp_path, vanishing):
    label = {"label": {"direction": {"horizon_bars": 5, "delisting_return": -0.3, "stale_bars": 2}}}
    result, trading = run(tmp_path, vanishing, FORWARD, label)
    # Five rows resolve after the last close of the symbol, and the sixth, of that close, cannot be traded.
    counts = json.loads((result.folder / "metrics.json").read_text())["rows"]
    assert (counts["left"], counts["paused"], counts["untradable"]) == (5, 0, 3)
    words = " ".join(trading.notes)
    assert "The symbols of 5 rows had left when their horizon ended, and those of 0 had" in words
    assert "rows 3 could not be traded" in words
    assert "a return of −30.0 % after 2 bars" in words


def test_a_job_books_the_delisting_return_of_its_label(tmp_path, vanishing):
    always = {"backtest": {"positions": {"long_flat": {"threshold": 0.0}}, "cost_bps": 0.0}}
    ends = []
    for loss in (0.0, -0.9):
        label = {"label": {"direction": {"delisting_return": loss}}}
        result, _ = run(tmp_path / str(loss), vanishing, FORWARD, label, always)
        ends.append(result.decision.result.table["equity_hold"].iloc[-1])
    assert ends[1] == pytest.approx(ends[0] * (1 - 0.9 / 3), rel=0.05)


def test_forecasts_of_a_job_say_when_they_could_be_traded(tmp_path):
    label = {"label": {"direction": {"delay_bars": 3}}}
    result, trading = run(tmp_path, MADE, FORWARD, label)
    study = load(parse_job(QUICK | MADE | FORWARD | label))
    dataset, panel = study.dataset, study.source
    table = result.forecasts.of("network").table
    bars = np.searchsorted(panel.closes_at, table["issued_at"])
    np.testing.assert_array_equal(table["tradable_at"], panel.closes_at[bars + 3])
    assert len(table) < len(dataset)
    assert result.decision.result.delay_bars == 3
    assert "traded 3 bars later" in trading.rule


@pytest.mark.parametrize(("stated", "bars"), [({}, 260.9), ({"bars_per_year": 40.0}, 40.0)])
def test_a_job_can_state_how_many_bars_make_a_year(tmp_path, stated, bars):
    result, _ = run(tmp_path, MADE, FORWARD, {"backtest": stated})
    backtest = result.decision.result
    assert backtest.summary.loc["net", "years"] == pytest.approx((len(backtest.table) - 1) / bars, rel=0.001)
    assert backtest.summary["sharpe"].isna().all() == (not stated)
