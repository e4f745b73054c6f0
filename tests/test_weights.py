"""Row weights at the core: checked at the door, carried along, and never there where each is 1."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_loan_book
from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import data_hash
from finnet.labels import default_dataset
from finnet.weights import checked_weight, effective_number

BOOK = made_loan_book(loans=30)
DATA = default_dataset(BOOK)
WEIGHT = np.arange(1.0, 31.0)
ROWS = {"model": "tree", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 0, "kind": "probability"}
MADE = {**ROWS, "value": [0.1, 0.7], "truth": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.ones(29), r"shape \(29,\) and there are 30 rows"),
        (np.where(WEIGHT == 7, 0.0, WEIGHT), "not above zero, first 0.0 at 6"),
        (np.where(WEIGHT == 7, np.nan, WEIGHT), "not above zero, first nan at 6"),
        (np.array(["many"] * 30), "holds what is no number"),
    ],
)
def test_a_weight_that_is_none_is_refused_at_the_door(weight, words):
    with pytest.raises(DataError, match=words):
        replace(DATA, weight=weight)


def test_weights_of_one_each_are_none():
    assert replace(DATA, weight=np.ones(30)).weight is None


def test_rows_taken_keep_their_weights():
    assert replace(DATA, weight=WEIGHT).take(np.array([2, 5])).weight.tolist() == [3.0, 6.0]


def test_the_data_hash_tells_weights_apart():
    hashes = {data_hash(replace(DATA, weight=weight)) for weight in (None, WEIGHT, WEIGHT + 1.0)}
    assert len(hashes) == 3


def test_weights_of_loans_follow_them_into_the_order_of_application():
    by_loan = dict(zip(BOOK.loan_id, WEIGHT, strict=True))
    data = default_dataset(replace(BOOK, weight=WEIGHT))
    assert data.weight.tolist() == [by_loan[loan] for loan in data.entity]


def test_the_effective_number_is_that_whose_mean_varies_as_the_weighted_one_does():
    values = np.random.default_rng(0).standard_normal((20_000, 30))
    spread = np.average(values, axis=1, weights=WEIGHT).std()
    assert 1.0 / spread**2 == pytest.approx(effective_number(WEIGHT), rel=0.05)


def test_forecasts_carry_weights_through_a_file(tmp_path):
    Forecasts.from_rows({**MADE, "weight": [2.0, 3.0]}, run_id="t").save(tmp_path / "f.parquet")
    assert Forecasts.load(tmp_path / "f.parquet").weight.tolist() == [2.0, 3.0]


def test_forecasts_without_weights_have_no_column_of_them():
    alike = Forecasts.from_rows({**MADE, "weight": 1.0}, run_id="t")
    assert alike.weight is None
    pd.testing.assert_frame_equal(alike.table, Forecasts.from_rows(MADE, run_id="t").table)


def test_forecasts_of_a_fold_without_weights_count_as_one_beside_others():
    first = Forecasts.from_rows({**MADE, "weight": [2.0, 3.0]}, run_id="t")
    other = Forecasts.from_rows({**MADE, "fold": 1}, run_id="t")
    assert Forecasts.concat([first, other]).weight.tolist() == [2.0, 3.0, 1.0, 1.0]


def test_a_forecast_of_weight_zero_is_refused():
    with pytest.raises(DataError, match="not above zero"):
        Forecasts.from_rows({**MADE, "weight": [0.0, 3.0]}, run_id="t")


def test_whole_numbers_are_weights_too():
    assert checked_weight(np.array([1, 2]), 2).dtype == np.float64


def test_a_weight_beyond_float32_is_refused():
    with pytest.raises(DataError, match="weight has 1e\\+300"):
        checked_weight([1.0, 1e300], 2)
