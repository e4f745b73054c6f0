"""The default-risk classifier: tables of all kinds in, probabilities out, and what it says of tables that are wrong."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from finnet.errors import ConfigError, DataError, FinnetWarning, NotSavedError
from finnet.estimators.archive import Archive, pack, unpack
from finnet.estimators.calibrators import AverageCalibrator
from finnet.estimators.default_risk import FLOOR, DefaultRiskClassifier
from finnet.estimators.risk_race import blend, divide, standings, still_racing
from finnet.estimators.risk_table import RiskTable
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.features.ratios import Ratio
from finnet.fitting import InnerFolds

N_ROWS = 100


def loans(n_rows: int = N_ROWS, *, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Loans with gaps, a code, a category, a text and a truth, of which debt, its code and the home tell the risk."""
    rng = np.random.default_rng(seed)
    debt = rng.gamma(2.0, 1.0, n_rows)
    coded = rng.random(n_rows) < 0.1
    home = rng.choice(["own", "rent"], n_rows)
    risk = debt + 2.0 * coded + (home == "rent") + rng.normal(0.0, 0.3, n_rows)
    table = pd.DataFrame(
        {
            "debt": np.where(coded, -99.0, debt),
            "income": np.where(rng.random(n_rows) < 0.2, np.nan, rng.gamma(3.0, 1.0, n_rows)),
            "home": pd.Categorical(home),
            "purpose": rng.choice(np.array(["car", "trip", None], object), n_rows),
            "is_new": rng.random(n_rows) < 0.5,
        }
    )
    return table, (risk > 3.0).astype(int)


def curve(slope: float, intercept: float) -> AverageCalibrator:
    made = AverageCalibrator()
    made.slope_, made.intercept_ = slope, intercept
    return made


@pytest.fixture(scope="module")
def fitted() -> DefaultRiskClassifier:
    return DefaultRiskClassifier(members=2, random_state=0).fit(*loans())


def test_new_loans_are_ordered_by_their_risk(fitted):
    table, y = loans(400, seed=1)
    assert roc_auc_score(y, fitted.predict_proba(table)[:, 1]) > 0.9


def test_probabilities_sum_to_one_and_are_never_certain(fitted):
    P = fitted.predict_proba(loans(seed=2)[0].assign(debt=1e9))
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    assert P.min() >= FLOOR


def test_same_seed_gives_the_same_bits_in_two_processes():
    table, y = loans(50)
    one, two = (DefaultRiskClassifier(members=1, random_state=0, n_jobs=n).fit(table, y) for n in (1, 2))
    np.testing.assert_array_equal(one.predict_proba(table), two.predict_proba(table))


def test_order_of_columns_and_other_rows_make_no_difference(fitted):
    table, _ = loans()
    P = fitted.predict_proba(table)
    np.testing.assert_array_equal(fitted.predict_proba(table[table.columns[::-1]]), P)
    np.testing.assert_allclose(fitted.predict_proba(table.iloc[3:4]), P[3:4], rtol=1e-12)


def test_rows_in_blocks_are_forecast_as_all_at_once(fitted, monkeypatch):
    table, P = loans()[0], fitted.predict_proba(loans()[0])
    monkeypatch.setattr("finnet.estimators.risk_designs._ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(fitted.predict_proba(table), P, rtol=1e-12)


def test_one_member_and_fifty_rows_are_enough():
    model = DefaultRiskClassifier(members=1, random_state=0).fit(*loans(50))
    assert model.predict_proba(loans(3)[0]).shape == (3, 2)


def test_each_bag_keeps_the_losses_of_its_epochs_and_the_best_of_them(fitted):
    bags = fitted.bags_.set_index(["design", "bag"])
    losses = fitted.history_.groupby(["design", "bag"])["validation_loss"]
    assert bags["validation_loss"].to_dict() == losses.min().to_dict()
    assert bags["epochs"].to_dict() == losses.size().to_dict()
    assert (bags["learned_rows"] + bags["judged_rows"] == N_ROWS).all()


def test_designs_say_what_they_share_and_why_one_retired(fitted):
    designs = fitted.designs_.set_index("design")
    assert designs["share"].to_dict() == {"plain": 0.0, "binned": 0.0} | fitted.shares_
    best = designs["loss"].min()
    retires = (designs["loss"] > best) & (designs["loss_with_best"] >= best)
    assert designs["retired"].to_list() == retires.to_list()
    assert fitted.bags_.groupby("design")["share"].sum().to_dict() == pytest.approx(designs["share"].to_dict())


def test_labels_may_be_texts():
    table, y = loans(50)
    model = DefaultRiskClassifier(members=1, random_state=0).fit(table, np.where(y == 1, "paid not", "paid"))
    assert model.classes_.tolist() == ["paid", "paid not"]
    assert set(model.predict(table)) <= {"paid", "paid not"}


def test_unknown_levels_are_none_of_the_known_ones(fitted):
    table = loans(5)[0].assign(home="boat", purpose="sun")
    other = loans(5)[0].assign(home="tent", purpose="moon")
    np.testing.assert_array_equal(fitted.predict_proba(table), fitted.predict_proba(other))


def test_given_validation_rows_judge_and_train_nothing():
    (table, y), (held, y_held) = loans(60), loans(40, seed=3)
    model = DefaultRiskClassifier(members=1, random_state=0).fit(table, y, X_val=held, y_val=y_held)
    assert np.isnan(model.out_of_bag_).tolist() == [True] * 60 + [False] * 40


def test_given_folds_are_the_bags():
    (table, y), parts = loans(60), np.array_split(np.arange(60), 3)
    folds = InnerFolds(fit=parts[:2], validation=parts[1:], held_out=parts[1:], stretch=np.arange(60))
    model = DefaultRiskClassifier(members=1, random_state=0).fit(table, y, folds=folds)
    assert np.isnan(model.out_of_bag_).tolist() == [True] * 20 + [False] * 40
    with pytest.raises(ConfigError, match="both folds and X_val"):
        DefaultRiskClassifier().fit(table, y, folds=folds, X_val=table, y_val=y)


def test_settings_are_cloned_and_columns_noted(fitted):
    settings = {"members": 2, "ratios": False, "monotone": None, "random_state": 0, "n_jobs": 1}
    assert clone(fitted).get_params() == settings
    assert (fitted.n_features_in_, fitted.feature_names_in_[0]) == (5, "debt")


def test_kinds_of_numbers_make_no_difference(fitted):
    table, _ = loans(30)
    others = table.assign(
        debt=table["debt"].astype("Float64"),
        income=table["income"].astype(object).where(table["income"].notna(), None),
        is_new=table["is_new"].astype("boolean"),
        home=table["home"].astype(str),
    )
    np.testing.assert_array_equal(fitted.predict_proba(others), fitted.predict_proba(table))


def test_nothing_is_forecast_before_fit():
    with pytest.raises(NotFittedError):
        DefaultRiskClassifier().predict_proba(loans()[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="debt"), "lacks column 'debt'"),
        (lambda table: table.assign(debt="much"), "column 'debt' was a number in fit.*make it a number"),
        (lambda table: table.assign(debt="3.5"), "column 'debt' was a number in fit.*such as '3.5'"),
        (lambda table: table.assign(purpose=7), "column 'purpose' was text in fit, such as 'car', and is int64 now"),
        (lambda table: table.assign(income=np.inf), "column 'income' is infinite.*make them missing"),
        (lambda table: table.assign(income=pd.Timestamp("2024-01-01")), "column 'income'.*drop it"),
    ],
)
def test_wrong_columns_are_named(fitted, change, said):
    with pytest.raises(DataError, match=said):
        fitted.predict_proba(change(loans()[0]))


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.zeros(N_ROWS), "one class only"),
        (np.arange(N_ROWS) % 3, "Only binary"),
        (np.arange(9) % 2, "9 labels, X has 100 rows"),
    ],
)
def test_wrong_targets_are_refused(y, said):
    with pytest.raises(DataError, match=said):
        DefaultRiskClassifier().fit(loans()[0], y)


def test_a_refused_fit_leaves_the_fitted_model_as_it_was():
    table, y = loans(50)
    model = DefaultRiskClassifier(members=1, random_state=0).fit(table, y)
    P = model.predict_proba(table)
    with pytest.raises(DataError, match="is infinite"):
        model.fit(table.assign(debt=np.inf), np.where(y == 1, "bad", "good"))
    assert model.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(model.predict_proba(table), P)


@pytest.mark.parametrize("settings", [{"members": 0}, {"n_jobs": 0}, {"ratios": "yes"}])
def test_wrong_settings_are_named(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        DefaultRiskClassifier(**settings).fit(*loans())


def test_a_column_without_any_value_is_left_out_with_a_warning():
    table, _ = loans(20)
    with pytest.warns(FinnetWarning, match="'gone' is missing in every row"):
        shown = RiskTable().fit(table.assign(gone=np.nan)).show(table.assign(gone=np.nan))
    np.testing.assert_array_equal(shown.plain, RiskTable().fit(table).show(table).plain)


def test_equal_rows_are_left_out_together():
    table, y = loans(40)
    twice, groups = pd.concat([table, table], ignore_index=True), np.tile(np.arange(40), 2)
    np.testing.assert_array_equal(RiskTable().fit(twice).groups(twice), groups)
    for bag in divide(np.tile(y, 2), groups, np.random.default_rng(0)):
        assert not set(groups[bag.learned]) & set(groups[bag.judged])


def test_a_design_stays_only_where_its_half_helps():
    y = np.array([0, 0, 1, 1])
    good, opposite = np.array([0.2, 0.2, 0.9, 0.5]), np.array([0.8, 0.8, 0.2, 0.4])
    complement = np.array([0.2, 0.2, 0.5, 0.9])
    assert still_racing(standings({"good": good, "opposite": opposite}, y)) == ["good"]
    assert still_racing(standings({"good": good, "complement": complement}, y)) == ["good", "complement"]


def test_the_better_design_gets_the_larger_share():
    y = np.arange(400) % 2
    shares = blend({"sharp": np.where(y == 1, 0.8, 0.2), "blunt": np.where(y == 1, 0.6, 0.4)}, y)
    assert shares["sharp"] > 0.9


def test_ratios_join_the_table_under_their_names():
    table, _ = loans(20)
    shown = RiskTable((Ratio("debt", "income"), Ratio("debt", "income", is_difference=True))).fit(table).show(table)
    assert shown.numbers.shape[1] == 5
    measured = table["debt"].where(table["debt"] != -99.0)
    np.testing.assert_array_equal(shown.numbers[:, -1], measured - table["income"])


def test_summaries_of_a_history_are_kept_where_they_help_and_saved():
    rng = np.random.default_rng(0)
    limit = rng.lognormal(8.0, 1.5, 400)
    bills = {f"bill{k}": limit * rng.uniform(0.0, 1.0, 400) for k in (1, 2, 3, 4)}
    table = pd.DataFrame({"limit": limit, **bills})
    y = (sum(bills.values()) / limit + rng.normal(0.0, 0.1, 400) > 2.0).astype(int)
    held, y_held = table.tail(200), y[200:]
    model = DefaultRiskClassifier(members=1, ratios=True, random_state=0)
    model.fit(table.head(200), y[:200], X_val=held, y_val=y_held)
    assert "mean of bill1 to bill4 / limit" in model.ratios_
    saved = model_to_bytes(model)
    np.testing.assert_array_equal(model_from_bytes(saved).predict_proba(table), model.predict_proba(table))
    archive = unpack(saved)
    unlike = [["bill1", "bill2", "bill3"], "median", "limit"]
    for wrong in ([["bill1"], "mean"], ["bill1", "mean", "limit"], [["bill1", "bill9"], "mean", "limit"], unlike):
        description = deepcopy(archive.description)
        description["model"]["summaries"][0] = wrong
        with pytest.raises(DataError):
            model_from_bytes(pack(replace(archive, description=description)))


def test_a_code_is_a_level_of_its_own_and_no_measured_number(fitted):
    table, _ = loans(200)
    shown = RiskTable().fit(table).show(table)
    is_code = (table["debt"] == -99.0).to_numpy()
    assert fitted.codes_ == {"debt": [-99.0]}
    np.testing.assert_array_equal(np.isnan(shown.numbers[:, 0]), is_code)
    assert any((column == is_code).all() for column in shown.plain.T)


def test_a_code_that_no_training_row_has_is_a_number_as_any(fitted):
    table, _ = loans(20, seed=3)
    other = fitted.predict_proba(table.assign(debt=-8.0))
    np.testing.assert_array_equal(other, fitted.predict_proba(table.assign(debt=-7.0)))


def test_a_column_that_already_tells_the_code_stays_as_it_is():
    table, _ = loans(100)
    told = table.assign(**{"debt (code)": table["debt"] == -99.0})
    assert RiskTable().fit(told).codes_ == {}


def test_a_file_from_before_codes_were_told_apart_is_read(fitted):
    no_codes, _ = loans(200)
    model = DefaultRiskClassifier(members=1, random_state=0).fit(no_codes.drop(columns="debt"), np.arange(200) % 2)
    archive = unpack(model_to_bytes(model))
    del archive.description["model"]["codes"]
    loaded = model_from_bytes(pack(archive))
    np.testing.assert_array_equal(loaded.predict_proba(no_codes), model.predict_proba(no_codes))


def test_timid_forecasts_are_calibrated_and_the_order_of_loans_stays():
    table, y = loans(600, seed=2)
    timid = DefaultRiskClassifier(members=1, random_state=0).fit(table, np.where(np.arange(600) % 7, y, 1 - y))
    assert timid.calibration_["rows"] == 600
    timid._raced = replace(timid._raced, curve=None)
    plain = timid.predict_proba(table)[:, 1]
    timid._raced = replace(timid._raced, curve=curve(1.5, 0.1))
    np.testing.assert_array_equal(np.argsort(timid.predict_proba(table)[:, 1]), np.argsort(plain))
    np.testing.assert_allclose(logit(timid.predict_proba(table)[:, 1]), 1.5 * logit(plain) + 0.1)


def test_a_loaded_classifier_keeps_its_curve(fitted):
    table, _ = loans(50, seed=5)
    bent = deepcopy(fitted)
    bent._raced = replace(bent._raced, curve=curve(1.5, 0.1))
    loaded = model_from_bytes(model_to_bytes(bent))
    np.testing.assert_array_equal(loaded.predict_proba(table), bent.predict_proba(table))
    assert loaded.calibration_ is None


def test_rows_that_were_given_to_judge_calibrate_nothing():
    table, y = loans()
    assert DefaultRiskClassifier(members=1, random_state=0).fit(table, y, X_val=table, y_val=y).calibration_ is None
    first, second = np.split(np.arange(N_ROWS), 2)
    folds = InnerFolds(fit=[first], validation=[second], held_out=[second], stretch=np.arange(N_ROWS), calibrate=False)
    assert DefaultRiskClassifier(members=1, random_state=0).fit(table, y, folds=folds).calibration_ is None


def test_a_loaded_classifier_forecasts_the_same_bits(fitted):
    loaded, (table, _) = model_from_bytes(model_to_bytes(fitted)), loans(300, seed=5)
    np.testing.assert_array_equal(loaded.predict_proba(table), fitted.predict_proba(table))
    assert model_to_bytes(loaded) == model_to_bytes(fitted)
    assert loaded.get_params() == fitted.get_params()
    with pytest.raises(NotSavedError, match="out_of_bag_"):
        _ = loaded.out_of_bag_


@pytest.mark.parametrize(
    "damage",
    [
        lambda model: model["shares"].update(binned=2.0),
        lambda model: model["bags"][0].update(members=10**9),
        lambda model: model["bags"][0].update(widths=[10**6, 10**6]),
        lambda model: model["bags"][0].update(design="other"),
        lambda model: model["bags"][0].update(edges=0),
        lambda model: model["columns"].pop(),
        lambda model: model["classes"].append(2),
        lambda model: model["settings"].update(members="many"),
        lambda model: model.update(ratios=[["debt", "moon", False]]),
        lambda model: model.update(codes={"moon": [-9.0]}),
        lambda model: model.update(codes={"debt": ["-99"]}),
        lambda model: model.update(codes={}),
        lambda model: model.update(curve=[-1.0, 0.0]),
    ],
)
def test_a_damaged_file_is_refused(fitted, damage):
    archive = unpack(model_to_bytes(fitted))
    description = deepcopy(archive.description)
    damage(description["model"])
    with pytest.raises(DataError):
        model_from_bytes(pack(Archive(description, archive.arrays)))


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_a_table_in_which_few_rows_differ_is_learned_and_every_row_is_judged(levels):
    level = np.arange(200) % (levels + 1)
    y = (np.arange(200) // 5 % 4 < 1 + 2 * (level == 0)).astype(int)
    model = DefaultRiskClassifier(members=2, random_state=0).fit(pd.DataFrame({"home": level.astype(str)}), y)
    assert not np.isnan(model.out_of_bag_).any()
    first, second = model.predict_proba(pd.DataFrame({"home": ["0", "1"]}))[:, 1]
    assert first > second


@pytest.mark.parametrize("n_rows", [2, 3, 4])
def test_fewer_rows_than_bags_are_each_left_out_by_one(n_rows):
    bags = divide(np.arange(n_rows) % 2, np.arange(n_rows), np.random.default_rng(0))
    assert sorted(bag.judged.tolist() for bag in bags[:n_rows]) == [[row] for row in range(n_rows)]
    model = DefaultRiskClassifier(members=1, random_state=0)
    assert np.isfinite(model.fit(np.arange(n_rows)[:, None] / 2.0, np.arange(n_rows) % 2).out_of_bag_).all()


def test_equal_rows_stay_together_where_enough_rows_differ():
    groups = np.arange(60) % 5
    assert all(len(set(groups[bag.judged])) == 1 for bag in divide(np.arange(60) % 2, groups, np.random.default_rng(0)))


def duplicated(X):
    return pd.concat([X, X], axis=1)


def with_long_numbers(X):
    # pandas 2.2 itself cannot take such a list without being told its type.
    return X.assign(debt=pd.Series([1] * 7 + [10**400] * 93, X.index, object))


def of_two_levels(X):
    return X.set_axis(pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]), axis=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda X: X.assign(debt=X["debt"].where(X.index != 3, 1e39)), "'debt' holds 1e\\+39 in row 3"),
        (lambda X: X.assign(debt=X["debt"].where(X.index != 3, -1e300)), "'debt' holds -1e\\+300 in row 3"),
        (with_long_numbers, "'debt' holds a number beyond 1.8e\\+308 in row 7"),
        (lambda X: X.iloc[:0], "no rows"),
        (duplicated, "'debt' comes twice"),
        (of_two_levels, r"names of 2 levels, such as \('a', 'b'\)"),
    ],
)
def test_a_table_that_cannot_be_learned_is_refused_by_what_is_wrong_with_it(change, said):
    X, y = loans()
    table = change(X[["debt", "income"]])
    with pytest.raises(DataError, match=said):
        DefaultRiskClassifier(members=1).fit(table, y[: len(table)])


@pytest.mark.parametrize("change", [duplicated, of_two_levels, lambda X: X.iloc[:0], lambda X: X.assign(debt=10**400)])
def test_a_table_that_cannot_be_forecast_is_refused(change):
    X, y = loans()
    model = DefaultRiskClassifier(members=1, random_state=0).fit(X[["debt", "income"]], y)
    with pytest.raises(DataError):
        model.predict_proba(change(X[["debt", "income"]]))


@pytest.mark.parametrize("heaviest", [1.0, 1e300])
def test_a_class_whose_rows_weigh_nothing_is_refused(heaviest):
    X, y = loans()
    weight = np.where(y == 1, 0.0 if heaviest == 1.0 else 1.0, heaviest)
    with pytest.raises(DataError, match="sample_weight is 0 for all rows of the second class"):
        DefaultRiskClassifier(members=1).fit(X, y, weight)
