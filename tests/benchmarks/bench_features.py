"""Thirty features on wide arrays against the same by pandas, grouped and rolled in a long table.

    python tests/benchmarks/bench_features.py [SYMBOLS SESSIONS]

Prints a markdown table: the best of several runs, in processor time of one core. That both agree to 1e-8 is a test of
the features.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from finnet.data.panel import Panel
from finnet.data.samples import made_market
from finnet.features.feature_set import FeatureSet, feature_named

Table = pd.DataFrame  # one row per symbol and session, symbol by symbol


def long_table(panel: Panel) -> Table:
    """The panel as a long table, with the columns that several features share."""
    table = pd.DataFrame({name: values.T.ravel() for name, values in panel.fields.items()})
    table["session"] = np.tile(panel.sessions, len(panel.symbols))
    table["symbol"] = pd.Categorical(np.repeat(panel.symbols, len(panel.sessions)))
    return table


def shared_columns(table: Table) -> None:
    for field in ("open", "high", "low", "close", "volume"):
        table[f"log_{field}"] = np.log(table[field])
    table["return"] = change(table, "log_close", 1)
    moved = change(table, "close", 1)
    table["rise"], table["move"] = moved.clip(lower=0), moved.abs()


def by_symbol(table: Table, column: str) -> "pd.api.typing.SeriesGroupBy":
    return table.groupby("symbol", observed=True)[column]


def by_session(table: Table, column: str) -> "pd.api.typing.SeriesGroupBy":
    return table.groupby("session")[column]


def change(table: Table, column: str, bars: int) -> pd.Series:
    return table[column] - by_symbol(table, column).shift(bars)


def rolled(table: Table, column: str, window: int, statistic: str, *, share: float = 0.8) -> np.ndarray:
    rolling = by_symbol(table, column).rolling(window, min_periods=max(int(np.ceil(share * window)), 1))
    return getattr(rolling, statistic)().to_numpy()


def z(table: Table, column: str, window: int) -> pd.Series:
    return (table[column] - rolled(table, column, window, "mean")) / rolled(table, column, window, "std")


def position_in_range(table: Table, window: int) -> pd.Series:
    low, high = rolled(table, "close", window, "min"), rolled(table, "close", window, "max")
    return (table["close"] - low) / (high - low)


def momentum(table: Table, window: int, skip: int) -> pd.Series:
    moved = by_symbol(table, "log_close").shift(skip) - by_symbol(table, "log_close").shift(window)
    return moved / (rolled(table, "return", window, "std") * np.sqrt(window - skip))


def parkinson(table: Table, window: int) -> np.ndarray:
    squares = table.assign(square=(table["log_high"] - table["log_low"]) ** 2)
    return np.sqrt(rolled(squares, "square", window, "mean") / (4 * np.log(2)))


def dollar_volume(table: Table, window: int) -> np.ndarray:
    return np.log(rolled(table.assign(traded=table["close"] * table["volume"]), "traded", window, "mean"))


def beta(table: Table, window: int) -> np.ndarray:
    market = by_session(table, "return").transform("mean").where(table["return"].notna())
    products = table.assign(market=market, both=market * table["return"], square=market**2)
    mean = {name: rolled(products, name, window, "mean") for name in ("return", "market", "both", "square")}
    return (mean["both"] - mean["return"] * mean["market"]) / (mean["square"] - mean["market"] ** 2)


def rank(table: Table, column: str) -> pd.Series:
    ranks = by_session(table.assign(value=table[column].where(table["close"].notna())), "value")
    return (ranks.rank() - 1) / (ranks.transform("count") - 1) - 0.5


# In order, so that later ones may use earlier ones.
BY_PANDAS: dict[str, Callable[[Table], pd.Series | np.ndarray]] = {
    "return_1": lambda t: t["return"],
    "return_5": lambda t: change(t, "log_close", 5),
    "return_20": lambda t: change(t, "log_close", 20),
    "return_60": lambda t: change(t, "log_close", 60),
    "overnight": lambda t: t["log_open"] - by_symbol(t, "log_close").shift(1),
    "intraday": lambda t: t["log_close"] - t["log_open"],
    "close_location": lambda t: (t["close"] - t["low"]) / (t["high"] - t["low"]),
    "volatility_5": lambda t: rolled(t, "return", 5, "std"),
    "volatility_20": lambda t: rolled(t, "return", 20, "std"),
    "volatility_60": lambda t: rolled(t, "return", 60, "std"),
    "volatility_ratio_5_20": lambda t: np.log(t["volatility_5"] / t["volatility_20"]),
    "range_20": lambda t: parkinson(t, 20),
    "skewness_60": lambda t: rolled(t, "return", 60, "skew"),
    "momentum_60": lambda t: momentum(t, 60, 0),
    "momentum_252_21": lambda t: momentum(t, 252, 21),
    "position_in_range_60": lambda t: position_in_range(t, 60),
    "drawdown_60": lambda t: t["log_close"] - rolled(t, "log_close", 60, "max"),
    "rsi_14": lambda t: 100 * rolled(t, "rise", 14, "sum") / rolled(t, "move", 14, "sum"),
    "volume_z_20": lambda t: z(t, "log_volume", 20),
    "volume_change_1": lambda t: change(t, "log_volume", 1),
    "volume_change_5": lambda t: change(t, "log_volume", 5),
    "dollar_volume_20": lambda t: dollar_volume(t, 20),
    "sentiment_mean_5": lambda t: rolled(t, "sentiment", 5, "mean", share=0.0),
    "sentiment_change_5": lambda t: change(t, "sentiment", 5),
    "sentiment_z_60": lambda t: z(t, "sentiment", 60),
    "weekday": lambda t: t["session"].dt.day_of_week,
    "beta_60": lambda t: beta(t, 60),
    "market_return_5": lambda t: by_session(t, "return_5").transform("mean"),
    "rank_return_5": lambda t: rank(t, "return_5"),
    "rank_volatility_20": lambda t: rank(t, "volatility_20"),
}


def features_by_pandas(table: Table) -> dict[str, float]:
    """Adds all features to the table; seconds that each took."""

    def add(name: str) -> None:
        table[name] = BY_PANDAS[name](table)

    return {
        "shared columns": timed(lambda: shared_columns(table)),
        **{name: timed(partial(add, name)) for name in BY_PANDAS},
    }


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()  # one thread works, and what else the machine does shall not count
    work()
    return time.process_time() - start


def best(work: Callable[[], object], *, runs: int) -> float:
    return min(timed(work) for _ in range(runs))


def family(name: str) -> str:
    return feature_named(name).formula.__module__.rsplit(".", 1)[-1]


def row(title: str, finnet: float, pandas: float) -> str:
    return f"| {title} | {1e3 * finnet:.0f} | {1e3 * pandas:.0f} | {pandas / finnet:.1f} |"


def main(symbols: int, sessions: int) -> None:
    panel = made_market(symbols=symbols, sessions=sessions)
    tables = [features_by_pandas(long_table(panel)) for _ in range(2)]
    pandas = {name: min(seconds[name] for seconds in tables) for name in tables[0]}
    print(f"{symbols} symbols, {sessions} sessions, milliseconds of one core\n")
    print("| features | finnet | pandas | pandas / finnet |\n|---|---:|---:|---:|")
    for title in dict.fromkeys(map(family, BY_PANDAS)):
        names = [name for name in BY_PANDAS if family(name) == title]
        finnet = best(lambda names=names: FeatureSet.of(names).compute(panel), runs=7)
        print(row(f"{len(names)} of {title}", finnet, sum(pandas[name] for name in names)))
    finnet = best(lambda: FeatureSet.of(list(BY_PANDAS)).compute(panel), runs=15)
    print(row(f"all {len(BY_PANDAS)}, with what they share", finnet, sum(pandas.values())))


if __name__ == "__main__":
    main(*(map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (500, 1250)))
