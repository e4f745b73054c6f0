"""A slice of a panel is enough to catch what people write by accident, and raises no alarm at what is sound."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_market
from finnet.errors import DataError, LookAheadError
from finnet.features.feature import Feature, PanelView
from finnet.features.spot_check import require_sound
from finnet.types import FloatArray
from tests.features.test_lookahead import LEAKS, LEVELS

PANEL = made_market(symbols=6, sessions=120)


def gap_free(view: PanelView) -> FloatArray:
    if not np.isfinite(view["sentiment"]).all():
        raise ValueError("gaps")
    return np.tanh(view["sentiment"])


def weighted(view: PanelView) -> FloatArray:
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(view["volume"], ((9, 0), (0, 0))), 10, axis=0)
    return windows @ np.arange(10.0)


def of_this_week(view: PanelView) -> FloatArray:
    week = (view.sessions.astype("datetime64[D]").astype(int) + 3) // 7
    return view["close"] / pd.DataFrame(view["close"]).groupby(week).transform("last").to_numpy()


@pytest.mark.parametrize("leak", [*LEAKS, *LEVELS, of_this_week], ids=lambda leak: leak.__name__)
def test_a_slice_shows_the_leak(leak):
    with pytest.raises(LookAheadError):
        require_sound(Feature(leak.__name__, 7, ("close",), leak), PANEL)


def test_matrix_products_that_round_differently_are_no_alarm():
    require_sound(Feature("weighted", 10, ("volume",), weighted), PANEL)


def test_panels_shorter_than_the_slice_are_checked_whole():
    with pytest.raises(LookAheadError):
        require_sound(Feature("leak", 1, ("close",), LEAKS[0]), PANEL.until(3))


def test_the_slice_lies_where_the_fields_have_values():
    early = PANEL["sentiment"].copy()
    early[60:] = np.nan
    feature = Feature("early", 1, ("early",), lambda view: np.roll(view["early"], -1, axis=0))
    with pytest.raises(LookAheadError, match="looks ahead"):
        require_sound(feature, PANEL.with_fields({"early": early}))


def test_a_missing_field_is_named():
    with pytest.raises(DataError, match="'mood' needs field 'mood'"):
        require_sound(Feature("mood", 1, ("mood",), lambda view: view["mood"]), PANEL)
