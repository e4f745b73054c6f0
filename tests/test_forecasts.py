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
    columns = "schema run_id model fold entity issued_at tradable_at resolves_at target horizon kind level value truth"
    assert " ".join(made().table) == columns


def test_saved_forecasts_read_back_equal(tmp_path):
    made().save(tmp_path / "forecasts.parquet")
    pd.testing.assert_frame_equal(Forecasts.load(tmp_path / "forecasts.parquet").table, made().table)


def test_a_broken_file_is_a_data_error_that_names_it(tmp_path):
    (tmp_path / "forecasts.parquet").write_text("no")
    with pytest.raises(DataError, match=r"forecasts\.parquet"):
        Forecasts.load(tmp_path / "forecasts.parquet")


LOCAL = pd.DatetimeIndex(["2020-01-02 16:00", "2020-07-02 16:00"], tz="America/New_York")
UTC = ["2020-01-02 21:00:00", "2020-07-02 20:00:00"]


@pytest.mark.parametrize(
    "issued",
    [LOCAL, list(LOCAL), [LOCAL[0].isoformat(), UTC[1]], [LOCAL[0], pd.Timestamp(UTC[1])], pd.DatetimeIndex(UTC)],
    ids=["zone", "objects", "texts", "one with, one without", "without"],
)
def test_times_with_a_zone_become_utc_and_those_without_are_utc(issued):
    table = made(issued_at=issued, resolves_at=pd.NaT).table
    assert table["issued_at"].astype(str).tolist() == UTC
    assert table["issued_at"].dtype == "datetime64[us]"


def test_all_times_may_have_a_zone():
    table = made(**{name: LOCAL + pd.Timedelta(days=n) for n, name in enumerate(TIMES)}).table
    assert [table[name].dt.hour.tolist() for name in TIMES] == [[21, 20]] * 3


TIMES = ["issued_at", "tradable_at", "resolves_at"]


def test_a_table_of_schema_1_is_read_as_one_whose_moments_to_trade_are_not_known(tmp_path):
    made().table.drop(columns="tradable_at").assign(schema=1).to_parquet(tmp_path / "old.parquet")
    pd.testing.assert_frame_equal(Forecasts.load(tmp_path / "old.parquet").table, made().table)


@pytest.mark.parametrize("schema", [1, 3])
def test_a_table_that_is_not_what_its_schema_says_is_refused(schema):
    with pytest.raises(DataError, match="schema other than 2"):
        Forecasts(made().table.assign(schema=schema))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": [0.4, 1.2]}, r"row 1: probability 1\.2"),
        ({"value": [np.nan, 0.5]}, "not finite"),
        ({"kind": "guess"}, "guess"),
        ({"resolves_at": DAY}, "resolves before"),
        ({"tradable_at": DAY}, "is traded before it was issued"),
        ({"tradable_at": DAY + np.timedelta64(7, "D")}, "resolves before it is traded"),
        ({"issued_at": ["2020-01-01", "next week"]}, "wrong type"),
        ({"entity": "A", "issued_at": DAY[0]}, "stands twice"),
        ({"note": "x"}, "unknown columns"),
        ({"kind": "quantile"}, "a quantile with level nan"),
        ({"kind": "quantile", "level": 1.0}, r"a quantile with level 1\.0"),
        ({"kind": "mean", "level": [np.nan, 0.5]}, r"row 1: a mean with level 0\.5"),
        ({"fold": "first"}, "wrong type"),
    ],
)
def test_unsound_forecasts_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        made(**changes)


def test_kinds_and_levels_are_told_and_taken_apart():
    quantiles = [made(kind="quantile", level=level, value=[9.0, -9.0]) for level in (0.9, 0.1)]
    both = Forecasts.concat([*quantiles, made(kind="score", value=[-3.0, 70.0])])
    assert (both.kinds, both.levels) == (["score", "quantile"], [0.1, 0.9])
    assert both.of_kind("score").table["value"].tolist() == [-3.0, 70.0]
    assert both.wide("quantile", 0.1)["network"].tolist() == [9.0, -9.0]
    with pytest.raises(DataError, match="kinds are"):
        both.of_kind("mean")


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
