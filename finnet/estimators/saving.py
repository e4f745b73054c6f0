"""Saving: fitted models as files that hold numbers and names, and nothing that could run.

Networks, their ensembles and the default-risk classifier, logistic regression, the scorecard and the naive forecasts
are saved as their numbers, with the encoder and the calibrator around them; trees, forests, boosting, SVM and k-NN as
the rows that trained them (see `finnet.estimators.refitting`); a cross-fitted model as all of its fits.

A loaded network knows its settings, its columns and its losses by epoch, and learns on from its weights; the memory of
its optimizer starts anew, and diagnostics and advice stay with the one that was fitted. An ensemble is saved as its
chosen members, without the table and the history of all. Callbacks and random generators are not saved, and of losses,
optimizers, schedules and initializers that are not finnet's the name alone: to train on, set them again. A warm start
of a loaded model divides rows as before where `random_state` is an int, and anew otherwise.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.validation import check_is_fitted

from finnet.errors import ConfigError, DataError, FinnetError, PluginError
from finnet.estimators.archive import (
    MAX_BYTES,
    Archive,
    Arrays,
    Description,
    checked_classes,
    checked_number,
    keep,
    pack,
    unpack,
)
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.default_risk_forms import describe_default_risk, restore_default_risk
from finnet.estimators.encoded import EncodedClassifier, EncodedRegressor
from finnet.estimators.encoder_forms import describe_encoder, restore_encoder
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.naive import (
    AlwaysUp,
    BestColumn,
    LastValue,
    Persistence,
    PriorRate,
    TrainingMean,
    TrainingQuantiles,
    Zero,
)
from finnet.estimators.naive_forms import (
    describe_best_column,
    describe_curve,
    describe_last_value,
    describe_persistence,
    describe_rate,
    describe_training_quantiles,
    describe_value,
    restore_best_column,
    restore_calibrator,
    restore_last_value,
    restore_persistence,
    restore_rate,
    restore_training_quantiles,
    restore_value,
)
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.network_forms import (
    describe_ensemble,
    describe_network,
    restore_ensemble,
    restore_network,
)
from finnet.estimators.refitting import describe_refitted, restore_refitted
from finnet.estimators.regressors import BoundedRegressor, ScaledRegressor
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.scorecard_forms import describe_scorecard, restore_scorecard
from finnet.estimators.tuning import TunedClassifier, TunedRegressor
from finnet.features.encoding import TableEncoder
from finnet.files import replace_file
from finnet.fitting import CrossFit

__all__ = ["load_model", "model_from_bytes", "model_to_bytes", "save_model"]

# The number goes up when older files would be read wrongly; those are then refused.
SCHEMA = 4


def save_model(model: Any, path: Path | str) -> None:
    """Write a fitted model as an .npz file, whole or not at all.

    ConfigError where it is of a kind that has no form, is too large to be loaded again, or was given settings after
    training that its network does not have.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "model.npz"
    >>> save_model(PriorRate().fit(np.zeros((4, 1)), np.array([0, 0, 0, 1])), path)
    >>> load_model(path).predict_proba(np.zeros((1, 1)))
    array([[0.75, 0.25]])
    """
    replace_file(Path(path), model_to_bytes(model))


def load_model(path: Path | str) -> Any:
    """The model that `save_model` wrote, which forecasts the same bits; DataError for any other file."""
    try:
        with Path(path).open("rb") as file:
            # One byte more than allowed tells that a file is too large without reading all of it.
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a saved model") from error
    return model_from_bytes(content, name=str(path))


def model_to_bytes(model: Any) -> bytes:
    """What `save_model` writes."""
    arrays: Arrays = []
    return pack(Archive({"schema": SCHEMA, "model": _describe(model, arrays)}, arrays))


def model_from_bytes(content: bytes, *, name: str = "model") -> Any:
    """The model that `model_to_bytes` turned into these bytes; `name` says in errors where they came from."""
    try:
        archive = unpack(content)
        if archive.description.get("schema") != SCHEMA:
            found = archive.description.get("schema")
            raise DataError(f"schema {found!r} is not known; finnet now reads {SCHEMA}: fit and save again")
        return _restore_forecaster(archive.description["model"], list(archive.arrays), method="predict")
    # Code of the user's own that may not run is told as it is: the file is sound.
    except PluginError:
        raise
    except FinnetError as error:
        raise DataError(f"{name}: {error}") from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise DataError(f"{name}: describes no model of finnet ({error!r}); save the model again") from error


def _describe(model: Any, arrays: Arrays) -> dict[str, Any]:
    kind = next((kind for kind, form in _FORMS.items() if form.model is type(model)), None)
    if kind is None:
        saved = ", ".join(form.model.__name__ for form in _FORMS.values())
        raise ConfigError(f"{type(model).__name__} cannot be saved; what can be is {saved}. Fit it again from the job")
    if not isinstance(model, CrossFit):
        check_is_fitted(model)
    # What was tuned is saved as the winner alone where that has numbers of its own, else as rows to train it again.
    if isinstance(model, TunedClassifier | TunedRegressor):
        inner = model.classifier_ if isinstance(model, TunedClassifier) else model.regressor_
        if any(form.model is type(inner) for form in _FORMS.values()):
            return _describe(inner, arrays)
    return {"kind": kind, **_FORMS[kind].describe(model, arrays)}


def _restore(description: Description, arrays: Arrays) -> Any:
    return _FORMS[description["kind"]].restore(description, arrays)


def _restore_classifier(description: Description, arrays: Arrays) -> Any:
    return _restore_forecaster(description, arrays, method="predict_proba")


def _restore_forecaster(description: Description, arrays: Arrays, *, method: str) -> Any:
    model = _restore(description, arrays)
    # A file may name any kind anywhere.
    if not hasattr(model, method):
        raise DataError(f"{description['kind']} stands where a model with {method} should")
    return model


def _describe_calibrated(model: CalibratedClassifier, arrays: Arrays) -> dict[str, Any]:
    curve = None if model.calibrator_ is None else describe_curve(model.calibrator_)
    return {"curve": curve, "floor": float(model.floor_), "classifier": _describe(model.classifier_, arrays)}


def _restore_calibrated(description: Description, arrays: Arrays) -> CalibratedClassifier:
    classifier = _restore_classifier(description["classifier"], arrays)
    model = CalibratedClassifier(classifier.models[0] if isinstance(classifier, CrossFit) else classifier)
    model.classifier_, model.classes_, model.calibration_ = classifier, classifier.classes_, None
    model.floor_ = checked_number(description["floor"], 0, 1)
    model.calibrator_ = None if description["curve"] is None else restore_calibrator(description["curve"])
    return model


def _describe_cross_fit(model: CrossFit, arrays: Arrays) -> dict[str, Any]:
    return {"models": [_describe(one, arrays) for one in model.models]}


def _restore_cross_fit(description: Description, arrays: Arrays) -> CrossFit:
    models = [_restore_forecaster(one, arrays, method="predict") for one in description["models"]]
    if len({type(one) for one in models}) != 1 or len({_columns_and_classes(one) for one in models}) != 1:
        raise DataError(f"{len(models)} models of different kinds, columns or classes are no cross-fitted model")
    return CrossFit(models)


def _columns_and_classes(model: Any) -> str:
    return repr([np.asarray(getattr(model, name, [])).tolist() for name in ("feature_names_in_", "classes_")])


def _describe_encoded(model: EncodedClassifier, arrays: Arrays) -> dict[str, Any]:
    return {"encoder": _describe(model.encoder_, arrays), "classifier": _describe(model.classifier_, arrays)}


def _restore_encoded(description: Description, arrays: Arrays) -> EncodedClassifier:
    encoder = _restore(description["encoder"], arrays)
    classifier = _restore_classifier(description["classifier"], arrays)
    model = EncodedClassifier(encoder, classifier)
    model.encoder_, model.classifier_, model.classes_ = encoder, classifier, classifier.classes_
    # A trial forecast finds parts that do not fit each other here, and not when a loan is decided on.
    probability = model.predict_proba(_trial(encoder))
    if probability.shape != (2, len(model.classes_)) or not np.isfinite(probability).all():
        raise DataError(f"a trial forecast gives {probability.tolist()}")
    return model


def _describe_encoded_regressor(model: EncodedRegressor, arrays: Arrays) -> dict[str, Any]:
    return {"encoder": _describe(model.encoder_, arrays), "regressor": _describe(model.regressor_, arrays)}


def _restore_encoded_regressor(description: Description, arrays: Arrays) -> EncodedRegressor:
    encoder = _restore(description["encoder"], arrays)
    model = EncodedRegressor(encoder, _restore_regressor(description["regressor"], arrays))
    model.encoder_, model.regressor_ = encoder, model.regressor
    forecast = model.predict(_trial(encoder))
    if forecast.shape != (2, *[len(model.levels)][: len(model.levels) > 1]) or not np.isfinite(forecast).all():
        raise DataError(f"a trial forecast gives {forecast.tolist()}")
    return model


def _restore_regressor(description: Description, arrays: Arrays) -> Any:
    model = _restore_forecaster(description, arrays, method="predict")
    if not is_regressor(model):
        raise DataError(f"{description['kind']} stands where a regressor should")
    return model


def _describe_bounded(model: BoundedRegressor, arrays: Arrays) -> dict[str, Any]:
    return {"ends": [model.least_, model.greatest_], "regressor": _describe(model.regressor_, arrays)}


def _restore_bounded(description: Description, arrays: Arrays) -> BoundedRegressor:
    model = BoundedRegressor(_restore_regressor(description["regressor"], arrays))
    least, greatest = (checked_number(end) for end in description["ends"])
    model.regressor_, model.least_, model.greatest_ = model.regressor, least, checked_number(greatest, least)
    return model


def _describe_scaled(model: ScaledRegressor, arrays: Arrays) -> dict[str, Any]:
    return {"center": model.center_, "scale": model.scale_, "regressor": _describe(model.regressor_, arrays)}


def _restore_scaled(description: Description, arrays: Arrays) -> ScaledRegressor:
    model = ScaledRegressor(_restore_regressor(description["regressor"], arrays))
    model.regressor_, model.center_ = model.regressor, checked_number(description["center"])
    model.scale_ = checked_number(description["scale"], 0)
    return model


def _trial(encoder: TableEncoder) -> pd.DataFrame:
    """A row of zeros and one of gaps."""
    numbers = encoder.numbers_
    return pd.DataFrame({n: [0.0, np.nan] if n in numbers else ["", None] for n in encoder.feature_names_in_})


def _describe_logistic(model: LogisticRegression, arrays: Arrays) -> dict[str, Any]:
    classes = model.classes_.tolist()
    return {"classes": classes, "coef": keep(model.coef_, arrays), "intercept": keep(model.intercept_, arrays)}


def _restore_logistic(description: Description, arrays: Arrays) -> LogisticRegression:
    model, classes = LogisticRegression(), checked_classes(description["classes"])
    coef, intercept = arrays[description["coef"]], arrays[description["intercept"]]
    if coef.ndim != 2 or len(classes) != 2 or len(coef) != 1 or intercept.shape != (1,):
        raise DataError(f"coefficients of shape {coef.shape} and {intercept.shape} fit no two classes")
    model.classes_, model.coef_, model.intercept_, model.n_features_in_ = classes, coef, intercept, coef.shape[1]
    return model


def _describe_ridge(model: Ridge, arrays: Arrays) -> dict[str, Any]:
    return {"coef": keep(np.ravel(model.coef_), arrays), "intercept": float(model.intercept_)}


def _restore_ridge(description: Description, arrays: Arrays) -> Ridge:
    model, coef = Ridge(), arrays[description["coef"]]
    if coef.ndim != 1:
        raise DataError(f"coefficients of shape {coef.shape} are no row")
    model.coef_, model.intercept_, model.n_features_in_ = coef, checked_number(description["intercept"]), len(coef)
    return model


class _Form(NamedTuple):
    """How one kind of model becomes a description and arrays, and comes back."""

    model: type[Any]
    describe: Callable[[Any, Arrays], dict[str, Any]]
    restore: Callable[[Description, Arrays], Any]


_FORMS: Mapping[str, _Form] = {
    "calibrated": _Form(CalibratedClassifier, _describe_calibrated, _restore_calibrated),
    "cross_fit": _Form(CrossFit, _describe_cross_fit, _restore_cross_fit),
    "default_risk": _Form(DefaultRiskClassifier, describe_default_risk, restore_default_risk),
    "encoded": _Form(EncodedClassifier, _describe_encoded, _restore_encoded),
    "encoder": _Form(TableEncoder, describe_encoder, restore_encoder),
    "network": _Form(NetworkClassifier, describe_network, partial(restore_network, NetworkClassifier)),
    "network_regressor": _Form(NetworkRegressor, describe_network, partial(restore_network, NetworkRegressor)),
    "ensemble": _Form(
        NetworkEnsembleClassifier, describe_ensemble, partial(restore_ensemble, NetworkEnsembleClassifier)
    ),
    "ensemble_regressor": _Form(
        NetworkEnsembleRegressor, describe_ensemble, partial(restore_ensemble, NetworkEnsembleRegressor)
    ),
    "encoded_regressor": _Form(EncodedRegressor, _describe_encoded_regressor, _restore_encoded_regressor),
    "bounded": _Form(BoundedRegressor, _describe_bounded, _restore_bounded),
    "scaled": _Form(ScaledRegressor, _describe_scaled, _restore_scaled),
    "refitted": _Form(TunedClassifier, describe_refitted, partial(restore_refitted, TunedClassifier)),
    "refitted_regressor": _Form(TunedRegressor, describe_refitted, partial(restore_refitted, TunedRegressor)),
    "ridge": _Form(Ridge, _describe_ridge, _restore_ridge),
    "zero": _Form(Zero, describe_value, partial(restore_value, Zero)),
    "training_mean": _Form(TrainingMean, describe_value, partial(restore_value, TrainingMean)),
    "training_quantiles": _Form(TrainingQuantiles, describe_training_quantiles, restore_training_quantiles),
    "last_value": _Form(LastValue, describe_last_value, restore_last_value),
    "logistic": _Form(LogisticRegression, _describe_logistic, _restore_logistic),
    "scorecard": _Form(ScorecardClassifier, describe_scorecard, restore_scorecard),
    "prior_rate": _Form(PriorRate, describe_rate, partial(restore_rate, PriorRate)),
    "always_up": _Form(AlwaysUp, describe_rate, partial(restore_rate, AlwaysUp)),
    "persistence": _Form(Persistence, describe_persistence, restore_persistence),
    "best_column": _Form(BestColumn, describe_best_column, restore_best_column),
}
