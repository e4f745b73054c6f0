"""Segments of a loan book: how well each part of it was forecast, and which parts are weak."""

import numpy as np
import pandas as pd

from finnet.checks import require_choice
from finnet.errors import DataError
from finnet.evaluation.calibration import jeffreys_interval
from finnet.evaluation.clusters import design_effects
from finnet.evaluation.metrics import log_losses
from finnet.evaluation.significance import holm
from finnet.forecasts import Forecasts
from finnet.lending.cutoff import known_loans
from finnet.lending.fairness import FEWEST_DEFAULTS, FEWEST_LOANS
from finnet.lending.rates import auc_covariance, auc_estimate, gap_estimate, mean_estimate
from finnet.lending.resampling import loan_units, luck_units
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["PERIODS", "application_periods", "segment_table", "vintage_table", "weak_segments"]

PERIODS = {"month": "M", "quarter": "Q", "year": "Y"}
"""Periods of application by name, as pandas calls them."""


def application_periods(forecasts: Forecasts, period: str = "quarter") -> "pd.Series[str]":
    """The month, quarter or year in which each loan was applied for, such as "2019Q3", indexed by loan.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": 0.1, "issued_at": ["2019-07-01", "2020-01-05"]}
    >>> application_periods(Forecasts.from_rows(rows, run_id="demo")).to_dict()
    {'A': '2019Q3', 'B': '2020Q1'}
    """
    require_choice(period, PERIODS, name="period")
    if not forecasts.is_dated:
        raise DataError("loans have no dates of application, so no periods; leave period out")
    loans = forecasts.table.drop_duplicates("entity")
    names = loans["issued_at"].dt.to_period(PERIODS[period]).astype(str)
    return pd.Series(names.to_numpy(object), index=loans["entity"].to_numpy(object), name=period)


def segment_table(
    forecasts: Forecasts,
    segments: pd.DataFrame,
    *,
    clients: "pd.Series[int] | None" = None,
    scores: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """How well the loans of each segment were forecast, all loans first.

    Two questions are asked of each segment that is not small: does it default as often as forecast (`gap_estimate`),
    and does the AUC within it equal that among all other loans? Their p-values are adjusted together, by Holm 1979, so
    that a book without a weak segment shows one in at most 5 % of cases. Intervals are not adjusted; they take loans as
    independent, those of one client not.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; only loans whose outcome is known count.
    segments : DataFrame of shape (n_loans, n_ways)
        A column for each way to divide loans, the segment of each loan in words, indexed by loan.
    clients : Series of shape (n_loans,), optional
        Number of the client, indexed by loan.
    scores : DataFrame, optional
        Of `finnet.evaluation.scores.score`: the log loss and AUC of all loans are then those of this model in it, so
        that no figure has two intervals. Without it they are estimated as those of segments are.

    Returns
    -------
    DataFrame
        column ("" for all loans), segment, loans, defaults, observed (default rate), forecast (mean); log_loss, auc
        and gap (observed less forecast), each with _low and _high; auc_elsewhere; p_gap and p_auc, adjusted, NaN where
        a segment is small or holds all loans; is_small.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> risk, name = rng.uniform(0.05, 0.3, 2000), np.arange(2000).astype(str)
    >>> truth = (rng.random(2000) < np.where(np.arange(2000) < 500, 2 * risk, risk)).astype(float)
    >>> rows = {"model": "network", "fold": 0, "entity": name, "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": risk, "truth": truth}
    >>> region = pd.DataFrame({"region": np.repeat(["north", "south"], [500, 1500])}, index=name)
    >>> table = segment_table(Forecasts.from_rows(rows, run_id="demo"), region)
    >>> table[["segment", "loans", "gap"]].round(2).to_numpy().tolist(), (table["p_gap"] < 0.05).tolist()
    ([['All loans', 2000, 0.04], ['north', 500, 0.17], ['south', 1500, -0.0]], [False, True, False])
    """
    loans = known_loans(forecasts)
    missing = ~loans["entity"].isin(segments.index)
    if missing.any():
        raise DataError(f"segments lack loan {loans.loc[missing, 'entity'].iloc[0]!r}; give a row for every loan")
    unit = loan_units(loans, clients)
    total = _figures(loans, unit, np.ones(len(loans), bool)) | _as_scored(scores, forecasts.models[0])
    rows = [{"column": "", "segment": "All loans", **total}]
    for column in segments:
        names = pd.Categorical(segments[column].reindex(loans["entity"])).remove_unused_categories()
        for number, name in enumerate(names.categories):
            figures = _figures(loans, unit, np.asarray(names.codes == number))
            rows.append({"column": str(column), "segment": str(name), **figures})
    table = pd.DataFrame(rows)
    # All loans are no segment, and take no part in the correction; a copy, as pandas may give a read-only view.
    raw = table[["p_gap", "p_auc"]].to_numpy(float, copy=True)
    raw[0] = np.nan
    raw[np.isfinite(raw)] = holm(raw[np.isfinite(raw)])
    return table.assign(p_gap=raw[:, 0], p_auc=raw[:, 1])


def _as_scored(scores: pd.DataFrame | None, model: str) -> dict[str, float]:
    """Log loss and AUC of a model with their intervals as its run scored them; nothing without scores."""
    if scores is None:
        return {}
    own = scores[(scores["model"] == model) & scores["metric"].isin(["log_loss", "auc"])]
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{row['metric']}{end}": float(row[name]) for _, row in own.iterrows() for end, name in ends.items()}


def _figures(loans: pd.DataFrame, unit: IntArray, rows: BoolArray) -> dict[str, float]:
    truth, value, share = (loans[name].to_numpy(float) for name in ("truth", "value", "share"))
    y, p, u = truth[rows], value[rows], unit[rows]
    # All other loans, not all loans, which the segment is a part of; the two share clients at most.
    loss, (gap, p_gap) = mean_estimate(log_losses(y, p), u), gap_estimate(y, p, u)
    area, elsewhere = auc_estimate(y, p, u), auc_estimate(truth[~rows], value[~rows], unit[~rows])
    shared = auc_covariance(truth, value, unit, is_own=rows)
    n, defaults = float(share[rows].sum()), float((share[rows] * y).sum())
    # What is expected counts too: a segment in which nobody defaulted although many should have is no small one.
    is_small = n < FEWEST_LOANS or max(defaults, float((share[rows] * p).sum())) < FEWEST_DEFAULTS
    return {
        "loans": round(n),
        "defaults": round(defaults),
        "observed": float(y.mean()),
        "forecast": float(p.mean()),
        "log_loss": loss.value,
        "log_loss_low": loss.low,
        "log_loss_high": loss.high,
        "auc": area.value,
        "auc_low": max(area.low, 0.0),
        "auc_high": min(area.high, 1.0),
        "auc_elsewhere": elsewhere.value,
        "gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "p_gap": float("nan") if is_small or rows.all() else p_gap,
        "p_auc": float("nan") if is_small or defaults < FEWEST_DEFAULTS else area.p_value(elsewhere, shared),
        "is_small": is_small,
    }


def weak_segments(table: pd.DataFrame, *, level: float = 0.05) -> pd.DataFrame:
    """The segments of a `segment_table` whose risk is forecast too low or too high, or told apart worse than elsewhere.

    Parameters
    ----------
    table : DataFrame of shape (n_segments + 1, n_columns)
        As `segment_table` gives it.
    level : float
        Of the adjusted p-values.

    Returns
    -------
    DataFrame
        The rows of the table with a column `weakness` ("too low", "too high" or "ranking"), the surest first; a
        segment may stand twice.

    Examples
    --------
    >>> row = {"segment": "north", "gap": 0.16, "auc": 0.6, "auc_elsewhere": 0.7, "p_gap": 0.001, "p_auc": 0.2}
    >>> weak_segments(pd.DataFrame([row]))[["segment", "weakness"]].to_numpy().tolist()
    [['north', 'too low']]
    """
    off, blurred = table["p_gap"] < level, (table["p_auc"] < level) & (table["auc"] < table["auc_elsewhere"])
    wrong = table[off].assign(
        weakness=np.where(table.loc[off, "gap"] > 0, "too low", "too high"), p=table.loc[off, "p_gap"]
    )
    unsorted = table[blurred].assign(weakness="ranking", p=table.loc[blurred, "p_auc"])
    return pd.concat([wrong, unsorted]).sort_values("p", kind="stable").drop(columns="p").reset_index(drop=True)


def vintage_table(
    forecasts: Forecasts, period: str = "quarter", *, clients: "pd.Series[int] | None" = None
) -> pd.DataFrame:
    """Observed beside forecast default rate of the loans applied for in each period, oldest first.

    Parameters
    ----------
    clients : Series of shape (n_loans,), optional
        Number of the client, indexed by loan.

    Returns
    -------
    DataFrame
        vintage, loans, defaults, forecast (mean), observed, low and high (95 %, Jeffreys, of as many independent loans
        as `finnet.evaluation.clusters.design_effects` leaves where clients have several).

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.1, 0.3, 0.2], "truth": [0.0, 1.0, 0.0],
    ...         "issued_at": ["2019-07-01", "2019-08-01", "2020-01-05"]}
    >>> vintage_table(Forecasts.from_rows(rows, run_id="demo"))[["vintage", "loans", "forecast", "observed"]]
      vintage  loans  forecast  observed
    0  2019Q3      2       0.2       0.5
    1  2020Q1      1       0.2       0.0
    """
    loans = known_loans(forecasts)
    names = loans["entity"].map(application_periods(forecasts, period))
    weights = loans.assign(defaults=loans["share"] * loans["truth"], forecast=loans["share"] * loans["value"])
    sums = weights.groupby(names)[["share", "defaults", "forecast"]].sum().sort_index()
    n, bad = sums["share"].to_numpy(float), sums["defaults"].to_numpy(float)
    truth, value, share = (loans[name].to_numpy(float) for name in ("truth", "value", "share"))
    effect = design_effects(
        truth - value,
        np.sqrt(value * (1.0 - value)),
        cell=np.searchsorted(sums.index, names),
        cluster=luck_units(loans, clients),
        weight=share,
    )
    low, high = jeffreys_interval(bad / effect, n / effect)
    rates: dict[str, FloatArray] = {
        "loans": np.rint(n).astype(int),
        "defaults": np.rint(bad).astype(int),
        "forecast": sums["forecast"].to_numpy(float) / n,
        "observed": bad / n,
        "low": low,
        "high": high,
    }
    return pd.DataFrame({"vintage": sums.index.astype(str), **rates})
