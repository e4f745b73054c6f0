"""Histories: columns of one thing at several times, such as BILL1 to BILL6, and summaries of them."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from finnet.features.ratios import unit_ranks
from finnet.types import FloatArray

__all__ = ["KINDS", "Summary", "find_summaries"]

KINDS = ("mean", "largest", "spread", "change")
"""What a summary can be."""

_FEWEST = 3  # columns of a history
_ALIKE = 0.3  # least correlation of ranks between one column of a history and the next
_NUMBERED = re.compile(r"(.*\D)(\d+)")


@dataclass(frozen=True)
class Summary:
    """A summary of the columns of a history in each row, divided by the column `scale` where one is named.

    `kind` is "mean", "largest", "spread" (standard deviation) or "change" (mean of the second half of the columns less
    that of the first). Missing values are left out; it is missing where nothing is left or `scale` is not above 0.

    Examples
    --------
    >>> table = pd.DataFrame({"bill1": [2.0], "bill2": [3.0], "bill3": [7.0], "limit": [10.0]})
    >>> history = ("bill1", "bill2", "bill3")
    >>> [Summary(history, kind, "limit").of(table).round(2).item() for kind in ("mean", "largest", "spread", "change")]
    [0.4, 0.7, 0.22, 0.5]
    >>> Summary(history, "mean", "limit").name
    'mean of bill1 to bill3 / limit'
    """

    columns: tuple[str, ...]
    kind: str
    scale: str = ""

    @property
    def name(self) -> str:
        """What the new column is called."""
        return f"{self.kind} of {self.columns[0]} to {self.columns[-1]}{f' / {self.scale}' if self.scale else ''}"

    @property
    def parents(self) -> tuple[str, ...]:
        """Columns that it is made of."""
        return (*self.columns, self.scale) if self.scale else self.columns

    def of(self, table: pd.DataFrame) -> FloatArray:
        """Values of shape (n_rows,), from the columns of a table."""
        history, half = table[list(self.columns)].astype(float), len(self.columns) // 2
        if self.kind == "change":
            summary = history.iloc[:, -half:].mean(axis=1) - history.iloc[:, :half].mean(axis=1)
        elif self.kind == "spread":
            summary = history.std(axis=1, ddof=0)
        else:
            summary = history.mean(axis=1) if self.kind == "mean" else history.max(axis=1)
        if self.scale:
            summary = summary / table[self.scale].where(table[self.scale] > 0.0)
        return summary.to_numpy(np.float64)


def find_summaries(numbers: pd.DataFrame) -> tuple[Summary, ...]:
    """Summaries of every history among columns of numbers, divided by the amount that correlates most with them.

    Columns are a history where they are three or more, named alike but for a number at the end, and the ranks of each
    correlate with those of the next by 0.3 or more: numbered columns of unlike things are none. The scale, such as a
    limit of bills, is of the other columns that are always above 0 the one whose ranks correlate most with those of
    the histories, in either direction.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> limit, share = rng.lognormal(8.0, 1.0, 200), rng.uniform(size=200)
    >>> bills = {f"bill{month}": share * limit + rng.normal(0.0, 9.0, 200) for month in (1, 2, 3)}
    >>> found = find_summaries(pd.DataFrame({"limit": limit, **bills, "age": rng.uniform(20.0, 60.0, 200)}))
    >>> [summary.name for summary in found][:2]
    ['mean of bill1 to bill3 / limit', 'largest of bill1 to bill3 / limit']
    """
    histories = _histories(numbers)
    scale = _scale(numbers, histories)
    return tuple(Summary(history, kind, scale) for history in histories for kind in KINDS)


def _histories(numbers: pd.DataFrame) -> list[tuple[str, ...]]:
    by_stem: dict[str, dict[int, str]] = {}
    for name in map(str, numbers.columns):
        if found := _NUMBERED.fullmatch(name):
            by_stem.setdefault(found[1], {})[int(found[2])] = name
    in_order = [tuple(own[k] for k in sorted(own)) for _, own in sorted(by_stem.items()) if len(own) >= _FEWEST]
    return [columns for columns in in_order if _is_history(numbers, columns)]


def _is_history(numbers: pd.DataFrame, columns: tuple[str, ...]) -> bool:
    ranks = (unit_ranks(numbers[name].to_numpy(np.float64)) for name in columns)
    return all(float(one @ following) >= _ALIKE for one, following in pairwise(ranks))


def _scale(numbers: pd.DataFrame, histories: list[tuple[str, ...]]) -> str:
    """The column that correlates most with histories; "" where there is none that is always above 0."""
    inside = sorted({name for columns in histories for name in columns})
    candidates = [str(name) for name in sorted(numbers.columns) if name not in inside and numbers[name].min() > 0.0]
    if not inside or not candidates:
        return ""
    ranks = np.column_stack([unit_ranks(numbers[name].to_numpy(np.float64)) for name in inside])
    return max(candidates, key=lambda name: np.abs(unit_ranks(numbers[name].to_numpy(np.float64)) @ ranks).sum())
