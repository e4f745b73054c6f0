"""Fold checks: what test rows of folds share with the rows that train them, and what they have that those lack."""

import numpy as np
import pandas as pd

from finnet.data.quality import Findings
from finnet.dataset import Dataset
from finnet.evaluation.folds import checked_folds
from finnet.splits import Split
from finnet.types import BoolArray, IntArray

__all__ = ["check_folds"]

MOST = 0.01
"""Share of test rows from which on rows that equal one of training, or have a new level, are told."""


def check_folds(dataset: Dataset, split: Split, findings: Findings, *, file: str) -> None:
    """Note test rows that equal a training row of their fold, or have a level that none of those has.

    LookAheadError where a fold trains on what its test rows are to forecast.

    Examples
    --------
    >>> from finnet.splits import RepeatedKFold
    >>> X = pd.DataFrame({"income": np.arange(8.0), "home": pd.Categorical(["castle", *["own"] * 7])})
    >>> loans = Dataset(X, np.tile([0.0, 1.0], 4), np.arange(8).astype(str), "default", 0)
    >>> findings = Findings()
    >>> check_folds(loans, RepeatedKFold(folds=2), findings, file="loans.csv")
    >>> [(problem.rule, problem.value) for problem in findings.problems]
    [('unseen_in_fold', '1 of 8 test rows, fold by fold')]
    """
    # Numbers in place of values: a row or level is then looked up by its place, whatever the number of folds.
    rows = np.unique(pd.util.hash_pandas_object(dataset.X, index=False).to_numpy(), return_inverse=True)[1]
    levels = {str(name): np.asarray(dataset.X[name].cat.codes) for name in dataset.X.select_dtypes("category")}
    tested, equal, unseen = 0, 0, dict.fromkeys(levels, 0)
    for fold in checked_folds(split, dataset):
        tested += len(fold.test)
        equal += int((~_is_new(rows, fold.train, fold.test)).sum())
        for name, codes in levels.items():
            unseen[name] += int((_is_new(codes, fold.train, fold.test) & (codes[fold.test] >= 0)).sum())
    # What `checked_folds` demands, which raises where it does not hold.
    sides = ["row", *["entity"] * (not dataset.is_ordered), *["group"] * (dataset.group is not None)]
    overlap = ", or training and test rows that overlap in time" * dataset.is_ordered
    of_all = f"test rows, {100 * MOST:g} % or more of all,"
    sought = {
        "fold_in_time": f"folds with a {' or '.join(sides)} on both sides{overlap}",
        "equal_across_folds": f"{of_all} that equal a training row of their fold in every column",
    }
    findings.inspection.look(sought, file=file, columns=None, rows=tested)
    if levels:
        sought = {"unseen_in_fold": f"{of_all} with a level that no training row of their fold has"}
        findings.inspection.look(sought, file=file, columns=levels, rows=tested)
    counts = [("equal_across_folds", "", equal), *(("unseen_in_fold", *own) for own in unseen.items())]
    for rule, column, count in counts:
        if count >= MOST * tested:
            findings.add(rule, file, column=column, value=f"{count:,} of {tested:,} test rows, fold by fold")


def _is_new(values: IntArray, train: IntArray, test: IntArray) -> BoolArray:
    """Which test rows have a value, from -1 on, that no training row has, shape (n_test,)."""
    seen = np.zeros(int(values.max(initial=-1)) + 2, bool)
    seen[values[train]] = True
    return ~seen[values[test]]
