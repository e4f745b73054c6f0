"""Cases hold the rows that all models forecast, and know which of them are not independent."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.evaluation.cases import paired_cases
from finnet.forecasts import Forecasts


def test_only_rows_that_every_model_forecast_are_kept(make_forecasts):
    both = make_forecasts({"a": [0.1, 0.2, 0.3], "b": [0.4, 0.5, 0.6]}, [0, 1, 1])
    cases = paired_cases(Forecasts(both.table.drop(index=1)))
    assert cases.values.tolist() == [[0.1, 0.4], [0.3, 0.6]]


def test_rows_whose_truth_is_unknown_are_left_out(make_forecasts):
    cases = paired_cases(make_forecasts({"a": [0.1, 0.2, 0.3]}, [0, np.nan, 1]))
    assert cases.values[:, 0].tolist() == [0.1, 0.3]


def test_rows_of_one_day_are_one_unit(make_forecasts, make_days):
    forecasts = make_forecasts(
        {"a": np.full(6, 0.5)}, [0, 1, 0, 1, 0, 1], issued=make_days(3, 2), entity=["A", "B"] * 3
    )
    cases = paired_cases(forecasts)
    assert cases.unit.tolist() == [0, 0, 1, 1, 2, 2]
    assert cases.unit_name == "session"


@pytest.mark.parametrize(("n_days", "units", "name"), [(366, 12, "month"), (300, 300, "day")])
def test_loans_are_one_unit_per_month_once_there_are_twelve(make_forecasts, make_days, n_days, units, name):
    cases = paired_cases(make_forecasts({"a": np.full(n_days, 0.5)}, np.arange(n_days) % 2, issued=make_days(n_days)))
    assert (cases.n_units, cases.unit_name) == (units, name)


def test_symbols_forecast_for_years_stay_one_unit_per_day(make_forecasts, make_days):
    forecasts = make_forecasts({"a": np.full(400, 0.5)}, np.arange(400) % 2, issued=make_days(400), entity="A")
    assert paired_cases(forecasts).n_units == 400


def test_rows_without_dates_are_one_unit_per_entity_over_all_repeats(make_forecasts):
    entity, fold = ["A", "B", "C", "A", "B", "C"], [0, 0, 1, 2, 3, 3]
    cases = paired_cases(make_forecasts({"a": np.full(6, 0.5)}, [0, 1, 0, 0, 1, 0], entity=entity, fold=fold))
    assert cases.unit.tolist() == [0, 1, 2, 0, 1, 2]
    assert cases.repeat.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("every", "horizon", "overlap"), [(1, 1, 1), (1, 5, 5), (2, 5, 3), (5, 5, 2), (10, 5, 1)])
def test_overlap_counts_the_issues_that_one_outcome_spans(make_forecasts, make_days, every, horizon, overlap):
    issued = make_days(100)[::every]
    # As labels are made: traded a bar after the forecast, resolved `horizon` bars later.
    resolves = issued + pd.Timedelta(days=1 + horizon)
    values = {"a": np.full(len(issued), 0.5)}
    truth = np.arange(len(issued)) % 2
    cases = paired_cases(make_forecasts(values, truth, issued=issued, resolves=resolves, entity="A", horizon=horizon))
    assert cases.horizon == overlap


def test_outcomes_of_different_loans_do_not_overlap(make_forecasts, make_days):
    issued = make_days(400)
    resolves = issued + pd.Timedelta(days=365)
    cases = paired_cases(
        make_forecasts({"a": np.full(400, 0.5)}, np.arange(400) % 2, issued=issued, resolves=resolves, horizon=12)
    )
    assert cases.horizon == 1


def test_years_count_both_ends(make_forecasts, make_days):
    cases = paired_cases(make_forecasts({"a": np.full(731, 0.5)}, np.arange(731) % 2, issued=make_days(731)))
    assert cases.years == pytest.approx(731 / 365.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": [1, 1, 2]}, "one target and horizon"),
        ({"truth": [0.0, 0.3, 1.0]}, "against 0 and 1"),
        ({"truth": np.nan}, "no case"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_reason(make_forecasts, change, message):
    table = make_forecasts({"a": [0.1, 0.2, 0.3]}, [0, 1, 1]).table.assign(**change)
    with pytest.raises(DataError, match=message):
        paired_cases(Forecasts(table))
