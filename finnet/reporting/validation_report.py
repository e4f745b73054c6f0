"""The model validation report of a default-risk job: who will not pay back, and where to draw the line."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from finnet.reporting import plots, tables
from finnet.reporting.comparison_report import (
    Evidence,
    Run,
    calibration_section,
    comparison_section,
    data_section,
    limits_section,
    reproduce_section,
    score_fact,
    training_section,
)
from finnet.reporting.html import Block, Figure, Page, Points, Section, Table
from finnet.reporting.text import money, percent
from finnet.types import FloatArray

__all__ = ["KnownTruth", "Lending", "default_risk_page"]

_MONITORING = (
    "Compare observed with forecast default rates by bin each time a cohort matures; recalibrate when the interval of "
    "a bin leaves out its forecast.",
    "Compare approval rate and bad rate at the chosen cut-off with the table above, month by month.",
    "Compare the distribution of each input, and of the forecast, with the training window before scores are used.",
    "Keep tree, SVM and k-NN running beside the network: a simpler model that catches up should replace it.",
)


@dataclass(frozen=True, eq=False)
class KnownTruth:
    """True default probabilities of made loans beside the network's forecasts, in the same order."""

    probability: FloatArray
    forecast: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Lending:
    """What lending on the forecasts would have brought.

    Parameters
    ----------
    cutoffs : DataFrame
        `cutoff`, `approval_rate`, `bad_rate`, `expected_profit`, `realized_profit`, `n`, ordered by cut-off.
    chosen : float
        The cut-off in use.
    terms : str
        What a good loan earns and a bad one loses, and how the cut-off was chosen, in a sentence.
    known_truth : KnownTruth, optional
        Only where the data were made.
    """

    cutoffs: pd.DataFrame
    chosen: float
    terms: str
    known_truth: KnownTruth | None = None


def default_risk_page(
    evidence: Evidence, lending: Lending, run: Run, *, monitoring: Sequence[str] = _MONITORING
) -> Page:
    """The model validation report of a default-risk job, verdict first.

    Parameters
    ----------
    evidence, lending, run
        What the evaluation found, what lending on it would bring, what was run.
    monitoring : sequence of str
        What to watch once the model is in use.
    """
    return Page(
        title=run.title,
        subtitle=f"Model validation report. {run.subtitle}",
        verdict=f"{run.alarm}{evidence.verdict_lines}\n{_decision(lending, run)}",
        facts=_facts(evidence, lending, run),
        sections=[
            _outcomes(evidence, lending),
            _soundness(evidence, run),
            Section("Ongoing monitoring", "What to watch once the model is in use.", [Points(monitoring)]),
            reproduce_section(run),
        ],
    )


def _decision(lending: Lending, run: Run) -> str:
    """What the cut-off does, in a sentence."""
    row = tables.cutoff_row(lending.cutoffs, lending.chosen)
    return (
        f"At a cut-off of {percent(lending.chosen)} it approves {percent(row['approval_rate'])} of the applications; "
        f"{percent(row['bad_rate'])} of those approved default, against {percent(run.base_rate)} of all."
    )


def _facts(evidence: Evidence, lending: Lending, run: Run) -> dict[str, str]:
    row = tables.cutoff_row(lending.cutoffs, lending.chosen)
    realized, expected = float(row["realized_profit"]), float(row["expected_profit"])
    scale = max(abs(realized), abs(expected))
    return {
        "AUC": score_fact(evidence.scores, "auc"),
        "Brier score": score_fact(evidence.scores, "brier"),
        "Default rate": f"{percent(run.base_rate)}\nof all",
        "Approved": f"{percent(row['approval_rate'])}\nat cut-off {percent(lending.chosen)}",
        "Bad rate": f"{percent(row['bad_rate'])}\nof the approved",
        "Realized profit": f"{money(realized, scale)}\nexpected {money(expected, scale)}",
    }


def _outcomes(evidence: Evidence, lending: Lending) -> Section:
    lead = "How good the forecasts and the decisions made on them were, on loans that no model had seen."
    blocks = [
        comparison_section(evidence),
        calibration_section(evidence, _known_truth(lending)),
        _cutoff_section(lending),
    ]
    return Section("Outcomes analysis", lead, blocks)


def _soundness(evidence: Evidence, run: Run) -> Section:
    lead = "What the model was given, how it learned, and what it cannot know."
    parts = (data_section(run), training_section(evidence), limits_section(run))
    return Section("Conceptual soundness", lead, [part for part in parts if part.blocks])


def _known_truth(lending: Lending) -> list[Block]:
    if lending.known_truth is None:
        return []
    svg = plots.known_truth_plot(lending.known_truth.probability, lending.known_truth.forecast)
    caption = (
        "The loans were made, so the true probability of each is known: forecasts of the network beside it, in bins of "
        "equally many loans."
    )
    return [Figure(svg, caption, "Forecast default probability against the known true probability")]


def _cutoff_section(lending: Lending) -> Section:
    figure = Figure(
        plots.cutoff_plot(lending.cutoffs, chosen=lending.chosen),
        "A higher cut-off approves more and lets more defaults in; profit says where that stops paying.",
        "Approval rate, default rate among the approved, and profit against the cut-off",
    )
    table = Table(
        tables.cutoff_table(lending.cutoffs, lending.chosen),
        "What each cut-off would have done; the chosen one stands out.",
        highlight=percent(tables.cutoff_row(lending.cutoffs, lending.chosen)["cutoff"]),
    )
    return Section("Where to draw the line?", lending.terms, [figure, table])
