"""New rows: cases that have not come true yet, each with flags that say how far to trust its forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.evaluation.walk_forward import forecasts_for
from finnet.forecasts import Forecasts
from finnet.types import TimeArray

__all__ = ["BAD_ALREADY", "LATER", "NOT_LENT", "OLD", "REPEATED", "TRAINED", "NewRows", "forecast_rows", "joined_flags"]

NO_FOLD = -1
"""What stands as fold of forecasts that the final refit made."""

BAD_ALREADY = "went bad already"
OLD, LATER, REPEATED = "known before the model was trained", "applied for after today", "repeated"
NOT_LENT = "amount is not above 0"
TRAINED = "equal in every column to a row that trained the model"


@dataclass(frozen=True, eq=False, kw_only=True)
class NewRows:
    """Rows to forecast; times are None where they have no dates.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
    entity : ndarray of str, shape (n_rows,)
    target : str
    horizon : int
    issued_at, tradable_at, resolves_at : ndarray of datetime64[us], shape (n_rows,), optional
        UTC times.
    flags : sequence of list of str
        What is odd about each row by itself.
    units : int
        How many rows are independent of each other.
    aside : DataFrame of shape (n_rows, n_columns), optional
        Columns that are no features, by which rows are decided on.
    """

    X: pd.DataFrame
    entity: np.ndarray
    target: str
    horizon: int
    issued_at: TimeArray | None
    tradable_at: TimeArray | None
    resolves_at: TimeArray | None
    flags: Sequence[list[str]]
    units: int
    aside: pd.DataFrame | None = None


def forecast_rows(rows: NewRows, fitted: Any, *, model: str, run_id: str) -> Forecasts:
    """Forecasts of the rows by a fitted model of that name; their truth is missing."""
    columns = {"model": model, "fold": NO_FOLD, "entity": rows.entity, "target": rows.target, "horizon": rows.horizon}
    clocks = {name: getattr(rows, name) for name in ("issued_at", "tradable_at", "resolves_at")}
    # Clocks that are missing are left out, which `Forecasts` reads as undated.
    times: dict[str, Any] = {name: clock for name, clock in clocks.items() if clock is not None}
    return forecasts_for(fitted, rows.X, {**columns, **times}, run_id=run_id)


def joined_flags(rows: NewRows, found: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One text for each row: what is odd about it by itself, then what was found beside the rows of training."""
    return tuple("; ".join([*own, *odd]) for own, odd in zip(rows.flags, found, strict=True))
