import numpy as np

from finnet.features.calendar import day_of_month, days_since_last, month, weekday


def test_calendar_of_the_first_days_of_2020(panel_of):
    panel = panel_of(close=np.ones((4, 2)))  # Wednesday 1st, Thursday, Friday, Monday 6th
    np.testing.assert_array_equal(weekday().compute(panel)[:, 1], [2, 3, 4, 0])
    np.testing.assert_array_equal(day_of_month().compute(panel)[:, 1], [1, 2, 3, 6])
    np.testing.assert_array_equal(month().compute(panel)[:, 1], [1, 1, 1, 1])


def test_days_since_last_counts_the_weekend(panel_of):
    np.testing.assert_array_equal(days_since_last().compute(panel_of(close=[1.0] * 4))[:, 0], [np.nan, 1, 1, 3])


def test_all_symbols_share_the_calendar(panel_of):
    assert weekday().compute(panel_of(close=np.ones((4, 3)))).shape == (4, 3)
