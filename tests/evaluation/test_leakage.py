"""A column that forecasts too well on its own is found; what is merely good, or lucky, is not."""

import re

import numpy as np
import pandas as pd
import pytest

from finnet.evaluation.leakage import loan_leaks, market_leaks

RNG = np.random.default_rng(5)
Y = (RNG.random(1000) < 0.2).astype(int)
SCORE = RNG.normal(size=1000) + 1.5 * Y  # AUC about .86
TELLING = {
    "the outcome itself": Y.astype(float),
    "the outcome turned round": 1.0 - Y,
    "paid back after default": np.where(Y == 1, RNG.random(1000), 0.0),
    "some of the defaults, no one else": np.where((Y == 1) & (RNG.random(1000) < 0.5), 3.0, 0.0),
    "missing where the loan defaulted": np.where(Y == 1, np.nan, RNG.random(1000)),
    "far out on both sides": np.where(Y == 1, RNG.choice([-9.0, 9.0], 1000), RNG.normal(size=1000)),
    "a status": pd.Categorical(np.where(Y == 1, "collections", "closed")),
}
HONEST = {
    "a good score": SCORE,
    "noise": RNG.random(1000),
    "one value": np.ones(1000),
    "never known": np.full(1000, np.nan),
    "a category of its own for each loan": pd.Categorical(np.arange(1000).astype(str)),
}


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("column", TELLING)
def test_a_column_filled_after_the_outcome_is_found(column, is_ordered):
    assert list(loan_leaks(pd.DataFrame({"x": TELLING[column]}), Y, is_ordered=is_ordered)) == ["x"]


@pytest.mark.parametrize("column", HONEST)
def test_an_honest_column_raises_no_alarm(column):
    assert not loan_leaks(pd.DataFrame({"x": HONEST[column]}), Y, is_ordered=True)


def marked(of_defaults, of_others, *, seed=0):
    """A mark that so large a share of defaults and of others have: its AUC is 1/2 and half the difference."""
    return (np.random.default_rng(seed).random(1000) < np.where(Y == 1, of_defaults, of_others)).astype(float)


WEAK = marked(0.5, 0.2, seed=1)  # AUC about .65
COLLECTIONS = marked(0.85, 0.05, seed=2)  # AUC about .90


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("kind", ["number", "category"])
def test_a_column_far_above_all_others_is_found(kind, is_ordered):
    column = pd.Categorical(COLLECTIONS.astype(str)) if kind == "category" else COLLECTIONS
    found = loan_leaks(pd.DataFrame({"weak": WEAK, "collections": column}), Y, is_ordered=is_ordered)
    assert list(found) == ["collections"]
    measured = r"AUC 0\.(8|9)\d\d on its own, where the best of the others has 0\.6\d\d"
    assert re.fullmatch(measured, found["collections"])


def test_two_columns_far_above_all_others_do_not_hide_each_other():
    table = pd.DataFrame({"weak": WEAK, "a": COLLECTIONS, "b": marked(0.87, 0.05, seed=3)})
    assert list(loan_leaks(table, Y, is_ordered=True)) == ["a", "b"]


@pytest.mark.parametrize("others", [{"good": marked(0.7, 0.1, seed=4)}, {}], ids=["beside a good one", "by itself"])
def test_a_column_that_leads_by_little_raises_no_alarm(others):
    assert not loan_leaks(pd.DataFrame({"score": COLLECTIONS, **others}), Y, is_ordered=True)


def test_few_loans_raise_no_alarm_by_a_column_far_above_all_others():
    table, few = pd.DataFrame({"weak": WEAK, "collections": COLLECTIONS}), slice(0, 300)
    assert not loan_leaks(table[few], Y[few], is_ordered=True)


def test_rows_sorted_by_their_outcome_hide_nothing():
    order = np.argsort(Y, kind="stable")
    assert loan_leaks(pd.DataFrame({"x": Y[order].astype(float)}), Y[order], is_ordered=False)


def walk(sessions, symbols):
    returns = np.random.default_rng(1).normal(size=(sessions, symbols)) * 0.01
    return returns.ravel(), np.repeat(np.arange(sessions), symbols)


@pytest.mark.parametrize("symbols", [1, 3, 20])
def test_tomorrows_return_among_noise_is_found(symbols):
    truth, session = walk(400, symbols)
    columns = {"leak": truth + 0.01 * np.random.default_rng(2).normal(size=truth.size), "noise": truth[::-1]}
    assert list(market_leaks(columns, truth, session=session, horizon=1)) == ["leak"]


def test_tomorrows_direction_is_found_by_its_accuracy():
    truth, session = walk(400, 1)
    assert market_leaks({"leak": np.sign(truth)}, (truth > 0).astype(float), session=session, horizon=1)


def test_a_slow_column_and_overlapping_returns_raise_no_alarm():
    steps = np.random.default_rng(3).normal(size=1200)
    ahead = np.convolve(steps, np.ones(250), mode="valid")[1:]
    slow = np.cumsum(np.random.default_rng(4).normal(size=ahead.size))
    assert not market_leaks({"slow": slow}, ahead, session=np.arange(ahead.size), horizon=250)


def test_an_index_that_mostly_rises_raises_no_alarm():
    rng = np.random.default_rng(6)
    rose = (rng.random(1000) < 0.8).astype(float)
    assert not market_leaks({"x": rng.normal(size=1000)}, rose, session=np.arange(1000), horizon=5)
