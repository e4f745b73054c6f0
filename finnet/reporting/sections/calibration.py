"""Calibration: whether forecast probabilities come true as often as they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finnet.evaluation.judgement import Judgement
from finnet.evaluation.walk_forward import FoldResult
from finnet.models import naive_models
from finnet.names import model_heading, model_in_sentence
from finnet.reporting import plots
from finnet.reporting.html import Block, Figure, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, number, percent, span

__all__ = ["CalibrationSection", "calibration_table", "calibrator_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationSection(ReportSection):
    """Forecast probabilities beside observed rates, and how they were calibrated.

    Parameters
    ----------
    subject : str
    calibration : DataFrame
        `model`, `bin`, `n`, `forecast`, `observed`, `low`, `high`.
    calibrators : DataFrame, optional
        Of the subject: `fold`, `rows`, `effective_rows`, `slope`, `intercept`, `loss_before`, `loss_after`, `taken`.
    oddities : sequence of str
        Folds whose forecasts are one constant, or ordered held-out rows backwards; one sentence per model and kind.
    known_truth : DataFrame, optional
        True `probability` of made cases beside the subject's `forecast`.
    """

    subject: str
    calibration: pd.DataFrame
    calibrators: pd.DataFrame | None = None
    oddities: Sequence[str] = ()
    known_truth: pd.DataFrame | None = None

    @classmethod
    def of(
        cls, judgement: Judgement, results: Sequence[FoldResult], *, known_truth: pd.DataFrame | None = None
    ) -> Self | None:
        """What a judgement and its fits say; None where forecasts are no probabilities."""
        if judgement.calibration is None:
            return None
        own = [result for result in results if result.model == judgement.subject and result.fit.calibration is not None]
        return cls(
            subject=judgement.subject,
            calibration=judgement.calibration,
            calibrators=pd.DataFrame([{"fold": result.fold, **(result.fit.calibration or {})} for result in own]),
            oddities=_oddities(results),
            known_truth=known_truth,
        )

    def draw(self) -> Section:
        """The reliability diagram, the bins of the subject, and its calibrators."""
        own = self.calibration[self.calibration["model"] == self.subject]
        name = model_in_sentence(self.subject)
        figure = Figure(
            plots.calibration_plot(self.calibration, self.subject),
            f"Blue: {name}, with 95 % intervals of the observed rate. Grey: the other models. On the dashed line a "
            "forecast comes true as often as it says.",
            "Reliability diagram: observed rate against forecast probability",
        )
        table = Table(calibration_table(own), f"Forecasts of {name} in bins; intervals take cases as independent.")
        lead = "A forecast of 60 % should come true 60 times in 100; where an interval reaches the line, it may have."
        return Section("Can its probabilities be trusted?", lead, [figure, *self._known(), table, *self._calibrators()])

    @property
    def card(self) -> Section:
        """The bins of the subject."""
        own = self.calibration[self.calibration["model"] == self.subject]
        table = Table(calibration_table(own), "Forecasts in bins; intervals take cases as independent.")
        return Section("Can its probabilities be trusted?", "", [table])

    def _known(self) -> list[Block]:
        if self.known_truth is None:
            return []
        truth, forecast = (self.known_truth[name].to_numpy() for name in ("probability", "forecast"))
        caption = (
            "The loans were made, so the true probability of each is known: forecasts of "
            f"{model_in_sentence(self.subject)} beside it, in bins of equally many loans."
        )
        alt = "Forecast default probability against the known true probability"
        return [Figure(plots.known_truth_plot(truth, forecast), caption, alt)]

    def _calibrators(self) -> list[Block]:
        caption = (
            f"How the log-odds of {model_in_sentence(self.subject)} were calibrated in each fold, by forecasts of "
            "training rows that a fit had not seen. Worth: as many independent rows say as much. Log loss before and "
            "after: of forecasts that the curve was not fitted on; it is taken where it lowers them. A slope below 1 "
            "draws forecasts together; it is never below 0, so their order stays."
        )
        blocks: list[Block] = []
        if self.calibrators is not None and not self.calibrators.empty:
            blocks.append(Table(calibrator_table(self.calibrators), caption))
        return [*blocks, Points(self.oddities)] if self.oddities else blocks


def _oddities(results: Iterable[FoldResult]) -> list[str]:
    """Folds in which a model that learns says one number, or ordered the rows held out backwards."""
    learned = [result for result in results if result.model not in naive_models()]
    constant = _folds_of(result for result in learned if result.fit.is_constant)
    backwards = _folds_of(result for result in learned if (result.fit.calibration or {}).get("reversed"))
    alike = "{} says the same number for every case of {}: there is nothing to rank and nothing to trade on."
    turned = (
        "{}, {}: among training rows that a fit had not seen, higher forecasts came true less often than lower ones."
        " Calibration keeps their order all the same."
    )
    return [alike.format(*place) for place in constant] + [turned.format(*place) for place in backwards]


def _folds_of(results: Iterable[FoldResult]) -> list[tuple[str, str]]:
    """Heading of each model, and its folds in words."""
    folds: dict[str, list[str]] = {}
    for result in results:
        folds.setdefault(result.model, []).append(str(result.fold))
    return [
        (model_heading(model), f"{'fold' if len(own) == 1 else 'folds'} {', '.join(own)}")
        for model, own in folds.items()
    ]


def calibration_table(calibration: pd.DataFrame) -> pd.DataFrame:
    """One row per bin of one model: how many cases, what was forecast, what happened.

    Examples
    --------
    >>> row = {"model": "network", "bin": 0, "n": 50, "forecast": 0.101, "observed": 0.12, "low": 0.05, "high": 0.2}
    >>> calibration_table(pd.DataFrame([row])).iloc[0].tolist()
    ['10.1 %', '50', '12.0 %', '5.0 to 20.0 %']
    """
    columns = {
        "Mean forecast": calibration["forecast"].map(percent),
        "Cases": calibration["n"].map(count),
        "Came true": calibration["observed"].map(percent),
        "95 % interval": _spans(calibration),
    }
    return pd.DataFrame(columns)


def _spans(frame: pd.DataFrame) -> list[str]:
    return [span(percent(low), percent(high)) for low, high in zip(frame["low"], frame["high"], strict=True)]


def calibrator_table(calibrators: pd.DataFrame) -> pd.DataFrame:
    """One row per fold: what the calibrator learned from, how it bends log-odds, and whether it helped.

    Examples
    --------
    >>> row = {"fold": 0, "rows": 1245, "effective_rows": 249.0, "slope": 0.25, "intercept": 0.36,
    ...        "loss_before": 0.7127, "loss_after": 0.6807, "taken": True}
    >>> calibrator_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '1,245', '249', '0.7127', '0.6807', 'taken', '0.25', '+0.36']
    """
    return pd.DataFrame(
        {
            "Fold": calibrators["fold"].map(str),
            "Rows": calibrators["rows"].map(count),
            "Worth": calibrators["effective_rows"].map(count),
            "Log loss before": [number(loss, 4) for loss in calibrators["loss_before"]],
            "After": [number(loss, 4) for loss in calibrators["loss_after"]],
            "": np.where(calibrators["taken"], "taken", "left out"),
            "Slope": [number(slope, 2) for slope in calibrators["slope"]],
            "Intercept": [number(level, 2, signed=True) for level in calibrators["intercept"]],
        }
    )
