"""The drawing of a training: losses by epoch, fold by fold, and the epochs whose weights are kept."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from finnet.reporting.canvas import BAD, GOOD, SOFT, canvas, plain_ticks, to_svg

__all__ = ["training_plot"]

_PANELS = 4


def training_plot(histories: pd.DataFrame) -> str:
    """Loss by epoch, one panel per fold: the median network, the middle 80 % on the validation rows, the best epoch.

    Drawn as long as half of the networks in the forecast still train, since the rest would be those that train longest.

    Parameters
    ----------
    histories : DataFrame
        Columns `fold`, `member`, `epoch`, `loss`, `validation_loss` (may be all NaN), `share` (0 where not chosen).

    Examples
    --------
    >>> histories = pd.DataFrame({"fold": 0, "member": 0, "epoch": [1, 2], "loss": [0.7, 0.6],
    ...                           "validation_loss": [0.71, 0.69], "share": 1.0})
    >>> "validation" in training_plot(histories)
    True
    """
    chosen = histories[histories["share"] > 0]
    losses, best = _losses_by_epoch(chosen), _best_epochs(chosen)
    folds = losses["fold"].unique()
    height = -(-len(folds) // _PANELS)  # rounded up
    with canvas(1.0 + 1.3 * height if len(folds) > 1 else 2.6) as figure:
        grid = figure.subplots(height, min(_PANELS, len(folds)), squeeze=False, sharex=True, sharey=True)
        for axes, fold in zip(grid.flat, folds, strict=False):
            _draw_losses(axes, losses[losses["fold"] == fold], best.get(fold))
            axes.set_title(f"Fold {fold}")
        _finish_losses(figure, grid, losses)
        return to_svg(figure)


def _losses_by_epoch(histories: pd.DataFrame) -> pd.DataFrame:
    """Median losses of each fold and epoch, and where the middle 80 % of the networks lie on the validation rows."""
    networks = histories.groupby("fold")["member"].transform("nunique")
    training = histories.groupby(["fold", "epoch"])["member"].transform("size")
    by_epoch = histories[2 * training >= networks].groupby(["fold", "epoch"])
    low, middle, high = (by_epoch["validation_loss"].quantile(share) for share in (0.1, 0.5, 0.9))
    columns = {"loss": by_epoch["loss"].median(), "low": low, "middle": middle, "high": high}
    return pd.DataFrame(columns).reset_index()


def _best_epochs(histories: pd.DataFrame) -> "pd.Series[float]":
    """The median epoch, by fold, whose weights are kept; none where there are no validation rows."""
    judged = histories[histories["validation_loss"].notna()]
    best = judged.loc[judged.groupby(["fold", "member"])["validation_loss"].idxmin()]
    return best.groupby("fold")["epoch"].median()


def _draw_losses(axes: Axes, rows: pd.DataFrame, best: float | None) -> None:
    axes.plot(rows["epoch"], rows["loss"], color=SOFT, linewidth=1.2, linestyle=(0, (3, 2)), label="training")
    if best is None:
        return
    if (rows["high"] > rows["low"]).any():
        band = axes.fill_between(rows["epoch"], rows["low"], rows["high"], color=GOOD, alpha=0.2, linewidth=0)
        band.set_label("middle 80 %")
    axes.plot(rows["epoch"], rows["middle"], color=GOOD, linewidth=1.6, label="validation")
    height = np.interp(best, rows["epoch"], rows["middle"])
    axes.plot(best, height, "o", color=BAD, markersize=5, zorder=3, label="best epoch")


def _finish_losses(figure: Figure, grid: np.ndarray[Any, Any], losses: pd.DataFrame) -> None:
    first, folds = grid[0, 0], losses["fold"].nunique()
    # Losses of first epochs can be so high that they would flatten the rest; the highest 3 % may lie above.
    values = losses[["loss", "low", "high"]].to_numpy(float)
    low, high = np.nanmin(values), np.nanquantile(values, 0.97)
    room = 0.06 * (high - low) + 1e-4
    first.set_ylim(float(low - room), float(high + room))
    first.locator_params(axis="x", nbins=4, integer=True)
    first.locator_params(axis="y", nbins=5)
    first.yaxis.set_major_formatter(plain_ticks())
    for spare in range(folds, grid.size):
        grid.flat[spare].set_visible(False)
        # Panels share their x axes, so the one above an empty place has no tick labels of its own yet.
        grid.flat[spare - grid.shape[1]].tick_params(labelbottom=True)
    figure.supxlabel("Epoch", color=SOFT, fontsize=10)
    figure.supylabel("Loss", color=SOFT, fontsize=10)
    figure.legend(
        *first.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=4,
        frameon=False,
        labelcolor=SOFT,
        handlelength=1.3,
        columnspacing=1.2,
    )
