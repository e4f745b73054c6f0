"""Changes: the smallest realistic change of a row that flips the decision on it, verified through the model."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_columns, require_share
from finnet.errors import DataError
from finnet.types import FloatArray

__all__ = ["Change", "smallest_change"]

_VALUES = 20  # of a column that are tried alone
# At most 64 pairs of values for each of 15 pairs of columns: fewer than a thousand forecasts.
_VALUES_IN_PAIRS = 8
_COLUMNS_IN_PAIRS = 6

_Move = Mapping[str, Any]  # new values by column


@dataclass(frozen=True)
class Change:
    """New values of one or two columns that flip a decision.

    Parameters
    ----------
    values : mapping of str to object
        The new value of each column that changes.
    before, after : float
        Forecasts of the row as it is and as it would be.
    distance : float
        How far the values move: of a number the share of training rows between old and new value, of a category the
        share of rows without the new level; summed over the columns.
    """

    values: Mapping[str, Any]
    before: float
    after: float
    distance: float


def smallest_change(
    model: Any, row: pd.DataFrame, *, cutoff: float, seen: pd.DataFrame, immutable: Collection[str] = ()
) -> Change | None:
    """The change of least distance that takes the forecast of a row to the other side of a cut-off; None without any.

    One column is changed, or two where that is less of a change in all. Values that are tried occur in `seen`: of
    numbers about twenty quantiles, of categories the most frequent levels. That a pair of values occurs together is not
    looked at.

    Parameters
    ----------
    model : fitted classifier of two classes
    row : DataFrame of one row
    cutoff : float
        A forecast above it is declined, others are approved. Where loans are decided one by one, it is that of the row
        as it is: `finnet.lending.by_loan.own_cutoffs`. That it moves with amount or term is not looked at, so keep
        these immutable.
    seen : DataFrame
        Rows of the training table.
    immutable : collection of str
        Columns that stay as they are, such as age.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from finnet.estimators.encoded import EncodedClassifier
    >>> from finnet.features.encoding import TableEncoder
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"debt": rng.integers(0, 9, 300), "home": rng.choice(["own", "rent"], 300)})
    >>> y = (table["debt"] > 4).astype(int)
    >>> model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, y)
    >>> change = smallest_change(model, table[table["debt"] == 8].head(1), cutoff=0.5, seen=table)
    >>> change.values, bool(change.before > 0.5 >= change.after)
    ({'debt': 4}, True)
    """
    require_share(cutoff, name="cutoff")
    require_columns(seen.columns, list(row.columns), name="seen")
    require_columns(row.columns, list(immutable), name="row")
    if len(row) != 1:
        raise DataError(f"{len(row)} rows are given; give one, as a table")
    columns = [name for name in row.columns if name not in immutable]
    before = float(_forecasts(model, row, [{}])[0])
    is_declined = before > cutoff
    # One table for all moves, and so one call of the model, which costs far less than a call for each.
    moves: list[_Move] = [
        {name: value} for name in columns for value in _values(seen[name], row[name].iloc[0], most=_VALUES)
    ]
    forecasts = _forecasts(model, row, moves)
    # A declined row needs less risk, an approved one more: with the sign turned, less is what is wanted of both.
    pairs = list(_pairs(moves, forecasts if is_declined else -forecasts, row=row, seen=seen))
    moves, forecasts = [*moves, *pairs], np.concatenate([forecasts, _forecasts(model, row, pairs)])
    flipping = np.flatnonzero((forecasts > cutoff) != is_declined)
    if not len(flipping):
        return None
    distances = {k: sum(_distance(seen[c], row[c].iloc[0], value) for c, value in moves[k].items()) for k in flipping}
    best = min(distances, key=lambda k: distances[k])
    return Change(moves[best], before, float(forecasts[best]), distances[best])


def _forecasts(model: Any, row: pd.DataFrame, moves: list[_Move]) -> FloatArray:
    """Forecasts of the row after each of the moves."""
    if not moves:
        return np.zeros(0)
    table = row.iloc[np.zeros(len(moves), int)].reset_index(drop=True)
    for name in {name for move in moves for name in move}:
        old = row[name].iloc[0]
        # In the type of the column, as models may refuse a number column that has become one of objects.
        moved = pd.Series([move.get(name, old) for move in moves], dtype=table[name].dtype)
        table = table.assign(**{name: moved})
    return np.asarray(model.predict_proba(table))[:, 1]


def _pairs(moves: list[_Move], risks: FloatArray, *, row: pd.DataFrame, seen: pd.DataFrame) -> Iterator[_Move]:
    """Moves of two columns, among those whose best move alone goes furthest in the wanted direction."""
    best: dict[str, float] = {}
    for move, risk in zip(moves, risks, strict=True):
        (name,) = move
        best[name] = min(risk, best.get(name, np.inf))
    chosen = sorted(best, key=lambda name: best[name])[:_COLUMNS_IN_PAIRS]
    values = {name: _values(seen[name], row[name].iloc[0], most=_VALUES_IN_PAIRS) for name in chosen}
    for first, second in combinations(chosen, 2):
        for one, other in product(values[first], values[second]):
            yield {first: one, second: other}


def _values(column: "pd.Series[Any]", own: Any, *, most: int) -> list[Any]:
    """Values of a column other than the row's own that training rows have, evenly over them."""
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column.dtype):
        ordered = np.sort(known.to_numpy())
        # Positions rather than quantiles, whose interpolation gives values that no training row has.
        at = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
        found = pd.unique(ordered[at]).tolist()
    else:
        found = known.astype(object).value_counts().index[:most].tolist()
    return [value for value in found if value != own]


def _distance(column: "pd.Series[Any]", old: Any, new: Any) -> float:
    known = column.dropna()
    if not len(known) or not pd.api.types.is_numeric_dtype(column.dtype):
        return float((column.astype(object) != new).mean())
    # A missing number has no distance to others; giving one counts as the longest move.
    if pd.isna(old):
        return 1.0
    low, high = min(old, new), max(old, new)
    return float(((known > low) & (known <= high)).mean())
