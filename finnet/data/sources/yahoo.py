"""Daily prices from Yahoo Finance through yfinance (extra `data`), as one file that `PriceFile` reads."""

import importlib
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from finnet.checks import require_columns
from finnet.data.prices import PriceFile, check_prices
from finnet.data.quality import problems_of, told
from finnet.errors import ConfigError, DataError
from finnet.files import replace_file

__all__ = ["Fetch", "download_prices"]

Fetch = Callable[[Sequence[str], date, date], pd.DataFrame]
"""Bars of some symbols from a first to a last day, in the shape that `yfinance.download` gives."""

_FIELDS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}
_PRICES = ["open", "high", "low", "close"]
_RETRIES = 3


def download_prices(
    symbols: Sequence[str], start: date, end: date, *, cache: Path | str, fetch: Fetch | None = None
) -> Path:
    """Path of one Parquet file with all bars of the symbols, in long form and not adjusted yet.

    The same request is answered from the cache folder without a look at the network. Adjusted closes change with every
    later dividend: delete the file to fetch it anew.

    Parameters
    ----------
    symbols : sequence of str
        As Yahoo writes them, such as "AAPL", "BRK-B", "^GSPC"; small letters count as capitals.
    start, end : date
        First and last day, both included. `end` must be over in UTC, so that its bar is complete.
    cache : Path or str
        Folder of the file; made where there is none.
    fetch : callable, optional
        What asks for bars instead of yfinance.

    Raises
    ------
    ConfigError
        No symbols, days in the wrong order or not over yet, or yfinance is not installed.
    DataError
        A symbol came back without a bar, or the answer has an unknown shape or breaks a rule of prices; nothing is
        written then. Newest days without a close or its adjusted value are left out.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from finnet.data.prices import PriceFile, read_prices
    >>> names = pd.MultiIndex.from_product([["Close", "Adj Close"], ["AAPL"]], names=["Price", "Ticker"])
    >>> bars = pd.DataFrame([[10.0, 9.5], [11.0, 11.0]], pd.to_datetime(["2024-01-02", "2024-01-03"]), names)
    >>> path = download_prices(
    ...     ["AAPL"], date(2024, 1, 2), date(2024, 1, 3), cache=mkdtemp(), fetch=lambda symbols, start, end: bars
    ... )
    >>> read_prices(PriceFile(path=str(path)))["close"].ravel()
    array([ 9.5, 11. ])
    """
    wanted = sorted({symbol.strip().upper() for symbol in symbols})
    _require_request(wanted, start, end)
    # A hash: symbols hold characters that mean something in paths, and there may be thousands of them.
    digest = sha256(" ".join(wanted).encode()).hexdigest()[:16]
    path = Path(cache) / f"yahoo-{start}-{end}-{digest}.parquet"
    if not path.exists():
        answer = (fetch or _fetch)(wanted, start, end)
        parts = {symbol: _bars_of(answer, symbol) for symbol in wanted}
        empty = [symbol for symbol, part in parts.items() if part.empty]
        if empty:
            raise DataError(
                f"Yahoo gave no bars of {', '.join(empty)}; check the spelling and whether it traded then, or try later"
            )
        # Written only once the reader has accepted it, so that a bad answer is never found in the cache.
        content = _readable(pd.concat(parts.values(), ignore_index=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    return path


def _require_request(symbols: Sequence[str], start: date, end: date) -> None:
    if not symbols or not all(symbols):
        raise ConfigError(f"symbols={list(symbols)} name nothing to download; give for instance ('AAPL', '^GSPC')")
    if start > end:
        raise ConfigError(f"start={start} lies after end={end}; exchange them")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    if end > yesterday:
        raise ConfigError(f"end={end} is not over in UTC, so its bar may still change; use {yesterday} or earlier")


def _fetch(symbols: Sequence[str], start: date, end: date) -> pd.DataFrame:
    try:
        yfinance = importlib.import_module("yfinance")
    except ImportError as error:
        raise ConfigError(
            "prices from Yahoo need yfinance, which is not installed; pip install 'finnet[data]'"
        ) from error
    yfinance.config.network.retries = _RETRIES
    bars: pd.DataFrame = yfinance.download(
        list(symbols),
        start=start.isoformat(),
        end=(end + timedelta(days=1)).isoformat(),  # yfinance leaves its last day out
        auto_adjust=False,
        actions=False,
        progress=False,
    )
    return bars


def _bars_of(bars: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The bars of one symbol; the newest are dropped while Yahoo has not adjusted their close yet."""
    if bars.empty:
        return pd.DataFrame()
    if not {"Price", "Ticker"} <= set(bars.columns.names):
        raise DataError(
            f"Yahoo's answer has columns {list(bars.columns)[:5]}, not the levels Price and Ticker; update yfinance"
        )
    if not isinstance(bars.index, pd.DatetimeIndex):
        raise DataError(
            f"Yahoo's answer has rows named by {bars.index.dtype}, not by days; update yfinance, or try later"
        )
    if symbol not in bars.columns.get_level_values("Ticker"):
        return pd.DataFrame()
    own = pd.DataFrame(bars.xs(symbol, axis=1, level="Ticker")).rename(columns=_FIELDS)
    require_columns(own.columns, ["close", "adj_close"], name=f"Yahoo's answer for {symbol}")
    fields = [name for name in _FIELDS.values() if name in own.columns]
    traded = own[fields].dropna(how="all", subset=[name for name in _PRICES if name in fields])
    # Cut off after the last whole bar; one in the middle without a close stays, and the reader names it.
    whole = np.flatnonzero(traded[["close", "adj_close"]].notna().all(axis=1))
    traded = traded.iloc[: whole[-1] + 1] if len(whole) else traded.iloc[:0]
    days = pd.DatetimeIndex(traded.index).date
    return traded.reset_index(drop=True).assign(date=days, symbol=symbol)[["date", "symbol", *fields]]


def _readable(bars: pd.DataFrame) -> bytes:
    """The bars as a Parquet file that `read_prices` reads; DataError naming what it would refuse."""
    content = bytes(bars.to_parquet(index=False))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answer.parquet"
        path.write_bytes(content)
        found = [
            problem for problem in problems_of(check_prices(PriceFile(path=str(path)))) if problem.severity == "error"
        ]
    if found:
        lines = "\n  ".join(str(line).removeprefix(f"{path}, ") for line in told(found))
        raise DataError(
            f"Yahoo's answer cannot be used, and was not kept:\n  {lines}\n  try later, or leave symbols out"
        )
    return content
