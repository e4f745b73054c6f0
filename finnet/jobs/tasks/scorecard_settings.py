"""Scorecard settings: what a job file says of the scorecard that stands beside the network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from finnet.checks import require_choice
from finnet.estimators.scorecard_points import PointScale
from finnet.features.binning import BINNINGS, Bins
from finnet.features.bins_file import bins_from, read_bins
from finnet.jobs.config import Job

__all__ = ["JobWithScorecard", "ScorecardSettings"]

QUANTILE = BINNINGS[0]


@dataclass(frozen=True)
class ScorecardSettings:
    """How the scorecard bins columns and counts points.

    Parameters
    ----------
    points_to_double_odds : float
        How many points more double the odds of a good outcome.
    points : float
        Points at the odds stated next.
    odds : float
        Goods for each bad, such as 50 for 50 to 1.
    special_codes : tuple of float
        Numbers that stand for something else, such as -9 for "no record", and get bins of their own.
    bins : str or table
        How bins are found in the training rows: "quantile", or "tree" where numbers are to be cut by a decision tree.
        Or the path of a file with bins of columns, such as an edited bins.toml of a run, or its content; bins of other
        columns are then found by quantiles.
    """

    points_to_double_odds: float = PointScale.points_to_double_odds
    points: float = PointScale.points
    odds: float = PointScale.odds
    special_codes: tuple[float, ...] = ()
    bins: str | dict[str, Any] = QUANTILE

    def __post_init__(self) -> None:
        _ = self.scale
        if not isinstance(self.bins, str):
            bins_from(self.bins)
        elif self.bins and not {".", "/"} & set(self.bins):
            # Neither a path nor a known way: most likely a misspelled "quantile" or "tree".
            require_choice(self.bins, [*BINNINGS, "a path such as bins.toml"], name="bins")

    @property
    def scale(self) -> PointScale:
        """How log-odds become points."""
        return PointScale(self.points_to_double_odds, self.points, self.odds)

    @property
    def binning(self) -> str:
        """How bins are found that are not given."""
        return self.bins if isinstance(self.bins, str) and self.bins in BINNINGS else QUANTILE

    @property
    def path(self) -> str:
        """Of the file with bins; "" where there is none."""
        return self.bins if isinstance(self.bins, str) and self.bins not in BINNINGS else ""

    @property
    def given(self) -> dict[str, Bins]:
        """Bins by column, of columns whose bins shall not be found."""
        if isinstance(self.bins, str):
            return bins_from(read_bins(self.path)) if self.path else {}
        return bins_from(self.bins)


class JobWithScorecard(Job):
    """A job that may compare a scorecard, with a table of settings for it."""

    scorecard: ScorecardSettings = ScorecardSettings()

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The same job with the paths of data files and of a bins file changed."""
        job, path = super().with_paths(change), self.scorecard.path
        return job._with_bins(change(path)) if path else job

    def with_files_read(self) -> Self:
        """The same job holding the bins that a file says."""
        path = self.scorecard.path
        return self._with_bins(read_bins(path)) if path else self

    def configured(self, name: str, model: Any) -> Any:
        """The estimator called `name`; the scorecard with the bins and codes that the job gives."""
        if name != "scorecard":
            return model
        own = self.scorecard
        return model.set_params(special_codes=own.special_codes, bins=own.given or None, binning=own.binning)

    def _with_bins(self, bins: str | dict[str, Any]) -> Self:
        return self.model_copy(update={"scorecard": replace(self.scorecard, bins=bins)})
