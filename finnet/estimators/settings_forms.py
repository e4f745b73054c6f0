"""Settings forms: what a network was told to do, as values of JSON, and back from a file that nobody has checked.

A file may ask for numbers, text, truths, None, tuples, lists and mappings of these, and for the settings objects of
finnet, by class and fields, from a closed list. What it gives is held against the types that the constructors name.
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from finnet.errors import ConfigError, DataError
from finnet.estimators.unsaved import Unsaved
from finnet.network.activations import ACTIVATIONS, Activation
from finnet.network.initializers import INITIALIZERS, Initializer
from finnet.network.losses import LOSSES, Loss
from finnet.network.optimizers import OPTIMIZERS, Optimizer
from finnet.network.regularization import Clipping
from finnet.network.schedules import Constant, Cosine, InverseScaling, Plateau, Schedule, Step, WarmUp
from finnet.network.stopping import EarlyStopping
from finnet.plugins import own_object, plugin_name

__all__ = ["describe_settings", "restore_settings"]

_OURS: Mapping[Any, set[type[Any]]] = {
    Activation: {*map(type, ACTIVATIONS.values())},
    Loss: {*map(type, LOSSES.values())},
    Optimizer: {*map(type, OPTIMIZERS.values())},
    Initializer: {*map(type, INITIALIZERS.values())},
    Schedule: {Constant, Cosine, InverseScaling, Plateau, Step, WarmUp},
    EarlyStopping: {EarlyStopping},
    Clipping: {Clipping},
}
_CLASSES = {kind.__name__: kind for kinds in _OURS.values() for kind in kinds}
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_DROPPED = ("callbacks",)


def describe_settings(model: Any) -> dict[str, Any]:
    """The settings of an estimator by name, less its callbacks.

    An object of the user's own is named alone, a generator as `random_state` becomes None. ConfigError for an
    activation that is not finnet's, without which there are no forecasts, and for what no constructor takes.
    """
    # What a file gives back is held against these types; what does not fit them must not be written either.
    hints = get_type_hints(type(model).__init__)
    settings = {name: value for name, value in model.get_params(deep=False).items() if name not in _DROPPED}
    return {name: _described(name, value, hints[name]) for name, value in settings.items()}


def restore_settings(kind: type[Any], description: Any) -> dict[str, Any]:
    """The settings again; DataError where they are not all those of `kind`, or not of the types that it takes."""
    hints = get_type_hints(kind.__init__)
    if set(description) != {*kind().get_params(deep=False)} - {*_DROPPED}:
        raise DataError(f"settings {sorted(description)} are not those of {kind.__name__}")
    return {name: _restored(name, form, hints[name]) for name, form in description.items()}


def _described(name: str, value: Any, hint: Any) -> Any:
    # A generator becomes None, with which a model can be fitted; the name of its class would be no seed.
    form = _form(value) if name == "random_state" else _form_or_name(value)
    if name == "activation" and isinstance(_read(form), Unsaved):
        raise ConfigError(
            f"a network with activation {value!r} cannot be saved; name one of {[*ACTIVATIONS]}, or give an object of"
            " finnet"
        )
    if not _fits(_read(form), hint):
        raise ConfigError(f"{name}={value!r} cannot be saved, because no {name} is like that; set it to another value")
    return form


def _restored(name: str, form: Any, hint: Any) -> Any:
    value = _read(form)
    if not _fits(value, hint) or (name == "activation" and isinstance(value, Unsaved)):
        raise DataError(f"{name}={value!r} is no setting of a network")
    return value


def _form(value: Any) -> Any:
    """A value of JSON, and None for what has none."""
    # A NumPy scalar is written as the Python number that it holds.
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no infinite numbers.
        return {"float": str(value)} if str(value) in _INFINITE else None
    if isinstance(value, str | bool | int | float):
        return value
    # Saved again, a loaded model still names what the first file could not hold.
    if isinstance(value, Unsaved):
        return {"unsaved": value.name}
    if isinstance(value, tuple | list):
        parts = _forms(value)
        return {"tuple": parts} if isinstance(value, tuple) and parts is not None else parts
    if isinstance(value, Mapping):
        pairs = _forms([[*pair] for pair in value.items()])
        # In pairs, as keys of JSON are texts alone; sorted, so that equal mappings give equal bytes.
        return None if pairs is None else {"mapping": sorted(pairs, key=repr)}
    if plugin_name(value) is not None:
        return {"plugin": plugin_name(value)}
    if type(value) in _CLASSES.values():
        return {type(value).__name__: {own.name: _form_or_name(getattr(value, own.name)) for own in fields(value)}}
    return None


def _form_or_name(value: Any) -> Any:
    form = _form(value)
    return {"unsaved": type(value).__name__} if form is None and value is not None else form


def _forms(values: Any) -> list[Any] | None:
    """A form for every value; None where one has none."""
    forms = [_form(value) for value in values]
    is_lost = [form is None and value is not None for form, value in zip(forms, values, strict=True)]
    return None if any(is_lost) else forms


def _read(form: Any) -> Any:
    """The value of a form; DataError, or an error of look-up or type, for what is none."""
    if isinstance(form, list):
        return [_read(part) for part in form]
    if not isinstance(form, dict):
        return form
    # Anything but one tag raises ValueError, which the reader of the file expects.
    ((tag, content),) = form.items()
    if tag == "unsaved" and isinstance(content, str):
        return Unsaved(content)
    if tag == "plugin" and isinstance(content, str):
        return own_object(content)
    if tag == "float":
        return _INFINITE[content]
    if tag == "tuple":
        return tuple(_read(part) for part in content)
    if tag == "mapping":
        return {_read(key): _read(value) for key, value in content}
    kind = _CLASSES[tag]
    if set(content) != {field.name for field in fields(kind)}:
        raise DataError(f"fields {sorted(content)} are not those of {kind.__name__}")
    hints = get_type_hints(kind)
    return kind(**{name: _restored(f"{tag}.{name}", own, hints[name]) for name, own in content.items()})


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that a constructor names; an object that was not saved fits where one stood."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple | list) and _all_fit(value, parts)
    if origin is Mapping:
        return isinstance(value, Unsaved) or (isinstance(value, dict) and _all_fit([*value.values()], (parts[1], ...)))
    if hint in _OURS:
        return isinstance(value, Unsaved) or plugin_name(value) is not None or type(value) in _OURS[hint]
    # The number that stands for a truth is harmless; a truth that stands for a number is a mistake.
    also = {float: (int, float), bool: (bool, int)}
    return type(value) in also.get(hint, (hint,))


def _all_fit(values: Any, hints: tuple[Any, ...]) -> bool:
    if hints[-1] is ...:
        return all(_fits(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_fits, values, hints))
