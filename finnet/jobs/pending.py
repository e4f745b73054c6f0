"""Pending rows: those whose outcome is not known yet, forecast by the final refit of the run itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from finnet.evaluation.profile import Profile
from finnet.evaluation.stability import compared
from finnet.forecasts import Forecasts
from finnet.jobs.new_rows import NewRows, forecast_rows, joined_flags
from finnet.jobs.outputs import to_csv

__all__ = ["PENDING", "Pending"]

PENDING = "pending.csv"


@dataclass(frozen=True, eq=False)
class Pending:
    """Forecasts of rows that neither trained nor tested, each with flags that say how it differs from those.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
    forecasts : Forecasts
        Row by row, or level by level where they are quantiles.
    flags : tuple of str, length n_rows
    aside : DataFrame of shape (n_rows, n_columns), optional
        Columns that are no features, by which rows are decided on.
    """

    X: pd.DataFrame
    forecasts: Forecasts
    flags: tuple[str, ...]
    aside: pd.DataFrame | None = None

    @classmethod
    def of(cls, rows: NewRows, model: Any, *, name: str, profile: Profile, run_id: str) -> Self:
        """Forecasts of the rows by a fitted model of that name, whose training rows gave the profile."""
        forecasts = forecast_rows(rows, model, model=name, run_id=run_id)
        found = compared(profile, rows.X, units=rows.units)
        return cls(rows.X, forecasts, joined_flags(rows, found.flags), rows.aside)

    def to_csv(self, columns: Mapping[str, Sequence[str | float]]) -> bytes:
        """The table that `finnet forecast` writes, in the order of the file, with these columns before the flags."""
        further = {name: list(column) for name, column in {**columns, "flags": self.flags}.items()}
        return to_csv(self.forecasts.table.assign(**further))
