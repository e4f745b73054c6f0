"""Central tendency: the long-run default rate that published forecasts are moved to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from finnet.checks import require_column
from finnet.errors import ConfigError, DataError
from finnet.forecasts import PROBABILITY_FLOOR
from finnet.types import FloatArray

__all__ = ["ALL", "MISSING", "CentralTendency", "Shift", "find_shift", "segments_of"]

ALL = "all"
"""Name of what all loans are where segments are not told apart."""

MISSING = "missing"
"""Name of the segment of loans whose cell is empty."""


@dataclass(frozen=True)
class CentralTendency:
    """Long-run default rates of published forecasts; a number alone is that of all loans: central_tendency = 0.021.

    Parameters
    ----------
    rates : dict of str to float
        Long-run default rate of each segment; "missing" is that of loans without one.
    column : str
        Column of the applications that says which segment a loan belongs to; "" where there is one rate, of "all".

    Examples
    --------
    >>> CentralTendency({"card": 0.03, "loan": 0.01}, column="product").rates["card"]
    0.03
    """

    rates: dict[str, float]
    column: str

    def __post_init__(self) -> None:
        if not self.column and set(self.rates) != {ALL}:
            raise ConfigError("rates have no column; name the one whose levels they are of")
        if not self.rates:
            raise ConfigError(f"no rates are given for {self.column!r}; write rates = {{ card = 0.03, loan = 0.01 }}")
        for segment, rate in self.rates.items():
            if not 0 < rate < 1:
                raise ConfigError(
                    f"the rate {rate} of {segment!r} is no default rate between 0 and 1; write for instance 0.021"
                )

    def require_segments(self, X: pd.DataFrame) -> None:
        """Raise ConfigError where a segment among these loans has no rate, or a rate no loan.

        Parameters
        ----------
        X : DataFrame of shape (n_loans, n_columns)
            Applications, one row per loan.
        """
        if not self.column:
            return
        require_column(self.column, list(map(str, X)), key="central_tendency.column")
        found = set(segments_of(X[self.column]))
        for wrong, remedy in (
            (found - set(self.rates), "add its rate"),
            (set(self.rates) - found, "no loan has it; leave it out"),
        ):
            if wrong:
                name = sorted(wrong)[0]
                raise ConfigError(f"central_tendency.rates: segment {name!r} of {self.column!r}: {remedy}")


def segments_of(column: "pd.Series[Any]") -> list[str]:
    """Name of the segment of each loan: the cell as text, numbers without needless zeros, "missing" where empty.

    Parameters
    ----------
    column : Series of shape (n_loans,)
        Text, categories or numbers; the names are in its order.

    Examples
    --------
    >>> segments_of(pd.Series([36.0, None])), segments_of(pd.Series(["card", None]))
    (['36', 'missing'], ['card', 'missing'])
    """
    # One empty cell turns a column of whole numbers into floats, and 36.0 must still be the segment "36" of a job file.
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    return [MISSING if pd.isna(cell) else f"{cell:g}" if is_number else str(cell) for cell in column]


@dataclass(frozen=True)
class Shift:
    """What is added to the log-odds of forecasts: one number, or one for each segment of a column.

    Parameters
    ----------
    everywhere : float
        For loans of a segment that has no number of its own.
    column : str
        Of the segments; "" without any.
    by_segment : mapping of str to float

    Examples
    --------
    >>> shift = Shift(0.0, "product", {"card": 0.5})
    >>> shift.move(np.array([0.5, 0.5]), pd.DataFrame({"product": ["card", "loan"]})).round(3)
    array([0.622, 0.5  ])
    """

    everywhere: float
    column: str = ""
    by_segment: Mapping[str, float] = field(default_factory=dict)

    def of(self, X: pd.DataFrame) -> FloatArray:
        """What is added for each row of X, shape (n_rows,)."""
        if not self.column:
            return np.full(len(X), self.everywhere)
        return np.array([self.by_segment.get(name, self.everywhere) for name in segments_of(X[self.column])])

    def move(self, probability: FloatArray, X: pd.DataFrame) -> FloatArray:
        """The shifted probabilities, none nearer to 0 or 1 than `PROBABILITY_FLOOR`; of one segment the order stays.

        Parameters
        ----------
        probability : ndarray of shape (n_rows,)
        X : DataFrame of shape (n_rows, n_columns)
            The applications of these rows.

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        # Floored before, as 0 and 1 have no log-odds, and after, as no certain forecast is published.
        return _floored(expit(logit(_floored(probability)) + self.of(X)))

    def to_json(self) -> dict[str, Any]:
        """As policy.json holds it."""
        return {"everywhere": self.everywhere, "column": self.column, "by_segment": dict(self.by_segment)}

    @classmethod
    def from_json(cls, saved: Any) -> Self:
        """What `to_json` gave; DataError for anything else."""
        try:
            by_segment = {str(name): float(shift) for name, shift in saved["by_segment"].items()}
            return cls(float(saved["everywhere"]), str(saved["column"]), by_segment)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError("the central tendency saved with the run cannot be read; run the job again") from error


def find_shift(
    stated: CentralTendency, probability: FloatArray, X: pd.DataFrame, *, weight: FloatArray | None = None
) -> Shift:
    """What must be added to log-odds so that the mean forecast of these loans, or of each segment, is the stated rate.

    A change of the intercept alone is what another share of defaults among loans of the same kinds asks for (prior
    correction; King & Zeng 2001, Logistic regression in rare events data). A segment without a loan among these gets no
    number of its own: it is moved as the loans of the others are on average.

    Parameters
    ----------
    probability : ndarray of shape (n_forecasts,)
        Forecasts made out of sample: of loans that trained it a model is too sure, so that a shift found on these
        misses the stated rate on all others.
    X : DataFrame of shape (n_forecasts, n_columns)
        The applications that were forecast.
    weight : ndarray of shape (n_forecasts,), optional
        For how much of a loan each forecast counts, above 0; 1 each by default.

    Examples
    --------
    >>> p, X = np.array([0.01, 0.05, 0.3]), pd.DataFrame(index=range(3))
    >>> float(find_shift(CentralTendency({"all": 0.02}, column=""), p, X).move(p, X).mean().round(9))
    0.02
    """
    score = logit(_floored(probability))
    weight = np.ones(len(score)) if weight is None else weight
    if not stated.column:
        return Shift(_added(stated.rates[ALL], score, weight))
    segment = np.array(segments_of(X[stated.column]))
    own = {name: segment == name for name in stated.rates}
    shifts = {
        name: _added(rate, score[own[name]], weight[own[name]])
        for name, rate in stated.rates.items()
        if own[name].any()
    }
    # A segment that nobody has seen is moved as loans are on average.
    return Shift(float(np.average([shifts[name] for name in segment], weights=weight)), stated.column, shifts)


def _added(rate: float, score: FloatArray, weight: FloatArray) -> float:
    # Shifted so far to either side, every forecast lies beyond the rate, so the root is between.
    reach = float(np.abs(score).max()) + abs(float(logit(rate))) + 1.0
    return float(brentq(lambda shift: float(np.average(expit(score + shift), weights=weight)) - rate, -reach, reach))


def _floored(probability: FloatArray) -> FloatArray:
    return np.clip(probability, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
