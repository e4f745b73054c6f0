"""A task: all that one kind of job has of its own; jobs walk the same way for every one of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from finnet.data.inspection import SourceFile
from finnet.data.quality import Findings
from finnet.dataset import Dataset
from finnet.errors import ConfigError
from finnet.evaluation.assessment import Assessment
from finnet.evaluation.profile import Profile
from finnet.evaluation.walk_forward import FoldResult
from finnet.forecasts import Forecasts
from finnet.jobs.config import Job
from finnet.jobs.new_rows import NewRows
from finnet.jobs.reading import Reading
from finnet.reporting.report import Chapter
from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.coverage import CoverageSection
from finnet.reporting.sections.data import DataSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.purpose import PurposeSection
from finnet.reporting.sections.reproduction import ReproductionSection
from finnet.reporting.sections.risk_training import RiskTrainingSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.sections.training import TrainingSection
from finnet.reporting.text import percent
from finnet.splits import Split

__all__ = ["Decision", "FurtherFits", "Results", "SharedSections", "Study", "Task", "table_features"]


@dataclass(frozen=True, eq=False)
class Study:
    """What a job learns from, and what is odd about it.

    Parameters
    ----------
    dataset : Dataset
    source : object
        What the Dataset was made of, such as a Panel or a LoanBook; only the task looks into it.
    quality : DataFrame of shape (n_problems, 8)
        The quality table: rule, severity, file, line, column, value, count, remedy; no errors among them.
    checks : DataFrame of shape (n_checks, 6)
        What was looked for, found or not; see `finnet.data.inspection.checks_table`.
    files : sequence of SourceFile
        The files that were read.
    """

    dataset: Dataset
    source: Any
    quality: pd.DataFrame
    checks: pd.DataFrame
    files: Sequence[SourceFile] = ()


class FurtherFits(NamedTuple):
    """Fits beside those that a job compares: some of its models, on folds whose numbers none of its own folds has."""

    models: Sequence[str]
    split: Split


@dataclass(frozen=True, eq=False)
class Results:
    """What a job has found when all of its fits are done.

    Parameters
    ----------
    forecasts : Forecasts
        Out of sample, of every model.
    assessment : Assessment
        Scores and comparisons; its `subject` is the model that the page is about.
    model : estimator
        The model deployed: fitted on the last training window, as it was saved.
    pending : Forecasts, optional
        Of rows whose outcome is not known yet, by `model`.
    importance : DataFrame of shape (n_folds * n_features, n_measures), optional
        Permutation importance on test rows, fold by fold, of the model that the page is about, where the task asks for
        it: `fold` and the columns of `FitRecord.importance`.
    further : sequence of FoldResult
        The fits that `Task.further` asked for.
    """

    forecasts: Forecasts
    assessment: Assessment
    model: Any
    pending: Forecasts | None = None
    importance: pd.DataFrame | None = None
    further: Sequence[FoldResult] = ()

    @property
    def own(self) -> Forecasts:
        """Out-of-sample forecasts of the model that the page is about."""
        return self.forecasts.of(self.assessment.subject)


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision:
    """What deciding on the forecasts would have brought, and what deciding on new rows needs.

    Parameters
    ----------
    result : object, optional
        Such as a Backtest; None where nobody could have decided on them.
    record : mapping
        What metrics.json says of it.
    sections : sequence of ReportSection
        What the page says of it.
    known_truth : DataFrame of shape (n_forecasts, 2), optional
        True `probability` of made cases beside the `forecast`.
    policy : mapping
        What new rows are decided by, such as a cut-off, as JSON holds it; `Task.annotate` gets it from policy.json.
    files : mapping of str to str
        Further files of the run, by name: their text.
    """

    result: Any = None
    record: Mapping[str, Any] = field(default_factory=dict)
    sections: Sequence[ReportSection] = ()
    known_truth: pd.DataFrame | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class SharedSections:
    """The sections that every task's page has; calibration is that of probabilities or of quantiles, or None."""

    comparison: ComparisonSection
    calibration: CalibrationSection | CoverageSection | None
    training: TrainingSection | RiskTrainingSection
    purpose: PurposeSection
    data: DataSection
    limits: PointsSection
    reproduction: ReproductionSection


class Task(ABC):
    """One kind of job. A new one is a subclass in a file of its own and a line in `finnet.jobs.tasks`.

    Only `settings`, `read` and `dataset` must be given. Methods get the job, whose class is `settings`, and what `read`
    made of its files.
    """

    settings: ClassVar[type[Job]]
    """Class of the job files."""
    report_kind: ClassVar[str] = ""
    """What sort of report it is, in a sentence."""
    without_purpose: ClassVar[str] = ""
    """What the report says where the job file states no purpose; "" for nothing."""

    def complete(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings of a job file with defaults that depend on other settings; the others stand in `settings`."""
        return settings

    @abstractmethod
    def read(self, job: Any, reading: Reading) -> Any:
        """The source of the rows, every finding noted in `reading`; None where it cannot be read."""

    @abstractmethod
    def dataset(self, job: Any, source: Any) -> Dataset:
        """The rows to learn from."""

    def raise_alarms(self, dataset: Dataset, source: Any, findings: Findings, *, file: str) -> None:
        """Note columns of a file that give the outcome away; nothing where the task does not look for them."""
        return

    def newest(self, source: Any) -> str:
        """Moment of the newest row that was read; "" where rows have no dates."""
        return ""

    def scaling(self) -> str:
        """How numbers are made fit for networks: "standard", or "quantile" where columns have long tails."""
        return "quantile"

    def explained(self, job: Any) -> Sequence[str]:
        """Models whose permutation importance is measured on test rows; none unless a task shows it."""
        return []

    def further(self, job: Any, dataset: Dataset) -> FurtherFits | None:
        """Fits beside those that are compared, which a section of the page shows; None unless a task has some."""
        return None

    def outcome(self, job: Any, source: Any) -> "pd.Series[float] | None":
        """What the rank IC orders entities by, shape (n_known,); None where it is the truth itself.

        The index is (issued_at, entity).
        """
        return None

    def pending(self, source: Any) -> NewRows | None:
        """Rows whose outcome is not known yet, which the run forecasts and writes to pending.csv; None without any."""
        return None

    def decide(self, job: Any, study: Study, results: Results) -> Decision:
        """What deciding on the forecasts of the deployed model would have brought."""
        return Decision()

    def publish(self, job: Any, policy: Mapping[str, Any], *, X: pd.DataFrame, forecasts: Forecasts) -> Forecasts:
        """Forecasts of new rows as they are published, by the policy of the run; as they are, unless a task says so.

        They are those of the rows of X (n_rows, n_features), in its order.
        """
        return forecasts

    def annotate(
        self,
        job: Any,
        policy: Mapping[str, Any],
        *,
        model: Any,
        X: pd.DataFrame,
        forecasts: Forecasts,
        aside: pd.DataFrame | None = None,
    ) -> Mapping[str, Sequence[str | float]]:
        """Further columns of a table of new forecasts, such as decisions: text or number for each of `forecasts`.

        Parameters
        ----------
        policy : mapping
            That of the run's `Decision`.
        model : estimator
            The model deployed, which made the forecasts of X (n_rows, n_features).
        aside : DataFrame of shape (n_rows, n_columns), optional
            What is known of the same rows but is no feature.
        """
        return {}

    def arrange(self, shared: SharedSections, decision: Decision) -> Sequence[ReportSection | Chapter]:
        """The sections of the page, in the order of reading."""
        calibration = [] if shared.calibration is None else [shared.calibration]
        last = [shared.training, shared.data, shared.limits, shared.reproduction]
        return [shared.purpose, shared.comparison, *calibration, *decision.sections, *last]

    def source_words(self, job: Any) -> str:
        """Where the data come from, in a few words."""
        return Path(getattr(job.data.source, "path", job.name)).name

    def horizon_words(self, dataset: Dataset) -> str:
        """How far ahead is forecast, as the end of a sentence."""
        return ""

    def counts(self, dataset: Dataset) -> Sequence[str]:
        """How much data there is, beside its rows and entities."""
        return []

    def features(self, job: Any, dataset: Dataset) -> pd.DataFrame:
        """`name`, `meaning` and, for markets, `look_back` of every feature, shape (n_features, 2 or 3)."""
        return table_features(dataset.X)

    def notes(self, job: Any, dataset: Dataset) -> Sequence[str]:
        """What limits the result, a sentence each."""
        return []

    def limits(self, job: Any, study: Study, assessment: Assessment) -> Sequence[str]:
        """What limits the result beside `notes`, where it follows from what was read or found; a sentence each."""
        return []

    def draft(self, files: Sequence[Path], folder: Path) -> list[str]:
        """Lines of a job file for these files, guesses marked as such."""
        raise ConfigError("no job file can be drafted from files for this task; leave --from out")

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
        """The rows of a file that have not come true yet.

        Parameters
        ----------
        profile : Profile
            Of the rows that trained the model.
        until : datetime64 or None
            When the last outcome that trained it was known.
        """
        raise ConfigError("forecasting new rows is not possible for this task; leave it out")

    def outcomes_of(
        self, job: Any, data: Path | str, *, rows: NewRows, now: np.datetime64, sentiment: Path | str | None = None
    ) -> pd.DataFrame:
        """What has come true by `now` of the rows that `new_rows` gave for the same file.

        Returns
        -------
        DataFrame of shape (n_rows, 2 or 3)
            `truth`, NaN where it is not known, and `resolves_at`, of each row; all unknown where the task does not say.
            Where the file says so also `group`, the number of its client.
        """
        return pd.DataFrame({"truth": np.full(len(rows.X), np.nan)}).assign(resolves_at=rows.resolves_at)


def table_features(X: pd.DataFrame) -> pd.DataFrame:
    """Name and meaning of the columns of a table (n_rows, n_columns), shape (n_columns, 2).

    Examples
    --------
    >>> table_features(pd.DataFrame({"income": [1.5, 3.0]})).to_numpy().tolist()
    [['income', 'Number from 1.5 to 3']]
    """
    return pd.DataFrame({"name": X.columns, "meaning": [_meaning(X[name]) for name in X]})


def _meaning(column: "pd.Series[Any]") -> str:
    missing = f", {percent(column.isna().mean())} missing" if column.isna().any() else ""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return f"Category with {len(column.cat.categories)} levels{missing}"
    return f"Number from {column.min():g} to {column.max():g}{missing}"
