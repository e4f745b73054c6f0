"""Cut-offs: what lending on the forecasts would have brought, and where to draw the line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.names import model_heading, model_in_sentence
from finnet.reporting import plots
from finnet.reporting.html import Block, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, money, number, percent, span, stacked

__all__ = ["CutoffSection", "cutoff_row", "cutoff_table", "profit_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CutoffSection(ReportSection):
    """Whom each cut-off approves and, where the terms of lending are known, what that would have brought.

    Parameters
    ----------
    cutoffs : DataFrame
        `cutoff`, `approval_rate`, `bad_rate`, `n`, with terms `expected_profit` and `realized_profit`, ordered by
        cut-off. Without `bad_rate` and `realized_profit`, but with `forecast_bad_rate`, where forecasts are moved to a
        stated rate, which these loans need not have: then nothing realized is told.
    chosen : float, optional
        The cut-off in use; None where no terms choose one.
    terms : str
        What a good loan earns and a bad one loses, and how the cut-off was chosen, in a sentence.
    base_rate : float
        Share of all applications that default.
    profits : DataFrame, optional
        Of `finnet.lending.profit.profit_table`: every model at a cut-off of its own, the subject first.
    target : float, optional
        Bad rate that the cut-off was chosen for.
    notes : sequence of str
        What else deciding would have brought.
    """

    cutoffs: pd.DataFrame
    terms: str
    base_rate: float
    chosen: float | None = None
    profits: pd.DataFrame | None = None
    target: float | None = None
    notes: Sequence[str] = ()

    @property
    def has_outcomes(self) -> bool:
        """Whether it is told what the loans realized."""
        return "bad_rate" in self.cutoffs

    @property
    def verdict(self) -> str:
        """What the cut-off does, in a sentence; nothing where none is chosen."""
        if self.chosen is None:
            return ""
        row = cutoff_row(self.cutoffs, self.chosen)
        start = (
            f"At a cut-off of {percent(self.chosen)} it approves {percent(row['approval_rate'])} of the applications"
        )
        if not row["n"]:
            return f"{start}."
        if not self.has_outcomes:
            target = "" if self.target is None else f" (target {percent(self.target)})"
            return (
                f"{start}; {percent(row['forecast_bad_rate'])} of those approved are forecast to default at the stated"
                f" rate{target}, which outcomes of these loans do not test."
            )
        bad = percent(row["bad_rate"])
        if self.profits is not None:
            own = self.profits.iloc[0]  # the subject
            between = span(percent(own["bad_low"]), percent(own["bad_high"]))
            bad += "" if between == ABSENT else f" ({between.removesuffix(' %')})"
        against = f"against {percent(self.base_rate)} of all"
        if self.target is not None:
            against += f" and a target of {percent(self.target)}"
        return f"{start}; {bad} of those approved default, {against}."

    @property
    def facts(self) -> Mapping[str, str]:
        """Who is approved at the chosen cut-off, and what that earns."""
        if self.chosen is None:
            return {}
        row = cutoff_row(self.cutoffs, self.chosen)
        expected = float(row["expected_profit"])
        approved = {"Approved": f"{percent(row['approval_rate'])}\nat cut-off {percent(self.chosen)}"}
        if not self.has_outcomes:
            bad, earned = percent(row["forecast_bad_rate"]), money(expected, abs(expected))
            stated = "at the stated rate"
            return {**approved, "Forecast bad rate": f"{bad}\n{stated}", "Expected profit": f"{earned}\n{stated}"}
        realized = float(row["realized_profit"])
        scale = max(abs(realized), abs(expected))
        between = f"expected {money(expected, scale)}"
        if self.profits is not None:
            between = span(*(money(float(self.profits[end].iloc[0]), scale) for end in ("low", "high")))
        return {
            **approved,
            "Bad rate": f"{percent(row['bad_rate'])}\nof the approved",
            "Realized profit": f"{money(realized, scale)}\n{between}",
        }

    @property
    def card(self) -> Section | None:
        """What the chosen cut-off does; nothing where none is chosen."""
        return None if self.chosen is None else Section(_TITLE, self.terms, [Note(self.verdict)])

    def draw(self) -> Section:
        """Approval, defaults and profit against the cut-off, and what every model would have brought."""
        has_profit = "expected_profit" in self.cutoffs
        tail = "; profit says where that stops paying." if has_profit else "."
        default_rate = "default rate" if self.has_outcomes else "forecast default rate"
        done = "have done" if self.has_outcomes else "do at the stated rate"
        figure = Figure(
            plots.cutoff_plot(self.cutoffs, chosen=self.chosen),
            f"A higher cut-off approves more and lets more defaults in{tail}",
            f"Approval rate{'' if has_profit else ' and'}, {default_rate} among the approved"
            f"{', and profit' if has_profit else ''} against the cut-off",
        )
        table = Table(
            cutoff_table(self.cutoffs, self.chosen),
            f"What each cut-off would {done}{'' if self.chosen is None else '; the chosen one stands out'}.",
            highlight=None if self.chosen is None else percent(cutoff_row(self.cutoffs, self.chosen)["cutoff"]),
        )
        blocks: list[Block] = [figure, table]
        if self.profits is not None:
            subject = str(self.profits["model"].iloc[0])
            caption = _PROFITS.format(model_in_sentence(subject))
            blocks.append(Table(profit_table(self.profits), caption, highlight=model_heading(subject)))
        if self.notes:
            blocks.append(Points(list(self.notes)))
        return Section(_TITLE, self.terms, blocks)


def cutoff_row(cutoffs: pd.DataFrame, chosen: float) -> pd.Series:
    """The row of the cut-off table nearest to the chosen cut-off.

    Examples
    --------
    >>> cutoff_row(pd.DataFrame({"cutoff": [0.1, 0.2], "n": [3, 5]}), 0.19)["n"]
    np.float64(5.0)
    """
    return cutoffs.iloc[int((cutoffs["cutoff"] - chosen).abs().to_numpy().argmin())]


_TITLE = "Where to draw the line?"
_PROFITS = (
    "Each model lends at the cut-off that its own forecasts choose. Intervals of 95 % draw loans again, models and"
    " cut-offs staying as they are. The last column is what {} brings more."
)
_MOST_CUTOFFS = 12


def cutoff_table(cutoffs: pd.DataFrame, chosen: float | None = None) -> pd.DataFrame:
    """About a dozen rows of a cut-off table, evenly picked, the chosen cut-off always among them.

    Parameters
    ----------
    cutoffs : DataFrame
        Columns `cutoff`, `approval_rate`, `bad_rate`, `n`, and perhaps `expected_profit` and `realized_profit`; with
        `forecast_bad_rate` instead of `bad_rate` nothing realized is shown.
    chosen : float, optional
        The cut-off in use.

    Examples
    --------
    >>> row = {"cutoff": 0.1, "approval_rate": 0.4, "bad_rate": 0.02, "expected_profit": 1200.0,
    ...        "realized_profit": 900.0, "n": 40}
    >>> cutoff_table(pd.DataFrame([row]), 0.1).iloc[0].tolist()
    ['10.0 %', '40', '40.0 %', '2.0 %', '1,200', '900']
    """
    picked = set(np.linspace(0, len(cutoffs) - 1, min(_MOST_CUTOFFS, len(cutoffs))).round().astype(int).tolist())
    if chosen is not None:
        picked.add(cutoffs.index.get_loc(cutoff_row(cutoffs, chosen).name))
    rows = cutoffs.iloc[sorted(picked)]
    columns: dict[str, Any] = {
        "Cut-off": rows["cutoff"].map(percent),
        "Approved loans": rows["n"].map(count),
        "Approved": rows["approval_rate"].map(percent),
    }
    if "bad_rate" in cutoffs:
        columns["Defaulted"] = rows["bad_rate"].map(percent)
    else:
        columns["Forecast to default"] = rows["forecast_bad_rate"].map(percent)
    profits = [name for name in ("expected_profit", "realized_profit") if name in cutoffs]
    for name in profits:
        scale = float(cutoffs[profits].abs().max().max())
        columns[name.replace("_", " ").capitalize()] = [money(value, scale) for value in rows[name]]
    return pd.DataFrame(columns)


def profit_table(profits: pd.DataFrame) -> pd.DataFrame:
    """One row per model: its cut-off, whom that approves, and what it brings, with intervals.

    Text of shape (n_models, 7).

    Examples
    --------
    >>> row = {"model": "tree", "cutoff": 0.1, "approval_rate": 0.4, "bad_rate": 0.02, "bad_low": 0.01,
    ...        "bad_high": 0.03, "expected_profit": 1200.0, "profit": 900.0, "low": 700.0, "high": 1100.0,
    ...        "difference": 50.0, "difference_low": -20.0, "difference_high": 120.0}
    >>> profit_table(pd.DataFrame([row])).iloc[0].tolist()
    ['Decision tree', '10.0 %', '40.0 %', '2.0 %\\n1.0 to 3.0 %', '1,200', '900\\n700 to 1,100', '+50\\n−20 to 120']
    """
    scale = float(profits[["expected_profit", "profit", "low", "high"]].abs().max().max())

    def between(name: str) -> list[str]:
        ends = profits[["low", "high"] if name == "profit" else [f"{name}_low", f"{name}_high"]]
        return [span(money(low, scale), money(high, scale)) for low, high in ends.to_numpy(float)]

    rates = [span(percent(low), percent(high)) for low, high in profits[["bad_low", "bad_high"]].to_numpy(float)]
    digits = 0 if scale >= 100 else 2
    apart = [number(value, digits, signed=True) for value in profits["difference"]]
    return pd.DataFrame(
        {
            "Model": profits["model"].map(model_heading),
            "Cut-off": profits["cutoff"].map(percent),
            "Approved": profits["approval_rate"].map(percent),
            "Defaulted": list(map(stacked, profits["bad_rate"].map(percent), rates)),
            "Expected profit": [money(value, scale) for value in profits["expected_profit"]],
            "Profit": list(map(stacked, [money(value, scale) for value in profits["profit"]], between("profit"))),
            "Difference": list(map(stacked, apart, between("difference"))),
        }
    )
