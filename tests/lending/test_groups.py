"""Groups of loans: levels, ranges, and what makes no group."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError, DataError
from finnet.lending.groups import GroupColumn, group_names, quartiles


def test_numbers_of_few_values_are_groups_in_their_order():
    names = group_names(pd.Series([10.0, 2.0, np.nan, 2.0]))
    assert names.tolist() == ["10", "2", "missing", "2"]
    assert list(names.cat.categories) == ["2", "10", "missing"]


def test_rare_levels_become_one_group():
    values = pd.Series(list("aaabbbcd"), dtype="category")
    assert group_names(values, most_levels=3).tolist() == [*"aaabbb", "other levels", "other levels"]


def test_quartiles_that_are_equal_count_once():
    assert quartiles(pd.Series([0.0] * 60 + [float(n) for n in range(1, 41)])) == (0.0, 15.25)


def test_numbers_of_many_values_need_limits():
    with pytest.raises(DataError, match=r"20 different numbers.*limits"):
        group_names(pd.Series(np.arange(20.0), name="age"))


def test_categories_have_no_limits():
    with pytest.raises(DataError, match="is a category"):
        group_names(pd.Series(["a"], dtype="category"), [1.0])


def test_limits_that_do_not_ascend_are_refused():
    with pytest.raises(ConfigError, match="do not ascend"):
        GroupColumn("age", (60, 25))


def test_numbers_that_differ_in_their_last_digit_are_groups_of_their_own():
    codes = pd.Series([1000001.0, 1000002.0, 0.5, np.nan])
    assert group_names(codes).tolist() == ["1000001", "1000002", "0.5", "missing"]
