"""Costs are a share of the value traded."""

import numpy as np
import pytest

from finnet.backtest.costs import traded_share, trading_cost
from finnet.errors import ConfigError


def test_turning_a_long_position_short_trades_twice_its_value():
    assert traded_share(np.array([[0.5, 0.5]]), np.array([[-0.5, 0.5]])) == pytest.approx([1.0])


def test_ten_basis_points_of_a_full_purchase_are_a_thousandth():
    assert trading_cost(np.array([0.0, 1.0, 2.0]), 10) == pytest.approx([0.0, 0.001, 0.002])


def test_trading_cannot_pay():
    with pytest.raises(ConfigError, match="cost_bps=-1 is too small"):
        trading_cost(np.ones(1), -1)
