import numpy as np
import pytest

from finnet.errors import DataError
from finnet.features.volume import dollar_volume, volume_change, volume_z


def test_volume_z_by_hand(panel_of):
    values = volume_z(3).compute(panel_of(volume=np.exp([1.0, 2.0, 6.0])))
    assert values[-1, 0] == pytest.approx(3 / np.sqrt(7))  # mean 3, variance (4 + 1 + 9) / 2


def test_volume_z_of_constant_volume_is_missing(panel_of):
    assert np.isnan(volume_z(3).compute(panel_of(volume=[700.0] * 5))).all()


def test_volume_change_is_a_log_ratio(panel_of):
    assert volume_change(1).compute(panel_of(volume=[100.0, 300.0]))[-1, 0] == pytest.approx(np.log(3))


def test_bar_without_trade_is_missing(panel_of):
    assert np.isnan(volume_change(1).compute(panel_of(volume=[0.0, 300.0]))).all()


def test_dollar_volume_is_the_log_of_mean_money(panel_of):
    panel = panel_of(raw_close=[1.0, 2.0], volume=[100.0, 150.0])
    assert dollar_volume(2).compute(panel)[-1, 0] == pytest.approx(np.log(200.0))


def test_dollar_volume_counts_the_close_as_traded_not_as_later_splits_adjust_it(panel_of):
    traded = {"raw_close": [28.0, 28.0], "volume": [100.0, 100.0]}
    before, after = (panel_of(close=[close, close], **traded) for close in (28.0, 1.0))
    np.testing.assert_array_equal(dollar_volume(2).compute(before), dollar_volume(2).compute(after))


def test_dollar_volume_without_any_trade_is_missing(panel_of):
    assert np.isnan(dollar_volume(2).compute(panel_of(raw_close=[1.0, 2.0], volume=[0.0, 0.0]))).all()


def test_dollar_volume_without_the_close_as_traded_is_refused_with_the_keys_that_help(panel_of):
    panel = panel_of(close=[1.0, 2.0], volume=[100.0, 150.0])
    with pytest.raises(DataError, match=r"needs field 'raw_close'.*columns = \{raw_close = '...'\}"):
        dollar_volume(2).compute(panel)
