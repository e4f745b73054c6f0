"""Columns of a loan file with a meaning of their own: ids, groups, weights and amounts."""

import numpy as np
import pandas as pd

from finnet.data.cells import is_missing, numbers, shown
from finnet.data.loan_features import REMEDIES
from finnet.data.loan_file import LoanFile
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["LoanIds", "distinct_loan_ids", "loan_amounts", "loan_groups", "loan_ids", "loan_weights"]

LoanIds = np.ndarray[tuple[int], np.dtype[np.object_]]
"""Ids of loans, text, shape (n,)."""


def loan_ids(table: Table, settings: LoanFile, findings: Findings) -> LoanIds:
    """The id of each loan, shape (n_rows,), blank and repeated ones noted; row numbers from 1 without a column."""
    if not settings.id:
        return _row_numbers(table)
    names = _words(table, settings.id)
    for rule, found in (("blank_text", names == ""), ("duplicate_id", names.duplicated() & (names != ""))):
        _note(findings, rule, table, column=settings.id, rows=found.to_numpy())
    return _row_numbers(table) if names.duplicated().any() else names.to_numpy(object)


def distinct_loan_ids(table: Table, settings: LoanFile) -> LoanIds:
    """The id of each loan, shape (n_rows,); one that repeats gets a number behind it, "7 (2)".

    New applications may repeat an id, or the whole of a row: each is forecast by itself.
    """
    if not settings.id:
        return _row_numbers(table)
    names = _words(table, settings.id)
    repeat = names.groupby(names).cumcount() + 1
    return names.where(repeat == 1, names + " (" + repeat.astype(str) + ")").to_numpy(object)


def _row_numbers(table: Table) -> LoanIds:
    return np.arange(1, len(table) + 1).astype(str).astype(object)


def _words(table: Table, column: str) -> "pd.Series[str]":
    cells = pd.Series(table.columns[column].to_pylist(), dtype=object)
    return cells.fillna("").astype(str).str.strip()


def loan_groups(table: Table, settings: LoanFile) -> IntArray | None:
    """A number for each group, shape (n_rows,); loans that name none have one of their own.

    None without a column, and where no loan names a group.
    """
    if not settings.group:
        return None
    # A loan without a name is nobody's: numbers above all others keep such loans apart.
    group = np.asarray(pd.factorize(_words(table, settings.group))[0], np.int64)
    alone = is_missing(table, settings.group)
    if alone.all():
        return None
    group[alone] = len(table) + np.arange(alone.sum())
    return group


def loan_weights(table: Table, settings: LoanFile, findings: Findings) -> FloatArray | None:
    """For how many loans each row stands, shape (n_rows,); a cell that is not above 0 is noted, and counts as 1."""
    if not settings.weight:
        return None
    weight = numbers(table, settings.weight, findings, remedies=REMEDIES)
    for rule, rows in (("missing_weight", is_missing(table, settings.weight)), ("non_positive_weight", weight <= 0)):
        _note(findings, rule, table, column=settings.weight, rows=rows & ~table.broken)
    # NaN is not above 0, so a missing weight counts as 1 too; both are errors that forbid reading in the end.
    return np.where(weight > 0, weight, 1.0)


def loan_amounts(table: Table, settings: LoanFile, findings: Findings, *, features: pd.DataFrame) -> FloatArray | None:
    """The lent amounts, shape (n_rows,), among the features; missing ones and those not above 0 are noted."""
    if not settings.amount:
        return None
    amount = features[settings.amount].to_numpy(float)
    for rule, rows in (("missing_amount", np.isnan(amount) & ~table.broken), ("non_positive_amount", amount <= 0)):
        _note(findings, rule, table, column=settings.amount, rows=rows)
    return amount


_SOUGHT = {
    "blank_text": "loans without an id",
    "duplicate_id": "ids that stand twice",
    "missing_weight": "weights that are missing",
    "non_positive_weight": "weights of 0 or less",
    "missing_amount": "amounts that are missing",
    "non_positive_amount": "amounts of 0 or less",
}


def _note(findings: Findings, rule: str, table: Table, *, column: str, rows: BoolArray) -> None:
    findings.inspection.look({rule: _SOUGHT[rule]}, file=table.file, columns=[column], rows=len(table))
    at = np.flatnonzero(rows)
    findings.add_rows(rule, table.origin.take(at), column=column, values=shown(table, column, at))
