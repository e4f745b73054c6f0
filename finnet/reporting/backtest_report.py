"""The report of a direction job: does the network know where prices go, and would that have paid?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from finnet.backtest.engine import BUY_AND_HOLD, CASH
from finnet.reporting import plots, tables
from finnet.reporting.comparison_report import (
    Evidence,
    Run,
    calibration_section,
    comparison_section,
    data_section,
    limits_section,
    reproduce_section,
    score_fact,
    training_section,
)
from finnet.reporting.html import Block, Figure, Note, Page, Points, Section, Table
from finnet.reporting.text import count, number, percent, span

__all__ = ["Trading", "direction_page"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Trading:
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


def direction_page(evidence: Evidence, trading: Trading, run: Run) -> Page:
    """The report of a direction job, verdict first; `finnet.reporting.html.render` makes the page of it.

    Parameters
    ----------
    evidence, trading, run
        What the evaluation found, what trading on it would have brought, what was run.
    """
    sections = [
        comparison_section(evidence),
        calibration_section(evidence),
        _trading_section(trading),
        training_section(evidence),
        data_section(run),
        limits_section(run),
        reproduce_section(run),
    ]
    return Page(
        title=run.title,
        subtitle=run.subtitle,
        verdict=f"{run.alarm}{evidence.verdict_lines}\n{_money(trading)}",
        facts=_facts(evidence, trading.summary, run),
        sections=[section for section in sections if section.blocks],
    )


def _row(summary: pd.DataFrame, name: str) -> dict[str, float]:
    return {str(column): float(summary.loc[[name], column].iloc[0]) for column in summary.columns}


def _sharpe_interval(row: Mapping[str, float]) -> str:
    return span(number(row["sharpe_low"], 2), number(row["sharpe_high"], 2))


def _money(trading: Trading) -> str:
    """What was earned, in a sentence or two; yearly figures only where there was a year."""
    if trading.summary is None:
        return trading.rule
    against = _benchmark(trading.summary)
    net, other = _row(trading.summary, "net"), _row(trading.summary, against)
    if not _is_annual(net):
        return (
            f"Traded on, after costs, its forecasts brought {percent(net['total_return'], signed=True)} in all over"
            f" {count(net['bars'])} sessions, too few to speak of a year; {_WORDS[against]} brought"
            f" {percent(other['total_return'], signed=True)}."
        )
    beside = f" at {number(other['sharpe'], 2)}" if against == BUY_AND_HOLD else ""
    return (
        f"Traded on, after costs, its forecasts brought {percent(net['annual_return'], signed=True)} a year "
        f"at a Sharpe ratio of {number(net['sharpe'], 2)} (95 % interval {_sharpe_interval(net)}); "
        f"{_WORDS[against]} brought {percent(other['annual_return'], signed=True)}{beside}."
    )


_WORDS = {BUY_AND_HOLD: "buy and hold", CASH: "cash"}


def _benchmark(summary: pd.DataFrame) -> str:
    return CASH if CASH in summary.index else BUY_AND_HOLD


def _is_annual(row: Mapping[str, float]) -> bool:
    """Whether there are figures of a year: they are missing where there was less than one."""
    return math.isfinite(row["annual_return"])


def _facts(evidence: Evidence, summary: pd.DataFrame | None, run: Run) -> dict[str, str]:
    facts = {
        "Accuracy": score_fact(evidence.scores, "accuracy"),
        f"Share that {run.event}": percent(run.base_rate),
    }
    return facts if summary is None else facts | _money_facts(summary)


def _money_facts(summary: pd.DataFrame) -> dict[str, str]:
    against = _benchmark(summary)
    net, other = _row(summary, "net"), _row(summary, against)
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


def _trading_section(trading: Trading) -> Section:
    notes: list[Block] = [Points(trading.notes)] if trading.notes else []
    if trading.table is None or trading.summary is None:
        return Section("Would it have paid?", "", [Note(trading.rule), *notes])
    against = _WORDS[_benchmark(trading.summary)]
    figure = Figure(
        plots.equity_plot(trading.table, against=against),
        f"Above: growth of one unit of money. Below: how far each had fallen from its last peak, net and {against}.",
        f"Equity after costs, before costs and of {against}, with drawdown below",
    )
    table = Table(tables.backtest_table(trading.summary), _caption(trading.summary), highlight="Net of costs")
    return Section("Would it have paid?", trading.rule, [figure, table, *notes])


def _caption(summary: pd.DataFrame) -> str:
    net = _row(summary, "net")
    if not _is_annual(net):
        return "Less than a year of trading: figures in all."
    bars = number((net["bars"] - 1) / net["years"], 0)
    return f"Yearly figures, {bars} bars to the year; 95 % interval below the Sharpe ratio."
