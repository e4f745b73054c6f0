"""Embedded data: real index history, and made markets, loan books and recoveries whose truth is known."""

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.data.loan_book import LoanBook, LossBook
from finnet.data.panel import Panel, closing_times, join_as_of
from finnet.types import FloatArray

__all__ = ["index_history", "made_loan_book", "made_market", "made_recoveries"]

_COLUMNS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Adj Close": "close",
    "Close": "raw_close",
    "Volume": "volume",
}


def index_history() -> Panel:
    """S&P 500 and NASDAQ Composite, daily, 1999-01-04 to 2018-12-31, with two measures of market sentiment.

    `credit_spread` is the yield of Baa over Aaa bonds in percent (Moody's), a monthly mean first used in the month
    after; `vix` is the implied volatility index, 2014 to 2018 only. It prints after the stock close, so the next close
    is the first to see it. Both are from the package `arch`, as are the prices.

    Examples
    --------
    >>> panel = index_history()
    >>> panel.shape, panel.symbols
    ((5031, 2), ('NASDAQ', 'SP500'))
    """
    # Importing arch takes a second, which only those should wait for who read the history.
    from arch.data import default as moodys_yields
    from arch.data import nasdaq, sp500, vix

    tables = [
        source.load().rename(columns=_COLUMNS)[list(_COLUMNS.values())].assign(symbol=symbol)
        for symbol, source in (("SP500", sp500), ("NASDAQ", nasdaq))
    ]
    panel = Panel.from_long(pd.concat(tables).rename_axis("date").reset_index())
    yields = moodys_yields.load()
    # A mean over a month is known when the month is over.
    published = pd.DatetimeIndex(yields.index) + pd.offsets.MonthBegin(1)
    spread = pd.DataFrame({"available_at": published, "credit_spread": (yields["BAA"] - yields["AAA"]).to_numpy()})
    panel = join_as_of(panel, spread, ["credit_spread"])
    values = vix.load()["vix"]
    # The index prints until a quarter of an hour after the stocks close.
    prints_at = closing_times(pd.DatetimeIndex(values.index).to_numpy("datetime64[us]"), time="16:15")
    return join_as_of(
        panel, pd.DataFrame({"available_at": prints_at, "vix": values.to_numpy()}), ["vix"], max_age_days=7
    )


def made_market(*, symbols: int = 20, sessions: int = 1250, beta: float = 0.25, seed: int = 0) -> Panel:
    """A made panel in which sentiment moves prices, by a stated amount, and nothing else foretells them.

    Sentiment s and surprise e are independent N(0, 1). The return of bar t + 2 is 0.01 (beta s[t] + e[t + 2]): whoever
    reads the sentiment at the close of t and trades at the close of t + 1 earns it. The sign of a one-bar return can
    then be forecast with accuracy 1/2 + arctan(beta) / pi and no better: 57.80 % at beta = 0.25. Volume is log-normal
    noise. Nothing is ever split and no dividend is paid, so `raw_close` equals `close`.

    Examples
    --------
    >>> sorted(made_market(symbols=2, sessions=5).fields)
    ['close', 'high', 'low', 'open', 'raw_close', 'sentiment', 'volume']
    """
    require_at_least(sessions, 3, name="sessions")
    rng = np.random.default_rng(seed)
    shape = (sessions, symbols)
    sentiment, surprise = rng.standard_normal(shape), rng.standard_normal(shape)
    # Two bars between sentiment and return, so that whoever trades one bar after reading it still earns all of it.
    returns = 0.01 * surprise
    returns[2:] += 0.01 * beta * sentiment[:-2]
    close = 100.0 * np.cumprod(1.0 + returns, axis=0)
    opened = close / (1.0 + returns * rng.uniform(size=shape))
    swing = 1.0 + 0.003 * np.abs(rng.standard_normal((2, *shape)))
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * swing[0],
        "low": np.minimum(opened, close) / swing[1],
        "close": close,
        "raw_close": close,
        "volume": np.exp(13.0 + 0.5 * rng.standard_normal(shape)).round(),
        "sentiment": sentiment,
    }
    days = pd.bdate_range("2015-01-05", periods=sessions).to_numpy("datetime64[us]")
    names = tuple(f"MADE{number:03d}" for number in range(symbols))
    return Panel(days, closing_times(days), names, fields)


def made_loan_book(*, loans: int = 6000, seed: int = 0) -> LoanBook:
    """Made loan applications of 2010 to 2019 with known default probabilities within twelve months.

    The log-odds of default are the sum of a constant, smooth effects (income, debt burden, credit score), a threshold
    (any delinquency), an interaction (high use of credit lines counts only with a low score), two categories (home,
    purpose) and a penalty where income was not stated. Applications stand in time order; the rule does not change.

    Examples
    --------
    >>> book = made_loan_book(loans=1000)
    >>> list(book.features.columns[:4]), bool(abs(book.true_probability.mean() - 0.15) < 0.05)
    (['amount', 'term_months', 'income', 'debt_to_income'], True)
    """
    require_at_least(loans, 1, name="loans")
    rng = np.random.default_rng(seed)
    table = _made_applications(loans, rng)
    # Probabilities come first: a loan defaults by what is true of it, whether the applicant stated it or not.
    probability = 1.0 / (1.0 + np.exp(-_log_odds(table)))
    table["income"] = table["income"].mask(table.pop("hides_income"))
    table["months_employed"] = table["months_employed"].mask(rng.random(loans) < 0.1)
    first = np.datetime64("2010-01-01", "us")
    days = np.sort(rng.integers(0, 3652, loans)).astype("timedelta64[D]")
    applied = first + days.astype("timedelta64[us]")
    return LoanBook(
        loan_id=np.array([f"L{number:06d}" for number in range(loans)], object),
        features=table,
        default=(rng.random(loans) < probability).astype(np.int8),
        applied_at=applied,
        resolves_at=applied + np.timedelta64(365, "D"),
        amount=table["amount"].to_numpy(),
        true_probability=probability,
        horizon_months=12,
    )


def _made_applications(loans: int, rng: np.random.Generator) -> pd.DataFrame:
    income = np.exp(rng.normal(10.5, 0.5, loans)).round(-2)
    amount = (income * rng.uniform(0.05, 0.6, loans)).round(-2)
    return pd.DataFrame(
        {
            "amount": amount,
            "term_months": rng.choice([12.0, 24.0, 36.0, 60.0], loans),
            "income": income,
            "debt_to_income": rng.gamma(2.0, 0.15, loans).round(3),
            "credit_score": rng.normal(680.0, 60.0, loans).clip(450, 850).round(),
            "line_utilization": rng.beta(2.0, 3.0, loans).round(3),
            "delinquencies": rng.poisson(0.25, loans).astype(float),
            "months_employed": rng.gamma(2.0, 40.0, loans).round(),
            "home": pd.Categorical(rng.choice(["own", "mortgage", "rent"], loans, p=[0.15, 0.45, 0.4])),
            "purpose": pd.Categorical(rng.choice(["car", "debt", "home", "business"], loans, p=[0.3, 0.4, 0.2, 0.1])),
            "hides_income": rng.random(loans) < 0.08,
        }
    )


def _log_odds(table: pd.DataFrame) -> FloatArray:
    low_score = table["credit_score"] < 650
    log_odds = (
        -2.6
        - 0.4 * (np.log(table["income"]) - 10.5)
        + 2.0 * (table["debt_to_income"] - 0.3)
        - 0.009 * (table["credit_score"] - 680)
        + 0.9 * (table["delinquencies"] > 0)
        + 3.0 * low_score * (table["line_utilization"] - 0.4).clip(lower=0)
        + table["home"].map({"own": -0.2, "mortgage": 0.0, "rent": 0.3}).astype(float)
        + table["purpose"].map({"car": 0.0, "debt": 0.2, "home": -0.2, "business": 0.6}).astype(float)
        + 0.8 * table["hides_income"]
    )
    return np.asarray(log_odds, float)


def made_recoveries(*, loans: int = 2000, signal: float = 1.0, seed: int = 0) -> LossBook:
    """Made defaulted loans of 2010 to 2017 whose expected loss given default is known, worked out within two years.

    The log-odds of the expected loss m are a constant plus `signal` times the sum of the kind of collateral, the loan
    to its value, an interaction (only of property a loan above its value loses more), months on book, unemployment
    and earlier arrears. The loss is drawn from Beta(m / 2, (1 - m) / 2), whose mean is m and which is mostly near all
    or nothing, as losses are. At signal 0 no column says anything. `applied_at` is the day of default.

    Examples
    --------
    >>> book = made_recoveries(loans=1000)
    >>> bool(abs(book.loss.mean() - book.true_loss.mean()) < 0.05), bool((book.loss < 0.1).mean() > 0.3)
    (True, True)
    """
    require_at_least(loans, 1, name="loans")
    require_at_least(signal, 0.0, name="signal")
    rng = np.random.default_rng(seed)
    table = _made_defaults(loans, rng)
    expected = 1.0 / (1.0 + np.exp(0.3 - signal * _log_odds_of_loss(table)))
    # What has no collateral has no value to set the loan against.
    table["loan_to_value"] = table["loan_to_value"].mask(table["collateral"] == "none")
    days = np.sort(rng.integers(0, 2922, loans)).astype("timedelta64[D]")
    defaulted_at = np.datetime64("2010-01-01", "us") + days.astype("timedelta64[us]")
    return LossBook(
        loan_id=np.array([f"D{number:06d}" for number in range(loans)], object),
        features=table,
        applied_at=defaulted_at,
        resolves_at=defaulted_at + np.timedelta64(730, "D"),
        amount=table["exposure"].to_numpy(),
        loss=rng.beta(expected / 2, (1.0 - expected) / 2).round(4),
        true_loss=expected,
        horizon_months=24,
    )


def _made_defaults(loans: int, rng: np.random.Generator) -> pd.DataFrame:
    collateral = rng.choice(["none", "property", "vehicle"], loans, p=[0.4, 0.3, 0.3])
    return pd.DataFrame(
        {
            "exposure": np.exp(rng.normal(9.5, 0.8, loans)).round(-1),
            "collateral": pd.Categorical(collateral),
            "loan_to_value": rng.gamma(9.0, 0.1, loans).round(2),
            "months_on_book": rng.gamma(2.0, 12.0, loans).round(),
            "unemployment": rng.normal(6.0, 1.5, loans).clip(2.0, 12.0).round(1),
            "earlier_arrears": rng.poisson(0.7, loans).astype(float),
        }
    )


def _log_odds_of_loss(table: pd.DataFrame) -> FloatArray:
    collateral = table["collateral"].astype(str)
    log_odds = (
        collateral.map({"none": 1.2, "vehicle": 0.1, "property": -1.3})
        + 1.2 * (table["loan_to_value"] - 0.9) * (collateral != "none")
        + 4.0 * (table["loan_to_value"] - 1.0).clip(lower=0) * (collateral == "property")
        - 0.02 * (table["months_on_book"] - 24.0)
        + 0.25 * (table["unemployment"] - 6.0)
        + 0.4 * (table["earlier_arrears"] > 1)
    )
    return np.asarray(log_odds, float)
