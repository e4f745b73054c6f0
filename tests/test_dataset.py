"""A Dataset refuses rows whose clocks run backwards."""

import numpy as np
import pandas as pd
import pytest

from finnet.dataset import CLOCKS, Dataset
from finnet.errors import DataError, LookAheadError


def made(times, y=(1, 0)):
    clocks = pd.DataFrame(np.array(times, "datetime64[us]"), columns=list(CLOCKS))
    return Dataset(
        pd.DataFrame({"a": np.arange(2.0)}), np.array(y), np.array(["A", "B"], object), "direction", 1, clocks
    )


GOOD = [["2020-01-01", "2020-01-01", "2020-01-02", "2020-01-03"]] * 2


@pytest.mark.parametrize("clock", range(1, 4))
def test_a_clock_before_the_one_it_must_follow_is_refused_with_row_and_entity(clock):
    late = [GOOD[0], list(GOOD[1])]
    late[1][clock] = "2019-12-31"
    with pytest.raises(LookAheadError, match=r"row 1 \(B\).*known_at <= decided_at < tradable_at < resolves_at"):
        made(late)


def test_trading_at_the_moment_of_the_decision_is_refused():
    with pytest.raises(LookAheadError):
        made([["2020-01-01", "2020-01-01", "2020-01-01", "2020-01-03"]] * 2)


def test_rows_out_of_time_order_are_refused():
    earlier = ["2019-01-01", "2019-01-01", "2019-01-02", "2019-01-03"]
    with pytest.raises(DataError, match="order of known_at"):
        made([GOOD[0], earlier])


def test_rows_with_dates_may_lack_some_labels_but_not_all():
    data = made(GOOD, y=(1.0, np.nan))
    assert data.has_label.tolist() == [True, False]
    assert data.labels(np.array([0])).dtype == np.int8
    with pytest.raises(DataError, match="y lacks labels"):
        made(GOOD, y=(np.nan, np.nan))


def test_rows_without_dates_need_every_label():
    with pytest.raises(DataError, match="y lacks labels"):
        Dataset(pd.DataFrame({"a": [1.0, 2.0]}), np.array([1.0, np.nan]), np.array(["A", "B"]), "default", 0)


def test_take_keeps_rows_and_their_clocks_together():
    later = ["2020-01-02", "2020-01-02", "2020-01-03", "2020-01-06"]
    part = made([GOOD[0], later]).take(np.array([1]))
    assert (part.X["a"][0], part.y[0], part.entity[0]) == (1.0, 0, "B")
    assert part.clock("resolves_at")[0] == np.datetime64("2020-01-06")


def test_asking_undated_rows_for_a_clock_names_a_split_that_needs_none():
    data = Dataset(pd.DataFrame({"a": [1.0]}), np.array([1]), np.array(["A"]), "default", 0)
    with pytest.raises(DataError, match="RepeatedKFold"):
        data.clock("known_at")
