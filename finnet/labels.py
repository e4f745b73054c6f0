"""Labels say what came true after a decision could be traded, and build the Dataset to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.data.duplicate_series import require_distinct_series
from finnet.data.loan_book import Applications, LoanBook, LossBook
from finnet.data.panel import Panel
from finnet.data.tradability import Delisting, can_trade, last_close_bars
from finnet.dataset import CLOCKS, Dataset
from finnet.errors import ConfigError, DataError
from finnet.features.feature_set import FeatureSet
from finnet.label_lookahead import require_label_within_horizon
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = [
    "AboveMedian",
    "Direction",
    "ForwardReturn",
    "ForwardVolatility",
    "HorizonLabel",
    "MarketLabel",
    "RowCounts",
    "build_dataset",
    "count_rows",
    "default_dataset",
    "forward_return",
    "forward_volatility",
    "is_ready",
    "loss_dataset",
    "paid_out_at",
]


def forward_return(
    panel: Panel, *, horizon_bars: int, delay_bars: int = 1, delisting: Delisting | None = None
) -> FloatArray:
    """Return from the close `delay_bars` after t to the last close known `horizon_bars` later, shape (T, S).

    A symbol that has no close there any more counts at its last one, or by `delisting` (see `Delisting.known_worth`).
    NaN where the panel ends before, and where nothing could be bought `delay_bars` after t (see `can_trade`).

    Examples
    --------
    >>> from finnet.data.panel import closing_times
    >>> sessions = np.arange("2020-01-06", "2020-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": np.array([[1.0], [2.0], [3.0], [6.0]])})
    >>> forward_return(panel, horizon_bars=1)[:, 0]
    array([0.5, 1. , nan, nan])
    """
    close, out = panel["close"], np.full(panel.shape, np.nan)
    # Rows whose horizon ends within the panel; that of later ones is not known.
    known = len(close) - delay_bars - horizon_bars
    if known > 0:
        worth = (delisting or Delisting()).known_worth(close)
        bought = np.where(can_trade(panel), close, np.nan)
        out[:known] = worth[delay_bars + horizon_bars :] / bought[delay_bars : delay_bars + known] - 1.0
    return out


def forward_volatility(
    panel: Panel, *, horizon_bars: int, delay_bars: int = 1, delisting: Delisting | None = None
) -> FloatArray:
    """Realized volatility per bar over the `horizon_bars` from the close `delay_bars` after t, shape (T, S).

    sqrt(mean of r^2) over the one-bar returns r = C(u) / C(u - 1) - 1 of these bars, whose mean is taken as zero: the
    realized volatility of Andersen & Bollerslev (1998), per bar and not per year. Returns are simple rather than
    logarithmic, so that a symbol that lost all has one of -1 and not one without end.

    C is what a unit was worth as far as was known: over a pause the last close, then the delisting return at once (see
    `Delisting.known_worth`), and from then on nothing moves. NaN where `forward_return` is.

    Examples
    --------
    >>> from finnet.data.panel import closing_times
    >>> sessions = np.arange("2020-01-06", "2020-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": np.array([[1.0], [1.0], [1.1], [0.99]])})
    >>> forward_volatility(panel, horizon_bars=2)[:, 0].round(4)
    array([0.1, nan, nan, nan])
    """
    close, out = panel["close"], np.full(panel.shape, np.nan)
    known = len(close) - delay_bars - horizon_bars
    if known > 0:
        worth = (delisting or Delisting()).known_worth(close)
        # What has become worthless stays so: a return of 0, not of 0 / 0.
        squares = np.square(np.divide(worth[1:], worth[:-1], out=np.ones_like(worth[1:]), where=worth[:-1] != 0) - 1.0)
        # Row t of the windows holds the returns of bars t + 1 to t + horizon_bars.
        windows = np.lib.stride_tricks.sliding_window_view(squares, horizon_bars, axis=0)[delay_bars:]
        traded = can_trade(panel)[delay_bars : delay_bars + known]
        out[:known] = np.where(traded, np.sqrt(windows.mean(axis=-1)), np.nan)
    return out


class MarketLabel(Protocol):
    """A label of a Panel: its name, how far it looks ahead and its values."""

    @property
    def target(self) -> str:
        """Name in forecasts."""
        ...

    @property
    def horizon_bars(self) -> int:
        """Bars held."""
        ...

    @property
    def delay_bars(self) -> int:
        """Bars between the features and the trade."""
        ...

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S); NaN where there is none."""
        ...


@dataclass(frozen=True)
class HorizonLabel:
    """What all market labels share; a user's own derives from it, and gives `target` and `values`.

    Parameters
    ----------
    horizon_bars : int
        Bars held.
    delay_bars : int
        Bars between the close that makes the features and the close that is traded, at least 1.
    delisting_return : float
        Return from its last close that a symbol without a close is taken to have had after `stale_bars`, -1 or more;
        the backtest closes such holdings by it.
    stale_bars : int
        Bars without a close that are taken for a pause: until then a symbol is worth its last close.
    """

    horizon_bars: int = 1
    delay_bars: int = 1
    delisting_return: float = field(default=0.0, kw_only=True)
    stale_bars: int = field(default=5, kw_only=True)

    def __post_init__(self) -> None:
        require_at_least(self.horizon_bars, 1, name="horizon_bars")
        # The close that made the features cannot also be traded.
        require_at_least(self.delay_bars, 1, name="delay_bars")
        _ = self.delisting

    @property
    def target(self) -> str:
        """Name in forecasts."""
        raise NotImplementedError

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S); NaN where there is none."""
        raise NotImplementedError

    @property
    def high_is_buy(self) -> bool:
        """Whether a high forecast is a reason to buy; where it is not, nothing is traded on it."""
        return False

    @property
    def delisting(self) -> Delisting:
        """What becomes of symbols that have no close any more."""
        return Delisting(self.delisting_return, self.stale_bars)

    def returns(self, panel: Panel) -> FloatArray:
        """The forward return behind the label, shape (T, S); NaN where it is unknown or could not be traded."""
        return forward_return(
            panel, horizon_bars=self.horizon_bars, delay_bars=self.delay_bars, delisting=self.delisting
        )


@dataclass(frozen=True)
class Direction(HorizonLabel):
    """1 where the forward return is above zero and at least `up`, 0 where it is at most `down`; between, no label.

    Rows without label are forecast all the same: leaving them out would tell the trader that a large move is coming.

    Parameters
    ----------
    horizon_bars, delay_bars : int
        Bars held, and bars between the close that makes the features and the close that is traded (at least 1).
    up, down : float
        Edges of the dead zone as returns, for instance 0.0055 and -0.005.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> Direction(up=0.005, down=-0.005).values(made_market(symbols=1, sessions=8))[:, 0]
    array([ 0., nan,  0., nan,  0.,  0., nan, nan])
    """

    up: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.down <= 0 <= self.up:
            raise ConfigError(f"down={self.down}, up={self.up}: the dead zone must hold zero; use down <= 0 <= up")

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "direction"

    @property
    def high_is_buy(self) -> bool:
        """Whether a high forecast is a reason to buy: it is."""
        return True

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): 1, 0 or NaN."""
        returns = self.returns(panel)
        # With up=0 a return of exactly zero is no rise.
        up = (returns > 0) & (returns >= self.up)
        return np.where(up, 1.0, np.where(returns <= self.down, 0.0, np.nan))


@dataclass(frozen=True)
class AboveMedian(HorizonLabel):
    """1 where the forward return is above that of the session's median member, else 0."""

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "above_median"

    @property
    def high_is_buy(self) -> bool:
        """Whether a high forecast is a reason to buy: it is."""
        return True

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): 1, 0 or NaN; a session needs at least two members with a return."""
        returns = np.where(np.asarray(panel.member), self.returns(panel), np.nan)
        enough = np.isfinite(returns).sum(axis=1) >= 2
        median = np.full((len(returns), 1), np.nan)
        median[enough, 0] = np.nanmedian(returns[enough], axis=1)
        return np.where(np.isfinite(returns) & np.isfinite(median), (returns > median).astype(float), np.nan)


@dataclass(frozen=True)
class ForwardReturn(HorizonLabel):
    """The forward return itself, as a fraction."""

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "forward_return"

    @property
    def high_is_buy(self) -> bool:
        """Whether a high forecast is a reason to buy: it is."""
        return True

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): fractions or NaN."""
        return self.returns(panel)


@dataclass(frozen=True)
class ForwardVolatility(HorizonLabel):
    """The realized volatility per bar over the horizon (see `forward_volatility`), as a fraction.

    Over one bar it is the size of the return alone, which says little of the volatility behind it; take five or more.
    """

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "forward_volatility"

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): fractions or NaN."""
        return forward_volatility(
            panel, horizon_bars=self.horizon_bars, delay_bars=self.delay_bars, delisting=self.delisting
        )


def build_dataset(
    panel: Panel, features: FeatureSet | Sequence[str], label: MarketLabel, *, min_history_bars: int = 0
) -> Dataset:
    """Rows of a Panel whose outcome is due within it, in time order, then by symbol.

    A row stands for (t, symbol) where `is_ready` says so and the panel reaches the bar at which the label resolves:
    whether the symbol still trades by then decides nothing, for nobody knew it at t. Features that are missing stay
    NaN, as do labels: of a row that could not be traded, and of a return that gives none.

    Raises
    ------
    DataError
        Where no row is left.
    LookAheadError
        Where a feature or a label that is not finnet's own uses what was not yet known, or its check cannot decide
        (UndecidedError); or where one symbol moves as another did the session before.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> data = build_dataset(made_market(symbols=2, sessions=30), ["return_1", "sentiment"], Direction(horizon_bars=5))
    >>> data.X.shape, data.target
    ((46, 2), 'direction')
    """
    feature_set = features if isinstance(features, FeatureSet) else FeatureSet.of(features)
    require_distinct_series(panel)
    feature_set.require_no_look_ahead(panel)
    # Labels of this module are checked by finnet's own tests, once and not in every run.
    if type(label).__module__ != __name__:
        require_label_within_horizon(label, panel)
    values = label.values(panel)
    ready = is_ready(panel, look_back=feature_set.look_back, min_history_bars=min_history_bars)
    t, s = np.nonzero(ready[: max(len(values) - label.delay_bars - label.horizon_bars, 0)])
    if not len(t):
        raise DataError(
            f"{panel.shape[0]} sessions leave no row: features look back {feature_set.look_back} bars and the label"
            f" looks ahead {label.delay_bars + label.horizon_bars}; give more history"
        )
    X = pd.DataFrame(feature_set.compute(panel)[t, s], columns=feature_set.names)
    # Decided at the close that made the features, traded at a later one.
    closes, traded = panel.closes_at, t + label.delay_bars
    times = (closes[t], closes[t], closes[traded], closes[traded + label.horizon_bars])
    clocks = pd.DataFrame(dict(zip(CLOCKS, times, strict=True)))
    return Dataset(X, values[t, s], np.array(panel.symbols, object)[s], label.target, label.horizon_bars, clocks)


def is_ready(panel: Panel, *, look_back: int, min_history_bars: int = 0) -> BoolArray:
    """Whether a symbol can be forecast at each close, shape (T, S), from what is known there.

    It is a member with a close, has `min_history_bars` closes up to t, and t has `look_back` bars up to it.
    """
    priced = np.isfinite(panel["close"])
    late = np.arange(len(priced)) >= look_back - 1
    enough = priced.cumsum(axis=0) >= min_history_bars
    return np.asarray(late[:, None] & enough & priced & np.asarray(panel.member))


@dataclass(frozen=True)
class RowCounts:
    """Rows whose outcome is not simply a close divided by another.

    Parameters
    ----------
    rows : int
        Of the Dataset.
    left : int
        Whose symbol had its last close of all before the label resolved.
    paused : int
        Whose symbol had no close when the label resolved, and one later.
    untradable : int
        That could not be traded `delay_bars` after the features: they have no label.
    """

    rows: int
    left: int
    paused: int
    untradable: int


def count_rows(panel: Panel, dataset: Dataset, label: MarketLabel) -> RowCounts:
    """How many rows of a Dataset, made of this panel and label, left, paused or could not be traded.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> panel, label = made_market(symbols=2, sessions=30), Direction()
    >>> count_rows(panel, build_dataset(panel, ["return_1"], label), label)
    RowCounts(rows=54, left=0, paused=0, untradable=0)
    """
    # Every clock of the Dataset is a close of this panel, so the search finds that very bar.
    t = np.searchsorted(panel.closes_at, dataset.clock("known_at"))
    s = pd.Index(panel.symbols).get_indexer(pd.Index(dataset.entity))
    traded = can_trade(panel)[t + label.delay_bars, s]
    resolves = t + label.delay_bars + label.horizon_bars
    last = last_close_bars(panel["close"])
    left = traded & (last[-1, s] < resolves)
    paused = traded & (last[resolves, s] < resolves) & ~left
    return RowCounts(len(dataset), int(left.sum()), int(paused.sum()), int((~traded).sum()))


def default_dataset(book: LoanBook) -> Dataset:
    """Rows of a LoanBook; with dates, in the order of application, decided on at once and paid out a day later.

    Where only the order of application is known, clocks are numbers that count its ranks, and each outcome is taken to
    be known before the next rank: the book does not say when it was.

    Examples
    --------
    >>> from finnet.data.samples import made_loan_book
    >>> default_dataset(made_loan_book(loans=100)).target
    'default'
    """
    return _loan_dataset(book, book.default, target="default")


def loss_dataset(book: LossBook) -> Dataset:
    """Rows of a LossBook, labelled with the share of the exposure lost; order and clocks are as in `default_dataset`.

    Examples
    --------
    >>> from finnet.data.samples import made_recoveries
    >>> loss_dataset(made_recoveries(loans=100)).target
    'loss_given_default'
    """
    return _loan_dataset(book, book.loss, target="loss_given_default")


def _loan_dataset(book: Applications, y: IntArray | FloatArray, *, target: str) -> Dataset:
    clocks = _loan_clocks(book)
    data = Dataset(
        book.features,
        y,
        book.loan_id,
        target,
        book.horizon_months,
        group=book.group,
        weight=book.weight,
    )
    if clocks is None:
        return data
    # Stable: loans of one day stay in the order of the file, and a run can be repeated to the bit.
    order = np.argsort(clocks["known_at"].to_numpy(), kind="stable")
    in_order_of = book.order_name if book.applied_at is None else ""
    return replace(data.take(order), clocks=clocks.iloc[order].reset_index(drop=True), in_order_of=in_order_of)


def _loan_clocks(book: Applications) -> pd.DataFrame | None:
    times: tuple[np.ndarray, ...]
    if book.applied_at is not None and book.resolves_at is not None:
        times = (book.applied_at, book.applied_at, paid_out_at(book.applied_at), book.resolves_at)
    elif book.order is not None:
        # Three numbers a rank, since a clock must not stand where the one before it does.
        known = 3 * np.unique(book.order, return_inverse=True)[1]
        times = (known, known, known + 1, known + 2)
    else:
        return None
    return pd.DataFrame(dict(zip(CLOCKS, times, strict=True)))


def paid_out_at(applied_at: TimeArray) -> TimeArray:
    """The moments at which loans are taken to be paid out, shape (n_loans,): a day after the application."""
    return np.asarray(applied_at + np.timedelta64(1, "D"))
