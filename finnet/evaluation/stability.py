"""Stability: whether new rows look like those that trained a model, row by row and column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.stats import binom, chi2

from finnet.types import BoolArray, FloatArray

__all__ = ["ColumnProfile", "Profile", "Stability", "compared"]

BINS = 10
NORMAL_SHARE = 0.01
"""Share of rows that may be out of range, or hold a level that training never saw, without any shift."""

SIGNIFICANCE = 0.001
"""Probability, over all columns of a file, that rows like those of training breach a limit."""

PSI_LIMIT = 0.1
"""Population stability that is tolerated however many rows there are."""

RARELY_MISSING = 0.05
"""A missing cell is flagged where so small a share was missing in training."""


@dataclass(frozen=True)
class ColumnProfile:
    """What training saw of one column.

    Parameters
    ----------
    missing : float
        Share of the rows.
    shares : tuple of float
        Of the known rows, in each bin or of each level.
    edges : tuple of float
        Of a number column: lower edges of all bins but the first.
    low, high : float
        Of a number column.
    levels : tuple of str
        Of a category column.
    """

    missing: float
    shares: tuple[float, ...]
    edges: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """What training saw.

    Parameters
    ----------
    rows : int
    columns : mapping of str to ColumnProfile

    Examples
    --------
    >>> table = pd.DataFrame({"income": [1.0, 2.0, None, 4.0], "home": pd.Categorical(["own", "rent", "own", "own"])})
    >>> profile = Profile.of(table)
    >>> profile.columns["income"].missing, profile.columns["home"].shares
    (0.25, (0.75, 0.25))
    >>> Profile.from_json(profile.to_json()) == profile
    True
    """

    rows: int
    columns: Mapping[str, ColumnProfile]

    @classmethod
    def of(cls, X: pd.DataFrame) -> Self:
        """The profile of a table of numbers and categories."""
        return cls(len(X), {str(name): _profile(X[name]) for name in X})

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the category columns."""
        return tuple(name for name, column in self.columns.items() if column.levels)

    def to_json(self) -> dict[str, Any]:
        """The profile as plain lists and numbers."""
        return {"rows": self.rows, "columns": {name: asdict(column) for name, column in self.columns.items()}}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """The profile that `to_json` gave."""
        columns = {
            name: ColumnProfile(**{key: _tuple(part) for key, part in column.items()})
            for name, column in saved["columns"].items()
        }
        return cls(saved["rows"], columns)


def _tuple(part: Any) -> Any:
    return tuple(part) if isinstance(part, list) else part


def _profile(column: "pd.Series[Any]") -> ColumnProfile:
    missing = float(column.isna().mean())
    if isinstance(column.dtype, pd.CategoricalDtype):
        counts = column.value_counts(normalize=True, sort=False)
        return ColumnProfile(missing, tuple(map(float, counts)), levels=tuple(map(str, counts.index)))
    values = column.dropna().to_numpy(float)
    if not len(values):
        return ColumnProfile(missing, (1.0,))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = tuple(map(float, _shares(values, edges)))
    return ColumnProfile(missing, shares, tuple(map(float, edges)), float(values.min()), float(values.max()))


def _shares(values: FloatArray, edges: Sequence[float] | FloatArray) -> FloatArray:
    bins = np.searchsorted(np.asarray(edges), values, side="right")
    return np.bincount(bins, minlength=len(edges) + 1) / max(len(values), 1)


@dataclass(frozen=True, eq=False)
class Stability:
    """How new rows differ from those of training.

    Parameters
    ----------
    flags : list of list of str
        For each row, such as "home: level not seen in training".
    summary : DataFrame
        One row per column: `column`, `unseen`, `outside`, `missing`, `missing_before` (shares of the rows), `psi`,
        `psi_limit`, `breached`.
    told : list of str
        A sentence for each column that breaches a limit.
    """

    flags: list[list[str]]
    summary: pd.DataFrame
    told: list[str] = field(default_factory=list)


def compared(profile: Profile, X: pd.DataFrame, *, units: int | None = None) -> Stability:
    """New rows beside the profile of training, by columns that both have.

    Parameters
    ----------
    units : int, optional
        How many of the rows are independent, where that is not all: rows of one market session share its shocks.
    """
    units = len(X) if units is None else units
    flags: list[list[str]] = [[] for _ in range(len(X))]
    names = [name for name in profile.columns if name in X]
    rows, told = [], []
    for name in names:
        found = _compared(profile.columns[name], X[name], profile.rows, units=units, columns=len(names))
        for words, at in found.flagged.items():
            for row in np.flatnonzero(at):
                flags[row].append(f"{name}: {words}")
        rows.append({"column": name, **found.figures})
        if found.sentence:
            told.append(f"{name}: {found.sentence}")
    return Stability(flags, pd.DataFrame(rows), told)


@dataclass(frozen=True, eq=False)
class _Column:
    flagged: Mapping[str, BoolArray]
    figures: Mapping[str, Any]
    sentence: str


def _compared(before: ColumnProfile, column: "pd.Series[Any]", trained: int, *, units: int, columns: int) -> _Column:
    missing: BoolArray = column.isna().to_numpy()
    known = column[~missing]
    none = np.zeros(len(column), bool)
    unseen, outside = none.copy(), none.copy()
    if before.levels:
        texts = known.astype(str)
        unseen[~missing] = ~texts.isin(before.levels).to_numpy()
        counts = texts.value_counts(normalize=True)
        shares = np.array([float(counts.get(level, 0.0)) for level in before.levels])
    else:
        values = known.to_numpy(float)
        outside[~missing] = (values < before.low) | (values > before.high)
        shares = _shares(values, before.edges)
    psi = _psi(np.array(before.shares), shares, trained=trained, units=units) if len(known) else 0.0
    limit = _psi_limit(len(before.shares), trained, units, columns=columns)
    breaches = {
        "levels that training never saw": _is_too_much(unseen.mean(), NORMAL_SHARE, units, columns=columns),
        "values outside the range of training": _is_too_much(outside.mean(), NORMAL_SHARE, units, columns=columns),
        "no value": _is_too_much(missing.mean(), max(before.missing, NORMAL_SHARE), units, columns=columns),
    }
    parts = dict(zip(breaches, (unseen, outside, missing), strict=True))
    sentences = [
        f"{int(parts[words].sum()):,} of {len(column):,} rows have {words}" for words in breaches if breaches[words]
    ]
    if psi > limit:
        sentences.append(f"population stability {psi:.2f} is above its limit {limit:.2f}")
    rarely = before.missing <= RARELY_MISSING
    flagged = {"level not seen in training": unseen, "out of range": outside, "missing": missing if rarely else none}
    figures = {
        "unseen": float(unseen.mean()),
        "outside": float(outside.mean()),
        "missing": float(missing.mean()),
        "missing_before": before.missing,
        "psi": psi,
        "psi_limit": limit,
        "breached": bool(sentences),
    }
    return _Column(flagged, figures, "; ".join(sentences))


def _psi(before: FloatArray, after: FloatArray, *, trained: int, units: int) -> float:
    """Population stability index: the sum of (after - before) log(after / before) over bins.

    Every bin counts half a row more than it has: empty bins of a few rows would weigh far too much.
    """
    a = (before * trained + 0.5) / (trained + 0.5 * len(before))
    b = (after * units + 0.5) / (units + 0.5 * len(after))
    return float(((b - a) * np.log(b / a)).sum())


def _psi_limit(bins: int, trained: int, units: int, *, columns: int) -> float:
    """PSI_LIMIT and what chance adds: without any shift the index is about chi-square times (1/n + 1/m).

    Source: Yurdakul & Naranjo (2020), Statistical properties of the population stability index.
    """
    if bins < 2:
        return float("inf")
    chance = chi2.ppf(1 - SIGNIFICANCE / columns, bins - 1) * (1 / max(trained, 1) + 1 / max(units, 1))
    return PSI_LIMIT + float(chance)


def _is_too_much(share: float, normal: float, units: int, *, columns: int) -> bool:
    """Whether so large a share would hardly come about where `normal` is the true one."""
    return bool(binom.sf(round(share * units) - 1, units, normal) < SIGNIFICANCE / columns) and share > normal
