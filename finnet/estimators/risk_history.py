"""Risk history: how the designs of the default-risk classifier learned, bag by bag, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from finnet.network.history import History

__all__ = ["BagHistory", "RiskHistory", "Standing"]


@dataclass(frozen=True)
class BagHistory:
    """How the network of one design learned in one bag; `bag` counts from 0."""

    design: str
    bag: int
    learned_rows: int
    judged_rows: int
    history: History


@dataclass(frozen=True)
class Standing:
    """Log losses out of bag by which a design retired or stayed: its own, and averaged by half with the best."""

    loss: float
    loss_with_best: float


@dataclass(frozen=True)
class RiskHistory:
    """What happened in a race.

    Parameters
    ----------
    bags : sequence of BagHistory
    standings : mapping of str to Standing
        Of every design after the first `n_first` bags, by which some retired.
    n_first : int
    shares : mapping of str to float
        Of the designs that stayed.
    """

    bags: Sequence[BagHistory]
    standings: Mapping[str, Standing]
    n_first: int
    shares: Mapping[str, float]

    def losses(self) -> pd.DataFrame:
        """One row per design, bag and epoch: these three, `train_loss` and `validation_loss`."""
        tables = [pd.DataFrame({"design": own.design, "bag": own.bag, **own.history.columns()}) for own in self.bags]
        return pd.concat(tables, ignore_index=True)

    def bag_table(self) -> pd.DataFrame:
        """A row for every bag of every design.

        Returns
        -------
        DataFrame
            `design`, `bag`, `learned_rows` and `judged_rows`, `epochs` trained, `best_epoch` (from 1), whose weights
            are kept, their `validation_loss`, and `share` in the forecast: 0 where the design has retired.

        Examples
        --------
        >>> bag = BagHistory("plain", 0, 80, 20, History([0.7, 0.6], [0.69, 0.66], best_epoch=2))
        >>> told = RiskHistory([bag], {"plain": Standing(0.66, 0.66)}, n_first=1, shares={"plain": 1.0})
        >>> told.bag_table()[["epochs", "best_epoch"]].to_numpy().tolist()
        [[2, 2]]
        """
        n_bags = pd.Series([own.design for own in self.bags]).value_counts()
        rows = [
            (
                own.design,
                own.bag,
                own.learned_rows,
                own.judged_rows,
                len(own.history),
                own.history.best_epoch,
                own.history.kept_loss,
                self.shares.get(own.design, 0.0) / int(n_bags[own.design]),
            )
            for own in self.bags
        ]
        names = ["design", "bag", "learned_rows", "judged_rows", "epochs", "best_epoch", "validation_loss", "share"]
        return pd.DataFrame(rows, columns=names)

    def design_table(self) -> pd.DataFrame:
        """A row for every design.

        Returns
        -------
        DataFrame
            `design`, `bags` trained, after how many of them designs were compared (`compared_after`), log loss out of
            those bags of the design (`loss`) and of its average with the best (`loss_with_best`), whether it
            `retired`, and its `share` in the forecast.
        """
        n_bags = pd.Series([own.design for own in self.bags]).value_counts()
        rows = [
            (
                design,
                int(n_bags[design]),
                self.n_first,
                standing.loss,
                standing.loss_with_best,
                design not in self.shares,
                self.shares.get(design, 0.0),
            )
            for design, standing in self.standings.items()
        ]
        names = ["design", "bags", "compared_after", "loss", "loss_with_best", "retired", "share"]
        return pd.DataFrame(rows, columns=names)
