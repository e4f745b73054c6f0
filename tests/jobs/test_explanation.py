"""What a job will do is said in plain words, with the numbers that come true."""

from dataclasses import replace

import numpy as np

from finnet.data.samples import made_loan_book
from finnet.jobs.explanation import _Trial, explain
from finnet.jobs.job_file import parse_job
from finnet.labels import default_dataset
from finnet.splits import RepeatedKFold
from tests.jobs.small import JOB

MARKET = {
    "schema": 1,
    "task": "direction",
    "name": "market",
    "data": {"made_market": {"symbols": 3, "sessions": 200}},
    "features": ["return_1", "sentiment"],
    "label": {"direction": {"horizon_bars": 2}},
    "split": {"walk_forward": {"train_bars": 100, "test_bars": 40}},
    "models": ["network", "always_up"],
    "tune": {"trials": 1},
    "network": {"hidden": [4], "epochs": 2},
}


def test_a_market_job_is_explained_with_its_folds_and_its_refit():
    text = explain(parse_job(MARKET))
    assert text.startswith("market forecasts direction over 2 bars from 2 columns.\nData: 588 rows")
    assert (
        "Folds: 3. The first trains on 294 rows and forecasts 120; the last trains on 294 rows and forecasts 48."
        in text
    )
    assert "2 models on 3 folds; the network trains 4 networks in each fit, those that are tuned try 1 setting" in text
    assert "5 fits on each training window, each without some of its rows" in text
    assert "fitted once more, on 300 rows" in text


def test_the_time_grows_with_the_processes_left_out_and_is_said_last():
    last = explain(JOB).splitlines()[-1]
    assert last.startswith("Time: about ")
    assert last.endswith(" on 1 process.")


def undated():
    return replace(default_dataset(made_loan_book(loans=20_000)), clocks=None)


def tried(dataset):
    (fold,) = _Trial(RepeatedKFold(folds=2, repeats=1)).split(dataset)
    return len(fold.train)


def test_a_long_fold_is_tried_on_some_of_its_rows():
    assert 5_000 <= tried(undated()) <= 7_000


def test_where_one_class_is_rare_all_rows_are_tried():
    dataset = undated()
    assert tried(replace(dataset, y=(np.arange(20_000) % 1_000 == 0).astype(int))) == 10_000
