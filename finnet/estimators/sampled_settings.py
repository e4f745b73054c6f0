"""Sampled settings: the ranges that settings of an ensemble's members may lie in, and the draws from them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from finnet.checks import require_whole
from finnet.errors import ConfigError
from finnet.estimators.members import Members
from finnet.estimators.network_base import EstimatorOfNetworks, RandomState, generator
from finnet.estimators.ranges import (
    Depth,
    Patience,
    Range,
    depth_range,
    drawn,
    drawn_whole,
    patience_range,
    require_range,
    within,
)
from finnet.network.batches import Examples
from finnet.network.optimizers import named_optimizer, require_decay
from finnet.types import FloatArray

__all__ = ["SampledSettings"]

_SETTINGS = ("learning_rate", "dropout", "l1", "l2")


class SampledSettings(EstimatorOfNetworks):
    """Checks the ranges of settings, and draws those of each member by a generator of its own."""

    members: int
    depth: Depth | None
    learning_rate: Range
    dropout: Range
    l1: Range
    l2: Range
    weight_decay: Range | None
    patience: Patience | None
    random_state: RandomState

    def _require_settings(self) -> None:
        super()._require_settings()
        require_whole(self.members, 1, name="members")
        require_range(self.learning_rate, name="learning_rate", zero=False)
        require_range(self.dropout, name="dropout", below=1.0)
        for name in ("l1", "l2"):
            require_range(getattr(self, name), name=name)
        if self.weight_decay is not None:
            require_range(self.weight_decay, name="weight_decay")
            require_decay(named_optimizer(self.optimizer), self.weight_decay, name="weight_decay")
        if self.patience is not None:
            patience_range(self.patience)
            if self._stopping() is None:
                raise ConfigError(
                    f"patience={self.patience} needs early stopping; use early_stopping=True, or patience=None"
                )

    def _drawn(self, examples: Examples) -> tuple[np.random.Generator, Members]:
        """New members with drawn settings that learn from all rows, and a generator that divides rows."""
        # A generator of its own for every member, so that more members change nothing in those before.
        rows_rng, *rngs = generator(self.random_state).spawn(self.members + 1)
        settings = {name: _draws(getattr(self, name), rngs) for name in _SETTINGS}
        depths = np.full(self.members, len(self.hidden))
        if self.depth is not None:
            depths = drawn_whole(depth_range(self.depth, self.hidden), rngs)
        # Drawn last, and only where given, so that they change no other setting.
        if self.weight_decay is not None:
            settings["weight_decay"] = _draws(self.weight_decay, rngs)
        patiences = None if self.patience is None else drawn_whole(patience_range(self.patience), rngs)
        folds = np.zeros(self.members, np.int64)
        members = Members(rngs, settings, depths, patiences, [None] * self.members, examples, None, folds)
        return rows_rng, members

    def _as_fitted(self, members: Members, table: pd.DataFrame) -> Members:
        """The same with what a table of fitted members says of them, but for settings that were changed since."""
        settings = {
            name: self._unless_changed(name, table.get(name), drawn) for name, drawn in members.settings.items()
        }
        patiences = table["patience"].to_numpy() if "patience" in table else members.patiences
        return replace(members, settings=settings, patiences=patiences, folds=table["fold"].to_numpy())

    def _unless_changed(self, name: str, fitted: pd.Series | None, drawn: FloatArray) -> FloatArray:
        """Fitted values where the setting of that name still has room for them, else those drawn anew."""
        return drawn if fitted is None else np.where(within(getattr(self, name), fitted), fitted, drawn)


def _draws(setting: Range, rngs: list[np.random.Generator]) -> FloatArray:
    return np.array([drawn(setting, rng) for rng in rngs])
