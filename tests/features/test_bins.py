"""Bins: edges where rows are many and where the risk changes, and shares that rise from 0 to 1."""

import numpy as np
import pytest

from finnet.features.bins import PiecewiseLinear

RNG = np.random.default_rng(0)


def test_an_edge_lies_where_a_code_has_another_risk():
    values = np.where(RNG.random(2000) < 0.05, 98.0, RNG.integers(0, 3, 2000))
    edges = PiecewiseLinear(4).fit(values[:, None], (values == 98.0).astype(int)).edges_[0]
    assert ((edges > 2.0) & (edges < 98.0)).any()


def test_shares_by_hand():
    bins = PiecewiseLinear(1)
    bins.edges_ = [np.array([0.0, 1.0, 3.0])]
    shares = bins.transform(np.array([[-1.0], [0.5], [2.0], [9.0], [np.nan]]))
    np.testing.assert_array_equal(shares, [[0, 0], [0.5, 0], [1, 0.5], [1, 1], [0, 0]])


def test_columns_that_are_missing_or_constant_have_no_bins():
    values = np.column_stack([np.full(40, np.nan), np.ones(40), RNG.random(40)])
    bins = PiecewiseLinear(3).fit(values, RNG.integers(2, size=40))
    assert [len(edges) for edges in bins.edges_[:2]] == [0, 1]
    assert bins.transform(values).shape == (40, len(bins.edges_[2]) - 1)


@pytest.mark.parametrize("n_rows", [1, 8192, 8193])
def test_blocks_of_rows_give_the_shares_of_single_rows(n_rows):
    values = RNG.random((n_rows, 2))
    bins = PiecewiseLinear(5).fit(RNG.random((500, 2)), RNG.integers(2, size=500))
    np.testing.assert_array_equal(bins.transform(values)[-1:], bins.transform(values[-1:]))
