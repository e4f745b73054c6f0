"""Curves: how losses fell in training, drawn with matplotlib."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

__all__ = ["draw_history"]

_LINES: dict[str, dict[str, Any]] = {
    "train_loss": {"label": "training", "color": "tab:gray", "linestyle": "--"},
    "validation_loss": {"label": "validation", "color": "tab:blue"},
}


def draw_history(history: pd.DataFrame, axes: Axes | None = None, *, best_epoch: int | None = None) -> Axes:
    """Training and validation loss by epoch; of an ensemble, the median network and the range of most of them.

    Parameters
    ----------
    history : DataFrame
        `history_`: one row per epoch of a network, per member and epoch of an ensemble.
    axes : Axes, optional
        Where to draw; None makes a new figure.
    best_epoch : int, optional
        The epoch whose weights a network kept, marked where there are validation losses.

    Examples
    --------
    >>> history = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [0.7, 0.5, 0.4], "validation_loss": [0.7, 0.6, 0.65]})
    >>> [line.get_label() for line in draw_history(history, best_epoch=2).lines]
    ['training', 'validation', 'best epoch 2']
    """
    axes = axes or plt.figure(layout="constrained").subplots()
    for column in (column for column in _LINES if column in history):
        by_epoch = history.groupby("epoch")[column]
        # Of a single network all three are its one loss.
        low, middle, high = (by_epoch.quantile(share) for share in (0.1, 0.5, 0.9))
        (line,) = axes.plot(middle.index, middle, **_LINES[column])
        if "member" in history:
            axes.fill_between(middle.index, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    if best_epoch is not None and "validation_loss" in history:
        axes.axvline(best_epoch, color="0.6", linewidth=1, linestyle=":", label=f"best epoch {best_epoch}")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(frameon=False)
    return axes
