"""Forward returns: how much prices will move, or swing, as means or as quantiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from finnet.checks import require_number
from finnet.errors import ConfigError
from finnet.jobs.config import Models
from finnet.jobs.tasks.market import LabelChoice, MarketJob, MarketTask
from finnet.labels import ForwardReturn, ForwardVolatility
from finnet.models import Kind

__all__ = ["ForwardReturnJob", "ForwardReturnTask", "NumberChoice"]

_OF_MEANS = ("network", "tree", "svm", "knn", "linear", "forest", "boosting", "zero", "training_mean")
_OF_QUANTILES = ("network", "boosting", "training_quantiles")


@dataclass(frozen=True)
class NumberChoice(LabelChoice):
    """Which number of a market to forecast."""

    forward_return: ForwardReturn | None = None
    forward_volatility: ForwardVolatility | None = None


class ForwardReturnJob(MarketJob):
    """Forecast how much prices move over a horizon, or how much they swing.

    Parameters
    ----------
    levels : tuple of float
        Levels of the quantiles to forecast, such as [0.1, 0.5, 0.9]; without any, means are forecast.
    models : tuple of str
        The network and what it is compared with. Means: tree, svm, knn, linear, forest, boosting; naive: zero,
        training_mean, last_value. Quantiles: boosting; naive: training_quantiles.
    """

    task: Literal["forward-return"]
    label: NumberChoice = NumberChoice(forward_return=ForwardReturn())
    levels: Annotated[tuple[float, ...], Field(max_length=50)] = ()
    models: Models = _OF_MEANS

    @model_validator(mode="after")
    def _levels_in_order(self) -> "ForwardReturnJob":
        for level in self.levels:
            require_number(level, name="levels", below=1.0, zero=False)
        if list(self.levels) != sorted(set(self.levels)):
            raise ConfigError(f"levels={list(self.levels)} are not in order; write each once, the lowest first")
        return self

    @property
    def kind(self) -> Kind:
        """Quantiles where levels are given, else numbers."""
        return "quantile" if self.levels else "number"


class ForwardReturnTask(MarketTask):
    """Numbers of markets: returns or volatilities over a horizon."""

    settings = ForwardReturnJob

    def complete(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Models that forecast quantiles, where levels are given and no models."""
        # The default of the class forecasts means; quantiles have models of their own.
        return {"models": list(_OF_QUANTILES), **settings} if settings.get("levels") else settings
