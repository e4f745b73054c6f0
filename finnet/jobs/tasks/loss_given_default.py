"""Loss given default: what share of its exposure a defaulted loan will cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from finnet.checks import require_at_least, require_number, require_within
from finnet.data.loan_book import LossBook
from finnet.data.loan_losses import LossFile, inspect_losses, read_losses
from finnet.data.quality import Findings
from finnet.data.samples import made_recoveries
from finnet.dataset import Dataset
from finnet.evaluation.number_metrics import r2
from finnet.evaluation.profile import Profile
from finnet.jobs.config import Job, Models, SplitChoice, only
from finnet.jobs.new_rows import NewRows
from finnet.jobs.reading import Reading
from finnet.jobs.tasks.alarms import raise_loss_alarms
from finnet.jobs.tasks.loan_rows import came_true, new_loans, rows_of_loans
from finnet.jobs.tasks.loss_drafts import loss_draft
from finnet.jobs.tasks.task import Decision, Results, Study, Task
from finnet.jobs.tasks.weight_notes import weight_notes
from finnet.labels import loss_dataset
from finnet.models import Kind
from finnet.names import model_in_sentence
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.text import percent
from finnet.splits import Holdout

__all__ = ["LossData", "LossGivenDefaultJob", "LossGivenDefaultTask", "MadeRecoveries"]

_NAIVE = "training_mean"
_TARGET = "loss_given_default"
_NEAR = 0.1  # of all or nothing, for the note on how far apart losses lie


@dataclass(frozen=True)
class MadeRecoveries:
    """Made defaulted loans whose expected loss is known; see `finnet.data.samples.made_recoveries`.

    Parameters
    ----------
    loans : int
        Number of defaulted loans.
    signal : float
        How strongly the columns move the loss; at 0 they do not.
    seed : int
        Of the made loans, not of the fits.
    """

    loans: int = 2000
    signal: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        require_within(self.loans, 1, 10_000_000, name="loans")
        require_number(self.signal, name="signal")
        require_at_least(self.seed, 0, name="seed")


@dataclass(frozen=True)
class LossData:
    """One source of defaulted loans."""

    made_recoveries: MadeRecoveries | None = None
    loans: LossFile | None = None

    def __post_init__(self) -> None:
        _ = self.source

    @property
    def source(self) -> MadeRecoveries | LossFile:
        """Where the loans come from."""
        return only(made_recoveries=self.made_recoveries, loans=self.loans)  # type: ignore[no-any-return]


class LossGivenDefaultJob(Job):
    """Forecast the share of its exposure that a defaulted loan will cost, as a mean from 0 to 1.

    Parameters
    ----------
    models : tuple of str
        The network and what it is compared with: tree, svm, knn, linear, forest, boosting; naive: training_mean.
    """

    task: Literal["loss-given-default"]
    data: LossData
    split: SplitChoice = SplitChoice(holdout=Holdout())
    models: Models = ("network", "tree", "svm", "knn", "linear", "forest", "boosting", "training_mean")

    @property
    def kind(self) -> Kind:
        """Numbers; none is forecast below the least or above the greatest loss seen in training."""
        return "number"


class LossGivenDefaultTask(Task):
    """Shares of the exposure that defaulted loans cost."""

    settings = LossGivenDefaultJob
    report_kind = "Model validation report."
    without_purpose = (
        "The job file states no purpose. A validator asks what the forecasts are for and what they are not for: say it"
        " in [purpose], with use, population, users, owner and not_for."
    )

    def read(self, job: LossGivenDefaultJob, reading: Reading) -> LossBook | None:
        """The defaulted loans of a file, or made ones."""
        source = job.data.source
        if isinstance(source, MadeRecoveries):
            return made_recoveries(loans=source.loans, signal=source.signal, seed=source.seed)
        return inspect_losses(source, reading.of(source, "data.loans"))

    def dataset(self, job: LossGivenDefaultJob, source: LossBook) -> Dataset:
        """A row for every defaulted loan whose loss is known, in the order of days where they are."""
        return loss_dataset(source)

    def raise_alarms(self, dataset: Dataset, source: LossBook, findings: Findings, *, file: str) -> None:
        """Note columns that give the loss away."""
        raise_loss_alarms(dataset, findings, file=file)

    def newest(self, source: LossBook) -> str:
        """The last day from which was forecast."""
        return "" if source.applied_at is None else str(source.applied_at.max())

    def pending(self, source: LossBook) -> NewRows | None:
        """Defaulted loans whose loss is not known yet."""
        return None if source.pending is None else rows_of_loans(source.pending, {}, target=_TARGET)

    def decide(self, job: LossGivenDefaultJob, study: Study, results: Results) -> Decision:
        """Of made loans, how much of the spread of losses could be known at all."""
        if study.source.true_loss is None:
            return Decision()
        table = results.own.table
        true = pd.Series(study.source.true_loss, index=study.source.loan_id).loc[table["entity"]].to_numpy()
        truth = table["truth"].to_numpy(float)
        # Out-of-sample R², as the page scores it: against the mean of the training rows, where that model was run.
        naive = np.full(len(truth), truth.mean())
        if _NAIVE in results.forecasts.models:
            naive = results.forecasts.of(_NAIVE).table.set_index("entity")["value"].loc[table["entity"]].to_numpy()
        record = {
            "r2": r2(truth - naive, table["value"].to_numpy() - naive),
            "r2_of_truth": r2(truth - naive, true - naive),
        }
        model = model_in_sentence(results.assessment.subject)
        sentence = (
            "The loans are made, so that the expected loss of each is known, and no forecast can be better than that:"
            f" it has an R² of {percent(record['r2_of_truth'])} on these loans, {model} one of {percent(record['r2'])}."
        )
        section = PointsSection(title="How much of the losses could be known?", points=[sentence])
        return Decision(record={"known_truth": record}, sections=[section])

    def source_words(self, job: LossGivenDefaultJob) -> str:
        """Where the loans come from."""
        source = job.data.source
        if isinstance(source, MadeRecoveries):
            return "Made defaulted loans with known expected losses"
        return Path(source.path).name

    def counts(self, dataset: Dataset) -> Sequence[str]:
        """The mean loss, in which rows count by their weights."""
        return [f"mean loss {percent(float(np.average(dataset.y, weights=dataset.weight)))}"]

    def notes(self, job: LossGivenDefaultJob, dataset: Dataset) -> Sequence[str]:
        """What limits forecasts of losses."""
        source = job.data.source
        extreme = float(((dataset.y <= _NEAR) | (dataset.y >= 1.0 - _NEAR)).mean())
        notes = [
            f"{percent(extreme)} of the losses lie within a tenth of nothing or of all: what a single loan costs is far"
            " less certain than what many cost together.",
            "Forecasts are the loss expected once a loan has defaulted; an expected loss needs the probability of"
            " default and the exposure as well.",
        ]
        if isinstance(source, MadeRecoveries):
            made = "The loans are made, by a rule that does not change over time; real recoveries follow the economy."
            return [*notes, made]
        notes.append(
            "Loans that are not worked out yet are left out; where long work-outs lose more, forecasts are too low."
        )
        if source.applied_at:
            notes.append(
                f"Each loss is taken to be known {source.horizon_months} months after {source.applied_at}; where it"
                " came later, models here train on more than they could have."
            )
        return [*notes, *weight_notes(dataset, source.weight, job.models)]

    def draft(self, files: Sequence[Path], folder: Path) -> list[str]:
        """Lines for a file of defaulted loans."""
        return loss_draft(files[0], folder)

    def new_rows(
        self,
        job: LossGivenDefaultJob,
        data: Path | str,
        *,
        sentiment: Path | str | None,
        profile: Profile,
        now: np.datetime64,
        until: np.datetime64 | None,
    ) -> NewRows:
        """A row for each row of a loan file, in its order, whatever became of it."""
        return new_loans(
            job.data.source, data, sentiment=sentiment, profile=profile, now=now, until=until, target=_TARGET
        )

    def outcomes_of(
        self,
        job: LossGivenDefaultJob,
        data: Path | str,
        *,
        rows: NewRows,
        now: np.datetime64,
        sentiment: Path | str | None = None,
    ) -> pd.DataFrame:
        """The losses that the file gives, of loans whose months have passed."""
        source = job.data.source
        if not isinstance(source, LossFile) or source.weight:
            # Outcomes are judged row by row, and rows of a sampled file do not lose as much as loans of the book.
            return super().outcomes_of(job, data, rows=rows, now=now)
        truth = read_losses(replace(source, path=str(data)), until=now)
        return came_true(source, data, rows=rows, truth=truth)
