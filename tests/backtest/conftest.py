"""Panels and forecasts made for tests of backtests."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import Panel, closing_times
from finnet.forecasts import Forecasts


def panel_of(close):
    """A panel of daily closes, shape (T,) or (T, S), with symbols A, B, C, ..."""
    close = np.asarray(close, float)
    close = close[:, None] if close.ndim == 1 else close
    sessions = pd.bdate_range("2020-01-06", periods=len(close)).to_numpy("datetime64[us]")
    symbols = tuple(chr(ord("A") + number) for number in range(close.shape[1]))
    return Panel(sessions, closing_times(sessions), symbols, {"close": close})


def forecasts_of(panel, values, *, horizon=1, model="network"):
    """Forecasts issued at the closes of the panel; `values` of shape (T,) or (T, S), NaN for none."""
    values = np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    t, s = np.nonzero(np.isfinite(values))
    rows = {
        "model": model,
        "fold": 0,
        "entity": np.array(panel.symbols, object)[s],
        "issued_at": panel.closes_at[t],
        "target": "direction",
        "horizon": horizon,
        "kind": "probability",
        "value": values[t, s],
    }
    return Forecasts.from_rows(rows, run_id="t")


@pytest.fixture
def make_panel():
    return panel_of


@pytest.fixture
def make_forecasts():
    return forecasts_of


@pytest.fixture
def random_market():
    """A panel of 80 sessions and 6 symbols with forecasts for all but the last 10 sessions."""
    rng = np.random.default_rng(0)
    panel = panel_of(100 * np.cumprod(1 + 0.02 * rng.standard_normal((80, 6)), axis=0))
    values = rng.random((80, 6))
    values[70:] = np.nan
    return panel, values
