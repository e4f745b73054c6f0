"""Refitting: baselines saved as the rows that trained them, and fitted again to the same bits when they are loaded.

Trees, forests, boosting, SVM and k-NN keep their state in libraries whose inner formats change and trust their input.
The rows, the settings and the seed say the same, and nothing that a file says of them can do more than train a model.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from finnet.errors import ConfigError, DataError
from finnet.estimators.tuning import TunedClassifier, TunedRegressor
from finnet.fitting import Rows
from finnet.models import BASELINES, Kind, Model

__all__ = ["describe_refitted", "restore_refitted"]

# 80 MB in float32.
_MOST_VALUES = 20_000_000
_PROBE_ROWS = 50


_Tuned = TunedClassifier | TunedRegressor


def describe_refitted(model: _Tuned, arrays: list[np.ndarray]) -> dict[str, Any]:
    """Name, settings and seed of a fitted baseline; its rows, and what it forecasts of the first, go to `arrays`.

    Each block of rows is X (n_rows, n_features), float32, then y (n_rows,).

    ConfigError where the model is none of finnet's as it sets them up, or has more rows than a file should hold.
    """
    if isinstance(model, TunedClassifier) and not np.isin(model.classes_, (0, 1)).all():
        raise ConfigError(f"a {_name(model)} of labels {model.classes_} cannot be saved; make them 0 and 1")
    train, validation = model.rows_
    blocks = [train] if validation is None else [train, validation]
    if sum(np.size(block.X) for block in blocks) > _MOST_VALUES:
        raise ConfigError(
            f"the model was trained on more than {_MOST_VALUES:,} values; fit it again from the job instead"
        )
    start = len(arrays)
    label_type: Any = np.int64 if isinstance(model, TunedClassifier) else np.float64
    for block in blocks:
        arrays += [np.asarray(block.X, np.float32), np.asarray(block.y, label_type)]
    arrays.append(_probe(model))
    chosen: dict[str, Any] = {"settings": model.best_params_, "seed": int(model.random_state)}
    if any(block.weight is not None for block in blocks):
        chosen["weighted"] = True
        # Behind the probe, so that files of rows without weights stay as they were.
        arrays += [np.ones(len(block.y)) if block.weight is None else block.weight for block in blocks]
    return {"model": _name(model), **chosen, "start": start, "blocks": len(blocks)}


def restore_refitted(kind: type[_Tuned], description: Mapping[str, Any], arrays: list[np.ndarray]) -> _Tuned:
    """The baseline, fitted again; DataError where it does not forecast what it did when it was saved."""
    name, start, blocks = description["model"], description["start"], description["blocks"]
    known, truth = _refitted_models(kind)[name], _truth(kind)
    space = known.space_of(truth)
    model = kind(known.make(truth), space=space, random_state=int(description["seed"]))
    probe = start + 2 * blocks
    parts = [_checked_rows(kind, *arrays[i : i + 2]) for i in range(start, probe, 2)]
    if description.get("weighted", False):
        weights = arrays[probe + 1 : probe + 1 + blocks]
        parts = [_with_weight(part, weight) for part, weight in zip(parts, weights, strict=True)]
    model.refit(_checked_settings(name, space, description["settings"]), parts[0], parts[1] if blocks > 1 else None)
    # To the bit: another version of a library may train another model from the same rows, which must not go unnoticed.
    if not np.array_equal(_probe(model), arrays[probe]):
        raise DataError(
            f"the {name} forecasts otherwise than when it was saved; load it with the versions that made it"
        )
    return model


def _truth(kind: type[_Tuned]) -> Kind:
    """What models of this kind forecast, as `BASELINES` names it."""
    return "event" if kind is TunedClassifier else "number"


def _refitted_models(kind: type[_Tuned]) -> dict[str, Model]:
    """Models that are fitted again, by name."""
    return {name: model for name, model in BASELINES.items() if model.is_refitted and _truth(kind) in model.made_by}


def _unseeded(model: Any) -> Any:
    """The model without its seed, which tuning replaces by its own."""
    has_seed = "random_state" in model.get_params()
    return clone(model).set_params(random_state=None) if has_seed else model


def _name(model: _Tuned) -> str:
    given = model.classifier if isinstance(model, TunedClassifier) else model.regressor
    for name, known in _refitted_models(type(model)).items():
        # Estimators have no equality; their repr names every setting that is not the default.
        if repr(_unseeded(known.make(_truth(type(model))))) == repr(_unseeded(given)):
            return name
    raise ConfigError(f"{given!r} cannot be saved; only the baselines of finnet can, as they are set up there")


def _probe(model: _Tuned) -> np.ndarray:
    """What the model forecasts of the first rows that trained it, shape (n_probe,) or (n_probe, n_outputs)."""
    X = np.asarray(model.rows_[0].X[:_PROBE_ROWS], np.float32)
    return np.asarray(model.predict_proba(X) if isinstance(model, TunedClassifier) else model.predict(X), np.float64)


def _checked_rows(kind: type[_Tuned], X: np.ndarray, y: np.ndarray) -> Rows:
    """Rows X (n_rows, n_features) with their labels or numbers y (n_rows,); DataError for other shapes and values."""
    fits = np.isin(y, (0, 1)) if kind is TunedClassifier else np.isfinite(y)
    if X.ndim != 2 or y.shape != X.shape[:1] or not fits.all():
        raise DataError(f"rows of shape {X.shape} and labels of shape {y.shape} train no {kind.__name__}")
    return Rows(X, y.astype(np.int8) if kind is TunedClassifier else y)


def _with_weight(rows: Rows, weight: np.ndarray) -> Rows:
    """The rows with a weight for each, shape (n_rows,); DataError where they are not that."""
    if weight.shape != rows.y.shape or not (np.isfinite(weight) & (weight >= 0.0)).all():
        raise DataError(f"weights of shape {weight.shape} are not one number of 0 or more for {len(rows.y)} rows")
    return rows._replace(weight=weight)


def _checked_settings(name: str, space: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that tuning may have chosen, and no others: a file must not ask for a million trees."""
    for key, value in settings.items():
        values = space.get(key, ())
        # Few rows leave fewer neighbors than any that is tried.
        is_fewer = key == "n_neighbors" and type(value) is int and 1 <= value <= max(values, default=0)
        if value not in values and not is_fewer:
            raise DataError(f"{key}={value!r} is no setting that finnet tries for {name}")
    return dict(settings)
