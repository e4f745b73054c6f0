"""Cut-offs: what lending on the forecasts would have brought, and where to draw the line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.lending.resampling import DRAWS
from finnet.names import model_heading, model_in_sentence
from finnet.reporting import plots
from finnet.reporting.html import Block, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, money, number, percent, span, stacked

__all__ = ["CutoffSection", "cutoff_row", "cutoff_table", "profit_table", "sensitivity_rows"]


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
        The cut-off in use; None where no terms choose one, or each loan is decided by itself.
    loan_by_loan : DataFrame of shape (1, n_columns), optional
        What deciding each loan by itself does, with the columns of `cutoffs` but the first; None where that is not
        done.
    terms : str
        What a good loan earns and a bad one loses, and how the cut-off was chosen, in a sentence.
    base_rate : float
        Share of all applications that default.
    profits : DataFrame, optional
        Of `finnet.lending.profit.profit_table`: every model at a cut-off of its own, the subject first.
    sensitivity : DataFrame, optional
        Of `finnet.lending.sensitivity.sensitivity_table`.
    target : float, optional
        Bad rate that the cut-off was chosen for.
    unit : str
        Of profits, such as "in the unit of amount".
    notes : sequence of str
        What else deciding would have brought.
    at_a_loss : int
        Loans that the cut-off approves although their own expected profit is 0 or less.
    """

    cutoffs: pd.DataFrame
    terms: str
    base_rate: float
    chosen: float | None = None
    loan_by_loan: pd.DataFrame | None = None
    profits: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None
    target: float | None = None
    unit: str = ""
    notes: Sequence[str] = ()
    at_a_loss: int = 0

    @property
    def has_outcomes(self) -> bool:
        """Whether it is told what the loans realized."""
        return "bad_rate" in self.cutoffs

    @property
    def _in_use(self) -> "pd.Series[Any] | None":
        """What is done in use: at the chosen cut-off or loan by loan; None where nothing decides."""
        if self.loan_by_loan is not None:
            return self.loan_by_loan.iloc[0]
        return None if self.chosen is None else cutoff_row(self.cutoffs, self.chosen)

    @property
    def _title(self) -> str:
        return "Where to draw the line?" if self.loan_by_loan is None else "Which loans to approve?"

    @property
    def _rule(self) -> str:
        return "loan by loan" if self.chosen is None else f"at cut-off {percent(self.chosen)}"

    @property
    def verdict(self) -> str:
        """What the cut-off does, or deciding loan by loan, and how many it approves at a loss; "" where neither is."""
        row, said = self._in_use, self._does
        if row is None or not self.at_a_loss:
            return said
        have = "has" if self.at_a_loss == 1 else "have"
        return (
            f"{said}\n{count(self.at_a_loss)} of the {count(row['n'])} loans that it approves {have} an expected profit"
            " of 0 or less, as one cut-off is for all loans although their terms differ: [lending] by_loan = true"
            " decides on each by its own expected profit."
        )

    @property
    def _does(self) -> str:
        row = self._in_use
        if row is None:
            return ""
        rule = "Loan by loan" if self.chosen is None else f"At a cut-off of {percent(self.chosen)}"
        start = f"{rule} it approves {percent(row['approval_rate'])} of these loans"
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
        """Who is approved, and what that earns."""
        row = self._in_use
        if row is None:
            return {}
        expected = float(row["expected_profit"])
        approved = {"Approved": f"{percent(row['approval_rate'])}\n{self._rule}"}
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
        """What the chosen cut-off does, or deciding loan by loan; nothing where neither is done."""
        if self._in_use is None:
            return None
        unit = f"Profits are {self.unit}. " if self.unit and "expected_profit" in self.cutoffs else ""
        drawn = f"{unit}{_DRAWN}" if self.profits is not None else unit
        # What stands below a figure on the page stands behind it here.
        facts = [(label, *text.partition("\n")) for label, text in self.facts.items()]
        figures = [f"{label}: {figure}{f' ({rest})' if rest else ''}." for label, figure, _, rest in facts]
        points = Points([*self.verdict.split("\n"), *figures])
        return Section(self._title, self.terms, [points, *([Note(drawn)] if drawn else [])])

    def draw(self) -> Section:
        """Approval, defaults and profit against the cut-off, and what every model would have brought."""
        has_profit = "expected_profit" in self.cutoffs
        unit = f" Profits are {self.unit}." if self.unit and has_profit else ""
        blocks: list[Block] = [self._figure(unit), self._table(unit)]
        if self.profits is not None:
            subject = str(self.profits["model"].iloc[0])
            rule = _AT_A_CUTOFF if self.loan_by_loan is None else _LOAN_BY_LOAN
            caption = f"{rule} {_PROFITS.format(model_in_sentence(subject))}{unit}"
            blocks.append(Table(profit_table(self.profits), caption, highlight=model_heading(subject)))
        if self.sensitivity is not None:
            fixed = "" if self.target is None else _TARGET
            shown = Table(sensitivity_rows(self.sensitivity), f"{_SENSITIVITY}{fixed}{unit}", highlight=_AS_STATED)
            blocks += [shown, Note(_losing(self.sensitivity))]
        if self.notes:
            blocks.append(Points(list(self.notes)))
        return Section(self._title, self.terms, blocks)

    def _figure(self, unit: str) -> Figure:
        has_profit = "expected_profit" in self.cutoffs
        tail = "; profit says where that stops paying." if has_profit else "."
        lowest = plots.lowest_profit_shown(self.cutoffs, chosen=self.chosen) if has_profit else None
        default_rate = "default rate" if self.has_outcomes else "forecast default rate"
        cut = "" if lowest is None else f" Profits below {money(lowest, abs(lowest))} lie outside the drawing."
        return Figure(
            plots.cutoff_plot(self.cutoffs, chosen=self.chosen),
            f"A higher cut-off approves more and lets more defaults in{tail}{cut}{unit}",
            f"Approval rate{'' if has_profit else ' and'}, {default_rate} among the approved"
            f"{', and profit' if has_profit else ''} against the cut-off",
        )

    def _table(self, unit: str) -> Table:
        shown = cutoff_table(self.cutoffs, self.chosen, loan_by_loan=self.loan_by_loan)
        done, did = ("have done", "did") if self.has_outcomes else ("do at the stated rate", "does")
        if self.loan_by_loan is not None:
            caption = f"What each cut-off would {done}, and last what deciding loan by loan {did}."
            return Table(shown, f"{caption}{unit}", highlight=LOAN_BY_LOAN)
        stands_out = "" if self.chosen is None else "; the chosen one stands out"
        highlight = None if self.chosen is None else percent(cutoff_row(self.cutoffs, self.chosen)["cutoff"])
        return Table(shown, f"What each cut-off would {done}{stands_out}.{unit}", highlight=highlight)


def cutoff_row(cutoffs: pd.DataFrame, chosen: float) -> pd.Series:
    """The row of the cut-off table nearest to the chosen cut-off.

    Examples
    --------
    >>> cutoff_row(pd.DataFrame({"cutoff": [0.1, 0.2], "n": [3, 5]}), 0.19)["n"]
    np.float64(5.0)
    """
    return cutoffs.iloc[int((cutoffs["cutoff"] - chosen).abs().to_numpy().argmin())]


LOAN_BY_LOAN = "Loan by loan"
_AT_A_CUTOFF = "Each model lends at the cut-off that its own forecasts choose."
_LOAN_BY_LOAN = "Each model lends where its own forecast makes the expected profit of a loan positive."
_DRAWN = (
    f"Intervals of profits hold the middle 95 % of {DRAWS:,} draws of the loans, or of their clients, with models and"
    " what they decide as they are; those of the share that defaulted are Jeffreys intervals, with as many loans as"
    " tell as much where clients or weights count."
)
_PROFITS = f"{_DRAWN} The last column is what {{}} brings more."
_AS_STATED = "As stated"
_SENSITIVITY = (
    "What is expected where one thing is not as stated. LGD: the loss given default of every loan, at most all of it;"
    " margin: that of every loan; odds: of its default, p / (1 - p). Below is what it becomes, of odds the mean"
    " forecast. As decided: the same loans are approved, and only what they bring changes. Anew: the rule is applied"
    " again, knowing of the change. Below profits is the difference to the first row. All is by forecasts; nothing is"
    " realized."
)
_TARGET = " A cut-off for a target of the bad rate depends on forecasts alone: losses and margins do not move it."
_VARIED = {"loss_given_default": "LGD", "margin": "Margin", "odds": "Odds"}
_MOST_CUTOFFS = 12


def cutoff_table(
    cutoffs: pd.DataFrame, chosen: float | None = None, *, loan_by_loan: pd.DataFrame | None = None
) -> pd.DataFrame:
    """About a dozen rows of a cut-off table, evenly picked, the chosen cut-off always among them.

    A row that would read like the chosen cut-off is left out. Deciding loan by loan stands last, where that is done.

    Parameters
    ----------
    cutoffs : DataFrame
        Columns `cutoff`, `approval_rate`, `bad_rate`, `n`, and perhaps `expected_profit` and `realized_profit`; with
        `forecast_bad_rate` instead of `bad_rate` nothing realized is shown.
    chosen : float, optional
        The cut-off in use.
    loan_by_loan : DataFrame of shape (1, n_columns), optional
        As `CutoffSection` takes it.

    Examples
    --------
    >>> row = {"cutoff": 0.1, "approval_rate": 0.4, "bad_rate": 0.02, "expected_profit": 1200.0,
    ...        "realized_profit": 900.0, "n": 40}
    >>> cutoff_table(pd.DataFrame([row]), 0.1).iloc[0].tolist()
    ['10.0 %', '40', '40.0 %', '2.0 %', '1,200', '900']
    """
    picked = set(np.linspace(0, len(cutoffs) - 1, min(_MOST_CUTOFFS, len(cutoffs))).round().astype(int).tolist())
    if chosen is not None:
        own = cutoffs.index.get_loc(cutoff_row(cutoffs, chosen).name)
        words = cutoffs["cutoff"].map(percent).tolist()
        # What stands out is found by its words, and one row alone is the chosen one.
        picked = {place for place in picked if words[place] != words[own]} | {own}
    rows = cutoffs.iloc[sorted(picked)]
    if loan_by_loan is not None:
        rows = pd.concat([rows, loan_by_loan], ignore_index=True)
    columns: dict[str, Any] = {
        "Cut-off": [LOAN_BY_LOAN if pd.isna(cutoff) else percent(cutoff) for cutoff in rows["cutoff"]],
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

    Text of shape (n_models, 7), or (n_models, 6) without cut-offs where loans are decided one by one.

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
    cutoffs = profits["cutoff"].map(percent)
    return pd.DataFrame(
        {
            "Model": profits["model"].map(model_heading),
            **({"Cut-off": cutoffs} if profits["cutoff"].notna().any() else {}),
            "Approved": profits["approval_rate"].map(percent),
            "Defaulted": list(map(stacked, profits["bad_rate"].map(percent), rates)),
            "Expected profit": [money(value, scale) for value in profits["expected_profit"]],
            "Profit": list(map(stacked, [money(value, scale) for value in profits["profit"]], between("profit"))),
            "Difference": list(map(stacked, apart, between("difference"))),
        }
    )


def sensitivity_rows(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """One row per change: what is expected of the decisions as they are and of decisions made anew.

    Text of shape (n_changes, 7), or (n_changes, 6) without cut-offs where loans are decided one by one.

    Examples
    --------
    >>> row = {"varied": "margin", "factor": 0.5, "level": 0.04, "kept_bad_rate": 0.1, "kept_profit": 900.0,
    ...        "kept_difference": -600.0, "cutoff": 0.08, "approval_rate": 0.3, "bad_rate": 0.05, "profit": 1000.0,
    ...        "difference": -500.0}
    >>> sensitivity_rows(pd.DataFrame([row])).iloc[0].tolist()
    ['Margin\\xa0×\\xa00.50\\n4.00 %', '10.0 %', '900\\n−600', '8.0 %', '30.0 %', '5.0 %', '1,000\\n−500']
    """
    scale = float(sensitivity[["kept_profit", "profit"]].abs().max().max())
    digits = 0 if scale >= 100 else 2

    def brought(profit: str, difference: str) -> list[str]:
        apart = [number(value, digits, signed=True) for value in sensitivity[difference]]
        earned = [money(value, scale) for value in sensitivity[profit]]
        return [
            stacked(words, "" if varied == "" else gap)
            for words, gap, varied in zip(earned, apart, sensitivity["varied"], strict=True)
        ]

    levels = ["of each loan" if pd.isna(level) else percent(level, 2) for level in sensitivity["level"]]
    changes = [
        words if words == _AS_STATED else stacked(words, level)
        for words, level in zip(_changes(sensitivity), levels, strict=True)
    ]
    cutoffs = sensitivity["cutoff"]
    return pd.DataFrame(
        {
            "What changes": changes,
            "As decided, forecast to default": sensitivity["kept_bad_rate"].map(percent),
            "As decided, expected profit": brought("kept_profit", "kept_difference"),
            **({"Anew, cut-off": cutoffs.map(percent)} if cutoffs.notna().any() else {}),
            "Anew, approved": sensitivity["approval_rate"].map(percent),
            "Anew, forecast to default": sensitivity["bad_rate"].map(percent),
            "Anew, expected profit": brought("profit", "difference"),
        }
    )


def _changes(sensitivity: pd.DataFrame) -> list[str]:
    """What each row changes, and by what factor."""
    rows = zip(sensitivity["varied"], sensitivity["factor"], strict=True)
    # On one line, as the number belongs to the name.
    return [f"{_VARIED[varied]}\u00a0×\u00a0{number(factor, 2)}" if varied else _AS_STATED for varied, factor in rows]


def _losing(sensitivity: pd.DataFrame) -> str:
    """Under which changes the loans approved as decided are expected to lose money; or that none is approved."""
    if sensitivity["kept_bad_rate"].isna().all():
        return "As decided, no loan is approved, so none of these changes moves what is brought."
    profits = zip(_changes(sensitivity), sensitivity["kept_profit"], strict=True)
    losing = [words for words, profit in profits if profit < 0]
    if not losing:
        return "By forecasts, none of these changes alone makes the loans approved as decided lose money."
    return f"The loans approved as decided are expected to lose money in these rows: {', '.join(losing)}."
