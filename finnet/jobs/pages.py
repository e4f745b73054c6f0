"""Pages: what a run found, put in words and handed to the report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from finnet.data.quality import problems_of, told
from finnet.dataset import Dataset
from finnet.estimators.baselines import CappedSVC
from finnet.evaluation.assessment import Assessment
from finnet.evaluation.walk_forward import FoldResult
from finnet.jobs.config import Job
from finnet.jobs.deployment import Deployment
from finnet.jobs.final_fit import final_rows
from finnet.jobs.tasks import task_of
from finnet.jobs.tasks.task import Decision, SharedSections, Study
from finnet.models import NETWORK, naive_models
from finnet.reporting.report import Report
from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.coverage import CoverageSection
from finnet.reporting.sections.data import DataSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.purpose import PurposeSection
from finnet.reporting.sections.reproduction import ReproductionSection
from finnet.reporting.sections.risk_training import RiskTrainingSection
from finnet.reporting.sections.training import TrainingSection
from finnet.splits import fold_table

__all__ = ["report_of"]


def report_of(
    job: Job,
    study: Study,
    results: Sequence[FoldResult],
    *,
    assessment: Assessment,
    decision: Decision,
    deployment: Deployment,
    record: Mapping[str, object],
) -> Report:
    """The report of a run; `record` is its manifest."""
    task = task_of(job)
    shared = SharedSections(
        comparison=ComparisonSection.of(assessment, results),
        calibration=CalibrationSection.of(assessment, results, known_truth=decision.known_truth)
        or CoverageSection.of(assessment),
        training=RiskTrainingSection.of(results, deployment.subject) or TrainingSection.of(results),
        purpose=PurposeSection(stated=job.purpose.stated, missing=task.without_purpose),
        data=_data(job, study, results, assessment=assessment),
        limits=PointsSection(
            title="What limits this result?",
            points=[
                _refitted(job, study.dataset),
                *_notes(job, study.dataset, results, deployment=deployment),
                *task.limits(job, study, assessment),
            ],
        ),
        reproduction=ReproductionSection(command=f"finnet run {job.name}.toml", manifest=record),
    )
    words = job.title or job.name.replace("-", " ")
    # Not `capitalize`, which would turn the other letters small.
    title = f"{words[0].upper()}{words[1:]}"
    return Report(title=title, kind=task.report_kind, parts=task.arrange(shared, decision))


def _data(job: Job, study: Study, results: Sequence[FoldResult], *, assessment: Assessment) -> DataSection:
    dataset, task = study.dataset, task_of(job)
    known = dataset.clock("known_at") if dataset.is_dated else None
    n_rows, n_entities = len(dataset), len(set(dataset.entity))
    counts = [f"{n_rows:,} rows"]
    # A loan is an entity of its own, which need not be said.
    if n_entities < n_rows:
        counts.append(f"{n_entities:,} {'entity' if n_entities == 1 else 'entities'}")
    learning = [result for result in results if result.model not in naive_models() and result.fit.rows is not None]
    # How the model of the page used the training rows of each fold.
    used = [
        {"fold": result.fold, **(result.fit.rows or {})} for result in results if result.model == assessment.subject
    ]
    # Files by their names alone, so that the page is the same wherever they lie.
    problems = problems_of(study.quality.assign(file=[Path(file).name for file in study.quality["file"]]))
    # Columns of a file that share rule and remedy stand in one row.
    findings = [(line.severity, line.rule, line.found, line.remedy) for line in told(problems)]
    found = study.checks["rule"].map(study.quality["rule"].value_counts()).fillna(0).astype(int)
    return DataSection(
        source=task.source_words(job),
        counts=[*counts, *task.counts(dataset)],
        folds=fold_table(dataset, job.split.split).merge(pd.DataFrame(used), on="fold"),
        features=task.features(job, dataset),
        quality=pd.DataFrame(findings, columns=["severity", "rule", "found", "remedy"], dtype=object),
        checks=study.checks.assign(found=found),
        subject=assessment.subject,
        fits={result.model: int((result.fit.rows or {})["fits"]) for result in learning},
        first=None if known is None else str(known[0]),
        last=None if known is None else str(known[-1]),
        in_order_of=dataset.in_order_of,
        base_rate=assessment.base_rate,
        event=assessment.target.event,
    )


def _refitted(job: Job, dataset: Dataset) -> str:
    """That the model deployed is none of those tested, what each was fitted on, and what carries over."""
    n_rows, tested = len(final_rows(job.split.split, dataset)), fold_table(dataset, job.split.split)["train_rows"]
    every = "all " if n_rows == dataset.has_label.sum() else "the newest "
    least, most = f"{tested.min():,}", f"{tested.max():,}"
    each = f"{most} rows" if least == most else f"{least} to {most} rows"
    several = f"{most} rows" if len(tested) == 1 else f"{each} each, one for each of {len(tested)} folds"
    return (
        f"The model deployed is none of those tested: it is fitted once more on {every}{n_rows:,} rows that have an"
        f" outcome, where the models tested were fitted on {several}, and no row is left that could test it. What"
        " carries over is the way in which it was made (columns, choice of settings, calibration): models made in that"
        " way are scored here on rows that they had not seen. Its own weights, and settings that its own rows chose,"
        " were not tested."
    )


def _notes(job: Job, dataset: Dataset, results: Sequence[FoldResult], *, deployment: Deployment) -> list[str]:
    settings = "one setting" if job.tune.trials == 1 else f"{job.tune.trials} settings"
    notes = [
        "Intervals take the models as fitted: they say how the figures would vary with other test rows, not with other"
        " training rows.",
        f"Every model that is tuned tried {settings} in the first of its {job.blocks.fits} fits and"
        " took the best in all. All models leave out the same rows; timings.json says what each model cost.",
    ]
    if NETWORK in job.models:
        members, fits = job.network.members_of(job.blocks.fits), job.blocks.fits
        each = "one network" if members == 1 else f"{members} networks, trained at once"
        drawn = f"{each} in each of {fits} fits, with settings drawn from the ranges of the job"
        has_all = job.network.selection == "all" or members == 1
        mean = "the average of" if has_all else "an average of the best of"
        notes.append(f"On each fold the network is {mean} {drawn}.")
    if deployment.note:
        notes.append(deployment.note)
    most = CappedSVC().max_rows
    # A limit that no fit reaches limits nothing.
    if any(result.model == "svm" and (result.fit.rows or {}).get("most", most + 1) > most for result in results):
        notes.append(f"Each fit of the SVM draws at most {most:,} rows: its cost grows with their square.")
    return [*notes, *task_of(job).notes(job, dataset)]
