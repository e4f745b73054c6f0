"""Engine: forecasts of one model and a panel of prices become a backtest beside buy-and-hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.backtest.accounting import Account, bar_returns, equity, keep_account
from finnet.backtest.costs import trading_cost
from finnet.backtest.performance import summarize_returns
from finnet.backtest.positions import LongFlat, PositionRule, equal_weights, held_weights, tradable_weights
from finnet.data.panel import Panel
from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.types import BoolArray, FloatArray

__all__ = ["Backtest", "run_backtest"]


@dataclass(frozen=True, eq=False)
class Backtest:
    """What trading on the forecasts of one model would have brought.

    Parameters
    ----------
    model : str
    table : DataFrame
        Index `session`, from the first trade to the last exit. Columns gross and net (returns of the bar), turnover
        (traded at its close), exposure (held over it), equity_gross, equity_net and equity_hold (all start from 1).
    summary : DataFrame
        Index `account`: gross, net, buy_and_hold. Columns as in `summarize_returns`.
    positions : DataFrame of shape (sessions, symbols)
        Weights held after each close, same index as `table`.
    """

    model: str
    table: pd.DataFrame
    summary: pd.DataFrame
    positions: pd.DataFrame


def run_backtest(
    forecasts: Forecasts,
    panel: Panel,
    *,
    rule: PositionRule | None = None,
    cost_bps: float = 2.0,
    delay_bars: int = 1,
    stale_bars: int = 5,
    periods_per_year: float = 252.0,
) -> Backtest:
    """Trade on the forecasts of one model, one bar late and at a cost, beside equal-weight buy-and-hold.

    A forecast issued at the close of t is traded at the close of t + delay_bars and held for its horizon, in tranches
    (`held_weights`); at every close the account is brought back to the weights wanted. All positions are closed, at a
    cost, when the last one ends or the data does. A symbol without a close does not trade and returns 0, then the
    whole move; after `stale_bars` sessions without one it counts as sold at its last close. Buy-and-hold owns all
    symbols that were forecast, with equal weights, on the same sessions; it pays for entry and exit, not for staying
    equal. No fee is charged for borrowing shares and no interest is paid on cash.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model and horizon, issued at closes of the panel (`closes_at`).
    panel : Panel
        Adjusted closes.
    rule : PositionRule, optional
        `LongShort`, `TopBottom`, or `LongFlat()` by default.
    cost_bps : float
        Per unit of value traded, in basis points.
    delay_bars : int
        Bars between forecast and trade, at least 1.

    Raises
    ------
    DataError
        Where there are several models, horizons or forecasts of one case, a forecast was not issued at a close of the
        panel or is of a symbol that it lacks, or all were issued too late to be traded.

    Examples
    --------
    >>> from finnet.data.panel import closing_times
    >>> sessions = np.arange("2020-01-06", "2020-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    >>> close = np.array([[90.0], [100.0], [110.0], [121.0]])
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": close})
    >>> rows = {"model": "network", "fold": 0, "entity": "A", "issued_at": panel.closes_at[:1], "target": "direction",
    ...         "horizon": 1, "kind": "probability", "value": [0.9]}
    >>> backtest = run_backtest(Forecasts.from_rows(rows, run_id="demo"), panel, cost_bps=10)
    >>> backtest.table["equity_net"].round(4).tolist()
    [0.999, 1.0978]
    """
    rule = rule if rule is not None else LongFlat()
    _require_one_series(forecasts)
    forecast = _forecast_matrix(forecasts, panel)
    known = np.isfinite(forecast)
    schedule = _Schedule(
        issued=np.asarray(known.any(axis=1)),
        close=panel["close"],
        horizon=int(forecasts.table["horizon"].iloc[0]),
        delay_bars=delay_bars,
        stale_bars=stale_bars,
    )
    returns = bar_returns(panel["close"])[schedule.span]
    held = schedule.held(rule.weights(forecast))
    account = keep_account(held, returns, cost_bps=cost_bps)
    hold = _held_throughout(keep_account(schedule.held(equal_weights(known, known)), returns, cost_bps=0.0), cost_bps)
    index = pd.DatetimeIndex(panel.sessions[schedule.span], name="session")
    return Backtest(
        model=forecasts.models[0],
        table=_table(account, hold).set_index(index),
        summary=_summary(account, hold, periods_per_year),
        positions=pd.DataFrame(held, index=index, columns=list(panel.symbols)),
    )


def _require_one_series(forecasts: Forecasts) -> None:
    table = forecasts.table
    if len(forecasts.models) != 1:
        raise DataError(f"forecasts of {forecasts.models}; choose one model with forecasts.of(name)")
    asked = table[["target", "horizon", "kind", "level"]].drop_duplicates()
    if len(asked) > 1:
        raise DataError(f"forecasts answer {asked.to_numpy().tolist()}; keep one target, horizon and kind")
    if not forecasts.is_dated:
        raise DataError("forecasts have no issued_at, so there is no moment to trade; use a split by time")
    twice = table.duplicated(["issued_at", "entity"])
    if twice.any():
        row = table[twice].iloc[0]
        raise DataError(f"{row['entity']} has two forecasts issued at {row['issued_at']}; keep one fold of each case")


def _forecast_matrix(forecasts: Forecasts, panel: Panel) -> FloatArray:
    """Forecast of each session and symbol, shape (T, S), NaN where there is none."""
    table = forecasts.table
    issued = table["issued_at"].to_numpy("datetime64[us]")
    bar = np.searchsorted(panel.closes_at, issued)
    _require_known(panel.closes_at[np.minimum(bar, len(panel.closes_at) - 1)] == issued, issued, "a close of the panel")
    column = pd.Index(panel.symbols).get_indexer(pd.Index(table["entity"]))
    _require_known(column >= 0, table["entity"].to_numpy(object), "a symbol of the panel")
    matrix = np.full(panel.shape, np.nan)
    matrix[bar, column] = table["value"].to_numpy()
    return matrix


def _require_known(known: BoolArray, values: np.ndarray, place: str) -> None:
    if not known.all():
        first = values[~known][0]
        raise DataError(
            f"{int((~known).sum())} forecasts fit no row: {first} is not {place}; give the panel they came from"
        )


@dataclass(frozen=True, eq=False)
class _Schedule:
    """When decisions are traded and how long they are held."""

    issued: BoolArray
    close: FloatArray
    horizon: int
    delay_bars: int
    stale_bars: int

    @property
    def span(self) -> slice:
        """Bars from the first trade to the last exit."""
        bars = np.flatnonzero(self.issued)
        first = int(bars[0]) + self.delay_bars
        last = min(int(bars[-1]) + self.delay_bars + self.horizon, len(self.issued) - 1)
        if first >= last:
            raise DataError(
                f"the panel ends {len(self.issued) - 1 - bars[0]} bars after the first forecast; give more prices"
            )
        return slice(first, last + 1)

    def held(self, decided: FloatArray) -> FloatArray:
        """Weights after each close of the span; the last close sells everything."""
        wanted = held_weights(decided, self.issued, horizon=self.horizon, delay_bars=self.delay_bars)
        held = tradable_weights(wanted, self.close, stale_bars=self.stale_bars)[self.span]
        held[-1] = 0.0
        return held


def _held_throughout(account: Account, cost_bps: float) -> Account:
    """The account that pays to enter and to leave, and nothing between."""
    turnover = np.zeros_like(account.turnover)
    turnover[[0, -1]] = 1.0
    net = (1.0 + account.gross) * (1.0 - trading_cost(turnover, cost_bps)) - 1.0
    return Account(account.gross, turnover, net, account.exposure)


def _table(account: Account, hold: Account) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gross": account.gross,
            "net": account.net,
            "turnover": account.turnover,
            "exposure": account.exposure,
            "equity_gross": equity(account.gross),
            "equity_net": equity(account.net),
            "equity_hold": equity(hold.net),
        }
    )


def _summary(account: Account, hold: Account, periods_per_year: float) -> pd.DataFrame:
    accounts = {"gross": (account.gross, account), "net": (account.net, account), "buy_and_hold": (hold.net, hold)}
    rows = {
        name: summarize_returns(
            returns, turnover=kept.turnover, exposure=kept.exposure, periods_per_year=periods_per_year
        )
        for name, (returns, kept) in accounts.items()
    }
    return pd.DataFrame(rows).T.rename_axis("account")
