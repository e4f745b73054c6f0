"""Loan columns: what each column of a loan book holds, and how often its levels or ranges defaulted."""

from typing import Any

import numpy as np
import pandas as pd

from finnet.data.meanings import NO_MEANINGS, Meanings
from finnet.dataset import Dataset
from finnet.estimators.reasons import value_words
from finnet.lending.groups import group_names, quartiles
from finnet.reporting.text import ABSENT, count, percent, shorten
from finnet.types import FloatArray

__all__ = ["loan_features_table"]

_LONGEST = 40  # characters of a level that stand in a table
_FEWEST = 20  # loans of a level or range whose rate is told: that of fewer may be anything


def loan_features_table(dataset: Dataset, *, words: Meanings = NO_MEANINGS) -> pd.DataFrame:
    """`name`, `meaning`, `missing`, `lowest` and `highest` of each column, as text; shape (n_features, 5).

    Columns and levels stand with the meanings that `words` has of them.

    The last two are the lowest and the highest share of loans that defaulted over levels, or over the ranges between
    quartiles of a number, of 20 loans or more; those that are missing count as a level. They describe all loans of the
    run, and chose nothing.

    Examples
    --------
    >>> X = pd.DataFrame({"home": pd.Categorical(["own", "rent"] * 30), "income": [*range(59), np.nan]})
    >>> dataset = Dataset(X, np.tile([0.0, 1.0], 30), np.arange(60).astype(str), "default", 0)
    >>> loan_features_table(dataset).iloc[0].tolist()
    ['home', '2 levels', '0.0 %', '0.0 %\\nown', '100.0 %\\nrent']
    >>> loan_features_table(dataset).iloc[1, :3].tolist()
    ['income', 'Number from 0 to 58\\nquartiles 14.5, 29, 43.5', '1.7 %']
    """
    weight = np.ones(len(dataset)) if dataset.weight is None else dataset.weight
    rows = [
        {
            "name": name,
            "meaning": _meaning(dataset.X[name], words),
            "missing": percent(dataset.X[name].isna().mean()),
            **_rates(dataset.X[name], dataset.y.astype(float), weight, words=words),
        }
        for name in dataset.X
    ]
    return pd.DataFrame(rows)


def _meaning(column: "pd.Series[Any]", words: Meanings) -> str:
    """What it means, where that is known, and what it holds; all but the first on a second line."""
    meaning = words.of_column(str(column.name))
    first, *others = [*[meaning] * (meaning != column.name), *_holds(column)]
    return "\n".join([first, *[", ".join(others)] * bool(others)])


def _holds(column: "pd.Series[Any]") -> list[str]:
    known = column.dropna()
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return [f"{count(known.nunique())} levels"]
    if known.empty:
        return ["Number"]
    middle = ", ".join(value_words(value) for value in known.quantile([0.25, 0.5, 0.75]))
    return [f"Number from {value_words(known.min())} to {value_words(known.max())}", f"quartiles {middle}"]


def _rates(column: "pd.Series[Any]", defaulted: FloatArray, weight: FloatArray, *, words: Meanings) -> dict[str, str]:
    """The lowest and the highest rate, each above its level or range."""
    names = group_names(column.reset_index(drop=True), quartiles(column))
    code, groups = np.asarray(names.cat.codes), list(names.cat.categories)
    loans = np.bincount(code, minlength=len(groups))
    rates = np.bincount(code, weight * defaulted, minlength=len(groups)) / np.bincount(code, weight, len(groups))
    told = np.flatnonzero(loans >= _FEWEST)
    if not len(told):
        return {"lowest": ABSENT, "highest": ABSENT}
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    named = [words.beside(str(column.name), group, is_number=is_number) for group in groups]
    ends = {"lowest": told[rates[told].argmin()], "highest": told[rates[told].argmax()]}
    return {end: f"{percent(rates[at])}\n{shorten(named[at], _LONGEST)}" for end, at in ends.items()}
