"""The features of the benchmark equal those by pandas, grouped by symbol and rolled in a long table."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import Panel
from finnet.data.samples import made_market
from finnet.features.feature_set import feature_named

BENCHMARK = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "bench_features.py"))
SESSIONS, SYMBOLS = 280, 6


@pytest.fixture(scope="module")
def panel() -> Panel:
    whole, rng = made_market(sessions=SESSIONS, symbols=SYMBOLS), np.random.default_rng(0)
    closed = rng.random(whole.shape) < 0.04
    fields = {name: np.where(closed, np.nan, values) for name, values in whole.fields.items()}
    return Panel(whole.sessions, whole.closes_at, whole.symbols, fields)


@pytest.fixture(scope="module")
def table(panel: Panel) -> pd.DataFrame:
    table = BENCHMARK["long_table"](panel)
    BENCHMARK["features_by_pandas"](table)
    return table


@pytest.mark.parametrize("name", BENCHMARK["BY_PANDAS"])
def test_feature_equals_grouped_pandas(name, panel, table):
    values = feature_named(name).compute(panel)
    expected = table[name].to_numpy(float).reshape(SYMBOLS, SESSIONS).T
    assert np.isfinite(values[-1]).any()
    np.testing.assert_allclose(values, expected, rtol=1e-8, atol=1e-8)
