"""Cases: what every model forecast and what came true, as arrays, with the units that are independent of each other."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.targets import target_named
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray
from finnet.weights import checked_weight

__all__ = ["Cases", "paired_cases"]

# With fewer, tests over months would have hardly any power, and days are counted instead.
_FEWEST_MONTHS = 12
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, eq=False)
class Cases:
    """Forecasts of several models for the same rows.

    A unit is what is resampled or averaged as a whole, because its rows share shocks: the day of issue; the month of
    issue where no entity is forecast twice (loans) and there are twelve months; the entity where rows have no dates,
    or the client whose loans it is. Loans with dates and clients have two such divisions, and neither holds the other:
    `divisions` gives both, for the more careful answer to count.

    Parameters
    ----------
    models : list of str
    values : ndarray of shape (n, n_models), or (n, n_models, n_levels) of quantiles
        Forecasts, one column per model.
    truth : ndarray of shape (n,)
        0 or 1 where forecasts are probabilities, else any number.
    outcome : ndarray of shape (n,)
        What stands behind the truth, such as the forward return; the truth itself where nothing else is given.
    unit : ndarray of int, shape (n,)
        Number of the unit of each row, 0 to n_units - 1, in time order.
    fold, repeat : ndarray of int, shape (n,)
        Fold, and how often the same case was forecast in earlier folds (repeated k-fold).
    horizon : int
        Units within which outcomes of one entity overlap: 1 where none do.
    issued : ndarray of datetime64[us], shape (n,)
        NaT where rows have no dates.
    unit_name : {"session", "month", "day", "row", "client"}
        A day is a session of loans, which no market trades.
    entity : ndarray of int, shape (n,)
        Number of the symbol or loan of each row, 0 to n_entities - 1.
    kind : str
        What the forecasts are: one of `finnet.forecasts.KINDS`.
    levels : ndarray of shape (n_levels,)
        Of quantiles, ascending; else empty.
    naive : ndarray of shape (n,), optional
        The naive forecast that R2 measures others against: that of `Target.naive`. None where it has no forecasts, and
        for kinds other than means.
    weight : ndarray of shape (n,), optional
        For how many cases each row stands; None where each counts as one.
    group : ndarray of int, shape (n,), optional
        Number of the client of each row, 0 to n_groups - 1; None where each entity is by itself, and of symbols.
    """

    models: list[str]
    values: FloatArray
    truth: FloatArray
    outcome: FloatArray
    unit: IntArray
    fold: IntArray
    repeat: IntArray
    horizon: int
    issued: TimeArray
    unit_name: str
    entity: IntArray
    kind: str = "probability"
    levels: FloatArray = field(default_factory=lambda: np.empty(0))
    naive: FloatArray | None = None
    weight: FloatArray | None = None
    group: IntArray | None = None

    @property
    def divisions(self) -> "list[Cases]":
        """The same cases by every kind of unit: units of time first, then clients where there are any."""
        if self.group is None or self.unit_name == "client":
            return [self]
        return [self, replace(self, unit=self.group, unit_name="client", horizon=1)]

    @property
    def clusters(self) -> "list[IntArray]":
        """The clients of the rows, and beside them the months or days of issue; none where no client has two rows."""
        return [] if self.group is None else [self.group, *[self.unit] * self.is_in_time]

    @property
    def is_in_time(self) -> bool:
        """Whether units follow each other, so that shocks may last from one to the next."""
        return self.unit_name not in ("row", "client")

    @property
    def counts(self) -> FloatArray:
        """How much each row counts, shape (n,): its weight, or 1."""
        return np.ones(len(self.truth)) if self.weight is None else self.weight

    @property
    def is_event(self) -> bool:
        """Whether every truth is 0 or 1."""
        return bool(((self.truth == 0) | (self.truth == 1)).all())

    @property
    def n_units(self) -> int:
        """Number of units."""
        return int(self.unit.max()) + 1

    @property
    def is_dated(self) -> bool:
        """Whether rows say when they were issued."""
        return not bool(np.isnat(self.issued).any())

    @property
    def years(self) -> float:
        """Years from the first day of issue to the last, both counted; NaN without dates."""
        if not self.is_dated:
            return float("nan")
        days = (self.issued.max() - self.issued.min()) / np.timedelta64(1, "D")
        return float((days + 1.0) / _DAYS_PER_YEAR)


def paired_cases(forecasts: Forecasts, outcome: "pd.Series[float] | None" = None) -> Cases:
    """The rows that every model forecast and whose truth is known.

    Parameters
    ----------
    outcome : Series, optional
        What stands behind the truth, indexed by (issued_at, entity).

    Raises
    ------
    DataError
        Where forecasts are of several kinds or targets, a truth is infinite or, of probabilities, neither 0 nor 1, or
        no row is shared by all.

    Examples
    --------
    >>> rows = {"fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 0, "kind": "probability"}
    >>> parts = [{**rows, "model": name, "value": [0.1, 0.7], "truth": [0.0, 1.0]} for name in ("network", "tree")]
    >>> cases = paired_cases(Forecasts.concat([Forecasts.from_rows(part, run_id="demo") for part in parts]))
    >>> cases.models, cases.n_units, cases.horizon
    (['network', 'tree'], 2, 1)
    """
    kind, target = _one_question(forecasts)
    wide, values = _paired_values(forecasts, kind)
    truth = wide.pop("truth").to_numpy()
    _require_judgeable(truth, kind)
    models = [str(model) for model in wide.columns]
    index = wide.index.to_frame(index=False)
    issued = index["issued_at"].to_numpy("datetime64[us]")
    entity: IntArray = pd.factorize(index["entity"])[0]
    # Folds come in order, so the n-th row of a case is that of the n-th repeat.
    repeat = index.groupby(["entity", "issued_at"], dropna=False).cumcount().to_numpy()
    once = bool((np.bincount(entity[repeat == 0]) == 1).all())
    group = _group_of(index, forecasts) if once else None
    # Loans are forecast once each and symbols again and again, which is how the two are told apart.
    unit, name, horizon = (entity, "row", 1) if group is None else (group, "client", 1)
    if forecasts.is_dated:
        unit, name = _dated_units(issued, once=once)
        horizon = 1 if once else _overlap(issued, index["resolves_at"].to_numpy("datetime64[us]"), forecasts)
    return Cases(
        models=models,
        values=values,
        truth=truth,
        outcome=truth if outcome is None else _outcome_of(index, outcome),
        unit=unit,
        fold=index["fold"].to_numpy(),
        repeat=repeat,
        horizon=horizon,
        issued=issued,
        unit_name=name,
        entity=entity,
        kind=kind,
        levels=np.array(forecasts.levels),
        naive=_naive(models, values, target_named(target).naive) if kind == "mean" else None,
        weight=_weight_of(index, forecasts),
        group=group,
    )


def _paired_values(forecasts: Forecasts, kind: str) -> tuple[pd.DataFrame, FloatArray]:
    """Forecasts in the shape of `Cases.values`, and beside them, row by row, the wide table whose truth counts."""
    if kind != "quantile":
        wide = forecasts.wide(kind)
        return wide, wide.drop(columns="truth").to_numpy()
    tables = [forecasts.wide(kind, level) for level in forecasts.levels]
    # Only cases that have every level count, so that all levels are judged on the same ones.
    shared = tables[0].index
    for table in tables[1:]:
        shared = shared.intersection(table.index)
    wide = tables[0].loc[tables[0].index.isin(shared)]
    parts = [table.loc[table.index.isin(shared)].drop(columns="truth").to_numpy() for table in tables]
    return wide, np.stack(parts, axis=-1)


def _naive(models: list[str], values: FloatArray, name: str) -> FloatArray | None:
    """The naive forecast of every row; None where the model of this name has none."""
    if name in models:
        return values[:, models.index(name)]
    return np.zeros(len(values)) if name == "zero" else None


def _weight_of(index: pd.DataFrame, forecasts: Forecasts) -> FloatArray | None:
    """The weight of every case, which is that of any forecast of it; None where rows are not weighted."""
    if forecasts.weight is None:
        return None
    case = list(index.columns)
    table = forecasts.table[[*case, "weight"]].drop_duplicates()
    if table.duplicated(case).any():
        row = table[table.duplicated(case)].iloc[0]
        raise DataError(f"{row['entity']} of fold {row['fold']} has two weights; give every model the same rows")
    return checked_weight(index.merge(table, on=case, how="left")["weight"], len(index))


def _group_of(index: pd.DataFrame, forecasts: Forecasts) -> IntArray | None:
    """The number of the client of every case; None where no client has two entities, which says the same as none."""
    if "group" not in forecasts.table:
        return None
    by_entity = forecasts.table.drop_duplicates("entity").set_index("entity")["group"]
    group: IntArray = pd.factorize(index["entity"].map(by_entity), sort=True)[0]
    # One entity each: tests by client would be those by row, and are named so.
    return group if int(group.max()) + 1 < index["entity"].nunique() else None


def _outcome_of(index: pd.DataFrame, outcome: "pd.Series[float]") -> FloatArray:
    values = outcome.reindex(pd.MultiIndex.from_frame(index[["issued_at", "entity"]])).to_numpy(float)
    if np.isnan(values).any():
        row = index.iloc[int(np.isnan(values).argmax())]
        raise DataError(f"outcome lacks {row['entity']} at {row['issued_at']}; give one for every case with a truth")
    return values


def _one_question(forecasts: Forecasts) -> tuple[str, str]:
    """The kind of the forecasts and their target, of which there must be one each."""
    if len(forecasts.kinds) != 1:
        raise DataError(f"forecasts are of kinds {forecasts.kinds}; judge one at a time, as of_kind(...) gives it")
    asked = forecasts.table[["target", "horizon"]].drop_duplicates()
    if len(asked) > 1:
        raise DataError(f"forecasts answer {asked.to_numpy().tolist()}; judge one target and horizon at a time")
    return forecasts.kinds[0], str(asked["target"].iloc[0])


def _require_judgeable(truth: FloatArray, kind: str) -> None:
    if not len(truth):
        raise DataError("no case has a known truth and a forecast by every model; check that models share test rows")
    wrong: BoolArray = (truth != 0) & (truth != 1) if kind == "probability" else ~np.isfinite(truth)
    if wrong.any():
        against = "probabilities are judged against 0 and 1" if kind == "probability" else "it must be finite"
        raise DataError(f"truth holds {truth[wrong][0]}; {against}")


def _dated_units(issued: TimeArray, *, once: bool) -> tuple[IntArray, str]:
    months, month = np.unique(issued.astype("datetime64[M]"), return_inverse=True)
    if once and len(months) >= _FEWEST_MONTHS:
        return month, "month"
    return np.unique(issued.astype("datetime64[D]"), return_inverse=True)[1], "day" if once else "session"


def _overlap(issued: TimeArray, resolves: TimeArray, forecasts: Forecasts) -> int:
    """Days of issue that one outcome spans: the horizon where forecasts are issued on every bar."""
    day, end = issued.astype("datetime64[D]"), resolves.astype("datetime64[D]")
    days = np.unique(day)
    later = np.searchsorted(days, end) - np.searchsorted(days, day, side="right")
    most = int(later.max())
    # An outcome starts a bar after its forecast, so `most` is exact on daily forecasts and one short on some sparser.
    return max(1, most, min(int(forecasts.table["horizon"].iloc[0]), most + 1))
