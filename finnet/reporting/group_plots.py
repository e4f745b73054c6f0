"""Plots of groups of loans: a figure with its interval for each group, and default rates over time."""

import pandas as pd

from finnet.reporting.canvas import (
    BAD,
    GOOD,
    GUIDE,
    INK,
    MUTED,
    EndLabel,
    canvas,
    label_ends,
    percent_ticks,
    plain_ticks,
    to_svg,
)
from finnet.reporting.text import shorten

__all__ = ["groups_plot", "vintage_plot"]

_ROW_INCHES = 0.26
_MOST_LETTERS = 26
_MOST_NAMES = 8


def groups_plot(table: pd.DataFrame, *, title: str, even: float, limits: tuple[float, ...] = ()) -> str:
    """One row per group with its figure and interval, columns of groups apart; those called out in another color.

    Parameters
    ----------
    table : DataFrame
        `column`, `group`, `value`, `low`, `high`, `is_called_out`; rows of one column of groups stand together.
    title : str
        What the figure is.
    even : float
        The value at which a group is as others are.
    limits : tuple of float
        Values that a reader knows, drawn as dashed lines.

    Examples
    --------
    >>> table = pd.DataFrame({"column": "sex", "group": ["men", "women"], "value": [1.0, 0.9], "low": [1.0, 0.8],
    ...                       "high": [1.0, 1.0], "is_called_out": False})
    >>> "women" in groups_plot(table, title="Adverse-impact ratio", even=1.0, limits=(0.8,))
    True
    """
    # Downwards from zero; a column of groups starts two rows lower, one of them for its name.
    heights, height = [], 0.0
    for number in range(len(table)):
        is_new = number == 0 or table["column"].iloc[number] != table["column"].iloc[number - 1]
        height -= 2.0 if is_new else 1.0
        heights.append(height)
    with canvas(_ROW_INCHES * (-height + 1.5) + 0.5) as figure:
        axes = figure.subplots()
        axes.axvline(even, color=MUTED, linewidth=1, zorder=1)
        for limit in limits:
            axes.axvline(limit, color=GUIDE, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        for place, (_, row) in zip(heights, table.iterrows(), strict=True):
            color = BAD if row["is_called_out"] else GOOD
            axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=1.6, alpha=0.6)
            axes.plot([row["value"]], [place], "o", color=color, markersize=5)
        heads = [(place + 1.0, str(table["column"].iloc[number])) for number, place in enumerate(heights)]
        firsts = [head for number, head in enumerate(heads) if number == 0 or head[1] != heads[number - 1][1]]
        names = [shorten(str(name), _MOST_LETTERS) for name in [*table["group"], *(name for _, name in firsts)]]
        axes.set_yticks([*heights, *(place for place, _ in firsts)], names)
        axes.tick_params(axis="y", length=0)
        # Ticks of groups come first, those of columns after them.
        for label in axes.get_yticklabels()[len(heights) :]:
            label.set(fontweight="bold", color=INK)
        axes.spines["left"].set_visible(False)
        axes.set(ylim=(height - 0.7, -0.6))
        # Names of groups leave the axes narrow: from their right end a long label reaches below the names.
        axes.set_xlabel(title, loc="right")
        axes.xaxis.set_major_formatter(plain_ticks())
        return to_svg(figure)


def vintage_plot(table: pd.DataFrame) -> str:
    """Observed default rate with its interval beside the forecast rate, by time of application.

    Parameters
    ----------
    table : DataFrame
        Of `finnet.lending.segments.vintage_table`, at least two rows.

    Examples
    --------
    >>> table = pd.DataFrame({"vintage": ["2019Q3", "2019Q4"], "forecast": [0.1, 0.12], "observed": [0.11, 0.1],
    ...                       "low": [0.08, 0.07], "high": [0.14, 0.13]})
    >>> "2019Q4" in vintage_plot(table)
    True
    """
    places = list(range(len(table)))
    with canvas(2.9) as figure:
        axes = figure.subplots()
        axes.vlines(places, table["low"], table["high"], color=GOOD, linewidth=1.5, alpha=0.55)
        axes.plot(places, table["observed"], "o", color=GOOD, markersize=5)
        axes.plot(places, table["forecast"], color=INK, linewidth=1.5)
        axes.set(title="Share that defaulted", ylim=(0, None), xlim=(-0.5, len(table) - 0.5))
        step = -(-len(table) // _MOST_NAMES)  # rounded up
        axes.set_xticks(places[::step], table["vintage"].iloc[::step].tolist())
        axes.yaxis.set_major_formatter(percent_ticks())
        last = table.iloc[-1]
        ends = [
            EndLabel(float(last["observed"]), "observed", GOOD),
            EndLabel(float(last["forecast"]), "forecast", INK),
        ]
        label_ends(axes, ends, gap=0.11)
        return to_svg(figure)
