"""Scorecard: what a model that can be reckoned by hand says, and what a more complex one gains over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.names import model_heading, model_in_sentence
from finnet.reporting.html import Block, Details, Note, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, metric_of, number, p_value, percent, span, stacked

__all__ = ["ScorecardSection", "card_table", "gain_table", "information_table"]

_SHOWN = 3  # columns whose points are in sight
_MOST_SHOWN = 12  # rows of information values that are in sight
_LEVEL = 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class ScorecardSection(ReportSection):
    """A scorecard beside the model of the page.

    Parameters
    ----------
    subject : str
        The model that the page is about.
    gain : DataFrame
        Rows of `finnet.evaluation.comparison.Comparison` about the scorecard, one per metric, then scores that were
        not tested, with NaN for `low`, `high`, `p_holm` and `p_fits`; no rows where the page is about the scorecard.
    information : DataFrame
        `column`, `bins`, `value`, `null_value`, `coefficient` (NaN where not used), `left_out` (why, or "").
    bin_points : DataFrame
        `column`, `bin`, `n`, `bad_rate`, `weight`, `information`, `points`, of the columns used.
    base : int
        Points that every applicant has.
    scale : str
        What points mean, in a sentence.
    n_rows : int
        Loans that it was fitted on.
    given : sequence of str
        Columns whose bins the job file gives.
    binning : {"quantile", "tree"}
        How bins of numbers were found that it does not give.
    slope : sequence of float
        Slope of the calibration of the scorecards of the folds, the ends of its 95 % interval, and the p-value of all
        tests of that calibration together, which older runs did not record; may be empty.
    """

    subject: str
    gain: pd.DataFrame
    information: pd.DataFrame
    bin_points: pd.DataFrame
    base: int
    scale: str
    n_rows: int
    given: Sequence[str] = ()
    binning: str = "quantile"
    slope: Sequence[float] = ()

    @property
    def card(self) -> Section:
        """What complexity gains."""
        return Section("What does complexity gain over a scorecard?", "", self._gain_blocks())

    def draw(self) -> Section:
        """What complexity gains, what each column says, and the points."""
        lead = (
            "A scorecard cuts every column into bins and adds up a number for each: the model that a person can check."
            " What is compared was fitted on the training loans of each fold; the tables below it show the one fitted"
            f" once more on the {count(self.n_rows)} loans of the final training window."
        )
        blocks = self._gain_blocks()
        if self.given:
            blocks.append(Note(_GIVEN.format(", ".join(self.given))))
        caption = f"{_INFORMATION}{_OF_TREES if self.binning == 'tree' else ''}"
        table = Table(information_table(self.information), caption)
        title = f"Information value of {len(table.frame)} columns"
        blocks.append(table if len(table.frame) <= _MOST_SHOWN else Details(title, table))
        return Section("What does complexity gain over a scorecard?", lead, [*blocks, *self._card_blocks()])

    def _gain_blocks(self) -> list[Block]:
        if self.gain.empty:
            return [
                Note("The page is about the scorecard itself: the comparison of models shows what others gain over it.")
            ]
        name = model_in_sentence(self.subject)
        caption = (
            f"By how much {name} is better than the scorecard, on the same loans; below 0 the scorecard is better."
            " Scores that are tested have the p-values of the comparison of models, corrected by Holm over all of its"
            " tests, and its intervals, which are not corrected; the others are not tested."
        )
        return [Table(gain_table(self.gain, self.subject), caption), Note(_found(self.gain, name))]

    def _card_blocks(self) -> list[Block]:
        if self.bin_points.empty:
            return [Note("No column says enough to be used: every applicant has the same points.")]
        # Columns that move the sum most come first; the number of a place keeps bins of one column together.
        ranges = self.bin_points.groupby("column", sort=False)["points"].agg(lambda points: points.max() - points.min())
        widest = ranges.sort_values(ascending=False, kind="stable").index
        by_range = self.bin_points.assign(
            place=self.bin_points["column"].map({name: k for k, name in enumerate(widest)})
        )
        # Bins that no loan is in have no points.
        ordered = by_range[by_range["n"] > 0].sort_values("place", kind="stable")
        start = (
            f"Every applicant has {count(self.base)} points; add those of the bin that each column is in, 0 where it is"
            f" in none of these. {self.scale}"
        )
        shown, rest = ordered[ordered["place"] < _SHOWN], ordered[ordered["place"] >= _SHOWN]
        blocks: list[Block] = [Table(card_table(shown), start)]
        if note := _odds_note(self.slope):
            blocks.append(Note(note))
        if len(rest):
            n_more = rest["column"].nunique()
            words = f"Points of {count(n_more)} more {'column' if n_more == 1 else 'columns'} that move the sum less"
            blocks.append(Details(words, Table(card_table(rest), "")))
        files = (
            "The run holds the whole card as scorecard.csv and as a query, scorecard.sql; bins.toml has its bins, to be"
            ' edited and given back: [scorecard] bins = "bins.toml".'
        )
        return [*blocks, Note(files)]


_GIVEN = (
    "Bins of {} were given with the job. Whoever chose them may have seen outcomes of loans that test the models here;"
    " then the scorecard looks better than it will be on new loans, and chance gives these columns more information"
    " value than is said below."
)
_INFORMATION = (
    "Information value of each column, its weights being ln(share of goods / share of bads). Each bin counts, beside"
    " its own, as many loans at the default rate of all as hold half a loan of the rarer outcome, so that no share is"
    " 0. By chance: what a column that says nothing has on average; the value is too large by about as much."
)
_OF_TREES = " Trees cut numbers where the outcomes of these loans differ, so theirs are too large by more."


def _found(gain: pd.DataFrame, name: str) -> str:
    """Whether complexity gains anything, a sentence per metric: that which decides, others tested, those not tested."""
    first, *others = gain.to_dict("records")
    # The metric that decides is told first, even where it could not be tested.
    said = [_found_by(row, name) for row in (first, *(row for row in others if np.isfinite(row["p_holm"])))]
    lost = [row for row in others if not np.isfinite(row["p_holm"]) and row["difference"] < 0]
    if lost:
        words = [metric_of(str(row["metric"])) for row in lost]
        figures = [
            f"{metric.name} ({metric.text(row['value'])} against {metric.text(row['reference_value'])})"
            for metric, row in zip(words, lost, strict=True)
        ]
        said.append(f"Not tested: the scorecard has the better {' and '.join(figures)}.")
    return " ".join(said)


def _found_by(row: Mapping[Any, Any], name: str) -> str:
    words = metric_of(str(row["metric"])).name
    if not row["p_holm"] < _LEVEL:
        return f"By {words} no difference between {name} and the scorecard is detected."
    better, worse = (name, "the scorecard") if row["difference"] > 0 else ("the scorecard", name)
    # Runs that were saved without the corrected p-value of other fits hold it as it is.
    corrected = "p_fits_holm" in row
    p_fits = float(row.get("p_fits_holm", row.get("p_fits", np.nan)))
    doubt = ""
    if p_fits >= _LEVEL:
        after = " after Holm's correction" if corrected else ""
        doubt = f" for these fits; for other fits of the same models p = {p_value(p_fits)}{after}"
    return f"By {words} {better} is better than {worse}{doubt}."


def _odds_note(slope: Sequence[float]) -> str:
    """That odds do not move as points say, where the joint test finds fault and the interval of the slope leaves out 1.

    Otherwise nothing: an interval of one figure alone, not adjusted, shows no fault.
    """
    value, low, high, p_joint = [*slope, *[np.nan] * 4][:4]
    if not p_joint < _LEVEL or not (low > 1 or high < 1):
        return ""
    far = "less" if value < 1 else "more"
    return (
        f"On loans that the scorecards of the folds had not seen, log-odds moved by {number(value, 2)}"
        f" ({span(number(low, 2), number(high, 2))}) of what the points say, the slope of the table of calibration,"
        f" whose joint test finds fault (p = {p_value(p_joint)}):"
        f" odds rise {far} than points promise, and points that should double them multiply them by"
        f" {number(2**value, 2)}. Calibrate before odds are read from points."
    )


def gain_table(gain: pd.DataFrame, subject: str) -> pd.DataFrame:
    """One row per metric: both values, the difference with its interval, and the p-values of both questions.

    Text of shape (n_metrics, 6 or 7): that of other fits is left out where there are none.

    Examples
    --------
    >>> row = {"metric": "auc", "reference_value": 0.75, "value": 0.73, "difference": 0.02, "low": 0.01, "high": 0.03,
    ...        "p_holm": 0.002}
    >>> gain_table(pd.DataFrame([row]), "network").iloc[0].tolist()
    ['AUC', '0.750', '0.730', '+0.020', '+0.010 to +0.030', '0.002']
    """
    rows = []
    for row in gain.to_dict("records"):
        metric = metric_of(str(row["metric"])).fit_for(pd.Series([row["difference"]]))
        rows.append(
            {
                "Metric": metric.label,
                model_heading(subject): metric.text(row["reference_value"]),
                "Scorecard": metric.text(row["value"]),
                "Better by": metric.difference(row["difference"]),
                "95 % interval": span(metric.difference(row["low"]), metric.difference(row["high"])),
                "p (Holm)": p_value(row["p_holm"]),
                "p, other fits": _other_fits(row),
            }
        )
    table = pd.DataFrame(rows)
    return table.drop(columns="p, other fits") if (table["p, other fits"] == ABSENT).all() else table


def _other_fits(row: Mapping[Any, Any]) -> str:
    """The p-value of other fits, and below it the corrected one, where the run holds that."""
    p_fits, corrected = (p_value(float(row.get(name, np.nan))) for name in ("p_fits", "p_fits_holm"))
    return stacked(p_fits, corrected if corrected == ABSENT else f"Holm {corrected}")


def information_table(information: pd.DataFrame) -> pd.DataFrame:
    """One row per column: bins with loans, information value, that of chance, and whether it is used.

    Text of shape (n_columns, 6).

    Examples
    --------
    >>> row = {"column": "income", "bins": 5, "value": 0.31, "null_value": 0.02, "coefficient": -1.1, "left_out": ""}
    >>> information_table(pd.DataFrame([row])).iloc[0].tolist()
    ['income', '5', '0.310', '0.020', '−1.10', 'yes']
    """
    columns = {
        "Column": information["column"],
        "Bins": information["bins"].map(count),
        "Information value": information["value"].map(number),
        "By chance": information["null_value"].map(number),
        "Coefficient": [number(value, 2) for value in information["coefficient"]],
        "Used": [f"no: {why}" if why else "yes" for why in information["left_out"]],
    }
    return pd.DataFrame(columns)


def card_table(card: pd.DataFrame) -> pd.DataFrame:
    """One row per bin: loans, default rate, weight of evidence, what it adds to the information value, and points.

    Text of shape (n_bins, 7).

    Examples
    --------
    >>> row = {"column": "home", "bin": "own", "n": 80, "bad_rate": 0.05, "weight": 0.41, "information": 0.02,
    ...        "points": 12}
    >>> card_table(pd.DataFrame([row])).iloc[0].tolist()
    ['home', 'own', '80', '5.0 %', '+0.41', '0.020', '+12']
    """
    columns = {
        "Column": card["column"],
        "Bin": card["bin"],
        "Loans": card["n"].map(count),
        "Default rate": card["bad_rate"].map(percent),
        "Weight": [number(weight, 2, signed=True) for weight in card["weight"]],
        "Information": card["information"].map(number),
        "Points": [number(points, 0, signed=True) for points in card["points"]],
    }
    return pd.DataFrame(columns)
