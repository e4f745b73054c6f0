"""Forecasts are moved to the stated rate, and keep their order."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from finnet.errors import ConfigError, DataError
from finnet.lending.central_tendency import CentralTendency, Shift, find_shift

P = expit(np.random.default_rng(0).normal(-2, 1, 400))
X = pd.DataFrame(
    {"product": pd.Categorical(["card", "loan", None, "loan"] * 100), "term": [12.0, 24.5, 12.0, 12.0] * 100}
)
BY_PRODUCT = CentralTendency({"card": 0.03, "loan": 0.01, "missing": 0.2}, "product")


def test_the_mean_forecast_is_the_stated_rate_and_the_order_stays():
    moved = find_shift(CentralTendency({"all": 0.021}, ""), P, X).move(P, X)
    assert moved.mean() == pytest.approx(0.021, abs=1e-12)
    assert (np.argsort(moved) == np.argsort(P)).all()


def test_every_segment_gets_its_own_rate():
    moved = pd.Series(find_shift(BY_PRODUCT, P, X).move(P, X))
    means = moved.groupby(X["product"].astype(object).fillna("missing")).mean()
    assert means.to_dict() == pytest.approx(BY_PRODUCT.rates)


def test_repeats_of_a_loan_count_as_one():
    # The first loan was forecast four times, as high as it could be.
    repeated, weight = np.append(P[:100], [0.9] * 4), np.append(np.ones(100), [0.25] * 4)
    rows = X.iloc[[*range(100), 0, 0, 0, 0]]
    once = np.append(P[:100], 0.9)
    found = find_shift(CentralTendency({"all": 0.05}, ""), repeated, rows, weight=weight)
    assert found.everywhere == pytest.approx(find_shift(CentralTendency({"all": 0.05}, ""), once, X[:101]).everywhere)


def test_a_segment_without_a_loan_is_moved_as_the_others_are_on_average():
    card = (X["product"] == "card").to_numpy()
    shift = find_shift(BY_PRODUCT, P[card], X[card])
    assert set(shift.by_segment) == {"card"}
    assert shift.of(X[~card]) == pytest.approx(shift.by_segment["card"])


def test_segments_may_be_numbers():
    stated = CentralTendency({"12": 0.1, "24.5": 0.3}, "term")
    stated.require_segments(X)
    moved = find_shift(stated, P, X).move(P, X)
    assert moved[X["term"] == 12].mean() == pytest.approx(0.1)


def test_a_segment_that_nobody_has_seen_is_moved_as_loans_are_on_average():
    shift = find_shift(BY_PRODUCT, P, X)
    assert shift.of(pd.DataFrame({"product": ["new"]}))[0] == pytest.approx(shift.of(X).mean())


def test_a_shift_comes_back_from_json():
    shift = find_shift(BY_PRODUCT, P, X)
    assert Shift.from_json(shift.to_json()) == shift


@pytest.mark.parametrize("saved", [None, {}, {"everywhere": "a", "column": "", "by_segment": {}}])
def test_a_shift_that_was_changed_is_refused(saved):
    with pytest.raises(DataError, match="run the job again"):
        Shift.from_json(saved)


def test_no_moved_probability_is_0_or_1():
    moved = Shift(50.0).move(np.array([0.0, 0.5, 1.0]), X.iloc[:3])
    assert ((moved > 0) & (moved < 1)).all()


@pytest.mark.parametrize(
    ("column", "rates", "words"),
    [
        ("produkt", {"card": 0.1}, "unknown column 'produkt'"),
        ("product", {"card": 0.1, "loan": 0.1}, "segment 'missing' of 'product': add its rate"),
        ("product", {**BY_PRODUCT.rates, "lease": 0.1}, "segment 'lease' of 'product': no loan has it"),
    ],
)
def test_rates_that_do_not_fit_the_loans_are_refused(column, rates, words):
    with pytest.raises(ConfigError, match=words):
        CentralTendency(rates, column).require_segments(X)


@pytest.mark.parametrize("rates", [{}, {"card": 0.0}, {"card": 1.5}])
def test_what_is_no_rate_is_refused(rates):
    with pytest.raises(ConfigError, match="rate"):
        CentralTendency(rates, "product")


def test_rates_of_segments_need_their_column():
    with pytest.raises(ConfigError, match="rates have no column"):
        CentralTendency({"card": 0.1, "loan": 0.2}, "")
