"""Default risk: who will not pay back, and which cut-off would pay."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finnet.data.loan_book import LoanBook
from finnet.data.loan_file import LoanFile
from finnet.data.loans import inspect_loans, read_outcomes
from finnet.data.quality import Findings
from finnet.data.samples import made_loan_book
from finnet.dataset import Dataset
from finnet.evaluation.assessment import Assessment
from finnet.evaluation.profile import Profile
from finnet.evaluation.stability import ALARM_RATE, OUTCOME_PART
from finnet.exit_codes import EXIT_CODES
from finnet.forecasts import Forecasts
from finnet.jobs.new_rows import BAD_ALREADY, NewRows
from finnet.jobs.reading import Reading
from finnet.jobs.tasks.alarms import raise_loan_alarms
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob, Fairness, MadeLoanBook
from finnet.jobs.tasks.learning_curve import USUAL_ROWS, curve_fits, learning_curve_section
from finnet.jobs.tasks.loan_columns import loan_features_table
from finnet.jobs.tasks.loan_decisions import annotated, decide_on_loans, decided_by_aside, require_decidable
from finnet.jobs.tasks.loan_drafts import loan_draft
from finnet.jobs.tasks.loan_grades import grades_of_policy, moved_by_policy, published, require_known_columns
from finnet.jobs.tasks.loan_limits import loan_limits
from finnet.jobs.tasks.loan_rows import came_true, new_loans, rows_of_loans
from finnet.jobs.tasks.reasons import reason_columns, reason_policy, reasons_section, require_numbers
from finnet.jobs.tasks.scorecards import scorecard_of
from finnet.jobs.tasks.task import Decision, FurtherFits, Results, SharedSections, Study, Task
from finnet.jobs.tasks.weight_notes import weight_notes
from finnet.jobs.tasks.wording import worded
from finnet.labels import default_dataset
from finnet.lending.central_tendency import ALL
from finnet.models import BEST
from finnet.reporting.report import Chapter, Report
from finnet.reporting.sections.guidance import GuidanceSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.reasons import ReasonsSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import metric_of, percent
from finnet.targets import target_named

__all__ = ["DefaultRiskTask"]


class DefaultRiskTask(Task):
    """Probabilities that loans default."""

    settings = DefaultRiskJob
    report_kind = "Model validation report."
    without_purpose = (
        "The job file states no purpose. A validator asks what the forecasts are for and what they are not for: say it"
        " in [purpose], with use, population, users, owner and not_for."
    )

    def complete(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The network is deployed where the file leaves the classifier of default risk out; one rate is that of all."""
        if isinstance(rate := settings.get("central_tendency"), int | float):
            settings = {**settings, "central_tendency": {"column": "", "rates": {ALL: rate}}}
        if isinstance(wanted := settings.get("learning_curve"), bool):
            settings = {**settings, "learning_curve": {"rows": USUAL_ROWS if wanted else ()}}
        models = settings.get("models", ["risk_network"])
        is_left_out = isinstance(models, list) and "risk_network" not in models
        return {"deploy": "network", **settings} if is_left_out else settings

    def read(self, job: DefaultRiskJob, reading: Reading) -> LoanBook | None:
        """The loans of a file, or made ones."""
        source = job.source
        if isinstance(source, MadeLoanBook):
            made = made_loan_book(loans=source.loans, seed=source.seed)
            # A file's columns are set aside by its settings, those of a made book here.
            aside = [] if job.fairness is None else job.fairness.aside
            for name in aside:
                job.require_column(name, made.columns, key="fairness.groups")
            book: LoanBook | None = made.set_aside(aside)
        else:
            book = inspect_loans(source, reading.of(source, "data.loans"))
        if book is not None:
            meanings = job.meanings(told := reading.of(None, "data"))
            # A column that is no feature, such as the outcome, may have a meaning too.
            others = source.named if isinstance(source, LoanFile) else ()
            meanings.check(_with_groups(book, job.fairness), told, others=others)
        # With errors the book may lack columns, which would be blamed on the settings.
        if book is not None and not reading.has_errors:
            require_decidable(job, book)
        return book

    def dataset(self, job: DefaultRiskJob, source: LoanBook) -> Dataset:
        """A row for every loan, in the order of application where that is known."""
        dataset = default_dataset(source)
        require_known_columns(job, dataset)
        require_numbers(job.reasons, dataset.X)
        return dataset

    def raise_alarms(self, dataset: Dataset, source: LoanBook, findings: Findings, *, file: str) -> None:
        """Note columns that give the outcome away."""
        raise_loan_alarms(dataset, findings, file=file)

    def newest(self, source: LoanBook) -> str:
        """The last application."""
        return "" if source.applied_at is None else str(source.applied_at.max())

    def pending(self, source: LoanBook) -> NewRows | None:
        """Loans whose outcome is not known yet."""
        waits = source.pending
        return None if waits is None else rows_of_loans(waits, {BAD_ALREADY: waits.went_bad}, target="default")

    def explained(self, job: DefaultRiskJob) -> Sequence[str]:
        """The model deployed, or all that may be chosen."""
        return list(job.models) if job.deploy == BEST else [job.deploy]

    def further(self, job: DefaultRiskJob, dataset: Dataset) -> FurtherFits | None:
        """Those of the learning curve."""
        return curve_fits(job.learning_curve, job, dataset)

    def decide(self, job: DefaultRiskJob, study: Study, results: Results) -> Decision:
        """Grades, what every cut-off would do, and the one that the terms of lending choose."""
        # Cut-offs decide on forecasts as they are published; outcomes judge them as the model made them.
        graded = published(job, study, results)
        judged = results.own if graded.is_moved else None
        words = job.words
        decided = decide_on_loans(job, study.source, graded.results, judged=judged)
        sections, files = scorecard_of(job, study, results, words=words)
        columns = study.source.columns
        numbers = [name for name in columns if pd.api.types.is_numeric_dtype(columns[name].dtype)]
        reasons = reason_policy(job.reasons, job, study.dataset)
        drivers = reasons_section(
            job.reasons,
            job,
            study.dataset,
            model=results.model,
            policy=reasons,
            held_out=results.importance,
            words=words,
        )
        known_truth = None
        if study.source.true_probability is not None:
            true = pd.Series(study.source.true_probability, index=study.source.loan_id)
            # As the model made them: forecasts moved to a stated rate need not be near the truth.
            own = results.own.table
            known_truth = pd.DataFrame({"probability": true.loc[own["entity"]].to_numpy(), "forecast": own["value"]})
        return Decision(
            result=decided.cutoffs,
            record={**graded.record, **decided.record},
            sections=[
                *graded.sections,
                *(worded(section, words, numbers=numbers) for section in decided.sections),
                *sections,
                *learning_curve_section(job.learning_curve, job, study, results=results),
                drivers,
            ],
            known_truth=known_truth,
            policy={**graded.policy, **decided.policy, "reasons": reasons},
            files=files,
        )

    def publish(
        self, job: DefaultRiskJob, policy: Mapping[str, Any], *, X: pd.DataFrame, forecasts: Forecasts
    ) -> Forecasts:
        """Forecasts of the rows of X (n_rows, n_features), moved to the central tendency where the job states one."""
        return moved_by_policy(policy, X, forecasts)

    def annotate(
        self,
        job: DefaultRiskJob,
        policy: Mapping[str, Any],
        *,
        model: Any,
        X: pd.DataFrame,
        forecasts: Forecasts,
        aside: pd.DataFrame | None = None,
    ) -> Mapping[str, Sequence[str | float]]:
        """Grade, decision, expected loss (a number) and reasons of each row of X (n_rows, n_features)."""
        decided = annotated(job, policy.get("cutoff"), X=X, forecasts=forecasts, aside=aside)
        return {
            "grade": grades_of_policy(policy, forecasts),
            **decided,
            **reason_columns(policy["reasons"], model, X, words=job.words),
        }

    def arrange(self, shared: SharedSections, decision: Decision) -> Sequence[ReportSection | Chapter]:
        """Under the headings of model validation."""
        monitoring = PointsSection(
            title="Ongoing monitoring",
            lead="What to watch once the model is in use.",
            points=_to_watch(by_loan=bool(decision.policy.get("by_loan"))),
        )
        judged = [shared.comparison, *([] if shared.calibration is None else [shared.calibration])]
        drivers = [section for section in decision.sections if isinstance(section, ReasonsSection)]
        parts: list[ReportSection | Chapter] = [
            shared.purpose,
            Chapter(
                title="Outcomes analysis",
                lead="How good the forecasts and the decisions made on them were, on loans that no model had seen.",
                sections=[*judged, *(section for section in decision.sections if section not in drivers)],
            ),
            Chapter(
                title="Conceptual soundness",
                lead="What the model was given, how it learned, and what it cannot know.",
                sections=[shared.data, shared.training, *drivers, shared.limits],
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

    def features(self, job: DefaultRiskJob, dataset: Dataset) -> pd.DataFrame:
        """What each column holds, and how often its levels or ranges defaulted."""
        return loan_features_table(dataset, words=job.words)

    def notes(self, job: DefaultRiskJob, dataset: Dataset) -> Sequence[str]:
        """What limits forecasts of default."""
        if isinstance(job.data.source, MadeLoanBook):
            made = "The loans are made, by a rule that does not change over time; real defaults drift with the economy."
            return [made]
        notes = ["Only loans that were granted have outcomes; how refused applicants would have paid is not known."]
        if dataset.group is not None:
            notes.append(
                f"Loans of one {job.data.source.group} stay on one side of every split and block, and scores,"
                " comparisons, profits, segments, fairness and the tests of calibration, grades and vintages count"
                " clients by it."
                + " With dates, comparisons and scores are taken by time and by client, and the more careful counts;"
                " tests of calibration count both." * dataset.is_dated
            )
        notes += weight_notes(dataset, job.data.source.weight, job.models)
        if dataset.in_order_of:
            notes.append(
                f"Loans are in the order of {dataset.in_order_of}, which says who applied first, not when. Each outcome"
                " is taken to be known before the next application; if it came later, models trained here on more than"
                " they could have. Loans of one number stay on one side of every split."
            )
        return notes

    def limits(self, job: DefaultRiskJob, study: Study, assessment: Assessment) -> Sequence[str]:
        """What was forecast, of which loans, when and by which split; what profits rest on."""
        return loan_limits(job, study, assessment)

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
        return new_loans(
            job.source,
            data,
            sentiment=sentiment,
            profile=profile,
            now=now,
            until=until,
            target="default",
            aside=decided_by_aside(job),
        )

    def outcomes_of(
        self,
        job: DefaultRiskJob,
        data: Path | str,
        *,
        rows: NewRows,
        now: np.datetime64,
        sentiment: Path | str | None = None,
    ) -> pd.DataFrame:
        """What the file says became of each loan whose months have passed."""
        assert isinstance(job.data.source, LoanFile)
        if job.data.source.weight:
            # Outcomes are judged row by row, and rows of a sampled file do not default as often as loans of the book.
            return pd.DataFrame({"truth": np.full(len(rows.X), np.nan)}).assign(resolves_at=rows.resolves_at)
        truth = read_outcomes(replace(job.data.source, path=str(data)), until=now)
        return came_true(job.data.source, data, rows=rows, truth=truth)


def _to_watch(*, by_loan: bool) -> list[str]:
    decided = "of loans decided one by one" if by_loan else "at the cut-off in use"
    of_outcomes = ALARM_RATE * OUTCOME_PART
    metric = metric_of(target_named("default", "probability").headline[0]).name
    a_year = 1.0 - (1.0 - ALARM_RATE) ** 12
    return [
        "Each month on that month's applications, before their scores are used, and each time the outcomes of a cohort"
        " are known: run finnet drift RUN NEWDATA. It ends with exit code"
        f" {EXIT_CODES['drift or limit breached']} where a limit is exceeded, else with {EXIT_CODES['done']}.",
        f"Its limits follow from a rate of false alarms: where nothing has moved and rows are independent, at most"
        f" {percent(ALARM_RATE, 0)} of comparisons exceed any. Without outcomes all of it is that of the columns, in"
        f" equal parts; with outcomes theirs is {percent(ALARM_RATE - of_outcomes, 2)}, that of the mean forecast"
        f" against the default rate {percent(of_outcomes / 2, 2)}, and that of the {metric} against this run's"
        f" {percent(of_outcomes / 2, 2)}. Twelve comparisons a year exceed a limit by chance in up to"
        f" {percent(a_year, 0)} of years, so one alarm is a reason to look, not to refit.",
        "Look, where a column exceeds its limit: how its new values came about (units, codes, joins, other applicants),"
        " before the scores are used; outcomes decide whether the model suffers from it.",
        f"Recalibrate, where the mean forecast is off and the {metric} is not: run the job again with the new outcomes"
        " among its data, or state the default rate now expected as central_tendency.",
        f"Redevelop, where the {metric} is worse than in this run, or the mean forecast is off again after"
        " recalibration: choose columns and settings anew on data that hold the new cohorts, and validate again.",
        "The joint limit decides, not bins: of ten bins with 95 % intervals one or more leave out their forecast in"
        f" about {percent(1.0 - 0.95**10, 0)} of cohorts where nothing has moved.",
        f"Compare approval rate and bad rate {decided} with those that this validation states, month by month.",
        "Keep the simpler models of the comparison running beside the one in use: one that catches up should replace"
        " it.",
    ]


def _with_groups(book: LoanBook, fairness: Fairness | None) -> "dict[str, pd.Series[Any]]":
    """The columns of the book; those whose levels are joined hold the names of the groups too, which pages show."""
    columns = book.columns
    for own in () if fairness is None else fairness.columns:
        if own.join and own.column in columns:
            columns[own.column] = pd.Series([*columns[own.column].astype(object), *own.join])
    return columns
