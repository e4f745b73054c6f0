"""Training: losses of the networks epoch by epoch, which of them were chosen, and what went wrong."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finnet.evaluation.walk_forward import FitRecord, FoldResult
from finnet.reporting.html import Block, Details, Figure, Note, Points, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, number, percent
from finnet.reporting.training_plot import training_plot

__all__ = ["TrainingSection", "layer_table", "learning_table", "networks_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingSection(ReportSection):
    """How the networks of each fold learned.

    Parameters
    ----------
    learning : DataFrame
        `fold`, `networks` trained, how many were `chosen`, their `largest_share`, the median `best_epoch` of the
        chosen, and the `spread` of their forecasts (standard deviation over networks, mean over cases).
    networks : DataFrame
        `fold`, `member`, `learning_rate`, `dropout`, `l1`, `l2`, `depth`, `best_epoch`, `validation_loss`, `share`.
    histories : DataFrame
        `fold`, `member`, `epoch`, `loss`, `validation_loss`, `share`.
    layers : DataFrame, optional
        `fold`, `layer`, `gradient_norm`, `update_ratio`, `dead`, `saturated`, `clip_rate`, `weight_size`, of typical
        chosen networks when their training ended; NaN where not known.
    advice : sequence of str, optional
        What went wrong in training and what helps; None where nobody kept watch.
    """

    learning: pd.DataFrame
    networks: pd.DataFrame
    histories: pd.DataFrame
    layers: pd.DataFrame | None = None
    advice: Sequence[str] | None = None

    @classmethod
    def of(cls, results: Sequence[FoldResult]) -> Self:
        """What the fits of networks say; without any there are no rows, and no section."""
        fits = {result.fold: result.fit for result in results if result.fit.members is not None}
        return cls(
            learning=pd.DataFrame([_learning(fold, fit) for fold, fit in fits.items()]),
            networks=_by_fold({fold: fit.members for fold, fit in fits.items() if fit.members is not None}),
            histories=_by_fold({fold: _losses(fit) for fold, fit in fits.items()}),
            layers=_by_fold({fold: fit.layers for fold, fit in fits.items() if fit.layers is not None}),
            advice=_advice(fits),
        )

    def draw(self) -> Section:
        """Curves, chosen networks, layers and advice."""
        title = "How did it learn?"
        if self.learning.empty:
            return Section(title, _LEAD, [])
        alt = "Training and validation loss by epoch, one panel per fold"
        blocks: list[Block] = [
            Figure(training_plot(self.histories), _CURVES, alt),
            Table(learning_table(self.learning), _FOLDS),
        ]
        if self.layers is not None:
            blocks.append(Table(layer_table(self.layers), _LAYERS))
        chosen = self.networks[self.networks["share"] > 0]
        each = f"The {count(len(chosen))} chosen networks of all folds; page/networks.parquet has each of them."
        blocks.append(Details("Settings of the chosen networks", Table(networks_table(chosen), each)))
        if self.advice is not None:
            blocks.append(Points(self.advice) if self.advice else Note("No trouble was seen in training."))
        return Section(title, f"{_LEAD} {_averaging(self.learning)}", blocks)


_LEAD = (
    "A network stops training when its loss on validation rows, training rows that its fit left out, no longer falls,"
    " and keeps the weights of its best epoch."
)
_CURVES = (
    "Loss of the networks in the forecast, fold by fold, as long as half of them train. Line: their median on the"
    " validation rows, in a band of the middle 80 %. Dashed: their median on the rows trained on. Dot: the median epoch"
    " whose weights are kept. First epochs may lie above."
)
_FOLDS = (
    "Networks trained and chosen for the forecast in each fold. Spread: how far the chosen ones disagree, as the"
    " standard deviation of their forecasts before calibration, mean over the cases forecast."
)
_LAYERS = (
    "Layers of the chosen networks in their last epoch: medians over the networks of a fold, then over folds. Gradient:"
    " root mean square of its elements. Update: how far a step moves the weights, as a share of their length. Dead:"
    " units that give nothing to any case. Saturated: outputs at an end of their range. Clipped: steps whose gradient"
    " was shortened."
)


def _averaging(learning: pd.DataFrame) -> str:
    if (learning["networks"] == 1).all():
        return "One network makes the network's forecast."
    if (learning["chosen"] == learning["networks"]).all():
        return "The network's forecast is the average of all networks."
    return (
        "The network's forecast is an average of networks: one after another is added, each time the one that lowers "
        "the loss of the average on those rows most."
    )


def _by_fold(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame()
    return pd.concat([table.assign(fold=fold) for fold, table in tables.items()], ignore_index=True)


def _losses(fit: FitRecord) -> pd.DataFrame:
    """Losses of every network, epoch by epoch, beside its share in the forecast."""
    assert fit.history is not None
    assert fit.members is not None
    return fit.history.rename(columns={"train_loss": "loss"}).merge(fit.members[["member", "share"]], on="member")


def _learning(fold: int, fit: FitRecord) -> dict[str, float]:
    """How many networks were trained and chosen in a fold, and how far they agree."""
    assert fit.members is not None
    chosen = fit.members[fit.members["share"] > 0]
    return {
        "fold": fold,
        "networks": len(fit.members),
        "chosen": len(chosen),
        "largest_share": float(chosen["share"].max()),
        "best_epoch": float(chosen["best_epoch"].median()),
        "spread": np.nan if fit.spread is None else fit.spread,
    }


def _advice(fits: Mapping[int, FitRecord]) -> list[str] | None:
    """Sentences with their folds, one for all folds where only numbers differ; None where no network kept watch."""
    if all(fit.advice is None for fit in fits.values()):
        return None
    told: dict[str, dict[int, str]] = {}
    for fold, fit in fits.items():
        for sentence in fit.advice or []:
            # Fits of one fold say the same with other numbers; the first of them speaks for the fold.
            told.setdefault(re.sub(r"\d+", "0", sentence), {}).setdefault(fold, sentence.rstrip("."))
    return [_in_folds(tuple(alike), tuple(alike.values())) for alike in told.values()]


def _in_folds(folds: tuple[int, ...], sentences: tuple[str, ...]) -> str:
    if len(folds) == 1:
        return f"Fold {folds[0]}: {sentences[0]}."
    such_as = "" if len(set(sentences)) == 1 else f", such as fold {folds[0]}"
    return f"Folds {', '.join(map(str, folds))}{such_as}: {sentences[0]}."


def learning_table(learning: pd.DataFrame) -> pd.DataFrame:
    """How many networks each fold trained and chose, when they were best, and how far they disagree.

    Text of shape (n_folds, 6).

    Examples
    --------
    >>> row = {"fold": 0, "networks": 16, "chosen": 5, "largest_share": 0.375, "best_epoch": 12.0, "spread": 0.0214}
    >>> learning_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '16', '5', '37.5 %', '12', '2.1 %']
    """
    return pd.DataFrame(
        {
            "Fold": learning["fold"].map(str),
            "Trained": learning["networks"].map(count),
            "Chosen": learning["chosen"].map(count),
            "Largest share": learning["largest_share"].map(percent),
            "Best epoch (median)": learning["best_epoch"].map(count),
            "Spread": learning["spread"].map(percent),
        }
    )


def layer_table(layers: pd.DataFrame) -> pd.DataFrame:
    """One row per layer, from the input to the output: gradients, updates and units, the median over folds.

    Text of shape (n_layers, 6).

    Examples
    --------
    >>> rows = {"fold": [0, 0, 1, 1], "layer": [1, 2] * 2, "gradient_norm": [0.01, 0.2, 0.03, 0.4],
    ...         "update_ratio": 1e-3, "dead": [0.25, np.nan] * 2, "saturated": 0.0, "clip_rate": 0.5}
    >>> layer_table(pd.DataFrame(rows)).to_numpy().tolist()
    [['1', '0.02', '0.001', '25.0 %', '0.0 %', '50.0 %'], ['2 (output)', '0.3', '0.001', '–', '0.0 %', '50.0 %']]
    """
    medians = layers.groupby("layer").median()
    names = [str(layer) if layer < medians.index.max() else f"{layer} (output)" for layer in medians.index]
    columns = {words: medians[name].map(write).to_list() for name, words, write in _OF_LAYERS}
    return pd.DataFrame({"Layer": names, **columns})


_OF_LAYERS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("gradient_norm", "Gradient", "{:.2g}".format),
    ("update_ratio", "Update", "{:.2g}".format),
    ("dead", "Dead", percent),
    ("saturated", "Saturated", percent),
    ("clip_rate", "Clipped", percent),
)


def networks_table(networks: pd.DataFrame) -> pd.DataFrame:
    """Between what each setting, the best epoch and the validation loss of the networks lie; text, shape (7, 4).

    Examples
    --------
    >>> rows = {"learning_rate": [0.002, 0.00414], "dropout": 0.1, "l1": 0.0, "l2": 1.234e-05, "depth": [1, 2],
    ...         "best_epoch": [9, 12], "validation_loss": 0.6931}
    >>> networks_table(pd.DataFrame(rows)).iloc[[0, 5]].to_numpy().tolist()
    [['Learning rate', '0.002', '0.0031', '0.0041'], ['Best epoch', '9', '10', '12']]
    """
    return pd.DataFrame(
        [
            [words, *(write(value) for value in networks[name].quantile([0.0, 0.5, 1.0]))]
            for name, words, write in _OF_NETWORKS
        ],
        columns=["", "Lowest", "Median", "Highest"],
    )


_OF_NETWORKS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("learning_rate", "Learning rate", "{:.2g}".format),
    ("dropout", "Dropout", "{:.2g}".format),
    ("l1", "L1", "{:.2g}".format),
    ("l2", "L2", "{:.2g}".format),
    ("depth", "Hidden layers", count),
    ("best_epoch", "Best epoch", count),
    ("validation_loss", "Validation loss", number),
)
