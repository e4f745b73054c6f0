"""Targets: what can be forecast, which score decides who is better at it, and which scores stand beside that one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["TARGETS", "Target", "target_named"]


@dataclass(frozen=True)
class Target:
    """What a forecast is about.

    Parameters
    ----------
    decides : str
        Metric that decides who forecasts better.
    second : tuple of str
        Metrics compared beside it, which decide nothing.
    scores : tuple of str
        Metrics that every model is scored by.
    event : str
        What happened where the truth is one, as in "53 % of the cases rose".
    headline : tuple of str
        Metrics whose scores are key figures of a report.
    truth : {"event", "number"}
        Whether what comes true is 0 or 1, forecast by probabilities, or any number, forecast by means.
    naive : str
        Model whose forecasts R2 measures those of others against: "zero", which needs no rows, or one whose forecasts
        must be there.
    is_positive : bool
        Whether the truth can never be below zero, so that no forecast should be.
    """

    decides: str
    second: tuple[str, ...]
    scores: tuple[str, ...]
    event: str = "came true"
    headline: tuple[str, ...] = ("auc",)
    truth: Literal["event", "number"] = "event"
    naive: str = "training_mean"
    is_positive: bool = False


_OF_MARKETS = ("accuracy", "mcc", "auc", "brier", "log_loss")

TARGETS: Mapping[str, Target] = {
    "direction": Target("log_loss", ("accuracy",), _OF_MARKETS, "rose", ("accuracy",)),
    # Who is above the median is a matter of order within a session; probabilities near one half cannot show it.
    "above_median": Target(
        "rank_ic", ("log_loss",), ("rank_ic", *_OF_MARKETS), "beat the median", ("rank_ic", "accuracy")
    ),
    "default": Target("log_loss", ("auc",), ("auc", "gini", "ks", "brier", "log_loss"), "defaulted", ("auc", "brier")),
    # A squared error is least for the mean, which is what the loss of a book adds up from; an absolute one for the
    # median, which of losses that are mostly all or nothing says little.
    "loss_given_default": Target(
        "mse", ("mae",), ("r2", "mse", "mae"), headline=("r2",), truth="number", naive="training_mean"
    ),
    # A mean of past returns is a worse forecast of single returns than zero, and flatters what is measured against it
    # (Gu, Kelly & Xiu 2020).
    "forward_return": Target(
        "mse", ("rank_ic", "mae"), ("r2", "mse", "mae", "rank_ic"), headline=("r2",), truth="number", naive="zero"
    ),
    # Realized volatility is a noisy proxy; squared errors of it hang on a few wild days, QLIKE does not (Patton 2011).
    "forward_volatility": Target(
        "qlike",
        ("mse",),
        ("qlike", "r2", "mse", "mae", "rank_ic"),
        headline=("qlike",),
        truth="number",
        is_positive=True,
    ),
}
_UNKNOWN_EVENT = Target("log_loss", ("auc",), _OF_MARKETS)
_UNKNOWN_NUMBER = Target("mse", ("mae",), ("r2", "mse", "mae"), headline=("mse",), truth="number")
_QUANTILES = Target(
    "pinball", ("coverage_error",), ("pinball", "coverage_error"), headline=("pinball",), truth="number"
)
_SCORES = {
    "event": Target("auc", (), ("auc", "gini", "ks")),
    "number": Target("rank_ic", (), ("rank_ic",), headline=("rank_ic",), truth="number"),
}


def target_named(name: str, kind: str = "probability") -> Target:
    """The target of this name, as forecasts of this kind are judged.

    A target that finnet does not know is an event where forecasts are probabilities, else a number. Of an event scores
    are judged by the AUC, of a number by the rank IC, and quantiles by the pinball loss, whatever they are about.

    Examples
    --------
    >>> target_named("above_median").decides, target_named("my_event").decides
    ('rank_ic', 'log_loss')
    >>> [target_named("forward_return", kind).decides for kind in ("mean", "score", "quantile")]
    ['mse', 'rank_ic', 'pinball']
    """
    target = TARGETS.get(name, _UNKNOWN_EVENT if kind == "probability" else _UNKNOWN_NUMBER)
    if kind == "quantile":
        judged = _QUANTILES
    elif kind == "score" and target.decides != "rank_ic":
        judged = _SCORES[target.truth]
    elif kind == "mean" and target.truth == "event":
        judged = _UNKNOWN_NUMBER
    elif kind == "probability" and target.truth == "number":
        judged = _UNKNOWN_EVENT
    else:
        return target
    return replace(judged, event=target.event, naive=target.naive, is_positive=target.is_positive)
