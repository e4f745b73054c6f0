"""The learning curve as a drawing: scores against the number of training rows."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from finnet.names import model_heading
from finnet.reporting.canvas import BAD, GOOD, SOFT, canvas, plain_ticks, to_svg
from finnet.reporting.text import count, metric_of, shorten

__all__ = ["learning_plot"]

_COLORS = (GOOD, BAD, SOFT)
_APART = 0.035  # of a decade of rows, between models with the same rows


def learning_plot(table: pd.DataFrame, subject: str) -> str:
    """A panel for each metric: its value and 95 % interval against training rows, a line for each model.

    Parameters
    ----------
    table : DataFrame
        Columns `model`, `metric`, `rows`, `value`, `low`, `high` (NaN where there is no interval).
    subject : str
        The model that is drawn first.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "tree", "metric": "auc", "rows": [500, 1000], "value": [0.7, 0.72],
    ...                       "low": 0.68, "high": 0.74})
    >>> "Decision tree" in learning_plot(table, "tree")
    True
    """
    metrics, names = list(pd.unique(table["metric"])), list(pd.unique(table["model"]))
    names.sort(key=lambda name: name != subject)  # a stable sort: the others stay in their order
    with canvas(2.7) as figure:
        panels = figure.subplots(1, len(metrics), squeeze=False)[0]
        for axes, metric in zip(panels, metrics, strict=True):
            for k, name in enumerate(names):
                own = table[(table["metric"] == metric) & (table["model"] == name)].sort_values("rows")
                _draw(axes, own, color=_COLORS[k % len(_COLORS)], shift=_APART * (k - (len(names) - 1) / 2))
            _name_rows(axes, sorted(table["rows"].unique()))
            axes.set_title(metric_of(metric).label)
            axes.yaxis.set_major_formatter(plain_ticks())
            axes.locator_params(axis="y", nbins=5)
        figure.supxlabel("Training rows", color=SOFT, fontsize=10)
        lines = [shorten(model_heading(name), 24) for name in names]
        figure.legend(panels[0].get_lines()[: len(names)], lines, loc="outside upper left", ncols=2, frameon=False)
        return to_svg(figure)


def _draw(axes: Axes, own: pd.DataFrame, *, color: str, shift: float) -> None:
    # Side by side, or intervals of models with the same rows would hide each other.
    rows = own["rows"].to_numpy(float) * 10.0**shift
    axes.plot(rows, own["value"], color=color, linewidth=1.5, marker="o", markersize=4)
    if own["low"].notna().any():
        axes.vlines(rows, own["low"], own["high"], color=color, linewidth=1.2, alpha=0.55)


def _name_rows(axes: Axes, rows: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(rows[0] / 1.25, rows[-1] * 1.25)
    # Two names less than a fifth of the axis apart would run into each other; the last, all rows, always stands.
    room = 0.2 * np.log(rows[-1] / rows[0] * 1.25**2)
    named = [rows[-1]]
    for n_rows in reversed(rows[:-1]):
        if np.log(named[-1] / n_rows) >= room:
            named.append(n_rows)
    axes.xaxis.set_major_locator(FixedLocator([float(n_rows) for n_rows in named]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: count(value))
