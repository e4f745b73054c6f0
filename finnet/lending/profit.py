"""Profit of lending: what every model's own cut-off brings, how sure that is, and how far models lie apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.evaluation.calibration import jeffreys_interval
from finnet.evaluation.clusters import design_effects
from finnet.forecasts import Forecasts
from finnet.lending.by_loan import cutoffs_in_use
from finnet.lending.cutoff import known_loans, outcome_of
from finnet.lending.resampling import DRAWS, loan_units, luck_units, middle, resampled_sums
from finnet.lending.terms import LoanTerms, loan_values
from finnet.types import BoolArray, FloatArray

__all__ = ["expected_loss", "profit_table"]


def profit_table(
    forecasts: Forecasts,
    terms: LoanTerms,
    *,
    subject: str,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
    clients: "pd.Series[int] | None" = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """What lending by each model would have brought, at the cut-off that its own forecasts choose, or loan by loan.

    Intervals of profits hold the middle 95 % of bootstrap samples of loans, of whole clients where they are known; all
    models share the samples. That of the bad rate is Jeffreys', as those of grades are, with an effective number of
    loans where clients share luck (`finnet.evaluation.clusters`) or weights differ (Kish 1965). Models and cut-offs are
    taken as they are: the interval does not say how they would vary with other training loans.

    Parameters
    ----------
    forecasts : Forecasts
        Of all models, on the same loans.
    subject : str
        The model that the others are compared with.
    amount : Series of shape (n_loans,), optional
        Lent amount, indexed by loan; 1 each by default.
    columns : DataFrame, optional
        The columns that the terms name, indexed by loan.
    clients : Series of shape (n_loans,), optional
        Number of the client, indexed by loan, as `LoanBook.group` has it.

    Returns
    -------
    DataFrame
        One row per model, the subject first: model, cutoff (NaN where terms decide loan by loan), n (approved),
        approval_rate, bad_rate with bad_low and bad_high, forecast_bad_rate, expected_profit, profit with low and high,
        difference (of the subject's profit over this model's) with difference_low and difference_high; NaN for the
        subject.

    Raises
    ------
    DataError
        Where models have different loans, or a loan lacks what the terms need.

    Examples
    --------
    >>> rows = {"fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12, "kind": "probability",
    ...         "truth": [0.0, 0.0, 1.0]}
    >>> values = {"network": [0.02, 0.05, 0.4], "tree": [0.02, 0.4, 0.05]}
    >>> parts = [Forecasts.from_rows({**rows, "model": name, "value": values[name]}, run_id="demo") for name in values]
    >>> table = profit_table(Forecasts.concat(parts), LoanTerms(0.05, 0.45), subject="network")
    >>> table[["model", "n", "profit", "difference"]].round(2)
         model  n  profit  difference
    0  network  2     0.1         NaN
    1     tree  2    -0.4         0.5
    """
    models = [subject, *(name for name in forecasts.models if name != subject)]
    loans = known_loans(forecasts.of(subject)).sort_values("entity", kind="stable")
    values = loan_values(terms, loans["entity"], amount=amount, columns=columns)
    default = loans["truth"].to_numpy()
    brought = loans["count"].to_numpy() * np.where(default == 1, values["defaulted"], values["repaid"])
    rows, rates, sums = [], [], []
    for model in models:
        own = forecasts.of(model)
        its_loans = known_loans(own)
        order = its_loans["entity"].argsort(kind="stable").to_numpy()
        if its_loans["entity"].iloc[order].tolist() != loans["entity"].tolist():
            raise DataError(f"{model} has other loans than the model compared; give forecasts of the same")
        cutoff = cutoffs_in_use(own, terms, amount=amount, columns=columns)
        approved = its_loans["value"].to_numpy() <= cutoff
        outcome = outcome_of(own, terms, approved, amount=amount, columns=columns)
        rows.append({"model": model, "cutoff": np.nan if terms.by_loan else cutoff, **outcome})
        rates.append(_bad_rate_interval(its_loans, approved, clients))
        sums.append(approved[order] * brought)
    # Side by side, so that all models share the draws and a difference is one of pairs.
    drawn = resampled_sums(np.column_stack(sums), loan_units(loans, clients), draws=draws, seed=seed)
    table = pd.DataFrame(rows).assign(bad_low=[low for low, _ in rates], bad_high=[high for _, high in rates])
    return _with_intervals(table, drawn)


def _bad_rate_interval(
    loans: pd.DataFrame, approved: BoolArray, clients: "pd.Series[int] | None"
) -> tuple[float, float]:
    """Ends of the interval of the share of the approved that defaulted; NaN where none is approved."""
    if not approved.any():
        return np.nan, np.nan
    share, count, truth, value = (loans[name].to_numpy(float) for name in ("share", "count", "truth", "value"))
    cell = np.unique(approved, return_inverse=True)[1]
    spread = np.sqrt(value * (1.0 - value))
    effects = design_effects(truth - value, spread, cell=cell, cluster=luck_units(loans, clients), weight=count)
    own = count[approved]
    # Loans that would say as much if all weighed alike; without weights just as many as there are.
    n = own.sum() ** 2 / (own**2 / share[approved]).sum() / effects[-1]
    (low,), (high,) = jeffreys_interval(np.array([np.average(truth[approved], weights=own) * n]), np.array([n]))
    return float(low), float(high)


def _with_intervals(table: pd.DataFrame, profit: FloatArray) -> pd.DataFrame:
    """The table with intervals from drawn profits, shape (draws, n_models)."""
    low, high = middle(profit)
    apart_low, apart_high = middle(profit[:, :1] - profit)
    apart = (table["realized_profit"].iloc[0] - table["realized_profit"]).to_numpy()
    is_subject = np.arange(len(table)) == 0
    table = table.rename(columns={"realized_profit": "profit"}).astype({"n": int})
    ends: Mapping[str, FloatArray] = {
        "low": low,
        "high": high,
        "difference": np.where(is_subject, np.nan, apart),
        "difference_low": np.where(is_subject, np.nan, apart_low),
        "difference_high": np.where(is_subject, np.nan, apart_high),
    }
    return table.assign(**ends)


def expected_loss(
    forecasts: Forecasts,
    terms: LoanTerms,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> "pd.Series[float]":
    """Expected loss of each forecast of one model: probability of default x amount x loss given default.

    Returns
    -------
    Series of shape (n_forecasts,)
        Indexed by loan, in the order of the forecasts and the unit of `amount`.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.1, 0.2]}
    >>> forecasts, amount = Forecasts.from_rows(rows, run_id="demo"), pd.Series({"A": 1000.0, "B": 500.0})
    >>> expected_loss(forecasts, LoanTerms(loss_given_default=0.5), amount=amount).tolist()
    [50.0, 50.0]
    """
    table = forecasts.table
    lost = loan_values(terms, table["entity"], amount=amount, columns=columns)["lost"].to_numpy()
    return pd.Series(table["value"].to_numpy() * lost, index=table["entity"].to_numpy(), name="expected_loss")
