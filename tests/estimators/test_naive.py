"""Naive forecasts do what their names say, and nothing cleverer."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.estimators.naive import AlwaysUp, BestColumn, Persistence, PriorRate

X = pd.DataFrame({"return_1": [0.1, -0.1, 0.2, -0.3], "volume": [1.0, 2.0, 3.0, np.nan]})


def test_prior_rate_gives_everyone_the_rate_of_the_training_rows():
    assert PriorRate().fit(X, np.array([1, 0, 0, 0])).predict_proba(X)[:, 1].tolist() == [0.25] * 4


def test_always_up_says_up_even_where_falls_were_more_common():
    assert (AlwaysUp().fit(X, np.array([1, 0, 0, 0])).predict_proba(X)[:, 1] > 0.5).all()


def test_persistence_follows_the_sign_of_the_last_return():
    up = Persistence().fit(X, np.array([1, 0, 1, 1])).predict_proba(X)[:, 1]
    assert up.tolist() == [0.75, 0.25, 0.75, 0.25]


def test_persistence_stays_persistence_where_it_was_mostly_wrong():
    up = Persistence().fit(X, np.array([0, 1, 0, 1])).predict_proba(X)[:, 1]
    assert (up > 0.5).tolist() == [True, False, True, False]


def test_persistence_names_the_column_it_lacks():
    with pytest.raises(DataError, match="'return_1'"):
        Persistence().fit(X[["volume"]], np.array([1, 0, 1, 1]))


def test_persistence_finds_its_column_by_position_and_reads_it_by_name_from_then_on():
    model = Persistence(0).fit(X, np.array([1, 0, 1, 1]))
    assert model.predict_proba(X[["volume", "return_1"]]).tolist() == model.predict_proba(X).tolist()
    with pytest.raises(DataError, match="'return_1'"):
        model.predict_proba(X[["volume"]])


@pytest.mark.parametrize("position", [2, -1, 0.0, True, None], ids=repr)
def test_persistence_refuses_what_is_no_position(position):
    with pytest.raises(DataError, match="use 0 to 1, or a name"):
        Persistence(position).fit(X, np.array([1, 0, 1, 1]))


def test_best_column_finds_the_column_that_orders_and_its_sign():
    rng = np.random.default_rng(0)
    noise, signal = rng.standard_normal((2, 500))
    table = pd.DataFrame({"noise": noise, "signal": -signal, "text": pd.Categorical(["a"] * 500)})
    y = (signal + rng.standard_normal(500) > 0).astype(int)
    model = BestColumn().fit(table, y)
    p = model.predict_proba(table)[:, 1]
    assert model.column_ == "signal"
    assert np.corrcoef(p, signal)[0, 1] > 0.9


def test_best_column_fills_gaps_with_the_training_median():
    model = BestColumn().fit(X[["volume"]], np.array([0, 0, 1, 1]))
    gap, median = (pd.DataFrame({"volume": [value]}) for value in (np.nan, 2.0))
    assert (model.predict_proba(gap) == model.predict_proba(median)).all()
