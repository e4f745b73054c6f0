"""Reasons: the columns that raise the risk of an applicant most, each verified through the model itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.estimators.contributions import contributions, log_odds

__all__ = ["Reason", "reason_texts", "reasons", "value_words"]

_TOLERANCE = 0.02  # of contributions that are only put in order
_LEAST_FALL = 0.01  # of the log-odds, about a hundredth of the odds


@dataclass(frozen=True)
class Reason:
    """A column that raises the forecast of a row.

    Parameters
    ----------
    column : str
    value, usual : object
        What the row has, and what the reference has; None where it is missing.
    contribution : float
        Of the column to the row's log-odds.
    fall : float
        By how much the log-odds fall where the column alone takes its usual value.
    """

    column: str
    value: Any
    usual: Any
    contribution: float
    fall: float

    def __str__(self) -> str:
        return f"{self.column} {value_words(self.value)} (usual {value_words(self.usual)})"


def reasons(model: Any, X: pd.DataFrame, *, reference: pd.DataFrame, most: int = 4) -> list[list[Reason]]:
    """For each row of X at most `most` reasons, those that raise its risk most first.

    A column is a reason only where its contribution is above 0 and where the model itself forecasts less risk, its
    log-odds being lower by .01 or more, once that column alone takes its usual value.

    Parameters
    ----------
    model : fitted classifier of two classes, see `contributions`
    X : DataFrame of shape (n_rows, n_columns)
    reference : DataFrame of one row
        Usual values, such as `typical_row` gives of the training table.
    most : int
        1 or more.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from finnet.estimators.contributions import typical_row
    >>> from finnet.estimators.encoded import EncodedClassifier
    >>> from finnet.features.encoding import TableEncoder
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"debt": rng.integers(0, 9, 200), "home": rng.choice(["own", "rent"], 200)})
    >>> y = (table["debt"] > 4).astype(int)
    >>> model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, y)
    >>> new = pd.DataFrame({"debt": [8, 1], "home": ["own", "own"]})
    >>> [[reason.column for reason in own] for own in reasons(model, new, reference=typical_row(table))]
    [['debt'], []]
    """
    require_at_least(most, 1, name="most")
    reference = reference[list(X.columns)].iloc[:1]
    found = contributions(model, X, reference=reference, tolerance=_TOLERANCE)
    brought = found.table.to_numpy()
    # Twice as many, as some may not lower the forecast by themselves.
    order = np.argsort(-brought, axis=1, kind="stable")[:, : 2 * most]
    is_candidate = np.zeros(brought.shape, bool)
    np.put_along_axis(is_candidate, order, True, axis=1)
    is_candidate &= brought > 0.0
    falls = np.zeros(brought.shape)
    for k, name in enumerate(X.columns):
        rows = np.flatnonzero(is_candidate[:, k])
        if len(rows):
            usual = reference[name].iloc[np.zeros(len(rows), int)]
            # `assign` matches by index, so the usual values take that of the rows.
            moved = X.iloc[rows].assign(**{name: usual.set_axis(X.index[rows])})
            falls[rows, k] = found.score[rows] - log_odds(model, moved)
    # A column whose change alone does not lower the forecast is no reason, whatever it contributes.
    issued = [
        [k for k in own if is_candidate[row, k] and falls[row, k] >= _LEAST_FALL] for row, own in enumerate(order)
    ]
    return [
        [
            Reason(
                str(X.columns[k]),
                _plain(X.iloc[row, k]),
                _plain(reference.iloc[0, k]),
                float(brought[row, k]),
                float(falls[row, k]),
            )
            for k in own[:most]
        ]
        for row, own in enumerate(issued)
    ]


def value_words(value: Any) -> str:
    """A cell in words: numbers with at most six digits, "missing" for None and NaN.

    Examples
    --------
    >>> value_words(0.123456789), value_words(36.0), value_words(None), value_words("rent")
    ('0.123457', '36', 'missing', 'rent')
    """
    if value is None or value is pd.NA or value != value:
        return "missing"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return str(value)
    number = float(value)
    return f"{number:,.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:,.6g}"


def _plain(value: Any) -> Any:
    """The cell as JSON holds it, None where it is missing."""
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value


def reason_texts(
    found: Sequence[Sequence[Reason]],
    *,
    column_words: Callable[[str], str] = str,
    level_words: Callable[[str, Any], str] = lambda column, value: value_words(value),
) -> list[str]:
    """Reasons of each row as one text, the strongest first; "" where there are none.

    Parameters
    ----------
    column_words, level_words : callable
        What a column is called, and a value of it, None where it is missing; by default as `value_words` says it.

    Examples
    --------
    >>> reason = Reason("status", "A11", None, 0.5, 0.3)
    >>> reason_texts([[reason], []], column_words={"status": "Account"}.get, level_words=lambda column, value: "empty")
    ['Account empty (usual empty)', '']
    """

    def text(reason: Reason) -> str:
        value, usual = (level_words(reason.column, own) for own in (reason.value, reason.usual))
        return f"{column_words(reason.column)} {value} (usual {usual})"

    return ["; ".join(map(text, own)) for own in found]
