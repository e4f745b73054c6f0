"""Every row is in one bin; bins found hold their share of rows, and only those of a tree depend on the outcome."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.errors import ConfigError
from finnet.features.binning import LevelBins, NumberBins, level_bins, number_bins, tree_bins


def test_an_edge_is_the_lowest_number_of_the_interval_above_it():
    assert NumberBins((0.0, 1.0)).place(np.array([-0.1, 0.0, 0.9, 1.0])).tolist() == [0, 1, 1, 2]


def test_codes_and_gaps_have_bins_of_their_own():
    bins = NumberBins((0.0,), codes=(-9.0, -8.0))
    assert bins.place(np.array([-8.0, -9.0, -7.0, np.nan, 5.0])).tolist() == [3, 2, 0, 4, 1]
    assert bins.labels == ["below 0", "0 or more", "code -9", "code -8", "missing"]


def test_levels_that_no_group_names_are_any_other():
    bins = LevelBins((("a", "b"), ("c",)))
    assert bins.place(pd.Series(["c", "b", "z", None], dtype=object)).tolist() == [1, 0, 2, 3]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NumberBins((2.0, 1.0)), "edges do not rise: 2 stands before 1"),
        (lambda: NumberBins((1.0, 1.0)), "edges do not rise"),
        (lambda: NumberBins((np.inf,)), "finite"),
        (lambda: NumberBins((), codes=(1.0, 1.0)), r"code 1\.0 comes twice"),
        (lambda: LevelBins((("a",), ("b", "a"))), "level 'a' comes twice"),
        (lambda: LevelBins(((),)), "holds no level"),
    ],
)
def test_bins_that_would_hold_a_row_twice_or_never_are_refused(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.5, 7.0, -1.0, np.nan]) | st.floats(-9, 9), min_size=1, max_size=80),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.02, 0.2]),
)
def test_intervals_found_hold_their_least_share(column, most, least_share):
    column = np.array(column)
    bins = number_bins(column, most=most, least_share=least_share)
    rows = np.bincount(bins.place(column), minlength=len(bins.labels))[:-1]
    assert len(bins.edges) < most
    assert set(bins.edges) <= set(column)
    if len(bins.edges):
        assert rows.min() >= max(1, least_share * len(column))


def test_a_rare_number_beside_a_common_zero_has_its_interval():
    column = np.repeat([0.0, 1.0, 2.0], [95, 3, 2])
    assert number_bins(column, most=8, least_share=0.02).edges == (1.0,)


def test_numbers_that_differ_are_spread_evenly():
    assert number_bins(np.arange(100.0), most=4, least_share=0.02).edges == (25.0, 50.0, 75.0)


def test_codes_that_never_come_have_no_bin():
    assert number_bins(np.array([1.0, -9.0]), most=2, least_share=0.0, codes=(-9.0, -8.0)).codes == (-9.0,)


def test_rare_levels_share_a_bin():
    column = pd.Series(["a"] * 60 + ["b"] * 39 + ["c"], dtype=object)
    assert level_bins(column, least_share=0.02).groups == (("a",), ("b",))


def steps(*rates, size=50):
    """Numbers 0, 1, ..., and outcomes whose rate of bad ones changes every `size` rows."""
    outcome = np.concatenate([np.arange(size) < round(rate * size) for rate in rates]).astype(int)
    return np.arange(float(len(outcome))), outcome


def test_a_tree_cuts_where_the_risk_changes():
    # All of the first 50 rows are bad and none of the others: one cut says it all.
    column, outcome = steps(1.0, 0.0, 0.0)
    assert tree_bins(column, outcome, most=8, least_share=0.02).edges == (50.0,)
    column[column >= 50] += 1000.0
    assert tree_bins(column, outcome, most=8, least_share=0.02).edges == (1050.0,)


def test_a_tree_finds_a_rise_and_a_fall():
    column, outcome = np.repeat([1.0, 2.5, 7.0], 40), np.repeat([0, 1, 0], 40)
    assert tree_bins(column, outcome, most=8, least_share=0.02).edges == (2.5, 7.0)
    assert len(tree_bins(column, outcome, most=2, least_share=0.02).edges) == 1


def test_a_tree_does_not_look_at_codes_and_gaps():
    column, outcome = steps(0.0, 1.0)
    column, outcome = np.r_[column, np.full(30, -9.0), np.full(30, np.nan)], np.r_[outcome, np.tile([1, 0], 30)]
    found = tree_bins(column, outcome, most=8, least_share=0.02, codes=(-9.0, -8.0))
    assert found == NumberBins((50.0,), codes=(-9.0,))


def test_parts_of_a_tree_hold_their_least_share():
    column, outcome = np.arange(100.0), (np.arange(100) >= 95).astype(int)
    assert tree_bins(column, outcome, most=8, least_share=0.1).edges == (90.0,)
    assert tree_bins(column, outcome, most=8, least_share=0.6).edges == ()


def test_a_tree_tells_numbers_apart_that_are_one_in_single_precision():
    column = 1e9 + np.repeat([0.0, 1.0], 50)
    assert tree_bins(column, np.repeat([0, 1], 50), most=4, least_share=0.02).edges == (1e9 + 1,)


def test_a_tree_cuts_a_column_that_says_nothing_in_about_one_case_in_twenty():
    rng = np.random.default_rng(0)
    cut = [
        bool(tree_bins(rng.random(400), rng.integers(0, 2, 400), most=8, least_share=0.05).edges) for _ in range(400)
    ]
    # Miller & Siegmund's tail is that of large samples and errs, if at all, on the careful side.
    assert 0.02 < np.mean(cut) < 0.07


@pytest.mark.parametrize("outcome", [np.zeros(50, int), np.ones(50, int)])
def test_a_tree_makes_one_interval_of_one_outcome(outcome):
    assert tree_bins(np.arange(50.0), outcome, most=4, least_share=0.1).edges == ()
