"""Size, power and coverage of every paired test, by simulation: `python -m tests.evaluation.size_table`.

Two models are simulated and compared as `compare` does, so that what is measured is what pages say. Losses last
(AR(1) shocks to both models' errors), outcomes overlap (horizon), fits have effects of their own (an offset and a slope
on the log-odds, drawn anew for each fit), and undated rows stand in folds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import expit

from finnet.evaluation.cases import Cases
from finnet.evaluation.metrics import METRICS
from finnet.evaluation.pairs import Pairs

TABLE = Path(__file__).parents[2] / "reports" / "benchmarks" / "significance.md"


@dataclass(frozen=True)
class Design:
    """How forecasts are simulated.

    Parameters
    ----------
    fits, bars : int
        Folds, and sessions (or rows) of each.
    horizon : int
        Sessions that one outcome spans.
    lasting : float
        Autocorrelation, from session to session, of what only one of the models gets wrong.
    fit_effect : float
        Standard deviation of offset and slope that each fit of each model has on its log-odds.
    edge : float
        How much noisier the second model's log-odds are; 0 makes both equally good.
    dated : bool
    metric : str
    """

    fits: int
    bars: int
    horizon: int = 1
    lasting: float = 0.0
    fit_effect: float = 0.0
    edge: float = 0.0
    dated: bool = True
    metric: str = "log_loss"


def made(design: Design, rng: np.random.Generator) -> Cases:
    """Forecasts of two models, "network" and "tree"."""
    n = design.fits * design.bars
    fold = np.repeat(np.arange(design.fits), design.bars)
    known = 0.25 * rng.standard_normal(n + design.horizon)
    path = np.cumsum(np.concatenate([[0.0], known + rng.standard_normal(n + design.horizon)]))
    truth = (path[design.horizon : n + design.horizon] > path[:n]).astype(float)
    values = np.empty((n, 2))
    for model in (0, 1):
        shock = lfilter([np.sqrt(1 - design.lasting**2)], [1, -design.lasting], rng.standard_normal(n + 200))[200:]
        offset, slope = design.fit_effect * rng.standard_normal((2, design.fits))
        odds = offset[fold] + (1 + slope[fold]) * 2 * known[:n] + 0.5 * shock
        values[:, model] = expit(odds + model * design.edge * rng.standard_normal(n))
    start = np.datetime64("1990-01-01", "us") if design.dated else np.datetime64("NaT", "us")
    return Cases(
        models=["network", "tree"],
        values=values,
        truth=truth,
        outcome=truth,
        unit=np.arange(n),
        fold=fold,
        repeat=np.zeros(n, int),
        horizon=design.horizon,
        issued=start + np.arange(n) * np.timedelta64(1, "D"),
        unit_name="session" if design.dated else "row",
        entity=np.arange(n),
    )


def measured(design: Design, draws: int, *, seed: int = 0) -> pd.DataFrame:
    """P-values and intervals of the comparison in each draw."""
    rows = []
    for draw in range(draws):
        cases = made(design, np.random.default_rng([seed, draw]))
        answers = Pairs.of(cases, METRICS[design.metric]).answers("network", "tree")
        test = answers.decisive
        rows.append((answers.forecasts.p_value, answers.fits.p_value, test.p_value, test.low, test.high))
    return pd.DataFrame(rows, columns=["p_forecasts", "p_fits", "p_value", "low", "high"])


def shares(design: Design, draws: int, *, seed: int = 0) -> dict[str, float]:
    """Share of draws in which each answer, and the verdict, calls the models different at 5 %; coverage of zero."""
    table = measured(design, draws, seed=seed)
    names = {"forecasts": "p_forecasts", "fits": "p_fits", "verdict": "p_value"}
    found = {name: float((table[column] < 0.05).mean()) for name, column in names.items()}
    found["fits"] = np.nan if table["p_fits"].isna().all() else found["fits"]
    found["coverage"] = float(((table["low"] <= 0) & (table["high"] >= 0)).mean())
    return found


def designs() -> Iterator[tuple[str, Design]]:
    """Name and design of every row of the table."""
    for horizon in (1, 5, 20):
        for lasting in (0.0, 0.3, 0.6, 0.9):
            yield f"1 fit of 500, horizon {horizon}, lasting {lasting}", Design(1, 500, horizon, lasting)
    for fits in (2, 3, 4):
        yield f"{fits} fits of 250, horizon 5, lasting 0.3", Design(fits, 250, 5, 0.3)
    for fits in (5, 10, 20, 40):
        for effect in (0.0, 0.4):
            yield f"{fits} fits of 250, horizon 5, effects {effect}", Design(fits, 250, 5, 0.3, effect)
    for metric in ("log_loss", "accuracy", "brier", "auc", "mcc", "ks"):
        yield f"10 fits of 250, {metric}", Design(10, 250, 1, 0.3, 0.4, metric=metric)
    for folds, rows in ((1, 300), (2, 400), (5, 200), (10, 100), (25, 40)):
        yield f"undated, {folds} folds of {rows}", Design(folds, rows, dated=False)
    for metric in ("accuracy", "brier", "auc", "mcc", "ks"):
        yield f"undated, 5 folds of 200, {metric}", Design(5, 200, dated=False, metric=metric)


def main(draws: int = 1000) -> None:
    """Write the table."""
    rows = []
    for number, (name, design) in enumerate(designs()):
        size = shares(design, draws, seed=number)
        power = shares(replace(design, edge=0.7), draws // 4, seed=1000 + number)
        rows.append([name, *(_share(size[key]) for key in ("forecasts", "fits", "verdict", "coverage"))])
        rows[-1] += [_share(power[key]) for key in ("forecasts", "fits", "verdict")]
        print(" | ".join(rows[-1]), flush=True)
    TABLE.write_text(_page(rows, draws), encoding="utf-8")


def _share(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def _page(rows: list[list[str]], draws: int) -> str:
    head = [
        "simulated",
        "these forecasts",
        "other fits",
        "verdict",
        "coverage",
        "power: these",
        "other fits",
        "verdict",
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
    error = 100 * np.sqrt(0.05 * 0.95 / draws)
    return f"""# Size and power of the paired tests

`python -m tests.evaluation.size_table` simulates two models and compares them as pages do. Percent of {draws:,} draws
(standard error {error:.1f} at 5 %) in which two equally good models are called different at 5 %: by the test of these
forecasts, by the test over fits (undated: over folds, corrected for shared training rows), and by the verdict's
p-value; how often the 95 % interval covers zero; then how often a true difference is found, in {draws // 4:,} draws.

Where fits have effects of their own, "these forecasts" may well differ, and saying so is no error: only the test over
fits, and the verdict from five fits on, must hold 5 % there. The verdict takes the more careful of two answers, so
where fits have no effects it errs on the side of silence. The place of the widest gap of KS is taken as
known, which makes its tests careful (about 2 %).

{table}
"""


if __name__ == "__main__":
    main()
