"""The report of a direction job: does the network know where prices go, and would that have paid?"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

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
from finnet.reporting.html import Figure, Page, Section, Table
from finnet.reporting.text import number, percent, span

__all__ = ["Trading", "direction_page"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Trading:
    """What trading on the forecasts would have brought.

    Parameters
    ----------
    table : DataFrame
        Indexed by session, oldest first; columns `equity_net`, `equity_gross`, `equity_hold`.
    summary : DataFrame
        Rows `net`, `gross`, `buy_and_hold`; columns `annual_return`, `annual_volatility`, `sharpe`, `sharpe_low`,
        `sharpe_high`, `max_drawdown`, `turnover_per_year`.
    rule : str
        How forecasts become positions and what trading costs, in a sentence.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    rule: str


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
        verdict=f"{run.alarm}{evidence.verdict_lines}\n{_money(trading.summary)}",
        facts=_facts(evidence, trading.summary, run),
        sections=[section for section in sections if section.blocks],
    )


def _row(summary: pd.DataFrame, name: str) -> dict[str, float]:
    return {str(column): float(summary.loc[[name], column].iloc[0]) for column in summary.columns}


def _sharpe_interval(row: Mapping[str, float]) -> str:
    return span(number(row["sharpe_low"], 2), number(row["sharpe_high"], 2))


def _money(summary: pd.DataFrame) -> str:
    """What was earned, in a sentence."""
    net, hold = _row(summary, "net"), _row(summary, "buy_and_hold")
    return (
        f"Traded on, after costs, its forecasts brought {percent(net['annual_return'], signed=True)} a year "
        f"at a Sharpe ratio of {number(net['sharpe'], 2)} (95 % interval {_sharpe_interval(net)}); "
        f"buy and hold brought {percent(hold['annual_return'], signed=True)} at {number(hold['sharpe'], 2)}."
    )


def _facts(evidence: Evidence, summary: pd.DataFrame, run: Run) -> dict[str, str]:
    net, hold = _row(summary, "net"), _row(summary, "buy_and_hold")
    return {
        "Accuracy": score_fact(evidence.scores, "accuracy"),
        f"Share that {run.event}": percent(run.base_rate),
        "Net return a year": f"{percent(net['annual_return'])}\nheld {percent(hold['annual_return'])}",
        "Net Sharpe ratio": f"{number(net['sharpe'], 2)}\n{_sharpe_interval(net)}",
        "Sharpe ratio, held": number(hold["sharpe"], 2),
        "Net deepest fall": f"{percent(net['max_drawdown'])}\nheld {percent(hold['max_drawdown'])}",
    }


def _trading_section(trading: Trading) -> Section:
    figure = Figure(
        plots.equity_plot(trading.table),
        "Above: growth of one unit of money. Below: how far each had fallen from its last peak, net and held.",
        "Equity after costs, before costs and of buy and hold, with drawdown below",
    )
    table = Table(
        tables.backtest_table(trading.summary),
        "Yearly figures; 95 % interval below the Sharpe ratio.",
        highlight="Net of costs",
    )
    return Section("Would it have paid?", trading.rule, [figure, table])
