"""Catalog: estimators made of the names in job files."""

from collections.abc import Sequence
from typing import Any

from finnet.errors import PluginError
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.estimators.encoded import EncodedClassifier, EncodedRegressor
from finnet.estimators.regressors import BoundedRegressor, ScaledRegressor
from finnet.estimators.tuning import TunedClassifier, TunedRegressor
from finnet.features.encoding import TableEncoder
from finnet.jobs.config import Job
from finnet.models import BASELINES, NETWORK, Kind
from finnet.plugins import called, is_plugin, load_plugin

__all__ = ["build_model", "models_of"]


def models_of(job: Job, *, scaling: str) -> dict[str, Any]:
    """The estimators of a job by name, not fitted yet; `scaling` is that of its task."""
    levels = getattr(job, "levels", ())
    shared: dict[str, Any] = {
        "network": job.network.build(fits=job.blocks.fits, kind=job.kind, levels=levels),
        "encoder": TableEncoder(scaling),
        "trials": job.tune.trials,
        "kind": job.kind,
        "levels": levels,
    }
    return {name: job.configured(name, build_model(name, **shared)) for name in job.models}


def build_model(
    name: str, *, network: Any, encoder: Any, trials: int, kind: Kind = "event", levels: Sequence[float] = ()
) -> Any:
    """The estimator called `name`: naive ones and those that take tables as they are, others encoded and cross-fitted.

    Of events probabilities are calibrated; numbers stay within those seen in training. The network draws and chooses
    its settings itself, the baselines are tuned. `package.module:name` is an estimator of the user's own, or a class or
    function that makes one; it is not tuned.

    Parameters
    ----------
    network : NetworkEnsembleClassifier or NetworkEnsembleRegressor
        What "network" stands for, with the settings of the job.
    encoder : transformer
        Of tables, fitted anew for each fit.
    trials : int
        Settings tried on the first rows held out, the same number for every baseline.
    kind : {"event", "number", "quantile"}
        What is forecast.
    levels : sequence of float
        Of quantiles.
    """
    known = BASELINES.get(name)
    if known is not None and (known.is_naive or known.takes_tables):
        return known.make(kind, levels=levels)
    if is_plugin(name):
        model = _own(name, kind)
    elif name == NETWORK:
        # Truths are scaled for the network of numbers: returns of a thousandth would be learned as zero.
        model = network if kind == "event" else ScaledRegressor(network)
    else:
        model = BASELINES[name].make(kind, levels=levels)
        if kind != "quantile":
            tuned = TunedClassifier if kind == "event" else TunedRegressor
            model = tuned(model, space=BASELINES[name].space_of(kind), trials=trials)
    if kind == "event":
        return CalibratedClassifier(EncodedClassifier(encoder, model))
    return EncodedRegressor(encoder, model if kind == "quantile" else BoundedRegressor(model))


def _own(name: str, kind: Kind) -> Any:
    own = load_plugin(name)
    made = called(name, own) if isinstance(own, type) or not hasattr(own, "fit") else own
    gives = "predict_proba" if kind == "event" else "predict"
    if not all(hasattr(made, method) for method in ("fit", "get_params", gives)):
        raise PluginError(f"{name!r} is no estimator with fit, get_params and {gives}, as scikit-learn's are; mend it")
    if kind != "event" and hasattr(made, "predict_proba"):
        raise PluginError(f"{name!r} tells classes apart, and this job forecasts numbers; give a regressor")
    return made
