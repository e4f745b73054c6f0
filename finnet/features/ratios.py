"""Ratios and differences of two numbers, chosen by what a forecast has left unexplained."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.types import FloatArray

__all__ = ["Ratio", "find_ratios"]


@dataclass(frozen=True)
class Ratio:
    """`first` over `second`, or with `is_difference` less it; missing where either is, or where `second` is 0.

    Examples
    --------
    >>> Ratio("debt", "income").of(pd.DataFrame({"debt": [1.0, 2.0], "income": [4.0, 0.0]}))
    array([0.25,  nan])
    """

    first: str
    second: str
    is_difference: bool = False

    @property
    def name(self) -> str:
        """What the new column is called."""
        return f"{self.first} {'-' if self.is_difference else '/'} {self.second}"

    def of(self, table: pd.DataFrame) -> FloatArray:
        """Values of shape (n_rows,)."""
        one, other = (table[name].to_numpy(np.float64) for name in (self.first, self.second))
        if self.is_difference:
            return one - other
        with np.errstate(all="ignore"):
            quotient = one / np.where(other == 0.0, np.nan, other)
        return np.where(np.isfinite(quotient), quotient, np.nan)


def find_ratios(table: pd.DataFrame, residuals: FloatArray) -> tuple[Ratio, ...]:
    """To come."""
    return ()
