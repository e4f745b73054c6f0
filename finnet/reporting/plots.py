"""The drawings of the reports, each as SVG text; they show what they are given and compute no result."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.ticker import LogLocator, NullLocator

from finnet.names import model_heading, model_in_sentence
from finnet.reporting.canvas import (
    BAD,
    GOOD,
    GUIDE,
    INK,
    MUTED,
    PALE,
    PALE_INK,
    SOFT,
    EndLabel,
    canvas,
    label_ends,
    percent_ticks,
    plain_ticks,
    to_svg,
)
from finnet.reporting.text import metric_of, percent, shorten
from finnet.types import FloatArray

__all__ = [
    "calibration_plot",
    "comparison_plot",
    "cutoff_plot",
    "effect_plot",
    "equity_plot",
    "known_truth_plot",
    "lowest_profit_shown",
]

_MOST_POINTS = 500
_LEVEL = 0.05
_SQUARE_ROOTS = ", square-root scale"  # what the label of a stretched axis must say
_FEW_LEVELS, _MANY_LEVELS = 4, 12  # whose names stand beside each other, and which slanted do not overlap


def comparison_plot(table: pd.DataFrame, subject: str) -> str:
    """Difference of the subject against each model with its 95 % interval; right of zero the subject is better.

    Parameters
    ----------
    table : DataFrame
        Columns `model`, `metric` (one for all rows), `difference` (positive where the subject is better), `low`,
        `high`, `p_holm`; one row per model, drawn from the top.
    subject : str
        The model that is compared with each of them.

    Returns
    -------
    str
        SVG. Filled dots are differences that are detected at 5 % after Holm's correction.

    Examples
    --------
    >>> row = {"model": "tree", "metric": "auc", "difference": 0.02, "low": 0.01, "high": 0.03, "p_holm": 0.01}
    >>> table = pd.DataFrame([row])
    >>> "Decision tree" in comparison_plot(table, "network")
    True
    """
    with canvas(1.1 + 0.28 * len(table)) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=1)
        rows = table[["difference", "low", "high", "p_holm"]].to_numpy(float)
        for height, (difference, low, high, p_holm) in enumerate(rows):
            # "not <" rather than ">=": a p-value that is NaN detects nothing.
            color = MUTED if not p_holm < _LEVEL else GOOD if difference > 0 else BAD
            fill = "white" if color == MUTED else color
            axes.plot([low, high], [height, height], color=color, linewidth=2)
            axes.plot(difference, height, "o", color=color, markersize=7, markerfacecolor=fill)
        axes.set_yticks(range(len(table)), [shorten(model_heading(model), 24) for model in table["model"]])
        # From high to low, so that the first row stands at the top.
        axes.set_ylim(len(table) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        _name_sides(axes, model_in_sentence(subject).removeprefix("the "))
        _label_differences(axes, table)
        return to_svg(figure)


_LONGEST_SIDE = 16


def _name_sides(axes: Axes, name: str) -> None:
    """Room around zero for the words that say which side is better; a long name stands in the caption alone."""
    low, high = axes.get_xlim()
    reach = max(-low, high)
    axes.set_xlim(min(low, -0.45 * reach), max(high, 0.45 * reach))
    who = f"{name} " if len(name) <= _LONGEST_SIDE else ""
    for words, side, align in ((f"← {who}worse", -6, "right"), (f"{who}better →", 6, "left")):
        axes.annotate(
            words, (0, 1), (side, 5), xycoords=("data", "axes fraction"), textcoords="offset points", ha=align
        ).set_color(SOFT)


def _label_differences(axes: Axes, table: pd.DataFrame) -> None:
    metric = metric_of(str(table["metric"].iloc[0])).fit_for(table["difference"])
    labels = [metric.difference(value).removesuffix(" points") for value in table["difference"]]
    # A digit of 10 points is about 6 wide, so the numbers end on one line, right of the axes.
    right = 8 + 6 * max(map(len, labels))
    for height, words in enumerate(labels):
        label = axes.annotate(
            words, (1, height), (right, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points"
        )
        label.set(ha="right", va="center", annotation_clip=False)
    # Long numbers would run into each other.
    axes.locator_params(axis="x", nbins=5 if metric.digits <= 4 else 3)
    axes.xaxis.set_major_formatter(plain_ticks(unit=100 if metric.is_share else 1, signed=True))
    axes.set_xlabel(f"Difference in {metric.name}{', percentage points' if metric.is_share else ''}")


def calibration_plot(table: pd.DataFrame, subject: str) -> str:
    """Observed rate against forecast probability: the subject strong with intervals, the others thin behind it.

    The axes are zoomed to where the forecasts of the subject lie, and stretched near zero where they crowd there.

    Parameters
    ----------
    table : DataFrame
        Columns `model`, `bin`, `n`, `forecast`, `observed`, `low`, `high`; shares.
    subject : str
        One of the models.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "network", "bin": [0, 1], "n": 50, "forecast": [0.1, 0.4],
    ...                       "observed": [0.12, 0.38], "low": [0.05, 0.3], "high": [0.2, 0.5]})
    >>> "as forecast" in calibration_plot(table, "network")
    True
    """
    own = table[table["model"] == subject]
    with canvas(3.9) as figure:
        axes = figure.subplots()
        # Limits first: the diagonal and its label are placed by them.
        scale = _SQUARE_ROOTS if _zoom(axes, own) else ""
        label_ends(axes, _draw_diagonal(axes))
        for name, rows in table.groupby("model", sort=False):
            if name != subject and len(rows) > 1:
                axes.plot(rows["forecast"], rows["observed"], color=GUIDE, linewidth=1, zorder=1)
        axes.vlines(own["forecast"], own["low"], own["high"], color=GOOD, linewidth=1.5, alpha=0.55, zorder=3)
        axes.plot(own["forecast"], own["observed"], "o-", color=GOOD, linewidth=1.5, markersize=5, zorder=4)
        axes.set(xlabel=f"Forecast probability{scale}", ylabel=f"Observed rate{scale}")
        return to_svg(figure)


def _zoom(axes: Axes, rows: pd.DataFrame) -> bool:
    """Set limits around the forecasts and their intervals; whether axes are square roots, as shares crowd at zero."""
    crowded = rows["forecast"].max() > 4 * rows["forecast"].min()
    for axis, ends in (("x", rows[["forecast"]]), ("y", rows[["forecast", "low", "high"]])):
        low, high = float(ends.min().min()), float(ends.max().max())
        room = 0.06 * (high - low) + 0.004
        axes.set(**{f"{axis}lim": (max(low - room, 0), min(high + room, 1))})
    if crowded:
        _stretch_near_zero(axes)
    axes.xaxis.set_major_formatter(percent_ticks())
    axes.yaxis.set_major_formatter(percent_ticks())
    return bool(crowded)


def _stretch_near_zero(axes: Axes, which: str = "xy") -> None:
    for axis in which:
        # The scale resets limits and ticks, hence this order: read the limit, set the scale, set both again.
        high = getattr(axes, f"get_{axis}lim")()[1]
        getattr(axes, f"set_{axis}scale")("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
        axes.set(**{f"{axis}lim": (0, high), f"{axis}ticks": _shares_apart(high)})


def _shares_apart(high: float) -> list[float]:
    """Round shares up to `high` that stand apart on a square-root axis."""
    kept = [0.0]
    for share in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0):
        if high / 50 <= share <= high and share**0.5 - kept[-1] ** 0.5 > 0.13 * high**0.5:
            kept.append(share)
    return kept


def _draw_diagonal(axes: Axes) -> list[EndLabel]:
    """The line of forecasts that come true as often as they say; its label where it ends at the right."""
    low = max(axes.get_xlim()[0], axes.get_ylim()[0])
    high = min(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    if high == axes.get_xlim()[1]:
        return [EndLabel(high, "as forecast", SOFT)]
    axes.annotate("as forecast", (high, high), (0, 3), textcoords="offset points", ha="center").set_color(SOFT)
    return []


def known_truth_plot(truth_probability: FloatArray, forecast: FloatArray, *, bins: int = 20) -> str:
    """Forecast default probability against the known true one, in bins that hold equally many loans.

    Parameters
    ----------
    truth_probability, forecast : ndarray of shape (n_loans,)
        Shares, in the same order.
    bins : int
        Number of bins; each shows the median and where the middle 50 and 80 % of its forecasts lie.

    Examples
    --------
    >>> truth = np.linspace(0.01, 0.5, 200)
    >>> "middle 80 %" in known_truth_plot(truth, truth + 0.01)
    True
    """
    order = np.argsort(truth_probability, kind="stable")
    groups = [group for group in np.array_split(np.asarray(order), bins) if len(group)]
    center = np.array([np.median(truth_probability[group]) for group in groups])
    bands = np.array([np.quantile(forecast[group], [0.1, 0.25, 0.5, 0.75, 0.9]) for group in groups]).T
    with canvas(3.9) as figure:
        axes = figure.subplots()
        edges = pd.DataFrame({"forecast": center, "low": bands[0], "high": bands[-1]})
        scale = _SQUARE_ROOTS if _zoom(axes, edges) else ""
        labels = _draw_diagonal(axes)
        axes.fill_between(center, bands[0], bands[4], color=GOOD, alpha=0.12, linewidth=0)
        axes.fill_between(center, bands[1], bands[3], color=GOOD, alpha=0.25, linewidth=0)
        axes.plot(center, bands[2], "o-", color=GOOD, linewidth=1.5, markersize=4)
        # At the upper edge of each band, since two lower edges would need labels of their own.
        ends = zip(bands[[2, 3, 4], -1], ("median", "middle 50 %", "middle 80 %"), strict=True)
        label_ends(axes, labels + [EndLabel(float(height), words, GOOD) for height, words in ends])
        axes.set(xlabel=f"True probability of default{scale}", ylabel=f"Forecast probability{scale}")
        return to_svg(figure)


def equity_plot(table: pd.DataFrame, *, against: str = "buy and hold") -> str:
    """Growth of one unit, net, gross and of what it is compared with, above the fall of each from its peak.

    Parameters
    ----------
    table : DataFrame
        Indexed by session, oldest first; columns `equity_net`, `equity_gross`, `equity_hold`, all above zero.
    against : str
        What `equity_hold` is the growth of.

    Examples
    --------
    >>> sessions = pd.date_range("2020-01-01", periods=3)
    >>> table = pd.DataFrame({"equity_net": [1, 1.1, 1], "equity_gross": [1, 1.2, 1.1], "equity_hold": [1, 0.9, 1]},
    ...                      index=sessions)
    >>> "buy and hold" in equity_plot(table)
    True
    """
    rows = _thin(table)
    with canvas(4.4) as figure:
        growth, fall = figure.subplots(2, sharex=True, height_ratios=(2.2, 1))
        for column, color in (("equity_hold", MUTED), ("equity_gross", PALE), ("equity_net", GOOD)):
            growth.plot(rows.index, rows[column], color=color, linewidth=1.4)
        fall.fill_between(rows.index, rows["equity_hold_fall"], color=GUIDE, linewidth=0)
        fall.plot(rows.index, rows["equity_net_fall"], color=GOOD, linewidth=1.1)
        fall.margins(x=0)
        fall.set_title("Fall from the last peak")
        fall.yaxis.set_major_formatter(percent_ticks())
        fall.xaxis.set_major_locator(AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
        fall.locator_params(axis="y", nbins=4)
        _finish_growth(growth, rows, against)
        return to_svg(figure)


def _thin(table: pd.DataFrame) -> pd.DataFrame:
    """At most a few hundred sessions: the last of each stretch, with the deepest fall within it."""
    columns = ["equity_net", "equity_gross", "equity_hold"]
    # Falls are taken before sessions are left out, or a deep one between two of those kept would not be drawn.
    fall = (table[columns] / table[columns].cummax() - 1).add_suffix("_fall")
    stretch = np.arange(len(table)) * min(_MOST_POINTS, len(table)) // max(len(table), 1)
    thin = table[columns].groupby(stretch).last().join(fall.groupby(stretch).min())
    last = np.append(np.flatnonzero(np.diff(stretch)), len(table) - 1)
    return thin.set_index(table.index[last])


def _finish_growth(growth: Axes, rows: pd.DataFrame, against: str) -> None:
    values = rows[["equity_net", "equity_gross", "equity_hold"]]
    growth.axhline(1, color=GUIDE, linewidth=0.8, zorder=0)
    # On a log scale equal growth is equally steep; below a factor of 3 it has too few round numbers for ticks.
    if values.max().max() > 3 * values.min().min():
        growth.set_yscale("log")
        growth.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        growth.yaxis.set_minor_locator(NullLocator())
    growth.yaxis.set_major_formatter(plain_ticks())
    growth.set_title("Growth of 1")
    growth.margins(x=0)
    # PALE is too light for text, so the label of the gross line is a darker blue than the line.
    names = (("equity_net", "net", GOOD), ("equity_gross", "gross", PALE_INK), ("equity_hold", against, SOFT))
    label_ends(growth, [EndLabel(float(rows[column].iloc[-1]), name, color) for column, name, color in names])


def cutoff_plot(table: pd.DataFrame, *, chosen: float | None = None) -> str:
    """Approval rate, bad rate among the approved and, where terms are known, profit against the cut-off.

    Profits below `lowest_profit_shown` lie outside the drawing: they would make the largest ones invisible.

    Parameters
    ----------
    table : DataFrame
        Columns `cutoff`, `approval_rate`, `bad_rate` and, for profits, `expected_profit` and `realized_profit`, ordered
        by cut-off; with `forecast_bad_rate` instead of `bad_rate` nothing realized is drawn.
    chosen : float, optional
        The cut-off in use, which is marked; loans whose forecast lies at or below it are approved.

    Examples
    --------
    >>> table = pd.DataFrame({"cutoff": [0.1, 0.2], "approval_rate": [0.4, 0.8], "bad_rate": [0.02, 0.05],
    ...                       "expected_profit": [10.0, 12.0], "realized_profit": [9.0, 13.0]})
    >>> "chosen 20.0 %" in cutoff_plot(table, chosen=0.2)
    True
    """
    has_profit = "expected_profit" in table
    rate = ("forecast_bad_rate", "Forecast to default, share of approved")
    if "bad_rate" in table:
        rate = ("bad_rate", "Defaulted, share of approved")
    with canvas(5.4 if has_profit else 3.6) as figure:
        approval, bad, *profit = figure.subplots(2 + has_profit, sharex=True, height_ratios=(1, 1, *[1.4] * has_profit))
        for axes, column, title in (
            (approval, "approval_rate", "Approved, share of applications"),
            (bad, *rate),
        ):
            axes.plot(table["cutoff"], table[column], color=GOOD, linewidth=1.6)
            axes.yaxis.set_major_formatter(percent_ticks())
            axes.set_title(title)
        for axes in profit:
            _draw_profit(axes, table)
        last = [approval, bad, *profit][-1]
        last.set(
            xlabel=f"Cut-off: approve where the forecast is not above{_SQUARE_ROOTS}", xlim=(0, table["cutoff"].max())
        )
        _stretch_near_zero(last, "x")
        last.xaxis.set_major_formatter(percent_ticks())
        if has_profit:
            # Labels are placed by the limits of the axes, which are final only here.
            lines = (("expected_profit", "expected", SOFT), ("realized_profit", "realized", GOOD))
            drawn = [line for line in lines if line[0] in table]
            lowest = lowest_profit_shown(table, chosen=chosen)
            if lowest is not None:
                last.set_ylim(bottom=lowest, top=_top(table, lowest))
            ends = [(float(table[column].iloc[-1]), name, color) for column, name, color in drawn]
            # An arrow says that a line ends below the axes.
            outside = -np.inf if lowest is None else lowest
            labels = [
                EndLabel(max(end, outside), f"{name}{' ↓' * (end < outside)}", color) for end, name, color in ends
            ]
            label_ends(last, labels, gap=0.11)
        if chosen is not None:
            for axes in (approval, bad, *profit):
                axes.axvline(chosen, color=BAD, linewidth=1.2, linestyle=(0, (4, 3)))
            place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            approval.annotate(f"chosen {percent(chosen)}", (chosen, 0.06), (5, 0), **place).set_color(BAD)
        return to_svg(figure)


def lowest_profit_shown(table: pd.DataFrame, *, chosen: float | None = None) -> float | None:
    """Where the axis of profits ends below, so that the profits near the largest can be told; None where all fit.

    That is below all profits up to the cut-off in use, or up to the largest expected profit where none is: by half of
    their range, or by a twentieth of the range of all profits where that is more.

    Parameters
    ----------
    table : DataFrame
        As `cutoff_plot` takes it, with profits; only those that are drawn count.

    Examples
    --------
    >>> table = pd.DataFrame({"cutoff": [0.0, 0.1, 1.0], "expected_profit": [0.0, 10.0, -400.0],
    ...                       "realized_profit": [0.0, 8.0, -390.0]})
    >>> lowest_profit_shown(table), lowest_profit_shown(table.head(2))
    (-20.5, None)
    """
    profits = _profits_drawn(table)
    cutoff = table["cutoff"].to_numpy()
    end = cutoff[int(profits["expected_profit"].to_numpy().argmax())] if chosen is None else chosen
    # 0 is what approving nobody brings, whether or not the table has a row for it.
    near = np.append(profits[cutoff <= end].to_numpy().ravel(), 0.0)
    lowest, every = float(near.min()), np.append(profits.to_numpy().ravel(), 0.0)
    bottom = lowest - max(0.5 * float(np.ptp(near)), 0.05 * float(np.ptp(every)))
    return bottom if every.min() < bottom else None


def _top(table: pd.DataFrame, lowest: float) -> float:
    """Where the axis of profits ends above: a twentieth of what is shown above the largest."""
    highest = max(float(_profits_drawn(table).max().max()), 0.0)
    return highest + 0.05 * (highest - lowest)


def _profits_drawn(table: pd.DataFrame) -> pd.DataFrame:
    """Expected profits, and realized ones where they are told."""
    return table[[column for column in ("expected_profit", "realized_profit") if column in table]]


def effect_plot(table: pd.DataFrame) -> str:
    """Small multiples of the mean forecast against the values of each column, on one scale of forecasts.

    Parameters
    ----------
    table : DataFrame
        Columns `column`, `value` (text), `number` (NaN for levels and missing) and `forecast`, in the order of drawing.

    Returns
    -------
    str
        SVG. Numbers are lines, with the forecast of missing values as an open dot at the right; levels are dots.

    Examples
    --------
    >>> table = pd.DataFrame({"column": "debt", "value": ["0", "1"], "number": [0.0, 1.0], "forecast": [0.1, 0.4]})
    >>> "debt" in effect_plot(table)
    True
    """
    names = list(pd.unique(table["column"]))
    n_rows = -(-len(names) // 2)
    with canvas(0.5 + 1.55 * n_rows) as figure:
        panels = figure.subplots(n_rows, 2, sharey=True, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            _draw_effect(axes, table[table["column"] == name])
            axes.set_title(shorten(str(name), 26))
            axes.yaxis.set_major_formatter(percent_ticks())
            axes.locator_params(axis="y", nbins=4)
        # From zero, on one scale, or a column that hardly moves the forecast would look like one that does.
        panels[0].set_ylim(bottom=0.0)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        return to_svg(figure)


def _draw_effect(axes: Axes, curve: pd.DataFrame) -> None:
    known = curve[curve["number"].notna()]
    if not len(known):
        axes.plot(range(len(curve)), curve["forecast"], "o", color=GOOD, markersize=5)
        axes.set_xticks(range(len(curve)), [shorten(words, 8) for words in curve["value"]])
        axes.set_xlim(-0.5, len(curve) - 0.5)
        turned = 0 if len(curve) <= _FEW_LEVELS else 45 if len(curve) <= _MANY_LEVELS else 90
        axes.tick_params(axis="x", labelsize=8, labelrotation=turned)
        return
    axes.plot(known["number"], known["forecast"], color=GOOD, linewidth=1.6, marker=".", markersize=4)
    axes.xaxis.set_major_formatter(plain_ticks())
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="x", labelsize=8)
    missing = curve[curve["number"].isna()]
    if len(missing):
        # Right of all numbers, as a missing value has no place among them.
        low, high = known["number"].min(), known["number"].max()
        aside = high + 0.12 * ((high - low) or 1.0)
        axes.plot([aside], missing["forecast"], "o", color=GOOD, markersize=5, markerfacecolor="white")
        axes.annotate("missing", (aside, float(missing["forecast"].iloc[0])), (0, 6), textcoords="offset points").set(
            ha="right", color=SOFT, fontsize=8
        )


def _draw_profit(axes: Axes, table: pd.DataFrame) -> None:
    axes.axhline(0, color=GUIDE, linewidth=0.8, zorder=0)
    for column, color in (("expected_profit", MUTED), ("realized_profit", GOOD)):
        if column in table:
            axes.plot(table["cutoff"], table[column], color=color, linewidth=1.6)
    axes.set_title("Profit")
    axes.yaxis.set_major_formatter(plain_ticks())
    axes.locator_params(axis="y", nbins=5)
