import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finnet.data.samples import made_market
from finnet.features.cross_section import beta, market, rank, residual
from finnet.features.returns import log_return
from finnet.features.sentiment import sentiment

SCORE = sentiment("score")


@pytest.mark.parametrize(
    ("scores", "ranks"),
    [
        ([3.0, 1.0, 2.0], [0.5, -0.5, 0.0]),
        ([7.0, 7.0, 7.0], [0.0, 0.0, 0.0]),
        ([1.0, 5.0, 5.0], [-0.5, 0.25, 0.25]),
        ([1.0, np.nan, 2.0], [-0.5, np.nan, 0.5]),
        ([np.nan, 4.0, np.nan], [np.nan, 0.0, np.nan]),
        ([np.nan, np.nan, np.nan], [np.nan, np.nan, np.nan]),
        ([np.inf, 4.0, 5.0], [np.nan, -0.5, 0.5]),
    ],
)
def test_rank_by_hand(panel_of, scores, ranks):
    np.testing.assert_allclose(rank(SCORE).compute(panel_of(score=[scores]))[0], ranks)


def test_only_members_are_ranked(panel_of):
    panel = panel_of(score=[[1.0, 2.0, 3.0]], member=np.array([[True, False, True]]))
    np.testing.assert_array_equal(rank(SCORE).compute(panel)[0], [-0.5, np.nan, 0.5])


@given(seed=st.integers(0, 999), symbols=st.integers(2, 30), levels=st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_ranks_equal_pandas_with_ties_and_gaps(seed, symbols, levels):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((70, symbols)) < 0.2, np.nan, rng.integers(0, levels, (70, symbols)).astype(float))
    table = pd.DataFrame(values)
    others = table.notna().sum(axis=1) - 1
    expected = (table.rank(axis=1) - 1).div(others.where(others > 0), axis=0) - 0.5
    expected[others == 0] = table[others == 0] * 0.0
    panel = made_market(symbols=symbols, sessions=70).with_fields({"score": values})
    np.testing.assert_allclose(rank(SCORE).compute(panel), expected.to_numpy(), atol=1e-12)


def test_market_is_the_mean_of_members_that_have_the_feature(panel_of):
    panel = panel_of(score=[[1.0, 2.0, 9.0, np.nan]], member=np.array([[True, True, False, True]]))
    np.testing.assert_array_equal(market(SCORE).compute(panel), np.full((1, 4), 1.5))


def test_market_without_members_is_missing(panel_of):
    assert np.isnan(market(SCORE).compute(panel_of(score=[[1.0]], member=np.array([[False]])))).all()


def doubling_panel(panel_of):
    """A moves three times as much as B, so the market is twice B: betas are 1.5 and 0.5."""
    moves = np.cumsum([0.0, 0.01, -0.02, 0.03, 0.01])
    return panel_of(close=np.exp(np.column_stack([3 * moves, moves])))


def test_beta_by_hand(panel_of):
    np.testing.assert_allclose(beta(4).compute(doubling_panel(panel_of))[-1], [1.5, 0.5])


def test_residual_of_what_only_follows_the_market_is_zero(panel_of):
    np.testing.assert_allclose(residual(2, window=4).compute(doubling_panel(panel_of))[-1], 0.0, atol=1e-15)


def test_residual_by_hand(panel_of):
    panel = doubling_panel(panel_of)
    own, everyone, slope = (f.compute(panel)[-1] for f in (log_return(1), market(log_return(1)), beta(3)))
    np.testing.assert_allclose(residual(1, window=3).compute(panel)[-1], own - slope * everyone, atol=1e-15)
