import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.features.volatility import range_, skewness, volatility, volatility_ratio


def closes(*log_returns: float) -> np.ndarray:
    return np.exp(np.cumsum([0.0, *log_returns]))


def test_volatility_is_the_sample_deviation_of_log_returns(panel_of):
    assert volatility(2).compute(panel_of(close=closes(0.01, 0.03)))[-1, 0] == pytest.approx(0.02 / np.sqrt(2))


def test_volatility_needs_the_whole_look_back(panel_of):
    assert np.isnan(volatility(3).compute(panel_of(close=closes(0.01, 0.03)))).all()


def test_volatility_ratio_by_hand(panel_of):
    panel = panel_of(close=closes(0.02, -0.02, 0.01, -0.01))
    fast, slow = 0.02 / np.sqrt(2), np.sqrt((2 * 0.02**2 + 2 * 0.01**2) / 3)
    assert volatility_ratio(2, 4).compute(panel)[-1, 0] == pytest.approx(np.log(fast / slow))


def test_volatility_ratio_of_a_price_that_stands_still_is_missing(panel_of):
    assert np.isnan(volatility_ratio(2, 4).compute(panel_of(close=closes(0.02, -0.02, 0.0, 0.0)))[-1, 0])


def test_range_is_parkinsons(panel_of):
    panel = panel_of(high=[np.e, 1.0], low=[1.0, 1.0])
    assert range_(2).compute(panel)[-1, 0] == pytest.approx(np.sqrt(0.5 / (4 * np.log(2))))


def test_skewness_of_one_jump_by_hand(panel_of):
    assert skewness(3).compute(panel_of(close=closes(0.0, 0.0, 0.03)))[-1, 0] == pytest.approx(np.sqrt(3))


@pytest.mark.parametrize("windows", [(20, 20), (20, 5), (1, 5)])
def test_volatility_ratio_of_wrong_windows_is_refused(windows):
    with pytest.raises(ConfigError, match="volatility_ratio: fast"):
        volatility_ratio(*windows)
