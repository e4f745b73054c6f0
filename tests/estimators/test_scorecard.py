"""The scorecard finds what says something, its points double the odds, and its SQL gives the same points."""

import sqlite3
from math import log

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import Archive, pack, unpack
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.scorecard_points import PointScale, Scorecard
from finnet.estimators.scorecard_sql import scorecard_sql
from finnet.features.binning import LevelBins, NumberBins

BOOK = made_loan_book(loans=1500)
LOANS, DEFAULT = BOOK.features, BOOK.default.astype(int)
MODEL = ScorecardClassifier().fit(LOANS, DEFAULT)
CARD = Scorecard(MODEL, PointScale())
RNG = np.random.default_rng(0)


def test_it_ranks_new_loans():
    new = made_loan_book(loans=1500, seed=1)
    assert roc_auc_score(new.default, MODEL.predict_proba(new.features)[:, 1]) > 0.68


def test_coefficients_are_those_of_logistic_regression_on_the_weights():
    names = list(MODEL.coefficients_)
    weights = np.column_stack([MODEL.evidence_[name].weights[bins] for name, bins in MODEL.place(LOANS).items()])
    fitted = LogisticRegression(tol=1e-8, max_iter=1000).fit(weights, DEFAULT)
    assert [MODEL.coefficients_[name] for name in names] == pytest.approx(fitted.coef_[0], abs=1e-3)
    np.testing.assert_allclose(MODEL.predict_proba(LOANS), fitted.predict_proba(weights), atol=1e-3)


def test_a_column_of_noise_is_left_out():
    model = ScorecardClassifier().fit(LOANS.assign(noise=RNG.random(1500)), DEFAULT)
    assert model.left_out_["noise"].startswith("information value")
    assert "noise" not in model.coefficients_


def test_bins_of_a_tree_begin_where_the_risk_does():
    model = ScorecardClassifier(binning="tree").fit(LOANS.assign(noise=RNG.random(1500)), DEFAULT)
    # The made book has a threshold there, and nothing else in this column.
    assert model.evidence_["delinquencies"].bins == NumberBins((1.0,))
    assert "noise" not in model.coefficients_
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.binning == "tree"
    assert loaded.evidence_["delinquencies"].bins == NumberBins((1.0,))


def test_a_binning_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="binning='trees' is not known; did you mean 'tree'"):
        ScorecardClassifier(binning="trees").fit(LOANS, DEFAULT)


def test_a_column_whose_coefficient_has_the_wrong_sign_is_left_out():
    risk = RNG.normal(size=4000)
    y = (RNG.random(4000) < 1 / (1 + np.exp(1.5 - risk))).astype(int)
    # What is left of the noise in `first` once `second` is known says the opposite of `first` alone.
    noise = RNG.normal(size=4000)
    table = pd.DataFrame({"first": risk + 2 * noise, "second": risk + noise})
    model = ScorecardClassifier().fit(table, y)
    assert model.left_out_ == {"first": "its coefficient says the opposite of the column alone"}
    assert model.coefficients_["second"] < 0.0


def test_where_nothing_says_anything_the_forecast_is_the_rate():
    model = ScorecardClassifier().fit(pd.DataFrame({"noise": RNG.random(400)}), np.arange(400) % 4 == 0)
    assert not model.coefficients_
    assert model.predict_proba(pd.DataFrame({"noise": [0.5]}))[0, 1] == pytest.approx(0.25)
    assert Scorecard(model, PointScale()).table().empty


def test_special_codes_have_bins_of_their_own_where_they_come():
    table = LOANS.assign(income=LOANS["income"].fillna(-999.0))
    model = ScorecardClassifier(special_codes=(-999.0,)).fit(table, DEFAULT)
    assert model.evidence_["income"].bins.codes == (-999.0,)
    assert model.evidence_["debt_to_income"].bins.codes == ()


def test_a_missing_cell_and_a_level_never_seen_are_forecast():
    new = LOANS.head(2).assign(purpose=["boat", None], income=np.nan)
    assert np.isfinite(MODEL.predict_proba(new)).all()


def test_bins_given_are_kept():
    bins = {"income": NumberBins((40_000.0,)), "purpose": LevelBins((("business", "debt"),))}
    model = clone(ScorecardClassifier(bins=bins)).fit(LOANS, DEFAULT)
    assert {name: model.evidence_[name].bins for name in bins} == bins


@pytest.mark.parametrize(
    ("bins", "words"),
    [
        ({"incom": NumberBins(())}, "column 'incom', which is not there; did you mean 'income'"),
        ({"home": NumberBins(())}, "column 'home' are edges of numbers, and it holds text; give groups"),
        ({"income": LevelBins(())}, "column 'income' are groups of levels, and it holds numbers; give edges"),
    ],
)
def test_bins_that_do_not_fit_the_table_are_named(bins, words):
    with pytest.raises(ConfigError, match=words):
        ScorecardClassifier(bins=bins).fit(LOANS, DEFAULT)


def test_one_class_is_refused():
    with pytest.raises(DataError, match="one class only"):
        ScorecardClassifier().fit(LOANS, np.zeros(1500))


def test_a_column_of_another_type_is_named():
    with pytest.raises(DataError, match="column 'income' was a number in fit"):
        MODEL.predict_proba(LOANS.assign(income="much"))


def test_a_loaded_scorecard_has_the_same_points():
    loaded = Scorecard(model_from_bytes(model_to_bytes(MODEL)), PointScale())
    pd.testing.assert_frame_equal(loaded.table(), CARD.table())


@pytest.mark.parametrize(
    "change",
    [
        {"outcomes": {"income": [[1], [1]]}},
        {"bins": {"income": {"edges": [2.0, 1.0]}}},
        {"coefficients": [["none", -1.0]]},
        {"classes": [0, 1, 2]},
        {"left_out": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_file_whose_parts_do_not_fit_is_refused(change):
    content = unpack(model_to_bytes(MODEL)).description
    (part,) = change
    own = content["model"]
    merges = isinstance(change[part], dict) and change[part]
    own[part] = {**own[part], **change[part]} if merges else change[part]
    with pytest.raises(DataError):
        model_from_bytes(pack(Archive(content, [])))


def test_the_scale_by_hand():
    scale = PointScale(points_to_double_odds=20, points=600, odds=50)
    assert scale.factor == pytest.approx(20 / log(2))
    assert scale.offset == pytest.approx(600 - 20 * log(50) / log(2))
    assert scale.probability(np.array([600.0, 620.0, 580.0])) == pytest.approx([1 / 51, 1 / 101, 1 / 26])


@pytest.mark.parametrize("wrong", [{"points_to_double_odds": 0.0}, {"odds": -1.0}, {"odds": np.nan}])
def test_a_scale_without_a_direction_is_refused(wrong):
    with pytest.raises(ConfigError, match="is not a number above 0"):
        PointScale(**wrong)


def test_points_are_the_log_odds_within_half_a_point_a_column():
    risk = MODEL.predict_proba(LOANS)[:, 1]
    exact = CARD.scale.offset + CARD.scale.factor * np.log((1 - risk) / risk)
    assert np.abs(CARD.score(LOANS) - exact).max() <= 0.5 * (len(MODEL.coefficients_) + 1)


def test_points_of_finer_scales_give_the_probability_of_the_model():
    card = Scorecard(MODEL, PointScale(points_to_double_odds=1e6))
    np.testing.assert_allclose(card.scale.probability(card.score(LOANS)), MODEL.predict_proba(LOANS)[:, 1], rtol=1e-4)


def test_the_table_adds_up_to_the_score_of_a_loan():
    loan = LOANS.head(1)
    table = CARD.table().set_index(["column", "bin"])["points"]
    labels = {name: MODEL.evidence_[name].bins.labels[bins[0]] for name, bins in MODEL.place(loan).items()}
    assert CARD.base + sum(table[pair] for pair in labels.items()) == CARD.score(loan)[0]


def queried(sql, table, name="applications"):
    with sqlite3.connect(":memory:") as database:
        numbers = list(table.select_dtypes("number"))
        cells = table.astype(dict.fromkeys(numbers, float)).astype(object).where(table.notna(), None)
        # Told, as pandas 2.2 makes texts of columns of objects, which a database compares letter by letter.
        cells.to_sql(name, database, index=False, dtype=dict.fromkeys(numbers, "REAL"))
        return [points for (points,) in database.execute(sql)]


def test_sql_gives_every_row_the_same_points():
    table = LOANS.assign(
        income=LOANS["income"].where(np.arange(1500) % 7 > 0, -999.0),
        home=LOANS["home"].astype(object).where(np.arange(1500) % 5 > 0, "boat"),
    )
    model = ScorecardClassifier(special_codes=(-999.0,), least_value=0.0).fit(table, DEFAULT)
    new = table.assign(home=table["home"].where(np.arange(1500) % 3 > 0, "tent"))
    new.loc[::13, "credit_score"], new.loc[::11, "home"] = np.nan, None
    card = Scorecard(model, PointScale())
    assert {"income", "home", "credit_score"} <= set(card.points)
    assert queried(scorecard_sql(card), new) == card.score(new).tolist()


def test_edges_of_bins_are_on_the_same_side_in_sql():
    edges = MODEL.evidence_["debt_to_income"].bins.edges
    new = pd.concat([LOANS.head(1)] * len(edges), ignore_index=True).assign(debt_to_income=edges)
    assert queried(scorecard_sql(CARD), new) == CARD.score(new).tolist()


def test_sql_quotes_names_and_levels():
    column, level, name = 'a"; DROP TABLE t; --', "o'neil'); --\n\"", 'my "table"'
    table = pd.DataFrame({column: np.where(np.arange(200) % 2, level, "other")})
    model = ScorecardClassifier().fit(table, (np.arange(200) % 2) * (np.arange(200) % 3 > 0))
    card = Scorecard(model, PointScale())
    assert queried(scorecard_sql(card, table=name), table, name) == card.score(table).tolist()
    assert len(set(card.score(table))) == 2


def test_codes_that_a_reader_had_made_missing_are_missing_in_sql():
    raw = LOANS.assign(income=LOANS["income"].fillna(-999.0))
    sql = scorecard_sql(CARD, missing_codes={"income": (-999,)})
    assert queried(sql, raw) == CARD.score(LOANS).tolist()


def test_a_name_that_no_database_takes_is_refused():
    table = pd.DataFrame({"a\0": np.arange(200.0) % 2})
    model = ScorecardClassifier().fit(table, (np.arange(200) % 2) * (np.arange(200) % 3 > 0))
    with pytest.raises(ConfigError, match="NUL"):
        scorecard_sql(Scorecard(model, PointScale()))
