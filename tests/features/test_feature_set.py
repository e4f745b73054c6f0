import numpy as np
import pytest

from finnet.data.samples import index_history, made_market
from finnet.errors import ConfigError, DataError
from finnet.features.cross_section import rank
from finnet.features.feature_set import CROSS_SECTION, FAMILIES, STANDARD, FeatureSet, feature_named
from finnet.features.momentum import momentum
from finnet.features.returns import log_return
from finnet.features.volatility import volatility

PLAIN = [factory() for family, factory in FAMILIES.items() if family not in ("rank", "market")]


@pytest.mark.parametrize("feature", [*PLAIN, *map(rank, PLAIN)], ids=lambda feature: feature.name)
def test_name_leads_back_to_the_feature(feature):
    assert feature_named(feature.name) == feature


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"rank", "market"}))
def test_family_name_alone_takes_the_defaults(family):
    assert feature_named(family) == FAMILIES[family]()


@pytest.mark.parametrize(
    ("text", "look_back"),
    [
        ("return_5", 6),
        ("volatility_20", 21),
        ("volatility_ratio_5_20", 21),
        ("momentum_252_21", 253),
        ("position_in_range_60", 60),
        ("volume_z_20", 20),
        ("overnight", 2),
        ("rank_return_5", 6),
        ("market_volatility_20", 21),
        ("residual_5_60", 61),
        ("sentiment_change_vix_5", 6),
        ("weekday", 1),
    ],
)
def test_look_back_follows_from_the_name(text, look_back):
    assert feature_named(text).look_back == look_back


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("volatilty_20", "did you mean 'volatility_20'"),
        ("retrun_5", "did you mean 'return_"),
        ("rank_retrun_5", "'retrun_5' is not known; did you mean 'return_5'"),
        ("volatility_short", "is not known"),
        ("weekday_5", "is not known"),
        ("return_5_6", "is not known"),
        ("returns_5", "did you mean 'return_5'"),
        ("rank", "is not known"),
        ("", "is not known"),
        ("return_-5", "is not known"),
        ("return_0", "return: bars=0 is too small; use 1 or more"),
        ("momentum_20_20", "skip=20 is not within window=20"),
    ],
)
def test_wrong_name_is_refused_with_a_hint(text, hint):
    with pytest.raises(ConfigError, match=hint):
        feature_named(text)


def test_columns_stand_in_the_order_of_names():
    panel = made_market(symbols=3, sessions=40)
    values = FeatureSet.of(["volatility_5", "return_1"]).compute(panel)
    np.testing.assert_array_equal(values[:, :, 0], volatility(5).compute(panel).astype(np.float32))
    np.testing.assert_array_equal(values[:, :, 1], log_return(1).compute(panel).astype(np.float32))


def test_look_back_is_that_of_the_longest():
    assert FeatureSet((log_return(5), momentum(60), volatility(20))).look_back == 61


def test_values_are_float32():
    assert FeatureSet((log_return(1),)).compute(made_market(symbols=1, sessions=3)).dtype == np.float32


def test_same_feature_twice_is_refused():
    with pytest.raises(ConfigError, match="'return_5' stands twice"):
        FeatureSet.of(["return_5", "return_1", "return_5"])


def test_empty_set_is_refused():
    with pytest.raises(ConfigError, match="at least one feature"):
        FeatureSet(())


def test_standard_set_is_complete_on_index_history():
    values = FeatureSet.of(STANDARD).compute(index_history().until(500))
    assert np.isfinite(values[FeatureSet.of(STANDARD).look_back - 1 :]).all()


def test_cross_section_set_is_complete_on_a_made_market():
    features = FeatureSet.of(CROSS_SECTION)
    values = features.compute(made_market(symbols=5, sessions=300))
    assert np.isfinite(values[features.look_back - 1 :]).all()


def test_ranks_of_a_large_panel_are_uniform():
    values = FeatureSet.of(["rank_return_5"]).compute(made_market(symbols=101, sessions=30))[-1, :, 0]
    np.testing.assert_allclose(np.sort(values), np.linspace(-0.5, 0.5, 101), atol=1e-7)


def test_set_without_volume_says_which_feature_needs_it():
    panel = made_market(symbols=2, sessions=70)
    bare = type(panel)(panel.sessions, panel.closes_at, panel.symbols, {"close": panel["close"]})
    with pytest.raises(DataError, match="'volume_z_20' needs field 'volume'; the panel has close"):
        FeatureSet.of(STANDARD).compute(bare)


def test_panel_shorter_than_the_look_back_is_all_missing_not_an_error():
    values = FeatureSet.of(["return_5", "volatility_20", "drawdown_60"]).compute(made_market(symbols=2, sessions=4))
    assert np.isnan(values).all()
