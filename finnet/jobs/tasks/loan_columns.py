"""Loan columns: what each column of a loan book holds, and how often its levels or ranges defaulted."""

from typing import Any

import numpy as np
import pandas as pd

from finnet.dataset import Dataset
from finnet.lending.groups import group_names, quartiles
from finnet.reporting.text import ABSENT, count, percent, shorten
from finnet.types import FloatArray

__all__ = ["loan_features_table"]

_LONGEST = 26  # characters of a level that stand in a table
_FEWEST = 20  # loans of a level or range whose rate is told: that of fewer may be anything


def loan_features_table(dataset: Dataset) -> pd.DataFrame:
    """`name`, `meaning`, `missing`, `lowest` and `highest` of each column, as text; shape (n_features, 5).

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
            "meaning": _meaning(dataset.X[name]),
            "missing": percent(dataset.X[name].isna().mean()),
            **_rates(dataset.X[name], dataset.y.astype(float), weight),
        }
        for name in dataset.X
    ]
    return pd.DataFrame(rows)


def _meaning(column: "pd.Series[Any]") -> str:
    known = column.dropna()
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return f"{count(known.nunique())} levels"
    if known.empty:
        return "Number"
    middle = ", ".join(f"{value:g}" for value in known.quantile([0.25, 0.5, 0.75]))
    return f"Number from {known.min():g} to {known.max():g}\nquartiles {middle}"


def _rates(column: "pd.Series[Any]", defaulted: FloatArray, weight: FloatArray) -> dict[str, str]:
    """The lowest and the highest rate, each above its level or range."""
    names = group_names(column.reset_index(drop=True), quartiles(column))
    code, groups = np.asarray(names.cat.codes), list(names.cat.categories)
    loans = np.bincount(code, minlength=len(groups))
    rates = np.bincount(code, weight * defaulted, minlength=len(groups)) / np.bincount(code, weight, len(groups))
    told = np.flatnonzero(loans >= _FEWEST)
    if not len(told):
        return {"lowest": ABSENT, "highest": ABSENT}
    ends = {"lowest": told[rates[told].argmin()], "highest": told[rates[told].argmax()]}
    return {end: f"{percent(rates[at])}\n{shorten(groups[at], _LONGEST)}" for end, at in ends.items()}
