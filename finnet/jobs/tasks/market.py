"""Markets: what every task that forecasts prices shares, from its data section to new rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from finnet.checks import require_at_least, require_within
from finnet.data.late_checks import suspect_join
from finnet.data.macro import MacroFile, inspect_macro
from finnet.data.panel import Panel, join_as_of
from finnet.data.prices import PriceFile, inspect_prices
from finnet.data.quality import BadFileError, Findings
from finnet.data.samples import index_history, made_market
from finnet.data.sentiment_files import SentimentFile, inspect_sentiment
from finnet.dataset import Dataset
from finnet.errors import ConfigError, DataError, LimitError
from finnet.evaluation.profile import Profile
from finnet.features.feature_set import STANDARD, FeatureSet, feature_meaning
from finnet.jobs.config import Job, SplitChoice, only
from finnet.jobs.new_rows import NewRows
from finnet.jobs.reading import Reading
from finnet.jobs.tasks.alarms import raise_market_alarms
from finnet.jobs.tasks.market_drafts import market_draft
from finnet.jobs.tasks.task import Task
from finnet.labels import HorizonLabel, build_dataset, is_ready
from finnet.plugins import is_plugin, load_plugin
from finnet.splits import WalkForward
from finnet.types import TimeArray

__all__ = [
    "ForecastSettings",
    "IndexHistory",
    "LabelChoice",
    "MadeMarket",
    "MarketData",
    "MarketJob",
    "MarketTask",
    "OwnLabel",
    "load_panel",
]


@dataclass(frozen=True)
class IndexHistory:
    """The embedded S&P 500 and NASDAQ history, 1999 to 2018."""


@dataclass(frozen=True)
class MadeMarket:
    """A made market whose sentiment moves prices by a stated amount; see `finnet.data.samples.made_market`.

    Parameters
    ----------
    symbols, sessions : int
        Size of the panel.
    beta : float
        Strength of the planted signal; at 0 there is none.
    seed : int
        Of the made prices, not of the fits.
    """

    symbols: int = 20
    sessions: int = 1250
    beta: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        require_within(self.symbols, 1, 10_000, name="symbols")
        require_within(self.sessions, 1, 100_000, name="sessions")
        require_at_least(self.seed, 0, name="seed")


@dataclass(frozen=True)
class MarketData:
    """One source of prices; with a price file also files of scored sentiment and of macro series."""

    index_history: IndexHistory | None = None
    made_market: MadeMarket | None = None
    prices: PriceFile | None = None
    sentiment: SentimentFile | None = None
    macro: MacroFile | None = None

    def __post_init__(self) -> None:
        _ = self.source
        for name in ("sentiment", "macro"):
            if getattr(self, name) is not None and self.prices is None:
                raise ConfigError(f"{name} is given without prices; add [data.prices] or remove [data.{name}]")

    @property
    def source(self) -> IndexHistory | MadeMarket | PriceFile:
        """Where the prices come from."""
        return only(index_history=self.index_history, made_market=self.made_market, prices=self.prices)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class OwnLabel:
    """A label of the user's own.

    Parameters
    ----------
    name : str
        `package.module:name` of a class derived from `finnet.labels.HorizonLabel`.
    settings : mapping
        What the class is made with.
    """

    name: str
    settings: Mapping[str, float | int | str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_plugin(self.name):
            raise ConfigError(f"name={self.name!r} is no name of code of your own; write module:name")

    def build(self) -> HorizonLabel:
        """The label; ConfigError where it is none, or does not take these settings."""
        kind = load_plugin(self.name)
        try:
            label = kind(**self.settings)
        except TypeError as error:
            raise ConfigError(f"{self.name!r} cannot be made with {dict(self.settings)} ({error})") from error
        if not isinstance(label, HorizonLabel):
            raise ConfigError(f"{self.name!r} is no label; derive it from finnet.labels.HorizonLabel")
        return label


@dataclass(frozen=True)
class LabelChoice:
    """What a task can forecast about a market: a field for each of its labels, and one of the user's own."""

    plugin: OwnLabel | None = None

    def __post_init__(self) -> None:
        _ = self.label

    @cached_property
    def label(self) -> HorizonLabel:
        """The label chosen."""
        # `plugin` comes last in the list that an error shows, although fields of a base class come first.
        names = sorted((field.name for field in fields(self)), key=lambda name: name == "plugin")
        chosen = only(**{name: getattr(self, name) for name in names})
        return chosen.build() if isinstance(chosen, OwnLabel) else chosen


@dataclass(frozen=True)
class ForecastSettings:
    """What `finnet forecast` accepts.

    Parameters
    ----------
    max_age_sessions : int
        Weekdays that may have passed since the last session of the prices.
    """

    max_age_sessions: int = 5

    def __post_init__(self) -> None:
        require_at_least(self.max_age_sessions, 0, name="max_age_sessions")


def _known_features(names: tuple[str, ...]) -> tuple[str, ...]:
    FeatureSet.of(names)
    return names


class MarketJob(Job):
    """What all jobs on prices have in common; each has a `label`, too.

    Parameters
    ----------
    features : tuple of str
        Families with their field and bars, such as return_5, rank_volatility_20 or sentiment_vix.
    min_history_bars : int
        Closes that a symbol must have had before its first row.
    """

    data: MarketData
    features: Annotated[tuple[str, ...], AfterValidator(_known_features)] = tuple(STANDARD)
    min_history_bars: Annotated[int, Field(ge=0)] = 0
    split: SplitChoice = SplitChoice(walk_forward=WalkForward())
    forecast: ForecastSettings = ForecastSettings()


class MarketTask(Task):
    """A task whose rows are symbols at closes; its jobs have a choice of labels, `job.label.label`."""

    def read(self, job: MarketJob, reading: Reading) -> Panel | None:
        """The prices, with sentiment and macro series joined as of each close."""
        return _panel(job.data, reading)

    def dataset(self, job: Any, source: Panel) -> Dataset:
        """A row for every symbol at every close that the features reach."""
        return build_dataset(source, job.features, job.label.label, min_history_bars=job.min_history_bars)

    def raise_alarms(self, dataset: Dataset, source: Panel, findings: Findings, *, file: str) -> None:
        """Note features and fields that give the next return away, and features that are hardly ever known."""
        raise_market_alarms(dataset, source, findings, file=file)

    def newest(self, source: Panel) -> str:
        """The last close."""
        return str(source.closes_at.max())

    def scaling(self) -> str:
        """Returns and ranks are about normal."""
        return "standard"

    def outcome(self, job: Any, source: Panel) -> "pd.Series[float] | None":
        """The return behind each label, shape (n_known,), indexed by close (UTC) and symbol."""
        index = pd.MultiIndex.from_product([source.closes_at, source.symbols])
        return pd.Series(job.label.label.returns(source).ravel(), index=index).dropna()

    def source_words(self, job: MarketJob) -> str:
        """Where the prices come from."""
        source = job.data.source
        if isinstance(source, IndexHistory):
            return "S&P 500 and NASDAQ Composite, daily"
        if isinstance(source, MadeMarket):
            return f"Made market of {source.symbols} symbols"
        return Path(source.path).name

    def horizon_words(self, dataset: Dataset) -> str:
        """The bars held."""
        return f" over {dataset.horizon:,} bar{'s' * (dataset.horizon > 1)}"

    def counts(self, dataset: Dataset) -> Sequence[str]:
        """The sessions."""
        return [f"{len(set(dataset.clock('known_at'))):,} sessions"]

    def features(self, job: MarketJob, dataset: Dataset) -> pd.DataFrame:
        """Name, meaning and bars looked back of every feature, shape (n_features, 3)."""
        look_backs = {feature.name: feature.look_back for feature in FeatureSet.of(job.features).features}
        meanings = [feature_meaning(name) for name in look_backs]
        return pd.DataFrame({"name": look_backs.keys(), "look_back": look_backs.values(), "meaning": meanings})

    def notes(self, job: Any, dataset: Dataset) -> Sequence[str]:
        """What limits forecasts of prices."""
        notes = ["Rows of one session share its shocks, so tests count sessions, not rows."]
        if isinstance(job.data.source, IndexHistory):
            notes.append("An index is not an order: real trades in a fund or future differ in price, cost and tax.")
            notes.append("Two indices that move together are little more evidence than one.")
        return notes

    def draft(self, files: Sequence[Path], folder: Path) -> list[str]:
        """Lines for a price file and, where there is a second one, sentiment."""
        return market_draft(files, folder, models=self.settings.model_fields["models"].default)

    def new_rows(
        self,
        job: Any,
        data: Path | str,
        *,
        sentiment: Path | str | None,
        profile: Profile,
        now: np.datetime64,
        until: np.datetime64 | None,
    ) -> NewRows:
        """A row for each symbol at each session known from `until` to `now`."""
        panel = _new_panel(job.data, data, sentiment)
        # Bars that are not complete yet are cut off, also where the file holds them.
        panel = panel.until(int((panel.closes_at <= now).sum()))
        features, sessions = FeatureSet.of(job.features), len(panel.sessions)
        if sessions < features.look_back:
            raise DataError(
                f"{sessions} complete sessions are too few: features look back {features.look_back}; give more history"
            )
        _require_fresh(panel, now, job.forecast.max_age_sessions)
        ready = is_ready(panel, look_back=features.look_back, min_history_bars=job.min_history_bars)
        if until is not None:
            # What lies before `until`, the model has seen in hindsight.
            ready = ready & (panel.closes_at >= until)[:, None]
        t, s = np.nonzero(ready)
        if not len(t):
            raise DataError(
                f"no session from {until}, when the model had been trained, to {panel.closes_at[-1]} has a symbol with"
                f" {max(job.min_history_bars, 1)} closes; give newer prices"
            )
        label = job.label.label
        return NewRows(
            X=pd.DataFrame(features.compute(panel)[t, s], columns=features.names),
            entity=np.array(panel.symbols, object)[s],
            target=label.target,
            horizon=label.horizon_bars,
            issued_at=panel.closes_at[t],
            tradable_at=_bars_later(panel, t, label.delay_bars),
            resolves_at=None,
            flags=[[] for _ in t],
            units=len(np.unique(t)),
        )

    def outcomes_of(
        self, job: Any, data: Path | str, *, rows: NewRows, now: np.datetime64, sentiment: Path | str | None = None
    ) -> pd.DataFrame:
        """The labels that have resolved by the last close: `truth` and `resolves_at` of each row, shape (n_rows, 2)."""
        panel, label = _new_panel(job.data, data, sentiment), job.label.label
        panel = panel.until(int((panel.closes_at <= now).sum()))
        assert rows.issued_at is not None
        t = np.searchsorted(panel.closes_at, rows.issued_at)
        s = pd.Index(panel.symbols).get_indexer(pd.Index(rows.entity))
        resolves_at = _bars_later(panel, t, label.delay_bars + label.horizon_bars)
        truth = np.full(panel.shape[:2], np.nan)
        values = label.values(panel)
        truth[: len(values)] = values
        return pd.DataFrame({"truth": np.where(np.isnat(resolves_at), np.nan, truth[t, s]), "resolves_at": resolves_at})


def load_panel(data: MarketData) -> Panel:
    """The Panel that a job asks for, with sentiment and macro series joined as of each close.

    Raises
    ------
    BadFileError
        A DataError with every finding, where one is an error.
    """
    reading = Reading()
    panel = _panel(data, reading)
    if panel is None or reading.has_errors:
        raise BadFileError(reading.problems)
    return panel


def _panel(data: MarketData, reading: Reading) -> Panel | None:
    source = data.source
    if isinstance(source, IndexHistory):
        return index_history()
    if isinstance(source, MadeMarket):
        return made_market(symbols=source.symbols, sessions=source.sessions, beta=source.beta, seed=source.seed)
    panel = inspect_prices(source, reading.of(source, "data.prices"))
    if data.sentiment is not None:
        findings = reading.of(data.sentiment, "data.sentiment")
        table = inspect_sentiment(data.sentiment, findings)
        panel = _join(panel, table, findings, settings=data.sentiment)
    if data.macro is not None:
        findings = reading.of(data.macro, "data.macro")
        table = inspect_macro(data.macro, findings)
        panel = _join(panel, table, findings, settings=data.macro)
    return panel


def _join(
    panel: Panel | None, table: pd.DataFrame | None, findings: Findings, *, settings: SentimentFile | MacroFile
) -> Panel | None:
    """The panel with the table's columns as of each close; as it is, where one of both could not be read."""
    if panel is None or table is None:
        return panel
    suspect_join(panel, table, findings, file=settings.path, max_age_days=settings.max_age_days)
    columns = [str(name) for name in table.columns if name not in ("available_at", "symbol", "date")]
    return join_as_of(panel, table, columns, max_age_days=settings.max_age_days or np.inf)


def _new_panel(of: MarketData, data: Path | str, sentiment: Path | str | None) -> Panel:
    source = of.source
    if not isinstance(source, PriceFile):
        raise ConfigError("the run used embedded prices, which get no new rows; run a job with [data.prices]")
    late = of.sentiment
    if sentiment is not None:
        if late is None:
            raise ConfigError("the job has no [data.sentiment]; leave the sentiment file out")
        late = replace(late, path=str(sentiment))
    # The period of the job is that of training; new rows come after it.
    prices = replace(source, path=str(data), start=None, end=None)
    return load_panel(MarketData(prices=prices, sentiment=late, macro=of.macro))


def _bars_later(panel: Panel, t: np.ndarray, bars: int) -> TimeArray:
    """Closes `bars` after those of t, shape (n,); NaT where the panel does not reach them."""
    # NaT stands behind the last close, and every bar beyond it is taken for that place.
    later = np.append(panel.closes_at, np.datetime64("NaT", "us"))
    return np.asarray(later[np.minimum(t + bars, len(panel.closes_at))])


def _require_fresh(panel: Panel, now: np.datetime64, limit: int) -> None:
    # Weekdays, not sessions: which days an exchange was closed is not known.
    last, today = panel.sessions[-1].astype("datetime64[D]"), now.astype("datetime64[D]")
    age = int(np.busday_count(last, today))
    if age > limit:
        words = f"the last session, {last}, is {age} weekdays old"
        raise LimitError(f"{words}; give newer prices (forecast.max_age_sessions={limit})")
