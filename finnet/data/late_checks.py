"""Late data beside the prices that it is joined to: symbols, periods and ages that do not match."""

import numpy as np
import pandas as pd

from finnet.data.panel import Panel
from finnet.data.quality import Findings
from finnet.types import TimeArray

__all__ = ["oldest_usual", "suspect_join"]

EXAMPLES = 3
OLD_STEPS, OLD_DAYS = 10, 10
"""A value is old where it is older than so many of the usual steps between values, and than so many days."""

_SOUGHT = {
    "no_common_symbol": "files that share no symbol with the prices",
    "unmatched_symbol": "symbols without prices",
    "symbol_without_value": "symbols of the prices without a value",
    "no_common_period": "values that share no period with the prices",
    "old_value": f"values used when older than {OLD_STEPS} of their usual steps and than {OLD_DAYS} days",
}


def suspect_join(panel: Panel, table: pd.DataFrame, findings: Findings, *, file: str, max_age_days: float = 0) -> None:
    """Note symbols without a partner, periods that do not meet and values that are used long after they came.

    Parameters
    ----------
    panel : Panel
        Of the prices.
    table : DataFrame of shape (n_values, n_columns)
        As `finnet.data.sentiment_files.read_sentiment` and `finnet.data.macro.read_macro` give it.
    max_age_days : float
        Days for which a value counts; 0 for ever.
    """
    sought = {rule: words for rule, words in _SOUGHT.items() if "symbol" in table or "symbol" not in rule}
    findings.inspection.look(sought, file=file, columns=None, rows=len(table))
    if "symbol" in table:
        _suspect_symbols(panel, set(table["symbol"]), findings, file=file)
    first, last = table["available_at"].min(), table["available_at"].max()
    reach = pd.Timedelta(days=max_age_days) if max_age_days else pd.Timedelta.max
    start, end = pd.Timestamp(panel.closes_at[0]), pd.Timestamp(panel.closes_at[-1])
    if first > end or (max_age_days and last + reach < start):
        findings.add(
            "no_common_period",
            file,
            value=f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, prices from {start:%Y-%m-%d} to {end:%Y-%m-%d}",
        )
    elif not max_age_days:
        # With a limit on ages no old value is ever used.
        _suspect_ages(panel, table, findings, file=file)


def _suspect_symbols(panel: Panel, here: set[str], findings: Findings, *, file: str) -> None:
    there = set(panel.symbols)
    if not here & there:
        words = f"none of {_named(here)} is a symbol of the prices ({_named(there)})"
        findings.add("no_common_symbol", file, column="symbol", value=words)
        return
    for rule, alone in (("unmatched_symbol", here - there), ("symbol_without_value", there - here)):
        if alone:
            findings.add(rule, file, column="symbol", value=_named(alone), count=len(alone))


def _named(symbols: set[str]) -> str:
    shown = sorted(symbols)[:EXAMPLES]
    return ", ".join(map(repr, shown)) + (f" and {len(symbols) - EXAMPLES} more" if len(symbols) > EXAMPLES else "")


def _suspect_ages(panel: Panel, table: pd.DataFrame, findings: Findings, *, file: str) -> None:
    groups = {str(name): rows for name, rows in table.groupby("symbol")} if "symbol" in table else {"": table}
    old: dict[str, tuple[int, pd.Timestamp]] = {}
    for symbol, rows in groups.items():
        if symbol and symbol not in panel.symbols:
            continue
        came = np.sort(rows["available_at"].to_numpy("datetime64[us]"))
        traded = (
            panel.closes_at
            if not symbol
            else panel.closes_at[np.isfinite(panel["close"][:, panel.symbols.index(symbol)])]
        )
        # The value that is the newest at each close, and its age in days, NaN before the first.
        last = np.searchsorted(came, traded, side="right") - 1
        age = np.where(last >= 0, (traded - came[last]) / np.timedelta64(1, "D"), np.nan)
        too_old = age > oldest_usual(came)
        if too_old.any():
            old[symbol] = int(too_old.sum()), pd.Timestamp(came[last[too_old.nonzero()[0][-1]]])
    if not old:
        return
    # The worst symbol stands for all, so that a file of many symbols gives one finding.
    symbol, (sessions, day) = max(old.items(), key=lambda item: item[1][0])
    whose = f" of {symbol!r}" if symbol else ""
    others = f", and of {len(old) - 1} more symbols" if len(old) > 1 else ""
    words = f"the value{whose} of {day:%Y-%m-%d} is the last for {sessions:,} sessions{others}"
    count = sum(sessions for sessions, _ in old.values())
    findings.add("old_value", file, column="available_at", value=words, count=count)


def oldest_usual(came: TimeArray) -> float:
    """Days that a value may well be the newest, by the steps between values; came in time order, shape (n,).

    Examples
    --------
    >>> oldest_usual(np.array(["2020-01-31", "2020-02-29", "2020-03-31"], "datetime64[us]"))
    300.0
    """
    # Values of many symbols or texts may share a moment; steps of nothing say nothing about how often values come.
    steps = np.diff(came)[np.diff(came) > np.timedelta64(0, "D")] / np.timedelta64(1, "D")
    return max(float(OLD_DAYS), OLD_STEPS * float(np.median(steps))) if len(steps) else float(OLD_DAYS)
