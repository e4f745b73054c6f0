"""Columns that can only raise or lower the risk: enforced in the networks, whatever the data say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from finnet.errors import ConfigError
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.evaluation.effects import monotonicity

MONOTONE = {"debt": "up", "income": "down"}


def loans(n_rows=300, *, seed=0):
    """The risk rises with debt but for its middle, falls with income where one rents, and turns twice with age."""
    rng = np.random.default_rng(seed)
    debt, income, age = rng.uniform(0, 4, n_rows), rng.uniform(0, 4, n_rows), rng.uniform(0, 4, n_rows)
    home = rng.choice(["own", "rent"], n_rows)
    odds = 2.0 * np.sin(2.0 * debt) + debt - income * (home == "rent") + 2.0 * np.cos(3.0 * age) - 0.5
    income[rng.random(n_rows) < 0.1] = np.nan
    table = pd.DataFrame({"debt": debt, "income": income, "age": age, "home": home})
    return table, (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-odds))).astype(int)


def fit(members=2, **settings):
    """Three bags of each design, as rows that stop them are given."""
    held, y_held = loans(100, seed=9)
    model = DefaultRiskClassifier(members=members, random_state=0, **settings)
    return model.fit(*loans(), X_val=held, y_val=y_held)


@pytest.fixture(scope="module")
def bound():
    return fit(monotone=MONOTONE)


def furthest_falls(model):
    """How far forecasts of new loans, at most, move against what is declared, column by column."""
    return monotonicity(model, loans(200, seed=1)[0], MONOTONE, points=60).set_index("column")["largest"]


def test_no_forecast_moves_against_what_is_declared_where_a_free_model_does(bound):
    assert (furthest_falls(bound) == 0.0).all()
    assert furthest_falls(fit())["debt"] > 0.05


def test_not_even_beyond_the_values_of_training(bound):
    table = loans(1)[0].iloc[[0] * 400].assign(debt=np.linspace(-50.0, 50.0, 400))
    assert (np.diff(bound.predict_proba(table)[:, 1]) >= -1e-12).all()


def test_other_columns_may_turn_and_the_risk_is_still_found(bound):
    table, y = loans(1000, seed=2)
    assert monotonicity(bound, table.head(100), {"age": "up"})["largest"].item() > 0.1
    assert roc_auc_score(y, bound.predict_proba(table)[:, 1]) > 0.75


def test_a_bound_column_still_interacts_with_a_free_one(bound):
    """Income tells the risk of those who rent, so its fall there is larger than of those who own."""
    table = loans(200, seed=3)[0]
    fall = {}
    for home in ("own", "rent"):
        low, high = (bound.predict_proba(table.assign(home=home, income=value))[:, 1].mean() for value in (0.2, 3.8))
        fall[home] = low - high
    assert fall["rent"] > 1.2 * fall["own"] >= 0.0


def test_a_saved_model_is_as_monotone(bound):
    loaded, (table, _) = model_from_bytes(model_to_bytes(bound)), loans(50, seed=4)
    assert loaded.monotone == MONOTONE
    np.testing.assert_array_equal(loaded.predict_proba(table), bound.predict_proba(table))


def test_one_member_is_held_alike():
    assert (furthest_falls(fit(members=1, monotone=MONOTONE)) == 0.0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"monotone": {"home": "up"}}, "'home', which is no column of numbers; use debt, income, age"),
        ({"monotone": {"debt": "sideways"}}, "monotone of debt"),
        ({"monotone": {"debt": "up"}, "ratios": True}, "give monotone or ratios"),
    ],
)
def test_what_cannot_be_monotone_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        fit(**settings)
