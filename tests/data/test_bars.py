"""Odd histories are noted where they are odd, and only there."""

import numpy as np
import pytest

from finnet.data.bars import Bars, check_order, suspect_bars
from finnet.data.quality import Findings, Origin

DAYS = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]").astype("datetime64[us]")


def bars_of(*histories, **fields):
    """One symbol per list of closes, each starting on the first day; NaN is no bar."""
    code = np.concatenate([np.full(len(history), s) for s, history in enumerate(histories)])
    close = np.concatenate([np.asarray(history, float) for history in histories])
    days = np.concatenate([DAYS[: len(history)] for history in histories])
    origin = Origin.of_file("f.csv", np.arange(len(close)) + 2)
    symbols = tuple("ABCD"[: len(histories)])
    bars = Bars(days, code, symbols, {"close": close, **fields}, origin, np.zeros(len(close), bool))
    return bars.take(np.isfinite(close))


def suspicions(bars):
    findings = Findings()
    suspect_bars(bars, findings)
    return [(problem.rule, problem.value.split(":")[0]) for problem in findings.problems]


UP = list(np.linspace(10, 11, 30))


def test_a_smooth_history_is_not_suspected():
    assert suspicions(bars_of(UP, UP)) == []


@pytest.mark.parametrize(
    ("factor", "rule"), [(2, "likely_split"), (1 / 3, "likely_split"), (1.7, "outlier"), (0.45, "outlier")]
)
def test_a_jump_is_a_split_or_an_outlier(factor, rule):
    jumped = [*UP[:10], *(close * factor for close in UP[9:20])]
    assert suspicions(bars_of(jumped)) == [(rule, "A 2020-01-11")]


def test_the_first_bar_of_a_symbol_is_no_jump():
    assert suspicions(bars_of(UP, [close * 50 for close in UP])) == []


def test_a_price_is_stale_once_it_stood_still_for_ten_bars():
    assert suspicions(bars_of([*UP, *[11.0] * 9])) == []
    assert suspicions(bars_of([*UP, *[11.0] * 15])) == [("stale_price", "A 2020-02-09")]


def test_a_gap_is_one_against_the_sessions_of_the_others():
    holed = [*UP[:5], np.nan, np.nan, *UP[7:]]
    assert suspicions(bars_of(UP, holed)) == [("gap", "B 2020-01-08")]
    assert suspicions(bars_of(holed)) == []


def test_listing_late_and_delisting_early_is_no_gap():
    assert suspicions(bars_of(UP, [*[np.nan] * 5, *UP[5:9]])) == []


def test_a_stray_date_is_noted_once_and_makes_no_gap_for_the_others():
    lone = [*UP[:4], np.nan, *UP[5:]]
    assert suspicions(bars_of(UP, lone, lone)) == [("sparse_session", "A 2020-01-05")]


def test_a_field_without_any_value_is_noted():
    assert suspicions(bars_of(UP, volume=np.full(30, np.nan))) == [("empty_column", "")]


@pytest.mark.parametrize(("policy", "closes"), [("first", [1, 2]), ("last", [3, 2])])
def test_duplicates_follow_the_order_of_the_file(policy, closes):
    bars = bars_of([1, 2, 3])
    twice = bars.take(np.array([0, 1, 2]))
    twice.date[2] = twice.date[0]
    assert check_order(twice, Findings(), duplicates=policy).fields["close"].tolist() == closes
