"""Codes: numbers that say "not known" or "does not apply" in place of a measured value, found by where they stand."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from finnet.types import FloatArray

__all__ = ["CODES", "code_column", "likely_codes", "with_codes_apart"]

CODES = (-9999999.0, -999999.0, -99999.0, -9999.0, -999.0, -99.0, -9.0, -8.0, -7.0, 96.0, 98.0, 99.0, 999.0, 9999.0)
"""Numbers by which lenders' systems often say "not known", most of them too far out to be measured."""

FAR = 3.0
"""How many times the spread of all other values a repeated value must lie beyond them to look like a code."""

REPEATED = 0.001
"""Share of the rows, and at least 3, in which a value must stand to look like a code."""


def likely_codes(values: FloatArray) -> list[float]:
    """Values that stand often and far from all others, and known codes that stick out, in the order of CODES.

    Examples
    --------
    >>> likely_codes(np.append(-np.arange(100.0, 900.0), np.full(200, 365243.0)))
    [365243.0]
    """
    others = values[~np.isin(values, CODES)]
    if not len(others):
        return []
    found = [code for code in CODES if (values == code).sum() > 1]
    high = FAR * max(others.max(), 1.0)
    known = [code for code in found if (code < 0 <= others.min()) or code > high]
    return [*known, *_far_values(others)]


def _far_values(values: FloatArray) -> list[float]:
    """The largest or smallest value, and what is left without it, while it is repeated and far from the rest."""
    levels, counts = np.unique(values, return_counts=True)
    fewest = max(3.0, REPEATED * len(values))
    found: list[float] = []
    while len(levels) > 3:
        spread_below, spread_above = levels[-2] - levels[0], levels[-1] - levels[1]
        if counts[-1] >= fewest and levels[-1] - levels[-2] > FAR * spread_below:
            found.append(float(levels[-1]))
            levels, counts = levels[:-1], counts[:-1]
        elif counts[0] >= fewest and levels[1] - levels[0] > FAR * spread_above:
            found.append(float(levels[0]))
            levels, counts = levels[1:], counts[1:]
        else:
            break
    return found


def code_column(name: str) -> str:
    """What the column is called that says which code stands in a column."""
    return f"{name} (code)"


def with_codes_apart(table: pd.DataFrame, codes: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The table with codes made missing and told by a column of texts of their own, None where there is none.

    A code has no place in the order of the measured values, so no scale and no bin should hold both.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
    codes : mapping of str to sequence of float
        Codes of each column that has some.

    Examples
    --------
    >>> with_codes_apart(pd.DataFrame({"months": [3.0, -9.0, 12.0]}), {"months": [-9.0]})
       months months (code)
    0     3.0          None
    1     NaN            -9
    2    12.0          None
    """
    apart = {}
    for name, own in codes.items():
        is_code = table[name].isin(own)
        apart[name] = table[name].mask(is_code)
        told = [f"{value:.15g}" if coded else None for value, coded in zip(table[name], is_code, strict=True)]
        apart[code_column(name)] = pd.Series(told, index=table.index, dtype=object)
    return table.assign(**apart) if apart else table
