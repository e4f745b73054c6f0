"""How CPU time grows with rows, epochs and members: a picture on logarithmic axes, and fitted exponents.

    python tests/benchmarks/bench_scaling.py                  # all sizes; table and picture are kept in reports/
    python tests/benchmarks/bench_scaling.py --sizes tiny --repeats 9

An exponent of 1 is time in proportion. Below it, costs that come once are shared by more work, as by the members of a
pack; above it, something grows that should not.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import measuring
import numpy as np
from measuring import REPORTS, Figure, Options
from peers import EPOCHS, Size, ensemble_of, made_rows, network_of

from finnet.reporting.canvas import BAD, GOOD, GUIDE, INK, PALE, EndLabel, canvas, label_ends, plain_ticks, to_svg

Curve = tuple[np.ndarray, np.ndarray]  # counts, and seconds of each
AXES = ("rows", "epochs", "members")
COLORS = dict(zip(("tiny", "small", "medium", "large"), (PALE, GOOD, BAD, INK), strict=True))
# Steps of one epoch that the count of 1 stands for, so that the smallest run is long enough to be timed.
STEPS = {"tiny": 600, "small": 250, "medium": 25, "large": 1}


def run(axis: str, size: Size, count: int, *, rows: tuple[np.ndarray, np.ndarray]) -> Callable[[], object]:
    """A fit with that many rows, epochs or members."""
    epochs = count if axis == "epochs" else EPOCHS
    if axis == "rows":
        rows = rows[0][:count], rows[1][:count]
    if axis == "members":
        return lambda: ensemble_of(size, count, epochs=epochs).fit(*rows)
    return lambda: network_of(size, epochs=epochs).fit(*rows)


def curve(axis: str, name: str, size: Size, asked: Options) -> Curve:
    unit = size.batch * (size.steps if asked.quick else STEPS[name])
    doubled = np.array([1, 2] if asked.quick else [1, 2, 4, 8, 16, 32])
    counts = unit * doubled if axis == "rows" else doubled
    rows = made_rows(counts[-1] if axis == "rows" else unit, size.features)
    times = measuring.interleaved(
        {str(count): run(axis, size, count, rows=rows) for count in counts.tolist()}, rounds=asked.repeats
    )
    return counts, np.array([np.median(seconds) for seconds in times.values()])


def exponent(counts: np.ndarray, seconds: np.ndarray) -> float:
    """Slope of the straight line nearest to the curve on logarithmic axes."""
    return float(np.polyfit(np.log(counts), np.log(seconds), 1)[0])


def picture(curves: Mapping[tuple[str, str], Curve]) -> str:
    """A panel per axis, one above the other, a line per size; gray lines have slope 1."""
    with canvas(8.0) as figure:
        for axis, axes in zip(AXES, figure.subplots(len(AXES)), strict=True):
            own = {size: points for (name, size), points in curves.items() if name == axis}
            draw(axes, axis, own)
        return to_svg(figure)


def draw(axes, axis: str, curves: Mapping[str, Curve]) -> None:
    axes.set(xscale="log", yscale="log", xlabel=axis, title=f"CPU seconds against {axis}")
    for size, (counts, seconds) in curves.items():
        axes.plot(counts, seconds[0] * counts / counts[0], color=GUIDE, linewidth=1, zorder=1)
        axes.plot(counts, seconds, color=COLORS[size], marker="o", markersize=3, label=size)
    if axis != "rows":
        axes.set_xticks(next(iter(curves.values()))[0])
    axes.xaxis.set_major_formatter(plain_ticks())
    axes.yaxis.set_major_formatter(plain_ticks())
    axes.minorticks_off()
    ends = [EndLabel(seconds[-1], size, COLORS[size]) for size, (_, seconds) in curves.items()]
    label_ends(axes, ends, gap=0.1)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=3)
    curves = {(axis, name): curve(axis, name, asked.sizes[name], asked) for axis, name in product(AXES, asked.sizes)}
    results = {name: {axis: np.array([exponent(*curves[axis, name])]) for axis in AXES} for name in asked.sizes}
    figures = [Figure(f"exponent of {axis}", lambda found, axis=axis: found[axis]) for axis in AXES]
    text = (
        "# Growth of training time\n\n"
        f"CPU time of one thread, medians of {asked.repeats} interleaved rounds, every count doubled from 1 to 32 times"
        f" the smallest, {measuring.versions()}. Made by `python tests/benchmarks/bench_scaling.py`. An exponent of 1"
        " is time in proportion; gray lines show it.\n\n![CPU time against rows, epochs and members](scaling.svg)\n\n"
        f"{measuring.sizes_in_words()}\n\n{measuring.table(figures, results)}"
    )
    drawn = picture(curves)
    measuring.publish("scaling", text, asked)
    if asked.is_full:
        (REPORTS / "scaling.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
