"""Fairness: how a cut-off treats groups of applicants, and how well their risk is forecast."""

import numpy as np
import pandas as pd
from scipy import stats

from finnet.errors import DataError
from finnet.evaluation.calibration import jeffreys_interval
from finnet.evaluation.significance import holm
from finnet.forecasts import Forecasts
from finnet.lending.cutoff import known_loans
from finnet.lending.groups import MISSING
from finnet.lending.rates import auc_estimate, gap_estimate
from finnet.lending.resampling import DRAWS, loan_units, middle, resampled_cells
from finnet.types import FloatArray, IntArray

__all__ = ["FEWEST_DEFAULTS", "FEWEST_LOANS", "fairness_table"]

FEWEST_LOANS, FEWEST_DEFAULTS = 100, 10
"""Groups with fewer are marked as small: their figures say little."""


def fairness_table(
    forecasts: Forecasts,
    groups: pd.DataFrame,
    *,
    cutoff: float | FloatArray,
    clients: "pd.Series[int] | None" = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """How each group fares at a cut-off or at cut-offs by loan, and how its forecasts came true.

    The adverse-impact ratio is the approval rate of a group over that of the reference, the largest group of its column
    (Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D, compare with the best treated group; the
    largest is not chosen by its outcome, so that equal groups have a ratio of 1 on average). Equal opportunity is the
    approval rate among loans that were repaid (Hardt, Price & Srebro 2016). Intervals hold the middle 95 % of bootstrap
    samples of loans, or of clients; those of rates are no narrower than Jeffreys', since a group without a default has
    none in any sample.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; only loans whose outcome is known count.
    groups : DataFrame of shape (n_loans, n_ways)
        A column for each way to divide loans, the group of each loan in words, indexed by loan.
    cutoff : float or ndarray of shape (n_forecasts,)
        Loans whose forecast lies at or below it are approved; one for all, or one for each row of `known_loans`.
    clients : Series of shape (n_loans,), optional
        Number of the client, indexed by loan.

    Returns
    -------
    DataFrame
        A row for each group of each column: column, group, loans, defaults; approval_rate, bad_rate (defaults among the
        approved), opportunity and ratio, each with _low and _high; forecast (mean) and observed (rate of default) with
        observed_low and observed_high (Jeffreys); gap (observed less forecast) with gap_low and gap_high; auc with
        auc_low and auc_high; p_value (of equal approval rates, by the bootstrap's spread) and p_holm (adjusted over all
        groups of the table), both NaN for references and groups of fewer than 100 loans; is_reference, is_small.

    Raises
    ------
    DataError
        Where a loan has no group.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": list("ABCDEFG"), "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.1, 0.1, 0.1, 0.3, 0.1, 0.3, 0.3],
    ...         "truth": [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]}
    >>> groups = pd.DataFrame({"sex": ["men"] * 4 + ["women"] * 3}, index=list("ABCDEFG"))
    >>> table = fairness_table(Forecasts.from_rows(rows, run_id="demo"), groups, cutoff=0.2, draws=50)
    >>> table[["group", "loans", "approval_rate", "ratio", "opportunity"]].round(3)
       group  loans  approval_rate  ratio  opportunity
    0    men      4          0.750  1.000          1.0
    1  women      3          0.333  0.444          0.5
    """
    loans = known_loans(forecasts)
    missing = ~loans["entity"].isin(groups.index)
    if missing.any():
        raise DataError(f"groups lack loan {loans.loc[missing, 'entity'].iloc[0]!r}; give a row for every loan")
    loans = loans.assign(approved=loans["value"] <= cutoff)
    unit = loan_units(loans, clients)
    parts = []
    for name in groups:
        group = pd.Categorical(groups[name].reindex(loans["entity"]))
        group = group.remove_unused_categories()
        parts.append(_table_of(str(name), loans, group, unit=unit, draws=draws, seed=seed))
    table = pd.concat(parts, ignore_index=True)
    known = table["p_value"].notna().to_numpy()
    table["p_holm"] = np.nan
    if known.any():
        table.loc[known, "p_holm"] = holm(table.loc[known, "p_value"].to_numpy())
    return table


def _table_of(
    column: str, loans: pd.DataFrame, group: pd.Categorical, *, unit: IntArray, draws: int, seed: int
) -> pd.DataFrame:
    truth, value, share = (loans[name].to_numpy(float) for name in ("truth", "value", "share"))
    code, n_groups = np.asarray(group.codes, int), len(group.categories)
    # Each group has four cells, approved or not and defaulted or not; all rates are sums over cells.
    cell = 4 * code + 2 * loans["approved"].to_numpy(int) + truth.astype(int)
    counts: FloatArray = np.bincount(cell, share, minlength=4 * n_groups)[None, :].astype(float)
    drawn = resampled_cells(cell, unit, n_cells=4 * n_groups, weight=share, draws=draws, seed=seed)
    sizes = counts.reshape(n_groups, 4).sum(axis=1)
    known = np.array([name != MISSING for name in group.categories])
    # Loans whose group is not known are nobody to be compared with.
    reference = int(np.where(known, sizes, -1).argmax())
    defaults = counts.reshape(n_groups, 2, 2)[:, :, 1].sum(axis=1)
    rates, spread, parts = _rates(counts, reference), _rates(drawn, reference), _parts(counts)
    observed_low, observed_high = jeffreys_interval(defaults, sizes)
    table = pd.DataFrame(
        {
            "column": column,
            "group": list(group.categories),
            "loans": np.rint(sizes).astype(int),
            "defaults": np.rint(defaults).astype(int),
        }
    )
    for name in rates:
        ends = middle(spread[name])
        if name in parts:
            # A group without a default has none in any sample, and its draws alone would seem certain.
            low, high = jeffreys_interval(parts[name][0][0], parts[name][1][0])
            ends = np.fmin(ends[0], low), np.fmax(ends[1], high)
        table = table.assign(**{name: rates[name][0], f"{name}_low": ends[0], f"{name}_high": ends[1]})
    table = table.assign(
        forecast=np.bincount(code, share * value, minlength=n_groups) / sizes,
        observed=defaults / sizes,
        observed_low=observed_low,
        observed_high=observed_high,
    )
    own = [_quality(truth[code == number], value[code == number], unit[code == number]) for number in range(n_groups)]
    table = table.join(pd.DataFrame(own))
    is_reference = np.arange(n_groups) == reference
    return table.assign(
        p_value=np.where(is_reference | (sizes < FEWEST_LOANS), np.nan, _p_values(rates, spread, reference)),
        is_reference=is_reference,
        is_small=(sizes < FEWEST_LOANS) | (defaults < FEWEST_DEFAULTS),
    )


def _parts(counts: FloatArray) -> dict[str, tuple[FloatArray, FloatArray]]:
    """How many of how many, from counts of (group, approved, defaulted), shape (draws, n_groups) each."""
    cells = counts.reshape(len(counts), -1, 2, 2)
    approved = cells[:, :, 1].sum(axis=2)
    return {
        "approval_rate": (approved, cells.sum(axis=(2, 3))),
        "bad_rate": (cells[:, :, 1, 1], approved),
        "opportunity": (cells[:, :, 1, 0], cells[:, :, :, 0].sum(axis=2)),
    }


def _rates(counts: FloatArray, reference: int) -> dict[str, FloatArray]:
    """Rates of each group and the ratio of approval, shape (draws, n_groups) each."""
    rates = {name: _over(*parts) for name, parts in _parts(counts).items()}
    approval = rates["approval_rate"]
    return {**rates, "ratio": _over(approval, approval[:, [reference]])}


def _over(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(part / np.where(whole > 0, whole, np.nan))


def _p_values(rates: dict[str, FloatArray], spread: dict[str, FloatArray], reference: int) -> FloatArray:
    """Of equal approval rates: the difference over its spread in the draws, two-sided, by the normal distribution."""
    apart = rates["approval_rate"][0] - rates["approval_rate"][0, reference]
    drawn = spread["approval_rate"] - spread["approval_rate"][:, [reference]]
    error = np.nanstd(drawn, axis=0)
    # Equal rates do not differ, even where the draws leave no spread to divide by.
    z = np.where(apart == 0, 0.0, apart / np.where(error > 0, error, np.nan))
    return np.asarray(2 * stats.norm.sf(np.abs(z)))


def _quality(truth: FloatArray, value: FloatArray, unit: IntArray) -> dict[str, float]:
    # The normal interval of an AUC near 1 may reach beyond it.
    gap, area = gap_estimate(truth, value, unit)[0], auc_estimate(truth, value, unit)
    return {
        "gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "auc": area.value,
        "auc_low": max(area.low, 0.0),
        "auc_high": min(area.high, 1.0),
    }
