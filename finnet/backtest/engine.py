"""Engine: forecasts of one model and a panel of prices become a backtest beside buy-and-hold, or cash."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from math import inf

import numpy as np
import pandas as pd

from finnet.backtest.accounting import Account, equity, keep_account
from finnet.backtest.costs import trading_cost
from finnet.backtest.performance import summarize_returns
from finnet.backtest.positions import LongFlat, PositionRule, equal_weights, held_weights
from finnet.backtest.timing import bars_per_year as bars_of_a_year
from finnet.backtest.timing import delay_of
from finnet.checks import require_number
from finnet.data.panel import Panel
from finnet.data.tradability import Delisting, can_trade
from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.types import BoolArray, FloatArray

__all__ = ["BUY_AND_HOLD", "CASH", "Backtest", "constant_folds", "run_backtest"]

BUY_AND_HOLD = "buy_and_hold"
CASH = "cash"


@dataclass(frozen=True, eq=False)
class Backtest:
    """What trading on the forecasts of one model would have brought.

    Parameters
    ----------
    model : str
    table : DataFrame
        Index `session`, from the first trade to the last exit. Columns gross and net (returns of the bar), turnover
        (traded at its close), exposure (held over it), equity_gross, equity_net and equity_hold (all start from 1);
        equity_hold is that of what it is compared with.
    summary : DataFrame
        Index `account`: gross, net and what it is compared with: buy_and_hold, or cash. Columns as in
        `summarize_returns`.
    positions : DataFrame of shape (sessions, symbols)
        Weights held after each close, same index as `table`.
    delay_bars : int
        Bars between forecast and trade.
    idle_folds : tuple of int
        Folds whose forecasts took no position.
    """

    model: str
    table: pd.DataFrame
    summary: pd.DataFrame
    positions: pd.DataFrame
    delay_bars: int
    idle_folds: tuple[int, ...]

    @property
    def benchmark(self) -> str:
        """What it is compared with: `BUY_AND_HOLD`, or `CASH` where as much is sold short as bought."""
        return CASH if CASH in self.summary.index else BUY_AND_HOLD


def run_backtest(
    forecasts: Forecasts,
    panel: Panel,
    *,
    rule: PositionRule | None = None,
    cost_bps: float = 2.0,
    delay_bars: int | None = None,
    delisting: Delisting | None = None,
    bars_per_year: float | None = None,
    idle_folds: Collection[int] = (),
) -> Backtest:
    """Trade on the forecasts of one model, late and at a cost, beside equal-weight buy-and-hold.

    A forecast issued at the close of t is traded at the close of t + delay_bars and held for its horizon, in tranches
    (`held_weights`); at every close the account is brought back to the weights wanted. All positions are closed, at a
    cost, when the last one ends or the data does.

    Nothing trades without a close or, where volume is reported, without volume (`can_trade`): a forecast whose bar to
    trade is such a one is not traded at all, and a position held waits, returns 0 and later the whole move, while the
    others give way so that the account is never used twice. A position in a symbol that never trades again is closed
    once, at a cost, by `delisting`.

    Buy-and-hold owns all symbols that were forecast, with equal weights, on the same sessions and under the same rules;
    it pays for entry and exit, not for staying equal. A book that sells short as much as it buys each session is
    compared with cash instead. No fee is charged for borrowing shares and no interest is paid on cash. Forecasts of
    models that trained on later rows, such as those of purged folds, are nothing that anyone could have traded on.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model and horizon, issued at closes of the panel (`closes_at`).
    panel : Panel
        Adjusted closes, and volume where it is known.
    rule : PositionRule, optional
        `LongShort`, `TopBottom`, or `LongFlat()` by default.
    cost_bps : float
        Per unit of value traded, in basis points.
    delay_bars : int, optional
        Bars between forecast and trade, for forecasts that do not say so by `tradable_at` or `resolves_at`; 1 by
        default.
    delisting : Delisting, optional
        When and at what price positions are closed whose symbol is gone; give that of the label.
    bars_per_year : float, optional
        To make yearly figures with; counted from the panel by default.
    idle_folds : collection of int
        Folds whose forecasts take no position, such as `constant_folds(forecasts)`; buy-and-hold owns their symbols
        all the same.

    Raises
    ------
    ConfigError
        Where `delay_bars` contradicts the forecasts, or `bars_per_year` is no number above 0.
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
    if bars_per_year is not None:
        require_number(bars_per_year, name="bars_per_year", below=inf, zero=False)
    _require_one_series(forecasts)
    forecast = _matrix(forecasts, panel, forecasts.table["value"].to_numpy())
    known = np.isfinite(forecast)
    market = _Market(
        panel,
        issued=np.asarray(known.any(axis=1)),
        horizon=int(forecasts.table["horizon"].iloc[0]),
        delay_bars=delay_of(forecasts, panel, delay_bars),
        delisting=delisting or Delisting(),
    )
    decided = rule.weights(forecast)
    # Idle folds take no position, yet count as issued: buy-and-hold owns their symbols on the same sessions.
    idle = _matrix(forecasts, panel, forecasts.table["fold"].isin(idle_folds).astype(float).to_numpy()) == 1.0
    account = market.account(np.where(idle, 0.0, decided), cost_bps=cost_bps)
    # Free of cost here, since only its entry and exit are charged, not that weights are brought back to equal.
    hold = _held_throughout(market.account(equal_weights(known, known), cost_bps=0.0), cost_bps)
    # Both accounts run until both have sold everything, so that they are compared over the same bars.
    stop = max(_bars_used(account, market.least), _bars_used(hold, market.least))
    sells_as_much = (decided < 0).any() and np.allclose(decided.sum(axis=1), 0.0, atol=1e-9)
    benchmark = CASH if sells_as_much else BUY_AND_HOLD
    accounts = {
        "gross": replace(account, net=account.gross),
        "net": account,
        benchmark: hold if benchmark == BUY_AND_HOLD else _cash(account),
    }
    accounts = {name: _first_bars(kept, stop) for name, kept in accounts.items()}
    index = pd.DatetimeIndex(panel.sessions[market.first :][:stop], name="session")
    periods = bars_of_a_year(panel.sessions) if bars_per_year is None else bars_per_year
    return Backtest(
        model=forecasts.models[0],
        table=_table(accounts["net"], accounts[benchmark]).set_index(index),
        summary=_summary(accounts, periods),
        positions=pd.DataFrame(accounts["net"].held, index=index, columns=list(panel.symbols)),
        delay_bars=market.delay_bars,
        idle_folds=tuple(idle_folds),
    )


def constant_folds(forecasts: Forecasts) -> list[int]:
    """Folds in which all forecasts, two or more, are one number: a model that says no more has nothing to trade on.

    Examples
    --------
    >>> rows = {"model": "network", "fold": [0, 0, 1, 1], "entity": list("ABAB"), "target": "direction", "horizon": 1,
    ...         "kind": "probability", "value": [0.48, 0.48, 0.48, 0.52]}
    >>> constant_folds(Forecasts.from_rows(rows, run_id="demo"))
    [0]
    """
    values = forecasts.table.groupby("fold")["value"]
    constant = (values.max() - values.min() <= _ONE_NUMBER) & (values.size() > 1)
    return [int(fold) for fold in constant.index[constant]]


_ONE_NUMBER = 1e-9


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


def _matrix(forecasts: Forecasts, panel: Panel, values: FloatArray) -> FloatArray:
    """A value of each forecast, by session and symbol, shape (T, S), NaN where there is none."""
    table = forecasts.table
    issued = table["issued_at"].to_numpy("datetime64[us]")
    bar = np.searchsorted(panel.closes_at, issued)
    # A time behind the last close finds the bar beyond the end, which is looked up as the last one and then refused.
    _require_known(panel.closes_at[np.minimum(bar, len(panel.closes_at) - 1)] == issued, issued, "a close of the panel")
    column = pd.Index(panel.symbols).get_indexer(pd.Index(table["entity"]))
    _require_known(column >= 0, table["entity"].to_numpy(object), "a symbol of the panel")
    matrix = np.full(panel.shape, np.nan)
    matrix[bar, column] = values
    return matrix


def _require_known(known: BoolArray, values: np.ndarray, place: str) -> None:
    if not known.all():
        first = values[~known][0]
        raise DataError(
            f"{int((~known).sum())} forecasts fit no row: {first} is not {place}; give the panel they came from"
        )


@dataclass(frozen=True, eq=False)
class _Market:
    """When decisions are traded, how long they are held and what they return."""

    panel: Panel
    issued: BoolArray
    horizon: int
    delay_bars: int
    delisting: Delisting

    @property
    def first(self) -> int:
        """Bar of the first trade."""
        return int(np.flatnonzero(self.issued)[0]) + self.delay_bars

    @property
    def least(self) -> int:
        """Bars from the first trade to the last exit, if every symbol can be traded then."""
        end = int(np.flatnonzero(self.issued)[-1]) + self.delay_bars + self.horizon
        bars = min(end, len(self.issued) - 1) - self.first + 1
        if bars < 2:
            after = len(self.issued) - 1 - self.first + self.delay_bars
            raise DataError(f"the panel ends {after} bars after the first forecast; give more prices")
        return bars

    def account(self, decided: FloatArray, *, cost_bps: float) -> Account:
        """The account of these decisions from the first trade to the end of the panel, where everything is sold."""
        close, tradable = self.panel["close"], can_trade(self.panel)
        # Whether the bar of the trade can be traded, which is known when it comes: the forecast itself never sees it.
        due = np.zeros_like(tradable)
        due[: len(due) - self.delay_bars] = tradable[self.delay_bars :]
        wanted = held_weights(
            np.where(due, decided, 0.0), self.issued, horizon=self.horizon, delay_bars=self.delay_bars
        )
        closes_out = self.delisting.closes_out(close)
        # Delisted symbols are sold although they do not trade, and everything is by the last exit.
        wanted[closes_out] = 0.0
        wanted[self.first + self.least - 1 :] = 0.0
        can_sell = tradable | closes_out
        # What still waits when the data ends is sold at its last known price.
        can_sell[-1] = True
        returns = self.delisting.bar_returns(close)
        return keep_account(
            wanted[self.first :], returns[self.first :], cost_bps=cost_bps, can_trade=can_sell[self.first :]
        )


def _bars_used(account: Account, least: int) -> int:
    """Bars until everything that the account held is sold, at least `least`."""
    holding = np.flatnonzero(np.abs(account.held).sum(axis=1))
    # One bar more than the last that ends with a position: that bar earns on it, and its close sells it.
    return max(least, int(holding[-1]) + 2) if len(holding) else least


def _first_bars(account: Account, count: int) -> Account:
    return Account(*(getattr(account, field.name)[:count] for field in fields(account)))


def _cash(account: Account) -> Account:
    """The account that holds nothing over the same bars."""
    nothing = np.zeros_like(account.net)
    return Account(np.zeros_like(account.held), nothing, nothing, nothing, nothing)


def _held_throughout(account: Account, cost_bps: float) -> Account:
    """The account that pays to enter and to leave, and nothing between."""
    turnover = np.zeros_like(account.turnover)
    holding = np.flatnonzero(np.abs(account.held).sum(axis=1))
    if len(holding):
        turnover[[holding[0], holding[-1] + 1]] = 1.0
    net = (1.0 + account.gross) * (1.0 - trading_cost(turnover, cost_bps)) - 1.0
    return replace(account, turnover=turnover, net=net)


def _table(account: Account, benchmark: Account) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gross": account.gross,
            "net": account.net,
            "turnover": account.turnover,
            "exposure": account.exposure,
            "equity_gross": equity(account.gross),
            "equity_net": equity(account.net),
            "equity_hold": equity(benchmark.net),
        }
    )


def _summary(accounts: Mapping[str, Account], periods_per_year: float) -> pd.DataFrame:
    rows = {
        name: summarize_returns(
            kept.net, turnover=kept.turnover, exposure=kept.exposure, periods_per_year=periods_per_year
        )
        for name, kept in accounts.items()
    }
    return pd.DataFrame(rows).T.rename_axis("account")
