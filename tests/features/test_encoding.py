import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError, DataError
from finnet.features.encoding import TableEncoder

BOTH = pytest.mark.parametrize("numeric", ["standard", "quantile"])


def loans() -> pd.DataFrame:
    return made_loan_book(loans=400).features


@BOTH
def test_matrix_is_float32_and_complete(numeric):
    encoded = TableEncoder(numeric).fit_transform(loans())
    assert encoded.dtype == np.float32
    assert np.isfinite(encoded).all()


@BOTH
def test_names_match_columns(numeric):
    encoder = TableEncoder(numeric).fit(loans())
    assert encoder.transform(loans()).shape == (400, len(encoder.get_feature_names_out()))


def test_standard_numbers_have_mean_zero_and_deviation_one():
    encoded = TableEncoder().fit_transform(pd.DataFrame({"x": [1.0, 2.0, 3.0, 6.0]}))
    np.testing.assert_allclose([encoded.mean(), encoded.std()], [0.0, 1.0], atol=1e-6)


def test_standard_numbers_are_clipped_at_five():
    encoder = TableEncoder().fit(pd.DataFrame({"x": [0.0, 1.0]}))
    assert encoder.transform(pd.DataFrame({"x": [1e9, -1e9]})).ravel().tolist() == [5.0, -5.0]


def test_quantile_numbers_are_normal_quantiles_of_middle_ranks():
    encoded = TableEncoder("quantile").fit_transform(pd.DataFrame({"x": [1.0, 100.0, 10.0, 1e6]}))
    np.testing.assert_allclose(encoded[:, 0], norm.ppf([1 / 8, 5 / 8, 3 / 8, 7 / 8]), rtol=1e-6)


def test_a_value_that_most_rows_share_lands_in_their_middle():
    encoded = TableEncoder("quantile").fit_transform(pd.DataFrame({"late": [0.0] * 8 + [1.0, 2.0]}))
    assert encoded[0, 0] == pytest.approx(norm.ppf(0.4))  # 0 rows below, 8 up to it: (0 + 8) / 2 of 10


@BOTH
def test_numbers_beyond_what_fit_saw_stay_finite_and_ordered(numeric):
    encoder = TableEncoder(numeric).fit(pd.DataFrame({"x": np.arange(10.0)}))
    below, least, most, above = encoder.transform(pd.DataFrame({"x": [-1e30, 0.0, 9.0, 1e30]}))[:, 0]
    assert below <= least < most <= above


@BOTH
def test_missing_number_becomes_zero_and_is_marked(numeric):
    encoder = TableEncoder(numeric).fit(pd.DataFrame({"x": [1.0, 2.0, 4.0, np.nan]}))
    assert encoder.get_feature_names_out().tolist() == ["x", "x_missing"]
    assert encoder.transform(pd.DataFrame({"x": [np.nan, 2.0]})).tolist()[0] == [0.0, 1.0]


def test_number_first_missing_after_fit_becomes_zero_without_mark():
    encoder = TableEncoder().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    assert encoder.transform(pd.DataFrame({"x": [np.nan]})).tolist() == [[0.0]]


def test_rare_gap_gets_no_mark():
    table = pd.DataFrame({"x": [np.nan, *range(199)]})
    assert TableEncoder(min_frequency=0.01).fit(table).get_feature_names_out().tolist() == ["x"]
    assert TableEncoder(min_frequency=0.0).fit(table).get_feature_names_out().tolist() == ["x", "x_missing"]


def test_column_without_variation_is_left_out():
    table = pd.DataFrame({"same": [3.0, 3.0], "empty": [np.nan, np.nan], "x": [1.0, 2.0]})
    assert TableEncoder().fit(table).get_feature_names_out().tolist() == ["x"]


def test_unknown_category_is_zero_everywhere():
    encoder = TableEncoder().fit(pd.DataFrame({"home": ["own", "rent"]}))
    assert encoder.transform(pd.DataFrame({"home": ["castle", "own"]})).tolist() == [[0.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize("kind", [object, "category", "string"])
def test_missing_category_is_a_level(kind):
    table = pd.DataFrame({"home": pd.Series(["own", None, "own", None], dtype=kind)})
    assert TableEncoder().fit_transform(table).tolist() == [[1.0, 0.0], [0.0, 1.0]] * 2


def test_rare_categories_share_a_column():
    table = pd.DataFrame({"zip": ["a"] * 50 + ["b"] * 48 + ["c", "d"]})
    encoded = TableEncoder(min_frequency=0.02).fit_transform(table)
    assert encoded.shape == (100, 3)
    assert encoded[-2:].tolist() == [[0.0, 0.0, 1.0]] * 2


def test_truth_values_are_numbers():
    assert TableEncoder().fit_transform(pd.DataFrame({"x": [True, False]})).ravel().tolist() == [1.0, -1.0]


def test_nullable_integers_are_numbers():
    table = pd.DataFrame({"x": pd.array([1, None, 3], dtype="Int64")})
    assert TableEncoder().fit_transform(table).tolist() == [[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


@BOTH
def test_only_rows_given_to_fit_count(numeric):
    table = loans()
    encoder = TableEncoder(numeric).fit(table[:300])
    before = encoder.transform(table[:300])
    encoder.transform(table[300:])
    np.testing.assert_array_equal(encoder.transform(table[:300]), before)
    np.testing.assert_array_equal(TableEncoder(numeric).fit(table[:300].copy()).transform(table[:300]), before)


@BOTH
def test_rows_are_encoded_one_by_one(numeric):
    encoder = TableEncoder(numeric).fit(loans())
    alone = np.vstack([encoder.transform(loans().iloc[[row]]) for row in range(5)])
    np.testing.assert_array_equal(encoder.transform(loans())[:5], alone)


def test_columns_are_found_by_name():
    table = loans()
    encoder = TableEncoder().fit(table)
    np.testing.assert_array_equal(encoder.transform(table[table.columns[::-1]]), encoder.transform(table))


def test_absent_column_is_named():
    encoder = TableEncoder().fit(loans())
    with pytest.raises(DataError, match="lacks column 'income'"):
        encoder.transform(loans().drop(columns="income"))


def test_infinite_number_is_refused():
    with pytest.raises(DataError, match="column 'x' has infinite values"):
        TableEncoder().fit(pd.DataFrame({"x": [1.0, np.inf]}))


def test_dates_are_refused():
    with pytest.raises(DataError, match="column 'day' is datetime64"):
        TableEncoder().fit(pd.DataFrame({"day": pd.to_datetime(["2020-01-01"]), "x": [1.0]}))


def test_table_in_which_nothing_varies_is_refused():
    with pytest.raises(DataError, match="no column varies"):
        TableEncoder().fit(pd.DataFrame({"x": [1.0, 1.0]}))


def test_unknown_scaling_is_refused():
    with pytest.raises(ConfigError, match="numeric='quantil' is not known; did you mean 'quantile'"):
        TableEncoder("quantil").fit(loans())


def test_float32_frame_and_matrix_give_the_same():
    X = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    X[3, 2] = np.nan
    names = [f"x{number}" for number in range(4)]
    np.testing.assert_array_equal(
        TableEncoder().fit_transform(X), TableEncoder().fit_transform(pd.DataFrame(X, columns=names))
    )


def test_table_is_left_alone():
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32))
    X.iloc[3, 2] = np.nan
    before = X.copy()
    TableEncoder().fit(X).transform(X)
    pd.testing.assert_frame_equal(X, before)


def test_clone_keeps_the_settings():
    copy = clone(TableEncoder("quantile", min_frequency=0.05))
    assert (copy.numeric, copy.min_frequency) == ("quantile", 0.05)


def test_works_in_a_pipeline():
    book = made_loan_book(loans=400)
    model = make_pipeline(TableEncoder(), LogisticRegression()).fit(book.features, book.default)
    assert model.predict_proba(book.features).shape == (400, 2)
