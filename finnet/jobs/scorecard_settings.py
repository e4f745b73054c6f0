"""Scorecard settings: what a job file says of the scorecard that stands beside the network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from finnet.estimators.scorecard_points import PointScale
from finnet.features.binning import Bins
from finnet.features.bins_file import bins_from, read_bins
from finnet.jobs.config import Job

__all__ = ["JobWithScorecard", "ScorecardSettings"]


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
        Path of a file with bins of columns, such as an edited bins.toml of a run, or its content; others are found in
        the training rows.
    """

    points_to_double_odds: float = PointScale.points_to_double_odds
    points: float = PointScale.points
    odds: float = PointScale.odds
    special_codes: tuple[float, ...] = ()
    bins: str | dict[str, Any] = ""

    def __post_init__(self) -> None:
        _ = self.scale
        if not isinstance(self.bins, str):
            bins_from(self.bins)

    @property
    def scale(self) -> PointScale:
        """How log-odds become points."""
        return PointScale(self.points_to_double_odds, self.points, self.odds)

    @property
    def given(self) -> dict[str, Bins]:
        """Bins by column, of columns whose bins shall not be found."""
        if isinstance(self.bins, str):
            return bins_from(read_bins(self.bins)) if self.bins else {}
        return bins_from(self.bins)


class JobWithScorecard(Job):
    """A job that may compare a scorecard, with a table of settings for it."""

    scorecard: ScorecardSettings = ScorecardSettings()

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The same job with the paths of data files and of a bins file changed."""
        job, bins = super().with_paths(change), self.scorecard.bins
        return job._with_bins(change(bins)) if isinstance(bins, str) and bins else job

    def with_files_read(self) -> Self:
        """The same job holding the bins that a file says."""
        bins = self.scorecard.bins
        return self._with_bins(read_bins(bins)) if isinstance(bins, str) and bins else self

    def configured(self, name: str, model: Any) -> Any:
        """The estimator called `name`; the scorecard with the bins and codes that the job gives."""
        if name != "scorecard":
            return model
        return model.set_params(special_codes=self.scorecard.special_codes, bins=self.scorecard.given or None)

    def _with_bins(self, bins: str | dict[str, Any]) -> Self:
        return self.model_copy(update={"scorecard": replace(self.scorecard, bins=bins)})
