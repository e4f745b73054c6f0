"""Splits cut a Dataset by its clocks: a row trains only if it resolved before the first test row was known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from finnet.checks import require_at_least, require_share
from finnet.dataset import Dataset
from finnet.errors import ConfigError, LookAheadError
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = [
    "Fold",
    "Holdout",
    "PurgedKFold",
    "RepeatedKFold",
    "Split",
    "WalkForward",
    "fold_table",
    "is_forward",
    "scattered_parts",
]


@dataclass(frozen=True, eq=False)
class Fold:
    """Row numbers of one training set, shape (n_train,), all with labels, and of one test set, (n_test,); ascending."""

    number: int
    train: IntArray
    test: IntArray


class Split(Protocol):
    """Anything that cuts a Dataset into folds of row numbers."""

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        """Folds in a fixed order."""
        ...


@dataclass(frozen=True)
class WalkForward:
    """Train on a window, forecast the bars after it, move on: the way a model would have been used.

    A bar is one distinct `known_at`. A row trains if it lies in the window and `resolves_at` is no later than the
    `known_at` of the first test row, less the embargo.

    Parameters
    ----------
    train_bars : int
        Length of the training window, and the number of bars before the first forecast.
    test_bars : int
        Bars forecast before the next refit.
    expanding : bool
        Whether the window keeps its first bar instead of moving on.
    embargo_bars : int
        Bars left out between the last resolved training label and the first test bar.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> from finnet.labels import Direction, build_dataset
    >>> data = build_dataset(made_market(symbols=2, sessions=60), ["return_1"], Direction())
    >>> [(len(fold.train), len(fold.test)) for fold in WalkForward(train_bars=30, test_bars=20).split(data)]
    [(58, 40), (58, 14)]
    """

    train_bars: int = 1000
    test_bars: int = 250
    expanding: bool = False
    embargo_bars: int = 0

    def __post_init__(self) -> None:
        require_at_least(self.train_bars, 2, name="train_bars")
        require_at_least(self.test_bars, 1, name="test_bars")
        require_at_least(self.embargo_bars, 0, name="embargo_bars")
        if self.embargo_bars >= self.train_bars:
            raise ConfigError(
                f"embargo_bars={self.embargo_bars} swallows the window; use less than train_bars={self.train_bars}"
            )

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        """Folds in time order; ConfigError where the data ends before the first test bar."""
        known = dataset.clock("known_at")
        bars = np.unique(known)
        if self.train_bars >= len(bars):
            raise ConfigError(
                f"train_bars={self.train_bars} leaves no test bar in {len(bars)}; use at most {len(bars) - 1}"
            )
        for number, first in enumerate(range(self.train_bars, len(bars), self.test_bars)):
            last = min(first + self.test_bars, len(bars)) - 1
            window = known >= bars[0 if self.expanding else first - self.train_bars]
            # By the moment of resolution, not by row number: labels of the last bars of the window are not known yet.
            train = window & dataset.resolved_by(bars[first - self.embargo_bars])
            yield _fold(dataset, number, train=train, test=(known >= bars[first]) & (known <= bars[last]))


@dataclass(frozen=True)
class Holdout:
    """One split in time: the last rows are the test set.

    Parameters
    ----------
    test_share : float
        Share of the bars (distinct `known_at`) in the test set; ignored where `test_from` is given.
    test_from : str, optional
        First day of the test set, as "2015-08-03", compared with `known_at`.
    """

    test_share: float = 0.3
    test_from: str | None = None

    def __post_init__(self) -> None:
        try:
            np.datetime64(self.test_from or "NaT", "us")
        except ValueError:
            raise ConfigError(f"test_from={self.test_from!r} is no day; write it as 2020-01-31") from None
        require_share(self.test_share, name="test_share", zero=False)

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        """The one fold; ConfigError where either side would be empty."""
        known = dataset.clock("known_at")
        if self.test_from is not None and not dataset.is_dated:
            raise ConfigError(f"test_from={self.test_from!r}, but rows have no dates; use test_share")
        bars = np.unique(known)
        first: np.datetime64 = bars[min(round(len(bars) * (1 - self.test_share)), len(bars) - 1)]
        test = known >= (first if self.test_from is None else np.datetime64(self.test_from, "us"))
        if not test.any():
            raise ConfigError(f"no row is known on or after {self.test_from}; use a day up to {known[-1]}")
        yield _fold(dataset, 0, train=dataset.resolved_by(known[test][0]), test=test)


@dataclass(frozen=True)
class PurgedKFold:
    """Contiguous test blocks in time, with every training row dropped whose label overlaps the block.

    Label i spans the closed interval [known_at, resolves_at] = [t0, t1]. With s the smallest t0 and e the largest t1 of
    the block, extended by the embargo, row i trains unless t0 <= e and t1 >= s (Lopez de Prado, Advances in Financial
    Machine Learning, 2018, section 7.4). Rows after the block train too, so this measures models, not strategies.

    Parameters
    ----------
    folds : int
        Number of test blocks.
    embargo_bars : int
        Bars after each block that train nothing either.
    """

    folds: int = 5
    embargo_bars: int = 0

    def __post_init__(self) -> None:
        require_at_least(self.folds, 2, name="folds")
        require_at_least(self.embargo_bars, 0, name="embargo_bars")

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        """Folds in the order of their test blocks."""
        known, resolves = dataset.clock("known_at"), dataset.clock("resolves_at")
        bars = np.unique(known)
        if self.folds > len(bars):
            raise ConfigError(f"folds={self.folds} is more than the {len(bars)} bars; use at most {len(bars)}")
        for number, block in enumerate(np.array_split(bars, self.folds)):
            test = (known >= block[0]) & (known <= block[-1])
            end = _bars_later(bars, resolves[test].max(), self.embargo_bars)
            yield _fold(dataset, number, train=~((known <= end) & (resolves >= block[0])), test=test)


def _bars_later(bars: TimeArray, moment: np.datetime64, count: int) -> np.datetime64:
    """The moment `count` bars after `moment`, or `moment` itself where `count` is 0 or the data ends."""
    if count == 0:
        return moment
    after = int(np.searchsorted(bars, moment, side="right")) + count - 1
    later: np.datetime64 = np.maximum(moment, bars[min(after, len(bars) - 1)])
    return later


@dataclass(frozen=True)
class RepeatedKFold:
    """Stratified shuffled folds for rows without dates or order; refuses rows that have either.

    Repeat r shuffles with seed `seed + r`. Rows of one group, and rows that are equal in every feature, stay on one
    side of every split. Folds share training rows, so compare models with the corrected paired test.

    Parameters
    ----------
    folds : int
        Folds of one repeat; each row is tested once in it.
    repeats : int
        How often the rows are shuffled and divided anew.
    seed : int
        Of the shuffles.
    """

    folds: int = 5
    repeats: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(self.folds, 2, name="folds")
        require_at_least(self.repeats, 1, name="repeats")

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        """Folds, repeat after repeat; LookAheadError where rows have dates or an order."""
        if dataset.is_ordered:
            have = f"are in the order of {dataset.in_order_of}" if dataset.in_order_of else "have dates"
            raise LookAheadError(f"these rows {have}, and shuffling would train on the future; use WalkForward")
        rarest = int(np.unique(dataset.y, return_counts=True)[1].min())
        if rarest < self.folds and np.isin(dataset.y, (0, 1)).all():
            raise ConfigError(f"folds={self.folds}, but the rarest outcome has {rarest} rows; use at most that many")
        for repeat in range(self.repeats):
            part = scattered_parts(dataset.X, dataset.y, parts=self.folds, seed=self.seed + repeat, group=dataset.group)
            if part.max() + 1 < self.folds:
                if part.max() == 0:
                    raise ConfigError(f"all rows are of one group, {_UNDIVIDED}")
                raise ConfigError(f"folds={self.folds}, but there are {part.max() + 1} groups; use at most that many")
            for k in range(self.folds):
                yield Fold(repeat * self.folds + k, np.flatnonzero(part != k), np.flatnonzero(part == k))


_UNDIVIDED = (
    "and rows of one group stay on one side of a split; name as group a column that tells clients apart, or leave it"
    " out"
)


def _fold(dataset: Dataset, number: int, *, train: BoolArray, test: BoolArray) -> Fold:
    resolved = train & dataset.has_label
    # Rows of a group on both sides would let a model recognize the client.
    train = resolved & ~dataset.beside(test)
    if not resolved.any():
        raise ConfigError(
            f"fold {number} has no resolved training row before its test rows; lengthen the training window"
        )
    if not train.any():
        raise ConfigError(
            f"fold {number} has no training row: all {resolved.sum():,} are of groups that its test rows have too,"
            f" {_UNDIVIDED}"
        )
    return Fold(number, np.flatnonzero(train), np.flatnonzero(test))


_LABEL_BINS = 10  # of labels that are numbers


def scattered_parts(
    X: pd.DataFrame, y: IntArray | FloatArray, *, parts: int, seed: int, group: IntArray | None = None
) -> IntArray:
    """A part for every row, drawn at random, alike in their labels; equal rows and groups come into the same part.

    Rows that are equal in every feature are likely one case given twice: were they divided, a model would be judged on
    cases that it was fitted on. Where fewer than two different rows a part are left, equality says little, and every
    row is drawn on its own.

    Parameters
    ----------
    X, y : DataFrame of shape (n_rows, n_features), ndarray of shape (n_rows,)
        Features, and labels that every part shall hold its share of.
    group : ndarray of shape (n_rows,), optional
        Rows of one number belong together. Where equal rows would chain groups into more than a part, groups alone do.

    Returns
    -------
    ndarray of shape (n_rows,)
        Numbers from 0 to `parts` - 1, or less where there are fewer groups.

    Examples
    --------
    >>> X, y = pd.DataFrame({"income": [1, 2, 3, 4, 1, 2, 3, 4]}), np.array([0, 0, 1, 1, 0, 0, 1, 1])
    >>> scattered_parts(X, y, parts=2, seed=0).tolist()
    [0, 1, 0, 1, 0, 1, 0, 1]
    """
    # By a hash of 64 bits of each row, as comparing whole tables of mixed types row by row is slow.
    case: IntArray = np.unique(pd.util.hash_pandas_object(X, index=False).to_numpy(), return_inverse=True)[1]
    if case.max() + 1 < 2 * parts:
        case = np.arange(len(y))
    if group is not None:
        case = _joined(case, np.unique(group, return_inverse=True)[1], most=len(y) / parts)
    size = np.bincount(case)
    label = np.bincount(case, weights=y) / size
    if len(np.unique(label)) > 2 * _LABEL_BINS and not np.isin(y, (0, 1)).all():
        # Numbers in bins, so that which of a bin's cases come into a part is left to chance.
        label = (np.argsort(np.argsort(label)) * _LABEL_BINS // len(label)).astype(float)
    # Cases of one label and size lie side by side in this order, and are dealt out in turn.
    order = np.lexsort((np.random.default_rng(seed).random(len(size)), size, label))
    part = np.empty(len(size), np.int64)
    part[order] = np.arange(len(size)) % parts
    return np.asarray(part[case])


def _joined(case: IntArray, group: IntArray, *, most: float) -> IntArray:
    """Rows that share a case or a group, step by step, under one number; the groups where these hold `most` or more."""
    cases = int(case.max()) + 1
    nodes = cases + int(group.max()) + 1
    # A graph of cases and groups with an edge per row: its connected parts are what must stay together.
    ties = coo_array((np.ones(len(case), bool), (case, cases + group)), shape=(nodes, nodes))
    joined = connected_components(ties, directed=False)[1][case]
    joined = np.unique(joined, return_inverse=True)[1]
    return group if np.bincount(joined).max() > most else np.asarray(joined, np.int64)


def fold_table(dataset: Dataset, split: Split) -> pd.DataFrame:
    """One row per fold: fold, train_from, train_to, train_rows, test_from, test_to, test_rows; NaT without dates."""
    rows = [
        {"fold": fold.number, **_span(dataset, fold.train, "train"), **_span(dataset, fold.test, "test")}
        for fold in split.split(dataset)
    ]
    return pd.DataFrame(rows)


def _span(dataset: Dataset, rows: IntArray, name: str) -> dict[str, object]:
    known = dataset.clock("known_at")[rows] if dataset.is_dated else np.array(["NaT"], "datetime64[us]")
    return {f"{name}_from": pd.Timestamp(known[0]), f"{name}_to": pd.Timestamp(known[-1]), f"{name}_rows": len(rows)}


def is_forward(folds: pd.DataFrame) -> bool:
    """Whether every fold of a `fold_table` trained only on rows known before its test rows, as one who trades must.

    Parameters
    ----------
    folds : DataFrame of shape (n_folds, 7)
        As `fold_table` gives it.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> from finnet.labels import Direction, build_dataset
    >>> data = build_dataset(made_market(symbols=2, sessions=60), ["return_1"], Direction())
    >>> is_forward(fold_table(data, WalkForward(train_bars=30))), is_forward(fold_table(data, PurgedKFold()))
    (True, False)
    """
    return bool((folds["train_to"] < folds["test_from"]).all())
