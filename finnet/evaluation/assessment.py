"""Assessment: what the forecasts of several models are worth, one of them compared with the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from finnet.evaluation.calibration import calibration_errors, calibration_table, coverage_table
from finnet.evaluation.comparison import Comparison, compare
from finnet.evaluation.scores import (
    Sample,
    compared_metrics,
    default_metrics,
    describe_sample,
    score,
    score_by_fold,
)
from finnet.evaluation.verdict import write_second_verdict
from finnet.forecasts import Forecasts
from finnet.models import naive_models
from finnet.targets import Target, target_named

__all__ = ["Assessment", "assess"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Assessment:
    """What forecasts are worth.

    Parameters
    ----------
    subject : str
        The model that is compared with every other.
    target : Target
        What was forecast.
    sample : Sample
        What the scores rest on.
    scores : DataFrame
        Long: model, metric, value, low, high.
    fold_scores : DataFrame
        Long: fold, model, metric, value, n; of the metrics compared.
    comparisons : tuple of Comparison
        The subject against every other model, by the metric that decides first.
    calibration, calibration_errors : DataFrame, optional
        Bins of forecast and observed rates, and the expected calibration error beside its null; None where forecasts
        are no probabilities.
    coverage : DataFrame, optional
        Share of truths at or below each quantile (`coverage_table`); None where forecasts are no quantiles.
    """

    subject: str
    target: Target
    sample: Sample
    scores: pd.DataFrame
    fold_scores: pd.DataFrame
    comparisons: tuple[Comparison, ...]
    calibration: pd.DataFrame | None = None
    calibration_errors: pd.DataFrame | None = None
    coverage: pd.DataFrame | None = None

    @property
    def verdict(self) -> str:
        """Plain sentences on the metric that decides, then where another shows no difference that this one shows."""
        first, *others = self.comparisons
        naive = naive_models()
        beside = [write_second_verdict(first.table, other.table, naive=naive) for other in others]
        return " ".join(filter(None, [first.verdict, *beside]))

    @property
    def base_rate(self) -> float | None:
        """Share of the cases whose truth is one; None where truth is a number."""
        return None if self.calibration is None else self.sample.base_rate


def assess(
    forecasts: Forecasts,
    subject: str = "network",
    *,
    metrics: Sequence[str] = (),
    outcome: "pd.Series[float] | None" = None,
    seed: int = 0,
) -> Assessment:
    """Score every model, compare one with the others, and check the calibration of probabilities.

    Parameters
    ----------
    subject : str
        One of the models.
    metrics : sequence of str
        Scored beside those of the target.
    outcome : Series, optional
        What the rank IC orders symbols by, such as the forward return, indexed by (issued_at, entity).
    seed : int
        Of the intervals' draws.

    Raises
    ------
    ConfigError
        Where the subject has no forecast or is alone.

    Examples
    --------
    >>> import numpy as np
    >>> risk = np.linspace(0.01, 0.99, 300)
    >>> rows = {"fold": 0, "entity": np.arange(300).astype(str), "target": "default", "horizon": 0,
    ...         "kind": "probability", "truth": (np.random.default_rng(0).random(300) < risk).astype(float)}
    >>> values = {"tree": risk, "prior_rate": 0.5}
    >>> parts = [Forecasts.from_rows({**rows, "model": name, "value": values[name]}, run_id="demo") for name in values]
    >>> assess(Forecasts.concat(parts), "tree").verdict
    'By log loss, over 300 rows, the decision tree beats the prior rate.'
    """
    compared, kinds = compared_metrics(forecasts), forecasts.kinds
    is_probability = kinds == ["probability"]
    return Assessment(
        subject=subject,
        target=target_named(str(forecasts.table["target"].iloc[0]), kinds[0]),
        sample=describe_sample(forecasts),
        scores=score(
            forecasts, tuple(dict.fromkeys((*default_metrics(forecasts), *metrics))), seed=seed, outcome=outcome
        ),
        fold_scores=score_by_fold(forecasts, compared, outcome=outcome),
        comparisons=tuple(compare(forecasts, subject, metric=metric, outcome=outcome) for metric in compared),
        calibration=calibration_table(forecasts) if is_probability else None,
        calibration_errors=calibration_errors(forecasts, seed=seed) if is_probability else None,
        coverage=coverage_table(forecasts) if kinds == ["quantile"] else None,
    )
