"""Sources: from the data section of a job to a Panel or a LoanBook, on to the Dataset, and what is odd on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pandas as pd

from finnet.data.late_checks import suspect_join
from finnet.data.limits import limited
from finnet.data.loans import inspect_loans
from finnet.data.macro import MacroFile, inspect_macro
from finnet.data.panel import LoanBook, Panel, join_as_of
from finnet.data.prices import inspect_prices
from finnet.data.quality import BadFileError, Findings, Problem, quality_table, told
from finnet.data.samples import index_history, made_loan_book, made_market
from finnet.data.sentiment import SentimentFile, inspect_sentiment
from finnet.dataset import Dataset
from finnet.errors import ConfigError, FinnetError
from finnet.jobs.alarms import raise_alarms
from finnet.jobs.config import (
    DefaultRiskJob,
    DirectionJob,
    IndexHistory,
    LoanData,
    MadeLoanBook,
    MadeMarket,
    MarketData,
)
from finnet.jobs.plans import hindrances
from finnet.labels import build_dataset, default_dataset

__all__ = ["Loaded", "check_data", "load", "load_panel"]

_CANNOT_RUN = "cannot_run"


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a job learns from, and what is odd about it.

    Parameters
    ----------
    dataset : Dataset
    source : Panel or LoanBook
        The prices or loans that decisions need.
    quality : DataFrame
        The quality table: rule, severity, file, line, column, value, count, remedy; no errors among them.
    """

    dataset: Dataset
    source: Panel | LoanBook
    quality: pd.DataFrame


class _Read:
    """Findings of all files of a job, and what could be read of them."""

    def __init__(self) -> None:
        self.findings: list[Findings] = []
        self.source: Panel | LoanBook | None = None
        self.dataset: Dataset | None = None

    def of(self, settings: object, section: str) -> Findings:
        """Findings of one more source, by the rules that its settings may have."""
        found = Findings(getattr(settings, "rules", {}), section=section)
        self.findings.append(found)
        return found

    @property
    def problems(self) -> Sequence[Problem]:
        return [problem for findings in self.findings for problem in findings.problems]

    @property
    def has_errors(self) -> bool:
        return any(findings.has_errors for findings in self.findings)


def load(job: DirectionJob | DefaultRiskJob) -> Loaded:
    """Rows to learn from, the prices or loans that decisions need, and the quality table of the files.

    Raises
    ------
    BadFileError
        A DataError with every finding, where one is an error.
    ConfigError
        Where only the settings do not fit the data.
    """
    read = _read(job)
    if read.has_errors:
        _require_sound(read.problems)
    assert read.dataset is not None
    assert read.source is not None
    return Loaded(read.dataset, read.source, quality_table(read.problems))


def check_data(job: DirectionJob | DefaultRiskJob) -> pd.DataFrame:
    """The quality table of all files that a job reads, errors first; no rows where all is well.

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
    return quality_table(_read(job).problems)


def _read(job: DirectionJob | DefaultRiskJob) -> _Read:
    read = _Read()
    with limited(job.limits):
        read.source = _book(job.data, read) if isinstance(job, DefaultRiskJob) else _panel(job.data, read)
    if read.source is None:
        return read
    findings = read.of(job.data.source, "")
    had_errors = read.has_errors
    try:
        read.dataset = _dataset(job, read.source)
    except FinnetError as error:
        # Without what is wrong already, this may be no trouble of its own.
        if not had_errors:
            findings.add(_CANNOT_RUN, job.name, value=str(error))
        return read
    if not had_errors:
        for sentence in hindrances(job, read.dataset):
            findings.add(_CANNOT_RUN, job.name, value=sentence)
    # Embedded data have a known truth, and no file whose columns could have been filled too late.
    file = getattr(job.data.source, "path", "")
    if file:
        raise_alarms(read.dataset, read.source if isinstance(read.source, Panel) else None, findings, file=file)
    return read


def _dataset(job: DirectionJob | DefaultRiskJob, source: Panel | LoanBook) -> Dataset:
    if isinstance(source, LoanBook):
        return default_dataset(source)
    assert isinstance(job, DirectionJob)
    return build_dataset(source, job.features, job.label.label, min_history_bars=job.min_history_bars)


def _book(data: LoanData, read: _Read) -> LoanBook | None:
    source = data.source
    if isinstance(source, MadeLoanBook):
        return made_loan_book(loans=source.loans, seed=source.seed)
    return inspect_loans(source, read.of(source, "data.loans"))


def load_panel(data: MarketData) -> Panel:
    """The Panel that a job asks for, with sentiment and macro series joined as of each close.

    Raises
    ------
    BadFileError
        A DataError with every finding, where one is an error.
    """
    read = _Read()
    panel = _panel(data, read)
    if panel is None or read.has_errors:
        raise BadFileError(read.problems)
    return panel


def _panel(data: MarketData, read: _Read) -> Panel | None:
    source = data.source
    if isinstance(source, IndexHistory):
        return index_history()
    if isinstance(source, MadeMarket):
        return made_market(symbols=source.symbols, sessions=source.sessions, beta=source.beta, seed=source.seed)
    panel = inspect_prices(source, read.of(source, "data.prices"))
    if data.sentiment is not None:
        findings = read.of(data.sentiment, "data.sentiment")
        panel = _join(panel, inspect_sentiment(data.sentiment, findings), data.sentiment, findings)
    if data.macro is not None:
        findings = read.of(data.macro, "data.macro")
        panel = _join(panel, inspect_macro(data.macro, findings), data.macro, findings)
    return panel


def _join(
    panel: Panel | None, table: pd.DataFrame | None, settings: SentimentFile | MacroFile, findings: Findings
) -> Panel | None:
    if panel is None or table is None:
        return panel
    suspect_join(panel, table, findings, file=settings.path, max_age_days=settings.max_age_days)
    columns = [str(name) for name in table.columns if name not in ("available_at", "symbol", "date")]
    return join_as_of(panel, table, columns, max_age_days=settings.max_age_days or np.inf)


def _require_sound(problems: Sequence[Problem]) -> NoReturn:
    """Raise what is wrong: a ConfigError where the data are sound and only the settings do not fit them."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if all(problem.rule == _CANNOT_RUN for problem in errors):
        raise ConfigError("; ".join(line.found for line in told(errors)))
    raise BadFileError(problems)
