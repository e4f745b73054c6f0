"""Job files: what a run shall do, checked key by key before any data is read."""

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from finnet.blocks import Blocks
from finnet.checks import nearest, require_at_least, require_choice, require_share
from finnet.data.limits import Limits
from finnet.errors import ConfigError, PluginError
from finnet.evaluation.metrics import METRICS, Metric
from finnet.files import open_regular
from finnet.jobs.network_settings import NetworkSettings
from finnet.jobs.plain_settings import DEEPEST, require_plain, shown
from finnet.models import BASELINES, BEST, Kind, model_names
from finnet.plugins import is_plugin, load_plugin
from finnet.splits import Holdout, PurgedKFold, RepeatedKFold, Split, WalkForward

__all__ = ["CONTENDERS", "Job", "Models", "Purpose", "SplitChoice", "Tune", "only", "parse_job", "settings_class"]


def only(**given: Any) -> Any:
    """The one setting given among those named; ConfigError where it is none or several."""
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise ConfigError(f"{' and '.join(chosen) or 'nothing'} given; give exactly one of {', '.join(given)}")
    return next(iter(chosen.values()))


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
        return only(**{field.name: getattr(self, field.name) for field in fields(self)})  # type: ignore[no-any-return]


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


@dataclass(frozen=True)
class Purpose:
    """What forecasts are for, in words that the report repeats; they decide nothing.

    Parameters
    ----------
    use : str
        The decisions that the forecasts serve.
    population : str
        The cases that they are meant for.
    users, owner : str
        Who works with them, and who answers for them.
    not_for : str
        Uses that they are not meant for.
    """

    use: str = ""
    population: str = ""
    users: str = ""
    owner: str = ""
    not_for: str = ""

    @property
    def stated(self) -> dict[str, str]:
        """Answers by question."""
        labels = {"use": "Use", "population": "Cases", "users": "Users", "owner": "Owner", "not_for": "Not for"}
        return {label: getattr(self, name) for name, label in labels.items()}


def _known_models(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if is_plugin(name):
            load_plugin(name)
        else:
            require_choice(name, model_names(), name="models")
    if not {"network", "risk_network"} & set(names) or len(set(names)) < 2:
        raise ConfigError(f"models={list(names)}: name the network and at least one other model to compare it with")
    return tuple(dict.fromkeys(names))


def _known_metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if is_plugin(name):
            own = load_plugin(name)
            if not isinstance(own, Metric):
                raise ConfigError(f"{name!r} is no Metric; see finnet.evaluation.metrics.Metric")
            METRICS[name] = own
        require_choice(name, METRICS, name="metrics")
    return names


def _with_validation(blocks: Blocks) -> Blocks:
    # Without rows held out, early stopping would hold out some of its own choice.
    require_share(blocks.validation, name="blocks.validation", zero=False)
    return blocks


CheckedBlocks = Annotated[Blocks, AfterValidator(_with_validation)]
Metrics = Annotated[tuple[str, ...], AfterValidator(_known_metrics)]
Models = Annotated[tuple[str, ...], AfterValidator(_known_models)]
_MOST_BYTES = 1_000_000
CONTENDERS = ("network", "tree", "svm", "knn", "logistic", "forest", "boosting")


class Job(BaseModel):
    """What all jobs have in common; `Job.from_toml` gives the class of the task that the file names.

    Parameters
    ----------
    schema : 1
        Version of the job file's format.
    task : str
        What to forecast, such as "direction" or "default-risk".
    name : str
        Lower-case letters, digits and dashes; the report goes to reports/<name>/.
    title : str
        Heading of the report; the name by default.
    seed : int
        The same seed, data and kind of machine give the same forecasts.
    deploy : str
        The model that the report is about, that decides, and that `finnet forecast` applies: one of `models`, or
        "best", the one with the lowest log loss on training rows held out, chosen fold by fold.
    metrics : tuple of str
        Scores beside those of the target: names in `finnet.evaluation.metrics.METRICS`, or `package.module:name` of a
        Metric of your own. They decide nothing.

    Examples
    --------
    >>> from finnet.jobs.examples import example_path
    >>> Job.from_toml(example_path("direction")).task
    'direction'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    task: str
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]
    title: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    data: Any
    split: SplitChoice
    models: Models
    deploy: str = "network"
    metrics: Metrics = ()
    blocks: CheckedBlocks = Blocks()
    network: NetworkSettings = NetworkSettings()
    tune: Tune = Tune()
    limits: Limits = Limits()
    purpose: Purpose = Purpose()

    @model_validator(mode="after")
    def _deploys_a_model(self) -> Self:
        self._require_models_of_the_kind()
        self._require_metrics_of_the_kind()
        self.network.build(kind=self.kind, levels=(0.5,))
        require_choice(self.deploy, (*self.models, BEST) if self.kind == "event" else self.models, name="deploy")
        if self.deploy == BEST and not self.blocks.calibration:
            raise ConfigError('deploy="best" chooses by rows that calibrate; give blocks.calibration more than 0')
        if is_plugin(self.deploy):
            raise ConfigError(f"deploy={self.deploy!r} is code of your own, which no model file can hold; name another")
        return self

    @property
    def kind(self) -> Kind:
        """What is forecast: probabilities of an event, numbers, or quantiles."""
        return "event"

    def _require_models_of_the_kind(self) -> None:
        for name in self.models:
            if name in BASELINES and self.kind not in BASELINES[name].made_by:
                able = [other for other, model in BASELINES.items() if self.kind in model.made_by]
                raise ConfigError(f"models names {name}, which cannot forecast this; use network, {', '.join(able)}")
        if self.deploy in BASELINES and self.kind in BASELINES[self.deploy].not_saved:
            raise ConfigError(f"deploy={self.deploy!r} has no form in a model file for this; deploy another model")

    def _require_metrics_of_the_kind(self) -> None:
        forecast = {"event": "probability", "number": "mean", "quantile": "quantile"}[self.kind]
        able = [name for name, metric in METRICS.items() if metric.kind == "row" and forecast in metric.fits]
        for name in self.metrics:
            if name not in able:
                raise ConfigError(f"metrics names {name}, which cannot be added here; use one of {', '.join(able)}")

    @property
    def plugins(self) -> list[str]:
        """Names of the user's own code that the job runs, in alphabetical order."""
        settings = self.model_dump(mode="json", exclude={"data", "title", "name", "scorecard"})
        return sorted({text for text in _texts(settings) if is_plugin(text)})

    @classmethod
    def from_toml(cls, path: Path | str) -> "Job":
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
        return parse_job(settings, source=str(path)).relative_to(path.parent).with_files_read()

    def relative_to(self, folder: Path) -> Self:
        """The same job with the paths of its data files taken from `folder`."""
        return self.with_paths(lambda path: os.path.normpath(folder / path))

    @property
    def paths(self) -> dict[str, str]:
        """Paths of the data files by the name of their table."""
        sources = {field.name: getattr(self.data, field.name) for field in fields(self.data)}
        return {name: source.path for name, source in sources.items() if hasattr(source, "path")}

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The same job with the path of every data file changed."""
        moved = {name: replace(getattr(self.data, name), path=change(path)) for name, path in self.paths.items()}
        return self.model_copy(update={"data": replace(self.data, **moved)})

    def with_files_read(self) -> Self:
        """The same job holding what the small files say that its settings name, so that it lasts without them."""
        return self

    def configured(self, name: str, model: Any) -> Any:
        """The estimator called `name`, with those settings of the job that are its own."""
        return model


def _texts(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from _texts(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _texts(value)


def parse_job(settings: Mapping[str, Any], *, source: str = "job") -> Job:
    """The job that these settings describe; ConfigError naming every key that is wrong."""
    # A task is read after its own settings, which build on this module.
    from finnet.jobs.tasks import TASKS

    require_plain(settings, source=source)
    name = settings.get("task")
    if not isinstance(name, str):
        known = " or ".join(f'task = "{task}"' for task in TASKS)
        raise ConfigError(f"{source}: task is missing; add {known}")
    require_choice(name, TASKS, name="task")
    job, settings = TASKS[name].settings, TASKS[name].complete(settings)
    try:
        # Strict, so that "5" is no number; by way of JSON, whose lists and days are our tuples and dates.
        return job.model_validate_json(json.dumps(settings, default=str), strict=True)
    except ValidationError as error:
        problems = dict.fromkeys(_sentence(job, problem) for problem in error.errors())
        causes = [problem.get("ctx", {}).get("error") for problem in error.errors()]
        kind = PluginError if any(isinstance(cause, PluginError) for cause in causes) else ConfigError
        raise kind(f"{source}: " + "; ".join(problems)) from None


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
    if not path:
        return str(message)
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
