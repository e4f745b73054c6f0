"""Settings of a job: what all jobs have in common, each checked before any data is read."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from finnet.blocks import Blocks
from finnet.checks import require_at_least, require_choice, require_share
from finnet.data.limits import Limits
from finnet.errors import ConfigError
from finnet.evaluation.metrics import METRICS, Metric, metric_named
from finnet.jobs.folders import require_job_name
from finnet.jobs.network_settings import NetworkSettings
from finnet.models import BASELINES, BEST, Kind, model_names
from finnet.plugins import is_plugin, load_plugin
from finnet.splits import Holdout, PurgedKFold, RepeatedKFold, Split, WalkForward

__all__ = ["CONTENDERS", "Job", "Models", "Purpose", "SplitChoice", "Tune", "only"]


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
        labels = {"use": "Use", "population": "Population", "users": "Users", "owner": "Owner", "not_for": "Not for"}
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
            metric_named(name)
        else:
            require_choice(name, METRICS, name="metrics")
    return names


def _with_validation(blocks: Blocks) -> Blocks:
    # Without rows held out, early stopping would hold out some of its own choice.
    require_share(blocks.validation, name="blocks.validation", zero=False)
    return blocks


def _named_as_a_folder(name: str) -> str:
    require_job_name(name)
    return name


JobName = Annotated[str, AfterValidator(_named_as_a_folder)]
CheckedBlocks = Annotated[Blocks, AfterValidator(_with_validation)]
Metrics = Annotated[tuple[str, ...], AfterValidator(_known_metrics)]
Models = Annotated[tuple[str, ...], AfterValidator(_known_models)]
CONTENDERS = ("network", "tree", "svm", "knn", "logistic", "forest", "boosting")


class Job(BaseModel):
    """What all jobs have in common; `read_job` gives the class of the task that the file names.

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
    >>> from finnet.jobs.job_file import read_job
    >>> read_job(example_path("direction")).task
    'direction'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    task: str
    name: JobName
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
    _file: str = ""

    def __eq__(self, other: object) -> bool:
        """Whether the settings are the same, whatever file they stand in."""
        return type(self) is type(other) and vars(self) == vars(other)

    @property
    def origin(self) -> str:
        """What messages call the job by: the path of its file, or its name where it was read from none."""
        return self._file or self.name

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        """Models, metrics, network and the model deployed can all do what the task forecasts."""
        for name in self.models:
            if name in BASELINES and self.kind not in BASELINES[name].made_by:
                able = [other for other, model in BASELINES.items() if self.kind in model.made_by]
                raise ConfigError(f"models names {name}, which cannot forecast this; use network, {', '.join(able)}")
        if self.deploy in BASELINES and self.kind in BASELINES[self.deploy].not_saved:
            raise ConfigError(f"deploy={self.deploy!r} has no form in a model file for this; deploy another model")
        forecast = {"event": "probability", "number": "mean", "quantile": "quantile"}[self.kind]

        def is_able(metric: Metric) -> bool:
            return metric.kind == "row" and forecast in metric.fits

        able = [name for name, metric in METRICS.items() if is_able(metric)]
        for name in self.metrics:
            if not is_able(metric_named(name)):
                raise ConfigError(f"metrics names {name}, which cannot be added here; use one of {', '.join(able)}")
        # Built only to raise what does not fit; which levels quantiles have does not matter for that.
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

    @property
    def plugins(self) -> list[str]:
        """Names of the user's own code that the job runs, in alphabetical order."""
        # Left out are the keys whose texts are the user's own: a path or a title may look like module:name.
        settings = self.model_dump(mode="json", exclude={"data", "title", "name", "scorecard"})
        return sorted({text for text in _texts(settings) if is_plugin(text)})

    def named_after(self, file: Path) -> Self:
        """The same job, which messages call by the path of the file that it was read from."""
        # A private attribute is no setting: it may change in a frozen model, and is neither compared nor written out.
        job = self.model_copy()
        job._file = str(file)
        return job

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
