"""Grades: whether the default probability of each grade, vintage and segment is what came true."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from finnet.lending.grades import NOT_TESTED
from finnet.lending.rates import FEWEST_TESTED
from finnet.reporting.grade_plot import grade_plot
from finnet.reporting.html import Block, Figure, Note, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, money, number, p_value, percent, span, stacked

__all__ = ["GradesSection", "compared_rows", "grade_rows", "group_rows"]


@dataclass(frozen=True, eq=False, kw_only=True)
class GradesSection(ReportSection):
    """Default probabilities by grade beside what came true.

    Parameters
    ----------
    grades : DataFrame
        As `finnet.lending.grades.grade_table` gives it.
    grade_groups : DataFrame
        As `finnet.lending.grades.group_table` gives it, under a column `by` that says what groups they are.
    scale : str
        Where the limits come from, in a sentence.
    concentration : float
        Herfindahl index of loans on grades.
    has_losses : bool
        Whether a loss given default was stated, so that losses are more than zero.
    central_tendency : str
        How published probabilities were moved to a stated rate, in sentences; "" where they were not. Where they were,
        findings are `finnet.lending.grades.NOT_TESTED`, and neither tests of the level nor realized losses are shown.
    counted : str
        How many loans of how many clients the tests count, in a sentence; "" where each loan is by itself.
    halves, neighbors : DataFrame, optional
        As `finnet.lending.homogeneity.half_table` and `neighbor_table` give them.
    grade_areas : DataFrame, optional
        As `finnet.lending.grades.grade_areas` gives it.
    """

    grades: pd.DataFrame
    grade_groups: pd.DataFrame
    scale: str
    concentration: float
    has_losses: bool
    central_tendency: str = ""
    counted: str = ""
    halves: pd.DataFrame | None = None
    neighbors: pd.DataFrame | None = None
    grade_areas: pd.DataFrame | None = None

    @property
    def is_tested(self) -> bool:
        """Whether outcomes test the grades: not where probabilities were moved to a stated rate."""
        return _is_tested(self.grades)

    def draw(self) -> Section:
        """The grades, then vintages and segments."""
        dot = "Dot: the share of its loans that defaulted, with its 95 % interval; no dot where none did."
        figure = Figure(
            grade_plot(self.grades),
            f"Dash: mean forecast of a grade{'' if self.is_tested else ', at the stated rate'}. {dot}"
            f"{' Orange: found at fault.' if self.is_tested else _OTHER_SCALE}",
            "Forecast and observed default rate by grade",
        )
        lead = "A grade stands for one default probability. Do as many of its loans default?"
        if not self.is_tested:
            lead = "A grade stands for one default probability, here at a stated rate that defaults do not test."
        blocks: list[Block] = [Note(self.central_tendency)] if self.central_tendency else []
        blocks += [figure, self._table(), *self._areas(), *self._compared()]
        for by, groups in self.grade_groups.groupby("by", sort=False):
            caption = (
                f"The same test by {by}, for all grades of a group together. Grades at fault: those of the group whose"
                " own test fails, after Holm's correction for all of the table."
            )
            if not self.is_tested:
                caption = f"The same by {by}, for all grades of a group together; not tested."
            blocks.append(Table(group_rows(groups, str(by)), caption))
        return Section(self._title, lead, blocks)

    @property
    def card(self) -> Section:
        """The table of grades."""
        return Section(self._title, "", [self._table(), *self._areas()])

    @property
    def _title(self) -> str:
        return "Do the grades hold?" if self.is_tested else "What are the grades?"

    def _areas(self) -> Iterator[Note]:
        """How well grades tell risk apart beside the forecasts they are made of; nothing where no area is known."""
        if self.grade_areas is None or self.grade_areas["value"].isna().any():
            return
        areas = self.grade_areas.set_index("of")
        ends = {name: span(number(row["low"]), number(row["high"])) for name, row in areas.iterrows()}
        grades, lost = (
            number(areas["value"][name]) + ("" if ends[name] == ABSENT else f" ({ends[name]})")
            for name in ("grades", "lost")
        )
        yield Note(
            f"What grading costs: the AUC of the grades is {grades}, that of the forecasts they are made of"
            f" {number(areas['value']['forecasts'])}. The difference is {lost}; in brackets 95 % intervals, that of the"
            " difference by the same loans."
        )

    def _compared(self) -> Iterator[Block]:
        """Whether neighboring grades differ, and whether loans of one grade are alike."""
        test = _COMPARED
        for table, question in ((self.neighbors, _NEIGHBORS), (self.halves, _HALVES)):
            # One grade alone has no neighbor.
            if table is not None and len(table):
                yield Table(compared_rows(table, is_tested=self.is_tested), f"{question} {test}")
                test = "p and finding: as in the table before."

    def _table(self) -> Table:
        as_it_came = " and, below, as it came" if self.is_tested else " at the stated rate"
        losses = f" Loss: amount times loss given default, expected{as_it_came}." if self.has_losses else ""
        tests = (
            "p: Jeffreys test, the probability that the true rate is at most the forecast (ECB 2019); a"
            " small one says that the forecast is too low. Finding: both ways, at 5 % for all grades together (Holm)."
            f" {self.counted or 'Loans are taken as independent;'}"
            f" {'Repeats' if self.counted else 'repeats'} of a loan count once."
        )
        if not self.is_tested:
            tests = "Forecast and defaulted are not on one scale. Repeats of a loan count once."
        caption = (
            f"{self.scale} {tests}{losses} Concentration of loans on grades"
            f" (Herfindahl): {number(self.concentration, 2)}, as {number(1.0 / self.concentration, 1)} grades of one"
            " size have."
        )
        return Table(grade_rows(self.grades, has_losses=self.has_losses), caption)


_OTHER_SCALE = (
    " These loans did not default at the stated rate but at their own, so forecast and defaulted are not on one scale;"
    " whether more loans default from grade to grade can be read all the same."
)


_NEIGHBORS = (
    "Do neighboring grades differ? Share of loans that defaulted in a grade and in the next. Where no difference is"
    " detected, two grades may be one."
)
_HALVES = (
    "Are the loans of a grade alike? Share that defaulted among the half of its loans with the lower forecasts and"
    " among the half with the higher ones. Where the upper half is riskier, the grade holds loans of unlike risk, which"
    " a finer scale would tell apart; where the lower one is, forecasts rank them wrongly."
)
_COMPARED = (
    "p: of one default rate in both, by the score test of two proportions, in which loans of one client count"
    f" together, after Holm's correction for all of the table; finding at 5 %, with at least {FEWEST_TESTED} loans on"
    " either side. The level of the forecasts does not matter. With few defaults only large differences are detected:"
    " that none is found is no proof that there is none."
)


def compared_rows(table: pd.DataFrame, *, is_tested: bool = True) -> pd.DataFrame:
    """One row per grade, or pair of grades: loans, forecasts and defaults below and above, and what is found.

    Text of shape (n, 6) or, where forecasts are at a stated rate that defaults do not test, without them (n, 5).

    Examples
    --------
    >>> row = {"grade": 1, "next_grade": 2, "n_low": 300, "n_high": 200, "forecast_low": 0.01, "forecast_high": 0.04,
    ...        "observed_low": 0.0133, "observed_high": 0.03, "p_holm": 0.2, "finding": "no difference detected"}
    >>> compared_rows(pd.DataFrame([row])).iloc[0].tolist()
    ['1, 2', '300, 200', '1.00, 4.00 %', '1.33, 3.00 %', '0.200', 'no difference detected']
    """

    def both(name: str) -> list[str]:
        sides = table[[f"{name}_low", f"{name}_high"]].to_numpy(float)
        return [f"{percent(low, 2).removesuffix(' %')}, {percent(high, 2)}" for low, high in sides]

    of_pairs = "next_grade" in table
    names = zip(table["grade"], table["next_grade"], strict=True) if of_pairs else table["grade"]
    return pd.DataFrame(
        {
            "Grades" if of_pairs else "Grade": [", ".join(map(str, n)) if of_pairs else str(n) for n in names],
            "Loans": [f"{count(low)}, {count(high)}" for low, high in table[["n_low", "n_high"]].to_numpy(float)],
            **({"Forecast": both("forecast")} if is_tested else {}),
            "Defaulted": both("observed"),
            "p (Holm)": table["p_holm"].map(p_value),
            "Finding": table["finding"],
        }
    )


def grade_rows(grades: pd.DataFrame, *, has_losses: bool) -> pd.DataFrame:
    """One row per grade: its limits, its loans, what was forecast, and what came true; text, shape (n_grades, 7 or 8).

    Examples
    --------
    >>> row = {"grade": 2, "above": 0.01, "up_to": 0.03, "n": 120, "forecast": 0.021, "observed": 0.025, "low": 0.007,
    ...        "high": 0.066, "p_value": 0.31, "finding": "no difference detected"}
    >>> grade_rows(pd.DataFrame([row]), has_losses=False).iloc[0].tolist()
    ['2', '1.00 to 3.00 %', '120\\n100 %', '2.10 %', '2.50 %\\n0.70 to 6.60 %', '0.310', 'no difference detected']
    """
    columns = {
        "Grade": grades["grade"].map(str),
        "PD above, up to": [
            span(percent(low, 2), percent(high, 2)) for low, high in zip(grades["above"], grades["up_to"], strict=True)
        ],
        "Loans": [stacked(count(n), percent(n / grades["n"].sum(), 0)) for n in grades["n"]],
        **_rates(grades),
    }
    if has_losses and _is_tested(grades):
        scale = float(grades[["expected_loss", "realized_loss"]].max().max())
        losses = zip(grades["expected_loss"], grades["realized_loss"], strict=True)
        columns["Loss"] = [stacked(money(expected, scale), money(realized, scale)) for expected, realized in losses]
    elif has_losses:
        largest = float(grades["expected_loss"].max())
        columns["Expected loss"] = [money(expected, largest) for expected in grades["expected_loss"]]
    return pd.DataFrame(columns)


def group_rows(groups: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row per vintage or level: its loans, what was forecast, what came true, and grades at fault."""
    # A name such as "2019 Q1" stays on one line.
    names = {f"{by[:1].upper()}{by[1:]}": groups["group"].str.replace(" ", "\u00a0"), "Loans": groups["n"].map(count)}
    if not _is_tested(groups):
        return pd.DataFrame({**names, **_rates(groups)})
    failed = [grades or ABSENT for grades in groups["failed_grades"]]
    return pd.DataFrame({**names, **_rates(groups), "Grades at fault": failed})


def _is_tested(table: pd.DataFrame) -> bool:
    return NOT_TESTED not in set(table["finding"])


def _rates(table: pd.DataFrame) -> dict[str, object]:
    ends = zip(table["observed"], table["low"], table["high"], strict=True)
    rates: dict[str, object] = {
        "Forecast": [percent(rate, 2) for rate in table["forecast"]],
        "Defaulted": [stacked(percent(rate, 2), span(percent(low, 2), percent(high, 2))) for rate, low, high in ends],
    }
    if not _is_tested(table):
        return rates
    return rates | {
        "p": table["p_value"].map(p_value),
        "Finding": [words.removeprefix("forecast ") for words in table["finding"]],
    }
