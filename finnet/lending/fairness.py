"""Fairness: how a cut-off treats groups of applicants, and how well their risk is forecast."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.evaluation.calibration import jeffreys_interval
from finnet.evaluation.clusters import design_effects
from finnet.evaluation.significance import holm
from finnet.forecasts import Forecasts
from finnet.lending.cutoff import known_loans
from finnet.lending.groups import MISSING
from finnet.lending.rates import FEWEST_TESTED, auc_estimate, equal_rates, gap_estimate
from finnet.lending.resampling import DRAWS, loan_units, luck_units, middle, resampled_cells
from finnet.types import BoolArray, FloatArray, IntArray

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
    none in any sample, and those of ratios no narrower than Jeffreys' of the group over the reference's rate. Jeffreys'
    are those of as many independent loans as `finnet.evaluation.clusters.design_effects` leaves where clients have
    several. Equal approval rates, of all loans and of those that were repaid, are tested by
    `finnet.lending.rates.equal_rates`.

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
        approved), opportunity and ratio, each with _low and _high; forecast_bad_rate (mean forecast among the approved,
        NaN without any); forecast (mean) and observed (default rate) with observed_low and observed_high (Jeffreys);
        gap (observed less forecast) with gap_low and gap_high; auc with auc_low and auc_high; p_value (of an approval
        rate equal to that of the reference) and p_holm (adjusted over all groups of the table), both NaN for references
        and groups of fewer than 30 loans; opportunity_p and opportunity_p_holm, the same of the opportunity, by loans
        that were repaid; is_reference, is_small.

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
    loans = loans.assign(approved=loans["value"] <= cutoff, unit=loan_units(loans, clients))
    cluster = luck_units(loans, clients)
    parts = []
    for name in groups:
        group = pd.Categorical(groups[name].reindex(loans["entity"]))
        group = group.remove_unused_categories()
        parts.append(_table_of(str(name), loans, group, cluster=cluster, draws=draws, seed=seed))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(p_holm=_adjusted(table["p_value"]), opportunity_p_holm=_adjusted(table["opportunity_p"]))


def _adjusted(p_values: "pd.Series[float]") -> FloatArray:
    """After Holm's correction for all that were tested; NaN for the others."""
    p = np.array(p_values, float)
    known = ~np.isnan(p)
    if known.any():
        p[known] = holm(p[known])
    return p


def _table_of(
    column: str,
    loans: pd.DataFrame,
    group: pd.Categorical,
    *,
    cluster: IntArray | None,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    truth, approved, share = (loans[name].to_numpy(float) for name in ("truth", "approved", "share"))
    code, n_groups, unit = np.asarray(group.codes, int), len(group.categories), loans["unit"].to_numpy(int)
    effects = _effects(loans, code, cluster)
    # Each group has four cells, approved or not and defaulted or not; all rates are sums over cells.
    cell = 4 * code + 2 * approved.astype(int) + truth.astype(int)
    counts: FloatArray = np.bincount(cell, share, minlength=4 * n_groups)[None, :].astype(float)
    drawn = resampled_cells(cell, unit, n_cells=4 * n_groups, weight=share, draws=draws, seed=seed)
    sizes = counts.reshape(n_groups, 4).sum(axis=1)
    known = np.array([name != MISSING for name in group.categories])
    # Loans whose group is not known are nobody to be compared with.
    reference = int(np.where(known, sizes, -1).argmax())
    defaults = counts.reshape(n_groups, 2, 2)[:, :, 1].sum(axis=1)
    is_reference = np.arange(n_groups) == reference
    rates, spread, alone = _rates(counts, reference), _rates(drawn, reference), _jeffreys(counts, reference, effects)
    observed_low, observed_high = jeffreys_interval(defaults / effects["observed"], sizes / effects["observed"])
    table = pd.DataFrame(
        {
            "column": column,
            "group": list(group.categories),
            "loans": np.rint(sizes).astype(int),
            "defaults": np.rint(defaults).astype(int),
        }
    )
    for name in rates:
        (low, high), (least, most) = middle(spread[name]), alone[name]
        ends = {f"{name}_low": np.fmin(low, least), f"{name}_high": np.fmax(high, most)}
        table = table.assign(**{name: rates[name][0], **ends})
    own = [_forecast(loans[code == number]) for number in range(n_groups)]
    table = table.assign(observed=defaults / sizes, observed_low=observed_low, observed_high=observed_high)
    repaid = truth == 0
    return table.join(pd.DataFrame(own)).assign(
        p_value=_p_values(loans, code, reference, n_groups=n_groups),
        opportunity_p=_p_values(loans[repaid], code[repaid], reference, n_groups=n_groups),
        is_reference=is_reference,
        is_small=(sizes < FEWEST_LOANS) | (defaults < FEWEST_DEFAULTS),
    )


def _p_values(loans: pd.DataFrame, code: IntArray, reference: int, *, n_groups: int) -> list[float]:
    """Of an approval rate equal to the reference's, group by group; NaN of the reference and where either is small."""
    approved, share = (loans[name].to_numpy(float) for name in ("approved", "share"))
    unit, sizes = loans["unit"].to_numpy(int), np.bincount(code, share, minlength=n_groups)
    p_values = []
    for number in range(n_groups):
        is_tested = number != reference and min(sizes[[number, reference]]) >= FEWEST_TESTED
        rows = (code == number) | (code == reference)
        p = equal_rates(approved[rows], code[rows] == number, unit[rows], weight=share[rows]) if is_tested else np.nan
        p_values.append(p)
    return p_values


def _effects(loans: pd.DataFrame, code: IntArray, cluster: IntArray | None) -> dict[str, FloatArray]:
    """By what luck that a client's loans share divides the loans of each group under each rate, (n_groups,) each."""
    truth, value, share = (loans[name].to_numpy(float) for name in ("truth", "value", "share"))
    approved, n_groups = loans["approved"].to_numpy(float), int(code.max()) + 1

    def effect(happened: FloatArray, expected: FloatArray, rows: BoolArray) -> FloatArray:
        found = np.ones(n_groups)
        # Groups without a row, such as those of which nobody is approved, have no rate.
        known, cell = np.unique(code[rows], return_inverse=True)
        if len(known):
            p, of, weight = expected[rows], None if cluster is None else cluster[rows], share[rows]
            spread = np.sqrt(p * (1.0 - p))
            found[known] = design_effects(happened[rows] - p, spread, cell=cell, cluster=of, weight=weight)
        return found

    def approval(rows: BoolArray) -> FloatArray:
        # The rate of all these loans, as that of a group of which everybody is approved would know no spread.
        rate = float(share[rows] @ approved[rows]) / max(float(share[rows].sum()), 1.0)
        return effect(approved, np.full(len(loans), rate), rows)

    everyone = np.ones(len(loans), bool)
    return {
        "observed": effect(truth, value, everyone),
        "approval_rate": approval(everyone),
        "bad_rate": effect(truth, value, approved > 0),
        "opportunity": approval(truth == 0),
    }


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


def _jeffreys(
    counts: FloatArray, reference: int, effects: Mapping[str, FloatArray]
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Least and greatest end of the interval of each rate, and of the ratio to the reference's rate, (n_groups,) each.

    A group without a default has none in any sample, and its draws alone would seem certain; so with approvals.
    """
    ends = {
        name: jeffreys_interval(part[0] / effects[name], whole[0] / effects[name])
        for name, (part, whole) in _parts(counts).items()
    }
    base = _rates(counts, reference)["approval_rate"][0, reference]
    is_reference = np.arange(len(ends["approval_rate"][0])) == reference
    low, high = (np.where(is_reference, 1.0, _over(end, base)) for end in ends["approval_rate"])
    return {**ends, "ratio": (low, high)}


def _over(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(part / np.where(whole > 0, whole, np.nan))


def _forecast(loans: pd.DataFrame) -> dict[str, float]:
    """Mean forecast of a group and of its approved loans, and how its forecasts came true."""
    truth, value, share = (loans[name].to_numpy(float) for name in ("truth", "value", "share"))
    approved, unit = share * loans["approved"].to_numpy(float), loans["unit"].to_numpy()
    gap, area = gap_estimate(truth, value, unit)[0], auc_estimate(truth, value, unit)
    return {
        "forecast": float(np.average(value, weights=share)),
        "forecast_bad_rate": float(np.average(value, weights=approved)) if approved.any() else float("nan"),
        "gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "auc": area.value,
        # The normal interval of an AUC near 1 may reach beyond it.
        "auc_low": max(area.low, 0.0),
        "auc_high": min(area.high, 1.0),
    }
