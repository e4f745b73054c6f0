"""Bars in long form and the rules that each bar and each symbol's history must keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from finnet.data.quality import EXAMINED, Findings, Origin
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = ["Bars", "check_bars", "check_order", "suspect_bars"]

PRICES = ("open", "high", "low", "close")
# Above 2^53 floats leave whole numbers out.
TOO_LARGE = {"volume": 2.0**53}
LARGEST_PRICE = 1e12
ROUNDING = 1e-6
"""Vendors round open, high, low and close one by one: a relative difference this small breaks no rule."""

ABSENCE = ("missing_close", "missing_price", "missing_adj_close", "blank_text")
"""Rules that a row whose cell could not be read does not break as well."""

# Conventions of these checks, not measurements: bars without a change, one-bar return, usual ratios of splits and how
# near a jump must be to one, share of the listed symbols that a session must have.
STALE_BARS = 10
OUTLIER = 0.5
SPLITS = np.array([2, 3, 4, 5, 7, 8, 10, 15, 20, 25, 50, 100, 1.5])
SPLIT_TOLERANCE = 0.02
SPARSE = 0.5
UNIT, UNIT_TOLERANCE = 100.0, 0.15
"""A jump of about this much is a change of unit, such as from pence to pounds, rather than a split."""

FEWEST_WEEKENDS, FILLED_SHARE = 4, 0.9


_SOUGHT = {
    "empty_bar": "bars without any price",
    "missing_close": "bars without a close",
    "missing_adj_close": "bars with a close but no adjusted one",
    "missing_price": "bars without an open, high or low",
    "zero_price": "prices of 0 beside a close above 0",
    "non_positive_price": "prices of 0 or less",
    "too_large": f"prices above {LARGEST_PRICE:,.0f} and volumes above {TOO_LARGE['volume']:,.0f}",
    "high_below_low": "highs below their low",
    "outside_range": "opens and closes outside of low to high",
    "negative_volume": "volumes below 0",
    "zero_volume": "volumes of 0",
    "unsorted": "bars that are not in the order of their dates",
    "duplicate_bar": "two bars of one symbol and date",
    "sparse_session": f"dates on which fewer than {100 * SPARSE:g} % of the symbols listed then have a bar",
    "gap": "sessions of other symbols without a bar in between",
    "weekend_bars": f"symbols of which {100 * FILLED_SHARE:g} % of the Saturdays and Sundays repeat the close before",
    "unit_jump": f"closes that move by {UNIT:g} times, {100 * UNIT_TOLERANCE:g} % more or less, as a new unit does",
    "likely_split": f"closes that move by the ratio of a split, {100 * SPLIT_TOLERANCE:g} % more or less",
    "outlier": f"closes that move by more than {100 * OUTLIER:g} % in one bar",
    "stale_price": f"closes that repeat the one before for {STALE_BARS} bars",
}
"""What each rule about bars looks for."""


@dataclass(frozen=True, eq=False)
class Bars:
    """One row per bar, in the order of the files until `check_order` sorts them.

    Parameters
    ----------
    date : ndarray of datetime64[us], shape (n,)
        Local days.
    code : ndarray of int, shape (n,)
        Positions in `symbols`.
    symbols : tuple of str
        Distinct, in alphabetical order.
    fields : mapping of str to ndarray of shape (n,)
    origin : Origin
    broken : ndarray of bool, shape (n,)
        Rows with a cell that could not be read, and was noted: what is missing there breaks no second rule.
    """

    date: TimeArray
    code: IntArray
    symbols: tuple[str, ...]
    fields: Mapping[str, FloatArray]
    origin: Origin
    broken: BoolArray

    def __len__(self) -> int:
        return len(self.date)

    def take(self, rows: IntArray | BoolArray) -> Self:
        """These rows, by number, shape (n_taken,), or as a mask, shape (n,); symbols stay as they are."""
        fields = {name: values[rows] for name, values in self.fields.items()}
        origin, broken = self.origin.take(rows), self.broken[rows]
        return replace(self, date=self.date[rows], code=self.code[rows], fields=fields, origin=origin, broken=broken)

    def with_fields(self, fields: Mapping[str, FloatArray]) -> Self:
        """The same bars with other values of some fields, shape (n,) each."""
        return replace(self, fields={**self.fields, **fields})

    def only(self, names: Sequence[str]) -> FloatArray:
        """Those of the fields `names` that exist, side by side, shape (n, n_found)."""
        return np.column_stack([self.fields[name] for name in names if name in self.fields])

    def note(self, findings: Findings, rule: str, rows: BoolArray, *, column: str) -> None:
        """Note the bars where `rows`, shape (n,), is true: symbol, date and, where it is a field, value of `column`."""
        if rule in _SOUGHT:
            file = self.origin.files[0] if self.origin.files else ""
            findings.inspection.look({rule: _SOUGHT[rule]}, file=file, columns=[column], rows=len(self))
        at = np.flatnonzero(rows & ~self.broken if rule in ABSENCE else rows)
        if not len(at):
            return
        shown = [f"{self.symbols[self.code[row]]} {self.date[row].astype('datetime64[D]')}" for row in at[:EXAMINED]]
        if column in self.fields:
            values = self.fields[column][at[:EXAMINED]]
            shown = [f"{where}: {value:.10g}" for where, value in zip(shown, values, strict=True)]
        findings.add_rows(rule, self.origin.take(at), column=column, values=shown)


def check_bars(bars: Bars, findings: Findings) -> Bars:
    """The bars without those that have no price, zeros that mean "unknown" made NaN; every broken rule is noted."""
    empty: BoolArray = np.all(np.isnan(bars.only(PRICES)), axis=1) & ~bars.broken
    bars.note(findings, "empty_bar", empty, column="close")
    bars = _with_known_prices(bars.take(~empty) if empty.any() else bars, findings)
    close = bars.fields["close"]
    bars.note(findings, "missing_close", np.isnan(close), column="close")
    for name in (name for name in (*PRICES, "adj_close") if name in bars.fields):
        values = bars.fields[name]
        bars.note(findings, "non_positive_price", values <= 0, column=name)
        bars.note(findings, "too_large", np.abs(values) > LARGEST_PRICE, column=name)
    if {"high", "low"} <= bars.fields.keys():
        high, low = bars.fields["high"], bars.fields["low"]
        slack = ROUNDING * np.abs(high)
        bars.note(findings, "high_below_low", high < low - slack, column="high")
        for name in (name for name in ("open", "close") if name in bars.fields):
            values = bars.fields[name]
            outside = (values > high + slack) | (values < low - slack)
            # Where high and low are exchanged every price is outside, which is noted once, above.
            bars.note(findings, "outside_range", outside & (high >= low - slack), column=name)
    if "volume" in bars.fields:
        volume = bars.fields["volume"]
        bars.note(findings, "negative_volume", volume < 0, column="volume")
        bars.note(findings, "too_large", volume > TOO_LARGE["volume"], column="volume")
        bars.note(findings, "zero_volume", volume == 0, column="volume")
    return bars


def _with_known_prices(bars: Bars, findings: Findings) -> Bars:
    """The bars with NaN for an open, high or low of 0 beside a positive close: vendors write "not known" so."""
    repaired = {}
    for name in (name for name in PRICES[:3] if name in bars.fields):
        bars.note(findings, "missing_price", np.isnan(bars.fields[name]), column=name)
        zero = (bars.fields[name] == 0) & (bars.fields["close"] > 0)
        bars.note(findings, "zero_price", zero, column=name)
        if zero.any():
            repaired[name] = np.where(zero, np.nan, bars.fields[name])
    return bars.with_fields(repaired) if repaired else bars


def check_order(bars: Bars, findings: Findings, *, duplicates: str) -> Bars:
    """The bars sorted by symbol and date, one of each pair.

    Parameters
    ----------
    duplicates : str
        "error" notes the second of two bars; "first" and "last" keep that one, in the order of the file; "identical"
        drops a bar that repeats an earlier one in every field and notes the others.
    """
    if duplicates not in ("first", "last"):
        # That it is looked for; which bars they are is known below.
        bars.note(findings, "duplicate_bar", np.zeros(len(bars), bool), column="date")
    # One number orders by symbol, then by day: days since 1970 are far below 2^40 either way.
    key = bars.code * np.int64(2**40) + bars.date.astype("datetime64[D]").astype(np.int64)
    step = np.diff(key)
    same_symbol_back = (np.diff(bars.code) == 0) & (step < 0)
    bars.note(findings, "unsorted", np.append(False, same_symbol_back), column="date")
    if (step > 0).all():
        return bars
    # Stable, so that of two bars of one day "first" and "last" go by the order of the file.
    order = np.argsort(key, kind="stable")
    bars, key = bars.take(order), key[order]
    twice: BoolArray = np.diff(key) == 0
    if not twice.any():
        return bars
    repeats = np.append(False, twice)
    if duplicates == "identical":
        values = np.column_stack(list(bars.fields.values()))
        # NaN differs from itself, but two missing cells are the same.
        equal = ((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))).all(axis=1)
        bars.note(findings, "duplicate_bar", repeats & np.append(False, ~equal), column="date")
        return bars.take(~repeats)
    if duplicates == "error":
        bars.note(findings, "duplicate_bar", repeats, column="date")
    return bars.take(~np.append(twice, False) if duplicates == "last" else ~repeats)


def suspect_bars(bars: Bars, findings: Findings) -> None:
    """Note what is allowed but odd in the history of each symbol: gaps, stale prices, likely splits, outliers.

    Parameters
    ----------
    bars : Bars
        Sorted by symbol and date, prices adjusted.
    """
    for name, values in bars.fields.items():
        if np.isnan(values).all():
            findings.add("empty_column", bars.origin.files[0], column=name)
    if len(bars) > 1:
        same = np.append(False, np.diff(bars.code) == 0)
        _suspect_sessions(bars, same, findings)
        _suspect_prices(bars, same, findings)


def _suspect_sessions(bars: Bars, same: BoolArray, findings: Findings) -> None:
    sessions, day = np.unique(bars.date, return_inverse=True)
    gap = same & (np.diff(day, prepend=day[:1]) > 1)
    # A symbol is listed from its first to its last bar: +1 on the one session, -1 after the other, summed up.
    starts, ends = np.flatnonzero(~same), np.append(np.flatnonzero(~same)[1:], len(day)) - 1
    change = np.bincount(day[starts], minlength=len(sessions) + 1) - np.bincount(
        day[ends] + 1, minlength=len(sessions) + 1
    )
    listed = np.cumsum(change)[:-1]
    sparse = np.bincount(day) < SPARSE * listed
    bars.note(findings, "sparse_session", sparse[day], column="date")
    # A stray date would make a gap in the history of every other symbol.
    steps = np.diff(np.cumsum(~sparse)[day], prepend=0)
    bars.note(findings, "gap", gap & (steps > 1), column="date")


def _suspect_prices(bars: Bars, same: BoolArray, findings: Findings) -> None:
    close = bars.fields["close"]
    before = np.append(np.nan, close[:-1])
    ratio = np.divide(close, before, out=np.full(len(close), np.nan), where=same & (before > 0))
    repeats = same & (close == before)
    # Saturdays and Sundays count where almost all of those of a symbol repeat the close before: a market that trades on
    # weekends, as crypto does, moves on them.
    weekend = ~np.is_busday(bars.date.astype("datetime64[D]"))
    days = np.bincount(bars.code[weekend], minlength=len(bars.symbols))
    filled = np.bincount(bars.code[weekend & repeats], minlength=len(bars.symbols))
    is_filled = (days >= FEWEST_WEEKENDS) & (filled >= FILLED_SHARE * days)
    bars.note(findings, "weekend_bars", weekend & repeats & is_filled[bars.code], column="close")
    # Splits go both ways: a ratio below 1 is compared as its inverse.
    jump = np.where(ratio >= 1, ratio, np.divide(1, ratio, out=np.full(len(ratio), np.nan), where=ratio > 0))
    # Only the few large jumps are laid beside every ratio: a table of all bars times all ratios would be large.
    split = np.zeros(len(close), bool)
    large = np.flatnonzero(jump > SPLITS.min() * (1 - SPLIT_TOLERANCE))
    split[large] = (np.abs(jump[large, None] / SPLITS - 1) < SPLIT_TOLERANCE).any(axis=1)
    unit = np.abs(jump / UNIT - 1) < UNIT_TOLERANCE
    bars.note(findings, "unit_jump", unit, column="close")
    bars.note(findings, "likely_split", split & ~unit, column="close")
    bars.note(findings, "outlier", (np.abs(ratio - 1) > OUTLIER) & ~split & ~unit, column="close")
    # How many bars up to each one have repeated the close before: counted up, less the count at the last change. A run
    # is noted once, at the bar where it gets too long.
    count = np.cumsum(repeats)
    run = count - np.maximum.accumulate(np.where(repeats, 0, count))
    bars.note(findings, "stale_price", run == STALE_BARS, column="close")
