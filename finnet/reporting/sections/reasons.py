"""What drives the forecast: how much each column brings, checked in another way, and what moving one does."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finnet.reporting import plots
from finnet.reporting.html import Block, Details, Figure, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, number, percent, span, stacked

__all__ = ["ReasonsSection"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ReasonsSection(ReportSection):
    """What drives the forecasts of the model deployed.

    Parameters
    ----------
    column_importance : DataFrame
        `column`, its `meaning` (its name where it has none), `usual` value, `contribution` (mean absolute, in
        log-odds), `permutation` (rise of the log loss), and that on test rows of the folds with its standard error
        (`held_out`, `held_out_error`, NaN where not measured); the largest contribution first.
    effect_curves : DataFrame
        `column`, `value`, the same with its `meaning`, `number` (NaN for levels and missing), mean `forecast`.
    monotone_columns : DataFrame
        `column`, `direction`, `rows`, `share` and `largest` violation, for columns that are declared; and what the data
        alone say, `auc` with its interval `auc_low` and `auc_high`, which older runs did not record.
    agreement : float or None
        Rank correlation of both measures of importance.
    is_sampled : bool
        Whether contributions are sampled, the model being no network.
    missed : float
        What the integral of a row missed at most.
    is_enforced : bool
        Whether the model can move in no other way than declared.
    rows, rows_dealt, rows_held_out : int
        Explained, dealt anew, and dealt anew among test rows.
    columns : int
        Of the whole table.
    """

    column_importance: pd.DataFrame
    effect_curves: pd.DataFrame
    monotone_columns: pd.DataFrame
    agreement: float | None
    is_sampled: bool
    missed: float
    is_enforced: bool
    rows: int
    rows_dealt: int
    rows_held_out: int
    columns: int

    @property
    def verdict(self) -> str:
        """Columns that move against their declaration, in a sentence; nothing where none does."""
        said = []
        if len(self._failed):
            rows = self._failed.to_dict("records")
            failed = ", ".join(f"{row['column']} for {percent(row['share'])} of loans" for row in rows)
            said.append(f"Declared to raise or to lower risk, but found to do the opposite too: {failed}.")
        if opposed := [row for row in self._alone if row["says"] == _AGAINST]:
            words = ", ".join(f"{row['column']} ({row['words']})" for row in opposed)
            said.append(f"The data themselves speak against a declared direction: {words}.")
        return "\n".join(said)

    @property
    def card(self) -> Section | None:
        """Whether columns that are declared monotone are so; None where none is declared."""
        if self.monotone_columns.empty:
            return None
        return Section(_TITLE, "", [Points(self._held())])

    @property
    def _failed(self) -> pd.DataFrame:
        """The columns that move against their declaration, those that do so for most loans first."""
        failed = self.monotone_columns[self.monotone_columns["share"] > 0]
        return failed.sort_values("share", ascending=False, kind="stable")

    def _against(self) -> list[str]:
        """A sentence for each column that moves against its declaration."""
        return [
            f"{row['column']} is declared to {'raise' if row['direction'] == 'up' else 'lower'} risk, but does not do"
            f" so for {percent(row['share'])} of {count(row['rows'])} loans: raised alone, it moves their forecast"
            f" against that somewhere, by up to {_points(row['largest'])}."
            for row in self._failed.to_dict("records")
        ]

    @property
    def _alone(self) -> list[dict[str, str]]:
        """What the data alone say of each declared column: `column`, `says` and the figures in `words`."""
        if "auc" not in self.monotone_columns:
            return []
        return [
            {"column": row["column"], "says": _says(row), "words": f"AUC {_figures(row)}"}
            for row in self.monotone_columns.to_dict("records")
        ]

    def _of_data(self) -> list[str]:
        """What the data alone say of the declarations: against which they speak, and on which they are silent."""
        words = {
            _AGAINST: "The data themselves speak against what is declared of {}: alone, it orders loans the other way"
            " round. Ask whether the declaration is right before it is enforced.",
            _SILENT: "Of what is declared of {} the data alone say nothing: the interval of the AUC does not lie on one"
            " side of 0.5.",
            _FOR: "What is declared of {} agrees with the data alone.",
        }
        said = []
        for says, sentence in words.items():
            named = [f"{row['column']} ({row['words']})" for row in self._alone if row["says"] == says]
            said += [sentence.format(", ".join(named))] if named else []
        return said

    def _held(self) -> list[str]:
        """The verdict on every declaration, failed ones first."""
        return [*self._in_model(), *self._of_data()]

    def _in_model(self) -> list[str]:
        held = [str(name) for name in self.monotone_columns.loc[self.monotone_columns["share"] == 0, "column"]]
        if not held:
            return self._against()
        moves = "moves as its declaration says" if len(held) == 1 else "move as their declarations say"
        rows = count(self.monotone_columns["rows"].iloc[0])
        return [*self._against(), f"{', '.join(held)} {moves}, for all of {rows} loans."]

    def draw(self) -> Section:
        """Contributions beside permutation importance, effect curves, and columns that are declared monotone."""
        curves = Figure(
            plots.effect_plot(self.effect_curves),
            f"Mean forecast of {count(self.rows)} loans when one column takes each of its values and all others stay."
            " Shown are the columns that bring most, then those whose direction is declared. Values that do not occur"
            " together are guesses of the model.",
            "Mean forecast against the values of the columns that bring most",
        )
        importance = self._importance()
        blocks: list[Block] = [Table(importance.head(_SHOWN), self._caption)]
        if len(importance) > _SHOWN:
            title = f"The {count(len(importance) - _SHOWN)} columns that bring less each"
            blocks.append(Details(title, Table(importance.iloc[_SHOWN:], "")))
        blocks += [curves, Details("The curves as figures", Table(self._curves(), ""))]
        if len(self.monotone_columns):
            rows = count(self.monotone_columns["rows"].iloc[0])
            kept = _ENFORCED if self.is_enforced else _VERIFIED
            caption = f"{_MONOTONE.format(rows)} {kept}{_ALONE * bool(self._alone)}"
            blocks += [Points(self._held()), Table(self._declared(), caption)]
        return Section(_TITLE, self._lead, blocks)

    @property
    def _lead(self) -> str:
        missed = f"at most {number(self.missed, 3)}" if self.missed >= 0.001 else "less than 0.001"
        way = (
            "sampled Shapley values: their sums are exact, the share of a column is an estimate"
            if self.is_sampled
            else "integrated gradients through the network's own backward pass; what the integral missed of a sum,"
            f" {missed}, is spread over its columns"
        )
        return (
            f"{self._first} A contribution says by how much a column moves the log-odds of a"
            f" loan away from those of a loan with usual values; contributions sum to the difference. They are {way}."
        )

    @property
    def _first(self) -> str:
        """The columns with the largest contributions, and which of them held-out loans do not show to help."""
        table = self.column_importance.head(_NAMED)
        named = f"The columns that move forecasts most are {', '.join(str(name) for name in table['column'])}."
        if not self.rows_held_out:
            return named
        # NaN, not measured, compares as false: nothing was shown of such a column either.
        helps = table["held_out"] - _Z * table["held_out_error"] > 0
        idle = [str(name) for name in table.loc[~helps, "column"]]
        if not idle:
            return f"{named} Each of them helps on held-out loans."
        what = "helps: its interval below does" if len(idle) == 1 else "help: their intervals below do"
        return f"{named} Held-out loans do not show that {', '.join(idle)} {what} not lie above 0."

    @property
    def _caption(self) -> str:
        held_out = _HELD_OUT.format(count(self.rows_held_out)) if self.rows_held_out else ""
        # NaN differs from itself: no rank correlation where one of both measures is the same for all columns.
        agreement = (
            ""
            if self.agreement is None or self.agreement != self.agreement
            else f" Rank correlation of Contribution and Permutation: {number(self.agreement, 2)}."
        )
        left_out = self.columns - len(self.column_importance)
        # Older runs recorded the first columns alone.
        others = f" {count(left_out)} more columns bring less each." if left_out else ""
        return (
            f"Of the model deployed: mean size of the contribution over {count(self.rows)} loans, in log-odds, and rise"
            f" of the log loss when the column is dealt to other loans, over {count(self.rows_dealt)} loans. These"
            " trained the model, so both say what it uses, not how well that holds on new loans."
            f"{held_out}{agreement}{others}"
        )

    def _declared(self) -> pd.DataFrame:
        """What the model and the data make of every declaration."""
        table = self.monotone_columns
        shown = pd.DataFrame(
            {
                "Column": table["column"],
                "Declared": ["raises risk" if way == "up" else "lowers risk" for way in table["direction"]],
                "Against it": table["share"].map(percent),
                "Furthest": [number(100 * share, 2) for share in table["largest"]],
                "Model": ["holds" if share == 0 else "fails" for share in table["share"]],
            }
        )
        if not self._alone:
            return shown
        figures = [stacked(*row["words"].removeprefix("AUC ").split(", ")) for row in self._alone]
        return shown.assign(**{"AUC alone": figures, "Data": [row["says"] for row in self._alone]})

    def _curves(self) -> pd.DataFrame:
        table = self.effect_curves
        forecasts = [percent(value) for value in table["forecast"]]
        # Older runs have no meanings.
        values = table["meaning" if "meaning" in table else "value"]
        return pd.DataFrame({"Column": table["column"], "Value": values, "Mean forecast": forecasts})

    def _importance(self) -> pd.DataFrame:
        table = self.column_importance
        # Older runs have no meanings.
        named = zip(table["column"], table["meaning" if "meaning" in table else "column"], strict=True)
        shown = pd.DataFrame(
            {
                "Column": [name if name == meaning else stacked(name, meaning) for name, meaning in named],
                "Usual value": table["usual"],
                "Contribution": [number(value, 3) for value in table["contribution"]],
                "Permutation": [number(value, 4, signed=True) for value in table["permutation"]],
            }
        )
        if not self.rows_held_out:
            return shown
        rise, error = table["held_out"].to_numpy(float), table["held_out_error"].to_numpy(float)
        values, lows, highs = (
            [number(value, 4, signed=True) for value in rise + side * _Z * error] for side in (0.0, -1.0, 1.0)
        )
        words = [f"{value} ({low} to {high})" for value, low, high in zip(values, lows, highs, strict=True)]
        return shown.assign(**{"Held out": words})


def _says(row: Mapping[Hashable, Any]) -> str:
    """Whether the interval of the AUC lies on the declared side of one half, on the other, or holds it."""
    sign = 1 if row["direction"] == "up" else -1
    ends = sign * (row["auc_low"] - 0.5), sign * (row["auc_high"] - 0.5)
    # NaN, where nothing could be measured, compares as false.
    return _FOR if min(ends) > 0 else _AGAINST if max(ends) < 0 else _SILENT


def _figures(row: Mapping[Hashable, Any]) -> str:
    return f"{number(row['auc'])}, {span(number(row['auc_low']), number(row['auc_high']))}"


def _points(share: float) -> str:
    return f"{number(100 * share, 2)} percentage points"


_TITLE = "What drives the forecast?"
_SHOWN = 12  # columns in sight
_FOR, _AGAINST, _SILENT = "agree", "speak against it", "show no direction"
_ALONE = (
    " AUC alone: of all training loans ordered by the column alone, with its 95 % interval; above 0.5 loans with higher"
    " values defaulted more often. Other columns may stand behind what one shows alone."
)
_NAMED = 3  # columns that the lead names
_Z = 1.96  # 95 % of a normal distribution lie within so many standard errors
_HELD_OUT = (
    " Held out: the same rise on {} test loans of the folds, by the models that had not seen them, with its 95 %"
    " interval. Where that does not lie above 0, the column was not shown to help; one that others can stand in for"
    " helps little by itself."
)
_MONOTONE = (
    "Columns that are declared to raise or lower the risk. Against it: share of {} loans whose forecast somewhere moves"
    " against that when the column alone is raised through its values. Furthest: what one moves at most, in percentage"
    " points."
)
_VERIFIED = "Verified, not enforced."
_ENFORCED = "Enforced by the signs of the weights that networks may have, and verified here."
