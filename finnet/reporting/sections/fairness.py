"""Fairness: how the cut-off treats groups of applicants, and what the figures do not prove."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.lending.fairness import FEWEST_DEFAULTS, FEWEST_LOANS
from finnet.lending.groups import MISSING
from finnet.lending.rates import FEWEST_TESTED
from finnet.reporting.group_plots import groups_plot
from finnet.reporting.html import Block, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, number, p_value, percent, span, stacked

__all__ = ["FairnessSection", "decisions_table", "forecasts_table", "otherwise_table"]

_LEVEL = 0.05
_FOUR_FIFTHS = 0.8  # Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D
_NOT_PROVEN = (
    "Equal approval rates do not prove fair treatment, nor do unequal ones prove unfair treatment: the figures do not"
    " say why groups differ.",
    "Default is known only of loans that were granted, so nobody can say here how the refused would have paid.",
    "Where groups differ in their default rates, approval rates, equal opportunity and calibration cannot all be"
    " equal at once; which of them matters is for people to decide, not for a table.",
    "Leaving a column out of the features does not keep it out of the forecasts: others may stand in for it.",
    "A ratio of four fifths is a rule of thumb of US employment law, not a limit that makes lending lawful.",
)


@dataclass(frozen=True, eq=False, kw_only=True)
class FairnessSection(ReportSection):
    """How decisions on loans treat groups of applicants.

    Parameters
    ----------
    fairness : DataFrame
        Of `finnet.lending.fairness.fairness_table`. Without `bad_rate` where decisions are made on forecasts moved to a
        stated rate, which these loans need not have.
    cutoff : float, optional
        Loans whose forecast lies at or below it count as approved; None where each loan is decided by itself.
    origin : str
        Where the cut-off comes from or, without one, which loans count as approved, as the end of a sentence.
    features : sequence of str
        Columns of groups that the model was given all the same.
    otherwise : DataFrame, optional
        Where each loan has a break-even of its own, `column`, `group`, `approval_rate`, `ratio` and `p_holm` in the
        order of `fairness`, as the other rule decides: one cut-off where loans are decided one by one, else loan by
        loan.
    other_cutoff : float, optional
        The cut-off of the other rule; None where that decides loan by loan.
    """

    fairness: pd.DataFrame
    cutoff: float | None
    origin: str
    features: Sequence[str] = ()
    otherwise: pd.DataFrame | None = None
    other_cutoff: float | None = None

    @property
    def has_outcomes(self) -> bool:
        """Whether it is told how often the approved defaulted."""
        return "bad_rate" in self.fairness

    @property
    def verdict(self) -> str:
        """Groups whose approval rates are found to differ from those of the reference; nothing where none does."""
        return "\n".join(self._differences())

    @property
    def card(self) -> Section:
        """What differs between groups, and what that does not prove."""
        return Section("Does it treat groups alike?", self._lead, [Points([*self._found(), *_NOT_PROVEN])])

    @property
    def _lead(self) -> str:
        rule = "" if self.cutoff is None else f"their forecast is at most {percent(self.cutoff)}, "
        lead = f"Loans count as approved where {rule}{self.origin}."
        if self.features:
            return f"{lead} The model was given {', '.join(self.features)} as a feature, as the job file asks."
        return f"{lead} The model was not given the columns that make the groups."

    def draw(self) -> Section:
        """Ratios, decisions and forecasts by group, and what they do not prove."""
        table = self.fairness
        plotted = table[~table["is_reference"] & table["ratio"].notna()]
        blocks: list[Block] = [Points(self._found())]
        if len(plotted):
            rows = pd.DataFrame(
                {
                    "column": plotted["column"],
                    "group": plotted["group"],
                    "value": plotted["ratio"],
                    "low": plotted["ratio_low"],
                    "high": plotted["ratio_high"],
                    "is_called_out": plotted["p_holm"] < _LEVEL,
                }
            )
            caption = (
                "Approval rate of each group over that of the largest group of its column, with 95 % intervals. Dashed:"
                " four fifths, and its inverse."
            )
            drawing = groups_plot(rows, title="Adverse-impact ratio", even=1.0, limits=(_FOUR_FIFTHS, 1 / _FOUR_FIFTHS))
            blocks.append(Figure(drawing, caption, "Adverse-impact ratio of each group with its interval"))
        moved = ("", "") if self.has_outcomes else (_MOVED_DECISIONS, _MOVED_FORECASTS)
        # Runs from before the score test have another one, and no such column.
        test = _SCORE_TEST if "forecast_bad_rate" in table else _BY_SPREAD
        test += _REPAID_TEST * ("opportunity_p_holm" in table)
        blocks.append(Table(decisions_table(table), f"{_RATIO} {test} {_DECISIONS}{moved[0]}"))
        if self.otherwise is not None:
            blocks.append(Note(self._otherwise(self.otherwise)))
            caption = f"Approved {self._rule(self.cutoff)}; otherwise: {self._rule(self.other_cutoff)}. {_OTHERWISE}"
            blocks.append(Table(otherwise_table(table, self.otherwise), caption))
        blocks += [Table(forecasts_table(table), f"{_FORECASTS}{moved[1]}"), Points(list(_NOT_PROVEN))]
        return Section("Does it treat groups alike?", self._lead, blocks)

    def _rule(self, cutoff: float | None) -> str:
        return (
            "loan by loan, each by its own expected profit"
            if cutoff is None
            else f"at one cut-off of {percent(cutoff)}"
        )

    def _otherwise(self, other: pd.DataFrame) -> str:
        """What the other rule would do to the group whose approval it changes most, and where rates then differ."""
        table = self.fairness
        change = (other["approval_rate"] - table["approval_rate"]).abs().to_numpy()
        # Of few loans a large change says little; it counts where there are no other groups.
        is_small = table["is_small"].to_numpy(bool)
        most = int(np.argmax(np.where(is_small & ~is_small.all(), -1.0, change)))
        rates = [percent(each["approval_rate"].iloc[most]) for each in (other, table)]
        differ = [", ".join(np.array(_names(table))[each["p_holm"] < _LEVEL]) or "no group" for each in (table, other)]
        which = "all groups" if is_small.all() else "groups that are not small"
        return (
            f"Decided {self._rule(self.other_cutoff)}, {rates[0]} of {_names(table)[most]} would be approved instead of"
            f" {rates[1]}, the largest change of {which}. Approval rates found to differ from that of the largest group"
            f" of a column: {differ[0]} as decided, {differ[1]} otherwise."
        )

    def _found(self) -> list[str]:
        """What differs, or that nothing does, and what could not be compared."""
        differences, uncompared = list(self._differences()), list(_uncompared(self.fairness))
        if len(uncompared) == self.fairness["column"].nunique():
            return uncompared
        return [*(differences or [_NO_DIFFERENCE]), *uncompared, _NO_PROOF]

    def _differences(self) -> Iterator[str]:
        table = self.fairness
        references: Mapping[str, str] = dict(table.loc[table["is_reference"], ["column", "group"]].to_numpy().tolist())
        for row in table[table["p_holm"] < _LEVEL].to_dict("records"):
            between = span(number(row["ratio_low"]), number(row["ratio_high"]))
            yield (
                f"{row['column']}, {row['group']}: approved {number(row['ratio'])} times as often ({between}, not"
                f" adjusted; p = {p_value(row['p_holm'])} after Holm's correction) as"
                f" {references[str(row['column'])]}{_beside_four_fifths(row)}."
            )
        # Runs from before equal opportunity was tested have no such column.
        if "opportunity_p_holm" not in table:
            return
        rates = table.loc[table["is_reference"], ["column", "opportunity"]].set_index("column")["opportunity"]
        for row in table[table["opportunity_p_holm"] < _LEVEL].to_dict("records"):
            yield (
                f"{row['column']}, {row['group']}: of loans that were repaid {percent(row['opportunity'])} were"
                f" approved, of {references[str(row['column'])]} {percent(rates[row['column']])}"
                f" (p = {p_value(row['opportunity_p_holm'])} after Holm's correction)."
            )


_NO_DIFFERENCE = (
    "No approval rate is detectably unlike that of the largest group of its column (5 % after Holm's correction)."
)
_REPAID_TEST = (
    " p, repaid: by the same test among loans that were repaid, where a group has as many of these, with a correction"
    " of its own."
)
_NO_PROOF = (
    "That no difference is detected for a group is no proof that it is treated alike: the intervals say what"
    " differences remain possible."
)
_RATIO = "Decisions by group. Ratio: the approval rate over that of the largest group, which has a dash."
_SCORE_TEST = (
    "p: of equal approval rates, by the score test of two proportions with one rate for both, in which loans of one"
    " client and repeats of a loan are correlated as they are found to be; groups of fewer than"
    f" {FEWEST_TESTED} loans are not tested."
)
_BY_SPREAD = (
    "p: of equal approval rates, by the spread of loans drawn again, which is too small in small groups; groups of"
    f" fewer than {FEWEST_LOANS} loans are not tested."
)
_DECISIONS = (
    "p is after Holm's correction for all groups of the table; below 0.05 a group is named above. Repaid, approved: the"
    " approval rate among loans that were repaid (equal opportunity). Below them 95 % intervals, loans drawn again,"
    " each for itself and not adjusted: where the whole interval of a ratio lies below four fifths, it is said above."
    f" * fewer than {FEWEST_LOANS} loans or {FEWEST_DEFAULTS} defaults: such figures say little."
)
_FORECASTS = (
    "Forecasts by group. Difference: observed less forecast, in percentage points; AUC: how well risk is told apart"
    " within the group. Below them 95 % intervals, each for itself and not adjusted: of many, some leave out 0 by"
    " chance."
)
_MOVED_DECISIONS = (
    " Decisions are on forecasts moved to a stated rate, which these loans need not have: of those approved it is told"
    " how many are forecast to default at that rate, not how many did. Who was repaid is known from these loans; moving"
    " the rate alone does not change whom of them a cut-off approves."
)
_MOVED_FORECASTS = (
    " Forecasts here are as the model made them, not moved to the stated rate, as are the loans' defaults."
)
_OTHERWISE = (
    "Difference: otherwise less approved, in percentage points, of the same loans by the same forecasts. p: as above,"
    " of the other rule."
)


def _uncompared(fairness: pd.DataFrame) -> Iterator[str]:
    """Why no approval rate of a column could be compared, in a sentence for each such column."""
    for column, groups in fairness.groupby("column", sort=False):
        approved = groups["approval_rate"].unique()
        if len(groups) == 1:
            group = str(groups["group"].iloc[0])
            only = "is missing for every loan" if group == MISSING else f"has one group alone, {group}"
            yield f"{column}: no approval rate is compared, as the column {only}."
        elif len(approved) == 1 and approved[0] in (0.0, 1.0):
            yield f"{column}: no approval rate is compared, as {'every' if approved[0] else 'no'} loan is approved."
        elif groups["p_holm"].isna().all():
            fewest = FEWEST_TESTED if "forecast_bad_rate" in fairness else FEWEST_LOANS
            yield f"{column}: no approval rate is compared, as only the largest group has {fewest} loans or more."


def _beside_four_fifths(row: Mapping[Any, Any]) -> str:
    # Told apart, as the estimate alone may lie below by chance.
    if row["ratio_high"] < _FOUR_FIFTHS:
        return ", below four fifths with its whole interval"
    return ", below four fifths" if row["ratio"] < _FOUR_FIFTHS else ""


def decisions_table(fairness: pd.DataFrame) -> pd.DataFrame:
    """One row per group: how many loans, how many of them approved, and how those paid; text, shape (n_groups, 7 or 8).

    Without `bad_rate` it is told how many of the approved are forecast to default, without `opportunity_p_holm` no
    p-value of the repaid.

    Examples
    --------
    >>> rates = {"approval_rate": 0.5, "bad_rate": 0.1, "opportunity": 0.55, "ratio": 0.8}
    >>> ends = {f"{name}_{end}": value for name, value in rates.items() for end in ("low", "high")}
    >>> row = {"column": "sex", "group": "women", "loans": 90, "is_reference": False, "is_small": True, "p_holm": 0.01,
    ...        **rates, **ends}
    >>> decisions_table(pd.DataFrame([row])).iloc[0].tolist()[:5]
    ['sex: women*', '90', '50.0 %\\n50.0 to 50.0 %', '0.800\\n0.800 to 0.800', '0.010']
    """
    # Three digits: two would write 0.797 as the four fifths that it stays below.
    ratio = _stacked(fairness, "ratio", number)
    return pd.DataFrame(
        {
            "Group": _names(fairness),
            "Loans": fairness["loans"].map(count),
            "Approved": _stacked(fairness, "approval_rate", percent),
            "Ratio": [ABSENT if own else words for own, words in zip(fairness["is_reference"], ratio, strict=True)],
            "p (Holm)": fairness["p_holm"].map(p_value),
            "Repaid, approved": _stacked(fairness, "opportunity", percent),
            **(
                {"p, repaid (Holm)": fairness["opportunity_p_holm"].map(p_value)}
                if "opportunity_p_holm" in fairness
                else {}
            ),
            **(
                {"Approved, defaulted": _stacked(fairness, "bad_rate", percent)}
                if "bad_rate" in fairness
                else {"Approved, forecast to default": fairness["forecast_bad_rate"].map(percent)}
            ),
        }
    )


def otherwise_table(fairness: pd.DataFrame, otherwise: pd.DataFrame) -> pd.DataFrame:
    """One row per group: approval rates and ratios as decided and by the other rule; text, shape (n_groups, 7).

    Examples
    --------
    >>> row = {"column": "sex", "group": "women", "is_reference": False, "is_small": False, "approval_rate": 0.5,
    ...        "ratio": 0.8, "p_holm": 0.2}
    >>> other = {**row, "approval_rate": 0.45, "ratio": 0.75, "p_holm": 0.04}
    >>> otherwise_table(pd.DataFrame([row]), pd.DataFrame([other])).iloc[0].tolist()
    ['sex: women', '50.0 %', '45.0 %', '−5.0', '0.800', '0.750', '0.040']
    """
    points = 100 * (otherwise["approval_rate"] - fairness["approval_rate"])

    def ratios(table: pd.DataFrame) -> list[str]:
        own = zip(fairness["is_reference"], table["ratio"], strict=True)
        return [ABSENT if is_reference else number(ratio) for is_reference, ratio in own]

    return pd.DataFrame(
        {
            "Group": _names(fairness),
            "Approved": fairness["approval_rate"].map(percent),
            "Otherwise": otherwise["approval_rate"].map(percent),
            "Difference": [number(value, 1, signed=True) for value in points],
            "Ratio": ratios(fairness),
            "Ratio otherwise": ratios(otherwise),
            "p otherwise (Holm)": otherwise["p_holm"].map(p_value),
        }
    )


def forecasts_table(fairness: pd.DataFrame) -> pd.DataFrame:
    """One row per group: what was forecast, what happened, and how well risks were told apart."""
    return pd.DataFrame(
        {
            "Group": _names(fairness),
            "Defaults": fairness["defaults"].map(count),
            "Mean forecast": fairness["forecast"].map(percent),
            "Defaulted": _stacked(fairness, "observed", percent),
            "Difference": _stacked(fairness, "gap", lambda value: number(100 * value, 1, signed=True)),
            "AUC": _stacked(fairness, "auc", number),
        }
    )


def _names(fairness: pd.DataFrame) -> list[str]:
    rows = zip(fairness["column"], fairness["group"], fairness["is_small"], strict=True)
    return [f"{column}: {group}{'*' if is_small else ''}" for column, group, is_small in rows]


def _stacked(fairness: pd.DataFrame, name: str, write: Callable[[float], str]) -> list[str]:
    ends = fairness[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    return [stacked(write(value), span(write(low), write(high))) for value, low, high in ends]
