"""Refitting: baselines saved as the rows that trained them, and fitted again to the same bits when they are loaded.

Trees, forests, boosting, SVM and k-NN keep their state in libraries whose inner formats change and trust their input.
The rows, the settings and the seed say the same, and nothing that a file says of them can do more than train a model.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from finnet.errors import ConfigError, DataError
from finnet.estimators.baselines import CappedSVC, boosting, decision_tree, k_neighbors, random_forest
from finnet.estimators.tuning import SPACES, TunedClassifier
from finnet.fitting import Rows

__all__ = ["REFITTED", "describe_refitted", "restore_refitted"]

REFITTED: Mapping[str, Callable[[], Any]] = {
    "tree": decision_tree,
    "svm": CappedSVC,
    "knn": k_neighbors,
    "forest": random_forest,
    "boosting": boosting,
}
_MOST_VALUES = 20_000_000
_PROBE_ROWS = 50


def describe_refitted(model: TunedClassifier, arrays: list[np.ndarray]) -> dict[str, Any]:
    """Name, settings and seed of a fitted baseline; its rows, and what it forecasts of the first, go to `arrays`.

    ConfigError where the model is none of `REFITTED` as finnet sets it up, or has more rows than a file should hold.
    """
    if not np.isin(model.classes_, (0, 1)).all():
        raise ConfigError(f"a {_name(model)} of labels {model.classes_} cannot be saved; make them 0 and 1")
    train, validation = model.rows_
    blocks = [train] if validation is None else [train, validation]
    if sum(np.size(block.X) for block in blocks) > _MOST_VALUES:
        raise ConfigError(
            f"the model was trained on more than {_MOST_VALUES:,} values; fit it again from the job instead"
        )
    start = len(arrays)
    for block in blocks:
        arrays += [np.asarray(block.X, np.float32), np.asarray(block.y, np.int64)]
    arrays.append(_probe(model))
    chosen = {"settings": model.best_params_, "seed": int(model.random_state)}
    return {"model": _name(model), **chosen, "start": start, "blocks": len(blocks)}


def restore_refitted(description: Mapping[str, Any], arrays: list[np.ndarray]) -> TunedClassifier:
    """The baseline, fitted again; DataError where it does not forecast what it did when it was saved."""
    name, start, blocks = description["model"], description["start"], description["blocks"]
    model = TunedClassifier(REFITTED[name](), space=SPACES[name], random_state=int(description["seed"]))
    parts = [_rows(*arrays[i : i + 2]) for i in range(start, start + 2 * blocks, 2)]
    model.refit(_settings(name, description["settings"]), parts[0], parts[1] if blocks > 1 else None)
    if not np.array_equal(_probe(model), arrays[start + 2 * blocks]):
        raise DataError(
            f"the {name} forecasts otherwise than when it was saved; load it with the versions that made it"
        )
    return model


def _unseeded(classifier: Any) -> Any:
    """The classifier without its seed, which tuning replaces by its own."""
    has_seed = "random_state" in classifier.get_params()
    return clone(classifier).set_params(random_state=None) if has_seed else classifier


def _name(model: TunedClassifier) -> str:
    for name, make in REFITTED.items():
        if repr(_unseeded(make())) == repr(_unseeded(model.classifier)):
            return name
    raise ConfigError(
        f"{model.classifier!r} cannot be saved; only the baselines of finnet can, as they are set up there"
    )


def _probe(model: TunedClassifier) -> np.ndarray:
    return np.asarray(model.predict_proba(np.asarray(model.rows_[0].X[:_PROBE_ROWS], np.float32)), np.float64)


def _rows(X: np.ndarray, y: np.ndarray) -> Rows:
    if X.ndim != 2 or y.shape != X.shape[:1] or not np.isin(y, (0, 1)).all():
        raise DataError(f"rows of shape {X.shape} and labels of shape {y.shape} train no classifier")
    return Rows(X, y.astype(np.int8))


def _settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that tuning may have chosen, and no others: a file must not ask for a million trees."""
    for key, value in settings.items():
        values = SPACES[name].get(key, ())
        # Few rows leave fewer neighbors than any that is tried.
        is_fewer = key == "n_neighbors" and type(value) is int and 1 <= value <= max(values, default=0)
        if value not in values and not is_fewer:
            raise DataError(f"{key}={value!r} is no setting that finnet tries for {name}")
    return dict(settings)
