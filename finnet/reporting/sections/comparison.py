"""Comparison: does one model beat the others, and does any beat the naive forecasts?"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from finnet.evaluation.assessment import Assessment
from finnet.evaluation.effects import held_out_importance
from finnet.evaluation.paired_tests import FEWEST_FITS
from finnet.evaluation.scores import DRAWS, Sample
from finnet.evaluation.significance import POWER
from finnet.evaluation.verdict import differs_by_fits
from finnet.evaluation.walk_forward import FoldResult
from finnet.names import model_heading, model_in_sentence
from finnet.plugins import is_plugin
from finnet.reporting import plots
from finnet.reporting.html import Block, Details, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, metric_of, number, p_value, percent, span, stacked

__all__ = ["ComparisonSection", "comparison_table", "fold_scores_table", "naive_table", "scores_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonSection(ReportSection):
    """One model, the subject, against every other, and all scores.

    Parameters
    ----------
    subject : str
        The model that the page is about.
    verdict_text : str
        Plain sentences.
    scores : DataFrame
        Long: `model`, `metric`, `value`, `low`, `high`.
    comparison : DataFrame
        As in `finnet.evaluation.comparison.Comparison`, the metric that decides first.
    fold_scores : DataFrame
        `fold`, `model`, `metric`, `value`, `n`.
    against_naive : DataFrame
        `metric`, `model`, `hardest`, `p_value`, `p_fits`, `p_holm`, `p_fits_holm`, `beats_all`; may have no rows. Runs
        that were saved without the metric have the tests of the one that decides, without those of other fits.
    single_columns : DataFrame, optional
        Columns that the best single column was, the most frequent first: `column`, how it `moves` the forecast ("up",
        "down" or by "levels"), in how many `folds`, and by how much the log loss of the subject rises on test rows
        where it is dealt anew, `held_out`, with its standard error `held_out_error` (NaN where not measured).
    headline : sequence of str
        Metrics whose scores are key figures.
    resampled : str
        What intervals of scores draw again and how often, in a sentence; "" in runs that did not record it.
    base_rate : float, optional
        Share of the cases that were forecast whose truth is one; None where truth is a number.
    event : str
        What happened in them, as in "53 % of the cases rose".
    """

    subject: str
    verdict_text: str
    scores: pd.DataFrame
    comparison: pd.DataFrame
    fold_scores: pd.DataFrame
    against_naive: pd.DataFrame
    single_columns: pd.DataFrame | None = None
    headline: Sequence[str] = ()
    resampled: str = ""
    base_rate: float | None = None
    event: str = "came true"

    @classmethod
    def of(cls, assessment: Assessment, results: Sequence[FoldResult] = ()) -> Self:
        """What an assessment says about its subject; the fits say which column was the best single one."""
        against_naive = [own.against_naive.assign(metric=own.metric) for own in assessment.comparisons]
        return cls(
            subject=assessment.subject,
            verdict_text=assessment.verdict,
            scores=assessment.scores,
            comparison=pd.concat([comparison.table for comparison in assessment.comparisons], ignore_index=True),
            fold_scores=assessment.fold_scores,
            against_naive=pd.concat(against_naive, ignore_index=True),
            single_columns=_single_columns(results, assessment.subject),
            headline=assessment.target.headline,
            resampled=_resampled(assessment.sample),
            base_rate=assessment.base_rate,
            event=assessment.target.event,
        )

    @property
    def verdict(self) -> str:
        """The verdict with each sentence on a line of its own, since the page sets the first line large."""
        return re.sub(r"(?<=[.!?]) +(?=[A-Z\"])", "\n", self.verdict_text)

    @property
    def facts(self) -> Mapping[str, str]:
        """The headline scores of the subject, and how often the event happened."""
        own = self.scores[(self.scores["model"] == self.subject) & self.scores["metric"].isin(self.headline)]
        table = scores_table(own, self.subject).drop(columns="Model")
        facts = {str(label): str(table[label].iloc[0]) for label in table}
        return facts if self.base_rate is None else facts | {f"Share that {self.event}": percent(self.base_rate)}

    @property
    def card(self) -> Section:
        """The verdict and all scores."""
        scores = Table(
            scores_table(self.scores, self.subject),
            f"Out of sample, with 95 % intervals. {self.resampled}".strip(),
            highlight=model_heading(self.subject),
        )
        return Section("How good is it?", "", [Points(self.verdict.splitlines()), scores])

    def draw(self) -> Section:
        """The subject against each model, and all scores."""
        tables = [table for _, table in self.comparison.groupby("metric", sort=False)]
        first, *second = [
            [*_comparison_blocks(own, self.subject, self._naive_of(own)), *self._naive_blocks(own)] for own in tables
        ]
        words = metric_of(str(tables[0]["metric"].iloc[0])).name
        lead = (
            "Every model saw the same rows, had its settings chosen on training rows alone, and is judged on the same "
            f"forecasts. The {words} decides. A difference counts as detected where its p-value stays below 0.05 after "
            "Holm's correction for all comparisons in the same metric; the intervals are not corrected. "
            + _questions(tables[0])
        )
        highlight = model_heading(self.subject)
        blocks = [*first]
        if self.single_columns is not None:
            blocks.append(Note(self._single()))
        blocks += self._fold_blocks()
        blocks += [block for beside in second for block in beside]
        # Of a metric of the user's own it is not known here which values are better.
        metrics = [metric_of(str(name)) for name in self.scores["metric"].unique() if not is_plugin(str(name))]
        lower = " and ".join(metric.name for metric in metrics if not metric.higher_is_better)
        better = f"Lower is better for {lower}, higher for the others." if lower else "Higher is better."
        caption = f"All scores out of sample, 95 % intervals below. {self.resampled} {better}"
        blocks.append(Table(scores_table(self.scores, self.subject), caption, highlight=highlight))
        return Section(f"Does {model_in_sentence(self.subject)} beat the others?", lead, blocks)

    def _naive_of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The tests against naive forecasts in the metric of a table."""
        metric = str(table["metric"].iloc[0])
        if "metric" in self.against_naive:
            return self.against_naive[self.against_naive["metric"] == metric]
        return self.against_naive if metric == str(self.comparison["metric"].iloc[0]) else self.against_naive.iloc[:0]

    def _naive_blocks(self, table: pd.DataFrame) -> list[Block]:
        """The models against the naive forecasts, of the metric that decides in sight and of others behind a fold."""
        own, metric = self._naive_of(table), metric_of(str(table["metric"].iloc[0]))
        if own.empty:
            return []
        caption = _AGAINST_NAIVE + _OTHER_FITS * ("p_fits" in own and bool(own["p_fits"].notna().any()))
        shown = Table(naive_table(own), caption, highlight=model_heading(self.subject))
        is_first = table["metric"].iloc[0] == self.comparison["metric"].iloc[0]
        return [shown if is_first else Details(f"{metric.label}: every model against the naive forecasts", shown)]

    def _single(self) -> str:
        """Which column the best single one was, in which direction it forecasts, and whether the subject uses it."""
        assert self.single_columns is not None
        rows = self.single_columns.to_dict("records")
        n_folds = sum(row["folds"] for row in rows)
        moves = {"levels": "each of its levels at its own rate"}
        moves |= {way: f"higher values {self.event} {word} often" for way, word in (("up", "more"), ("down", "less"))}
        each = f" in {{}} of {n_folds} folds" if n_folds > 1 else ""
        named = [f"{row['column']}{each.format(row['folds'])} ({moves[row['moves']]})" for row in rows]
        name = model_in_sentence(self.subject)
        said = [f"Best single column, the one that orders the training rows of a fold best: {', '.join(named)}."]
        # A column that moved the forecast up in some folds and down in others has two rows.
        each_once = {row["column"]: row for row in rows}.values()
        said += [
            f"{name[0].upper()}{name[1:]} is given {row['column']} too, and {_use(row)}."
            for row in each_once
            if not np.isnan(row["held_out"])
        ]
        return " ".join(said)

    def _fold_blocks(self) -> list[Block]:
        """Scores fold by fold, of the metric that decides in sight and of the others behind a fold."""
        if self.fold_scores["fold"].nunique() < 2:
            return []
        parts = {str(name): rows for name, rows in self.fold_scores.groupby("metric", sort=False)}
        first = str(self.comparison["metric"].iloc[0])
        words = metric_of(first).name
        highlight = model_heading(self.subject)
        shown = Table(fold_scores_table(parts.pop(first)), f"Every model's {words} fold by fold.", highlight=highlight)
        others = [
            Details(f"{metric_of(name).label} fold by fold", Table(fold_scores_table(rows), "", highlight=highlight))
            for name, rows in parts.items()
        ]
        return [shown, *others]


def _resampled(sample: Sample) -> str:
    """What `finnet.evaluation.scores.score` draws again for its intervals, and how often."""
    units = ["blocks of neighboring dates"] if sample.first else []
    units += [] if sample.n_clients is None else ["clients, each with all its rows"]
    apart = ", whichever reaches further" * (len(units) > 1)
    return (
        f"Intervals hold the middle 95 % of {count(DRAWS)} bootstrap draws of {' or of '.join(units) or 'rows'}{apart},"
        " with models as fitted."
    )


def _single_columns(results: Sequence[FoldResult], subject: str) -> pd.DataFrame | None:
    """As `ComparisonSection` has it; None where no forecast goes by one column alone."""
    chosen = pd.DataFrame([result.fit.single_column for result in results if result.fit.single_column is not None])
    if chosen.empty:
        return None
    folds = chosen.value_counts(["column", "moves"]).rename("folds").reset_index()
    own = [result.fit.importance for result in results if result.model == subject]
    tables = [table for table in own if table is not None]
    importance = held_out_importance(pd.concat(tables, ignore_index=True) if tables else None)
    return folds.join(importance, on="column")


def _use(row: Mapping[Hashable, Any]) -> str:
    """Whether a model uses a column, by what its test rows lose where the column is dealt anew."""
    rise, error = row["held_out"], _Z * row["held_out_error"]
    low, high = (number(rise + side * error, 4, signed=True) for side in (-1, 1))
    found = "is not shown to use it"
    if abs(rise) > error:
        found = "uses it" if rise > 0 else "uses it to its harm"
    measured = f"{number(rise, 4, signed=True)} ({low} to {high})"
    return f"{found}: dealt to other test rows, it moves the log loss by {measured}"


_Z = 1.96  # 95 % of a normal distribution lie within so many standard errors
_AGAINST_NAIVE = (
    "Does any model beat the naive forecasts? Each is tested against all of them; the naive forecast that it is least"
    " sure to beat decides."
)
_OTHER_FITS = (
    " p, other fits: the largest over the naive forecasts, and below it the corrected one; where that does not stay"
    " below 0.05, a model beats them for these fits alone."
)


def _questions(table: pd.DataFrame) -> str:
    """Which two questions the p-values answer, and which of them the verdict."""
    if table["years"].isna().any():
        whole = (
            "Loans of one client share its luck, so clients count, each with all its loans"
            if (table["test"] == "clients").any()
            else "Rows are independent here, so each counts"
        )
        return (
            f"{whole}: the first p-value takes the fitted models as they are. The second takes each fold as one draw "
            "of training rows, and stands beside it, with Holm's correction below: where that does not stay below 0.05,"
            " the difference is one of these fits, and not shown for others."
        )
    both = (
        "Two questions are asked: whether these forecasts were better, whatever lasting shocks they share, and "
        "whether other fits of the same models would be, each fit counting as one draw."
    )
    if table["fits"].iloc[0] >= FEWEST_FITS:
        return f"{both} The more careful answer is the verdict's."
    return f"{both} With fewer than {FEWEST_FITS} fits the verdict answers the first alone."


def _comparison_blocks(table: pd.DataFrame, subject: str, against_naive: pd.DataFrame) -> list[Block]:
    metric = metric_of(str(table["metric"].iloc[0])).fit_for(table["difference"])
    name = model_in_sentence(subject)
    reference = metric.text(float(table["reference_value"].iloc[0]))
    caption = f"By how much the {metric.name} of {name} is better than that of each model; 95 % intervals."
    others = "another model" if len(table) == 1 else f"{len(table)} others"
    alt = f"Differences in {metric.name} between {name} and {others}, with intervals"
    figure = Figure(
        plots.comparison_plot(table, subject),
        f"{caption} Hollow grey: no difference is detected after Holm's correction.",
        alt,
    )
    tested = f"{_tests(table)}{_family(table, against_naive, subject)}"
    note = f"Paired comparison in {metric.name}; {name} has {reference}. {tested}"
    if table["years_needed"].notna().any():
        note += f" Years needed: data {_DETECTS}"
    if table["rows_needed"].notna().any():
        counted = _counted_rows(table)
        note += f" {counted} needed: those {_DETECTS}"
    return [figure, Table(comparison_table(table, subject), note)]


_DETECTS = (
    f"with which this test would detect a true difference of the size seen in {percent(POWER, 0)} of cases (its"
    " power), at the level that Holm's correction leaves to it."
)


def _tests(table: pd.DataFrame) -> str:
    """What was counted: sessions, months, days, fits, rows or clients."""
    counted = table.groupby("test", sort=False)["n"].max()
    if len(counted) == 1:
        return f"Tested over {count(counted.iloc[0])} {counted.index[0]}."
    parts = [f"{count(n)} {kind}" for kind, n in counted.items()]
    return f"Tested over {' or '.join(parts)}, whichever is more careful."


def _family(table: pd.DataFrame, against_naive: pd.DataFrame, subject: str) -> str:
    """Which tests Holm's correction counts; "" in runs that did not record all of them."""
    if "metric" not in against_naive:
        return ""
    own, naive = int(table["p_value"].notna().sum()), int((against_naive["model"] != subject).sum())
    of = f": {count(own)} of this table and {count(naive)} of the other models against the naive forecasts, below"
    fits = "; p-values of other fits are corrected over the same pairs" if table["p_fits"].notna().any() else ""
    return (
        f" Holm's correction counts {count(own + naive)} tests{of if naive else ', those of this table'}{fits}."
        " Unrounded they stand in page/comparison.parquet and page/against_naive.parquet."
    )


def comparison_table(comparison: pd.DataFrame, subject: str) -> pd.DataFrame:
    """One row per model: its value, by how much the subject is better, and how sure either answer about that is.

    Parameters
    ----------
    comparison : DataFrame
        Columns `model`, `metric` (one for all rows), `value`, `difference` (positive where the subject is better),
        `low`, `high`, `p_forecasts`, `p_fits`, `p_holm`, `test`, `years_needed`, `rows_needed`.

    Examples
    --------
    >>> row = {"model": "tree", "metric": "auc", "value": 0.7, "difference": 0.02, "low": 0.01, "high": 0.03,
    ...        "test": "rows", "p_forecasts": 0.01, "p_fits": np.nan, "p_holm": 0.02, "years_needed": np.nan,
    ...        "rows_needed": np.nan}
    >>> comparison_table(pd.DataFrame([row]), "network").iloc[0].tolist()
    ['Decision tree', '0.700', '+0.020\\n+0.010 to +0.030', '0.010', '0.020']
    """
    metric = metric_of(str(comparison["metric"].iloc[0])).fit_for(comparison["difference"])
    needed = f"{_counted_rows(comparison)} needed"
    rows = pd.DataFrame(
        {
            "Model": comparison["model"].map(model_heading),
            metric.label: comparison["value"].map(metric.text),
            f"{model_heading(subject)} better by": [
                stacked(metric.difference(value), span(metric.difference(low), metric.difference(high)))
                for value, low, high in comparison[["difference", "low", "high"]].to_numpy(float)
            ],
            "p, these forecasts": comparison["p_forecasts"].map(p_value),
            "p, other fits": _of_other_fits(comparison),
            "p (Holm)": comparison["p_holm"].map(p_value),
            "Years needed": comparison["years_needed"].map(_years),
            needed: comparison["rows_needed"].map(_rows_needed),
        }
    )
    absent = {"p, other fits": "p_fits", "Years needed": "years_needed", needed: "rows_needed"}
    return rows.drop(columns=[words for words, name in absent.items() if not comparison[name].notna().any()])


def _of_other_fits(comparison: pd.DataFrame) -> list[str]:
    """The p-value of other fits, and below it the corrected one, where the run holds that."""
    if "p_fits_holm" not in comparison:
        return [p_value(p) for p in comparison["p_fits"]]
    pairs = comparison[["p_fits", "p_fits_holm"]].to_numpy(float)
    return [p_value(p) if np.isnan(p) else stacked(p_value(p), f"Holm {p_value(own)}") for p, own in pairs]


def _counted_rows(comparison: pd.DataFrame) -> str:
    """What the data would need more of where it has no dates: rows, or the clients whose loans they are."""
    return "Clients" if (comparison["test"] == "clients").any() else "Rows"


def _years(years: float) -> str:
    if years > 1000:
        return ">1,000"
    return number(years, 0 if years >= 10 else 1)


def _rows_needed(rows: float) -> str:
    if rows > 1e8:
        return ">100 million"
    # Two figures: the estimate of a true difference is far from exact, and the number goes with its square.
    return ABSENT if np.isnan(rows) else count(float(f"{rows:.2g}"))


def fold_scores_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Cases of every fold, and the value of one metric for every model; as text.

    Of shape (n_folds, 2 + n_models); where there are more models than folds, so that the table would be wider than a
    page of paper, it is turned: a row for the cases and for each model, shape (1 + n_models, 1 + n_folds).

    Parameters
    ----------
    scores : DataFrame
        Long: `fold`, `model`, `metric` (one for all rows), `value`, `n`.

    Examples
    --------
    >>> scores = pd.DataFrame({"fold": [0, 0], "model": ["network", "tree"], "metric": "auc", "value": [0.7, 0.65],
    ...                        "n": 120})
    >>> fold_scores_table(scores).to_numpy().tolist()
    [['Cases', '120'], ['Network', '0.700'], ['Decision tree', '0.650']]
    """
    metric = metric_of(str(scores["metric"].iloc[0]))
    # A pivot sorts its columns; the models stay in the order of the scores.
    wide = scores.pivot_table(index="fold", columns="model", values="value", dropna=False)[
        list(scores["model"].unique())
    ]
    cases = scores.groupby("fold")["n"].first()
    columns = {model_heading(str(model)): wide[model].map(metric.text) for model in wide}
    table = pd.DataFrame({"Cases": cases.map(count), **columns})
    if len(columns) > len(table):
        turned = table.T.rename(columns=lambda fold: f"Fold {fold}").rename_axis(index="Model", columns=None)
        return turned.reset_index()
    return table.rename_axis("Fold").reset_index().astype({"Fold": str})


def naive_table(against_naive: pd.DataFrame) -> pd.DataFrame:
    """One row per model: the naive forecast it is least sure to beat, and whether it beats them all.

    Text of shape (n_models, 5), or (n_models, 6) with p-values of other fits.

    Parameters
    ----------
    against_naive : DataFrame
        Columns `model`, `hardest`, `difference`, `p_value`, `p_holm`, `beats_all`, and perhaps `p_fits` and
        `p_fits_holm`.

    Examples
    --------
    >>> row = {"model": "tree", "hardest": "always_up", "p_value": 0.01, "p_holm": 0.02, "p_fits": 0.2,
    ...        "p_fits_holm": 0.4, "beats_all": True}
    >>> naive_table(pd.DataFrame([row])).iloc[0].tolist()
    ['Decision tree', 'Always up', '0.010', '0.200\\nHolm 0.400', '0.020', 'for these fits']
    """
    has_fits = "p_fits" in against_naive and against_naive["p_fits"].notna().any()
    doubtful = differs_by_fits(against_naive) if has_fits else [False] * len(against_naive)
    columns = {
        "Model": against_naive["model"].map(model_heading),
        "Hardest naive forecast": against_naive["hardest"].map(model_heading),
        "p": against_naive["p_value"].map(p_value),
        **({"p, other fits": _of_other_fits(against_naive)} if has_fits else {}),
        "p (Holm)": against_naive["p_holm"].map(p_value),
        "Beats them all": [
            ("for these fits" if is_doubtful else "yes") if beats else "no"
            for beats, is_doubtful in zip(against_naive["beats_all"], doubtful, strict=True)
        ],
    }
    return pd.DataFrame(columns)


def scores_table(scores: pd.DataFrame, subject: str) -> pd.DataFrame:
    """One row per model in the order given, the subject first; one column per metric, its interval below the value.

    Text of shape (n_models, 1 + n_metrics).

    Parameters
    ----------
    scores : DataFrame
        Long: `model`, `metric`, `value`, `low`, `high`.

    Examples
    --------
    >>> rows = {"model": ["tree", "network"], "metric": "auc", "value": [0.7, 0.72], "low": 0.69, "high": 0.73}
    >>> scores_table(pd.DataFrame(rows), "network").iloc[0].tolist()
    ['Network', '0.720\\n0.690 to 0.730']
    """
    models = sorted(scores["model"].unique(), key=lambda model: model != subject)
    columns = {
        metric_of(str(name)).label: rows.set_index("model").apply(_score, axis=1).reindex(models)
        for name, rows in scores.groupby("metric", sort=False)
    }
    table = pd.DataFrame({"Model": [model_heading(model) for model in models]}, index=models)
    return table.assign(**columns).fillna(ABSENT)


def _score(row: pd.Series) -> str:
    metric = metric_of(row["metric"])
    between = span(metric.text(row["low"]), metric.text(row["high"])).removesuffix(" %")
    return stacked(metric.text(row["value"]), between)
