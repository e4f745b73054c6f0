"""The account adds up: worked examples, and no money made or lost by bookkeeping."""

import numpy as np
import pytest

from finnet.backtest.accounting import equity, keep_account
from finnet.data.tradability import Delisting

NAN = np.nan
bar_returns = Delisting().bar_returns


def value(prices, position, cost_bps=0.0, start=100.0):
    """Value of an account that holds `position` (of one symbol) after each close."""
    held = np.array(position, float)[:, None]
    return equity(keep_account(held, bar_returns(np.array(prices, float)[:, None]), cost_bps=cost_bps).net, start=start)


def test_buy_and_hold_one_bar_by_hand():
    assert value([100, 110], position=[1, 1], cost_bps=10)[-1] == pytest.approx(109.89)  # (100 - 0.1) * 1.1


def test_selling_costs_too():
    # (100 - 0.1) * 1.1 = 109.89, less a thousandth for the sale.
    assert value([100, 110], position=[1, 0], cost_bps=10)[-1] == pytest.approx(109.89 * 0.999)


def test_a_short_position_by_hand():
    # Sold short for a cost of 0.1, the rest gains a tenth; buying back trades a debt of 0.9 in an account of 1.1.
    account = value([100, 90], position=[-1, 0], cost_bps=10)
    assert account[-1] == pytest.approx(99.9 * 1.1 * (1 - 0.001 * 0.9 / 1.1))


def test_a_full_position_needs_no_rebalancing():
    held, returns = np.ones((4, 1)), np.array([[0.0], [0.1], [-0.2], [0.05]])
    assert keep_account(held, returns, cost_bps=0).turnover.tolist() == [1, 0, 0, 0]


def test_half_a_position_is_brought_back_after_a_move_by_hand():
    # 50 of 100 grow to 55 of 105, a share of 11/21; back to one half trades 1/42 of the account.
    account = keep_account(np.full((2, 1), 0.5), np.array([[0.0], [0.1]]), cost_bps=0)
    assert account.gross[1] == pytest.approx(0.05)
    assert account.turnover[1] == pytest.approx(1 / 42)


def test_exposure_is_what_earned_the_bar():
    account = keep_account(np.array([[0.5, -0.25], [0, 0], [0, 0]]), np.zeros((3, 2)), cost_bps=0)
    assert account.exposure.tolist() == [0, 0.75, 0]


def test_weights_and_shares_keep_the_same_books():
    # The same trades booked in shares and cash, one symbol at a time.
    rng = np.random.default_rng(0)
    prices = 100 * np.cumprod(1 + 0.03 * rng.standard_normal((150, 4)), axis=0)
    weights = rng.uniform(-0.4, 0.4, (150, 4))
    cash, shares, values = 1.0, np.zeros(4), []
    for price, weight in zip(prices, weights, strict=True):
        worth = cash + shares @ price
        fee = 0.0005 * np.abs(weight * worth - shares * price).sum()
        shares = weight * (worth - fee) / price
        cash = (worth - fee) - shares @ price
        values.append(worth - fee)
    account = keep_account(weights, bar_returns(prices), cost_bps=5)
    assert equity(account.net) == pytest.approx(np.array(values), rel=1e-12)


def test_cash_neither_gains_nor_pays():
    account = keep_account(np.zeros((5, 3)), np.full((5, 3), 0.1), cost_bps=50)
    assert (account.net == 0).all()


def test_an_account_that_loses_everything_is_worth_nothing_and_stays_so():
    account = keep_account(-np.ones((4, 1)), np.array([[0.0], [1.5], [-0.5], [0.1]]), cost_bps=0)
    assert equity(account.net).tolist() == [1, 0, 0, 0]
    assert account.gross.tolist() == [0, -1, 0, 0]
    assert account.turnover.tolist() == [1, 0, 0, 0]


def test_a_missing_close_returns_nothing_and_then_the_whole_move():
    close = np.array([[NAN], [100.0], [NAN], [NAN], [120.0], [60.0]])
    assert bar_returns(close)[:, 0] == pytest.approx([0, 0, 0, 0, 0.2, -0.5])


def test_the_blocks_of_the_computation_leave_no_trace():
    rng = np.random.default_rng(1)
    held, returns = rng.uniform(-1, 1, (200, 3)) / 3, 0.02 * rng.standard_normal((200, 3))
    account = keep_account(held, returns, cost_bps=3)
    gross = np.append(0.0, (held[:-1] * returns[1:]).sum(axis=1))
    assert account.gross == pytest.approx(gross)
    assert account.exposure == pytest.approx(np.append(0.0, np.abs(held[:-1]).sum(axis=1)))


def test_a_position_that_cannot_be_sold_leaves_its_room_to_nobody():
    # A waits with half the account; B, wanted alone, gets the other half until A can be sold.
    wanted = np.array([[0.5, 0.5], [0.0, 1.0], [0.0, 1.0]])
    can_trade = np.array([[True, True], [False, True], [True, True]])
    account = keep_account(wanted, np.zeros((3, 2)), cost_bps=0, can_trade=can_trade)
    assert account.held.tolist() == [[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]]
    assert account.turnover.tolist() == [1.0, 0.0, 1.0]


def test_a_position_that_waits_drifts_with_the_account_instead_of_being_traded():
    # 50 in A, 50 in B; B doubles: A is a third of 150, and B gives way to it.
    wanted = np.array([[0.5, 0.5], [0.0, 1.0]])
    account = keep_account(
        wanted, np.array([[0.0, 0.0], [0.0, 1.0]]), cost_bps=0, can_trade=np.array([[True, True], [False, True]])
    )
    assert account.held[1] == pytest.approx([1 / 3, 2 / 3])
    assert account.turnover[1] == pytest.approx(0)


def test_what_cannot_be_bought_leaves_cash():
    account = keep_account(np.full((1, 2), 0.5), np.zeros((1, 2)), cost_bps=0, can_trade=np.array([[False, True]]))
    assert account.held.tolist() == [[0.0, 0.5]]
