"""Run a job: the one function that walks the whole way of the data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from finnet.dataset import Dataset
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.evaluation.assessment import Assessment, assess
from finnet.evaluation.walk_forward import FoldResult, forecast_folds
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import MODEL, POLICY, PROFILE, publish, run_name, to_json
from finnet.jobs.catalog import models_of
from finnet.jobs.checkpoints import Checkpoints
from finnet.jobs.config import Job
from finnet.jobs.deployment import Deployment, deployed
from finnet.jobs.final_fit import refit_deployed, training_profile
from finnet.jobs.folders import MANIFEST, move_latest, require_name, restore_runs
from finnet.jobs.interruption import resumable
from finnet.jobs.lock import only_run
from finnet.jobs.page_files import page_files, render_page
from finnet.jobs.pages import report_of
from finnet.jobs.pending import PENDING, Pending
from finnet.jobs.run_metadata import comparison_csv, manifest, metrics, timings
from finnet.jobs.sources import load
from finnet.jobs.tasks import task_of
from finnet.jobs.tasks.task import Decision, Results, Study
from finnet.plugins import plugin_hash
from finnet.splits import Split
from finnet.sums import TIMINGS

__all__ = ["JobResult", "OnData", "OnProgress", "build_models", "count_fits", "run_job"]

OnProgress = Callable[[str, int, int], object]
OnData = Callable[[pd.DataFrame], object]


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job found and where it was written.

    Parameters
    ----------
    run_id : str
        Name of the run; the same job on the same data has the same.
    folder : Path
        Holds report.html, forecasts.parquet, metrics.json, comparison.csv and manifest.json; model.npz, the model
        deployed, refitted on the last training window; timings.json, which alone differs between equal runs; the tables
        of the page; policy.json, what deciding on new rows needs; pending.csv where outcomes are not known yet;
        SHA256SUMS of them all.
    forecasts : Forecasts
        Out of sample, of every model.
    assessment : Assessment
        Scores, comparisons and calibration.
    decision : Decision
        What deciding on the forecasts of the deployed model would have brought.
    held_back : str
        Why `latest` does not point to the run; "" where it does.
    """

    run_id: str
    folder: Path
    forecasts: Forecasts
    assessment: Assessment
    decision: Decision
    held_back: str = ""

    @property
    def verdict(self) -> str:
        """The plain sentences that open the report."""
        return self.assessment.verdict


def run_job(
    job: Job,
    *,
    reports: Path | str = "reports",
    n_jobs: int = 1,
    on_progress: OnProgress = lambda step, done, total: None,
    on_data: OnData = lambda quality: None,
    force_latest: bool = False,
) -> JobResult:
    """Forecast out of sample, compare, decide, and publish the report.

    Parameters
    ----------
    job : Job
        As `read_job` reads it.
    reports : Path
        The run goes to `reports/<job name>/<run id>/`, whole or not at all, and `latest` beside it then points to it,
        unless its newest row is older than that of the run before, or dated after today.
    n_jobs : int
        Processes, -1 for all cores; the forecasts do not depend on it.
    on_progress : callable
        Hears (step, fits done, fits in all).
    on_data : callable
        Hears the quality table of the data before anything trains.
    force_latest : bool
        Let `latest` point to the run in any case.

    Raises
    ------
    ConfigError, DataError
        Before anything is written; ConfigError also where another process is running this job.
    InterruptedRunError
        Where the run was stopped: finished fits are kept beside the run, and the same call goes on with them.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from finnet.jobs.job_file import parse_job
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "small", "tune": {"trials": 1},
    ...                  "data": {"made_loan_book": {"loans": 200}}, "models": ["network", "prior_rate"],
    ...                  "split": {"purged_kfold": {"folds": 2}}, "blocks": {"validation": 0.5},
    ...                  "network": {"members": 3, "epochs": 3}})
    >>> result = run_job(job, reports=mkdtemp())
    >>> sorted(path.name for path in result.folder.iterdir())
    ['SHA256SUMS', 'comparison.csv', 'forecasts.parquet', 'manifest.json', 'metrics.json', 'model.npz', 'page',
     'policy.json', 'profile.json', 'report.html', 'timings.json']
    """
    for path in [str(Path(reports).absolute()), *job.relative_to(Path.cwd()).paths.values()]:
        require_name(path)
    job = job.with_files_read()
    study = load(job)
    on_data(study.quality)
    # The source of the user's own code is part of the name: the same job with changed code is another run.
    settings = job.model_dump(mode="json") | {"plugins": {name: plugin_hash(name) for name in job.plugins}}
    run_id = run_name(settings, study.dataset, task_of(job).pending(study.source))
    folder = Path(reports) / job.name / run_id
    with resumable(), only_run(folder.parent):
        restore_runs(folder.parent)
        units = Checkpoints.beside(folder)
        fitted, further = _forecast(job, study.dataset, run_id, units=units, n_jobs=n_jobs, on_progress=on_progress)
        deployment, fitted = deployed(job.deploy, fitted)
        # The page and pending.csv come from the model as it reads back from its file, as `finnet forecast` will use it.
        saved = _refit(job, study.dataset, deployment.model, units=units, on_progress=on_progress)
        finished = _Finished(job, study, run_id, fitted, deployment, model_from_bytes(saved), further)
        results, decision, files = _evaluated(finished)
        publish(folder, forecasts=results.forecasts, files=files | {MODEL: saved})
        held_back = move_latest(folder, force=force_latest)
        # Kept fits go last: until the run is in its place, an interruption needs them.
        units.remove()
    return JobResult(run_id, folder, results.forecasts, results.assessment, decision, held_back)


class _Finished(NamedTuple):
    """A job whose fits are all done; `model` is the one deployed, as it was saved."""

    job: Job
    study: Study
    run_id: str
    fitted: Sequence[FoldResult]
    deployment: Deployment
    model: Any
    further: Sequence[FoldResult]


def _evaluated(finished: _Finished) -> tuple[Results, Decision, dict[str, bytes]]:
    """What the forecasts are worth, what deciding on them would have brought, and the files that say so."""
    job, study, run_id, fitted, deployment, model, further = finished
    task, undecided = task_of(job), task_of(job).pending(study.source)
    forecasts = Forecasts.concat([result.forecasts for result in fitted])
    assessment = assess(
        forecasts, deployment.subject, metrics=job.metrics, outcome=task.outcome(job, study.source), seed=job.seed
    )
    profile = training_profile(job, study.dataset, forecasts.of(deployment.subject))
    pending = None
    if undecided is not None:
        pending = Pending.of(undecided, model, name=deployment.model, profile=profile, run_id=run_id)
    results = Results(
        forecasts,
        assessment,
        model,
        None if pending is None else pending.forecasts,
        importance=_importance(fitted, deployment.subject),
        further=further,
    )
    decision = task.decide(job, study, results)
    record = manifest(job, study, fitted, run_id=run_id, deployment=deployment, model=model)
    report = report_of(
        job, study, fitted, assessment=assessment, decision=decision, deployment=deployment, record=record
    )
    texts = {
        "metrics.json": to_json(metrics(assessment, decision)),
        "comparison.csv": comparison_csv(assessment),
        TIMINGS: to_json(timings(fitted)),
        PROFILE: to_json(profile.to_json()),
        POLICY: to_json(decision.policy),
        MANIFEST: to_json(record),
    }
    files = page_files(report) | {name: text.encode() for name, text in {**texts, **decision.files}.items()}
    if pending is not None:
        # The same two steps as `finnet forecast` takes, so that both write the same columns.
        moved = task.publish(job, decision.policy, X=pending.X, forecasts=pending.forecasts)
        columns = task.annotate(job, decision.policy, model=model, X=pending.X, forecasts=moved, aside=pending.aside)
        files[PENDING] = replace(pending, forecasts=moved).to_csv(columns)
    # Rendered from what is saved, so that rendering again gives the same page.
    return results, decision, files | {"report.html": render_page(files).encode()}


def _importance(fitted: Sequence[FoldResult], subject: str) -> pd.DataFrame | None:
    """Permutation importance of the model that the page is about, fold below fold; None where it was not measured."""
    tables = {result.fold: result.fit.importance for result in fitted if result.model == subject}
    known = [table.assign(fold=fold) for fold, table in tables.items() if table is not None]
    return pd.concat(known, ignore_index=True) if known else None


def _forecast(
    job: Job,
    dataset: Dataset,
    run_id: str,
    *,
    units: Checkpoints,
    n_jobs: int,
    on_progress: OnProgress,
) -> tuple[list[FoldResult], list[FoldResult]]:
    """Every model on every fold, and the task's further fits, told and kept as they come, after those kept before."""
    models, finished = build_models(job), units.load()
    total = count_fits(job, dataset)
    done = count(len(finished) + 1)

    def hear(result: FoldResult) -> None:
        # Kept before it is told, so that what a user has seen finished is never made again.
        units.keep(result)
        on_progress(f"{result.model}, fold {result.fold}", next(done), total)

    def forecast(names: Sequence[str], split: Split, importance_of: Sequence[str] = ()) -> list[FoldResult]:
        own = {fold.number for fold in split.split(dataset)}
        return forecast_folds(
            {name: models[name] for name in names},
            dataset,
            split,
            blocks=job.blocks,
            seed=job.seed,
            run_id=run_id,
            n_jobs=n_jobs,
            finished=[result for result in finished if result.fold in own],
            importance_of=importance_of,
            on_done=hear,
        )

    further = task_of(job).further(job, dataset)
    compared = forecast(list(models), job.split.split, task_of(job).explained(job))
    return compared, [] if further is None else forecast(*further)


def count_fits(job: Job, dataset: Dataset) -> int:
    """Fits of a job: every model on every fold, the task's further fits, and the final refit."""
    further = task_of(job).further(job, dataset)
    beside = 0 if further is None else len(further.models) * _n_folds(further.split, dataset)
    return len(job.models) * _n_folds(job.split.split, dataset) + beside + 1


def _n_folds(split: Split, dataset: Dataset) -> int:
    return sum(1 for _ in split.split(dataset))


def _refit(job: Job, dataset: Dataset, name: str, *, units: Checkpoints, on_progress: OnProgress) -> bytes:
    """The model deployed, fitted on the last training window, kept like any other fit."""
    model = units.load_model()
    if model is None:
        model = model_to_bytes(refit_deployed(job, dataset, build_models(job)[name]))
        units.keep_model(model)
    total = count_fits(job, dataset)
    on_progress(f"{name}, final refit", total, total)
    return model


def build_models(job: Job) -> Mapping[str, Any]:
    """The estimators of a job by name, not fitted yet."""
    return models_of(job, scaling=task_of(job).scaling())
