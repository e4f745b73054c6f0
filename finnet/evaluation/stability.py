"""Stability: whether new rows look like those that trained a model, row by row and column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_number
from finnet.evaluation.population import (
    chance_of_difference,
    chance_of_new,
    population_stability_index,
    stability_limit,
)
from finnet.evaluation.profile import ColumnProfile, Profile
from finnet.types import BoolArray, FloatArray

__all__ = ["ALARM_RATE", "OUTCOME_PART", "Limits", "Stability", "compared"]

ALARM_RATE = 0.05
"""Probability that a comparison of independent rows finds any shift where there is none."""

OUTCOME_PART = 0.5
"""What part of that rate is that of outcomes, where they are known."""

_SMALL_LEVEL = 0.02
"""Levels of a smaller share, among rows before and after, are one bin."""

_RARELY_MISSING = 0.05
"""A missing cell is flagged where so small a share was missing in training."""

_FOR_STABILITY, _FOR_OTHERS = 0.8, 0.1
"""What part of a column's alarm rate its population stability has, and each of the two other comparisons."""


@dataclass(frozen=True)
class Limits:
    """How far columns may move before it is an alarm.

    Parameters
    ----------
    alarm_rate : float
        Probability that independent rows like those of training breach any limit, over all columns together (Bonferroni
        among columns; four fifths of it for the population stability, a tenth each for missing cells and for values or
        levels that training never had).
    psi : float
        Population stability that is tolerated however many rows there are.
    share : float
        Share of the rows that may be new in kind, or by which the missing may move, however many rows there are.
    """

    alarm_rate: float = 0.001
    psi: float = 0.1
    share: float = 0.01

    def __post_init__(self) -> None:
        require_number(self.alarm_rate, name="alarm_rate", below=1.0, zero=False)
        require_number(self.psi, name="psi", below=np.inf)
        require_number(self.share, name="share", below=1.0)


@dataclass(frozen=True, eq=False)
class Stability:
    """How new rows differ from those of training.

    Parameters
    ----------
    flags : list of list of str
        For each row, such as "home: level not seen in training".
    summary : DataFrame
        One row per column: `column`, `unseen`, `outside`, `missing`, `missing_before` (shares of the rows), `psi`,
        `psi_limit`, `mean`, `mean_before` (of numbers, else NaN), `moved` (the bin whose share moved most, in words),
        `forecast_shift` (how far the mean forecast would move if only this column had moved; NaN where that is not
        known), `breached`.
    told : list of str
        A sentence for each column that breaches a limit.
    """

    flags: list[list[str]]
    summary: pd.DataFrame
    told: list[str] = field(default_factory=list)


def compared(profile: Profile, X: pd.DataFrame, *, units: int | None = None, limits: Limits | None = None) -> Stability:
    """New rows beside the profile of training, by columns that both have.

    Limits know how many rows there are, before and after. They take rows as independent, where a profile counts
    sessions these, and of values that last as many fewer as they last; where it knows clients, of each column as many
    fewer as rows of one client are alike in it, taking new rows to belong to clients as those of training did. Where
    rows of one month share what happens to all, alarms are more frequent than stated.

    Parameters
    ----------
    units : int, optional
        How many of the rows are independent, where that is not all: rows of one market session share its shocks.
    limits : Limits, optional
        By default those that tolerate what does not matter to a forecast.

    Examples
    --------
    >>> before = pd.DataFrame({"age": np.arange(1000.0) % 50})
    >>> print(*compared(Profile.of(before), before.head(500) * 0.8).told)
    age: population stability 0.69 is above its limit 0.2 (44 or more: 10.0 % before, 0.0 % now)
    """
    limits = limits or Limits()
    names = [name for name in profile.columns if name in X]
    # Bonferroni: the rate of false alarms is that of the whole table.
    share = replace(limits, alarm_rate=limits.alarm_rate / max(len(names), 1))
    trained, rows = profile.units or profile.rows, len(X) if units is None else units
    flags: list[list[str]] = [[] for _ in range(len(X))]
    summary, told = [], []
    for name in names:
        # Values that last say as much as fewer independent ones.
        lasts = profile.columns[name].lasts
        found = _compare_column(profile.columns[name], X[name], share, sizes=(trained / lasts, rows / lasts))
        for words, at in found.flagged.items():
            for row in np.flatnonzero(at):
                flags[row].append(f"{name}: {words}")
        summary.append({"column": name, **found.figures})
        if found.sentence:
            told.append(f"{name}: {found.sentence}")
    return Stability(flags, pd.DataFrame(summary), told)


@dataclass(frozen=True, eq=False)
class _Column:
    flagged: Mapping[str, BoolArray]
    figures: Mapping[str, Any]
    sentence: str


def _compare_column(
    before: ColumnProfile, column: "pd.Series[Any]", limits: Limits, *, sizes: tuple[float, float]
) -> _Column:
    """One column; `sizes` are the independent rows before and now, and the limits are those of this column alone."""
    trained, units = sizes
    missing: BoolArray = column.isna().to_numpy()
    known, share_missing = column[~missing], float(missing.mean())
    new = np.zeros(len(column), bool)
    new[~missing] = before.is_new(known)
    shares = _shares(before, known, trained=trained * (1 - before.missing), units=units * (1 - share_missing))
    psi, limit = _stability(shares, limits)
    rate = _FOR_OTHERS * limits.alarm_rate
    sentences = []
    # Beyond the smallest and the largest value: two stood alone there, less one (see `chance_of_new`).
    single = before.single if before.levels else 1
    odds = chance_of_new(float(new.mean()) * units, units, trained=trained, single=single)
    if new.mean() > limits.share and odds < rate:
        kind = "levels that training never saw" if before.levels else "values outside the range of training"
        sentences.append(f"{int(new.sum()):,} of {len(column):,} rows have {kind}{_such_as(column[new])}")
    odds = chance_of_difference((before.missing * trained, trained), (share_missing * units, units))
    if abs(share_missing - before.missing) > limits.share and odds < rate:
        sentences.append(
            f"{int(missing.sum()):,} of {len(column):,} rows have no value, {100 * before.missing:.1f} % before"
        )
    if psi > limit:
        sentences.append(f"population stability {psi:.2g} is above its limit {limit:.2g} ({shares.moved})")
    rarely = missing if before.missing <= _RARELY_MISSING else np.zeros(len(column), bool)
    figures = {
        "unseen": float(new.mean()) if before.levels else 0.0,
        "outside": 0.0 if before.levels else float(new.mean()),
        "missing": share_missing,
        "missing_before": before.missing,
        "mean": float("nan") if before.levels or not len(known) else float(known.mean()),
        "mean_before": float("nan") if before.levels else before.mean,
        "psi": psi,
        "psi_limit": limit,
        "moved": shares.moved,
        "forecast_shift": _forecast_shift(before, known),
        "breached": bool(sentences),
    }
    flag = "level not seen in training" if before.levels else "out of range"
    return _Column({flag: new, "missing": rarely}, figures, "; ".join(sentences))


def _such_as(cells: "pd.Series[Any]") -> str:
    words = [f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells.value_counts().index[:3]]
    return f" ({', '.join(words)})"


@dataclass(frozen=True, eq=False)
class _Shares:
    """Shares of the known rows before and now, bin by bin, with the independent rows that they rest on."""

    before: FloatArray
    now: FloatArray
    names: Sequence[str]
    trained: float
    units: float

    @property
    def moved(self) -> str:
        """The bin whose share moved most."""
        if not len(self.now):
            return ""
        most = int(np.abs(self.now - self.before).argmax())
        return f"{self.names[most]}: {100 * self.before[most]:.1f} % before, {100 * self.now[most]:.1f} % now"


def _shares(before: ColumnProfile, known: "pd.Series[Any]", *, trained: float, units: float) -> _Shares:
    if not len(known):
        return _Shares(np.empty(0), np.empty(0), [], trained, units)
    if not before.levels:
        now = np.bincount(before.bin_of(known), minlength=len(before.shares)) / len(known)
        names = [before.name_of(number) for number in range(len(now))]
        return _Shares(np.array(before.shares), now, names, trained, units)
    table = pd.concat(
        [pd.Series(before.shares, before.levels), known.astype(str).value_counts(normalize=True)], axis=1
    ).fillna(0.0)
    # Levels are told apart by both samples alike, so that a level is as likely to have risen as to have fallen.
    pooled = (table * [trained, units]).sum(axis=1) / (trained + units)
    small = (pooled < _SMALL_LEVEL).to_numpy()
    own, rest = table[~small], table[small].sum()
    names = [str(name) for name in own.index]
    if small.any():
        own, names = (
            pd.concat([own, rest.to_frame().T] if len(own) else [rest.to_frame().T]),
            [*names, "all rarer levels"],
        )
    return _Shares(own.iloc[:, 0].to_numpy(float), own.iloc[:, 1].to_numpy(float), names, trained, units)


def _stability(shares: _Shares, limits: Limits) -> tuple[float, float]:
    """The index and its limit; bins that no row was or is in say nothing."""
    used = (shares.before > 0) | (shares.now > 0)
    if not used.any():
        return 0.0, float("inf")
    psi = population_stability_index(shares.before[used] * shares.trained, shares.now[used] * shares.units)
    rate = _FOR_STABILITY * limits.alarm_rate
    chance = stability_limit(int(used.sum()), trained=shares.trained, rows=shares.units, alarm_rate=rate)
    # The index is about a squared distance, and distances add up at most.
    return float(psi), limits.psi + float(chance)


def _forecast_shift(before: ColumnProfile, known: "pd.Series[Any]") -> float:
    """Mean forecast of training in the bins that rows are in now, less that in those they were in before."""
    bins = before.bin_of(known) if before.forecast else np.empty(0, int)
    seen = bins[bins >= 0]
    if not len(seen):
        return float("nan")
    now = np.bincount(seen, minlength=len(before.shares)) / len(seen)
    return float((now - np.array(before.shares)) @ np.array(before.forecast))
