"""Segments: how well each part of the loan book was forecast, and how forecasts held over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finnet.lending.fairness import FEWEST_DEFAULTS, FEWEST_LOANS
from finnet.lending.segments import weak_segments
from finnet.reporting.group_plots import groups_plot, vintage_plot
from finnet.reporting.html import Block, Details, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, number, p_value, percent, span, stacked

__all__ = ["SegmentsSection", "segments_table"]

_MOST_PLOTTED, _MOST_SHOWN = 40, 20
_TOLD = {"too low": "risk is forecast too low", "too high": "risk is forecast too high"}


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentsSection(ReportSection):
    """How well each part of the book was forecast.

    Parameters
    ----------
    segments : DataFrame
        Of `finnet.lending.segments.segment_table`, all loans first.
    vintages : DataFrame, optional
        Of `finnet.lending.segments.vintage_table`; None where loans have no dates.
    period : str
        What a vintage is: "month", "quarter" or "year".
    by_client : bool
        Whether intervals count clients, who have several loans.
    """

    segments: pd.DataFrame
    vintages: pd.DataFrame | None = None
    period: str = "quarter"
    by_client: bool = False

    @property
    def verdict(self) -> str:
        """How many segments are weak, and the surest of them; nothing where none is."""
        weak = self._weak()
        if not weak:
            return ""
        return f"Weak segments: {len(weak)}. The surest: {weak[0]}"

    @property
    def card(self) -> Section | None:
        """The weak segments."""
        return Section(_TITLE, _LEAD, [self._found()])

    def draw(self) -> Section:
        """Weak segments by name, the gap of each, every figure, and vintages."""
        blocks: list[Block] = [self._found()]
        table = self.segments.iloc[1:]
        if 0 < len(table) <= _MOST_PLOTTED:
            rows = pd.DataFrame(
                {
                    "column": table["column"],
                    "group": table["segment"],
                    "value": 100 * table["gap"],
                    "low": 100 * table["gap_low"],
                    "high": 100 * table["gap_high"],
                    "is_called_out": table["p_gap"] < 0.05,
                }
            )
            drawing = groups_plot(rows, title="Observed less forecast, percentage points", even=0.0)
            caption = (
                "Right of the line more loans defaulted than forecast. Intervals of 95 %, each for itself: of many,"
                " some leave the line out by chance. Orange: apart from it after Holm's correction."
            )
            blocks.append(Figure(drawing, caption, "Observed less forecast default rate by segment"))
        figures = Table(segments_table(self.segments), _FIGURES, highlight="All loans")
        blocks.append(figures if len(table) <= _MOST_SHOWN else Details(f"All {len(table)} segments", figures))
        if self.vintages is not None and len(self.vintages) > 1:
            caption = (
                f"Loans by {self.period} of application: the share that defaulted, with 95 % intervals that"
                f" {'count clients' if self.by_client else 'take loans as independent'}, and the mean forecast."
            )
            alt = f"Observed and forecast default rate by {self.period} of application"
            blocks.append(Figure(vintage_plot(self.vintages), caption, alt))
        return Section(_TITLE, _LEAD, blocks)

    def _found(self) -> Points | Note:
        """The weak segments; or that none is, or that none could be tested."""
        weak = self._weak()
        return Points(weak) if weak else Note(_NOT_TESTED if self.segments["is_small"].iloc[1:].all() else _NONE)

    def _weak(self) -> list[str]:
        return [_sentence(row) for row in weak_segments(self.segments).to_dict("records")]


_TITLE = "Where is it weak?"
_LEAD = (
    "Each segment is asked whether it defaulted as forecast, and whether risks within it are told apart as well as"
    " among all other loans; p-values are adjusted over all these questions (Holm), so that a sound model seldom seems"
    " weak. Numbers are divided at quartiles, taken over the loans that were only trained on; where folds test every"
    " loan, over all loans."
)
_NONE = (
    "No segment is detectably weak. That is no proof that none is; segments of fewer than"
    f" {FEWEST_LOANS} loans or {FEWEST_DEFAULTS} defaults are not tested."
)
_NOT_TESTED = f"No segment has {FEWEST_LOANS} loans and {FEWEST_DEFAULTS} defaults, so none could be tested."
_FIGURES = (
    "Defaulted: the share that did, and the mean forecast of it. Difference: observed less forecast, in percentage"
    " points. AUC: how well risks are told apart within the segment. Below them 95 % intervals, not adjusted. p of a"
    " difference of 0, and of an AUC like that of all other loans: after Holm's correction for both questions of all"
    " segments; below 0.05 a segment is called weak. Log loss and AUC of all loans are those of the table of all"
    f" scores. * fewer than {FEWEST_LOANS} loans or {FEWEST_DEFAULTS} defaults: not tested."
)


def _sentence(row: Mapping[Any, Any]) -> str:
    start = f"{row['column']}, {row['segment']}: "
    if row["weakness"] == "ranking":
        between = span(number(row["auc_low"]), number(row["auc_high"]))
        return (
            f"{start}risks are told apart worse than elsewhere, AUC {number(row['auc'])} ({between}) against"
            f" {number(row['auc_elsewhere'])} (p {p_value(row['p_auc'])})."
        )
    between = span(number(100 * row["gap_low"], 1, signed=True), number(100 * row["gap_high"], 1, signed=True))
    return (
        f"{start}{_TOLD[str(row['weakness'])]}, {percent(row['forecast'])} where {percent(row['observed'])} defaulted;"
        f" {number(100 * row['gap'], 1, signed=True)} percentage points ({between}; p {p_value(row['p_gap'])})."
    )


def segments_table(segments: pd.DataFrame) -> pd.DataFrame:
    """One row per segment: loans, defaults observed and forecast, and scores with intervals.

    Text of shape (n_segments, 8).

    Examples
    --------
    >>> figures = {f"{score}{end}": 0.5 for score in ("log_loss", "auc", "gap") for end in ("", "_low", "_high")}
    >>> row = {"column": "region", "segment": "north", "loans": 1200, "observed": 0.1, "forecast": 0.12,
    ...        "is_small": False, "p_gap": 0.01, "p_auc": 1.0, **figures}
    >>> segments_table(pd.DataFrame([row])).iloc[0].tolist()[:3]
    ['region: north', '1,200', '10.0 %\\nforecast 12.0 %']
    """

    def scored(name: str, unit: float = 1.0, digits: int = 3, *, signed: bool = False) -> list[str]:
        ends = unit * segments[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
        words = [[number(value, digits, signed=signed) for value in row] for row in ends]
        return [stacked(value, span(low, high)) for value, low, high in words]

    rows: Sequence[tuple[str, str, bool]] = list(
        zip(segments["column"], segments["segment"], segments["is_small"], strict=True)
    )
    return pd.DataFrame(
        {
            "Segment": [f"{column}: {name}{'*' * small}" if column else name for column, name, small in rows],
            "Loans": segments["loans"].map(count),
            # Below each other, so that names of segments have room.
            "Defaulted": [
                stacked(percent(observed), f"forecast {percent(forecast)}")
                for observed, forecast in segments[["observed", "forecast"]].to_numpy(float)
            ],
            "Difference": scored("gap", 100, 1, signed=True),
            "p, difference": segments["p_gap"].map(p_value),
            "AUC": scored("auc"),
            "p, AUC": segments["p_auc"].map(p_value),
            "Log loss": scored("log_loss"),
        }
    )
