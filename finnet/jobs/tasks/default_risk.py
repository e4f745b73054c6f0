"""Default risk: who will not pay back, and which cut-off would pay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from finnet.checks import require_at_least, require_within
from finnet.data.loans import LoanFile, inspect_loans, read_applications
from finnet.data.panel import LoanBook
from finnet.data.quality import Findings
from finnet.data.samples import made_loan_book
from finnet.dataset import Dataset
from finnet.errors import ConfigError
from finnet.evaluation.stability import Profile
from finnet.forecasts import Forecasts
from finnet.jobs.alarms import raise_loan_alarms
from finnet.jobs.config import CONTENDERS, Job, Models, SplitChoice, only
from finnet.jobs.loan_drafts import loan_draft
from finnet.jobs.new_rows import LATER, OLD, REPEATED, NewRows
from finnet.jobs.pending import PENDING
from finnet.jobs.reading import Reading
from finnet.jobs.tasks.task import Decision, Results, SharedSections, Study, Task
from finnet.jobs.weight_notes import weight_notes
from finnet.labels import default_dataset, paid_out_at
from finnet.lending.cutoff import LoanTerms, best_cutoff, cutoff_table
from finnet.reporting.report import Chapter, Report
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.guidance import GuidanceSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, percent
from finnet.splits import Holdout
from finnet.types import BoolArray

__all__ = ["DefaultRiskJob", "DefaultRiskTask", "LoanData", "MadeLoanBook"]


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
    """One source of loans."""

    made_loan_book: MadeLoanBook | None = None
    loans: LoanFile | None = None

    def __post_init__(self) -> None:
        _ = self.source

    @property
    def source(self) -> MadeLoanBook | LoanFile:
        """Where the loans come from."""
        return only(made_loan_book=self.made_loan_book, loans=self.loans)  # type: ignore[no-any-return]


class DefaultRiskJob(Job):
    """Forecast the default of loans, and say which cut-off would pay.

    Parameters
    ----------
    models : tuple of str
        Networks and what they are compared with: risk_network (the classifier of default risk, which is deployed where
        the file names no other), network, tree, svm, knn, logistic, forest, boosting; naive: prior_rate, best_column.
    """

    task: Literal["default-risk"]
    data: LoanData
    split: SplitChoice = SplitChoice(holdout=Holdout())
    models: Models = ("risk_network", *CONTENDERS, "prior_rate", "best_column")
    deploy: str = "risk_network"
    lending: LoanTerms = LoanTerms()


class DefaultRiskTask(Task):
    """Probabilities that loans default."""

    settings = DefaultRiskJob
    report_kind = "Model validation report."
    without_purpose = (
        "The job file states no purpose. A validator asks what the forecasts are for and what they are not for: say it"
        " in [purpose], with use, population, users, owner and not_for."
    )

    def complete(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The network is deployed where the file leaves the classifier of default risk out."""
        models = settings.get("models", ["risk_network"])
        is_left_out = isinstance(models, list) and "risk_network" not in models
        return {"deploy": "network", **settings} if is_left_out else settings

    def read(self, job: DefaultRiskJob, reading: Reading) -> LoanBook | None:
        """The loans of a file, or made ones."""
        source = job.data.source
        if isinstance(source, MadeLoanBook):
            return made_loan_book(loans=source.loans, seed=source.seed)
        return inspect_loans(source, reading.of(source, "data.loans"))

    def dataset(self, job: DefaultRiskJob, source: LoanBook) -> Dataset:
        """A row for every loan, in the order of application where that is known."""
        return default_dataset(source)

    def raise_alarms(self, dataset: Dataset, source: LoanBook, findings: Findings, *, file: str) -> None:
        """Note columns that give the outcome away."""
        raise_loan_alarms(dataset, findings, file=file)

    def newest(self, source: LoanBook) -> str:
        """The last application."""
        return "" if source.applied_at is None else str(source.applied_at.max())

    def pending(self, source: LoanBook) -> NewRows | None:
        """Loans whose outcome is not known yet."""
        return None if source.pending is None else _rows_of(source.pending, {})

    def decide(self, job: DefaultRiskJob, study: Study, results: Results) -> Decision:
        """What every cut-off would do, and the one with the largest expected profit."""
        forecasts = results.own
        book: LoanBook = study.source
        amount = None if book.amount is None else pd.Series(book.amount, index=book.loan_id)
        cutoffs = cutoff_table(forecasts, job.lending, amount=amount)
        chosen = best_cutoff(cutoffs)
        section = CutoffSection(
            cutoffs=cutoffs,
            chosen=chosen,
            terms=_terms(job.lending, chosen, results.pending),
            base_rate=results.judgement.sample.base_rate,
        )
        record = {"lending": cutoffs[cutoffs["cutoff"] == chosen].iloc[0].to_dict()}
        return Decision(result=cutoffs, record=record, sections=[section], known_truth=_known_truth(forecasts, book))

    def arrange(self, shared: SharedSections, decision: Decision) -> Sequence[ReportSection | Chapter]:
        """Under the headings of model validation."""
        monitoring = PointsSection(
            title="Ongoing monitoring", lead="What to watch once the model is in use.", points=_TO_WATCH
        )
        judged = [shared.comparison, *([] if shared.calibration is None else [shared.calibration])]
        parts: list[ReportSection | Chapter] = [
            shared.purpose,
            Chapter(
                title="Outcomes analysis",
                lead="How good the forecasts and the decisions made on them were, on loans that no model had seen.",
                sections=[*judged, *decision.sections],
            ),
            Chapter(
                title="Conceptual soundness",
                lead="What the model was given, how it learned, and what it cannot know.",
                sections=[shared.data, shared.training, shared.limits],
            ),
            monitoring,
            shared.reproduction,
        ]
        return [*parts, GuidanceSection.of(Report(title="", parts=parts).sections)]

    def source_words(self, job: DefaultRiskJob) -> str:
        """Where the loans come from."""
        source = job.data.source
        if isinstance(source, MadeLoanBook):
            return "Made loan book with known default probabilities"
        return Path(source.path).name

    def notes(self, job: DefaultRiskJob, dataset: Dataset) -> Sequence[str]:
        """What limits forecasts of default."""
        if isinstance(job.data.source, MadeLoanBook):
            made = "The loans are made, by a rule that does not change over time; real defaults drift with the economy."
            return [made]
        notes = ["Only loans that were granted have outcomes; how refused applicants would have paid is not known."]
        if job.data.source.group:
            notes.append(
                f"Loans of one {job.data.source.group} stay on one side of every split and block. Intervals and tests"
                " count loans, not groups of them, so they are too sure where loans of one group share their luck."
            )
        notes += weight_notes(dataset, job.data.source.weight, job.models)
        if dataset.in_order_of:
            notes.append(
                f"Loans are in the order of {dataset.in_order_of}, which says who applied first, not when. Each outcome"
                " is taken to be known before the next application; if it came later, models trained here on more than"
                " they could have. Loans of one number stay on one side of every split."
            )
        return notes

    def draft(self, files: Sequence[Path], folder: Path) -> list[str]:
        """Lines for a file of loans."""
        return loan_draft(files[0], folder)

    def new_rows(
        self,
        job: DefaultRiskJob,
        data: Path | str,
        *,
        sentiment: Path | str | None,
        profile: Profile,
        now: np.datetime64,
        until: np.datetime64 | None,
    ) -> NewRows:
        """A row for each row of a loan file, in its order; columns are of the kinds that they had in training."""
        source = job.data.source
        if not isinstance(source, LoanFile):
            raise ConfigError("the run used embedded loans, which get no new rows; run a job with [data.loans]")
        if sentiment is not None:
            raise ConfigError("loans have no sentiment; leave the sentiment file out")
        declared = replace(source, path=str(data), categories=profile.categories, text_is_category=False, leave_out={})
        book = read_applications(declared)
        repeated = book.applications.duplicated(keep=False).to_numpy()
        found = {REPEATED: repeated | _has_repeated_id(book.loan_id)}
        if book.applied_at is not None:
            found[LATER] = book.applied_at > now
            if until is not None:
                # The model may have seen loans that were known before it was trained.
                found[OLD] = book.applied_at < until
        return _rows_of(book, found)


_TO_WATCH = (
    "Compare observed with forecast default rates by bin each time a cohort matures; recalibrate when the interval of "
    "a bin leaves out its forecast.",
    "Compare approval rate and bad rate at the chosen cut-off with the table above, month by month.",
    "Compare the distribution of each input, and of the forecast, with the training window before scores are used.",
    "Keep tree, SVM and k-NN running beside the network: a simpler model that catches up should replace it.",
)


def _terms(terms: LoanTerms, cutoff: float, pending: Forecasts | None) -> str:
    words = (
        f"A loan that is repaid earns {percent(terms.margin)} of its amount, one that defaults loses"
        f" {percent(terms.loss_given_default)}. The cut-off is the one with the largest expected profit:"
        " forecasts choose it, outcomes do not, so its realized profit is out of sample."
    )
    if pending is None:
        return words
    value = pending.table["value"]
    return (
        f"{words} {count(len(value))} more loans, whose outcome is not known yet, neither trained nor tested; {PENDING}"
        f" has their forecasts: {percent(value.mean())} on average, {count(int((value > cutoff).sum()))} above the"
        " cut-off."
    )


def _known_truth(forecasts: Forecasts, book: LoanBook) -> pd.DataFrame | None:
    if book.true_probability is None:
        return None
    true = pd.Series(book.true_probability, index=book.loan_id)
    columns = {"probability": true.loc[forecasts.table["entity"]].to_numpy(), "forecast": forecasts.table["value"]}
    return pd.DataFrame(columns)


def _rows_of(book: LoanBook, found: Mapping[str, BoolArray]) -> NewRows:
    """A row for each loan, flagged by the words for which it is found."""
    return NewRows(
        X=book.applications,
        entity=book.loan_id,
        target="default",
        horizon=book.horizon_months,
        issued_at=book.applied_at,
        tradable_at=None if book.applied_at is None else paid_out_at(book.applied_at),
        resolves_at=book.resolves_at,
        flags=[[words for words, rows in found.items() if rows[row]] for row in range(len(book))],
        units=len(book),
    )


def _has_repeated_id(ids: np.ndarray) -> BoolArray:
    plain = pd.Series(ids).str.replace(r" \(\d+\)$", "", regex=True)
    return np.asarray(plain.duplicated(keep=False))
