import numpy as np
import pytest

from finnet.data.samples import made_market
from finnet.errors import DataError
from finnet.features.feature import Feature, PanelView
from finnet.features.feature_set import FAMILIES
from finnet.features.returns import intraday
from finnet.features.volatility import volatility


def test_missing_field_is_named_with_what_the_panel_has(panel_of):
    with pytest.raises(DataError, match=r"'intraday' needs field 'open'; the panel has close, volume\."):
        intraday().compute(panel_of(close=[1.0], volume=[1.0]))


def test_a_feature_used_twice_is_computed_once(panel_of):
    calls = []
    feature = Feature("counted", 1, ("close",), lambda view: calls.append(1) or view["close"])
    view = PanelView(panel_of(close=[1.0]))
    assert view.value(feature) is view.value(feature)
    assert calls == [1]


@pytest.mark.parametrize("family", FAMILIES)
def test_symbols_taken_a_few_at_a_time_give_the_same(family, monkeypatch):
    feature = FAMILIES[family](*([volatility()] if family in ("rank", "market") else []))
    panel = made_market(symbols=7, sessions=260)
    together = feature.compute(panel)
    monkeypatch.setattr("finnet.features.feature._BLOCK", 2 * 260)
    np.testing.assert_array_equal(feature.compute(panel), together)


def test_a_cross_section_is_never_taken_apart(monkeypatch):
    mean = Feature("mean", 1, ("close",), lambda view: np.broadcast_to(view["close"].mean(axis=1)[:, None], view.shape))
    panel = made_market(symbols=7, sessions=20)
    monkeypatch.setattr("finnet.features.feature._BLOCK", 1)
    np.testing.assert_array_equal(mean.compute(panel)[:, 0], panel["close"].mean(axis=1))


def test_logarithm_of_what_is_not_above_zero_is_missing(panel_of):
    logs = PanelView(panel_of(close=[np.e, 0.0, -1.0, np.inf, np.nan])).log("close")
    np.testing.assert_array_equal(logs[:, 0], [1.0, np.nan, np.nan, np.nan, np.nan])


def test_integer_fields_are_read_as_floats(panel_of):
    panel = panel_of(close=[1.0, 2.0]).with_fields({"volume": np.array([[1], [2]])})
    assert PanelView(panel)["volume"].dtype == np.float64
