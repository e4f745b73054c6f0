"""What returns amount to, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from finnet.backtest.performance import annual_return, drawdown, sharpe_ratio, summarize_returns
from finnet.errors import DataError


def test_drawdown_is_measured_from_the_running_peak():
    assert drawdown(np.array([100.0, 120.0, 90.0, 130.0, 65.0])) == pytest.approx([0, 0, -0.25, 0, -0.5])


def test_drawdown_refuses_an_account_worth_nothing():
    with pytest.raises(DataError, match="above zero"):
        drawdown(np.array([100.0, 0.0]))


def test_annual_return_compounds():
    # 21 % in half a year of two bars is 1.21 squared in a year.
    assert annual_return(np.array([0.1, 0.1]), years=0.5) == pytest.approx(1.21**2 - 1)


def test_sharpe_ratio_by_hand():
    # Mean 0.02, deviation sqrt((0.01^2 + 0.01^2) / 1), two bars a year.
    assert sharpe_ratio(np.array([0.01, 0.03]), periods_per_year=2) == pytest.approx(
        0.02 / np.sqrt(0.0002) * np.sqrt(2)
    )


def test_returns_that_do_not_vary_have_no_sharpe_ratio():
    assert np.isnan(sharpe_ratio(np.full(5, 0.01), periods_per_year=1))


def test_a_summary_by_hand():
    returns = np.array([-0.1, 0.2, -0.05, 0.0])
    summary = summarize_returns(
        returns, turnover=np.array([1.0, 0, 0, 1]), exposure=np.array([0.0, 1, 1, 1]), periods_per_year=3
    )
    assert summary["total_return"] == pytest.approx(0.9 * 1.2 * 0.95 - 1)
    assert summary["annual_return"] == pytest.approx(0.9 * 1.2 * 0.95 - 1)
    assert summary["max_drawdown"] == pytest.approx(-0.1)
    assert (summary["turnover_per_year"], summary["total_turnover"], summary["years"]) == (2.0, 2.0, 1.0)
    assert summary["mean_exposure"] == 0.75
    assert summary["annual_volatility"] == pytest.approx(np.std(returns, ddof=1) * np.sqrt(3))
    assert summary["sharpe_low"] < summary["sharpe"] < summary["sharpe_high"]


def test_a_loss_on_the_first_bar_is_a_drawdown():
    summary = summarize_returns(np.array([-0.2, 0.1]), turnover=np.zeros(2), exposure=np.ones(2), periods_per_year=2)
    assert summary["max_drawdown"] == pytest.approx(-0.2)


def test_a_ruined_account_has_a_summary():
    summary = summarize_returns(
        np.array([0.1, -1.0, 0.0]), turnover=np.zeros(3), exposure=np.ones(3), periods_per_year=2
    )
    assert (summary["total_return"], summary["max_drawdown"], summary["annual_return"]) == pytest.approx((-1, -1, -1))


@pytest.mark.parametrize(("bars", "is_annual"), [(101, True), (98, False)])
def test_less_than_a_year_has_no_yearly_figures(bars, is_annual):
    returns = np.tile([0.01, -0.005], 51)[:bars]
    summary = summarize_returns(returns, turnover=np.ones(bars), exposure=np.ones(bars), periods_per_year=100)
    yearly = ["annual_return", "annual_volatility", "sharpe", "sharpe_low", "sharpe_high", "turnover_per_year"]
    assert np.isfinite(summary[yearly]).all() == np.isfinite(summary[yearly]).any() == is_annual
    assert summary["total_turnover"] == bars


@pytest.mark.parametrize("form", [list, np.array, pd.Series], ids=["list", "array", "column"])
def test_figures_take_lists_arrays_and_columns(form):
    returns = [0.1, -0.25, 0.2]
    assert sharpe_ratio(form(returns)) == pytest.approx(sharpe_ratio(np.array(returns)))
    assert list(drawdown(form([1.0, 2.0, 1.0]))) == [0, 0, -0.5]
    summary = summarize_returns(form(returns), turnover=form([1.0, 0.0, 0.0]), exposure=form([1.0, 1.0, 1.0]))
    assert summary["total_return"] == pytest.approx(-0.01)


def test_no_returns_have_no_sharpe_ratio_and_no_summary():
    assert np.isnan(sharpe_ratio([]))
    assert len(drawdown([])) == 0
    with pytest.raises(DataError, match="0 returns"):
        summarize_returns([], turnover=[], exposure=[])
