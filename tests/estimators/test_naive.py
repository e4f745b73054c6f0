"""Naive forecasts do what their names say, and nothing cleverer."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from finnet.errors import DataError
from finnet.estimators.archive import pack, unpack
from finnet.estimators.level_rates import auc_of_levels, auc_of_ranks
from finnet.estimators.naive import AlwaysUp, BestColumn, Persistence, PriorRate
from finnet.estimators.saving import model_from_bytes, model_to_bytes

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


def rates(n=3000, *, sign=1.0, seed=0):
    """A column whose log-odds rise (or fall) evenly, and labels; AUC about .65 (or .35)."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return x, (rng.random(n) < 0.05 + 0.25 * np.where(sign > 0, x, 1 - x)).astype(int)


def with_outliers(x, y):
    x[:30], y[:30] = np.linspace(5e3, 5e4, 30), 0
    return x, y


def with_a_code(x, y):
    x[:60], y[:60] = 365243.0, 0
    return x, y


def with_ties(x, y):
    return np.where(x < 0.6, 0.0, np.round(x, 1)), y


def with_gaps(x, y):
    x[::7] = np.nan
    y[::7] = np.arange(len(y[::7])) % 2
    return x, y


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("change", [with_outliers, with_a_code, with_ties, with_gaps])
def test_best_column_keeps_its_direction(change, sign):
    train, test = (change(*rates(sign=sign, seed=seed)) for seed in (0, 1))
    model = BestColumn().fit(pd.DataFrame({"x": train[0]}), train[1])
    for x, y in (train, test):
        given = ~np.isnan(x)
        p = model.predict_proba(pd.DataFrame({"x": x}))[given, 1]
        column = roc_auc_score(y[given], sign * x[given])
        assert column > 0.55
        assert roc_auc_score(y[given], p) == pytest.approx(column, abs=1e-3)


def test_best_column_is_calibrated_on_its_training_rows():
    x, y = with_outliers(*rates())
    p = BestColumn().fit(pd.DataFrame({"x": x}), y).predict_proba(pd.DataFrame({"x": x}))[:, 1]
    assert p.mean() == pytest.approx(y.mean(), abs=0.01)
    assert log_loss(y, p) < log_loss(y, np.full(len(y), y.mean()))


def test_best_column_gives_gaps_a_rate_of_their_own():
    x, y = with_gaps(*rates())
    model = BestColumn().fit(pd.DataFrame({"x": x}), y)
    assert model.predict_proba(pd.DataFrame({"x": [np.nan]}))[0, 1] == pytest.approx(0.5, abs=0.01)


def test_best_column_promises_nothing_of_a_gap_that_it_never_saw():
    x, y = rates()
    model = BestColumn().fit(pd.DataFrame({"x": x}), y)
    assert model.predict_proba(pd.DataFrame({"x": [np.nan]}))[0, 1] == pytest.approx(y.mean())


def test_best_column_of_gaps_alone_gives_the_rate():
    model = BestColumn().fit(pd.DataFrame({"x": [np.nan] * 4}), np.array([0, 0, 0, 1]))
    assert 0 < model.predict_proba(pd.DataFrame({"x": [1.0]}))[0, 1] < 0.5


def applicants(n=1500, *, seed=0):
    """A number that says a little, a category that says much, and one whose levels hardly repeat."""
    rng = np.random.default_rng(seed)
    purpose = rng.choice(["car", "house", "travel"], n)
    income = rng.standard_normal(n)
    odds = 0.05 + 0.45 * (purpose == "house") + 0.2 * (income < 0)
    table = pd.DataFrame({"income": income, "purpose": purpose, "client": rng.integers(0, n, n).astype(str)})
    return table.astype({"client": "category"}), (rng.random(n) < odds).astype(int)


def test_a_category_that_tells_most_is_the_best_column():
    table, y = applicants()
    model = BestColumn().fit(table, y)
    p = model.predict_proba(table)[:, 1]
    assert model.column_ == "purpose"
    for purpose in ("car", "house", "travel"):
        rows = (table["purpose"] == purpose).to_numpy()
        assert p[rows] == pytest.approx(y[rows].mean(), abs=0.02)


def test_the_best_column_says_how_it_moves_the_forecast():
    table, y = applicants()
    assert BestColumn().fit(table, y).single_column_ == {"column": "purpose", "moves": "levels"}
    assert BestColumn().fit(table[["income"]], y).single_column_ == {"column": "income", "moves": "down"}


def test_a_column_of_very_many_levels_does_not_win_by_knowing_its_rows():
    table, y = applicants()
    counts = np.ones(len(y))
    known = pd.Series(y).groupby(table["client"].to_numpy()).transform("mean")
    assert roc_auc_score(y, known) > 0.8  # what it seems to tell on the rows that it was learned from
    assert auc_of_levels(table["client"], y, counts) < 0.55
    assert BestColumn().fit(table[["income", "client"]], y).column_ == "income"


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)], ids=["as they are", "turned around"])
def test_a_number_is_judged_beside_categories_as_it_is_alone(order):
    x, y = (values[order] for values in rates())
    ranks = pd.Series(x).rank(pct=True).to_numpy()
    assert auc_of_ranks(1 - ranks, y, np.ones(len(y))) == pytest.approx(roc_auc_score(y, x))


def test_rows_sorted_by_their_outcome_give_every_part_both():
    table, y = applicants()
    order = np.argsort(y, kind="stable")
    assert BestColumn().fit(table.iloc[order], y[order]).column_ == "purpose"


def test_levels_unknown_or_never_missing_have_the_rate_of_all_and_missing_ones_their_own():
    table, y = applicants()
    model = BestColumn().fit(table, y)
    new = pd.DataFrame({"income": 0.0, "purpose": ["boat", None], "client": "new"})
    assert model.predict_proba(new)[:, 1] == pytest.approx(y.mean())
    gaps = table.assign(purpose=table["purpose"].where(table["purpose"] != "house"))
    model = BestColumn().fit(gaps, y)
    own, overall = y[gaps["purpose"].isna()].mean(), y.mean()
    p = model.predict_proba(new)[:, 1]
    assert p[0] == pytest.approx(overall)
    assert p[1] == pytest.approx(own, abs=0.02)


@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_the_best_category_is_saved_to_the_same_bits(kind):
    table, y = applicants()
    table = table.astype({"purpose": kind})
    model = BestColumn().fit(table, y)
    loaded = model_from_bytes(model_to_bytes(model))
    new = pd.concat([table, pd.DataFrame({"income": [0.0] * 2, "purpose": ["boat", None], "client": "new"})])
    np.testing.assert_array_equal(loaded.predict_proba(new), model.predict_proba(new))
    assert model_to_bytes(loaded) == model_to_bytes(model)


@pytest.mark.parametrize(
    "change", [{"levels": ["car"]}, {"levels": ["car"] * 3}, {"levels": 3}, {"missing": 1.5}, {"other": None}], ids=repr
)
def test_a_file_whose_levels_have_no_rates_is_refused(change):
    archive = unpack(model_to_bytes(BestColumn().fit(*applicants())))
    archive.description["model"].update(change)
    with pytest.raises(DataError, match=r"^model: "):
        model_from_bytes(pack(archive))


def test_truth_values_are_levels():
    table, y = applicants()
    owns = pd.DataFrame({"owns": table["purpose"] == "house"})
    assert np.unique(BestColumn().fit(owns, y).predict_proba(owns)[:, 1]).size == 2
