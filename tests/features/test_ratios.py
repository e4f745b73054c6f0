"""Ratios: missing where they mean nothing, and found only where they explain what a forecast did not."""

import numpy as np
import pandas as pd

from finnet.features.ratios import Ratio, find_ratios

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(RNG.lognormal(0.0, 1.0, (4000, 4)), columns=["debt", "income", "age", "amount"])


def test_what_has_no_quotient_is_missing():
    table = pd.DataFrame({"a": [1.0, np.nan, 0.0], "b": [0.0, 1.0, 0.0]})
    assert np.isnan(Ratio("a", "b").of(table)).all()
    np.testing.assert_array_equal(Ratio("a", "b", is_difference=True).of(table), [1.0, np.nan, 0.0])


def test_a_ratio_that_decides_is_found_first():
    y = (TABLE["debt"] / TABLE["income"] > 1.0).to_numpy(int)
    assert {find_ratios(TABLE, y, np.full(4000, 0.5))[0].name} <= {"debt / income", "income / debt"}


def test_in_most_tables_nothing_is_found_where_the_forecast_knows_all():
    probability = 1.0 / (1.0 + TABLE["income"] / TABLE["debt"]).to_numpy()
    found = [find_ratios(TABLE, (RNG.random(4000) < probability).astype(int), probability) for _ in range(20)]
    assert sum(map(bool, found)) <= 10


def test_ratios_in_the_same_order_are_found_once():
    y = (RNG.random(4000) < 1.0 / (1.0 + (TABLE["income"] / TABLE["debt"]).to_numpy())).astype(int)
    names = [ratio.name for ratio in find_ratios(TABLE, y, np.full(4000, 0.5))]
    assert not {"debt / income", "income / debt"} <= {*names}
