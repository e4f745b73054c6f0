"""What the names in job files stand for: plain dicts."""

from collections.abc import Callable, Mapping
from typing import Any

from finnet.estimators.baselines import (
    CappedSVC,
    boosting,
    decision_tree,
    k_neighbors,
    logistic_regression,
    random_forest,
)
from finnet.estimators.calibration import CalibratedClassifier
from finnet.estimators.naive import AlwaysUp, BestColumn, Persistence, PriorRate
from finnet.estimators.tuning import SPACES, EncodedClassifier, TunedClassifier
from finnet.plugins import is_plugin, load_plugin

__all__ = ["BASELINES", "MODELS", "NAIVE", "build_model"]

BASELINES: Mapping[str, Callable[[], Any]] = {
    "tree": decision_tree,
    "svm": CappedSVC,
    "knn": k_neighbors,
    "logistic": logistic_regression,
    "forest": random_forest,
    "boosting": boosting,
}
NAIVE: Mapping[str, Callable[[], Any]] = {
    "always_up": AlwaysUp,
    "majority": PriorRate,  # the same forecast: the rate gives its probability, the majority its class
    "prior_rate": PriorRate,
    "persistence": Persistence,
    "best_column": BestColumn,
}
MODELS = ("network", *BASELINES, *NAIVE)


def build_model(name: str, *, network: Any, encoder: Any, trials: int) -> Any:
    """The estimator called `name`: naive ones as they are, all others encoded, cross-fitted and calibrated alike.

    `package.module:name` is an estimator of the user's own, or a class or function that makes one; it is not tuned.
    The network draws and chooses its settings itself, the baselines are tuned.

    Parameters
    ----------
    network : NetworkEnsembleClassifier
        What "network" stands for, with the settings of the job.
    encoder : transformer
        Of tables, fitted anew for each fit.
    trials : int
        Settings tried on the first rows held out, the same number for every baseline.
    """
    if name in NAIVE:
        return NAIVE[name]()
    if is_plugin(name):
        own = load_plugin(name)
        return CalibratedClassifier(EncodedClassifier(encoder, own() if callable(own) else own))
    is_network = name == "network"
    classifier = network if is_network else TunedClassifier(BASELINES[name](), space=SPACES[name], trials=trials)
    return CalibratedClassifier(EncodedClassifier(encoder, classifier))
