"""OutcomesAnalysis: whether forecasts of new rows came true as they said, and as well as those of the run did."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from finnet.evaluation.calibration import calibration_table, coverage_table, jeffreys_interval
from finnet.evaluation.cases import Cases, paired_cases
from finnet.evaluation.clusters import design_effect, design_effects
from finnet.evaluation.metrics import metric_named
from finnet.evaluation.scores import default_metrics, score
from finnet.forecasts import Forecasts
from finnet.targets import target_named
from finnet.types import FloatArray

__all__ = ["OutcomesAnalysis", "outcomes_analysis"]

_NORMAL = 1.959963984540054  # the 97.5 % quantile of the normal distribution


@dataclass(frozen=True, eq=False, kw_only=True)
class OutcomesAnalysis:
    """What came true of forecasts.

    Parameters
    ----------
    kind : str
        Of the forecasts.
    n : int
        Forecasts whose truth is known.
    forecast, observed, low, high : float
        Mean forecast and mean truth with its 95 % interval (Jeffreys of rates, normal of numbers); NaN for quantiles.
    gap_chance : float
        Two-sided p-value of mean forecast against mean truth, where forecasts are right on average; NaN for quantiles.
    scores : DataFrame
        `metric`, `value`, `low`, `high` now, and `run_value`, `run_low`, `run_high` out of sample in the run.
    headline : str
        The metric that says whether forecasts have become worse.
    worse_chance : float
        One-sided p-value of a headline as much worse as now; NaN where there are too few units for an interval.
    bins : DataFrame
        `bin`, `n`, `forecast`, `observed`, `low`, `high`: of probabilities in bins, of quantiles by level; else empty.
    months : DataFrame
        `month` of issue, `n`, `forecast`, `observed`, `low`, `high`, `headline`; empty without dates.
    n_clients, effective_n : int, float, optional
        Clients whose loans these are, and how many independent loans would say as much about the mean; None where each
        loan is by itself.
    """

    kind: str
    n: int
    forecast: float
    observed: float
    low: float
    high: float
    gap_chance: float
    scores: pd.DataFrame
    headline: str
    worse_chance: float
    bins: pd.DataFrame
    months: pd.DataFrame
    n_clients: int | None = None
    effective_n: float | None = None


def outcomes_analysis(
    forecasts: Forecasts, before: Mapping[str, Mapping[str, float]], *, seed: int = 0
) -> OutcomesAnalysis:
    """What came true of one model's forecasts beside what it scored in its run.

    Where entities are forecast once, as loans are, rows are taken as independent, or as many fewer as the luck that
    loans of one client share leaves (`finnet.evaluation.clusters`); else sessions are, one in each horizon, since
    outcomes of neighbors overlap. Months have intervals of their own rows alone.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; those whose truth is not known are left out.
    before : mapping of metric to mapping
        `value`, `low` and `high` of the run.
    seed : int
        Of the intervals' draws.

    Raises
    ------
    DataError
        Where no truth is known.

    Examples
    --------
    >>> risk = np.linspace(0.01, 0.99, 300)
    >>> rows = {"model": "network", "fold": -1, "entity": np.arange(300).astype(str), "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": risk, "truth": (np.random.default_rng(0).random(300) < risk) * 1.0}
    >>> before = {"auc": {"value": 0.9, "low": 0.85, "high": 0.95}}
    >>> found = outcomes_analysis(Forecasts.from_rows(rows, run_id="demo"), before)
    >>> found.n, round(found.forecast, 2), round(found.observed, 2), found.gap_chance > 0.05
    (300, 0.5, 0.47, True)
    """
    cases = paired_cases(forecasts)
    target = target_named(str(forecasts.table["target"].iloc[0]), cases.kind)
    headline = target.headline[0]
    names = [name for name in default_metrics(forecasts) if name in before]
    scores = _scores(score(forecasts, names, seed=seed) if names else pd.DataFrame(), before)
    shape = "quantile" if cases.kind == "quantile" else "rate"
    known = forecasts.table[forecasts.table["truth"].notna()]
    # Rows of one session share its shocks, and outcomes of neighboring sessions overlap; loans are each by themselves.
    is_once = known["entity"].nunique() == len(known)
    units = float(len(known)) if is_once else max(cases.n_units / cases.horizon, 1.0)
    if shape == "rate":
        units /= design_effect(cases.truth - cases.values[:, 0], cases.clusters)
    middle = _mean_gap(cases, units) if shape == "rate" else _NO_MEAN_GAP
    return OutcomesAnalysis(
        kind=cases.kind,
        n=len(cases.truth),
        **middle,
        scores=scores,
        headline=headline,
        worse_chance=_worse_chance(scores, headline),
        bins=_bins(forecasts, cases.kind),
        months=_months(cases, headline) if shape == "rate" and cases.is_dated else pd.DataFrame(),
        n_clients=None if cases.group is None else int(cases.group.max()) + 1,
        effective_n=None if cases.group is None or shape != "rate" else units,
    )


_NO_MEAN_GAP = dict.fromkeys(("forecast", "observed", "low", "high", "gap_chance"), float("nan"))


def _mean_gap(cases: Cases, units: float) -> dict[str, float]:
    """Mean forecast and mean truth; the variance of their gap is that of `units` independent rows."""
    truth, forecast = cases.truth, cases.values[:, 0]
    low, high = _interval(truth, units, is_rate=cases.kind == "probability")
    # Under the hypothesis that forecasts are right an event has the variance p (1 - p); of numbers the errors tell it.
    spread = forecast * (1 - forecast) if cases.kind == "probability" else (truth - forecast) ** 2
    error = np.sqrt(max(float(spread.mean()), 1e-300) / units)
    gap = float(truth.mean() - forecast.mean())
    return {
        "forecast": float(forecast.mean()),
        "observed": float(truth.mean()),
        "low": low,
        "high": high,
        "gap_chance": float(2 * stats.norm.sf(abs(gap) / error)) if cases.kind != "score" else float("nan"),
    }


def _interval(truth: FloatArray, units: float, *, is_rate: bool) -> tuple[float, float]:
    mean = float(truth.mean())
    if is_rate:
        low, high = jeffreys_interval(np.array([mean * units]), np.array([units]))
        return float(low[0]), float(high[0])
    half = _NORMAL * float(truth.std()) / np.sqrt(units)
    return mean - half, mean + half


def _scores(now: pd.DataFrame, before: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    columns = ["metric", "value", "low", "high", "run_value", "run_low", "run_high"]
    if now.empty:
        return pd.DataFrame(columns=columns)
    known = pd.DataFrame([before[name] for name in now["metric"]])[["value", "low", "high"]].astype(float)
    return now.assign(**{f"run_{name}": known[name].to_numpy() for name in known})[columns]


def _worse_chance(scores: pd.DataFrame, headline: str) -> float:
    """Chance of a headline so much worse, of two normal estimates whose errors are those of their intervals."""
    row = scores[scores["metric"] == headline]
    if row.empty:
        return float("nan")
    now, then = row[["value", "low", "high"]].to_numpy()[0], row[["run_value", "run_low", "run_high"]].to_numpy()[0]
    error = float(np.hypot(now[2] - now[1], then[2] - then[1])) / (2 * _NORMAL)
    fall = float(then[0] - now[0]) * (1 if metric_named(headline).higher_is_better else -1)
    return float(stats.norm.sf(fall / error)) if error > 0 else float("nan")


def _bins(forecasts: Forecasts, kind: str) -> pd.DataFrame:
    if kind == "probability":
        return calibration_table(forecasts).drop(columns="model")
    if kind == "quantile":
        table = coverage_table(forecasts).drop(columns="model").rename(columns={"level": "forecast"})
        return table.assign(bin=np.arange(1, len(table) + 1))
    return pd.DataFrame()


def _months(cases: Cases, headline: str) -> pd.DataFrame:
    metric, is_rate, values = metric_named(headline), cases.kind == "probability", cases.values[:, 0]
    months, number = np.unique(cases.issued.astype("datetime64[M]"), return_inverse=True)
    spread = np.sqrt(values * (1 - values)) if is_rate else np.ones(len(values))
    effects = design_effects(cases.truth - values, spread, cell=number, cluster=cases.group)
    rows = []
    for place, month in enumerate(months):
        truth, forecast = cases.truth[number == place], values[number == place]
        low, high = _interval(truth, len(truth) / float(effects[place]), is_rate=is_rate)
        # A panel metric needs sessions, R2 a naive forecast, and the AUC both classes.
        is_told = metric.kind == "row" and not metric.against_naive and len(np.unique(truth)) > 1
        value = metric.function(truth, forecast) if is_told else float("nan")
        row = {
            "month": str(month),
            "n": len(truth),
            "forecast": float(forecast.mean()),
            "observed": float(truth.mean()),
        }
        rows.append({**row, "low": low, "high": high, "headline": float(value)})
    return pd.DataFrame(rows)
