"""Blocks: the parts of the training rows that are held out in turn."""

from dataclasses import dataclass

import numpy as np

from finnet.checks import require_share
from finnet.dataset import Dataset
from finnet.errors import ConfigError
from finnet.fitting import InnerFolds
from finnet.splits import scattered_parts
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Blocks"]

# More blocks would cost more fits, each of which learns from hardly more rows.
_MOST_FITS = 20


@dataclass(frozen=True)
class Blocks:
    """How training rows are divided into blocks that fits leave out in turn; the forecast is the mean of all fits.

    Rows held out of a fit stop its training, those of the first choose settings, and every row is forecast by a fit
    that had not seen it, which calibrates. All of it lies in the training rows, which had resolved before the first
    test row was known, and all of them train.

    - Where most rows are entities of their own, as loans are, blocks are drawn at random, alike in their labels, and
      equal rows and rows of one group stay in one block. Every fit learns from all blocks but one.
    - Where entities recur in time, as symbols do, blocks are stretches of time, and what stops a fit cannot judge it
      too: rows near each other share their luck. So every fit leaves out two blocks, one that is forecast and the next
      one (after the last, the first) that stops it. Rows whose labels overlap those of either (closed intervals from
      `known_at` to `resolves_at`) leave the fit as well, before the block and after it.

    Parameters
    ----------
    validation : float
        Share of the training rows in a block: 0.2 makes five blocks and as many fits. There are never fewer than three
        or more than 20. At 0 nothing is held out or calibrated, and one fit takes all rows.
    calibration : bool or float
        Whether probabilities are calibrated. A number is read as a share was in earlier job files: 0 is no, more is
        yes.

    Examples
    --------
    >>> from finnet.data.samples import made_loan_book
    >>> from finnet.labels import default_dataset
    >>> data = default_dataset(made_loan_book(loans=500))
    >>> folds = Blocks(validation=0.25).cut(data, np.arange(400), seed=0)
    >>> [(len(fit), len(held_out)) for fit, held_out in zip(folds.fit, folds.held_out)]
    [(300, 100), (300, 100), (300, 100), (300, 100)]
    """

    validation: float = 0.2
    calibration: bool | float = True

    def __post_init__(self) -> None:
        require_share(self.validation, name="validation")
        if not isinstance(self.calibration, bool):
            require_share(self.calibration, name="calibration")

    @property
    def fits(self) -> int:
        """Number of blocks, and of fits: 1 where nothing is held out."""
        return min(max(3, round(1 / self.validation)), _MOST_FITS) if self.validation else 1

    def cut(self, dataset: Dataset, rows: IntArray, *, seed: int) -> InnerFolds | None:
        """Divide training `rows`, shape (n_rows,); None where nothing is held out. `seed` is that of drawn blocks.

        A block without which nothing would be left to learn from, or only one outcome, is not held out. ConfigError
        where that is so of every block.
        """
        if not self.validation:
            return None
        group = None if dataset.group is None else dataset.group[rows]
        recurs = 2 * len(np.unique(dataset.entity[rows])) <= len(rows)
        known = _Known.of(dataset, rows) if dataset.is_ordered and recurs else None
        part = (
            scattered_parts(dataset.X.iloc[rows], dataset.y[rows], parts=self.fits, seed=seed, group=group)
            if known is None
            else known.parts(self.fits)
        )
        held_out = [part == k for k in range(part.max() + 1)]
        # In time the next block stops a fit, after the last one the first: a block that did both would flatter it.
        validation = held_out if known is None else [*held_out[1:], held_out[0]]
        fit = (
            [~block for block in held_out]
            if known is None
            else [known.clear_of(a) & known.clear_of(b) for a, b in zip(held_out, validation, strict=True)]
        )
        if known is not None and group is not None:
            # Blocks of time cut through groups, so a group with a row in either block leaves the fit.
            fit = [part & ~np.isin(group, group[a | b]) for part, a, b in zip(fit, held_out, validation, strict=True)]
        usable = [k for k in range(len(fit)) if _can_fit(dataset.y[rows], fit[k])]
        if not usable:
            raise ConfigError(
                f"{len(rows)} training rows leave no row to fit beside a block of {self.validation:.0%}, or only one"
                " outcome; give a longer window, a shorter horizon or a smaller blocks.validation"
            )
        # Rows that are entities of their own share nothing, but for those of one group.
        alone = np.arange(len(rows)) if group is None else np.unique(group, return_inverse=True)[1]
        return InnerFolds(
            fit=[np.flatnonzero(fit[k]) for k in usable],
            validation=[np.flatnonzero(validation[k]) for k in usable],
            held_out=[np.flatnonzero(held_out[k]) for k in usable],
            stretch=alone if known is None else known.stretch,
            overlap=1.0 if known is None else known.overlap,
            calibrate=bool(self.calibration),
        )


def _can_fit(y: IntArray | FloatArray, fit: BoolArray) -> bool:
    """Whether rows are left, and of labels that are classes each one."""
    classes = np.unique(y)
    return bool(fit.any()) and (not np.isin(classes, (0, 1)).all() or len(np.unique(y[fit])) == len(classes))


@dataclass(frozen=True, eq=False)
class _Known:
    """When each training row was known, tradable and resolved, as numbers of bars; shape (n_rows,) each."""

    bar: IntArray
    tradable: IntArray
    resolves: IntArray

    @classmethod
    def of(cls, dataset: Dataset, rows: IntArray) -> "_Known":
        known, tradable, resolves = (dataset.clock(name)[rows] for name in ("known_at", "tradable_at", "resolves_at"))
        bars = np.unique(known)
        # side="right" less one: a moment between two bars gets the number of the earlier one.
        return cls(*(np.searchsorted(bars, moment, side="right") - 1 for moment in (known, tradable, resolves)))

    def parts(self, count: int) -> IntArray:
        """The stretch of time, of `count` with equally many bars, in which each row was known."""
        bars = int(self.bar.max()) + 1
        return self.bar * min(count, bars) // bars

    @property
    def overlap(self) -> float:
        """Bars from the trade to the resolution of most labels: as many labels of one entity run at the same time."""
        return float(max(np.median(self.resolves - self.tradable), 1.0))

    @property
    def stretch(self) -> IntArray:
        """Stretches of time about as long as a label."""
        return np.asarray(self.bar // int(self.overlap))

    def clear_of(self, block: BoolArray) -> BoolArray:
        """Rows outside a block whose labels share no moment with its labels.

        A moment between two bars counts as the earlier one: labels that end there could not have been known sooner.
        """
        start, end = self.bar[block].min(), self.resolves[block].max()
        return np.asarray(~block & ((self.bar > end) | (self.resolves < start)))
