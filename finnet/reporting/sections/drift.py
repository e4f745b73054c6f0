"""Drift: how new data differ from those of a run, and whether its forecasts came true."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.evaluation.outcomes_analysis import OutcomesAnalysis
from finnet.names import model_in_sentence
from finnet.reporting import plots
from finnet.reporting.html import Block, Details, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.stability_plot import stability_plot
from finnet.reporting.text import ABSENT, count, metric_of, number, percent, span

__all__ = ["DriftSection", "OutcomeSection"]

_MOST_NAMED = 7
_MOST_DRAWN = 15
_SIZES = ((0.25, "large"), (0.1, "moderate"), (0.0, "small"))
"""Custom of credit scoring: an index above 0.25 is a large shift, below 0.1 a small one."""

_BY_CHANCE, _NO_ALARM = "no more shift than chance explains", "which raises no alarm: fitting once more moves them too"

_OF_CELLS = ("rows have levels", "rows have values outside", "rows have no value")


@dataclass(frozen=True, eq=False, kw_only=True)
class DriftSection(ReportSection):
    """What has moved; fields as `finnet.jobs.drift.Drift` describes them.

    It stands on pages of `finnet drift`, which no run saves, so `SECTIONS` does not name it.
    """

    run: str
    model: str
    as_of: str
    rows: int
    trained: int
    is_dependent: bool
    columns: pd.DataFrame
    forecasts: pd.DataFrame
    alarms: Mapping[str, str]
    alarm_rate: float
    seen: int = 0
    is_estimate: bool = False
    is_moved: bool = False
    by_client: bool = False

    @property
    def alarm(self) -> str:
        """How many new rows trained the model, and what that means; "" where none is known to have."""
        if not self.seen:
            return ""
        return (
            f"Of the {_counted(self.rows, 'new row')} {self._seen} equal a row that trained the model in every column."
            " It has learned their outcomes, so these are left out; its forecasts of them, and their columns, say"
            " little about new cases."
        )

    @property
    def _seen(self) -> str:
        return f"{'about ' * self.is_estimate}{count(self.seen)}"

    @property
    def moved(self) -> list[str]:
        """Columns beyond a limit, what moved most first."""
        return [str(name) for name in self.columns.loc[self.columns["breached"], "column"]]

    @property
    def headline(self) -> str:
        """How much has moved, in a sentence."""
        parts = ["outcomes"] if "outcomes" in self.alarms else []
        if self.moved:
            parts.append(f"{count(len(self.moved))} of {_counted(len(self.columns), 'column')}")
        said = f"{' and '.join(parts)} beyond {'their limits' if len(parts) > 1 else 'the limit'}" if parts else ""
        rows = f"{_counted(self.rows, 'new row')} beside {count(self.trained)} that trained {self.run}"
        trained = f", but {self._seen} of the new rows trained the model" if self.seen else ""
        return f"{rows}: {said or 'nothing is beyond its limit'}{trained}."

    @property
    def moves(self) -> list[str]:
        """A line for the forecasts, and one for each column beyond a limit, the seven largest of them."""
        # One row, or one for each level where forecasts are quantiles: then the one in the middle speaks for all.
        middle = self.forecasts.iloc[len(self.forecasts) // 2]
        means = f"mean {number(middle['mean_before'], 4)} in the run, {number(middle['mean'], 4)} now"
        # The level that exceeds its limit most speaks for all.
        excess = (self.forecasts["psi"] - self.forecasts["psi_limit"]).to_numpy(float)
        psi, limit = self.forecasts[["psi", "psi_limit"]].to_numpy(float)[int(excess.argmax())]
        shift = f"index {number(psi, 2)} above {number(limit, 2)}, {_NO_ALARM}" if psi > limit else _BY_CHANCE
        lines = [f"forecasts: {shift}; {means}{', before the stated rate moves them' * self.is_moved}"]
        figures = ["psi", "psi_limit", "forecast_shift"]
        sizes = dict(zip(self.columns["column"], self.columns[figures].to_numpy(float), strict=True))
        for name in self.moved[:_MOST_NAMED]:
            psi, limit, moves = map(float, sizes[name])
            size = f"{_size(psi)} shift; " if psi > limit else ""
            alone = (
                f"; alone it moves the mean forecast by {number(moves, 4, signed=True)}" if np.isfinite(moves) else ""
            )
            lines.append(f"{name}: {size}{self.alarms[name]}{alone}")
        rest = self.moved[_MOST_NAMED:]
        return [*lines, f"and {_counted(len(rest), 'more column')}: {', '.join(rest[:5])}"] if rest else lines

    @property
    def advice(self) -> str:
        """What to do next."""
        steps = ["compare rows that the model did not train on"] if self.seen else []
        odd = [name for name in self.moved if any(words in self.alarms[name] for words in _OF_CELLS)]
        if odd:
            steps.append(f"see how {', '.join(odd[:3])} came about (units, codes, joins) before the forecasts are used")
        if "outcomes" in self.alarms:
            steps.append("run the job again with these outcomes among its data; until then take its figures with care")
        elif self.moved:
            steps.append(
                "ask whether other cases come in than before, and compare with outcomes as soon as they are known"
            )
        return "; ".join(steps) or "nothing now; compare again with the next data"

    @property
    def assumption(self) -> str:
        """How often limits are exceeded by chance, and if what holds."""
        rate = f"Where nothing has moved, about {percent(self.alarm_rate, 0)} of such comparisons exceed a limit"
        if self.is_dependent:
            return f"{rate}. Sessions are counted, not rows, and fewer of them where values last."
        if self.by_client:
            return (
                f"{rate}. Rows of one client count as fewer; rows of one month that share their luck alarm more often."
            )
        return f"{rate} if rows are independent; rows of one month that share their luck alarm more often."

    @property
    def verdict(self) -> str:
        """The sentences of the summary."""
        return "\n".join([self.headline, *self.moves])

    @property
    def subtitle(self) -> str:
        """What is compared."""
        return f"Newest row: {self.as_of}. Forecasts of {model_in_sentence(self.model)}."

    def draw(self) -> Section:
        """The forecasts, then the columns, as a picture and as tables."""
        index = self.forecasts.assign(column=[f"[{name}]" for name in self.forecasts["column"]])
        drawn = pd.concat([index, self.columns.head(_MOST_DRAWN)])
        figure = Figure(
            stability_plot(drawn),
            "Bars: how far shares have moved. Marks: what chance alone may explain with so many rows. Orange: a column"
            " beyond its mark. Forecasts stand in brackets and raise no alarm.",
            "Population stability index of forecasts and columns, beside their limits",
        )
        forecasts = Table(
            _stability_table(self.forecasts, means=True),
            "Population stability index (PSI) of the forecasts, beside those made out of sample in the run. They follow"
            " from the columns and raise no alarm of their own: fitting once more has moved them a little by itself.",
        )
        columns = Table(
            _stability_table(self.columns),
            "Characteristic stability index (CSI) of each column: the PSI of that column alone. Last column: how far"
            " the mean forecast would move if only the shares of this column's bins had; such shifts do not add up.",
        )
        blocks: list[Block] = [
            figure,
            forecasts,
            columns,
            Note(self.assumption),
            Points([f"What to do: {self.advice}."]),
        ]
        lead = "By custom an index below 0.1 is small and above 0.25 large; the limit says what is more than chance."
        return Section("What has moved?", lead, blocks)


def _size(psi: float) -> str:
    return next(words for least, words in _SIZES if psi >= least)


def _counted(n: int, what: str) -> str:
    return f"{count(n)} {what}{'s' * (n != 1)}"


def _stability_table(table: pd.DataFrame, *, means: bool = False) -> pd.DataFrame:
    columns = {
        "": table["column"].map(str),
        "Index": [number(value, 3) for value in table["psi"]],
        "Limit": [number(value, 3) for value in table["psi_limit"]],
        "Moved most": table["moved"].map(str),
    }
    if means:
        columns["Mean before"] = [number(value, 4) for value in table["mean_before"]]
        columns["Mean now"] = [number(value, 4) for value in table["mean"]]
        return pd.DataFrame(columns)
    columns["Missing before"] = table["missing_before"].map(percent)
    columns["Missing now"] = table["missing"].map(percent)
    columns["New in kind"] = (table["unseen"] + table["outside"]).map(percent)
    columns["Mean forecast"] = [number(value, 4, signed=True) for value in table["forecast_shift"]]
    return pd.DataFrame(columns)


_NOW, _THEN = ("value", "low", "high"), ("run_value", "run_low", "run_high")


@dataclass(frozen=True, eq=False, kw_only=True)
class OutcomeSection(ReportSection):
    """What came true."""

    outcomes: OutcomesAnalysis

    @property
    def verdict(self) -> str:
        """Mean forecast and outcome, and the headline metric beside that of the run, in a line."""
        found, said = self.outcomes, []
        if np.isfinite(found.observed):
            form = percent if found.kind == "probability" else (lambda value: number(value, 4))
            between = span(form(found.low), form(found.high))
            said.append(f"{form(found.forecast)} forecast on average, {form(found.observed)} came true ({between})")
        row = found.scores[found.scores["metric"] == found.headline]
        if len(row):
            metric, values = metric_of(found.headline), row.iloc[0]
            now = metric.with_interval(values["value"], values["low"], values["high"])
            said.append(f"{metric.name} {now}, in the run {metric.text(values['run_value'])}")
        clients = f" of {_counted(found.n_clients, 'client')}, and tests count clients" if found.n_clients else ""
        return f"outcomes: {count(found.n)} known{clients}; {'; '.join(said)}"

    def draw(self) -> Section:
        """Scores beside those of the run, bins, and months of issue."""
        found, blocks = self.outcomes, list[Block]()
        if len(found.scores):
            blocks.append(Table(self._score_table(), "Now and out of sample in the run, with 95 % intervals."))
        if found.kind == "probability" and len(found.bins) > 1:
            alt = "Reliability diagram: observed rate against forecast probability"
            caption = "On the dashed line a forecast comes true as often as it says; bars are 95 % intervals."
            blocks.append(Figure(plots.calibration_plot(found.bins.assign(model="own"), "own"), caption, alt))
        if len(found.bins):
            caption = f"By forecast; intervals {'count clients' if found.n_clients else 'take cases as independent'}."
            blocks.append(Table(self._outcome_table(found.bins, "bin"), caption))
        if len(found.months):
            table = Table(self._outcome_table(found.months, "month"), "By month of issue, each by its own rows alone.")
            blocks.append(table if len(found.months) <= 2 * _MOST_NAMED else Details("Month by month", table))
        lead = "Forecasts whose outcome is known by now: what was said, and what came of it."
        return Section("What came true?", lead, blocks)

    def _score_table(self) -> pd.DataFrame:
        scores = self.outcomes.scores
        metrics = [metric_of(name) for name in scores["metric"]]
        columns = {"": [metric.label for metric in metrics]}
        for heading, names in (("Now", _NOW), ("In the run", _THEN)):
            rows = scores[list(names)].to_numpy(float)
            columns[heading] = [metric.with_interval(*row) for metric, row in zip(metrics, rows, strict=True)]
        return pd.DataFrame(columns)

    def _outcome_table(self, table: pd.DataFrame, named: str) -> pd.DataFrame:
        form = (lambda value: number(value, 4)) if self.outcomes.kind == "mean" else percent
        spans = [span(form(low), form(high)) for low, high in zip(table["low"], table["high"], strict=True)]
        columns = {
            named.capitalize(): table[named].map(str),
            "Cases": table["n"].map(count),
            "Forecast": table["forecast"].map(form),
            "Came true": table["observed"].map(form),
            "95 % interval": spans,
        }
        if "headline" in table:
            metric = metric_of(self.outcomes.headline)
            columns[metric.label] = [ABSENT if np.isnan(value) else metric.text(value) for value in table["headline"]]
        return pd.DataFrame(columns)
