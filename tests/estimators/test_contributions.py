"""Contributions: columns of the table, summing to the published forecast, and reasons that the model bears out."""

from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from finnet.errors import DataError
from finnet.estimators.calibrators import AverageCalibrator, CalibratedClassifier, IsotonicCalibrator
from finnet.estimators.changes import smallest_change
from finnet.estimators.contributions import INTEGRATED, SAMPLED, contributions, log_odds, typical_row
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier
from finnet.estimators.reasons import reason_texts, reasons, value_words
from finnet.estimators.risk_table import RiskTable
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.tuning import TunedClassifier
from finnet.features.encoding import TableEncoder
from finnet.features.ratios import Ratio
from finnet.fitting import InnerFolds


def loans(n_rows=240, *, seed=0):
    """Loans whose debt and home tell the risk, with gaps in income, and a column of noise."""
    rng = np.random.default_rng(seed)
    debt, home = rng.gamma(2.0, 1.0, n_rows), rng.choice(["own", "rent"], n_rows)
    risk = debt + 1.5 * (home == "rent") + rng.normal(0.0, 0.5, n_rows)
    table = pd.DataFrame(
        {
            "debt": np.where(rng.random(n_rows) < 0.1, np.nan, debt),
            "income": np.where(rng.random(n_rows) < 0.2, np.nan, rng.gamma(3.0, 1.0, n_rows)),
            "home": pd.Categorical(home),
            "noise": rng.standard_normal(n_rows),
        }
    )
    return table, (risk > 3.0).astype(int)


def _folds(n_rows):
    halves = np.arange(n_rows)[::2], np.arange(n_rows)[1::2]
    return InnerFolds(fit=halves, validation=halves[::-1], held_out=halves[::-1], stretch=np.arange(n_rows))


def _in_a_job(classifier):
    table, y = loans()
    return CalibratedClassifier(EncodedClassifier(TableEncoder("quantile"), classifier)).fit(
        table, y, folds=_folds(len(y))
    )


@pytest.fixture(scope="module")
def risk_model():
    X_val, y_val = loans(120, seed=3)
    return DefaultRiskClassifier(members=2, random_state=0).fit(*loans(), X_val=X_val, y_val=y_val)


@pytest.fixture(scope="module")
def tree():
    return EncodedClassifier(TableEncoder(), DecisionTreeClassifier(max_depth=4, min_samples_leaf=10)).fit(*loans())


def _explained(model, n_rows=15):
    table = loans()[0]
    return contributions(model, loans(n_rows, seed=1)[0], reference=typical_row(table))


def _sums_to_the_published(model, found):
    X, reference = loans(15, seed=1)[0], typical_row(loans()[0])
    difference = log_odds(model, X) - log_odds(model, reference)
    np.testing.assert_allclose(found.table.sum(axis=1), difference, atol=1e-3)
    assert found.missed <= 1e-3


def test_default_risk_contributions_sum_to_the_published_log_odds(risk_model):
    _sums_to_the_published(risk_model, _explained(risk_model))


@pytest.mark.parametrize(
    "classifier",
    [
        NetworkEnsembleClassifier(members=3, hidden=(8,), epochs=8, random_state=0),
        NetworkClassifier(hidden=(8,), epochs=8, random_state=0),
        TunedClassifier(LogisticRegression(), space={}),
    ],
    ids=["ensemble", "network", "logistic"],
)
def test_models_of_jobs_sum_to_the_published_log_odds(classifier):
    model = _in_a_job(classifier)
    found = _explained(model)
    assert found.way == INTEGRATED
    _sums_to_the_published(model, found)


def test_columns_are_those_of_the_table(risk_model):
    assert list(_explained(risk_model).table) == ["debt", "income", "home", "noise"]


def test_a_column_of_noise_brings_least(risk_model):
    mean = _explained(risk_model, 30).table.abs().mean()
    assert mean["noise"] < 0.25 * mean["debt"]
    assert mean["noise"] == mean.min()


def test_a_row_like_the_reference_has_no_contributions(risk_model):
    reference = typical_row(loans()[0])
    assert not contributions(risk_model, reference, reference=reference).table.to_numpy().any()


def test_logistic_regression_gives_weights_times_distances_by_column():
    table, y = loans()
    model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, y)
    X, reference = loans(20, seed=1)[0], typical_row(table)
    change = model.encoder_.transform(X) - model.encoder_.transform(reference)
    each = pd.DataFrame(change * model.classifier_.coef_[0], columns=model.encoder_.origins())
    by_hand = each.T.groupby(level=0).sum().T[list(X)]
    np.testing.assert_allclose(contributions(model, X, reference=reference).table, by_hand, atol=2e-4)


def test_a_loaded_model_is_explained_as_the_fresh_one(risk_model):
    loaded = model_from_bytes(model_to_bytes(risk_model))
    pd.testing.assert_frame_equal(_explained(loaded, 10).table, _explained(risk_model, 10).table, rtol=1e-9)


def test_a_ratio_goes_to_its_columns(monkeypatch):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({name: rng.uniform(1.0, 9.0, 120) for name in ("debt", "income")})
    y = (table["debt"] > table["income"]).astype(int)
    with_ratio = partial(RiskTable, (Ratio("debt", "income"),))
    monkeypatch.setattr("finnet.estimators.default_risk.RiskTable", with_ratio)
    model = DefaultRiskClassifier(members=1, random_state=0).fit(table, y, X_val=table, y_val=y)
    found = contributions(model, table.head(5), reference=typical_row(table))
    assert model.ratios_ == ["debt / income"]
    assert list(found.table) == list(table)
    assert found.missed <= 1e-3


def test_a_code_goes_to_its_column():
    rng = np.random.default_rng(0)
    months = rng.integers(1, 60, 160).astype(float)
    table = pd.DataFrame({"months": np.where(rng.random(160) < 0.3, -9.0, months), "noise": rng.normal(size=160)})
    y = (table["months"] == -9.0).astype(int)
    model = DefaultRiskClassifier(members=1, random_state=0).fit(table, y, X_val=table, y_val=y)
    found = contributions(model, table[y == 1], reference=table[y == 0].head(1))
    assert list(found.table) == list(table)
    assert found.table.abs().mean().idxmax() == "months"
    assert found.missed <= 1e-3


def test_contributions_sum_to_the_calibrated_score(risk_model):
    bent = deepcopy(risk_model)
    curve = AverageCalibrator()
    curve.slope_, curve.intercept_ = 1.4, -0.2
    bent._raced = replace(bent._raced, curve=curve)
    found, plain = _explained(bent), _explained(risk_model)
    np.testing.assert_allclose(found.score, 1.4 * plain.score - 0.2)
    assert found.missed <= 1e-3
    np.testing.assert_allclose(found.table, 1.4 * plain.table, atol=5e-3)


def _bent(model):
    """The model with a curve that is steep in the middle."""
    bent, curve = deepcopy(model), IsotonicCalibrator()
    curve.slope_, curve.intercept_ = 0.5, 0.0
    curve.scores_, curve.log_odds_ = np.array([-1.0, 0.0, 0.5, 1.5]), np.array([-0.8, -0.6, 1.5, 1.7])
    bent.calibrator_ = curve
    return bent


def test_contributions_sum_to_the_score_of_an_isotonic_curve():
    model = _in_a_job(LogisticRegression())
    model.calibrator_ = None
    found, plain = _explained(_bent(model)), _explained(model)
    assert found.way == INTEGRATED
    _sums_to_the_published(_bent(model), found)
    # All that a row's columns bring is stretched alike.
    shares = [own.table.div(own.table.abs().sum(axis=1), axis=0) for own in (found, plain)]
    np.testing.assert_allclose(*shares, atol=1e-3)
    assert np.ptp(found.table["debt"] / plain.table["debt"]) > 0.1


def test_contributions_of_an_isotonic_curve_are_averaged_over_references():
    model, X, references = _bent(_in_a_job(LogisticRegression())), loans(6, seed=1)[0], loans(3, seed=2)[0]
    found = contributions(model, X, reference=references)
    each = [contributions(model, X, reference=references.iloc[[k]]) for k in range(3)]
    np.testing.assert_allclose(found.table, np.mean([own.table for own in each], axis=0))
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-6)


def test_a_row_like_the_reference_gets_contributions_of_zero_from_an_isotonic_curve():
    typical = typical_row(loans()[0])
    found = contributions(_bent(_in_a_job(LogisticRegression())), typical, reference=typical)
    np.testing.assert_allclose(found.table, 0.0, atol=1e-9)


def test_other_models_are_explained_by_sampling_with_exact_sums(tree):
    found = _explained(tree)
    assert found.way == SAMPLED
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-9)


def test_sampled_values_of_an_additive_model_are_exact():
    table, y = loans()
    model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, y)
    hidden = type("Hidden", (), {"predict_proba": lambda self, X: model.predict_proba(X)})()
    X, reference = loans(20, seed=1)[0], typical_row(table)
    known, sampled = (contributions(own, X, reference=reference) for own in (model, hidden))
    np.testing.assert_allclose(sampled.table, known.table, atol=1e-3)


def test_a_forecast_at_the_floor_is_summed_to_what_is_published(risk_model):
    X = loans(5, seed=1)[0].assign(debt=1e9, home=pd.Categorical(["rent"] * 5, ["own", "rent"]))
    found = contributions(risk_model, X, reference=typical_row(loans()[0]))
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-9)


def test_contributions_from_several_references_are_averaged(risk_model):
    table = loans()[0]
    X, references = table.head(5), table.iloc[10:13]
    each = [contributions(risk_model, X, reference=references.iloc[[k]]).table for k in range(3)]
    found = contributions(risk_model, X, reference=references)
    np.testing.assert_allclose(found.table, np.mean(each, axis=0), atol=1e-3)


def test_no_rows_are_refused(risk_model):
    with pytest.raises(DataError, match="at least one of each"):
        contributions(risk_model, loans()[0].head(0), reference=loans()[0])


def test_a_typical_row_has_values_that_occur_and_gaps_that_prevail():
    table = pd.DataFrame({"n": [1.0, 2.0, 4.0, 9.0], "gone": [np.nan, np.nan, 1.0, np.nan], "c": ["b", "a", "a", "b"]})
    row = typical_row(table).iloc[0]
    assert row["n"] == 2.0
    assert np.isnan(row["gone"])
    assert row["c"] == "a"


def test_reasons_are_borne_out_by_the_model(risk_model):
    X, reference = loans(30, seed=2)[0], typical_row(loans()[0])
    found = reasons(risk_model, X, reference=reference)
    before = risk_model.predict_proba(X)[:, 1]
    assert sum(map(len, found)) > 10
    for row, own in enumerate(found):
        for reason in own:
            moved = X.iloc[[row]].assign(**{reason.column: reference[reason.column].to_numpy()})
            assert risk_model.predict_proba(moved)[0, 1] < before[row]


class _Twisted:
    """Forecasts risk that rises with debt, but is highest of all at its usual value."""

    def predict_proba(self, X):
        p = np.where(X["debt"] == 1.0, 0.9, 0.1 + 0.1 * (X["other"] > 0))
        return np.column_stack([1 - p, p])


def test_a_column_whose_usual_value_is_riskier_is_no_reason():
    X, reference = pd.DataFrame({"debt": [5.0], "other": [1.0]}), pd.DataFrame({"debt": [1.0], "other": [0.0]})
    assert [reason.column for reason in reasons(_Twisted(), X, reference=reference)[0]] == ["other"]


def test_reasons_are_at_most_as_many_as_asked_for_and_the_strongest_first(risk_model):
    found = reasons(risk_model, loans(30, seed=2)[0], reference=typical_row(loans()[0]), most=2)
    assert max(map(len, found)) <= 2
    assert all(own == sorted(own, key=lambda reason: -reason.contribution) for own in found)


def test_reasons_in_words():
    X, reference = (
        pd.DataFrame({"debt": [5.0, 1.0], "other": [1.0, np.nan]}),
        pd.DataFrame({"debt": [1.0], "other": [np.nan]}),
    )
    assert reason_texts(reasons(_Twisted(), X, reference=reference)) == ["other 1 (usual missing)", ""]
    assert value_words(1234567.0) == "1,234,567"


def test_the_smallest_change_flips_the_decision(risk_model):
    table, _ = loans()
    row = table[risk_model.predict_proba(table)[:, 1] > 0.8].head(1)
    change = smallest_change(risk_model, row, cutoff=0.5, seen=table)
    moved = row.assign(**{name: [value] for name, value in change.values.items()})
    assert change.before > 0.5
    assert risk_model.predict_proba(moved)[0, 1] == pytest.approx(change.after)
    assert change.after <= 0.5


def test_immutable_columns_stay(risk_model):
    table, _ = loans()
    row = table[risk_model.predict_proba(table)[:, 1] > 0.8].head(1)
    assert smallest_change(risk_model, row, cutoff=0.5, seen=table, immutable=list(table)) is None
    change = smallest_change(risk_model, row, cutoff=0.5, seen=table, immutable=["debt"])
    assert change is None or "debt" not in change.values


class _Both:
    """Declines unless both columns are 0."""

    def predict_proba(self, X):
        p = np.where((X["a"] == 0) & (X["b"] == 0), 0.1, 0.8 + 0.01 * (X["a"] + X["b"]))
        return np.column_stack([1 - p, p])


def test_two_columns_change_where_one_is_not_enough():
    seen = pd.DataFrame({"a": [0, 1, 2], "b": [0, 1, 2], "c": [0, 1, 2]})
    change = smallest_change(_Both(), pd.DataFrame({"a": [2], "b": [2], "c": [2]}), cutoff=0.5, seen=seen)
    assert change.values == {"a": 0, "b": 0}
    assert change.distance == pytest.approx(4 / 3)


def test_an_approval_is_flipped_too():
    seen = pd.DataFrame({"a": [0, 1, 2], "b": [0, 1, 2]})
    change = smallest_change(_Both(), pd.DataFrame({"a": [0], "b": [0]}), cutoff=0.5, seen=seen)
    assert change.values in ({"a": 1}, {"b": 1})


def test_a_change_that_no_value_makes_is_none():
    seen = pd.DataFrame({"a": [1, 2], "b": [1, 2]})
    assert smallest_change(_Both(), pd.DataFrame({"a": [2], "b": [2]}), cutoff=0.5, seen=seen) is None
