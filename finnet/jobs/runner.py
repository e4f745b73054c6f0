"""Run a job: the one function that walks the whole way of the data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finnet.dataset import Dataset
from finnet.evaluation.walk_forward import FoldResult, forecast_folds
from finnet.features.encoding import TableEncoder
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import publish, run_name, to_json
from finnet.jobs.catalog import build_model
from finnet.jobs.config import DefaultRiskJob, DirectionJob
from finnet.jobs.judgement import Judgement, judge
from finnet.jobs.pages import render_page
from finnet.jobs.records import comparison_csv, manifest, metrics
from finnet.jobs.sources import load_dataset

__all__ = ["JobResult", "run_job"]

OnProgress = Callable[[str, int, int], object]


@dataclass(frozen=True, eq=False)
class JobResult:
    """What a job found and where it was written.

    Parameters
    ----------
    run_id : str
        Name of the run; the same job on the same data has the same.
    folder : Path
        Holds report.html, forecasts.parquet, metrics.json, comparison.csv and manifest.json.
    forecasts : Forecasts
        Out of sample, of every model.
    judgement : Judgement
        Scores, comparisons, calibration and decisions.
    """

    run_id: str
    folder: Path
    forecasts: Forecasts
    judgement: Judgement

    @property
    def verdict(self) -> str:
        """The plain sentences that open the report."""
        return self.judgement.verdict


def run_job(
    job: DirectionJob | DefaultRiskJob,
    *,
    reports: Path | str = "reports",
    n_jobs: int = 1,
    on_progress: OnProgress = lambda step, done, total: None,
) -> JobResult:
    """Forecast out of sample, compare, decide, and publish the report.

    Parameters
    ----------
    job : DirectionJob or DefaultRiskJob
        As `Job.from_toml` reads it.
    reports : Path
        The run goes to `reports/<job name>/<run id>/`, whole or not at all.
    n_jobs : int
        Processes, -1 for all cores; the forecasts do not depend on it.
    on_progress : callable
        Hears (step, fits done, fits in all).

    Raises
    ------
    ConfigError, DataError
        Before anything is written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from finnet.jobs.config import parse_job
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "small", "tune": {"trials": 1},
    ...                  "data": {"made_loan_book": {"loans": 600}}, "models": ["network", "prior_rate"]})
    >>> result = run_job(job, reports=mkdtemp())
    >>> sorted(path.name for path in result.folder.iterdir())
    ['comparison.csv', 'forecasts.parquet', 'manifest.json', 'metrics.json', 'report.html']
    """
    dataset, source = load_dataset(job)
    settings = job.model_dump(mode="json")
    run_id = run_name(settings, dataset)
    results = _forecast(job, dataset, run_id, n_jobs=n_jobs, on_progress=on_progress)
    forecasts = Forecasts.concat([result.forecasts for result in results])
    judgement = judge(job, forecasts, source)
    folder = Path(reports) / job.name / run_id
    record = manifest(job, dataset, results, run_id=run_id)
    texts = {
        "report.html": render_page(job, dataset, results, judgement, record),
        "metrics.json": to_json(metrics(judgement)),
        "comparison.csv": comparison_csv(judgement),
        "manifest.json": to_json(record),
    }
    publish(folder, forecasts=forecasts, texts=texts)
    return JobResult(run_id, folder, forecasts, judgement)


def _forecast(
    job: DirectionJob | DefaultRiskJob, dataset: Dataset, run_id: str, *, n_jobs: int, on_progress: OnProgress
) -> list[FoldResult]:
    """Every model on every fold, heard of as they come."""
    models = _models(job)
    total, done = len(models) * len(list(job.split.split.split(dataset))), []

    def hear(result: FoldResult) -> None:
        done.append(result)
        on_progress(f"{result.model}, fold {result.fold}", len(done), total)

    return forecast_folds(
        models, dataset, job.split.split, blocks=job.blocks, seed=job.seed, run_id=run_id, n_jobs=n_jobs, on_done=hear
    )


def _models(job: DirectionJob | DefaultRiskJob) -> Mapping[str, Any]:
    # Returns and ranks are about normal; amounts and incomes have long tails.
    encoder = TableEncoder("standard" if isinstance(job, DirectionJob) else "quantile")
    network = job.network.build()
    return {name: build_model(name, network=network, encoder=encoder, trials=job.tune.trials) for name in job.models}
