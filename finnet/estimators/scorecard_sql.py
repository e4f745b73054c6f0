"""Scorecard SQL: the points of a scorecard as a query that a database can run, one CASE for each column."""

from collections.abc import Mapping, Sequence

from finnet.errors import ConfigError
from finnet.estimators.scorecard_points import Scorecard
from finnet.features.binning import Bins, LevelBins
from finnet.types import IntArray

__all__ = ["scorecard_sql"]


def scorecard_sql(
    card: Scorecard, *, table: str = "applications", missing_codes: Mapping[str, Sequence[float]] | None = None
) -> str:
    """A query for the points of every row of a table, in standard SQL.

    Names and texts are quoted, so that nothing in them can run. Columns are taken as `fit` got them: NULL where
    missing. NaN, which some databases tell from NULL, must be made NULL first.

    Parameters
    ----------
    table : str
        Name of the table.
    missing_codes : mapping of str to sequence of float, optional
        Numbers that stand for missing in the table, by column, such as those that a reader had made missing.

    Raises
    ------
    ConfigError
        For a name or a level that holds the character NUL, which no database takes.

    Examples
    --------
    >>> import pandas as pd, numpy as np
    >>> from finnet.estimators.scorecard import ScorecardClassifier
    >>> from finnet.estimators.scorecard_points import PointScale
    >>> rows = pd.DataFrame({"debt": np.arange(100.0) % 10})
    >>> model = ScorecardClassifier(2).fit(rows, (rows["debt"] + np.arange(100) % 7 > 9).astype(int))
    >>> print(scorecard_sql(Scorecard(model, PointScale())), end="")
    -- 600 points are odds of 50 to 1 against default, and every 20 points more double them.
    SELECT
      512
      + CASE
        WHEN "debt" IS NULL THEN 0
        WHEN "debt" < 5.0 THEN 80
        ELSE -34
      END
      AS points
    FROM "applications";
    """
    codes = missing_codes or {}
    cases = [
        _case(name, card.model.evidence_[name].bins, points, missing=codes.get(name, ()))
        for name, points in card.points.items()
    ]
    lines = [f"-- {card.scale.words}", "SELECT", f"  {card.base}", *cases, "  AS points", f"FROM {_quoted(table)};"]
    return "\n".join(lines) + "\n"


def _case(name: str, bins: Bins, points: IntArray, *, missing: Sequence[float]) -> str:
    column, (*of_bins, of_missing) = _quoted(name), points.tolist()
    whens = [(f"{column} IS NULL", of_missing)]
    if isinstance(bins, LevelBins):
        *of_groups, other = of_bins
        levels = [", ".join(_text(level) for level in group) for group in bins.groups]
        whens += [(f"{column} IN ({group})", own) for group, own in zip(levels, of_groups, strict=True)]
    else:
        of_intervals, of_codes = of_bins[: len(bins.edges) + 1], of_bins[len(bins.edges) + 1 :]
        *of_intervals, other = of_intervals
        # Codes come first, as they lie within the intervals.
        whens += [(f"{column} = {code!r}", of_missing) for code in map(float, missing)]
        whens += [(f"{column} = {code!r}", own) for code, own in zip(bins.codes, of_codes, strict=True)]
        # A CASE takes the first line that holds, so that rising edges need no lower end. repr loses no digit.
        whens += [(f"{column} < {edge!r}", own) for edge, own in zip(bins.edges, of_intervals, strict=True)]
    return "\n".join(
        ["  + CASE", *(f"    WHEN {when} THEN {own}" for when, own in whens), f"    ELSE {other}", "  END"]
    )


def _quoted(name: str) -> str:
    """A name as SQL writes it, also one with quotes in it."""
    return '"' + _plain(name).replace('"', '""') + '"'


def _text(level: str) -> str:
    return "'" + _plain(level).replace("'", "''") + "'"


def _plain(text: str) -> str:
    if "\0" in text:
        raise ConfigError(f"{text!r} holds the character NUL, which no database takes; rename it")
    return text
