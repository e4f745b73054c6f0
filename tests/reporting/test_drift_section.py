"""The words and colors of drift follow the limits that decide."""

import pandas as pd
import pytest

from finnet.reporting.canvas import BAD
from finnet.reporting.sections.drift import DriftSection
from finnet.reporting.stability_plot import stability_plot


def measured(name, psi, limit, *, breached=False):
    shares = dict.fromkeys(("unseen", "outside", "missing", "missing_before"), 0.0)
    means = {"mean": 0.31, "mean_before": 0.3, "moved": "0.2 to 0.3: 10.0 % before, 30.0 % now"}
    return (
        {"column": name, "psi": psi, "psi_limit": limit, "breached": breached, "forecast_shift": 0.01} | shares | means
    )


def section(*, forecast=(0.6, 0.9), column=(0.6, 0.9), alarms=None, **changes):
    columns = pd.DataFrame([measured("income", *column, breached=bool(alarms))])
    facts = {"run": "a", "model": "network", "as_of": "undated", "rows": 20, "trained": 1000, "is_dependent": False}
    facts |= {"columns": columns, "forecasts": pd.DataFrame([measured("forecast", *forecast)])}
    return DriftSection(**{**facts, "alarms": alarms or {}, "alarm_rate": 0.05, **changes})


def test_an_index_that_chance_explains_is_no_shift():
    drawn = section()
    assert drawn.moves == ["forecasts: no more shift than chance explains; mean 0.3000 in the run, 0.3100 now"]
    assert drawn.advice == "nothing now; compare again with the next data"


def test_forecasts_beyond_their_limit_are_said_to_raise_no_alarm():
    assert "forecasts: index 1.20 above 0.90, which raises no alarm" in section(forecast=(1.2, 0.9)).verdict


def test_a_shift_is_named_only_of_a_column_whose_index_is_beyond_its_limit():
    moved = section(column=(1.2, 0.9), alarms={"income": "population stability 1.2 is above its limit 0.9"})
    assert "income: large shift; population stability" in moved.verdict
    empty = section(alarms={"income": "9 of 20 rows have no value, 0.0 % before"})
    assert "income: 9 of 20 rows have no value" in empty.verdict


def test_a_stated_rate_is_named_only_where_there_is_one():
    assert "stated rate" not in section().verdict
    assert "before the stated rate moves them" in section(is_moved=True).verdict


@pytest.mark.parametrize(("breached", "is_orange"), [(True, True), (False, False)])
def test_bars_are_orange_only_where_they_raise_an_alarm(breached, is_orange):
    bars = stability_plot(pd.DataFrame([measured("[forecast]", 1.2, 0.9, breached=breached)]))
    assert (BAD.lower() in bars.lower()) == is_orange


def test_training_rows_among_the_new_are_told_in_headline_alarm_and_advice():
    seen = section(seen=12, is_estimate=True)
    assert seen.headline.endswith("nothing is beyond its limit, but about 12 of the new rows trained the model.")
    assert seen.alarm.startswith("Of the 20 new rows about 12 equal a row that trained the model in every column.")
    assert seen.advice == "compare rows that the model did not train on"
    assert section().alarm == ""
