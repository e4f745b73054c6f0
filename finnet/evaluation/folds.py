"""Folds: what any split gives, held against the clocks of the rows before a model sees them."""

from collections.abc import Iterator

import numpy as np

from finnet.dataset import Dataset
from finnet.errors import ConfigError, LookAheadError
from finnet.splits import Fold, Split
from finnet.types import IntArray

__all__ = ["checked_folds", "require_fold_in_time"]


def checked_folds(split: Split, dataset: Dataset) -> Iterator[Fold]:
    """The folds of a split, each of which passes `require_fold_in_time`."""
    for fold in split.split(dataset):
        require_fold_in_time(fold, dataset)
        yield fold


def require_fold_in_time(fold: Fold, dataset: Dataset) -> None:
    """Raise LookAheadError where a fold trains on what its test rows are to forecast.

    No row may stand on both sides. With dates or an order, the time from `known_at` to `resolves_at` of no training row
    may overlap that of a test row: all that trains had resolved when the test row was known, or was known after that
    had resolved (as in purged k-fold, which measures models and not strategies). Without either, no loan or symbol may
    stand on both sides; and no group may in any case.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> from finnet.labels import Direction, build_dataset
    >>> data = build_dataset(made_market(symbols=1, sessions=20), ["return_1"], Direction(horizon_bars=5))
    >>> require_fold_in_time(Fold(0, train=np.arange(8), test=np.arange(8, 12)), data)
    Traceback (most recent call last):
    finnet.errors.LookAheadError: fold 0: the outcome of training row 3 (MADE000, known_at=2015-01-09T21:00, ...
    """
    for side, rows in (("train", fold.train), ("test", fold.test)):
        # Negative numbers would count from the end, and booleans or floats be taken for something else.
        is_whole = len(rows) > 0 and np.asarray(rows).dtype.kind in "iu"
        if not is_whole or np.min(rows) < 0 or np.max(rows) >= len(dataset):
            allowed = f"0 to {len(dataset) - 1}"
            raise ConfigError(f"fold {fold.number}: {side} holds no row numbers of {allowed}; give at least one")
    both = np.intersect1d(fold.train, fold.test)
    if len(both):
        raise LookAheadError(
            f"fold {fold.number}: {_row(dataset, both[0])} trains and is tested, as {len(both)} rows do; give each row"
            " to one side"
        )
    if dataset.group is not None and np.isin(dataset.group[fold.train], dataset.group[fold.test]).any():
        i = fold.train[np.isin(dataset.group[fold.train], dataset.group[fold.test])][0]
        raise LookAheadError(
            f"fold {fold.number}: training {_row(dataset, i)} belongs together with a test row; keep each group whole"
        )
    if dataset.is_ordered:
        _require_apart(fold, dataset)
    else:
        _require_other_entities(fold, dataset)


def _require_apart(fold: Fold, dataset: Dataset) -> None:
    known, resolves = dataset.clock("known_at"), dataset.clock("resolves_at")
    # Sorted clocks and a search by bisection, since comparing every training row with every test row takes n^2 steps.
    # Of the test rows known before a training row resolved, all must have resolved before that row was known.
    began = np.searchsorted(np.sort(known[fold.test]), resolves[fold.train], side="left")
    ended = np.searchsorted(np.sort(resolves[fold.test]), known[fold.train], side="right")
    overlapping = np.flatnonzero(began > ended)
    if len(overlapping):
        i = fold.train[overlapping[0]]
        j = fold.test[np.flatnonzero((known[fold.test] < resolves[i]) & (resolves[fold.test] > known[i]))[0]]
        raise LookAheadError(
            f"fold {fold.number}: the outcome of training {_row(dataset, i)} overlaps in time that of test"
            f" {_row(dataset, j)}, as do those of {len(overlapping)} training rows; train on rows with resolves_at no"
            " later than known_at of the test rows, as WalkForward does"
        )


def _require_other_entities(fold: Fold, dataset: Dataset) -> None:
    shared = np.isin(dataset.entity[fold.train].astype(str), dataset.entity[fold.test].astype(str))
    if shared.any():
        i = fold.train[np.flatnonzero(shared)[0]]
        raise LookAheadError(
            f"fold {fold.number}: {_row(dataset, i)} stands on both sides under another row number, as {shared.sum()}"
            " training rows do; keep all rows of one loan or symbol on one side"
        )


def _row(dataset: Dataset, row: IntArray) -> str:
    clocks = ""
    if dataset.is_dated:
        for name in ("known_at", "resolves_at"):
            clocks += f", {name}={np.datetime_as_string(dataset.clock(name)[row], unit='m')}"
    return f"row {row} ({dataset.entity[row]}{clocks})"
