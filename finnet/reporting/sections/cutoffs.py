"""Cut-offs: what lending on the forecasts would have brought, and where to draw the line."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.reporting import plots
from finnet.reporting.html import Figure, Note, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, money, percent

__all__ = ["CutoffSection", "cutoff_row", "cutoff_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CutoffSection(ReportSection):
    """What lending on the forecasts would have brought.

    Parameters
    ----------
    cutoffs : DataFrame
        `cutoff`, `approval_rate`, `bad_rate`, `expected_profit`, `realized_profit`, `n`, ordered by cut-off.
    chosen : float
        The cut-off in use.
    terms : str
        What a good loan earns and a bad one loses, and how the cut-off was chosen, in a sentence.
    base_rate : float
        Share of all applications that default.
    """

    cutoffs: pd.DataFrame
    chosen: float
    terms: str
    base_rate: float

    @property
    def verdict(self) -> str:
        """What the cut-off does, in a sentence."""
        row = cutoff_row(self.cutoffs, self.chosen)
        return (
            f"At a cut-off of {percent(self.chosen)} it approves {percent(row['approval_rate'])} of the applications; "
            f"{percent(row['bad_rate'])} of those approved default, against {percent(self.base_rate)} of all."
        )

    @property
    def facts(self) -> Mapping[str, str]:
        """Who is approved at the chosen cut-off, and what that earns."""
        row = cutoff_row(self.cutoffs, self.chosen)
        realized, expected = float(row["realized_profit"]), float(row["expected_profit"])
        scale = max(abs(realized), abs(expected))
        return {
            "Approved": f"{percent(row['approval_rate'])}\nat cut-off {percent(self.chosen)}",
            "Bad rate": f"{percent(row['bad_rate'])}\nof the approved",
            "Realized profit": f"{money(realized, scale)}\nexpected {money(expected, scale)}",
        }

    @property
    def card(self) -> Section:
        """What the chosen cut-off does."""
        return Section("Where to draw the line?", self.terms, [Note(self.verdict)])

    def draw(self) -> Section:
        """Approval, defaults and profit against the cut-off."""
        figure = Figure(
            plots.cutoff_plot(self.cutoffs, chosen=self.chosen),
            "A higher cut-off approves more and lets more defaults in; profit says where that stops paying.",
            "Approval rate, default rate among the approved, and profit against the cut-off",
        )
        table = Table(
            cutoff_table(self.cutoffs, self.chosen),
            "What each cut-off would have done; the chosen one stands out.",
            highlight=percent(cutoff_row(self.cutoffs, self.chosen)["cutoff"]),
        )
        return Section("Where to draw the line?", self.terms, [figure, table])


def cutoff_row(cutoffs: pd.DataFrame, chosen: float) -> pd.Series:
    """The row of the cut-off table nearest to the chosen cut-off.

    Examples
    --------
    >>> cutoff_row(pd.DataFrame({"cutoff": [0.1, 0.2], "n": [3, 5]}), 0.19)["n"]
    np.float64(5.0)
    """
    return cutoffs.iloc[int((cutoffs["cutoff"] - chosen).abs().to_numpy().argmin())]


_MOST_CUTOFFS = 12


def cutoff_table(cutoffs: pd.DataFrame, chosen: float) -> pd.DataFrame:
    """About a dozen rows of a cut-off table, evenly picked, the chosen cut-off always among them.

    Parameters
    ----------
    cutoffs : DataFrame
        Columns `cutoff`, `approval_rate`, `bad_rate`, `expected_profit`, `realized_profit`, `n`.
    chosen : float
        The cut-off in use.

    Examples
    --------
    >>> row = {"cutoff": 0.1, "approval_rate": 0.4, "bad_rate": 0.02, "expected_profit": 1200.0,
    ...        "realized_profit": 900.0, "n": 40}
    >>> cutoff_table(pd.DataFrame([row]), 0.1).iloc[0].tolist()
    ['10.0 %', '40', '40.0 %', '2.0 %', '1,200', '900']
    """
    picked = np.linspace(0, len(cutoffs) - 1, min(_MOST_CUTOFFS, len(cutoffs))).round().astype(int)
    here = cutoffs.index.get_loc(cutoff_row(cutoffs, chosen).name)
    rows = cutoffs.iloc[sorted({*picked.tolist(), here})]
    scale = float(cutoffs[["expected_profit", "realized_profit"]].abs().max().max())
    columns = {
        "Cut-off": rows["cutoff"].map(percent),
        "Approved loans": rows["n"].map(count),
        "Approved": rows["approval_rate"].map(percent),
        "Defaulted": rows["bad_rate"].map(percent),
        "Expected profit": [money(value, scale) for value in rows["expected_profit"]],
        "Realized profit": [money(value, scale) for value in rows["realized_profit"]],
    }
    return pd.DataFrame(columns)
