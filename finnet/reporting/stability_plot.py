"""The drawing of population stability: how far each column moved, beside what chance alone explains."""

import numpy as np
import pandas as pd

from finnet.reporting.canvas import BAD, GOOD, INK, SOFT, canvas, plain_ticks, to_svg
from finnet.reporting.text import shorten

__all__ = ["stability_plot"]


def stability_plot(table: pd.DataFrame) -> str:
    """A bar for each column, as long as its index; a mark stands at its limit, and bars that raise an alarm are orange.

    The scale is that of square roots, so that small limits can be seen beside large shifts.

    Parameters
    ----------
    table : DataFrame
        `column`, `psi`, `psi_limit`, `breached`, drawn from the top. What is not breached raises no alarm, wherever its
        limit is.

    Examples
    --------
    >>> table = pd.DataFrame({"column": ["income"], "psi": [0.3], "psi_limit": [0.02], "breached": [True]})
    >>> "income" in stability_plot(table)
    True
    """
    psi, limit = table["psi"].to_numpy(float), table["psi_limit"].to_numpy(float)
    is_beyond = table["breached"].to_numpy(bool) & (psi > limit)
    heights = -np.arange(len(table), dtype=float)
    with canvas(0.7 + 0.24 * len(table)) as figure:
        axes = figure.subplots()
        axes.barh(heights, psi, height=0.6, color=np.where(is_beyond, BAD, GOOD).tolist())
        known = np.isfinite(limit)  # no limit where there are too few rows to have one
        axes.vlines(limit[known], heights[known] - 0.42, heights[known] + 0.42, color=INK, linewidth=1.6)
        axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
        axes.set_xlim(0, 1.08 * max(float(psi.max()), float(limit[known].max()) if known.any() else 0.0, 0.01))
        axes.set_yticks(heights, [shorten(str(name), 26) for name in table["column"]], color=SOFT)
        axes.xaxis.set_major_formatter(plain_ticks())
        axes.set(xlabel="Population stability index")
        axes.tick_params(axis="y", length=0)
        return to_svg(figure)
