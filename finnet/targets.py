"""Targets: what can be forecast, which score decides who is better at it, and which scores stand beside that one."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    """

    decides: str
    second: tuple[str, ...]
    scores: tuple[str, ...]
    event: str = "came true"
    headline: tuple[str, ...] = ("auc",)


_OF_MARKETS = ("accuracy", "mcc", "auc", "brier", "log_loss")

TARGETS: Mapping[str, Target] = {
    "direction": Target("log_loss", ("accuracy",), _OF_MARKETS, "rose", ("accuracy",)),
    # Who is above the median is a matter of order within a session; probabilities near one half cannot show it.
    "above_median": Target(
        "rank_ic", ("log_loss",), ("rank_ic", *_OF_MARKETS), "beat the median", ("rank_ic", "accuracy")
    ),
    "default": Target("log_loss", ("auc",), ("auc", "gini", "ks", "brier", "log_loss"), "defaulted", ("auc", "brier")),
}
_UNKNOWN = Target("log_loss", ("auc",), _OF_MARKETS)


def target_named(name: str) -> Target:
    """The target of this name; one that finnet does not know is judged as probabilities are.

    Examples
    --------
    >>> target_named("above_median").decides, target_named("my_event").decides
    ('rank_ic', 'log_loss')
    """
    return TARGETS.get(name, _UNKNOWN)
