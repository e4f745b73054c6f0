"""No splitter lets a row train that had not resolved; brute force says so."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.data.loan_book import LoanBook
from finnet.dataset import CLOCKS, Dataset
from finnet.errors import ConfigError, LookAheadError
from finnet.evaluation.folds import checked_folds, require_fold_in_time
from finnet.labels import default_dataset
from finnet.splits import Fold, Holdout, PurgedKFold, RepeatedKFold, WalkForward, fold_table, scattered_parts

DAY = np.timedelta64(1, "D")
SPLITS = [
    WalkForward(train_bars=12, test_bars=5),
    WalkForward(train_bars=12, test_bars=7, expanding=True, embargo_bars=3),
    Holdout(test_share=0.4),
    Holdout(test_from="2020-01-25"),
    PurgedKFold(folds=4),
    PurgedKFold(folds=3, embargo_bars=4),
]


def made(known_days, horizons, entities=1):
    """Rows known on given days whose labels resolve `horizons` days after the trade."""
    known = np.datetime64("2020-01-01", "us") + np.repeat(np.sort(known_days), entities) * DAY
    resolves = known + DAY + np.resize(horizons, len(known)) * DAY
    clocks = pd.DataFrame(dict(zip(CLOCKS, (known, known, known + DAY, resolves), strict=True)))
    X = pd.DataFrame({"a": np.arange(len(known), dtype=float)})
    entity = np.resize(np.array(["A", "B", "C"], object), len(known))
    return Dataset(X, np.arange(len(known)) % 2, entity, "direction", 1, clocks)


@st.composite
def datasets(draw):
    days = draw(st.lists(st.integers(0, 60), min_size=30, max_size=50, unique=True))
    horizons = draw(st.lists(st.integers(1, 6), min_size=1, max_size=9))
    return made(np.array(days), np.array(horizons), entities=draw(st.integers(1, 3)))


@pytest.mark.parametrize("split", SPLITS[:4], ids=repr)
@given(dataset=datasets())
def test_training_rows_resolved_before_the_first_test_row_was_known(split, dataset):
    for fold in split.split(dataset):
        deadline = min(dataset.clock("known_at")[i] for i in fold.test)
        assert all(dataset.clock("resolves_at")[i] <= deadline for i in fold.train)


@pytest.mark.parametrize("split", SPLITS[4:], ids=repr)
@given(dataset=datasets())
def test_purged_folds_share_no_moment_with_their_test_block(split, dataset):
    known, resolves = dataset.clock("known_at"), dataset.clock("resolves_at")
    for fold in split.split(dataset):
        start, end = known[fold.test].min(), resolves[fold.test].max()
        later = np.unique(known[known > end])
        if split.embargo_bars and len(later):
            end = later[min(split.embargo_bars, len(later)) - 1]
        overlaps = [known[i] <= end and resolves[i] >= start for i in range(len(dataset))]
        assert set(fold.train) == {i for i, hit in enumerate(overlaps) if not hit}


@given(dataset=datasets())
def test_purged_folds_test_every_row_once(dataset):
    tested = np.concatenate([fold.test for fold in PurgedKFold(folds=4).split(dataset)])
    assert sorted(tested) == list(range(len(dataset)))


@given(dataset=datasets())
def test_walk_forward_tests_every_row_after_the_first_window_once(dataset):
    bars = np.unique(dataset.clock("known_at"))
    tested = np.concatenate([fold.test for fold in WalkForward(train_bars=12, test_bars=5).split(dataset)])
    assert tested.tolist() == np.flatnonzero(dataset.clock("known_at") >= bars[12]).tolist()


def test_rows_without_label_are_tested_but_never_train():
    data = made(np.arange(10), [1])
    y = np.where(np.arange(10) % 3 == 0, np.nan, data.y.astype(float))
    data = Dataset(data.X, y, data.entity, "direction", 1, data.clocks)
    for split in (WalkForward(train_bars=5, test_bars=5), Holdout(test_share=0.5), PurgedKFold(folds=2)):
        folds = list(split.split(data))
        assert all(data.has_label[fold.train].all() for fold in folds)
        assert any(not data.has_label[fold.test].all() for fold in folds)


def test_walk_forward_by_hand():
    dataset = made(np.arange(8), [1])  # row i is known on day i and resolves on day i + 2
    folds = list(WalkForward(train_bars=4, test_bars=3).split(dataset))
    assert [fold.train.tolist() for fold in folds] == [[0, 1, 2], [3, 4, 5]]
    assert [fold.test.tolist() for fold in folds] == [[4, 5, 6], [7]]


def test_expanding_windows_keep_their_first_row():
    folds = list(WalkForward(train_bars=4, test_bars=2, expanding=True).split(made(np.arange(10), [1])))
    assert {fold.train[0] for fold in folds} == {0}


def test_an_embargo_takes_its_bars_from_the_end_of_the_window():
    fold = next(iter(WalkForward(train_bars=6, test_bars=2, embargo_bars=2).split(made(np.arange(10), [1]))))
    assert fold.train.tolist() == [0, 1, 2]


def test_a_window_longer_than_the_data_is_refused_with_the_longest_possible():
    with pytest.raises(ConfigError, match=r"train_bars=30 leaves no test bar in 10; use at most 9"):
        list(WalkForward(train_bars=30).split(made(np.arange(10), [1])))


@pytest.mark.parametrize(
    "make",
    [
        lambda: WalkForward(train_bars=0),
        lambda: WalkForward(train_bars=5, embargo_bars=5),
        lambda: Holdout(test_share=1.0),
        lambda: PurgedKFold(folds=1),
        lambda: RepeatedKFold(repeats=0),
    ],
)
def test_impossible_settings_are_refused(make):
    with pytest.raises(ConfigError, match="use"):
        make()


def undated(rows=100):
    X = pd.DataFrame({"a": np.arange(rows, dtype=float)})
    return Dataset(X, (np.arange(rows) % 4 == 0).astype(int), np.arange(rows).astype(str).astype(object), "default", 0)


def test_dated_rows_are_never_shuffled():
    with pytest.raises(LookAheadError, match="WalkForward"):
        next(RepeatedKFold().split(made(np.arange(10), [1])))


def test_more_folds_than_rows_of_an_outcome_are_refused():
    with pytest.raises(ConfigError, match="rarest outcome has 25 rows"):
        next(RepeatedKFold(folds=26).split(undated()))


def test_repeated_folds_are_stratified_and_test_every_row_once_a_repeat():
    folds = list(RepeatedKFold(folds=5, repeats=2).split(undated()))
    assert [fold.number for fold in folds] == list(range(10))
    assert all(undated().y[fold.test].mean() == 0.25 for fold in folds)
    assert sorted(np.concatenate([fold.test for fold in folds])) == sorted([*range(100)] * 2)


def given_three_times(rows=60):
    once = undated(rows)
    X, y = pd.concat([once.X] * 3, ignore_index=True), np.tile(once.y, 3)
    return Dataset(X, y, np.arange(3 * rows).astype(str).astype(object), "default", 0)


def test_equal_rows_stay_on_one_side_of_every_split():
    data = given_three_times()
    for fold in RepeatedKFold(folds=4, repeats=2).split(data):
        assert not set(data.X["a"][fold.train]) & set(data.X["a"][fold.test])
        assert data.y[fold.test].mean() == pytest.approx(0.25, abs=0.07)


def test_missing_values_are_equal_to_each_other():
    X = pd.DataFrame({"a": [1.0, np.nan] * 30 + list(range(40)), "b": ["x", None] * 30 + ["y"] * 40})
    part = scattered_parts(X, np.zeros(100), parts=4, seed=0)
    assert len(set(part[:60:2])) == len(set(part[1:60:2])) == 1


def test_rows_of_few_kinds_are_divided_one_by_one():
    X = pd.DataFrame({"grade": np.arange(90) % 3})
    assert np.bincount(scattered_parts(X, np.zeros(90), parts=3, seed=0)).tolist() == [30, 30, 30]


def test_fold_table_states_days_and_rows():
    row = fold_table(made(np.arange(8), [1]), WalkForward(train_bars=4, test_bars=4)).iloc[0]
    days = [str(row[name].date()) for name in ("train_from", "train_to", "test_from", "test_to")]
    assert days == ["2020-01-01", "2020-01-03", "2020-01-05", "2020-01-08"]
    assert (row["train_rows"], row["test_rows"]) == (3, 4)


def test_fold_table_of_undated_rows_has_no_days():
    assert fold_table(undated(), RepeatedKFold())["test_from"].isna().all()


def in_order(ranks):
    """Loans whose order of application is known, and nothing of their days."""
    n = len(ranks)
    X, y = pd.DataFrame({"a": np.arange(n, dtype=float)}), np.arange(n) % 2
    ids = np.arange(n).astype(str).astype(object)
    return default_dataset(LoanBook(ids, X, y, order=np.asarray(ranks, float), order_name="rank"))


@pytest.mark.parametrize("split", [*SPLITS[:3], *SPLITS[4:]], ids=repr)
def test_splits_follow_an_order_without_dates_and_keep_equal_ranks_together(split):
    data = in_order(np.random.default_rng(0).integers(0, 40, 300))
    known = data.clock("known_at")
    for fold in checked_folds(split, data):
        assert not np.isin(known[fold.train], known[fold.test]).any()
        if not isinstance(split, PurgedKFold):
            assert known[fold.train].max() < known[fold.test].min()


def test_rows_in_an_order_are_not_shuffled():
    with pytest.raises(LookAheadError, match="in the order of rank"):
        list(RepeatedKFold().split(in_order(range(20))))


def test_an_order_has_no_day_to_test_from():
    with pytest.raises(ConfigError, match="use test_share"):
        list(Holdout(test_from="2020-01-25").split(in_order(range(20))))


def test_an_embargo_counts_ranks():
    fold = next(WalkForward(train_bars=12, embargo_bars=3).split(in_order(range(20))))
    assert fold.train.tolist() == list(range(9))


def clients(*, dated=False, equal=False):
    """120 loans of 40 clients, three each, one after another or far apart."""
    n, rng = 120, np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.integers(0, 30, n).astype(float) if equal else rng.normal(size=n)})
    order = {"order": np.arange(n, dtype=float), "order_name": "rank"} if dated else {}
    group = np.arange(n) // 3 if dated else np.arange(n) % 40
    ids = np.arange(n).astype(str).astype(object)
    return default_dataset(LoanBook(ids, X, rng.integers(0, 2, n), group=group, **order))


@pytest.mark.parametrize("equal", [False, True])
def test_shuffled_folds_keep_the_loans_of_a_client_together(equal):
    data = clients(equal=equal)
    for fold in checked_folds(RepeatedKFold(folds=4, repeats=2), data):
        assert not np.isin(data.group[fold.train], data.group[fold.test]).any()
        assert len(fold.test) >= 15


@pytest.mark.parametrize("split", [WalkForward(train_bars=50, test_bars=20), Holdout(), PurgedKFold(4)], ids=repr)
def test_a_client_in_the_test_rows_does_not_train(split):
    data = clients(dated=True)
    for fold in checked_folds(split, data):
        assert not np.isin(data.group[fold.train], data.group[fold.test]).any()


def test_more_folds_than_clients_are_refused():
    data = replace(clients(), group=np.arange(120) % 3)
    with pytest.raises(ConfigError, match="there are 3 groups"):
        list(RepeatedKFold(folds=5).split(data))


def test_a_split_of_ones_own_may_not_divide_a_client():
    with pytest.raises(LookAheadError, match="belongs together"):
        require_fold_in_time(Fold(0, np.arange(60), np.arange(60, 120)), clients())


def test_equal_rows_of_two_clients_keep_all_their_loans_together():
    X = pd.DataFrame({"a": [1.0, 2.0, 2.0, *np.arange(3.0, 20.0)]})
    group = np.array([0, 0, 1, 1, *np.arange(2, 18)])
    part = scattered_parts(X, np.zeros(20), parts=3, seed=0, group=group)
    assert len(set(part[:4])) == 1


def test_folds_of_numbers_are_alike_and_differ_from_repeat_to_repeat():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    data = Dataset(pd.DataFrame({"x": rng.normal(size=200)}), y, np.arange(200).astype(str).astype(object), "size", 0)
    folds = list(RepeatedKFold(folds=4, repeats=2).split(data))
    assert [len(fold.test) for fold in folds] == [50] * 8
    assert np.ptp([y[fold.test].mean() for fold in folds]) < 0.15
    assert not np.array_equal(folds[0].test, folds[4].test)


def test_one_group_of_all_rows_cannot_be_divided_and_the_remedy_is_another_group():
    one = np.zeros(100, int)
    with pytest.raises(ConfigError, match=r"all rows are of one group, .* or leave it out"):
        list(RepeatedKFold(folds=3).split(replace(undated(), group=one)))
    dated = made(list(range(30)), [1] * 30)
    with pytest.raises(ConfigError, match=r"fold 0 has no training row: all .* of groups that its test rows have too"):
        list(Holdout(test_share=0.4).split(replace(dated, group=np.zeros(len(dated), int))))
