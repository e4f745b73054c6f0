"""How naive forecasts and calibration curves become descriptions and arrays, and come back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from finnet.errors import DataError
from finnet.estimators.archive import Arrays, Description, checked_classes, checked_names, checked_number, keep
from finnet.estimators.calibration_curves import IsotonicCalibrator, LogitCalibrator
from finnet.estimators.level_rates import LevelRates
from finnet.estimators.naive import (
    BestColumn,
    LastValue,
    Persistence,
    PriorRate,
    TrainingMean,
    TrainingQuantiles,
    Zero,
)

__all__ = [
    "describe_best_column",
    "describe_curve",
    "describe_last_value",
    "describe_persistence",
    "describe_rate",
    "describe_training_quantiles",
    "describe_value",
    "restore_best_column",
    "restore_calibrator",
    "restore_curve",
    "restore_last_value",
    "restore_persistence",
    "restore_rate",
    "restore_training_quantiles",
    "restore_value",
]


def describe_curve(curve: LogitCalibrator) -> list[Any]:
    """Slope and intercept; of an isotonic curve also the centers of its blocks, and its heights there."""
    line = [float(curve.slope_), float(curve.intercept_)]
    return [*line, curve.scores_.tolist(), curve.log_odds_.tolist()] if isinstance(curve, IsotonicCalibrator) else line


def restore_curve(line: Sequence[Any]) -> LogitCalibrator:
    """The curve of this slope, which must rise, and intercept."""
    curve = LogitCalibrator()
    slope, intercept = line
    curve.slope_, curve.intercept_ = checked_number(slope, 1e-6, 1e6), checked_number(intercept, -1e6, 1e6)
    return curve


def restore_calibrator(values: Sequence[Any]) -> LogitCalibrator:
    """The curve that `describe_curve` described, a line or isotonic; DataError for an isotonic one that does not rise.

    Examples
    --------
    >>> restore_calibrator([1.0, 0.0, [-1.0, 1.0], [-1.5, 0.5]]).log_odds(np.array([-2.0, 0.0, 2.0]))
    array([-2.5, -0.5,  1.5])
    """
    if len(values) == 2:
        return restore_curve(values)
    slope, intercept, *blocks = values
    line, curve = restore_curve([slope, intercept]), IsotonicCalibrator()
    curve.slope_, curve.intercept_ = line.slope_, line.intercept_
    curve.scores_, curve.log_odds_ = (np.array([checked_number(each, -1e6, 1e6) for each in own]) for own in blocks)
    if not 0 < len(curve.scores_) == len(curve.log_odds_):
        raise DataError(f"{len(curve.scores_)} blocks have {len(curve.log_odds_)} heights")
    if any((np.diff(own) <= 0).any() for own in (curve.scores_, curve.log_odds_)):
        raise DataError("the blocks of an isotonic curve do not rise")
    return curve


def _two_classes(description: Description) -> np.ndarray:
    # A file that names no classes has 0 and 1.
    classes = checked_classes(description.get("classes", [0, 1]))
    if len(classes) != 2:
        raise DataError(f"classes {classes.tolist()} are not two")
    return classes


def describe_rate(model: PriorRate, arrays: Arrays) -> dict[str, Any]:
    """The rate of ones."""
    return {"classes": model.classes_.tolist(), "rate": float(model.rate_)}


def restore_rate(kind: type[PriorRate], description: Description, arrays: Arrays) -> PriorRate:
    """The forecast of this kind, with the rate that was saved."""
    model = kind()
    model.classes_, model.rate_ = _two_classes(description), checked_number(description["rate"], 0, 1)
    return model


def describe_persistence(model: Persistence, arrays: Arrays) -> dict[str, Any]:
    """The column, and how often its sign was right."""
    return {"classes": model.classes_.tolist(), "column": model.column_, "hit_rate": float(model.hit_rate_)}


def restore_persistence(description: Description, arrays: Arrays) -> Persistence:
    """The forecast of this column."""
    (column,) = checked_names([description["column"]])
    model = Persistence(column)
    model.column_ = column
    model.classes_, model.hit_rate_ = _two_classes(description), checked_number(description["hit_rate"], 0, 1)
    return model


def describe_best_column(model: BestColumn, arrays: Arrays) -> dict[str, Any]:
    """The column, with the ranks and curve of a number, or the levels and rates of a category."""
    named = {"classes": model.classes_.tolist(), "column": model.column_}
    if model.levels_ is not None:
        own = model.levels_
        rates = {"levels": list(own.levels), "rates": keep(own.rates, arrays)}
        return {**named, **rates, "missing": own.missing, "other": own.other}
    ranks = {"values": keep(model.values_, arrays), "ranks": keep(model.ranks_, arrays), "direction": model.direction_}
    return {**named, **ranks, "missing": model.missing_rate_, "curve": describe_curve(model.curve_)}


def restore_best_column(description: Description, arrays: Arrays) -> BestColumn:
    """The forecast of this column; DataError where values and ranks, or levels and rates, do not fit each other."""
    model, (column,) = BestColumn(), checked_names([description["column"]])
    model.classes_, model.column_ = _two_classes(description), column
    # A file that names no levels is of a number, as all older ones are.
    model.levels_ = _restore_levels(description, arrays) if "levels" in description else None
    if model.levels_ is not None:
        return model
    model.values_, model.ranks_ = arrays[description["values"]], arrays[description["ranks"]]
    if model.values_.ndim != 1 or model.values_.shape != model.ranks_.shape or not len(model.values_):
        raise DataError(f"values of shape {model.values_.shape} have no ranks of shape {model.ranks_.shape}")
    model.direction_ = checked_number(description["direction"], -1, 1)
    model.missing_rate_ = checked_number(description["missing"], 0, 1)
    model.curve_ = restore_curve(description["curve"])
    return model


def _restore_levels(description: Description, arrays: Arrays) -> LevelRates:
    levels, rates = checked_names(description["levels"]), arrays[description["rates"]]
    if rates.shape != (len(set(levels)),) or len(set(levels)) < len(levels) or ((rates < 0) | (rates > 1)).any():
        raise DataError(f"{len(levels)} levels have no rates of shape {rates.shape} between 0 and 1")
    missing, other = (checked_number(description[name], 0, 1) for name in ("missing", "other"))
    return LevelRates(tuple(levels), rates, missing, other)


def describe_value(model: TrainingMean | Zero, arrays: Arrays) -> dict[str, Any]:
    """The number that everyone is forecast."""
    return {"value": float(model.value_)}


def restore_value(kind: type[TrainingMean | Zero], description: Description, arrays: Arrays) -> TrainingMean | Zero:
    """The forecast of this kind, with the number that was saved."""
    model = kind()
    model.value_ = checked_number(description["value"])
    return model


def describe_last_value(model: LastValue, arrays: Arrays) -> dict[str, Any]:
    """The column, and the number that stands for its gaps."""
    return {"column": model.column_, "value": float(model.value_)}


def restore_last_value(description: Description, arrays: Arrays) -> LastValue:
    """The forecast of this column."""
    (column,) = checked_names([description["column"]])
    model = LastValue(column)
    model.column_, model.value_ = column, checked_number(description["value"])
    return model


def describe_training_quantiles(model: TrainingQuantiles, arrays: Arrays) -> dict[str, Any]:
    """Levels and quantiles."""
    return {"levels": [float(level) for level in model.levels], "values": model.values_.tolist()}


def restore_training_quantiles(description: Description, arrays: Arrays) -> TrainingQuantiles:
    """The forecast of these quantiles, one for each level."""
    levels, values = description["levels"], description["values"]
    if len(levels) != len(values) or not len(levels):
        raise DataError(f"{len(values)} quantiles have {len(levels)} levels")
    model = TrainingQuantiles(tuple(checked_number(level, 0, 1) for level in levels))
    model.values_ = np.array([checked_number(value) for value in values], np.float64)
    return model
