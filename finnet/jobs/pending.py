"""Pending rows: those whose outcome is not known yet, forecast by the final refit of the run itself."""

from dataclasses import dataclass
from typing import Self

from finnet.estimators.saving import model_from_bytes
from finnet.evaluation.stability import Profile, compared
from finnet.forecasts import Forecasts
from finnet.jobs.new_rows import NewRows, forecast_rows
from finnet.jobs.outputs import to_csv

__all__ = ["PENDING", "Pending"]

PENDING = "pending.csv"


@dataclass(frozen=True, eq=False)
class Pending:
    """Forecasts of rows that neither trained nor tested, each with flags that say how it differs from those."""

    forecasts: Forecasts
    flags: tuple[str, ...]

    @classmethod
    def of(cls, rows: NewRows, saved: bytes, *, model: str, profile: Profile, run_id: str) -> Self:
        """Forecasts of the rows by the model of that name, saved as these bytes; its training rows gave the profile."""
        forecasts = forecast_rows(rows, model_from_bytes(saved), model=model, run_id=run_id)
        found = compared(profile, rows.X, units=rows.units)
        return cls(forecasts, tuple("; ".join(odd) for odd in found.flags))

    def to_csv(self) -> bytes:
        """The table that `finnet forecast` writes, in the order of the file."""
        return to_csv(self.forecasts.table.assign(flags=list(self.flags)))
