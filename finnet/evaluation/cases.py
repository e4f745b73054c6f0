"""Cases: what every model forecast and what came true, as arrays, with the units that are independent of each other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = ["Cases", "paired_cases"]

_FEWEST_MONTHS = 12
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, eq=False)
class Cases:
    """Probabilities of several models for the same rows.

    A unit is what is resampled or averaged as a whole, because its rows share shocks: the day of issue; the month of
    issue where no entity is forecast twice (loans) and there are twelve months; the entity where rows have no dates.

    Parameters
    ----------
    models : list of str
    values : ndarray of shape (n, n_models)
        Probabilities, one column per model.
    truth : ndarray of shape (n,)
        0 or 1.
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
    unit_name : {"session", "month", "row"}
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
        Where forecasts are not probabilities of one target, a truth is neither 0 nor 1, or no row is shared by all.

    Examples
    --------
    >>> rows = {"fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 0, "kind": "probability"}
    >>> parts = [{**rows, "model": name, "value": [0.1, 0.7], "truth": [0.0, 1.0]} for name in ("network", "tree")]
    >>> cases = paired_cases(Forecasts.concat([Forecasts.from_rows(part, run_id="demo") for part in parts]))
    >>> cases.models, cases.n_units, cases.horizon
    (['network', 'tree'], 2, 1)
    """
    _require_one_question(forecasts.table)
    wide = forecasts.wide()
    truth = wide.pop("truth").to_numpy()
    _require_binary(truth)
    index = wide.index.to_frame(index=False)
    issued = index["issued_at"].to_numpy("datetime64[us]")
    entity: IntArray = pd.factorize(index["entity"])[0]
    repeat = index.groupby(["entity", "issued_at"], dropna=False).cumcount().to_numpy()
    unit, name, horizon = entity, "row", 1
    if forecasts.is_dated:
        once = bool((np.bincount(entity[repeat == 0]) == 1).all())
        unit, name = _dated_units(issued, once=once)
        horizon = 1 if once else _overlap(issued, index["resolves_at"].to_numpy("datetime64[us]"), forecasts)
    return Cases(
        models=[str(model) for model in wide.columns],
        values=wide.to_numpy(),
        truth=truth,
        outcome=truth if outcome is None else _outcome_of(index, outcome),
        unit=unit,
        fold=index["fold"].to_numpy(),
        repeat=repeat,
        horizon=horizon,
        issued=issued,
        unit_name=name,
    )


def _outcome_of(index: pd.DataFrame, outcome: "pd.Series[float]") -> FloatArray:
    values = outcome.reindex(pd.MultiIndex.from_frame(index[["issued_at", "entity"]])).to_numpy(float)
    if np.isnan(values).any():
        row = index.iloc[int(np.isnan(values).argmax())]
        raise DataError(f"outcome lacks {row['entity']} at {row['issued_at']}; give one for every case with a truth")
    return values


def _require_one_question(table: pd.DataFrame) -> None:
    kinds = sorted(table["kind"].unique())
    if kinds != ["probability"]:
        raise DataError(f"forecasts are of kind {kinds}; keep only probabilities to score or compare them")
    asked = table[["target", "horizon"]].drop_duplicates()
    if len(asked) > 1:
        raise DataError(f"forecasts answer {asked.to_numpy().tolist()}; judge one target and horizon at a time")


def _require_binary(truth: FloatArray) -> None:
    if not len(truth):
        raise DataError("no case has a known truth and a forecast by every model; check that models share test rows")
    wrong: BoolArray = (truth != 0) & (truth != 1)
    if wrong.any():
        raise DataError(f"truth holds {truth[wrong][0]}; probabilities are judged against 0 and 1")


def _dated_units(issued: TimeArray, *, once: bool) -> tuple[IntArray, str]:
    months, month = np.unique(issued.astype("datetime64[M]"), return_inverse=True)
    if once and len(months) >= _FEWEST_MONTHS:
        return month, "month"
    return np.unique(issued.astype("datetime64[D]"), return_inverse=True)[1], "session"


def _overlap(issued: TimeArray, resolves: TimeArray, forecasts: Forecasts) -> int:
    """Days of issue that one outcome spans: the horizon where forecasts are issued on every bar."""
    day, end = issued.astype("datetime64[D]"), resolves.astype("datetime64[D]")
    days = np.unique(day)
    later = np.searchsorted(days, end) - np.searchsorted(days, day, side="right")
    most = int(later.max())
    # An outcome starts a bar after its forecast, so `most` is exact on daily forecasts and one short on some sparser.
    return max(1, most, min(int(forecasts.table["horizon"].iloc[0]), most + 1))
