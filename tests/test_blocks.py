"""Blocks leave out rows in turn: every row trains, but no fit whose blocks share a moment with it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.blocks import Blocks
from finnet.data.samples import made_loan_book
from finnet.dataset import CLOCKS, Dataset
from finnet.errors import ConfigError
from finnet.labels import default_dataset

DAY = np.timedelta64(1, "D")


def market(days, horizons, symbols=2):
    """Rows known on given days, traded a day later, whose labels resolve `horizons` days after that."""
    known = np.datetime64("2020-01-01", "us") + np.repeat(np.sort(days), symbols) * DAY
    resolves = known + DAY + np.resize(horizons, len(known)) * DAY
    clocks = pd.DataFrame(dict(zip(CLOCKS, (known, known, known + DAY, resolves), strict=True)))
    rows = np.arange(len(known))
    entity = np.resize(np.array(["A", "B", "C"][:symbols], object), len(known))
    return Dataset(pd.DataFrame({"a": rows.astype(float)}), rows // symbols % 2, entity, "direction", 1, clocks)


@st.composite
def markets(draw):
    days = draw(st.lists(st.integers(0, 120), min_size=40, max_size=60, unique=True))
    horizons = draw(st.lists(st.integers(1, 6), min_size=1, max_size=9))
    return market(np.array(days), np.array(horizons), symbols=draw(st.integers(1, 3)))


@given(dataset=markets(), share=st.sampled_from([0.1, 0.2, 0.34]))
def test_no_row_of_a_fit_shares_a_moment_with_a_block_that_it_leaves_out(dataset, share):
    folds = Blocks(share).cut(dataset, np.arange(len(dataset)), seed=0)
    known, resolves = dataset.clock("known_at"), dataset.clock("resolves_at")
    for fit, *blocks in zip(folds.fit, folds.validation, folds.held_out, strict=True):
        left_out = [(known[block].min(), resolves[block].max()) for block in blocks]
        overlaps = [any(known[i] <= end and resolves[i] >= start for start, end in left_out) for i in range(len(known))]
        assert set(fit) == {i for i, hit in enumerate(overlaps) if not hit}


@given(dataset=markets())
def test_every_row_of_a_market_judges_one_fit_and_trains_another(dataset):
    folds = Blocks(0.2).cut(dataset, np.arange(len(dataset)), seed=0)
    assert sorted(np.concatenate(list(folds.held_out))) == list(range(len(dataset)))
    assert folds.fitted.tolist() == list(range(len(dataset)))


def test_what_stops_a_fit_on_a_market_does_not_judge_it():
    folds = Blocks(0.2).cut(market(np.arange(100), [1]), np.arange(200), seed=0)
    assert [rows.tolist() for rows in folds.validation[:4]] == [rows.tolist() for rows in folds.held_out[1:]]
    assert folds.validation[4].tolist() == folds.held_out[0].tolist()


def test_labels_that_run_together_are_counted_in_bars():
    folds = Blocks().cut(market(np.arange(100), [5]), np.arange(200), seed=0)
    assert folds.overlap == 5
    assert folds.stretch[:12].tolist() == [0] * 10 + [1] * 2


def test_loans_whose_outcomes_take_long_lose_no_row():
    dataset = default_dataset(made_loan_book(loans=500))
    folds = Blocks(0.2).cut(dataset, np.arange(400), seed=0)
    assert [len(rows) for rows in folds.fit] == [320] * 5
    assert len(folds.fitted) == len(folds.judged) == 400
    assert folds.overlap == 1


def test_blocks_of_loans_are_alike_in_their_labels_and_follow_the_seed():
    dataset = default_dataset(made_loan_book(loans=500))
    one, again, other = (Blocks(0.2).cut(dataset, np.arange(500), seed=seed) for seed in (3, 3, 4))
    assert np.ptp([dataset.y[rows].sum() for rows in one.held_out]) <= 1
    assert one.held_out[0].tolist() == again.held_out[0].tolist() != other.held_out[0].tolist()


def test_equal_loans_stay_in_one_block():
    X = pd.DataFrame({"income": np.tile(np.arange(40.0), 3)})
    dataset = Dataset(X, np.tile(np.arange(40) % 2, 3), np.arange(120).astype(str).astype(object), "default", 0)
    folds = Blocks().cut(dataset, np.arange(120), seed=0)
    for fit, held_out in zip(folds.fit, folds.held_out, strict=True):
        assert not set(X["income"][fit]) & set(X["income"][held_out])


@pytest.mark.parametrize(("share", "fits"), [(0.0, 1), (0.01, 20), (0.15, 7), (0.2, 5), (0.25, 4), (0.5, 3), (0.9, 3)])
def test_the_share_held_out_gives_the_number_of_fits(share, fits):
    assert Blocks(share).fits == fits


def test_nothing_held_out_is_no_inner_fold():
    assert Blocks(0.0).cut(market(np.arange(20), [1]), np.arange(40), seed=0) is None


@pytest.mark.parametrize("calibration", [True, False, 0.15, 0.0, 0], ids=repr)
def test_a_share_for_calibration_is_yes_and_zero_is_no(calibration):
    folds = Blocks(0.2, calibration).cut(market(np.arange(40), [1]), np.arange(80), seed=0)
    assert folds.calibrate is bool(calibration)


def test_a_window_shorter_than_its_labels_is_refused_with_the_remedy():
    with pytest.raises(ConfigError, match="give a longer window, a shorter horizon"):
        Blocks().cut(market(np.arange(10), [30]), np.arange(20), seed=0)


def test_a_block_that_holds_all_rows_of_an_outcome_is_kept_in():
    dataset, y = market(np.arange(50), [1], symbols=1), (np.arange(50) < 10).astype(int)
    dataset = Dataset(dataset.X, y, dataset.entity, "direction", 1, dataset.clocks)
    folds = Blocks(0.2).cut(dataset, np.arange(50), seed=0)
    assert len(folds.fit) == 3
    assert all(len(set(y[fit])) == 2 for fit in folds.fit)


def test_blocks_of_loans_keep_a_client_together():
    data = default_dataset(made_loan_book(loans=300))
    data = replace(data, group=np.arange(300) % 70)
    folds = Blocks(0.2).cut(data, np.arange(200), seed=0)
    for fit, held_out in zip(folds.fit, folds.held_out, strict=True):
        assert not np.isin(data.group[fit], data.group[held_out]).any()
    assert folds.stretch.max() == 69


def test_blocks_in_time_leave_out_the_whole_group():
    data = replace(market(np.arange(100), [1]), group=np.repeat(np.arange(100) // 7, 2))
    folds = Blocks(0.2).cut(data, np.arange(200), seed=0)
    for fit, *blocks in zip(folds.fit, folds.validation, folds.held_out, strict=True):
        assert not np.isin(data.group[fit], data.group[np.concatenate(blocks)]).any()
