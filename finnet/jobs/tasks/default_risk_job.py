"""The default-risk job: what a job file can say about it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from pydantic import model_validator

from finnet.checks import require_at_least, require_choice, require_column, require_share, require_within
from finnet.data.loan_file import LoanFile
from finnet.data.meanings import NO_MEANINGS, Meanings
from finnet.data.quality import Findings
from finnet.errors import ConfigError
from finnet.jobs.config import CONTENDERS, Models, SplitChoice, only
from finnet.jobs.tasks.learning_curve import LearningCurve
from finnet.jobs.tasks.reasons import ReasonSettings
from finnet.jobs.tasks.scorecard_settings import JobWithScorecard
from finnet.lending.central_tendency import CentralTendency
from finnet.lending.grades import Grades
from finnet.lending.groups import GroupColumn
from finnet.lending.segments import PERIODS
from finnet.lending.terms import LoanTerms
from finnet.splits import Holdout

__all__ = ["DefaultRiskJob", "Fairness", "LoanData", "MadeLoanBook", "Segments"]


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
class LoanData:
    """One source of loans.

    Parameters
    ----------
    meanings : str
        A CSV file of what columns and codes mean, with the columns column, value and meaning; an empty value is the
        column itself. Pages and reasons show them. Delimiter and encoding are found out. A run holds what the file
        says.
    """

    made_loan_book: MadeLoanBook | None = None
    loans: LoanFile | None = None
    meanings: str | dict[str, Any] = ""

    def __post_init__(self) -> None:
        _ = self.source
        if not isinstance(self.meanings, str):
            Meanings.of(self.meanings)

    @property
    def source(self) -> MadeLoanBook | LoanFile:
        """Where the loans come from."""
        return only(made_loan_book=self.made_loan_book, loans=self.loans)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Fairness:
    """Groups of applicants by which decisions and forecasts are compared.

    Parameters
    ----------
    groups : tuple
        Columns of the loan file, or `{ column = "age", limits = [25, 60] }` where a number is to be divided, or
        `{ column = "status", join = { men = ["A91", "A93"], women = ["A92"] } }` where levels make one group. They are
        no features.
    keep_as_feature : tuple of str
        Columns of `groups` that the models are given all the same.
    approved_share : float, optional
        Share of the loans that count as approved, by lowest forecast, where no [lending] chooses a cut-off.
    """

    groups: tuple[str | GroupColumn, ...]
    keep_as_feature: tuple[str, ...] = ()
    approved_share: float | None = None

    def __post_init__(self) -> None:
        if not self.groups:
            raise ConfigError('fairness.groups is empty; name columns of the loan file, such as ["sex"]')
        _require_once(self.columns, key="fairness.groups")
        for name in self.keep_as_feature:
            require_choice(name, [own.column for own in self.columns], name="keep_as_feature")
        kept = [own.column for own in self.columns if own.join and own.column in self.keep_as_feature]
        if kept:
            raise ConfigError(
                f"levels of {kept[0]!r} are joined, so it cannot be kept as a feature; leave one of both out"
            )
        if self.approved_share is not None:
            require_share(self.approved_share, name="approved_share", zero=False)

    @property
    def columns(self) -> list[GroupColumn]:
        """The groups, each with its limits."""
        return _group_columns(self.groups)

    @property
    def aside(self) -> list[str]:
        """Columns that are no features."""
        names = dict.fromkeys(own.column for own in self.columns)
        return [name for name in names if name not in self.keep_as_feature]


@dataclass(frozen=True)
class Segments:
    """Parts of the loan book that are judged one by one.

    Parameters
    ----------
    columns : tuple
        Columns of the loan file, or `{ column = "income", limits = [2000, 4000] }`; numbers without limits are divided
        at their quartiles.
    period : str
        Time of application by which loans with dates are divided too: "month", "quarter", "year", or "" for none.
    """

    columns: tuple[str | GroupColumn, ...] = ()
    period: str = "quarter"

    def __post_init__(self) -> None:
        require_choice(self.period, [*PERIODS, ""], name="period")
        if any(own.join for own in self.groups):
            raise ConfigError("segments.columns joins no levels; join belongs to fairness.groups")
        _require_once(self.groups, key="segments.columns")

    @property
    def groups(self) -> list[GroupColumn]:
        """The columns, each with its limits."""
        return _group_columns(self.columns)


class DefaultRiskJob(JobWithScorecard):
    """Forecast the default of loans and, where their terms are stated, say which cut-off would pay.

    Parameters
    ----------
    models : tuple of str
        Networks and what they are compared with: risk_network (the classifier of default risk, which is deployed where
        the file names no other), scorecard, network, tree, svm, knn, logistic, forest, boosting; naive: prior_rate,
        best_column.
    """

    task: Literal["default-risk"]
    data: LoanData
    split: SplitChoice = SplitChoice(holdout=Holdout())
    models: Models = ("risk_network", "scorecard", *CONTENDERS, "prior_rate", "best_column")
    deploy: str = "risk_network"
    lending: LoanTerms | None = None
    grades: Grades = Grades()
    central_tendency: CentralTendency | None = None
    fairness: Fairness | None = None
    segments: Segments | None = None
    reasons: ReasonSettings = ReasonSettings()
    learning_curve: LearningCurve = LearningCurve()

    def meanings(self, findings: Findings) -> Meanings:
        """What columns and codes mean: as the job holds it, or read from its file; what is wrong there is noted."""
        own = self.data.meanings
        if not isinstance(own, str):
            return Meanings.of(own)
        return Meanings.read(own, findings) if own else NO_MEANINGS

    @property
    def words(self) -> Meanings:
        """The same; BadFileError where the file is wrong."""
        findings = Findings(section="data")
        return findings.checked(self.meanings(findings))

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The same job with the paths of all its files changed."""
        job, own = super().with_paths(change), self.data.meanings
        return job._with_meanings(change(own)) if isinstance(own, str) and own else job

    def with_files_read(self) -> Self:
        """The same job holding the bins and the meanings that files say."""
        job = super().with_files_read()
        return job._with_meanings(self.words.content) if self.data.meanings else job

    def _with_meanings(self, meanings: str | dict[str, Any]) -> Self:
        return self.model_copy(update={"data": replace(self.data, meanings=meanings)})

    def configured(self, name: str, model: Any) -> Any:
        """The estimator called `name`; the default-risk network held to the directions that the job enforces."""
        if name == "risk_network" and self.reasons.enforce:
            return model.set_params(monotone=dict(self.reasons.monotone))
        return super().configured(name, model)

    @model_validator(mode="after")
    def _enforces_on_the_risk_network(self) -> Self:
        if self.reasons.enforce and "risk_network" not in self.models:
            raise ConfigError("reasons.enforce binds risk_network, which models leaves out; name it, or only verify")
        return self

    @model_validator(mode="after")
    def _sets_groups_aside(self) -> Self:
        """Columns of groups can be set aside, and something says who of them is approved."""
        if self.fairness is not None:
            if self.lending is None and self.fairness.approved_share is None:
                raise ConfigError("fairness needs a cut-off: state [lending], or fairness.approved_share such as 0.8")
            # Made only to raise where a column is dropped and set aside.
            _ = self.source
        return self

    def require_column(self, column: str, known: Collection[str], *, key: str) -> None:
        """Raise ConfigError unless a key names one of the `known` columns; of others of the file it says why not."""
        source = self.source
        if column in known or isinstance(source, MadeLoanBook) or column not in source.named:
            require_column(column, known, key=key)
            return
        uses = {getattr(source, use): use for use in ("id", "applied_at", "order", "group", "weight")}
        if column in source.drop:
            why = "is in data.loans.drop and is not read; take it out of there"
        elif column in source.outcome_columns:
            why = "holds what became of the loans; name another column"
        elif column in uses:
            why = f"is data.loans.{uses[column]} and nothing besides; give a copy of it in the file another name"
        elif self.fairness is not None and column in self.fairness.aside:
            why = "makes groups of [fairness] and is no feature; add it to fairness.keep_as_feature, without a join"
        else:
            why = "is in data.loans.aside and is no feature; take it out of there"
        raise ConfigError(f"{key}: column {column!r} {why}")

    @property
    def source(self) -> MadeLoanBook | LoanFile:
        """Where the loans come from; columns of [fairness] are no features unless it keeps them."""
        source = self.data.source
        if self.fairness is None or isinstance(source, MadeLoanBook):
            return source
        # A column may be named in both; once is enough.
        return replace(source, aside=tuple(dict.fromkeys([*source.aside, *self.fairness.aside])))


def _group_columns(named: Sequence[str | GroupColumn]) -> list[GroupColumn]:
    return [GroupColumn(own) if isinstance(own, str) else own for own in named]


def _require_once(groups: Sequence[GroupColumn], *, key: str) -> None:
    """Raise ConfigError where a column is named twice: tables tell groups apart by their column."""
    names = [own.column for own in groups]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"{key} names {twice[0]!r} twice; divide a column in one way, or give a copy another name")
