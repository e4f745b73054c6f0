"""Weights and information values by hand, and what chance gives them."""

from math import log

import numpy as np
import pytest

from finnet.errors import DataError
from finnet.features.binning import NumberBins
from finnet.features.weight_of_evidence import Evidence

RNG = np.random.default_rng(0)


def test_weights_and_information_by_hand():
    # 60 of 100 goods and 10 of 20 bads are below; half a bad is added to each bin, and goods at the same rate.
    evidence = Evidence(NumberBins((1.0,)), good=np.array([60, 40, 0]), bad=np.array([5, 15, 0]))
    below, above = log((0.6 + 0.025) / (0.25 + 0.025)), log((0.4 + 0.025) / (0.75 + 0.025))
    assert evidence.weights == pytest.approx([below, above, 0.0])
    assert evidence.information_value == pytest.approx((0.6 - 0.25) * below + (0.4 - 0.75) * above)


def test_with_many_rows_the_weight_is_that_of_the_textbook():
    evidence = Evidence(NumberBins((1.0,)), good=np.array([600_000, 400_000, 0]), bad=np.array([50_000, 150_000, 0]))
    assert evidence.weights[:2] == pytest.approx([log(0.6 / 0.25), log(0.4 / 0.75)], abs=1e-4)


def test_a_bin_of_goods_alone_has_a_finite_weight_above_zero():
    evidence = Evidence(NumberBins((1.0,)), good=np.array([50, 50, 0]), bad=np.array([0, 10, 0]))
    assert 0.0 < evidence.weights[0] < 5.0


def test_no_bin_takes_from_the_information():
    for _ in range(20):
        evidence = Evidence(
            NumberBins((1.0, 2.0)), good=RNG.integers(1, 50, 4), bad=RNG.integers(0, 5, 4) + [1, 0, 0, 0]
        )
        assert (evidence.parts >= 0.0).all()


def test_the_null_value_is_that_of_simulated_columns_that_say_nothing():
    bins, y = NumberBins((0.2, 0.4, 0.6, 0.8)), np.repeat([0, 1], [1700, 300])
    found = [Evidence.of(bins, RNG.random(2000), y) for _ in range(400)]
    # Half a row in each bin shrinks the values by a hundredth or two.
    assert np.mean([own.information_value for own in found]) == pytest.approx(found[0].null_value, rel=0.08)


def test_values_over_the_null_unit_are_distributed_like_chi_square():
    bins, y = NumberBins((0.2, 0.4, 0.6, 0.8)), np.repeat([0, 1], [1700, 300])
    found = np.array([Evidence.of(bins, RNG.random(2000), y).information_value for _ in range(400)])
    critical = 9.488  # chi-square, 4 degrees of freedom, 5 %
    assert 0.02 <= (found / (1 / 1700 + 1 / 300) > critical).mean() <= 0.08


def test_bins_without_rows_have_no_part_in_the_null_value():
    some = Evidence(NumberBins((1.0,)), good=np.array([50, 50, 0]), bad=np.array([5, 5, 0]))
    assert some.null_value == pytest.approx(1 / 100 + 1 / 10)


def test_one_outcome_alone_is_refused():
    with pytest.raises(DataError, match="all outcomes are the same"):
        Evidence.of(NumberBins(()), np.zeros(3), np.zeros(3, int))
