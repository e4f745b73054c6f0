"""Features of loans: every column of a loan file that has no other use, as numbers or categories."""

import numpy as np
import pandas as pd

from finnet.data.cells import categories, distinct, is_missing, is_number, numbers
from finnet.data.guesses import is_number_or_date
from finnet.data.loan_file import LoanFile
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.data.times import dates
from finnet.types import FloatArray, TimeArray

__all__ = ["REMEDIES", "loan_features"]

DAYS_A_YEAR = 365.25  # of the Julian calendar; an age is off by less than a day in a century

REMEDIES = {
    "words": "add the column to {keys}categories or to {keys}drop, or set {keys}text_is_category = true",
    "dates": "add the column to {keys}ages, which makes years of its dates, or to {keys}drop",
}
"""What to do about a column that holds no numbers."""


def loan_features(
    table: Table, settings: LoanFile, findings: Findings, *, applied_at: TimeArray | None
) -> pd.DataFrame:
    """The features, shape (n_rows, n_features): float and category columns in the order of the file, NaN where missing.

    Cells that are not what their column should hold are noted and become missing. `applied_at` is where ages end; the
    day of the data where it is None.
    """
    unused = {settings.id, settings.applied_at, settings.order, settings.group, settings.weight}
    unused |= set(settings.outcome_columns)
    until = np.full(len(table), np.datetime64(settings.day, "us")) if applied_at is None else applied_at
    features: dict[str, FloatArray | pd.Series] = {}
    for name in (name for name in table.columns if name not in unused):
        if name in settings.ages:
            # `dates` notes empty cells as wrong, and a date of birth may be missing: only the others are read.
            known = ~is_missing(table, name)
            since = np.full(len(table), np.datetime64("NaT", "us"))
            since[known] = dates(table.take(known), name, findings)
            features[name] = np.asarray((until - since) / np.timedelta64(1, "D") / DAYS_A_YEAR)
        elif _is_category(table, name, settings):
            features[name] = categories(table, name, fold_case=settings.fold_case)
        else:
            codes = (*settings.missing_codes, *settings.missing_codes_in.get(name, ()))
            values = numbers(table, name, findings, remedies=REMEDIES)
            features[name] = np.where(np.isin(values, codes), np.nan, values)
    return pd.DataFrame(features, index=pd.RangeIndex(len(table)))


def _is_category(table: Table, name: str, settings: LoanFile) -> bool:
    """Whether a column is a category: declared, or text that is neither numbers nor dates however they are written."""
    if name in settings.categories:
        return True
    if not settings.text_is_category or name == settings.amount:
        return False
    number, missing = is_number(table, name)
    # Mostly numbers: the cells that are none are errors to note, not levels.
    if 2 * number.sum() >= (~missing).sum():
        return False
    return not is_number_or_date(distinct(table, name))
