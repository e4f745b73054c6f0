"""What every settings object of the network shares: its fields can be read by name, as in scikit-learn."""

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

    def changed(self, name: str, value: Any) -> Self:
        """A copy with one field changed, in settings among the fields for `field__name`; ConfigError for no field.

        Examples
        --------
        >>> from finnet.network.schedules import Cosine, WarmUp
        >>> WarmUp(then=Cosine()).changed("then__floor", 0.1)
        WarmUp(length=5, then=Cosine(floor=0.1))
        """
        field, _, rest = name.partition("__")
        if field not in self.get_params(deep=False):
            raise ConfigError(f"{self!r} has no setting {field!r}; it has {', '.join(self.get_params(deep=False))}")
        inner = getattr(self, field)
        if rest and not isinstance(inner, Settings):
            raise ConfigError(f"{name} needs {field} to be a settings object, not {inner!r}")
        return replace(self, **{field: inner.changed(rest, value) if rest else value})  # type: ignore[type-var]
