"""Checks name the value, the rule and the remedy."""

import numpy as np
import pytest

from finnet.checks import (
    nearest,
    require_at_least,
    require_choice,
    require_columns,
    require_date_format,
    require_methods,
    require_positive,
    require_share,
    require_whole,
)
from finnet.errors import ConfigError, DataError


def test_without_a_near_name_all_known_ones_are_listed():
    assert nearest("zzz", ["b", "a"]) == "use one of a, b"


def test_a_choice_off_the_list_names_the_nearest():
    with pytest.raises(ConfigError, match=r"optimizer='adm' is not known; did you mean 'adam'\?"):
        require_choice("adm", ["adam", "sgd"], name="optimizer")


@pytest.mark.parametrize("value", [0.9, float("nan")])
def test_too_small_and_nan_are_refused(value):
    with pytest.raises(ConfigError, match="use 1 or more"):
        require_at_least(value, 1, name="bars")


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_a_share_lies_below_one(value):
    with pytest.raises(ConfigError, match="share"):
        require_share(value, name="test_share")


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_the_first_value_that_is_not_positive_is_named(bad):
    with pytest.raises(DataError, match=r"close has 1 values .* at 1"):
        require_positive(np.array([1.0, bad]), name="close")


def test_a_missing_column_names_the_nearest():
    with pytest.raises(DataError, match=r"prices lacks column 'close'; did you mean 'Close'\?"):
        require_columns(["Close", "date"], ["date", "close"], name="prices")


@pytest.mark.parametrize("value", [0, 2.0, "3", True, None])
def test_a_whole_number_is_an_int_that_is_large_enough(value):
    with pytest.raises(ConfigError, match="whole number of 1 or more"):
        require_whole(value, 1, name="epochs")
    require_whole(np.int64(1), 1, name="epochs")


def test_a_choice_that_is_no_text_is_answered_all_the_same():
    with pytest.raises(ConfigError, match="validation=3"):
        require_choice(3, ["last"], name="validation")


def test_an_object_without_a_method_and_a_class_are_refused():
    with pytest.raises(ConfigError, match=r"schedule='cosine' has no factor\(\); give an object such as Cosine\(\)"):
        require_methods("cosine", ("factor",), name="schedule", such_as="Cosine()")
    with pytest.raises(ConfigError, match="schedule=dict is a class"):
        require_methods(dict, ("get",), name="schedule", such_as="{}")


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%b-%Y", "%Y", "%y%m%d", "%Y-%m-%d %H:%M:%S %z", "%m/%d/%Y %I:%M %p"])
def test_formats_of_days_months_years_and_times_are_known(form):
    require_date_format(form, name="date_format")


@pytest.mark.parametrize("form", ["%d%d", "%d", "%Y-%d", "%H:%M", "day", "", "%", "%Q", "\0"])
def test_a_format_that_loses_the_date_is_refused(form):
    with pytest.raises(ConfigError, match="reads no dates"):
        require_date_format(form, name="date_format")
