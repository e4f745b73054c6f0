"""Test rows that training knows already, or whose levels it does not know, are told before anything trains."""

import numpy as np
import pandas as pd

from finnet.data.inspection import checks_table
from finnet.data.quality import Findings
from finnet.dataset import Dataset
from finnet.jobs.fold_checks import check_folds
from finnet.splits import Fold, RepeatedKFold


class Halves:
    """The first half of the rows trains, the second tests."""

    def split(self, dataset):
        half = len(dataset) // 2
        yield Fold(0, np.arange(half), np.arange(half, len(dataset)))


def checked(X, split=None):
    dataset = Dataset(X, np.arange(len(X)) % 2.0, np.arange(len(X)).astype(str), "default", 0)
    findings = Findings()
    check_folds(dataset, split or RepeatedKFold(folds=4), findings, file="loans.csv")
    return findings


def test_rows_of_their_own_are_checked_and_nothing_is_found():
    findings = checked(pd.DataFrame({"income": np.arange(40.0), "home": pd.Categorical(["own", "rent"] * 20)}))
    assert findings.problems == []
    checks = checks_table([findings.inspection]).set_index("rule")
    assert checks.loc["unseen_in_fold", ["columns", "rows"]].tolist() == ["home", 40]
    assert "row or entity on both sides" in checks.loc["fold_in_time", "sought"]


def test_rows_that_stand_twice_are_found_on_both_sides():
    twice = pd.DataFrame({"income": np.arange(40.0) % 20})
    (problem,) = checked(twice, Halves()).problems
    assert (problem.rule, problem.value) == ("equal_across_folds", "20 of 20 test rows, fold by fold")
    # This split keeps equal rows together, which the check confirms.
    assert checked(twice).problems == []


def test_a_level_of_one_row_is_unknown_to_the_fold_that_tests_it():
    home = pd.Categorical(["castle", *["own"] * 39])
    (problem,) = checked(pd.DataFrame({"income": np.arange(40.0), "home": home})).problems
    assert (problem.rule, problem.column, problem.value) == (
        "unseen_in_fold",
        "home",
        "1 of 40 test rows, fold by fold",
    )


def test_a_missing_cell_is_no_unknown_level():
    home = pd.Categorical([None, *["own"] * 39])
    assert checked(pd.DataFrame({"income": np.arange(40.0), "home": home})).problems == []
