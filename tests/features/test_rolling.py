"""Rolling statistics equal pandas, skip gaps, and are worked by hand at the edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finnet.features.rolling import (
    change,
    ratio,
    rolling_beta,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_skewness,
    rolling_std,
    rolling_sum,
    rolling_z,
    shifted,
)

PANDAS = {
    rolling_sum: lambda rolling: rolling.sum(),
    rolling_mean: lambda rolling: rolling.mean(),
    rolling_std: lambda rolling: rolling.std(),
    rolling_max: lambda rolling: rolling.max(),
    rolling_min: lambda rolling: rolling.min(),
    rolling_skewness: lambda rolling: rolling.skew(),
}


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def gappy(rows: int, columns: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((rows, columns)) < 0.15, np.nan, rng.standard_normal((rows, columns)))


@pytest.mark.parametrize("statistic", PANDAS, ids=lambda statistic: statistic.__name__)
@pytest.mark.parametrize("window", [3, 20, 63, 200])
def test_statistic_equals_pandas(statistic, window):
    values, least = gappy(150, 40, seed=window), max(int(np.ceil(0.8 * window)), 3)
    expected = PANDAS[statistic](pd.DataFrame(values).rolling(window, min_periods=least)).to_numpy()
    np.testing.assert_allclose(statistic(values, window), expected, rtol=1e-8, atol=1e-8)


@given(rows=st.integers(1, 60), window=st.integers(1, 70), seed=st.integers(0, 999), share=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_mean_equals_the_plain_loop(rows, window, seed, share):
    values = gappy(rows, 2, seed)
    for t in range(rows):
        seen = values[max(t - window + 1, 0) : t + 1]
        valid = np.isfinite(seen)
        enough = (valid.sum(axis=0) >= share * window - 1e-9) & valid.any(axis=0)
        mean = np.where(valid, seen, 0.0).sum(axis=0) / np.maximum(valid.sum(axis=0), 1)
        np.testing.assert_allclose(
            rolling_mean(values, window, min_share=share)[t], np.where(enough, mean, np.nan), rtol=1e-9, atol=1e-12
        )


def test_wide_arrays_equal_their_columns():
    values = gappy(100, 11, seed=3)
    alone = np.hstack([rolling_std(values[:, [s]], 10) for s in range(11)])
    np.testing.assert_array_equal(rolling_std(values, 10), alone)


def test_input_is_left_alone():
    values = gappy(50, 3, seed=4)
    before = values.copy()
    for statistic in (*PANDAS, rolling_z):
        statistic(values, 1 if statistic is rolling_max else 5)
    np.testing.assert_array_equal(values, before)


def test_one_missing_value_does_not_poison_later_windows():
    assert rolling_sum(column(1, np.nan, 3, 4), 2)[-1, 0] == 7.0


def test_infinite_value_counts_as_missing():
    assert rolling_mean(column(1, np.inf, 3), 3, min_share=0.6)[-1, 0] == 2.0


def test_window_with_too_few_values_is_missing():
    assert np.isnan(rolling_mean(column(1, np.nan, np.nan, 4, 5), 5, min_share=0.8)[-1, 0])


def test_one_value_is_always_needed():
    assert np.isnan(rolling_sum(column(np.nan, np.nan), 2, min_share=0.0)[-1, 0])


def test_spread_of_equal_values_is_exactly_zero():
    assert rolling_std(np.full((20, 1), 0.1), 7)[-1, 0] == 0.0


def test_z_without_spread_is_missing():
    assert np.isnan(rolling_z(np.full((20, 1), 0.1), 7)[-1, 0])


def test_z_by_hand():
    assert rolling_z(column(1, 2, 6), 3)[-1, 0] == pytest.approx(3 / np.sqrt(7))  # mean 3, variance (4 + 1 + 9) / 2


def test_skewness_by_hand():
    # Deviations -1, -1, 2: m2 = 2, m3 = 2, g1 = 2 / 2^1.5, times sqrt(3 * 2) / 1.
    assert rolling_skewness(column(0, 0, 3), 3)[-1, 0] == pytest.approx(np.sqrt(3))


def test_beta_equals_least_squares_over_rows_that_both_have():
    y, x = gappy(60, 1, seed=5), gappy(60, 1, seed=6)
    both = np.isfinite(y[-30:, 0]) & np.isfinite(x[-30:, 0])
    slope = np.polyfit(x[-30:, 0][both], y[-30:, 0][both], 1)[0]
    assert rolling_beta(y, x, 30, min_share=0.5)[-1, 0] == pytest.approx(slope)


def test_beta_to_what_does_not_move_is_missing():
    assert np.isnan(rolling_beta(column(1, 2, 3), column(5, 5, 5), 3)[-1, 0])


def test_shift_past_the_start_is_missing():
    assert np.isnan(shifted(column(1, 2), 5)).all()


def test_shift_into_the_future_is_refused():
    with pytest.raises(AssertionError, match="look ahead"):
        shifted(column(1, 2), -1)


def test_change_past_the_start_is_missing():
    assert np.isnan(change(column(1, 2), 5)).all()


def test_change_from_the_future_is_refused():
    with pytest.raises(AssertionError, match="look ahead"):
        change(column(1, 2), -1)


def test_ratio_to_zero_is_what_was_asked_for():
    assert ratio(column(1.0), column(0.0), otherwise=0.5)[0, 0] == 0.5


def test_ratio_of_missing_is_missing():
    assert np.isnan(ratio(column(np.nan), column(0.0), otherwise=0.5)[0, 0])
