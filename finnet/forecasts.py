"""Forecasts: the one table that evaluation, backtest, lending and reports share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from finnet.checks import require_columns
from finnet.errors import DataError
from finnet.types import BoolArray, FloatArray
from finnet.weights import checked_weight

__all__ = ["KINDS", "PROBABILITY_FLOOR", "SCHEMA", "Forecasts"]

SCHEMA = 2
KINDS = ("probability", "mean", "score", "quantile")
"""What a forecast is: a chance, an expected number, a rank (any number, higher is more), or a quantile at a level."""
PROBABILITY_FLOOR = 1e-6
"""Nearest to 0 and 1 that a probability of finnet's models is published: no data show that an event cannot happen."""

_TYPES = {
    "schema": "int16",
    "run_id": "str",
    "model": "str",
    "fold": "int32",
    "entity": "str",
    "issued_at": "datetime64[us]",
    "tradable_at": "datetime64[us]",
    "resolves_at": "datetime64[us]",
    "target": "str",
    "horizon": "int32",
    "kind": "str",
    "level": "float64",
    "value": "float64",
    "truth": "float64",
}
_OPTIONAL = {"weight": "float64", "group": "int64"}
_TIMES = ["issued_at", "tradable_at", "resolves_at"]
_KEY = ["model", "fold", "entity", "issued_at", "target", "horizon", "kind", "level"]
_ORDER = [
    ("resolves_at", "issued_at", "resolves before it was issued"),
    ("tradable_at", "issued_at", "is traded before it was issued"),
    ("resolves_at", "tradable_at", "resolves before it is traded"),
]


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Out-of-sample forecasts beside what came true, one row per forecast, long.

    Parameters
    ----------
    table : DataFrame
        Columns, in this order: `schema` (2), `run_id`, `model`, `fold`, `entity` (symbol or loan), `issued_at`,
        `tradable_at` (the first moment to act on it, where the outcome starts) and `resolves_at`, `target`, `horizon`
        (bars or months), `kind` (probability | mean | score | quantile; a score ranks and has no unit), `level` (of a
        quantile, between 0 and 1, else NaN), `value` (the forecast), `truth` (NaN while unknown); where rows are
        weighted also `weight` (for how many cases a row stands; 1 each without it), and where entities belong together,
        as one client's loans do, `group` (a whole number for each client; without it each entity is by itself). Other
        columns are refused. Times with a zone become UTC, those without one are UTC; NaT where rows have no dates or
        the moment is not known. A table of schema 1, which had no `tradable_at`, is taken as one whose moments to trade
        are not known.

    Raises
    ------
    DataError
        Where a column is missing or unknown, a value is not finite, a probability leaves [0, 1], a quantile has no
        level or another kind has one, a weight is not above 0, an entity is in two groups, a forecast resolves or is
        traded before it was issued or resolves before it is traded, or one forecast stands twice.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.1, 0.7], "truth": [0.0, 1.0]}
    >>> forecasts = Forecasts.from_rows(rows, run_id="demo")
    >>> forecasts.models, len(forecasts)
    (['network'], 2)
    """

    table: pd.DataFrame

    def __post_init__(self) -> None:
        table = _upgraded(self.table)
        require_columns(table.columns, list(_TYPES), name="forecasts")
        types = _TYPES | {name: kind for name, kind in _OPTIONAL.items() if name in table}
        unknown = [column for column in table.columns if column not in types]
        if unknown:
            raise DataError(f"forecasts have unknown columns {unknown}; keep only {[*_TYPES, *_OPTIONAL]}")
        try:
            times = {name: _in_utc(table[name]) for name in _TIMES}
            table = table.assign(**times)[list(types)].astype(types).reset_index(drop=True)
        except (TypeError, ValueError) as error:
            raise DataError(f"forecasts hold a value of the wrong type: {error}") from error
        if "weight" in table and checked_weight(table["weight"], len(table)) is None:
            table = table.drop(columns="weight")
        # The way around a frozen dataclass: the table given is put into today's schema, types and order.
        object.__setattr__(self, "table", table)
        _require_sound(table)

    @classmethod
    def from_rows(cls, rows: dict[str, object], *, run_id: str) -> Self:
        """Forecasts from named columns; times, level and truth may be left out where there are none."""
        absent = {**dict.fromkeys(_TIMES, pd.NaT), "level": np.nan, "truth": np.nan}
        return cls(pd.DataFrame({"schema": SCHEMA, "run_id": run_id, **absent, **rows}))

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """All rows of several tables, in the order given; DataError where only some of them have groups."""
        if len({"group" in part.table for part in parts}) > 1:
            raise DataError("some forecasts have a column group, others none; give it to all, or leave it out")
        table = pd.concat([part.table for part in parts], ignore_index=True)
        return cls(table.fillna({"weight": 1.0}) if "weight" in table else table)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Forecasts read from Parquet, checked as if they were made here."""
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error}); give a forecasts.parquet") from error
        return cls(table)

    def save(self, path: Path | str) -> None:
        """Write the table as Parquet."""
        self.table.to_parquet(path, index=False)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of their first forecast."""
        return [str(name) for name in self.table["model"].unique()]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the forecasts, in the order of `KINDS`."""
        return [kind for kind in KINDS if (self.table["kind"] == kind).any()]

    @property
    def levels(self) -> list[float]:
        """Levels of the quantiles, ascending; none where there are no quantiles."""
        return sorted(float(level) for level in self.table["level"].dropna().unique())

    @property
    def weight(self) -> FloatArray | None:
        """For how many cases each row stands, shape (n_rows,); None where rows are not weighted."""
        return self.table["weight"].to_numpy() if "weight" in self.table else None

    @property
    def is_dated(self) -> bool:
        """Whether every forecast says when it was issued."""
        return bool(self.table["issued_at"].notna().all())

    def of(self, model: str) -> Self:
        """The forecasts of one model; DataError where it has none."""
        rows = self.table[self.table["model"] == model]
        if rows.empty:
            raise DataError(f"no forecast of model {model!r}; models are {self.models}")
        return type(self)(rows)

    def of_kind(self, kind: str) -> Self:
        """The forecasts of one kind; DataError where there is none."""
        rows = self.table[self.table["kind"] == kind]
        if rows.empty:
            raise DataError(f"no forecast of kind {kind!r}; kinds are {self.kinds}")
        return type(self)(rows)

    def wide(self, kind: str = "probability", level: float | None = None) -> pd.DataFrame:
        """One row per (fold, issued_at, resolves_at, entity), one column per model, and the column `truth` last.

        Only cases that every model forecast and whose truth is known are kept, so models can be compared in pairs.
        Of quantiles those of one `level` are taken.
        """
        rows = self.table[self.table["kind"] == kind]
        if level is not None:
            rows = rows[rows["level"] == level]
        case = ["fold", "issued_at", "resolves_at", "entity"]
        indexed = rows.set_index(case)
        columns = {model: indexed.loc[indexed["model"] == model, "value"] for model in self.models}
        # Every model has the same truth of a case, so that of any model serves.
        truth = indexed.loc[indexed["model"] == self.models[0], "truth"]
        return pd.DataFrame({**columns, "truth": truth}).dropna().sort_index()

    def values(self) -> tuple[FloatArray, FloatArray]:
        """(truth, value) of all rows whose truth is known, shape (n_known,) each."""
        known = self.table[self.table["truth"].notna()]
        return known["truth"].to_numpy(), known["value"].to_numpy()


def _upgraded(table: pd.DataFrame) -> pd.DataFrame:
    """A table of schema 1 in today's schema, any other as it is."""
    if "schema" not in table or "tradable_at" in table or not (table["schema"] == 1).all():
        return table
    return table.assign(schema=SCHEMA, tradable_at=np.datetime64("NaT", "us"))


def _in_utc(times: "pd.Series[Any]") -> "pd.Series[Any]":
    """The same moments in UTC, without a zone; numbers and times without a zone stay as they are."""
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        moments: pd.Series[Any] = times.dt.tz_convert("UTC").dt.tz_localize(None)
        return moments
    if times.dtype != object and not pd.api.types.is_string_dtype(times):
        return times
    # Read apart, as pandas 2.2 gives a text without a zone that of the text before it.
    has_zone = times.astype(str).str.contains(r"[T ]\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$", regex=True).to_numpy(bool)
    read = [
        pd.to_datetime(part, utc=True, format="ISO8601") for part in (times[has_zone], times[~has_zone]) if len(part)
    ]
    return pd.concat(read).loc[times.index].dt.tz_localize(None) if read else pd.to_datetime(times)


def _require_sound(table: pd.DataFrame) -> None:
    wrong_kind = set(table["kind"]) - set(KINDS)
    if wrong_kind or (table["schema"] != SCHEMA).any():
        raise DataError(f"forecasts have kinds {sorted(wrong_kind)} or a schema other than {SCHEMA}; use {KINDS}")
    if "group" in table:
        _require_one_group_each(table)
    if not np.isfinite(table["value"]).all():
        raise DataError(
            f"forecasts have a value that is not finite, first in row {_first(~np.isfinite(table['value']))}"
        )
    outside = (table["kind"] == "probability") & ~table["value"].between(0, 1)
    if outside.any():
        raise DataError(f"row {_first(outside)}: probability {table['value'][_first(outside)]} is outside [0, 1]")
    is_quantile = table["kind"] == "quantile"
    between = (table["level"] > 0) & (table["level"] < 1)
    wrong_level = np.where(is_quantile, ~between, table["level"].notna())
    if wrong_level.any():
        row = _first(wrong_level)
        raise DataError(
            f"row {row}: a {table['kind'][row]} with level {table['level'][row]}; quantiles have a level between 0 and"
            " 1, other kinds none"
        )
    for later, earlier, words in _ORDER:
        # Where either moment is not known (NaT) this is false, and nothing is wrong.
        early = table[later] <= table[earlier]
        if early.any():
            raise DataError(f"row {_first(early)} {words}; {earlier} comes first, then {later}")
    twice = table.duplicated(_KEY)
    if twice.any():
        raise DataError(f"row {_first(twice)}: {dict(table.loc[_first(twice), _KEY])} stands twice; keep one")


def _require_one_group_each(table: pd.DataFrame) -> None:
    pairs = table[["entity", "group"]].drop_duplicates()
    twice = pairs.duplicated("entity")
    if twice.any():
        entity = pairs.loc[twice, "entity"].iloc[0]
        groups = sorted(pairs.loc[pairs["entity"] == entity, "group"].tolist())
        raise DataError(f"{entity} is in groups {groups}; give all forecasts of one entity the same")


def _first(mask: "pd.Series[bool] | BoolArray") -> int:
    return int(np.flatnonzero(mask)[0])
