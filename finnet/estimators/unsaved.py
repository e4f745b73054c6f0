"""Placeholders in a loaded model for what its file does not hold; they say so when they are used."""

from dataclasses import dataclass
from typing import Any, Self

from finnet.errors import NotSavedError

__all__ = ["Unsaved", "of_training"]


@dataclass(frozen=True)
class Unsaved:
    """Stands in a loaded model where an object of the user's own was set: the model forecasts without it.

    Training needs it, and says so where this one is left in its place.

    Examples
    --------
    >>> Unsaved("NetProfit").gradient
    Traceback (most recent call last):
    finnet.errors.NotSavedError: NetProfit is no class of finnet and was not saved with the model; set it again with
    set_params
    """

    name: str

    def __getattr__(self, attribute: str) -> Any:
        # Copies are made before they have a name.
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise NotSavedError(
            f"{self.name} is no class of finnet and was not saved with the model; set it again with set_params"
        )


class _OfTraining:
    """A class attribute that raises an error which says why it has no value, until an instance gets its own."""

    def __get__(self, model: Any, owner: type[Any]) -> Self:
        if model is None:
            return self
        if "network_" not in vars(model):
            raise AttributeError(f"this {owner.__name__} has not been trained; call fit first")
        raise NotSavedError(
            "members_, history_, n_iter_, diagnostics_, layers_ and advice_ are known right after training alone, a"
            " file holds only the members that were chosen; look at them before saving"
        )


def of_training() -> Any:
    """An attribute that training gives and no file holds, to stand where a class declares it."""
    return _OfTraining()
