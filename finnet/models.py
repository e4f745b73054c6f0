"""Models that can be named in a job file: all that finnet knows of each stands here, and nowhere else.

Estimators are named by where they are made and loaded when one is needed, so that whoever reads forecasts or draws a
page need not load them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

__all__ = ["BASELINES", "BEST", "NETWORK", "Kind", "Model", "model_names", "naive_models", "spaces"]

Space = Mapping[str, Sequence[Any]]
Kind = Literal["event", "number", "quantile"]
NETWORK = "network"
BEST = "best"
"""What is called the model that each fold chooses by training rows held out."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that is not the network.

    Parameters
    ----------
    words : str
        What a sentence calls it.
    made_by : mapping of {"event", "number", "quantile"} to str
        For each kind of truth that it can forecast `module:name` of a class or function that makes it; a module
        without a dot is one of `finnet.estimators`.
    space : mapping of str to sequence
        Values to draw each setting from when it is tuned.
    number_space : mapping of str to sequence
        The same, of what forecasts numbers has beside or instead of these.
    is_naive : bool
        Whether it is a forecast that others must beat, and learns from no features or one.
    takes_tables : bool
        Whether it takes tables of loans as they are, divides rows, and calibrates and chooses by itself.
    is_refitted : bool
        Whether a saved one is fitted again when it is loaded, to the same bits: its library keeps its state in forms
        that change and trust their input. Others are saved as their numbers.
    takes_weights : bool
        Whether it counts rows by their weights when it is fitted; one that does not counts every row as one.
    not_saved : tuple
        Kinds of truth of which no model file can hold it, so that it cannot be deployed.
    """

    words: str
    made_by: Mapping[Kind, str]
    space: Space = field(default_factory=dict)
    number_space: Space = field(default_factory=dict)
    is_naive: bool = False
    takes_tables: bool = False
    is_refitted: bool = False
    takes_weights: bool = True
    not_saved: tuple[Kind, ...] = ()

    @property
    def is_tuned(self) -> bool:
        """Whether settings are tried for it."""
        return not (self.is_naive or self.takes_tables)

    def make(self, kind: Kind = "event", *, levels: Sequence[float] = ()) -> Any:
        """An estimator that is not fitted; of quantiles, at these levels.

        Examples
        --------
        >>> BASELINES["tree"].make("number").__class__.__name__
        'DecisionTreeRegressor'
        """
        module, _, name = self.made_by[kind].partition(":")
        make = getattr(import_module(module if "." in module else f"finnet.estimators.{module}"), name)
        return make(tuple(levels)) if levels else make()

    def space_of(self, kind: Kind = "event") -> Space:
        """The values to draw from, of what forecasts truths of this kind."""
        return self.space if kind == "event" else {**self.space, **self.number_space}


BASELINES: dict[str, Model] = {
    "risk_network": Model(
        words="the default-risk network",
        made_by={"event": "default_risk:DefaultRiskClassifier"},
        takes_tables=True,
    ),
    "scorecard": Model(
        words="the scorecard",
        made_by={"event": "scorecard:ScorecardClassifier"},
        takes_tables=True,
        takes_weights=False,
    ),
    "tree": Model(
        words="the decision tree",
        made_by={"event": "baselines:decision_tree", "number": "baselines:decision_tree_of_numbers"},
        space={"max_depth": [2, 3, 4, 6, 8], "min_samples_leaf": [10, 25, 50, 100, 200]},
        is_refitted=True,
    ),
    "svm": Model(
        words="the SVM",
        made_by={"event": "baselines:CappedSVC", "number": "baselines:CappedSVR"},
        space={"C": [0.03, 0.1, 0.3, 1.0, 3.0, 10.0], "gamma": ["scale", 0.003, 0.01, 0.03]},
        number_space={"epsilon": [0.03, 0.1, 0.3, 1.0]},
        is_refitted=True,
    ),
    "knn": Model(
        words="k-NN",
        made_by={"event": "baselines:k_neighbors", "number": "baselines:k_neighbors_of_numbers"},
        space={"n_neighbors": [15, 31, 61, 101, 201], "weights": ["uniform", "distance"]},
        is_refitted=True,
        takes_weights=False,
    ),
    "logistic": Model(
        words="logistic regression",
        made_by={"event": "baselines:logistic_regression"},
        space={"C": [0.001, 0.003, 0.01, 0.03, 0.1, 1.0]},
    ),
    "linear": Model(
        words="linear regression",
        made_by={"number": "baselines:ridge_regression"},
        number_space={"alpha": [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]},
    ),
    "forest": Model(
        words="the random forest",
        made_by={"event": "baselines:random_forest", "number": "baselines:random_forest_of_numbers"},
        space={"min_samples_leaf": [5, 10, 20, 50, 100], "max_features": ["sqrt", 0.3, 0.6]},
        is_refitted=True,
    ),
    "boosting": Model(
        words="gradient boosting",
        made_by={
            "event": "baselines:boosting",
            "number": "baselines:boosting_of_numbers",
            "quantile": "baselines:boosting_of_quantiles",
        },
        space={
            "learning_rate": [0.02, 0.05, 0.1],
            "max_leaf_nodes": [4, 8, 15, 31],
            "min_samples_leaf": [20, 50, 200],
            "l2_regularization": [0.0, 1.0, 10.0],
        },
        is_refitted=True,
        not_saved=("quantile",),
    ),
    "always_up": Model(words='"always up"', made_by={"event": "naive:AlwaysUp"}, is_naive=True),
    # The same forecast as the prior rate: that gives its probability, the majority its class.
    "majority": Model(words="the majority", made_by={"event": "naive:PriorRate"}, is_naive=True),
    "prior_rate": Model(words="the prior rate", made_by={"event": "naive:PriorRate"}, is_naive=True),
    "persistence": Model(words="persistence", made_by={"event": "naive:Persistence"}, is_naive=True),
    "best_column": Model(words="the best single column", made_by={"event": "naive:BestColumn"}, is_naive=True),
    "zero": Model(words="zero", made_by={"number": "naive:Zero"}, is_naive=True, takes_weights=False),
    "training_mean": Model(words="the training mean", made_by={"number": "naive:TrainingMean"}, is_naive=True),
    "last_value": Model(words="the last value", made_by={"number": "naive:LastValue"}, is_naive=True),
    "training_quantiles": Model(
        words="the training quantiles",
        made_by={"quantile": "naive:TrainingQuantiles"},
        is_naive=True,
        takes_weights=False,
    ),
}


def model_names() -> tuple[str, ...]:
    """Names of all models, the network first."""
    return (NETWORK, *BASELINES)


def naive_models() -> tuple[str, ...]:
    """Names of the forecasts that others must beat."""
    return tuple(name for name, model in BASELINES.items() if model.is_naive)


def spaces(kind: Kind = "event") -> dict[str, Space]:
    """What each model that is tuned draws its settings from."""
    tuned = {name: model for name, model in BASELINES.items() if model.is_tuned and kind in model.made_by}
    return {name: model.space_of(kind) for name, model in tuned.items()}
