"""What every settings object of the network shares: its fields can be read by name, as in scikit-learn."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Self

from finnet.errors import ConfigError

__all__ = ["Settings"]


class Settings:
    """Base of the frozen dataclasses that hold a choice with its own settings, such as an optimizer.

    Tools in scikit-learn's shape read the fields with `get_params`, so a grid may vary
    `optimizer__learning_rate`. Settings never change; the owner replaces the whole object.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All fields by name; with `deep` also those of settings among them, as `field__name`.

        Examples
        --------
        >>> from finnet.network.schedules import Cosine, WarmUp
        >>> WarmUp(length=3, then=Cosine()).get_params()
        {'length': 3, 'then': Cosine(floor=0.0), 'then__floor': 0.0}
        """
        params = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        inner = {name: value.get_params() for name, value in params.items() if deep and isinstance(value, Settings)}
        return params | {f"{owner}__{name}": own[name] for owner, own in inner.items() for name in own}

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """A copy with all these fields changed at once, as one may be possible only with another.

        Fields of settings among the fields are named `field__name`; what is no field raises ConfigError.

        Examples
        --------
        >>> from finnet.network.schedules import Cosine, WarmUp
        >>> WarmUp(then=Cosine()).changed({"then__floor": 0.1})
        WarmUp(length=5, then=Cosine(floor=0.1))
        """
        known, own, nested = self.get_params(deep=False), dict[str, Any](), dict[str, dict[str, Any]]()
        for name, value in changes.items():
            field, _, rest = name.partition("__")
            if field not in known:
                raise ConfigError(f"{self!r} has no setting {field!r}; it has {', '.join(known)}")
            if rest:
                nested.setdefault(field, {})[rest] = value
            else:
                own[field] = value
        # After the fields themselves, since a new object among them is the one that the nested changes are for.
        for field, inner_changes in nested.items():
            inner = own.get(field, known[field])
            if not isinstance(inner, Settings):
                raise ConfigError(
                    f"{field}__{next(iter(inner_changes))} needs {field} to be a settings object, not {inner!r}"
                )
            own[field] = inner.changed(inner_changes)
        return replace(self, **own)  # type: ignore[type-var]
