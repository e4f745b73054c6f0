"""Training of the default-risk network: its designs bag by bag, which of them stayed, and how losses fell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from finnet.evaluation.walk_forward import FoldResult
from finnet.reporting.html import Block, Details, Figure, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, number, percent
from finnet.reporting.training_plot import training_plot

__all__ = ["RiskTrainingSection", "bags_table", "designs_table"]

_PANELS_AT_MOST = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskTrainingSection(ReportSection):
    """How the designs of the default-risk network learned on each fold, and what became of each.

    Parameters
    ----------
    risk_designs : DataFrame
        `fold`, and the columns of `finnet.estimators.risk_history.RiskHistory.design_table`.
    risk_bags : DataFrame
        `fold`, and the columns of its `bag_table`.
    risk_histories : DataFrame
        `fold`, `design`, `bag`, `epoch`, `loss`, `validation_loss`.
    """

    risk_designs: pd.DataFrame
    risk_bags: pd.DataFrame
    risk_histories: pd.DataFrame

    @classmethod
    def of(cls, results: Sequence[FoldResult], subject: str) -> Self | None:
        """What the fits of the model of this name say; None where it is no default-risk network."""
        fits = {result.fold: result.fit for result in results if result.model == subject}
        told = {fold: fit for fold, fit in fits.items() if fit.designs is not None}
        if not told:
            return None
        return cls(
            risk_designs=_by_fold({fold: fit.designs for fold, fit in told.items()}),
            risk_bags=_by_fold({fold: fit.bags for fold, fit in told.items()}),
            risk_histories=_by_fold({fold: fit.history for fold, fit in told.items()}).rename(
                columns={"train_loss": "loss"}
            ),
        )

    def draw(self) -> Section:
        """Losses by design, what became of the designs, and their bags."""
        left_out = self.risk_designs["fold"].nunique() - len(self._folds_drawn)
        others = f" {count(left_out)} later folds are not drawn." if left_out else ""
        each = f"The {count(len(self.risk_bags))} bags of all folds; page/risk_bags.parquet has each of them."
        blocks: list[Block] = [
            Figure(training_plot(self._curves()), f"{_CURVES}{others}", "Training and validation loss by epoch"),
            Table(designs_table(self.risk_designs), _DESIGNS),
            Details("Bags", Table(bags_table(self.risk_bags), f"{each} {_BAGS}")),
        ]
        return Section("How did it learn?", f"{_LEAD} {self._outcome}", blocks)

    def _curves(self) -> pd.DataFrame:
        """Losses with a panel for each fold and design, and every bag a member of it."""
        drawn = self.risk_histories[self.risk_histories["fold"].isin(self._folds_drawn)]
        panels = [
            _going_on(own, int(panel["epoch"].max())).assign(fold=f"{fold}\n{design}", member=bag)
            for (fold, design), panel in drawn.groupby(["fold", "design"])
            for bag, own in panel.groupby("bag")
        ]
        # `training_plot` draws members with a share; here each bag counts alike, also one of a retired design.
        return pd.concat(panels, ignore_index=True).assign(share=1.0)

    @property
    def _folds_drawn(self) -> list[int]:
        folds, designs = self.risk_designs["fold"].unique(), self.risk_designs["design"].nunique()
        return sorted(folds)[: max(1, _PANELS_AT_MOST // designs)]

    @property
    def _outcome(self) -> str:
        """Which designs retired, on how many folds, and what the others share."""
        n_folds = self.risk_designs["fold"].nunique()
        retired = self.risk_designs[self.risk_designs["retired"]].groupby("design").size()
        if retired.empty:
            return "No design retired." if n_folds == 1 else "No design retired on any fold."
        told = [
            str(design) if n_folds == 1 else f"{design} on {count(n)} of {count(n_folds)} folds"
            for design, n in retired.items()
        ]
        return f"Designs that retired: {', '.join(told)}."


def designs_table(designs: pd.DataFrame) -> pd.DataFrame:
    """What became of every design on every fold, as the page shows it; text, shape (n_folds * n_designs, 6).

    Examples
    --------
    >>> row = {"fold": 0, "design": "plain", "bags": 2, "compared_after": 2, "loss": 0.5231, "loss_with_best": 0.5102,
    ...        "retired": True, "share": 0.0}
    >>> designs_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', 'plain', '0.5231', '0.5102', 'retired after 2 bags', '–']
    """
    became = [
        f"retired after {_bags(n)}" if is_retired else f"stayed, {_bags(n)}"
        for n, is_retired in zip(designs["bags"], designs["retired"], strict=True)
    ]
    shares = designs["share"].where(~designs["retired"].astype(bool), np.nan)
    return pd.DataFrame(
        {
            "Fold": designs["fold"].map(str),
            "Design": designs["design"],
            "Loss": [number(loss, 4) for loss in designs["loss"]],
            "With the best": [number(loss, 4) for loss in designs["loss_with_best"]],
            "Outcome": became,
            "Share": shares.map(percent),
        }
    )


def bags_table(bags: pd.DataFrame) -> pd.DataFrame:
    """Between what rows, epochs and losses of the bags of each design lie; text, shape (5 * n_designs, 5).

    Examples
    --------
    >>> row = {"design": "plain", "learned_rows": 800, "judged_rows": 200, "epochs": 21, "best_epoch": 11,
    ...        "validation_loss": 0.51234}
    >>> bags_table(pd.DataFrame([row, {**row, "epochs": 31}])).iloc[2].tolist()
    ['plain', 'Epochs', '21', '26', '31']
    """
    rows = []
    for design, own in bags.groupby("design"):
        for name, words in _OF_BAGS.items():
            write = (lambda loss: number(loss, 4)) if name == "validation_loss" else count
            rows.append((design, words, *(write(value) for value in own[name].quantile([0.0, 0.5, 1.0]))))
    return pd.DataFrame(rows, columns=["Design", "", "Lowest", "Median", "Highest"])


_OF_BAGS = {
    "learned_rows": "Rows learned from",
    "judged_rows": "Rows left out",
    "epochs": "Epochs",
    "best_epoch": "Best epoch",
    "validation_loss": "Loss on rows left out",
}
_LEAD = (
    "Designs of networks race on training rows alone: binned sees every number as shares of its bins, too; plain sees"
    " quantiles only, with strong weight decay. Each bag of rows trains networks that share weights, stops when the"
    " loss of the rows that it leaves out no longer falls, and keeps the weights of its best epoch."
)
_CURVES = (
    "Loss by epoch for each fold and design. Line: the median over bags of the loss of a bag's forecast, the average of"
    " its networks, on the rows that the bag leaves out, in a band of the middle 80 %; a bag that has stopped goes on"
    " with the loss of the weights that it keeps. Dashed: the median loss of single networks on the rows learned from,"
    " with dropout, so it may lie higher. Dot: the median epoch whose weights are kept."
)
_DESIGNS = (
    "Log loss on rows left out by the first bags, on which designs are compared: of the design itself, and of the"
    " average by half of it and the best one. A design retires where that average is not below the loss of the best"
    " alone. Shares in the forecast follow from the rows that all bags leave out."
)
_BAGS = "A retired design counts for nothing in the forecast."


def _going_on(bag: pd.DataFrame, n_epochs: int) -> pd.DataFrame:
    """Losses of a bag up to that epoch, after its own last one the last of training and that of what it keeps."""
    epochs = pd.RangeIndex(1, n_epochs + 1, name="epoch")
    losses = bag.set_index("epoch")[["loss", "validation_loss"]].reindex(epochs)
    kept = bag["validation_loss"].min()
    return losses.assign(
        loss=losses["loss"].ffill(), validation_loss=losses["validation_loss"].fillna(kept)
    ).reset_index()


def _bags(n: int) -> str:
    return "1 bag" if n == 1 else f"{count(n)} bags"


def _by_fold(tables: Mapping[int, pd.DataFrame | None]) -> pd.DataFrame:
    own = [table.assign(fold=fold) for fold, table in tables.items() if table is not None]
    return pd.concat(own, ignore_index=True)
