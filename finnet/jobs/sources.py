"""Sources: from the data section of a job to a Panel or a LoanBook, and on to the Dataset."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import pandas as pd

from finnet.data.limits import limited
from finnet.data.loans import LoanFile, check_loans, read_loans
from finnet.data.macro import MacroFile, check_macro, read_macro
from finnet.data.panel import LoanBook, Panel, join_as_of
from finnet.data.prices import PriceFile, check_prices, read_prices
from finnet.data.quality import Findings
from finnet.data.samples import index_history, made_loan_book, made_market
from finnet.data.sentiment import SentimentFile, check_sentiment, read_sentiment
from finnet.dataset import Dataset
from finnet.jobs.config import (
    DefaultRiskJob,
    DirectionJob,
    IndexHistory,
    LoanData,
    MadeLoanBook,
    MadeMarket,
    MarketData,
)
from finnet.labels import build_dataset, default_dataset

__all__ = ["check_data", "load_book", "load_dataset", "load_panel"]


def load_panel(data: MarketData) -> Panel:
    """The Panel that a job asks for, with sentiment and macro series joined as of each close."""
    source = data.source
    if isinstance(source, IndexHistory):
        return index_history()
    if isinstance(source, MadeMarket):
        return made_market(symbols=source.symbols, sessions=source.sessions, beta=source.beta, seed=source.seed)
    panel = read_prices(source)
    if data.sentiment is not None:
        panel = _join(panel, read_sentiment(data.sentiment))
    if data.macro is not None:
        panel = _join(panel, read_macro(data.macro))
    return panel


def _join(panel: Panel, table: pd.DataFrame) -> Panel:
    columns = [str(name) for name in table.columns if name not in ("available_at", "symbol", "date")]
    return join_as_of(panel, table, columns)


def load_book(data: LoanData) -> LoanBook:
    """The LoanBook that a job asks for."""
    source = data.source
    if isinstance(source, MadeLoanBook):
        return made_loan_book(loans=source.loans, seed=source.seed)
    return read_loans(source)


def load_dataset(job: DirectionJob | DefaultRiskJob) -> tuple[Dataset, Panel | LoanBook]:
    """Rows to learn from, and the prices or loans that decisions need."""
    if isinstance(job, DefaultRiskJob):
        with limited(job.limits):
            book = load_book(job.data)
        return default_dataset(book), book
    with limited(job.limits):
        panel = load_panel(job.data)
    rows = build_dataset(panel, job.features, job.label.label, min_history_bars=job.min_history_bars)
    return rows, panel


def check_data(job: DirectionJob | DefaultRiskJob) -> pd.DataFrame:
    """The quality table of all files that a job reads, errors first; no rows where all is well or data are embedded.

    Returns
    -------
    DataFrame
        Columns rule, severity, file, line, column, value, count, remedy.

    Examples
    --------
    >>> from finnet.jobs.config import parse_job
    >>> loans = {"path": "nowhere.csv", "target": "bad"}
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": loans}})
    >>> check_data(job)[["rule", "severity", "file"]].values.tolist()
    [['unreadable_file', 'error', 'nowhere.csv']]
    """
    sources = [getattr(job.data, field.name) for field in fields(job.data)]
    with limited(job.limits):
        tables = [_CHECKS[type(source)](source) for source in sources if type(source) in _CHECKS]
    return pd.concat([Findings().table(), *tables]).sort_values("severity", kind="stable", ignore_index=True)


_CHECKS: Mapping[type, Callable[[Any], pd.DataFrame]] = {
    PriceFile: check_prices,
    SentimentFile: check_sentiment,
    MacroFile: check_macro,
    LoanFile: check_loans,
}
