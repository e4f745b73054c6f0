"""Deployment: which model of a job decides and forecasts what comes, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from finnet.errors import DataError
from finnet.evaluation.walk_forward import FoldResult
from finnet.forecasts import Forecasts
from finnet.models import BEST
from finnet.names import model_in_sentence
from finnet.plugins import is_plugin

__all__ = ["Deployment", "deployed"]


@dataclass(frozen=True, eq=False)
class Deployment:
    """The model that a job is about.

    Parameters
    ----------
    subject : str
        Its name among the forecasts; "best" where folds chose different ones.
    model : str
        What is fitted once more and saved.
    chosen : mapping of int to str
        What each fold chose; empty where the job file named the model.
    """

    subject: str
    model: str
    chosen: Mapping[int, str]

    @property
    def note(self) -> str:
        """Which model was chosen and why, in a sentence; "" where the job file names it."""
        name = model_in_sentence(self.model)
        if not self.chosen:
            return ""
        if self.subject == self.model:
            return f"{_BEST_OF_A_FOLD} Every fold chose {name}, which the page is about and which is saved."
        by_fold = ", ".join(f"{fold} {model_in_sentence(model)}" for fold, model in self.chosen.items())
        return f"{_BEST_OF_A_FOLD} Chosen by fold: {by_fold}. Over all folds {name} has the lowest, and is saved."


_BEST_OF_A_FOLD = (
    "The model chosen for a fold is the one with the lowest log loss on training rows that its fits had not seen; test"
    " rows choose nothing."
)


def deployed(deploy: str, results: Sequence[FoldResult]) -> tuple[Deployment, list[FoldResult]]:
    """The model that `deploy` names, and the results, those of "best" among them where each fold chooses its own.

    A fold chooses by the log loss of calibrated forecasts of training rows held out, so naive forecasts, which hold out
    none, are never chosen.
    """
    if deploy != BEST:
        return Deployment(deploy, deploy, {}), [*results]
    losses = _losses(results)
    chosen = {fold: min(models, key=models.__getitem__) for fold, models in losses.items()}
    # Only a model that every fold could have chosen has losses that can be added up.
    names = [name for name in next(iter(losses.values())) if all(name in models for models in losses.values())]
    model = min(names, key=lambda name: sum(models[name] for models in losses.values()))
    if set(chosen.values()) == {model}:
        # Chosen in every fold, it would only be compared with itself.
        return Deployment(model, model, chosen), [*results]
    best = [
        replace(
            result,
            model=BEST,
            forecasts=Forecasts(result.forecasts.table.assign(model=BEST)),
            # Its members and seconds are those of the model chosen, which is among the results already.
            fit=replace(result.fit, members=None),
            cpu_seconds=0.0,
        )
        for result in results
        if chosen[result.fold] == result.model
    ]
    return Deployment(BEST, model, chosen), [*results, *best]


def _losses(results: Sequence[FoldResult]) -> dict[int, dict[str, float]]:
    """Log loss of training rows held out, by fold and model."""
    losses: dict[int, dict[str, float]] = {}
    for result in results:
        record = result.fit.calibration
        # What no model file can hold cannot be deployed.
        if record is not None and not is_plugin(result.model):
            # The calibration is used only where it lowered the loss, so that this is the loss of what forecasts.
            loss = record["loss_after"] if record["taken"] else record["loss_before"]
            losses.setdefault(result.fold, {})[result.model] = float(loss)
    if set(losses) != {result.fold for result in results}:
        raise DataError(
            "a fold has no model with forecasts of rows held out, so none can be chosen; deploy one by name"
        )
    return losses
