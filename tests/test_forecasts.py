"""The forecast table is checked at the door, saved and read back unchanged."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.forecasts import Forecasts

DAY = np.array(["2020-01-01", "2020-01-02"], "datetime64[us]")


def made(**changes):
    rows = {
        "model": "network",
        "fold": 0,
        "entity": ["A", "B"],
        "issued_at": DAY,
        "resolves_at": DAY + np.timedelta64(7, "D"),
        "target": "direction",
        "horizon": 5,
        "kind": "probability",
        "value": [0.4, 0.6],
        "truth": [0.0, 1.0],
    }
    return Forecasts.from_rows(rows | changes, run_id="r")


def test_columns_stand_in_the_published_order():
    columns = "schema run_id model fold entity issued_at resolves_at target horizon kind level value truth"
    assert " ".join(made().table) == columns


def test_saved_forecasts_read_back_equal(tmp_path):
    made().save(tmp_path / "forecasts.parquet")
    pd.testing.assert_frame_equal(Forecasts.load(tmp_path / "forecasts.parquet").table, made().table)


def test_a_broken_file_is_a_data_error_that_names_it(tmp_path):
    (tmp_path / "forecasts.parquet").write_text("no")
    with pytest.raises(DataError, match=r"forecasts\.parquet"):
        Forecasts.load(tmp_path / "forecasts.parquet")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": [0.4, 1.2]}, r"row 1: probability 1\.2"),
        ({"value": [np.nan, 0.5]}, "not finite"),
        ({"kind": "guess"}, "guess"),
        ({"resolves_at": DAY}, "resolves before"),
        ({"entity": "A", "issued_at": DAY[0]}, "stands twice"),
        ({"note": "x"}, "unknown columns"),
        ({"fold": "first"}, "wrong type"),
    ],
)
def test_unsound_forecasts_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        made(**changes)


def test_an_infinite_truth_does_not_pass_as_known():
    truth, value = made(truth=[np.nan, 1.0]).values()
    assert truth.tolist() == [1.0]
    assert value.tolist() == [0.6]


def test_wide_pairs_models_case_by_case():
    both = Forecasts.concat([made(), made(model="tree", value=[0.1, 0.2])])
    wide = both.wide()
    assert list(wide.columns) == ["network", "tree", "truth"]
    assert wide.to_numpy().tolist() == [[0.4, 0.1, 0.0], [0.6, 0.2, 1.0]]


def test_wide_drops_cases_that_a_model_did_not_forecast():
    one = Forecasts(made(model="tree").table.iloc[:1])
    assert len(Forecasts.concat([made(), one]).wide()) == 1


def test_forecasts_of_an_unknown_model_name_the_known_ones():
    with pytest.raises(DataError, match="network"):
        made().of("forest")
