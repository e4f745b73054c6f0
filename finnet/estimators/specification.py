"""Specification: of what a fitted model consists, read from the fitted object itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from finnet.estimators.calibration_curves import IsotonicCalibrator, LogitCalibrator
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.encoded import EncodedClassifier, EncodedRegressor
from finnet.estimators.ensemble_base import EnsembleOfNetworks
from finnet.estimators.fitted_settings import opened
from finnet.estimators.risk_designs import DESIGNS, Bag
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.tuning import TunedClassifier, TunedRegressor
from finnet.fitting import CrossFit
from finnet.network.layers import Activate, Dense
from finnet.network.model import Network
from finnet.network.shared import SharedDense

__all__ = ["SPECIFICATION", "specification"]

SPECIFICATION = "specification"
"""Where a manifest holds it, beside what the final fit was trained on."""


def specification(model: Any) -> dict[str, Any]:
    """What a fitted model consists of: its kind, and of networks their number, layers, weights and settings; nested.

    Values are those that JSON holds. What wraps a model adds its own: the number of fits that are averaged, and how
    their average is calibrated. A model of another kind says its kind, and the settings that tuning chose.

    Examples
    --------
    >>> import numpy as np
    >>> from finnet.estimators.default_risk import DefaultRiskClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> model = DefaultRiskClassifier(members=2, random_state=0).fit(X, X[:, 0] + rng.normal(size=200) > 0)
    >>> told = specification(model)
    >>> told["kind"], told["calibration"], sum(design["share"] for design in told["designs"].values())
    ('DefaultRiskClassifier', 'none', 1.0)
    """
    match model:
        case CalibratedClassifier():
            return specification(model.classifier_) | {"calibration": _calibration(model.calibrator_)}
        case CrossFit():
            return _of_fits([specification(own) for own in model.models])
        case TunedClassifier():
            return specification(model.classifier_) | _chosen(model)
        case TunedRegressor():
            return specification(model.regressor_) | _chosen(model)
        case EncodedClassifier():
            return specification(model.classifier_)
        case EncodedRegressor():
            return specification(model.regressor_)
        case DefaultRiskClassifier():
            return {"kind": "DefaultRiskClassifier", "columns": model.n_features_in_, **_of_race(model)}
        case EnsembleOfNetworks():
            return {"kind": type(model).__name__, **_of_ensemble(model)}
        case ScorecardClassifier():
            bins = {name: len(model.evidence_[name].good) for name in model.coefficients_}
            return {
                "kind": "ScorecardClassifier",
                "intercept": _short(model.intercept_),
                "coefficients": {name: _short(value) for name, value in model.coefficients_.items()},
                "bins by column": bins,
            }
    return {"kind": type(model).__name__}


def _chosen(model: TunedClassifier | TunedRegressor) -> dict[str, Any]:
    """The settings that tuning took instead of the first ones; nothing in a model that was read from a file."""
    chosen = getattr(model, "best_params_", None)
    return {"chosen": dict(chosen)} if chosen else {}


def _of_fits(fits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fits that are averaged: once what all of them share, else fit by fit."""
    shared = {name: value for name, value in fits[0].items() if all(own.get(name) == value for own in fits)}
    own = {
        f"fit {k}": rest
        for k, fit in enumerate(fits)
        if (rest := {name: value for name, value in fit.items() if name not in shared})
    }
    return {**shared, "fits averaged": len(fits), **own}


def _of_race(model: DefaultRiskClassifier) -> dict[str, Any]:
    race = model._raced
    designs = {
        name: {"share": float(share), **_of_bags(name, [bag for bag in race.bags if bag.design == name])}
        for name, share in race.shares.items()
        if share > 0.0
    }
    made = {"numbers made of others": model.ratios_} if model.ratios_ else {}
    return {**made, "designs": designs, "calibration": _calibration(race.curve)}


def _of_bags(name: str, bags: Sequence[Bag]) -> dict[str, Any]:
    """The bags of one design; those that see bins may differ in how many inputs these make."""
    design = DESIGNS[name]
    active = [layer for layer in opened(bags[0].network.layers) if isinstance(layer, Activate)]
    return {
        "bags": len(bags),
        "networks per bag": getattr(bags[0].network.layers[0], "n_shared", 1),
        **_of_networks([bag.network for bag in bags]),
        "learning rate": design.learning_rate,
        "weight decay": design.weight_decay,
        "dropout": _range([rate for layer in active for rate in layer.dropout]),
    }


def _of_ensemble(model: Any) -> dict[str, Any]:
    settings = model._chosen_settings()
    drawn = {
        name.replace("_", " "): _range(settings[name].tolist())
        for name in ("learning_rate", "weight_decay", "l1", "l2", "dropout")
        if name in settings
    }
    return {"networks": len(settings), **_of_networks([model.network_]), **drawn}


def _of_networks(networks: Sequence[Network]) -> dict[str, Any]:
    """Layers of networks of one shape, and how many numbers each was trained to have."""
    layers = [[*opened(network.layers)] for network in networks]
    dense = [[layer for layer in own if isinstance(layer, Dense | SharedDense)] for own in layers]
    kinds = sorted({type(layer.activation).__name__ for layer in layers[0] if isinstance(layer, Activate)})
    return {
        "inputs": _range([own[0].n_in for own in dense]),
        "units of hidden layers": [layer.n_out for layer in dense[0][:-1]],
        "activation": ", ".join(kinds) or "none",
        "weights and biases": _range([network.is_weight.size for network in networks]),
    }


def _range(values: Sequence[float]) -> Any:
    """The value that all have, or the least and the greatest."""
    least, most = _short(min(values)), _short(max(values))
    return least if least == most else {"least": least, "most": most}


def _short(value: float) -> float:
    """Six figures; whole where it is."""
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def _calibration(curve: LogitCalibrator | None) -> Any:
    """The curve that the log-odds of the average go through: its line, whose bends only an isotonic one adds to."""
    if curve is None:
        return "none"
    slope, intercept = _short(curve.slope_), _short(curve.intercept_)
    if isinstance(curve, IsotonicCalibrator):
        return {"kind": "isotonic", "slope": slope, "intercept": intercept}
    return "none" if (slope, intercept) == (1, 0) else {"kind": "line", "slope": slope, "intercept": intercept}
