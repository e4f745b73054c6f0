"""Scorecard points: the scorecard as whole numbers to add up, a fixed number of which doubles the odds.

Points are linear in the log-odds of a good outcome: points = offset + factor ln(odds), with factor = points to double
the odds / ln 2 and the offset such that stated odds have stated points (Siddiqi 2006, Credit Risk Scorecards, chapter
6).
"""

from dataclasses import dataclass
from math import log

import numpy as np
import pandas as pd
from scipy.special import expit

from finnet.checks import require_number
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.types import FloatArray, IntArray

__all__ = ["PointScale", "Scorecard"]

_MOST = 1e9


@dataclass(frozen=True)
class PointScale:
    """How log-odds become points.

    Parameters
    ----------
    points_to_double_odds : float
        How many points more double the odds of a good outcome.
    points : float
        Points at the odds stated next.
    odds : float
        Goods for each bad, such as 50 for 50 to 1.

    Raises
    ------
    ConfigError
        Where points to double the odds, or the odds, are not above 0, or a number is a billion or more.

    Examples
    --------
    >>> scale = PointScale(points_to_double_odds=20, points=600, odds=50)
    >>> round(scale.factor, 4), round(scale.offset, 3)  # as in Siddiqi's example
    (28.8539, 487.123)
    >>> scale.probability(np.array([600, 620])).round(4)
    array([0.0196, 0.0099])
    """

    points_to_double_odds: float = 20.0
    points: float = 600.0
    odds: float = 50.0

    def __post_init__(self) -> None:
        for name in ("points_to_double_odds", "odds"):
            require_number(getattr(self, name), name=name, zero=False, below=_MOST)
        require_number(abs(self.points), name="points", below=_MOST)

    @property
    def factor(self) -> float:
        """Points for a unit of log-odds."""
        return self.points_to_double_odds / log(2.0)

    @property
    def offset(self) -> float:
        """Points at odds of 1 to 1."""
        return self.points - self.factor * log(self.odds)

    def probability(self, points: FloatArray | IntArray) -> FloatArray:
        """Probability of a bad outcome at these points, of their shape."""
        return np.asarray(expit((self.offset - np.asarray(points)) / self.factor))

    @property
    def words(self) -> str:
        """The scale in a sentence.

        Examples
        --------
        >>> PointScale().words
        '600 points are odds of 50 to 1 against default, and every 20 points more double them.'
        """
        return (
            f"{self.points:g} points are odds of {self.odds:g} to 1 against default, and every"
            f" {self.points_to_double_odds:g} points more double them."
        )


@dataclass(frozen=True, eq=False)
class Scorecard:
    """A fitted scorecard in whole points: those of all applicants, and those of the bin that each column is in.

    A bin of points 0 says nothing; more points are less risk. Points are rounded one by one, so that they can be
    added by hand: the sum is within half a point for each column used, and half a point more, of what the model says.

    Parameters
    ----------
    model : ScorecardClassifier
        Fitted.
    scale : PointScale

    Examples
    --------
    >>> table = pd.DataFrame({"debt": np.arange(100.0) % 10})
    >>> model = ScorecardClassifier(2).fit(table, (table["debt"] + np.arange(100) % 7 > 9).astype(int))
    >>> card = Scorecard(model, PointScale())
    >>> card.base, card.points["debt"]
    (512, array([ 80, -34,   0]))
    >>> card.score(pd.DataFrame({"debt": [1.0, 9.0, None]}))
    array([592, 478, 512])
    """

    model: ScorecardClassifier
    scale: PointScale

    @property
    def base(self) -> int:
        """Points that every applicant has."""
        # The intercept is a log-odds of the bad outcome, points are of the good one.
        return round(self.scale.offset - self.scale.factor * self.model.intercept_)

    @property
    def points(self) -> dict[str, IntArray]:
        """Points of each bin (n_bins,), of each column that is used."""
        evidence, factor = self.model.evidence_, self.scale.factor
        # Weights speak for goods, coefficients for bads.
        return {
            name: np.rint(-factor * coefficient * evidence[name].weights).astype(np.int64)
            for name, coefficient in self.model.coefficients_.items()
        }

    def score(self, X: pd.DataFrame | FloatArray) -> IntArray:
        """Points of every row of X (n_rows, n_columns), shape (n_rows,)."""
        points, placed = self.points, self.model.place(X)
        return sum((points[name][bins] for name, bins in placed.items()), np.full(len(X), self.base))

    def table(self) -> pd.DataFrame:
        """One row per bin of each column used: `column` and those of `Evidence.table`, then `points`."""
        tables = {name: self.model.evidence_[name].table().assign(points=own) for name, own in self.points.items()}
        if not tables:
            return pd.DataFrame(columns=["column", "bin", "n", "bad_rate", "weight", "information", "points"])
        return pd.concat(tables, names=["column", None]).reset_index(level="column").reset_index(drop=True)
