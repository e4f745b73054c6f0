import warnings

import numpy as np
import pytest

from finnet.data.duplicate_series import require_distinct_series
from finnet.data.samples import made_market
from finnet.errors import FinnetWarning, LookAheadError

PANEL = made_market(symbols=5, sessions=120)


def with_close(values, symbol=3):
    close = PANEL["close"].copy()
    close[:, symbol] = values
    return PANEL.with_fields({"close": close})


@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_a_symbol_that_follows_another_by_a_session_is_refused(factor):
    follower = np.append(np.nan, factor * PANEL["close"][:-1, 1])
    with pytest.raises(LookAheadError, match="MADE003 moves as MADE001 did one session before"):
        require_distinct_series(with_close(follower))


def test_a_symbol_that_leads_another_by_a_session_is_refused():
    leader = np.append(PANEL["close"][1:, 1], np.nan)
    with pytest.raises(LookAheadError, match="MADE001 moves as MADE003 did one session before"):
        require_distinct_series(with_close(leader))


@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_two_names_of_one_history_are_warned_of(factor):
    with pytest.warns(FinnetWarning, match="MADE001 and MADE003 have the same returns"):
        require_distinct_series(with_close(factor * PANEL["close"][:, 1]))


def test_twins_are_found_in_the_sessions_that_they_share():
    follower = np.append(np.nan, PANEL["close"][:-1, 1])
    follower[:70] = np.nan
    with pytest.raises(LookAheadError):
        require_distinct_series(with_close(follower))


def noisy_copy():
    rng = np.random.default_rng(0)
    return PANEL["close"][:, 1] * np.exp(0.001 * rng.standard_normal(len(PANEL.sessions)))


@pytest.mark.parametrize(
    "close",
    [PANEL["close"][:, 3], noisy_copy(), np.full(120, 7.0), 1.01 ** np.arange(120), np.full(120, np.nan)],
    ids=["another", "two share classes", "never moves", "moves evenly", "missing"],
)
def test_other_histories_are_no_twins(close):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        require_distinct_series(with_close(close))


def test_two_symbols_that_never_move_are_no_twins():
    close = np.ones(PANEL.shape)
    require_distinct_series(PANEL.with_fields({"close": close}))


def test_a_long_history_is_sampled():
    panel = made_market(symbols=3, sessions=4000)
    close = panel["close"].copy()
    close[1:, 2] = close[:-1, 0]
    with pytest.raises(LookAheadError):
        require_distinct_series(panel.with_fields({"close": close}))
