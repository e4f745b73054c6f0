"""Job files: what a run shall do, checked key by key before any data is read."""

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from math import inf
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from finnet.backtest.positions import LongFlat, LongShort, TopBottom
from finnet.blocks import Blocks
from finnet.checks import nearest, require_at_least, require_choice, require_number, require_share, require_within
from finnet.data.limits import Limits
from finnet.data.loans import LoanFile
from finnet.data.macro import MacroFile
from finnet.data.prices import PriceFile
from finnet.data.sentiment import SentimentFile
from finnet.errors import ConfigError
from finnet.features.feature_set import STANDARD, FeatureSet
from finnet.files import open_regular
from finnet.jobs.catalog import MODELS
from finnet.jobs.network_settings import NetworkSettings
from finnet.jobs.plain_settings import DEEPEST, require_plain, shown
from finnet.labels import AboveMedian, Direction
from finnet.lending.cutoff import LoanTerms
from finnet.splits import Holdout, PurgedKFold, RepeatedKFold, Split, WalkForward

__all__ = ["DefaultRiskJob", "DirectionJob", "Job"]


def _only(**given: Any) -> Any:
    """The one setting given among those named; ConfigError where it is none or several."""
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise ConfigError(f"{' and '.join(chosen) or 'nothing'} given; give exactly one of {', '.join(given)}")
    return next(iter(chosen.values()))


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
class MadeLoanBook:
    """A made loan book with known default probabilities; see `finnet.data.samples.made_loan_book`.

    Parameters
    ----------
    loans : int
        Number of applications.
    seed : int
        Of the made loans, not of the fits.
    """

    loans: int = 6000
    seed: int = 0

    def __post_init__(self) -> None:
        require_within(self.loans, 1, 10_000_000, name="loans")
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
        return _only(index_history=self.index_history, made_market=self.made_market, prices=self.prices)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class LoanData:
    """One source of loans."""

    made_loan_book: MadeLoanBook | None = None
    loans: LoanFile | None = None

    def __post_init__(self) -> None:
        _ = self.source

    @property
    def source(self) -> MadeLoanBook | LoanFile:
        """Where the loans come from."""
        return _only(made_loan_book=self.made_loan_book, loans=self.loans)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class LabelChoice:
    """What to forecast about a market."""

    direction: Direction | None = None
    above_median: AboveMedian | None = None

    def __post_init__(self) -> None:
        _ = self.label

    @property
    def label(self) -> Direction | AboveMedian:
        """The label chosen."""
        return _only(direction=self.direction, above_median=self.above_median)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class SplitChoice:
    """How rows are divided into training and test."""

    walk_forward: WalkForward | None = None
    holdout: Holdout | None = None
    purged_kfold: PurgedKFold | None = None
    repeated_kfold: RepeatedKFold | None = None

    def __post_init__(self) -> None:
        _ = self.split

    @property
    def split(self) -> Split:
        """The split chosen."""
        return _only(**{field.name: getattr(self, field.name) for field in fields(self)})  # type: ignore[no-any-return]


@dataclass(frozen=True)
class PositionChoice:
    """How forecasts become positions."""

    long_flat: LongFlat | None = None
    long_short: LongShort | None = None
    top_bottom: TopBottom | None = None

    def __post_init__(self) -> None:
        _ = self.rule

    @property
    def rule(self) -> LongFlat | LongShort | TopBottom:
        """The rule chosen."""
        return _only(**{field.name: getattr(self, field.name) for field in fields(self)})  # type: ignore[no-any-return]


@dataclass(frozen=True)
class BacktestSettings:
    """Positions and what it costs to change them.

    Parameters
    ----------
    cost_bps : float
        Basis points (1/10,000) of every amount traded.
    bars_per_year : float
        Bars of the prices in a year, for yearly figures; counted from the sessions where it is not given.
    """

    positions: PositionChoice = PositionChoice(long_flat=LongFlat())
    cost_bps: float = 2.0
    bars_per_year: float | None = None

    def __post_init__(self) -> None:
        require_at_least(self.cost_bps, 0, name="cost_bps")
        if self.bars_per_year is not None:
            require_number(self.bars_per_year, name="bars_per_year", below=inf, zero=False)


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


@dataclass(frozen=True)
class Tune:
    """The tuning budget of every model but the network, which tries as many settings as it has members.

    Parameters
    ----------
    trials : int
        Settings tried on each fold, judged by the first rows held out; 1 keeps the usual ones.
    """

    trials: int = 3

    def __post_init__(self) -> None:
        require_at_least(self.trials, 1, name="trials")


def _known_models(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        require_choice(name, MODELS, name="models")
    if "network" not in names or len(set(names)) < 2:
        raise ConfigError(f"models={list(names)}: name the network and at least one other model to compare it with")
    return tuple(dict.fromkeys(names))


def _known_features(names: tuple[str, ...]) -> tuple[str, ...]:
    FeatureSet.of(names)
    return names


def _with_validation(blocks: Blocks) -> Blocks:
    # Without rows held out, early stopping would hold out some of its own choice.
    require_share(blocks.validation, name="blocks.validation", zero=False)
    return blocks


CheckedBlocks = Annotated[Blocks, AfterValidator(_with_validation)]
Models = Annotated[tuple[str, ...], AfterValidator(_known_models)]
_MOST_BYTES = 1_000_000
_CONTENDERS = ("network", "tree", "svm", "knn", "logistic", "forest", "boosting")


class Job(BaseModel):
    """What both kinds of job have in common; `Job.from_toml` gives the right kind.

    Parameters
    ----------
    schema : 1
        Version of the job file's format.
    task : str
        "direction" or "default-risk".
    name : str
        Lower-case letters, digits and dashes; the report goes to reports/<name>/.
    title : str
        Heading of the report; the name by default.
    seed : int
        The same seed, data and kind of machine give the same forecasts.

    Examples
    --------
    >>> from finnet.jobs.examples import example_path
    >>> Job.from_toml(example_path("direction")).task
    'direction'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    title: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    blocks: CheckedBlocks = Blocks()
    network: NetworkSettings = NetworkSettings()
    tune: Tune = Tune()
    limits: Limits = Limits()

    @classmethod
    def from_toml(cls, path: Path | str) -> "DirectionJob | DefaultRiskJob":
        """The job that a file describes; paths in it are relative to its folder.

        Raises
        ------
        ConfigError
            Naming the file, the key path, the value and the remedy, for every key that is wrong.
        """
        path = Path(path)
        try:
            with open_regular(path) as file:
                text = file.read(_MOST_BYTES + 1)
            settings = tomllib.loads(text.decode())
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a job file") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is not TOML ({shown(error)}); mend that line") from error
        except RecursionError as error:
            raise ConfigError(f"{path}: is nested more than {DEEPEST} deep; write it flat") from error
        if len(text) > _MOST_BYTES:
            raise ConfigError(f"{path}: has more than {_MOST_BYTES:,} bytes; give the path of a job file")
        return parse_job(settings, source=str(path)).relative_to(path.parent)

    def relative_to(self, folder: Path) -> Self:
        """The same job with the paths of its data files taken from `folder`."""
        return self.with_paths(lambda path: os.path.normpath(folder / path))

    @property
    def paths(self) -> dict[str, str]:
        """Paths of the data files by the name of their table."""
        data = self.data  # type: ignore[attr-defined]
        sources = {field.name: getattr(data, field.name) for field in fields(data)}
        return {name: source.path for name, source in sources.items() if hasattr(source, "path")}

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The same job with the path of every data file changed."""
        data = self.data  # type: ignore[attr-defined]
        moved = {name: replace(getattr(data, name), path=change(path)) for name, path in self.paths.items()}
        return self.model_copy(update={"data": replace(data, **moved)})


class DirectionJob(Job):
    """Forecast the direction of prices, and say what trading on it would have brought.

    Parameters
    ----------
    features : tuple of str
        Families with their field and bars, such as return_5, rank_volatility_20 or sentiment_vix.
    min_history_bars : int
        Closes that a symbol must have had before its first row.
    models : tuple of str
        The network and what it is compared with: tree, svm, knn, logistic, forest, boosting; naive: always_up,
        prior_rate, persistence, best_column.
    """

    task: Literal["direction"]
    data: MarketData
    features: Annotated[tuple[str, ...], AfterValidator(_known_features)] = tuple(STANDARD)
    min_history_bars: Annotated[int, Field(ge=0)] = 0
    label: LabelChoice = LabelChoice(direction=Direction())
    split: SplitChoice = SplitChoice(walk_forward=WalkForward())
    models: Models = (*_CONTENDERS, "always_up", "prior_rate", "persistence", "best_column")
    backtest: BacktestSettings = BacktestSettings()
    forecast: ForecastSettings = ForecastSettings()


class DefaultRiskJob(Job):
    """Forecast the default of loans, and say which cut-off would pay.

    Parameters
    ----------
    models : tuple of str
        The network and what it is compared with: tree, svm, knn, logistic, forest, boosting; naive: prior_rate,
        best_column.
    """

    task: Literal["default-risk"]
    data: LoanData
    split: SplitChoice = SplitChoice(holdout=Holdout())
    models: Models = (*_CONTENDERS, "prior_rate", "best_column")
    lending: LoanTerms = LoanTerms()


_JOBS: Mapping[str, type[DirectionJob] | type[DefaultRiskJob]] = {
    "direction": DirectionJob,
    "default-risk": DefaultRiskJob,
}


def parse_job(settings: Mapping[str, Any], *, source: str = "job") -> DirectionJob | DefaultRiskJob:
    """The job that these settings describe; ConfigError naming every key that is wrong."""
    require_plain(settings, source=source)
    task = settings.get("task")
    if not isinstance(task, str):
        raise ConfigError(f'{source}: task is missing; add task = "direction" or task = "default-risk"')
    try:
        require_choice(task, _JOBS, name="task")
        # Strict, so that "5" is no number; by way of JSON, whose lists and days are our tuples and dates.
        return _JOBS[task].model_validate_json(json.dumps(settings, default=str), strict=True)
    except ValidationError as error:
        problems = dict.fromkeys(_sentence(_JOBS[task], problem) for problem in error.errors())
        raise ConfigError(f"{source}: " + "; ".join(problems)) from None


_PLAIN_WORDS = {
    "Input should be an object": "must be a table of keys",
    "Input should be a valid string": 'must be a text in quotes, or a list where several are meant: "a" or ["a", "b"]',
    "Input should be a valid array": "must be a list in brackets",
    "Input should be": "must be",
}


def _sentence(job: type[Job], problem: Mapping[str, Any]) -> str:
    # Of a key that may be of two types, both are tried, and named by Python's words for them.
    loc = tuple(str(part) for part in problem["loc"] if not re.match(r"(str|tuple|list|int|float|bool)\b", str(part)))
    path = ".".join(loc)
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key {path}; {nearest(loc[-1], _keys_at(job, loc[:-1]))}"
    if problem["type"] in ("missing", "missing_argument"):
        return f"{path} is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    for words, plain in _PLAIN_WORDS.items():
        message = message.replace(words, plain)
    value = problem.get("input")
    return f"{path}: {message}" + ("" if isinstance(value, dict) else f" (given {shown(repr(value))})")


def _keys_at(kind: Any, path: tuple[str, ...]) -> list[str]:
    """Keys allowed in the table at `path` within `kind`."""
    types = _field_types(kind)
    if not path:
        return list(types)
    return _keys_at(types[path[0]], path[1:]) if path[0] in types else list(types)


def _field_types(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    table = settings_class(kind)
    return {} if table is None else {field.name: field.type for field in fields(table)}


def settings_class(kind: Any) -> Any:
    """The class whose settings a table of a job file gives, from the type of its field; None where it is no table."""
    parts = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    return next((part for part in parts if isinstance(part, type) and is_dataclass(part)), None)
