"""What every settings object of the network shares: its fields can be read by name, as in scikit-learn."""

from dataclasses import fields
from typing import Any

__all__ = ["Settings"]


class Settings:
    """Base of the frozen dataclasses that hold a choice with its own settings, such as an optimizer.

    Tools in scikit-learn's shape read the fields with `get_params`, so a grid may vary
    `optimizer__learning_rate`. Settings never change; the owner replaces the whole object.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All fields by name; settings hold no further settings, so `deep` changes nothing.

        Examples
        --------
        >>> from finnet.network.stopping import EarlyStopping
        >>> EarlyStopping(patience=5).get_params()
        {'patience': 5, 'min_delta': 0.0, 'validation_fraction': 0.15}
        """
        del deep
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
