"""Clocks of loans: when each was applied for, when its outcome is known, and which came first where no day is given."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from finnet.data.cells import is_missing, numbers, shown
from finnet.data.loan_file import LoanFile
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.data.times import days_or_moments, to_utc
from finnet.types import FloatArray, TimeArray

__all__ = ["LoanClocks", "loan_clocks", "loan_order"]


class LoanClocks(NamedTuple):
    """UTC times of each loan, shape (n_rows,); both None where the file names no column of days."""

    applied_at: TimeArray | None
    resolves_at: TimeArray | None


def loan_clocks(table: Table, settings: LoanFile, findings: Findings) -> LoanClocks:
    """When each loan was applied for and when its outcome is known: `horizon_months` later, at the same local time.

    Cells that are no days are noted and become NaT.
    """
    if not settings.applied_at:
        return LoanClocks(None, None)
    applied = days_or_moments(table, settings.applied_at, findings, zone=settings.zone)
    local = pd.DatetimeIndex(applied).tz_localize("UTC").tz_convert(settings.zone).tz_localize(None)
    # Months are added to the day alone: added to UTC, a summer of another offset would move the hour.
    days, hours = local.normalize(), local - local.normalize()
    later = days + pd.DateOffset(months=settings.horizon_months) + hours
    return LoanClocks(applied, to_utc(later.as_unit("us").to_numpy(), zone=settings.zone))


def loan_order(table: Table, settings: LoanFile, findings: Findings) -> FloatArray | None:
    """Numbers that rise with the application, shape (n_rows,), missing ones noted; None where no column is named."""
    if not settings.order:
        return None
    remedies = {"dates": "name the column in {keys}applied_at, with {keys}horizon_months"}
    order = numbers(table, settings.order, findings, remedies=remedies)
    # A cell that could not be read has a finding already.
    missing = np.flatnonzero(is_missing(table, settings.order) & ~table.broken)
    sought = {"missing_order": "loans without a place in the order"}
    findings.inspection.look(sought, file=table.file, columns=[settings.order], rows=len(table))
    values = shown(table, settings.order, missing)
    findings.add_rows("missing_order", table.origin.take(missing), column=settings.order, values=values)
    return order
