"""What a run writes is whole, and its name follows from what made it."""

import json

import numpy as np
import pytest

from finnet import files
from finnet.data.samples import made_loan_book, made_market
from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.jobs import artifacts
from finnet.jobs.artifacts import data_hash, publish, run_name, to_json
from finnet.labels import Direction, build_dataset, default_dataset

ROWS = {"model": "network", "fold": 0, "entity": ["A"], "target": "default", "horizon": 0, "kind": "probability"}
FORECASTS = Forecasts.from_rows({**ROWS, "value": 0.5}, run_id="r")


def test_a_changed_value_changes_the_name_of_the_run():
    data = [default_dataset(made_loan_book(loans=50, seed=seed)) for seed in (0, 0, 1)]
    names = [run_name({"seed": 1}, dataset) for dataset in data]
    assert names[0] == names[1] != names[2]
    assert run_name({"seed": 2}, data[0]) != names[0]


def test_the_hash_sees_features_labels_and_clocks():
    panel = made_market(symbols=2, sessions=50)
    one, other = (build_dataset(panel, [name], Direction()) for name in ("return_1", "return_5"))
    assert len({data_hash(one), data_hash(one.take(np.arange(len(one) - 1))), data_hash(other)}) == 3


def test_a_failed_write_leaves_the_old_run_whole(tmp_path, monkeypatch):
    publish(tmp_path / "run", forecasts=FORECASTS, files={"report.html": b"old"})

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_sync", full)
    with pytest.raises(OSError, match="No space"):
        publish(tmp_path / "run", forecasts=FORECASTS, files={"report.html": b"new"})
    assert (tmp_path / "run" / "report.html").read_text() == "old"


def test_forecasts_that_do_not_read_back_are_no_run(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "to_parquet", lambda table: b"no table")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        publish(tmp_path / "two", forecasts=FORECASTS, files={})


def test_where_the_data_lie_decides_nothing():
    data = default_dataset(made_loan_book(loans=50))
    names = [run_name({"data": {"loans": {"path": path, "target": "bad"}}}, data) for path in ("a.csv", "/b/a.csv")]
    assert names[0] == names[1] != run_name({"data": {"loans": {"path": "a.csv", "target": "worse"}}}, data)


def test_json_is_strict_and_nan_is_null():
    text = to_json({"a": float("nan"), "b": np.float64(1.5), "c": (np.int64(2), np.bool_(True)), "d": {1: None}})
    assert json.loads(text) == {"a": None, "b": 1.5, "c": [2, True], "d": {"1": None}}
