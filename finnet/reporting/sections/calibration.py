"""Calibration: whether forecast probabilities come true as often as they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finnet.evaluation.assessment import Assessment
from finnet.evaluation.walk_forward import FoldResult
from finnet.forecasts import PROBABILITY_FLOOR
from finnet.models import naive_models
from finnet.names import model_heading, model_in_sentence
from finnet.reporting import plots
from finnet.reporting.html import Block, Figure, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import clients_counted, count, number, p_value, percent, span, stacked

__all__ = ["FLOOR_WORDS", "CalibrationSection", "calibration_table", "calibration_test_table", "calibrator_table"]

FLOOR_WORDS = f"No probability of exactly 0 or 1 is published; none is nearer to them than {PROBABILITY_FLOOR:.6f}."


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationSection(ReportSection):
    """Forecast probabilities beside observed rates, and how they were calibrated.

    Parameters
    ----------
    subject : str
    calibration : DataFrame
        `model`, `bin`, `n`, `forecast`, `observed`, `low`, `high`.
    calibrators : DataFrame, optional
        Of the subject: `fold`, `rows`, `effective_rows`, `slope`, `intercept`, `loss_before`, `loss_after`, `taken`;
        also `kind`, `loss_line` and `loss_isotonic` where isotonic curves were tried.
    oddities : sequence of str
        Folds whose forecasts are one constant, or ordered held-out rows backwards; one sentence per model and kind.
    known_truth : DataFrame, optional
        True `probability` of made cases beside the subject's `forecast`.
    calibration_errors : DataFrame, optional
        Of every model, as `finnet.evaluation.calibration.calibration_errors` gives it.
    counted : str
        How many loans of how many clients the tests count, in a sentence; "" where each row is by itself.
    """

    subject: str
    calibration: pd.DataFrame
    calibrators: pd.DataFrame | None = None
    oddities: Sequence[str] = ()
    known_truth: pd.DataFrame | None = None
    calibration_errors: pd.DataFrame | None = None
    counted: str = ""

    @classmethod
    def of(
        cls, assessment: Assessment, results: Sequence[FoldResult], *, known_truth: pd.DataFrame | None = None
    ) -> Self | None:
        """What an assessment and its fits say; None where forecasts are no probabilities."""
        if assessment.calibration is None:
            return None
        own = [
            result for result in results if result.model == assessment.subject and result.fit.calibration is not None
        ]
        return cls(
            subject=assessment.subject,
            calibration=assessment.calibration,
            calibrators=pd.DataFrame([{"fold": result.fold, **(result.fit.calibration or {})} for result in own]),
            oddities=_oddities(results),
            known_truth=known_truth,
            calibration_errors=assessment.calibration_errors,
            counted=_counted(assessment),
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
        table = Table(calibration_table(own), f"Forecasts of {name} in bins; intervals {self._intervals}.")
        lead = "A forecast of 60 % should come true 60 times in 100; where an interval reaches the line, it may have."
        blocks: list[Block] = [figure]
        if self.known_truth is not None:
            truth, forecast = (self.known_truth[column].to_numpy() for column in ("probability", "forecast"))
            caption = (
                f"The loans were made, so the true probability of each is known: forecasts of {name} beside it, in bins"
                " of equally many loans."
            )
            alt = "Forecast default probability against the known true probability"
            blocks.append(Figure(plots.known_truth_plot(truth, forecast), caption, alt))
        if self.calibration_errors is not None:
            is_own = self.calibration_errors["model"] == self.subject
            ordered = pd.concat([self.calibration_errors[is_own], self.calibration_errors[~is_own]])
            tests = _TESTS.format(self.counted or _INDEPENDENT)
            blocks.append(Table(calibration_test_table(ordered), tests, highlight=model_heading(self.subject)))
        blocks.append(table)
        if self.calibrators is not None and not self.calibrators.empty:
            isotonic = _ISOTONIC if "loss_isotonic" in self.calibrators else ""
            blocks.append(Table(calibrator_table(self.calibrators), _CALIBRATORS.format(name) + isotonic))
        if self.oddities:
            blocks.append(Points(self.oddities))
        return Section("Can its probabilities be trusted?", lead, blocks)

    @property
    def card(self) -> Section:
        """The tests and the bins of the subject."""
        own = self.calibration[self.calibration["model"] == self.subject]
        blocks: list[Block] = [Table(calibration_table(own), f"Forecasts in bins; intervals {self._intervals}.")]
        if self.calibration_errors is not None:
            tested = calibration_test_table(self.calibration_errors[self.calibration_errors["model"] == self.subject])
            blocks.insert(0, Table(tested, _TESTS.format(self.counted or _INDEPENDENT)))
        return Section("Can its probabilities be trusted?", "", blocks)

    @property
    def _intervals(self) -> str:
        return "count clients" if self.counted else "take cases as independent"


def _counted(assessment: Assessment) -> str:
    """What tests of the subject's calibration count, in a sentence; "" where each row is by itself."""
    sample, errors = assessment.sample, assessment.calibration_errors
    if sample.n_clients is None or errors is None:
        return ""
    effective = float(errors.loc[errors["model"] == assessment.subject, "effective_n"].iloc[0])
    also = " and dates of application" if sample.first else ""
    return (
        f"{clients_counted(sample.n_entities, sample.n_clients, also=also)} Of their default rate they tell as much as"
        f" {count(effective)} independent loans."
    )


_TESTS = (
    "Gap: mean distance between forecast and observed rate over bins of equally many cases; by chance a calibrated"
    " model has one too: its mean, and what 95 % stay below. Intercept: what must be added to the log-odds; above 0"
    " forecasts are too low. Slope: below 1 forecasts are too extreme, above 1 too timid. z: Spiegelhalter's, of the"
    " Brier score. p: of the gap, intercept and slope, and z together; a calibrated model is found at fault in 5 % of"
    " cases. Intervals are those of one figure each and are not adjusted, so one of them may leave out 0 or 1 although"
    f" nothing is detected: the joint test decides. {{}} {FLOOR_WORDS}"
)
_INDEPENDENT = (
    "Cases are taken as independent: where they share shocks, p is too small and the intervals are too narrow."
)
_CALIBRATORS = (
    "How the log-odds of {} were calibrated in each fold, by forecasts of training rows that a fit had not seen. Worth:"
    " as many independent rows say as much. Log loss before and after: of forecasts that the curve was not fitted on;"
    " it is taken where it lowers them. A slope below 1 draws forecasts together; it is never below 0, so their order"
    " stays."
)
_ISOTONIC = (
    " After: by a line. Isotonic: by a curve that bends the line as what came true does, tried where rows are worth 500"
    " or more, and taken where its loss is lower than the smaller of both others by more than one standard error. It"
    " rises everywhere, so their order stays; slope and intercept are then those of its line."
)


def _oddities(results: Iterable[FoldResult]) -> list[str]:
    """Folds in which a model that learns says one number, or ordered the rows held out backwards."""
    # Naive models say one number by design.
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
    """One row per bin of one model: how many cases, what was forecast, what happened; text, shape (n_bins, 4).

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
        "95 % interval": [
            span(percent(low), percent(high)) for low, high in zip(calibration["low"], calibration["high"], strict=True)
        ],
    }
    return pd.DataFrame(columns)


def calibration_test_table(errors: pd.DataFrame) -> pd.DataFrame:
    """One row per model: how its probabilities differ from what came true, and whether chance explains it.

    Text of shape (n_models, 8).

    Examples
    --------
    >>> row = {"model": "tree", "ece": 0.0123, "null_mean": 0.004, "null_high": 0.006, "intercept": -0.2,
    ...        "intercept_low": -0.31, "intercept_high": -0.09, "slope": 0.8, "slope_low": 0.7, "slope_high": 0.9,
    ...        "spiegelhalter": 2.51, "p_value": 0.002, "calibrated": False, "finding": "forecasts too extreme"}
    >>> calibration_test_table(pd.DataFrame([row])).iloc[0].tolist()
    ['Decision tree', '1.23 %', '0.40 %\\nup to 0.60 %', '−0.20\\n−0.31 to −0.09', '0.80\\n0.70 to 0.90', '+2.5',
     '0.002', 'too extreme']
    """
    chance = zip(errors["null_mean"], errors["null_high"], strict=True)
    return pd.DataFrame(
        {
            "Model": errors["model"].map(model_heading),
            "Gap": [percent(gap, 2) for gap in errors["ece"]],
            "Gap by chance": [f"{percent(mean, 2)}\nup to {percent(high, 2)}" for mean, high in chance],
            "Intercept": _estimates(errors, "intercept", signed=True),
            "Slope": _estimates(errors, "slope"),
            "z": [number(z, 1, signed=True) for z in errors["spiegelhalter"]],
            "p": errors["p_value"].map(p_value),
            "Miscalibration": [
                "none detected" if is_calibrated else words.removeprefix("forecasts ")
                for is_calibrated, words in zip(errors["calibrated"], errors["finding"], strict=True)
            ],
        }
    )


def _estimates(errors: pd.DataFrame, name: str, *, signed: bool = False) -> list[str]:
    return [
        stacked(number(value, 2, signed=signed), span(number(low, 2, signed=signed), number(high, 2, signed=signed)))
        for value, low, high in errors[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    ]


def calibrator_table(calibrators: pd.DataFrame) -> pd.DataFrame:
    """One row per fold: what the calibrator learned from, how it bends log-odds, and whether it helped.

    Text of shape (n_folds, 8), of 9 columns where an isotonic curve was tried in any fold.

    Examples
    --------
    >>> row = {"fold": 0, "rows": 1245, "effective_rows": 249.0, "slope": 0.25, "intercept": 0.36,
    ...        "loss_before": 0.7127, "loss_after": 0.6807, "taken": True}
    >>> calibrator_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '1,245', '249', '0.7127', '0.6807', 'taken', '0.25', '+0.36']
    """
    after, isotonic, verdict = calibrators["loss_after"], {}, np.where(calibrators["taken"], "taken", "left out")
    if "loss_isotonic" in calibrators:
        # Here the loss after is that of what was taken, and stands beside the line's.
        after = calibrators["loss_line"]
        isotonic = {"Isotonic": [number(loss, 4) for loss in calibrators["loss_isotonic"]]}
        verdict = np.where(calibrators["kind"] == "isotonic", "isotonic taken", verdict)
    return pd.DataFrame(
        {
            "Fold": calibrators["fold"].map(str),
            "Rows": calibrators["rows"].map(count),
            "Worth": calibrators["effective_rows"].map(count),
            "Log loss before": [number(loss, 4) for loss in calibrators["loss_before"]],
            "After": [number(loss, 4) for loss in after],
            **isotonic,
            "": verdict,
            "Slope": [number(slope, 2) for slope in calibrators["slope"]],
            "Intercept": [number(level, 2, signed=True) for level in calibrators["intercept"]],
        }
    )
