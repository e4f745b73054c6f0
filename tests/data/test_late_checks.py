"""Sentiment of other symbols, of another period or long out of date is named."""

import numpy as np
import pandas as pd

from finnet.data.late_checks import suspect_join
from finnet.data.quality import Findings
from finnet.data.samples import made_market

PANEL = made_market(symbols=2, sessions=300)


def scores(symbols=PANEL.symbols, stop=300, shift="0D", every=1):
    days = pd.DatetimeIndex(PANEL.closes_at[:stop:every]) + pd.Timedelta(shift)
    return pd.concat([pd.DataFrame({"available_at": days, "symbol": symbol, "score": 0.5}) for symbol in symbols])


def rules_of(table, **settings):
    findings = Findings()
    suspect_join(PANEL, table, findings, file="scores.csv", **settings)
    return [problem.rule for problem in findings.problems]


def test_scores_of_the_same_symbols_and_days_are_fine():
    assert rules_of(scores()) == []


def test_another_spelling_of_all_symbols_is_an_error():
    findings = Findings()
    suspect_join(PANEL, scores([f"${name}" for name in PANEL.symbols]), findings, file="scores.csv")
    assert findings.has_errors


def test_symbols_without_a_partner_are_counted_on_both_sides():
    assert rules_of(scores([PANEL.symbols[0], "OTHER"])) == ["unmatched_symbol", "symbol_without_value"]


def test_scores_that_begin_after_the_prices_end_are_an_error():
    assert rules_of(scores(shift="9000D")) == ["no_common_period"]


def test_scores_of_years_before_are_old_or_with_an_age_useless():
    assert rules_of(scores(shift="-9000D")) == ["old_value"]
    assert rules_of(scores(shift="-9000D"), max_age_days=30) == ["no_common_period"]


def test_scores_that_end_early_are_old_unless_their_age_is_bounded():
    assert rules_of(scores(stop=60)) == ["old_value"]
    assert rules_of(scores(stop=60), max_age_days=5) == []


def test_monthly_values_are_not_old_within_their_month():
    assert rules_of(scores(every=21)) == []


def test_how_long_a_value_is_used_is_said():
    findings = Findings()
    suspect_join(PANEL, scores(stop=60).drop(columns="symbol"), findings, file="scores.csv")
    assert f"of {np.datetime_as_string(PANEL.closes_at[59], 'D')} is the last for" in findings.problems[0].value
