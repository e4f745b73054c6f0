"""Pending loans: those whose outcome is not known yet, forecast by the final refit of the run itself."""

from dataclasses import dataclass
from typing import Self

from finnet.data.panel import LoanBook
from finnet.estimators.saving import model_from_bytes
from finnet.evaluation.stability import Profile, compared
from finnet.forecasts import Forecasts
from finnet.jobs.new_rows import forecast_rows, rows_of_book
from finnet.jobs.outputs import to_csv
from finnet.reporting.text import count, percent

__all__ = ["PENDING", "Pending"]

PENDING = "pending.csv"


@dataclass(frozen=True, eq=False)
class Pending:
    """Forecasts of loans that neither trained nor tested, each with flags that say how it differs from those."""

    forecasts: Forecasts
    flags: tuple[str, ...]

    @classmethod
    def of(cls, book: LoanBook, model: bytes, *, profile: Profile, run_id: str) -> Self:
        """Forecasts of the loans of a book by the network saved as `model`, whose training rows gave the profile."""
        forecasts = forecast_rows(rows_of_book(book, {}), model_from_bytes(model), run_id=run_id)
        found = compared(profile, book.applications, units=len(book))
        return cls(forecasts, tuple("; ".join(odd) for odd in found.flags))

    def to_csv(self) -> bytes:
        """The table that `finnet forecast` writes, in the order of the file."""
        return to_csv(self.forecasts.table.assign(flags=list(self.flags)))

    def sentence(self, cutoff: float) -> str:
        """How many loans there are, what they are forecast on average, and what the cut-off says of them."""
        value = self.forecasts.table["value"]
        return (
            f"{count(len(value))} more loans, whose outcome is not known yet, neither trained nor tested; {PENDING} has"
            f" their forecasts: {percent(value.mean())} on average, {count(int((value > cutoff).sum()))} above the"
            f" cut-off."
        )
