"""Backpropagation once, drawn: the worked example with its weights before and after."""

from collections.abc import Iterator
from typing import NamedTuple

from matplotlib.axes import Axes

from finnet.network.worked_example import WorkedExample
from finnet.reporting.canvas import BAD, GOOD, GUIDE, INK, SOFT, canvas, to_svg
from finnet.reporting.text import number

__all__ = ["worked_example_plot"]

_LEFT, _MIDDLE, _RIGHT = 0.0, 4.2, 7.6
_HEIGHTS = (3.2, 0.4)
_OUTPUT_HEIGHT = 1.8
_RADIUS = 0.42


class _Edge(NamedTuple):
    """A weight between two units, and where along the line its numbers stand."""

    start: tuple[float, float]
    end: tuple[float, float]
    before: float
    after: float
    share: float


def worked_example_plot(step: WorkedExample) -> str:
    """One step of backpropagation: what goes in, what comes out, the error that goes back, each weight before -> after.

    Returns
    -------
    str
        SVG. Weights that fell are vermilion, weights that rose are blue.

    Examples
    --------
    >>> from finnet.network.worked_example import worked_example
    >>> "error −0.65" in worked_example_plot(worked_example())
    True
    """
    with canvas(2.75) as figure:
        axes = figure.subplots()
        axes.set(xlim=(-2.2, 8.7), ylim=(-0.8, 4.6), aspect="equal")
        axes.set_axis_off()
        for edge in _edges(step):
            (x0, y0), (x1, y1) = edge.start, edge.end
            axes.plot([x0, x1], [y0, y1], color=GUIDE, linewidth=1.2, zorder=1)
            place = x0 + edge.share * (x1 - x0), y0 + edge.share * (y1 - y0)
            label = axes.text(*place, f"{number(edge.before, 2)} → {number(edge.after, 2)}", ha="center", va="center")
            label.set(color=GOOD if edge.after > edge.before else BAD, fontsize=9, zorder=2)
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
        places = [(x, y) for x in (_LEFT, _MIDDLE) for y in _HEIGHTS]
        for place, value in zip(places, [*step.inputs, *step.hidden], strict=True):
            _draw_unit(axes, place, number(float(value), 2))
        _draw_unit(axes, (_RIGHT, _OUTPUT_HEIGHT), number(step.output, 2), color=GOOD)
        _name_units(axes, step)
        # The error goes back from the output to the hidden units, above the weights.
        arrow = {"arrowstyle": "-|>", "color": BAD, "connectionstyle": "arc3,rad=0.35", "shrinkA": 4, "shrinkB": 4}
        end, start = (_MIDDLE + _RADIUS, _HEIGHTS[0] + 0.2), (_RIGHT, _OUTPUT_HEIGHT + _RADIUS)
        axes.annotate("", end, start, arrowprops={**arrow, "linewidth": 1.4, "linestyle": (0, (4, 2))})
        words = f"error {number(step.error, 2)} goes back"
        axes.text(_RIGHT, _HEIGHTS[0] + 0.55, words, ha="center", color=BAD, fontsize=9)
        return to_svg(figure)


def _edges(step: WorkedExample) -> Iterator[_Edge]:
    for source, unit in ((0, 0), (0, 1), (1, 0), (1, 1)):
        ends = (_LEFT, _HEIGHTS[source]), (_MIDDLE, _HEIGHTS[unit])
        # The two lines that cross meet halfway, so their numbers stand nearer to the inputs.
        yield _Edge(*ends, *_weights(step, "W1", (source, unit)), 0.55 if source == unit else 0.27)
    for unit in (0, 1):
        ends = (_MIDDLE, _HEIGHTS[unit]), (_RIGHT, _OUTPUT_HEIGHT)
        yield _Edge(*ends, *_weights(step, "W2", (unit, 0)), 0.48)


def _weights(step: WorkedExample, name: str, place: tuple[int, int]) -> tuple[float, float]:
    return float(step.before[name][place]), float(step.after[name][place])


def _name_units(axes: Axes, step: WorkedExample) -> None:
    """What goes in, the biases of the hidden units, and what should have come out."""
    labels = [
        (_LEFT - 0.6, _HEIGHTS[0] + 0.2, "volume", "right"),
        (_LEFT - 0.6, _HEIGHTS[0] - 0.2, "1,000,000", "right"),
        (_LEFT - 0.6, _HEIGHTS[1], "sentiment", "right"),
        (_MIDDLE, _HEIGHTS[0] + 0.8, _bias(step, 0), "center"),
        (_MIDDLE, _HEIGHTS[1] - 0.8, _bias(step, 1), "center"),
        (_RIGHT, _OUTPUT_HEIGHT - 1.2, f"truth {number(step.truth, 0)}", "center"),
        (_RIGHT, _OUTPUT_HEIGHT - 1.6, "after the step", "center"),
        (_RIGHT, _OUTPUT_HEIGHT - 2.0, number(step.output_after, 2), "center"),
    ]
    for x, y, words, align in labels:
        axes.text(x, y, words, ha=align, va="center", color=SOFT, fontsize=9)


def _bias(step: WorkedExample, unit: int) -> str:
    before, after = _weights(step, "b1", (0, unit))
    return f"bias {number(before, 2)} → {number(after, 2)}"


def _draw_unit(axes: Axes, place: tuple[float, float], words: str, *, color: str = INK) -> None:
    axes.plot(*place, "o", markersize=27, markerfacecolor="white", markeredgecolor=color, markeredgewidth=1.4, zorder=3)
    axes.text(*place, words, ha="center", va="center", color=color, zorder=4)
