"""The sections that every report shares, and the frames that they are laid out from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from finnet.evaluation.paired_tests import FEWEST_FITS
from finnet.names import model_heading
from finnet.reporting import plots, tables
from finnet.reporting.fits import calibrator_blocks, fits_blocks
from finnet.reporting.html import Block, Code, Details, Figure, Note, Points, Section, Table
from finnet.reporting.text import count, day, metric_of, percent

__all__ = [
    "Evidence",
    "Run",
    "calibration_section",
    "comparison_section",
    "data_section",
    "limits_section",
    "reproduce_section",
    "score_fact",
    "training_section",
]

_NETWORK = "network"


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What the evaluation found out of sample.

    Parameters
    ----------
    verdict : str
        One plain sentence, or a few.
    scores : DataFrame
        Long: `model`, `metric`, `value`, `low`, `high`.
    comparison : DataFrame
        As in `finnet.evaluation.comparison.Comparison`, the metric that decides first.
    fold_scores : DataFrame
        `fold`, `model`, `metric`, `value`, `n`.
    calibration : DataFrame
        `model`, `bin`, `n`, `forecast`, `observed`, `low`, `high`.
    learning : DataFrame
        `fold`, `networks` trained, how many were `chosen`, their `largest_share`, the median `best_epoch` of the
        chosen, and the `spread` of their forecasts (standard deviation over networks, mean over cases); may have no
        rows.
    networks : DataFrame
        `fold`, `member`, `learning_rate`, `dropout`, `l1`, `l2`, `depth`, `best_epoch`, `validation_loss`, `share`.
    histories : DataFrame
        `fold`, `member`, `epoch`, `loss`, `validation_loss`, `share`.
    layers : DataFrame, optional
        `fold`, `layer`, `gradient_norm`, `update_ratio`, `dead`, `saturated`, `clip_rate`, `weight_size`, of typical
        chosen networks when their training ended; NaN where not known.
    advice : sequence of str, optional
        What went wrong in training and what helps; None where nobody kept watch.
    against_naive : DataFrame, optional
        `model`, `hardest`, `p_value`, `p_holm`, `beats_all`; may have no rows.
    calibrators : DataFrame, optional
        Of the network: `fold`, `rows`, `effective_rows`, `slope`, `intercept`, `loss_before`, `loss_after`, `taken`.
    oddities : sequence of str
        Folds whose forecasts are one constant, or ordered held-out rows backwards; one sentence per model and kind.
    """

    verdict: str
    scores: pd.DataFrame
    comparison: pd.DataFrame
    fold_scores: pd.DataFrame
    calibration: pd.DataFrame
    learning: pd.DataFrame
    networks: pd.DataFrame
    histories: pd.DataFrame
    layers: pd.DataFrame | None = None
    advice: Sequence[str] | None = None
    against_naive: pd.DataFrame | None = None
    calibrators: pd.DataFrame | None = None
    oddities: Sequence[str] = ()

    @property
    def verdict_lines(self) -> str:
        """The verdict with each sentence on a line of its own, since the page sets the first line large."""
        return re.sub(r"(?<=[.!?]) +(?=[A-Z\"])", "\n", self.verdict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """What was run, on what, and how to run it again.

    Parameters
    ----------
    title : str
        Heading of the page.
    source : str
        Where the data come from, in a few words.
    rows, entities : int
        Of the data set that went into the folds.
    base_rate : float
        Share of the cases forecast whose truth is one.
    folds : DataFrame
        `fold`, `train_from`, `train_to`, `train_rows`, `test_from`, `test_to`, `test_rows`; times NaT where rows have
        no dates. Where known, how the network used the training rows: `fits`, rows of a fit at `least` and at `most`,
        `fitted` by any, `validating` at a time, `calibrating`, `unused`.
    features : DataFrame
        `name`, `meaning` and, for markets, `look_back`.
    manifest : mapping
        Job, seed, hashes, versions, processor, BLAS; may nest.
    reproduce : str
        The command that makes this report again.
    event : str
        What happened in the cases whose truth is one, as in "53 % of the cases rose".
    notes : sequence of str
        What limits the result, one sentence each.
    first, last : timestamp, optional
        Days of the data.
    sessions : int, optional
        Of the data, where it is a market.
    in_order_of : str
        What gives the order of the rows, where that is known without dates.
    quality : DataFrame
        Findings about the data: `severity`, `rule`, `found`, `remedy`; may have no rows.
    """

    title: str
    source: str
    rows: int
    entities: int
    base_rate: float
    folds: pd.DataFrame
    features: pd.DataFrame
    manifest: Mapping[str, object]
    reproduce: str
    event: str = "came true"
    notes: Sequence[str] = ()
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    sessions: int | None = None
    in_order_of: str = ""
    quality: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["severity", "rule", "found", "remedy"]))

    @property
    def alarm(self) -> str:
        """A line, ended, about columns that give the outcome away, to stand before the verdict; "" without any."""
        alarms = self.quality.loc[self.quality["rule"] == "gives_away", "found"]
        return (
            f"Do not trust this result yet, for the outcome may be given away: {'; '.join(alarms)}.\n"
            if len(alarms)
            else ""
        )

    @property
    def subtitle(self) -> str:
        """Source and dates of the data, and how many forecasts were made."""
        dates = f", {day(self.first)} to {day(self.last)}" if self.first is not None else ""
        dates = dates or f", in order of {self.in_order_of}" * bool(self.in_order_of)
        tested = count(float(self.folds["test_rows"].sum()))
        return f"{self.source}{dates}. {tested} forecasts in {_folds(len(self.folds))}, each on rows never trained on."


def _folds(number_of_folds: int) -> str:
    return "one fold" if number_of_folds == 1 else f"{number_of_folds} folds"


def score_fact(scores: pd.DataFrame, metric: str) -> str:
    """A score of the network with its interval on a second line, for the strip of key figures."""
    rows = scores[(scores["model"] == _NETWORK) & (scores["metric"] == metric)]
    return str(tables.scores_table(rows).iloc[0, 1])


def comparison_section(evidence: Evidence) -> Section:
    """The network against each model, and all scores."""
    tables_of = [table for _, table in evidence.comparison.groupby("metric", sort=False)]
    first, *second = [_comparison_blocks(table) for table in tables_of]
    scores = Table(
        tables.scores_table(evidence.scores),
        "All scores out of sample, 95 % intervals below. " + _which_is_better(evidence.scores),
        highlight=model_heading(_NETWORK),
    )
    words = metric_of(str(tables_of[0]["metric"].iloc[0])).name
    lead = (
        "Every model saw the same rows, had its settings chosen on training rows alone, and is judged on the same "
        f"forecasts. The {words} decides. A difference counts as detected where its p-value stays below 0.05 after "
        "Holm's correction for the number of comparisons; the intervals are not corrected. " + _questions(tables_of[0])
    )
    beside = [block for blocks in second for block in blocks]
    blocks = [*first, *_naive_blocks(evidence.against_naive), *_fold_blocks(evidence), *beside, scores]
    return Section("Does the network beat the others?", lead, blocks)


def _questions(table: pd.DataFrame) -> str:
    """Which two questions the p-values answer, and which of them the verdict."""
    if table["years"].isna().any():
        return (
            "Rows are independent here, so each counts: the first p-value takes the fitted models as they are. The "
            "second takes each fold as one draw of training rows, and stands beside it."
        )
    both = (
        "Two questions are asked: whether these forecasts were better, whatever lasting shocks they share, and "
        "whether other fits of the same models would be, each fit counting as one draw."
    )
    if table["fits"].iloc[0] >= FEWEST_FITS:
        return f"{both} The more careful answer is the verdict's."
    return f"{both} With fewer than {FEWEST_FITS} fits the verdict answers the first alone."


def _fold_blocks(evidence: Evidence) -> list[Block]:
    """Scores fold by fold, of the metric that decides in sight and of the others behind a fold."""
    scores = evidence.fold_scores
    if scores["fold"].nunique() < 2:
        return []
    parts = {str(name): rows for name, rows in scores.groupby("metric", sort=False)}
    first = str(evidence.comparison["metric"].iloc[0])
    words = metric_of(first).name
    shown = Table(tables.fold_scores_table(parts.pop(first)), f"Every model's {words} fold by fold.")
    others = [
        Details(f"{metric_of(name).label} fold by fold", Table(tables.fold_scores_table(rows), ""))
        for name, rows in parts.items()
    ]
    return [shown, *others]


def _naive_blocks(against_naive: pd.DataFrame | None) -> list[Block]:
    if against_naive is None or against_naive.empty:
        return []
    caption = (
        "Does any model beat the naive forecasts? Each is tested against all of them; the naive forecast that it is "
        "least sure to beat decides."
    )
    return [Table(tables.naive_table(against_naive), caption, highlight=model_heading(_NETWORK))]


def _comparison_blocks(table: pd.DataFrame) -> list[Block]:
    metric = metric_of(str(table["metric"].iloc[0])).fit_for(table["difference"])
    reference = metric.text(float(table["reference_value"].iloc[0]))
    caption = f"By how much the {metric.name} of the network is better than that of each model; 95 % intervals."
    alt = f"Differences in {metric.name} between the network and {len(table)} models, with intervals"
    figure = Figure(
        plots.comparison_plot(table), f"{caption} Hollow grey: no difference is detected after Holm's correction.", alt
    )
    note = f"Paired comparison in {metric.name}; the network has {reference}. {_tests(table)}"
    if table["years_needed"].notna().any():
        note += " Years needed: data that would make a true difference of the size seen detectable at this test."
    if table["rows_needed"].notna().any():
        note += " Rows needed: those that would make a true difference of the size seen detectable at this test."
    return [figure, Table(tables.comparison_table(table), note)]


def _tests(table: pd.DataFrame) -> str:
    """What was counted: sessions, fits or rows."""
    counted = table.groupby("test", sort=False)["n"].max()
    if len(counted) == 1:
        return f"Tested over {count(counted.iloc[0])} {counted.index[0]}."
    parts = [f"{count(n)} {kind}" for kind, n in counted.items()]
    return f"Tested over {' or '.join(parts)}, whichever is more careful."


def _which_is_better(scores: pd.DataFrame) -> str:
    metrics = [metric_of(str(name)) for name in scores["metric"].unique()]
    lower = [metric.name for metric in metrics if not metric.higher_is_better]
    return f"Lower is better for {' and '.join(lower)}, higher for the others." if lower else "Higher is better."


def calibration_section(evidence: Evidence, extra: Sequence[Block] = ()) -> Section:
    """Forecast probabilities beside observed rates, and `extra` blocks after the drawing."""
    network = evidence.calibration[evidence.calibration["model"] == _NETWORK]
    figure = Figure(
        plots.calibration_plot(evidence.calibration),
        "Blue: the network, with 95 % intervals of the observed rate. Grey: the other models. On the dashed line a "
        "forecast comes true as often as it says.",
        "Reliability diagram: observed rate against forecast probability",
    )
    table = Table(
        tables.calibration_table(network), "The network's forecasts in bins; intervals take cases as independent."
    )
    lead = "A forecast of 60 % should come true 60 times in 100. Where the bars reach the dashed line, it may have."
    blocks = [figure, *extra, table, *calibrator_blocks(evidence.calibrators, evidence.oddities)]
    return Section("Can its probabilities be trusted?", lead, blocks)


def training_section(evidence: Evidence) -> Section:
    """Losses of the networks epoch by epoch, which of them were chosen, and what went wrong."""
    lead = (
        "A network stops training when its loss on validation rows, training rows that its fit left out, no longer "
        f"falls, and keeps the weights of its best epoch. {_averaging(evidence.learning)}"
    )
    blocks = [] if evidence.learning.empty else [*_learning_blocks(evidence), *_advice_blocks(evidence.advice)]
    return Section("How did it learn?", lead, blocks)


def _averaging(learning: pd.DataFrame) -> str:
    if (learning["networks"] == 1).all():
        return "One network makes the forecast."
    if (learning["chosen"] == learning["networks"]).all():
        return "The forecast is the average of all networks."
    return (
        "The forecast is an average of networks: one after another is added, each time the one that lowers the loss of "
        "the average on those rows most."
    )


def _learning_blocks(evidence: Evidence) -> list[Block]:
    curves = (
        "Loss of the networks in the forecast, fold by fold, as long as half of them train. Line: their median on the "
        "validation rows, in a band of the middle 80 %. Dashed: their median on the rows trained on. Dot: the median "
        "epoch whose weights are kept. First epochs may lie above."
    )
    alt = "Training and validation loss by epoch, one panel per fold"
    folds = (
        "Networks trained and chosen for the forecast in each fold. Spread: how far the chosen ones disagree, as the "
        "standard deviation of their probabilities before calibration, mean over the cases forecast."
    )
    chosen = evidence.networks[evidence.networks["share"] > 0]
    each = f"The {count(len(chosen))} chosen networks of all folds; page/networks.parquet has each of them."
    return [
        Figure(plots.training_plot(evidence.histories), curves, alt),
        Table(tables.learning_table(evidence.learning), folds),
        *_layer_blocks(evidence.layers),
        Details("Settings of the chosen networks", Table(tables.networks_table(chosen), each)),
    ]


def _layer_blocks(layers: pd.DataFrame | None) -> list[Block]:
    if layers is None:
        return []
    caption = (
        "Layers of the chosen networks in their last epoch: medians over the networks of a fold, then over folds. "
        "Gradient: root mean square of its elements. Update: how far a step moves the weights, as a share of their "
        "length. Dead: units that give nothing to any case. Saturated: outputs at an end of their range. Clipped: "
        "steps whose gradient was shortened."
    )
    return [Table(tables.layer_table(layers), caption)]


def _advice_blocks(advice: Sequence[str] | None) -> list[Block]:
    if advice is None:
        return []
    return [Points(advice)] if advice else [Note("No trouble was seen in training.")]


def data_section(run: Run) -> Section:
    """What the models were given: data, features, folds."""
    facts = [f"{count(run.rows)} rows", f"{count(run.entities)} {'entity' if run.entities == 1 else 'entities'}"]
    if run.sessions is not None:
        facts.append(f"{count(run.sessions)} sessions")
    if run.first is not None:
        facts.append(f"{day(run.first)} to {day(run.last)}")
    if run.in_order_of:
        facts.append(f"in order of {run.in_order_of}")
    lead = f"{run.source}: {', '.join(facts)}; {percent(run.base_rate)} of the cases forecast {run.event}."
    folds = Table(tables.fold_table(run.folds), "Training and test stretch of each fold.")
    features = Table(tables.feature_table(run.features), f"The {len(run.features)} features.")
    return Section(
        "What was it given?", lead, [*_quality_blocks(run.quality), folds, *fits_blocks(run.folds), features]
    )


def _quality_blocks(quality: pd.DataFrame) -> list[Block]:
    if quality.empty:
        return []
    return [Table(tables.quality_table(quality), "What is odd about the data, and what can be done about it.")]


def limits_section(run: Run) -> Section:
    """What limits the result; no blocks where nothing was noted."""
    return Section("What limits this result?", "", [Points(run.notes)] if run.notes else [])


def reproduce_section(run: Run) -> Section:
    """The command and everything recorded about the run."""
    table = Table(tables.manifest_table(run.manifest), "Job, seed, hashes, settings and versions of this run.")
    lead = "The same job, seed, data and versions give the same forecasts."
    return Section(
        "How to reproduce it", lead, [Code(run.reproduce), Details("What the run recorded about itself", table)]
    )
