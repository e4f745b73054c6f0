"""Weight of evidence: what being in a bin says about the outcome, and how much a column says in all.

The weight of a bin is ln(its share of all goods / its share of all bads): above 0 where risk is lower than on average.
The information value of a column is the sum over its bins of (share of goods - share of bads) times the weight, which
is Jeffreys' divergence of goods and bads (Good 1950, Probability and the Weighing of Evidence; Kullback 1959, chapter
1; Siddiqi 2006, Credit Risk Scorecards, chapter 6).
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.features.binning import Bins
from finnet.types import FloatArray, IntArray

__all__ = ["Evidence"]

_PSEUDO_ROWS = 0.5  # of the rarer outcome in every bin: as in Haldane 1956 and Anscombe 1956 for a single odds ratio


@dataclass(frozen=True, eq=False)
class Evidence:
    """The outcomes in each bin of one column, and what they say.

    Parameters
    ----------
    bins : NumberBins or LevelBins
    good, bad : ndarray of int, shape (n_bins,)
        Rows of each bin whose outcome was 0, and 1; DataError where one of them is 0 in all.

    Examples
    --------
    >>> from finnet.features.binning import NumberBins
    >>> evidence = Evidence(NumberBins((1.0,)), good=np.array([60, 30, 0]), bad=np.array([4, 6, 0]))
    >>> evidence.weights.round(2), evidence.information_value.round(2), evidence.null_value.round(2)
    (array([ 0.47, -0.53,  0.  ]), np.float64(0.26), np.float64(0.11))
    """

    bins: Bins
    good: IntArray
    bad: IntArray

    def __post_init__(self) -> None:
        if not (self.good.sum() and self.bad.sum()):
            raise DataError("all outcomes are the same, so no bin says anything; give rows of both")

    @classmethod
    def of(cls, bins: Bins, column: Any, y: IntArray) -> Self:
        """What the outcomes y (n_rows,), 1 for a bad one, say of the bins of a column (n_rows,)."""
        placed, n_bins = bins.place(column), len(bins.labels)
        good, bad = (np.bincount(placed[y == outcome], minlength=n_bins) for outcome in (0, 1))
        return cls(bins, good, bad)

    @property
    def n_rows(self) -> int:
        """Rows of all bins."""
        return int(self.good.sum() + self.bad.sum())

    @property
    def weights(self) -> FloatArray:
        """Weight of evidence of each bin, shape (n_bins,), always finite and 0 for a bin without rows.

        Every bin is given as many rows at the rate of all as hold half a row of the rarer outcome. So a bin with rows
        of one outcome alone has a finite weight, and one with few rows a small one.
        """
        n_good, n_bad = self.good.sum(), self.bad.sum()
        # The same share is added to goods and bads, so that a bin at the rate of all keeps a weight of 0.
        pseudo = _PSEUDO_ROWS / min(n_good, n_bad)
        return np.asarray(np.log((self.good / n_good + pseudo) / (self.bad / n_bad + pseudo)))

    @property
    def parts(self) -> FloatArray:
        """What each bin adds to the information value, shape (n_bins,), none below 0."""
        return np.asarray((self.good / self.good.sum() - self.bad / self.bad.sum()) * self.weights)

    @property
    def information_value(self) -> float:
        """The sum of the parts; 0 where goods and bads are spread alike, and too large by chance where rows are few."""
        return self.parts.sum()  # type: ignore[no-any-return]

    @property
    def null_value(self) -> float:
        """About the information value that a column which says nothing has on average.

        (number of bins with rows - 1) (1 / goods + 1 / bads): over that last factor it is distributed like chi-square
        with a degree of freedom less than bins (Kullback 1959, chapter 6). It holds for bins that were found without
        looking at the outcome; for others it is too small.
        """
        occupied = ((self.good + self.bad) > 0).sum()
        return (occupied - 1) * (1 / self.good.sum() + 1 / self.bad.sum())  # type: ignore[no-any-return]

    def weigh(self, column: Any) -> FloatArray:
        """The weight of the bin of every row, shape (n_rows,)."""
        return self.weights[self.bins.place(column)]

    def table(self) -> pd.DataFrame:
        """One row per bin: `bin`, `n`, `bad_rate` (NaN where no row is in it), `weight`, `information`.

        Examples
        --------
        >>> from finnet.features.binning import LevelBins
        >>> home = pd.Series(["own", "own", "rent", "rent", None])
        >>> Evidence.of(LevelBins((("own",), ("rent",))), home, np.array([0, 0, 1, 0, 1])).table().round(2)
                 bin  n  bad_rate  weight  information
        0        own  2       0.0    1.30         0.87
        1       rent  2       0.5   -0.25         0.04
        2  any other  0       NaN    0.00         0.00
        3    missing  1       1.0   -1.10         0.55
        """
        n = self.good + self.bad
        rate = np.divide(self.bad, n, out=np.full(len(n), np.nan), where=n > 0)
        columns = {"bin": self.bins.labels, "n": n, "bad_rate": rate}
        return pd.DataFrame({**columns, "weight": self.weights, "information": self.parts})
