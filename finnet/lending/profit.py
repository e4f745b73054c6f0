"""Profit of lending: what every model's own cut-off brings, how sure that is, and how far models lie apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.lending.by_loan import cutoffs_in_use
from finnet.lending.cutoff import known_loans, outcome_of
from finnet.lending.resampling import DRAWS, loan_units, middle, resampled_sums
from finnet.lending.terms import LoanTerms, loan_values
from finnet.types import FloatArray

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

    Intervals hold the middle 95 % of bootstrap samples of loans, of whole clients where they are known; all models
    share the samples. Models and cut-offs are taken as they are: the interval does not say how they would vary with
    other training loans.

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
    share, default = loans["count"].to_numpy(), loans["truth"].to_numpy()
    brought = share * np.where(default == 1, values["defaulted"], values["repaid"])
    rows, sums = [], []
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
        approved = approved[order]
        sums.append(np.column_stack([approved * brought, approved * share, approved * share * default]))
    # Side by side, so that all models share the draws and a difference is one of pairs.
    drawn = resampled_sums(np.hstack(sums), loan_units(loans, clients), draws=draws, seed=seed)
    return _with_intervals(pd.DataFrame(rows), drawn.reshape(draws, len(models), 3))


def _with_intervals(table: pd.DataFrame, drawn: FloatArray) -> pd.DataFrame:
    """The table with intervals from draws of shape (draws, n_models, 3): profit, approved, defaulted."""
    profit, approved, bad = np.moveaxis(drawn, 2, 0)
    low, high = middle(profit)
    # A sample in which nothing is approved has no bad rate and counts for none of its ends.
    bad_low, bad_high = middle(bad / np.where(approved > 0, approved, np.nan))
    apart_low, apart_high = middle(profit[:, :1] - profit)
    apart = (table["realized_profit"].iloc[0] - table["realized_profit"]).to_numpy()
    is_subject = np.arange(len(table)) == 0
    table = table.rename(columns={"realized_profit": "profit"}).astype({"n": int})
    ends: Mapping[str, FloatArray] = {
        "bad_low": bad_low,
        "bad_high": bad_high,
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
