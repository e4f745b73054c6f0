"""Write data/sample/: small files, made here, in the shapes that finnet reads.

    python data/make_sample.py

The same command writes the same bytes (see `finnet.data.samples` for what is planted in them).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from finnet.data.panel import Panel
from finnet.data.samples import made_loan_book, made_market

SAMPLE = Path(__file__).parent / "sample"


def prices(panel: Panel) -> pd.DataFrame:
    """Long prices: date, symbol, open, high, low, close, volume."""
    days = np.repeat(panel.sessions.astype("datetime64[D]").astype(str), len(panel.symbols))
    table = pd.DataFrame({"date": days, "symbol": np.tile(panel.symbols, len(panel.sessions))})
    for name in ("open", "high", "low", "close"):
        table[name] = panel[name].ravel().round(4)
    return table.assign(volume=panel["volume"].ravel().astype(int))


def sentiment(panel: Panel) -> pd.DataFrame:
    """One score per symbol and session, published an hour before the close."""
    published = panel.closes_at - np.timedelta64(1, "h")
    times = np.repeat(np.datetime_as_string(published, unit="s"), len(panel.symbols))
    symbols = np.tile(panel.symbols, len(panel.sessions))
    return pd.DataFrame({"published": times, "symbol": symbols, "score": panel["sentiment"].ravel().round(4)})


def loans() -> pd.DataFrame:
    """Applications with dates, gaps and outcomes; the true probabilities are left out."""
    book = made_loan_book(loans=2000)
    applied = np.asarray(book.applied_at).astype("datetime64[D]").astype(str)
    table = book.features.assign(loan_id=book.loan_id, applied_on=applied, default=book.default)
    return table[["loan_id", "applied_on", *book.features.columns, "default"]]


def new_loans() -> pd.DataFrame:
    """Applications of a year after the others, which nobody knows the outcome of."""
    book = made_loan_book(loans=100, seed=1)
    names = [f"N{number:06d}" for number in range(len(book))]
    days = pd.date_range("2021-01-01", periods=len(book), freq="3D").astype(str)
    return book.features.assign(loan_id=names, applied_on=days)[["loan_id", "applied_on", *book.features]]


def main() -> None:
    """Write the four files."""
    SAMPLE.mkdir(exist_ok=True)
    # Weak enough that no alarm takes the score for tomorrow's news.
    panel = made_market(symbols=5, sessions=500, beta=0.15)
    tables = {"prices": prices(panel), "sentiment": sentiment(panel), "loans": loans(), "new_loans": new_loans()}
    for name, table in tables.items():
        table.to_csv(SAMPLE / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
