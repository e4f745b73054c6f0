"""Whatever splits rows, no fold trains on what it is tested on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from finnet.data.samples import made_loan_book, made_market
from finnet.dataset import Dataset
from finnet.errors import ConfigError, LookAheadError
from finnet.evaluation.folds import checked_folds
from finnet.evaluation.walk_forward import walk_forward
from finnet.labels import Direction, build_dataset, default_dataset
from finnet.splits import Fold, Holdout, PurgedKFold, RepeatedKFold, WalkForward

DATA = build_dataset(made_market(symbols=3, sessions=150), ["return_1"], Direction(horizon_bars=4))
BARS = np.unique(DATA.clock("known_at"), return_inverse=True)[1]


class Given:
    """A split of row numbers."""

    def __init__(self, *folds):
        self.folds = folds

    def split(self, dataset):
        for number, (train, test) in enumerate(self.folds):
            yield Fold(number, np.asarray(train), np.asarray(test))


def where(is_chosen):
    return np.flatnonzero(is_chosen)


@pytest.mark.parametrize(
    "split", [WalkForward(60, 20), WalkForward(60, 20, embargo_bars=3), Holdout(), PurgedKFold(4)], ids=repr
)
def test_splits_by_the_clocks_pass(split):
    assert len(list(checked_folds(split, DATA)))


def test_rows_between_test_blocks_may_train_once_they_touch_neither():
    test = where((BARS < 10) | (BARS >= 60))
    train = where((BARS >= 15) & (BARS < 55))
    list(checked_folds(Given((train, test)), DATA))


OVERLAPS = {
    "test rows in training": (where(BARS < 80), where((BARS >= 75) & (BARS < 90))),
    "unpurged": (where(BARS < 80), where((BARS >= 80) & (BARS < 90))),
    "one bar too few purged": (where(BARS < 77), where((BARS >= 80) & (BARS < 90))),
    "other symbols of the same days": (where(DATA.entity != "MADE000"), where(DATA.entity == "MADE000")),
    "every other bar": (where(BARS % 2 == 0), where(BARS % 2 == 1)),
    "unpurged after the block": (where(BARS >= 20), where(BARS < 20)),
    "unpurged between two blocks": (where((BARS >= 10) & (BARS < 60)), where((BARS < 10) | (BARS >= 64))),
    "shuffled": next(iter(KFold(5, shuffle=True, random_state=0).split(BARS))),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_a_fold_whose_outcomes_overlap_in_time_is_refused(overlap):
    with pytest.raises(LookAheadError, match=r"fold 0: .*row"):
        list(checked_folds(Given(OVERLAPS[overlap]), DATA))


def test_all_but_the_least_purge_pass():
    list(checked_folds(Given((where(BARS < 76), where((BARS >= 80) & (BARS < 90)))), DATA))


def test_the_overlap_rule_agrees_with_brute_force():
    known, resolves, rng = DATA.clock("known_at"), DATA.clock("resolves_at"), np.random.default_rng(0)
    verdicts = []
    for number in range(60):
        a, b, c, d = np.sort(rng.integers(0, 130, 4))
        train, test = where((a <= BARS) & (b >= BARS)), where((c <= BARS) & (d >= BARS))
        train, test = (train, test) if number % 2 else (test, train)
        overlap = (known[train][:, None] < resolves[test]) & (resolves[train][:, None] > known[test])
        try:
            list(checked_folds(Given((train, test)), DATA))
            verdicts.append((bool(overlap.any()), False))
        except LookAheadError:
            verdicts.append((bool(overlap.any()), True))
    assert all(truth == found for truth, found in verdicts)
    assert {truth for truth, _ in verdicts} == {True, False}


def test_the_error_names_fold_rows_and_clocks():
    split = Given((where(BARS < 70), where(BARS == 74)), OVERLAPS["unpurged"])
    message = r"fold 1: .* training row \d+ \(MADE000, known_at=.*, resolves_at=.*\) overlaps .* test row \d+"
    with pytest.raises(LookAheadError, match=message):
        list(checked_folds(split, DATA))


def test_walk_forward_refuses_a_split_with_test_rows_in_training():
    rows = np.arange(len(DATA))
    with pytest.raises(LookAheadError, match="trains and is tested"):
        walk_forward(LogisticRegression(), DATA, Given((rows, rows[300:])))


@pytest.mark.parametrize("rows", [[], [-1], [10**6], [0.5]])
def test_what_holds_no_row_numbers_is_refused(rows):
    with pytest.raises(ConfigError, match="fold 0: test holds no row numbers"):
        list(checked_folds(Given(([0, 1], rows)), DATA))


def undated(entity):
    return Dataset(pd.DataFrame({"a": np.arange(4.0)}), np.array([0, 1, 0, 1]), np.array(entity, object), "default", 0)


def test_rows_without_dates_pass_where_each_is_another_loan():
    book = made_loan_book(loans=200)
    data = default_dataset(book)
    list(checked_folds(RepeatedKFold(3), Dataset(data.X, data.y, data.entity, "default", 12)))


def test_one_loan_on_both_sides_is_refused():
    with pytest.raises(LookAheadError, match=r"row 1 \(B\) stands on both sides"):
        list(checked_folds(Given(([0, 1], [2, 3])), undated(["A", "B", "B", "C"])))
