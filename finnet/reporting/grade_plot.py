"""The drawing of grades: forecast beside observed default rate."""

import pandas as pd

from finnet.lending.grades import NOT_TESTED
from finnet.reporting.canvas import BAD, GOOD, INK, MUTED, SOFT, canvas, percent_ticks, to_svg

__all__ = ["grade_plot"]

_LOWEST = 1e-4  # the axis is logarithmic, and a rate may be 0
_TICKS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def grade_plot(table: pd.DataFrame) -> str:
    """Mean forecast (dash) and observed default rate (dot, with its 95 % interval) of each grade.

    Parameters
    ----------
    table : DataFrame
        Columns `grade`, `n`, `forecast`, `observed`, `low`, `high`, `finding`; grades without loans are left out.
        Those whose finding is NOT_TESTED are drawn in the color that judges nothing.

    Examples
    --------
    >>> row = {"grade": 1, "n": 90, "forecast": 0.02, "observed": 0.03, "low": 0.01, "high": 0.06, "finding": ""}
    >>> "Grade" in grade_plot(pd.DataFrame([row]))
    True
    """
    rows = table[table["n"] > 0]
    lowest = max(_LOWEST, float(rows[["forecast", "high"]].min().min()) / 4)
    with canvas(3.2) as figure:
        axes = figure.subplots()
        numbers = rows[["grade", "forecast", "observed", "low", "high"]].to_numpy(float)
        for words, (grade, forecast, observed, low, high) in zip(rows["finding"], numbers, strict=True):
            color = MUTED if words == NOT_TESTED else BAD if "too" in words else GOOD
            axes.vlines(grade, max(low, lowest), high, color=color, linewidth=2, alpha=0.6)
            axes.hlines(forecast, grade - 0.3, grade + 0.3, color=INK, linewidth=2)
            if observed > lowest:
                axes.plot(grade, observed, "o", color=color, markersize=6)
        axes.set_yscale("log")
        axes.set_ylim(lowest, min(1.0, 1.5 * float(rows["high"].max())))
        # Fixed ticks, since those of a log axis are powers of ten: two or three for the rates of most books.
        low, high = axes.get_ylim()
        axes.set_yticks([rate for rate in _TICKS if low <= rate <= high])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(percent_ticks())
        axes.grid(axis="y", color=MUTED, alpha=0.25, linewidth=0.6)
        axes.set_xticks(table["grade"])
        axes.set(xlabel="Grade", ylabel="Default rate")
        axes.tick_params(axis="x", labelcolor=SOFT)
        return to_svg(figure)
