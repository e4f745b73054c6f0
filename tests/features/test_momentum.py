import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.features.momentum import drawdown, momentum, position_in_range, rsi


def closes(*log_returns: float) -> np.ndarray:
    return np.exp(np.cumsum([0.0, *log_returns]))


def test_momentum_counts_standard_deviations(panel_of):
    # The return is 0.04, one bar's standard deviation 0.02 / sqrt(2), that of two bars 0.02.
    assert momentum(2).compute(panel_of(close=closes(0.01, 0.03)))[-1, 0] == pytest.approx(2.0)


def test_momentum_leaves_out_the_skipped_bars(panel_of):
    # Up to the bar before, the return is 0.02; the standard deviation of (0.02, -0.02, 0.02, -0.02) is 0.04 / sqrt(3).
    panel = panel_of(close=closes(0.02, -0.02, 0.02, -0.02))
    assert momentum(4, skip=1).compute(panel)[-1, 0] == pytest.approx(0.02 / (0.04 / np.sqrt(3) * np.sqrt(3)))


def test_momentum_of_a_price_that_stands_still_is_missing(panel_of):
    assert np.isnan(momentum(3).compute(panel_of(close=[5.0] * 5))).all()


def test_skipping_the_whole_window_is_refused():
    with pytest.raises(ConfigError, match="skip=60 is not within window=60"):
        momentum(60, skip=60)


def test_position_in_range_by_hand(panel_of):
    values = position_in_range(3).compute(panel_of(close=[9.0, 1.0, 5.0, 2.0, 2.0, 2.0]))
    np.testing.assert_allclose(values[:, 0], [np.nan, np.nan, 0.5, 0.25, 0.0, 0.5])


def test_drawdown_is_the_log_fall_from_the_highest_close(panel_of):
    values = drawdown(3).compute(panel_of(close=[4.0, 2.0, 1.0, 1.0]))
    np.testing.assert_allclose(values[2:, 0], np.log([1 / 4, 1 / 2]))


def test_rsi_is_the_share_of_rises(panel_of):
    # Rises 3 and 1, falls 1: 100 * 4 / 5.
    assert rsi(3).compute(panel_of(close=[10.0, 13.0, 12.0, 13.0]))[-1, 0] == pytest.approx(80.0)


def test_rsi_of_a_price_that_stands_still_is_fifty(panel_of):
    assert rsi(3).compute(panel_of(close=[5.0] * 4))[-1, 0] == 50.0
