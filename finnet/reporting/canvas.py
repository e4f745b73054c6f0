"""What all plots share: one size, one palette, and drawing to SVG text without matplotlib's global state."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

__all__ = [
    "BAD",
    "GOOD",
    "GUIDE",
    "INK",
    "MUTED",
    "PALE",
    "PALE_INK",
    "SOFT",
    "EndLabel",
    "canvas",
    "label_ends",
    "percent_ticks",
    "place_labels",
    "plain_ticks",
    "to_svg",
]

# Blue and vermilion of Okabe and Ito's palette, darkened until text in them has a contrast of 4.5 on white.
GOOD, BAD = "#0b5fa5", "#b8460b"
PALE, PALE_INK = "#7fb2dd", "#3f7fb5"
INK, SOFT, MUTED, GUIDE = "#1c2430", "#566070", "#8d96a3", "#c9ced6"

# A phone shows a page about as wide as 5 inches of matplotlib, so text of 10 points stays readable there.
_WIDTH_INCHES = 5.0
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "font.size": 10,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",  # text stays text, which readers can search, copy and hear
    "svg.hashsalt": "finnet",  # else ids are drawn anew each time, and no two pages are alike
    "text.color": INK,
    "text.parse_math": False,  # a name from data may hold a dollar sign
    "xtick.color": MUTED,
    "xtick.labelcolor": SOFT,
    "ytick.color": MUTED,
    "ytick.labelcolor": SOFT,
}
_PATH = re.compile(r'(?<=\sd=")[^"]*')
_DIGITS = re.compile(r"(\.\d\d)\d+")
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


@contextmanager
def canvas(height_inches: float) -> Iterator[Figure]:
    """An empty figure in the style of the reports; draw on it and call `to_svg` before leaving.

    Examples
    --------
    >>> with canvas(2.0) as figure:
    ...     axes = figure.subplots()
    ...     svg = to_svg(figure)
    >>> svg.count("<svg"), "date" in svg
    (1, False)
    """
    # A user's own matplotlibrc must not change the bytes of a report, hence the reset before our style.
    with style.context("default"), mpl.rc_context(_STYLE):
        yield Figure(figsize=(_WIDTH_INCHES, height_inches), layout="constrained")


def to_svg(figure: Figure) -> str:
    """The figure as the text of an SVG document, its paths to a hundredth of a point; equal figures give equal text."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata=_NO_METADATA)
    return _PATH.sub(lambda path: _DIGITS.sub(r"\1", path.group()), target.getvalue())


def percent_ticks() -> FuncFormatter:
    """Tick labels of shares as percentages.

    Examples
    --------
    >>> percent_ticks()(0.25), percent_ticks()(-0.005)
    ('25 %', '−0.5 %')
    """
    return plain_ticks(unit=100, suffix=" %")


def plain_ticks(*, unit: float = 1, suffix: str = "", signed: bool = False) -> FuncFormatter:
    """Tick labels with no more digits than they need, thousands set apart, a true minus sign.

    Examples
    --------
    >>> plain_ticks()(-1500), plain_ticks(unit=100, signed=True)(0.005), plain_ticks(signed=True)(0)
    ('−1,500', '+0.5', '0')
    """

    def write(value: float, _: int | None = None) -> str:
        digits = f"{round(unit * value, 9):,.10f}".rstrip("0").rstrip(".").replace("-", "−")
        return f"{'+' if signed and value > 0 else ''}{digits}{suffix}"

    return FuncFormatter(write)


class EndLabel(NamedTuple):
    """A label set beside the last point of a line, in the colour of the line."""

    height: float
    text: str
    color: str


def label_ends(axes: Axes, labels: Sequence[EndLabel], *, gap: float = 0.08) -> None:
    """Write labels right of the axes, each at the height of its line, moved apart where they would overlap.

    Parameters
    ----------
    axes : Axes
        With its limits already final.
    labels : sequence of EndLabel
        Heights in the units of the y axis.
    gap : float
        Least distance of two labels, as a share of the height of the axes.
    """
    to_share = axes.transData + axes.transAxes.inverted()
    wanted = [float(to_share.transform((axes.get_xlim()[1], label.height))[1]) for label in labels]
    for label, height in zip(labels, place_labels(wanted, gap), strict=True):
        place = axes.annotate(
            label.text, (1, height), (5, 0), xycoords="axes fraction", textcoords="offset points", va="center"
        )
        place.set_color(label.color)


def place_labels(wanted: Sequence[float], gap: float) -> list[float]:
    """Heights near the wanted ones, in the same order, at least `gap` apart and within 0 to 1 where that can be.

    Examples
    --------
    >>> [round(height, 2) for height in place_labels([0.5, 0.52, 0.99], 0.1)]
    [0.46, 0.56, 0.99]
    """
    # Each pair that overlaps is pushed apart by halves, again and again, as pushing one pair may make another overlap.
    order = sorted(range(len(wanted)), key=lambda item: wanted[item])
    placed = [min(max(wanted[item], 0.0), 1.0) for item in order]
    for _ in range(20 * len(placed)):
        for low in range(len(placed) - 1):
            overlap = gap - (placed[low + 1] - placed[low])
            if overlap > 0:
                placed[low], placed[low + 1] = placed[low] - overlap / 2, placed[low + 1] + overlap / 2
    return [placed[order.index(item)] for item in range(len(wanted))]
