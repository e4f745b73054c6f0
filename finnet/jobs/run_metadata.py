"""What a run says of itself to machines: metrics.json, comparison.csv, manifest.json, timings.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from finnet.estimators.baselines import CappedSVC
from finnet.estimators.specification import SPECIFICATION, specification
from finnet.evaluation.assessment import Assessment
from finnet.evaluation.walk_forward import FoldResult
from finnet.jobs.artifacts import data_hash, environment
from finnet.jobs.config import Job
from finnet.jobs.deployment import Deployment
from finnet.jobs.final_fit import REFIT, describe_refit
from finnet.jobs.tasks import task_of
from finnet.jobs.tasks.task import Decision, Study
from finnet.plugins import plugin_hash

__all__ = ["comparison_csv", "manifest", "metrics", "timings"]


def metrics(assessment: Assessment, decision: Decision) -> dict[str, Any]:
    """Everything that was measured, nested by model, metric and decision."""
    scores = assessment.scores.set_index(["model", "metric"])[["value", "low", "high"]]
    by_model = {model: part.droplevel(0).to_dict("index") for model, part in scores.groupby(level=0, sort=False)}
    errors = assessment.calibration_errors
    return {
        "verdict": assessment.verdict,
        "sample": asdict(assessment.sample),
        "scores": by_model,
        **({} if errors is None else {"calibration_errors": errors.to_dict("records")}),
        **decision.record,
    }


def comparison_csv(assessment: Assessment) -> str:
    """The subject against every other model, one row per model and metric, as CSV."""
    return pd.concat([comparison.table for comparison in assessment.comparisons]).to_csv(index=False)


def manifest(
    job: Job, study: Study, results: Sequence[FoldResult], *, run_id: str, deployment: Deployment, model: Any
) -> dict[str, Any]:
    """Job, seed, hashes, settings chosen and versions: what made this result, and what would make it again.

    Paths are absolute, so that they hold from any folder. `model` is the one deployed: what it consists of is told.
    """
    task, dataset, pending = task_of(job), study.dataset, task_of(job).pending(study.source)
    features = list(map(str, dataset.X.columns))
    data = {"sha256": data_hash(dataset, pending), "rows": len(dataset), "features": features}
    if pending is not None:
        data["pending"] = len(pending.X)
    # Settings that differ from the first trial, by model and fold; models that are not tuned are left out.
    chosen: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        if result.fit.chosen is not None:
            chosen.setdefault(result.model, []).append(result.fit.chosen)
    return {
        "run": run_id,
        "job": job.relative_to(Path.cwd()).model_dump(mode="json", by_alias=True, exclude_none=True),
        "seed": job.seed,
        "plugins": {name: plugin_hash(name) for name in job.plugins},
        "data": data | {"newest": task.newest(study.source)},
        # By name: what a file is does not depend on where it lies.
        "files": [{**file._asdict(), "path": Path(file.path).name} for file in study.files],
        "tuning": {
            "fits per model and fold": job.blocks.fits,
            "networks trained per fit": job.network.members_of(job.blocks.fits),
            "settings tried per other model and fold": job.tune.trials,
            "rows that train the SVM, at most": CappedSVC().max_rows,
        },
        "chosen": chosen,
        "deployed": {"name": deployment.subject, "by fold": {str(k): v for k, v in deployment.chosen.items()}},
        REFIT: describe_refit(job, dataset, model=deployment.model) | {SPECIFICATION: specification(model)},
        "environment": environment(),
    }


def timings(results: Sequence[FoldResult]) -> dict[str, Any]:
    """When the run ended and what it cost: all that differs when the same run is made again."""
    table = pd.DataFrame([(result.model, result.cpu_seconds) for result in results], columns=["model", "seconds"])
    sums = table.groupby("model", sort=False)["seconds"].sum()
    seconds = {str(model): round(float(spent), 2) for model, spent in sums.items()}
    return {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "cpu seconds": seconds}
