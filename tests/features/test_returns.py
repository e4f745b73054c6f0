import numpy as np
import pytest

from finnet.features.returns import close_location, intraday, log_return, overnight


def test_return_is_the_log_of_the_price_ratio(panel_of):
    values = log_return(2).compute(panel_of(close=[1.0, 2.0, np.e]))
    np.testing.assert_allclose(values[:, 0], [np.nan, np.nan, 1.0])


def test_return_over_a_missing_close_is_missing(panel_of):
    assert np.isnan(log_return(1).compute(panel_of(close=[1.0, np.nan, 2.0]))).all()


@pytest.mark.parametrize("price", [0.0, -37.63])
def test_return_from_a_price_without_logarithm_is_missing(panel_of, price):
    assert np.isnan(log_return(1).compute(panel_of(close=[price, 2.0]))).all()


def test_overnight_and_intraday_make_the_return_of_the_day(panel_of):
    panel = panel_of(open=[9.0, 11.0], close=[10.0, 12.0])
    parts = overnight().compute(panel) + intraday().compute(panel)
    np.testing.assert_allclose(parts, log_return(1).compute(panel))


def test_overnight_starts_at_the_last_close(panel_of):
    assert overnight().compute(panel_of(open=[9.0, 11.0], close=[10.0, 12.0]))[1, 0] == pytest.approx(np.log(1.1))


def test_close_location_by_hand(panel_of):
    panel = panel_of(low=[1.0, 1.0, 2.0], high=[5.0, 5.0, 2.0], close=[2.0, 5.0, 2.0])
    np.testing.assert_allclose(close_location().compute(panel)[:, 0], [0.25, 1.0, 0.5])
