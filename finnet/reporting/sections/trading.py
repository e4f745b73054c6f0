"""Trading: what the forecasts would have brought."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finnet.backtest.engine import BUY_AND_HOLD, CASH
from finnet.reporting import plots
from finnet.reporting.html import Block, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, number, percent, span, stacked

__all__ = ["TradingSection", "backtest_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class TradingSection(ReportSection):
    """What trading on the forecasts would have brought, or why none is shown.

    Parameters
    ----------
    rule : str
        How forecasts become positions and what trading costs, in a sentence; without a table, why there is none.
    notes : sequence of str
        What to know about the rows traded.
    table : DataFrame, optional
        Indexed by session, oldest first; columns `equity_net`, `equity_gross`, `equity_hold`.
    summary : DataFrame, optional
        Rows `net`, `gross` and `buy_and_hold` or `cash`; columns as in `finnet.backtest.performance.summarize_returns`.
    """

    rule: str
    notes: Sequence[str] = ()
    table: pd.DataFrame | None = None
    summary: pd.DataFrame | None = None

    @property
    def verdict(self) -> str:
        """What was earned, in a sentence or two; yearly figures only where there was a year."""
        if self.summary is None:
            return self.rule
        against = _benchmark(self.summary)
        net, other = _row(self.summary, "net"), _row(self.summary, against)
        if not _is_annual(net):
            return (
                f"Traded on, after costs, its forecasts brought {percent(net['total_return'], signed=True)} in all over"
                f" {count(net['bars'])} sessions, too few to speak of a year; {_WORDS[against]} brought"
                f" {percent(other['total_return'], signed=True)}."
            )
        # Returns of cash hardly vary, so their Sharpe ratio says nothing.
        beside = f" at {number(other['sharpe'], 2)}" if against == BUY_AND_HOLD else ""
        return (
            f"Traded on, after costs, its forecasts brought {percent(net['annual_return'], signed=True)} a year "
            f"at a Sharpe ratio of {number(net['sharpe'], 2)} (95 % interval {_sharpe_interval(net)}); "
            f"{_WORDS[against]} brought {percent(other['annual_return'], signed=True)}{beside}."
        )

    @property
    def facts(self) -> Mapping[str, str]:
        """Returns, Sharpe ratio and deepest fall, beside those of the benchmark."""
        if self.summary is None:
            return {}
        against = _benchmark(self.summary)
        net, other = _row(self.summary, "net"), _row(self.summary, against)
        held = "held" if against == BUY_AND_HOLD else "cash"
        fall = {"Net deepest fall": f"{percent(net['max_drawdown'])}\n{held} {percent(other['max_drawdown'])}"}
        if not _is_annual(net):
            returns = f"{percent(net['total_return'])}\n{held} {percent(other['total_return'])}"
            return {f"Net return, {count(net['bars'])} sessions": returns} | fall
        sharpe = {"Net Sharpe ratio": f"{number(net['sharpe'], 2)}\n{_sharpe_interval(net)}"}
        if against == BUY_AND_HOLD:
            sharpe["Sharpe ratio, held"] = number(other["sharpe"], 2)
        returns = f"{percent(net['annual_return'])}\n{held} {percent(other['annual_return'])}"
        return {"Net return a year": returns} | sharpe | fall

    def draw(self) -> Section:
        """Equity with its falls, and the figures of the strategy."""
        title = "Would it have paid?"
        notes: list[Block] = [Points(self.notes)] if self.notes else []
        if self.table is None or self.summary is None:
            return Section(title, "", [Note(self.rule), *notes])
        against = _WORDS[_benchmark(self.summary)]
        figure = Figure(
            plots.equity_plot(self.table, against=against),
            "Above: growth of one unit of money. Below: how far each had fallen from its last peak, net and "
            f"{against}.",
            f"Equity after costs, before costs and of {against}, with drawdown below",
        )
        net, caption = _row(self.summary, "net"), "Less than a year of trading: figures in all."
        if _is_annual(net):
            # The first bar is that of the entry: n bars take the time of n - 1.
            bars = number((net["bars"] - 1) / net["years"], 0)
            caption = f"Yearly figures, {bars} bars to the year; 95 % interval below the Sharpe ratio."
        table = Table(backtest_table(self.summary), caption, highlight="Net of costs")
        return Section(title, self.rule, [figure, table, *notes])


def _row(summary: pd.DataFrame, name: str) -> dict[str, float]:
    return {str(column): float(summary.loc[[name], column].iloc[0]) for column in summary.columns}


def _sharpe_interval(row: Mapping[Any, Any]) -> str:
    return span(number(row["sharpe_low"], 2), number(row["sharpe_high"], 2))


_WORDS = {BUY_AND_HOLD: "buy and hold", CASH: "cash"}


def _benchmark(summary: pd.DataFrame) -> str:
    return CASH if CASH in summary.index else BUY_AND_HOLD


def _is_annual(row: Mapping[str, float]) -> bool:
    """Whether there are figures of a year: they are missing where there was less than one."""
    return math.isfinite(row["annual_return"])


def backtest_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Figures of the strategy after and before costs, and of holding or cash: a year's, or in all over less than one.

    Text of shape (n_rows, 6), or (n_rows, 4) over less than a year.

    Parameters
    ----------
    summary : DataFrame
        Rows `net`, `gross`, `buy_and_hold` or `cash`; columns as in `finnet.backtest.performance.summarize_returns`.

    Examples
    --------
    >>> row = {"annual_return": 0.05, "annual_volatility": 0.1, "sharpe": 0.5, "sharpe_low": -0.1,
    ...        "sharpe_high": 1.1, "max_drawdown": -0.2, "turnover_per_year": 12.0}
    >>> backtest_table(pd.DataFrame([row], index=["net"])).iloc[0].tolist()
    ['Net of costs', '+5.0 %', '10.0 %', '0.50\\n−0.10 to 1.10', '−20.0 %', '12.0']
    """
    names = {"net": "Net of costs", "gross": "Before costs", "buy_and_hold": "Buy and hold", "cash": "Cash"}
    order = [name for name in names if name in summary.index] + [n for n in summary.index if n not in names]
    rows = summary.loc[order]
    columns = {"": [names.get(name, str(name)) for name in order]}
    falls = [percent(value) for value in rows["max_drawdown"]]
    if rows["annual_return"].notna().any():
        columns["Return a year"] = [percent(value, signed=True) for value in rows["annual_return"]]
        columns["Volatility"] = [percent(value) for value in rows["annual_volatility"]]
        columns["Sharpe ratio"] = [
            stacked(number(row["sharpe"], 2), _sharpe_interval(row)) for row in rows.to_dict("records")
        ]
        columns["Deepest fall"] = falls
        columns["Turnover a year"] = [number(value, 1) for value in rows["turnover_per_year"]]
    else:
        columns["Return in all"] = [percent(value, signed=True) for value in rows["total_return"]]
        columns["Deepest fall"] = falls
        columns["Turnover in all"] = [number(value, 1) for value in rows["total_turnover"]]
    return pd.DataFrame(columns)
