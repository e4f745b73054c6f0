"""Explanation: what a job will do, in plain words, before it does it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs

from finnet.data.quality import problems_of, told
from finnet.dataset import Dataset
from finnet.evaluation.walk_forward import forecast_folds
from finnet.jobs.config import Job, Tune
from finnet.jobs.final_fit import final_rows
from finnet.jobs.runner import build_models, count_fits
from finnet.jobs.sources import load
from finnet.jobs.tasks import task_of
from finnet.models import BASELINES, NETWORK
from finnet.names import model_in_sentence
from finnet.splits import Fold, Split, fold_table
from finnet.types import IntArray

__all__ = ["explain"]


_MOST_TRIED = 5_000  # rows of a trial fit
_FEWEST_OF_A_CLASS = 50  # with fewer, a trial fit on some of the rows may fail where the job would not


@dataclass(frozen=True)
class _Trial:
    """The first fold of a split, of long ones every so many rows."""

    split_of: Split

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        fold = next(iter(self.split_of.split(dataset)))
        yield Fold(fold.number, _thinned(dataset, fold.train), _thinned(dataset, fold.test))


def _thinned(dataset: Dataset, rows: IntArray) -> IntArray:
    """Every so many of the rows, shape (n_kept,), spread over the whole fold so that time passes in them as it does."""
    some = rows[:: max(1, len(rows) // _MOST_TRIED)]
    counts = np.unique(dataset.labels(some), return_counts=True)[1]
    return rows if len(counts) < 2 or (len(counts) == 2 and counts.min() < _FEWEST_OF_A_CLASS) else some


def explain(job: Job, *, n_jobs: int = 1) -> str:
    """Rows, folds, blocks, fits and expected time of a job, one sentence per line.

    The time is found by trying every model once on at most about 5,000 rows of the first fold, so this takes a small
    part of what the job takes.

    Examples
    --------
    >>> from finnet.jobs.job_file import parse_job
    >>> job = parse_job({"schema": 1, "task": "default-risk", "name": "small", "tune": {"trials": 2},
    ...                  "data": {"made_loan_book": {"loans": 600}}, "models": ["network", "prior_rate"],
    ...                  "network": {"epochs": 3}})
    >>> print(explain(job))
    small forecasts default from 10 columns.
    Data: 600 rows, 14.8% of them ones, from 2010-01-10 to 2019-12-31.
    Folds: 1. The first trains on 368 rows and forecasts 181.
    Blocks: 5 fits on each training window, each without some of its rows, which stop training, choose settings, and...
    Fits: 2 models on 1 fold; the network trains 4 networks in each fit, those that are tuned try 2 settings...
    Time: about ... on 1 process.
    """
    study = load(job)
    dataset = study.dataset
    ahead, columns = task_of(job).horizon_words(dataset), _plural(len(dataset.X.columns), "column")
    calibrate = ", and calibrate" if job.blocks.calibration else ""
    lines = [
        f"{job.name} forecasts {dataset.target.replace('_', ' ')}{ahead} from {columns}.",
        _data(dataset),
        _folds(job, dataset),
        f"Blocks: {job.blocks.fits} fits on each training window, each without some of its rows, which stop training,"
        f" choose settings{calibrate}; the forecast is their mean.",
        _fits(job, dataset),
    ]
    found = [f"{problem.severity.capitalize()}: {problem}." for problem in told(problems_of(study.quality))]
    return "\n".join([*lines, _time(job, dataset, n_jobs=effective_n_jobs(n_jobs)), *found])


def _data(dataset: Dataset) -> str:
    mean = float(dataset.y[dataset.has_label].mean())
    is_event = np.isin(dataset.y[dataset.has_label], (0, 1)).all()
    level = f"{mean:.1%} of them ones" if is_event else f"{mean:.3g} on average"
    sentence = f"Data: {_plural(len(dataset), 'row')}, {level}"
    if dataset.in_order_of:
        return f"{sentence}, in order of {dataset.in_order_of}, without dates."
    if not dataset.is_dated:
        return f"{sentence}, without dates."
    known = dataset.clock("known_at")
    return f"{sentence}, from {known[0].astype('datetime64[D]')} to {known[-1].astype('datetime64[D]')}."


def _folds(job: Job, dataset: Dataset) -> str:
    table = fold_table(dataset, job.split.split)
    first, last = (
        f"trains on {_plural(int(row['train_rows']), 'row')} and forecasts {row['test_rows']:,}"
        for row in (table.iloc[0], table.iloc[-1])
    )
    sentence = f"Folds: {len(table)}. The first {first}"
    return f"{sentence}." if len(table) == 1 else f"{sentence}; the last {last}."


def _fits(job: Job, dataset: Dataset) -> str:
    folds = len(fold_table(dataset, job.split.split))
    # `count_fits` counts every model on every fold, those beside the comparison, and the final refit.
    beside = count_fits(job, dataset) - 1 - folds * len(job.models)
    rows = _plural(len(final_rows(job.split.split, dataset)), "row")
    members = f"the network trains {_plural(job.network.members_of(job.blocks.fits), 'network')} in each fit, "
    tried = f"those that are tuned try {_plural(job.tune.trials, 'setting')}"
    last = f"Then {model_in_sentence(job.deploy)} is fitted once more, on {rows}, to forecast what comes."
    made = f"{members if NETWORK in job.models else ''}{tried}"
    more = f" {_plural(beside, 'fit')} more are shown beside them." if beside else ""
    return f"Fits: {len(job.models)} models on {_plural(folds, 'fold')}; {made}.{more} {last}"


def _time(job: Job, dataset: Dataset, *, n_jobs: int) -> str:
    """From one try of every model on the first fold; what has more rows costs as much more."""
    once, trial = job.model_copy(update={"tune": Tune(trials=1)}), _Trial(job.split.split)
    results = forecast_folds(build_models(once), dataset, trial, blocks=job.blocks, seed=job.seed)
    rows = fold_table(dataset, job.split.split)["train_rows"]
    # Tuning fits one of the blocks once more for each further setting.
    extra = (job.tune.trials - 1) / job.blocks.fits
    tuned = {name for name in job.models if name in BASELINES and BASELINES[name].is_tuned}
    seconds = sum(result.cpu_seconds * (1 + extra * (result.model in tuned)) for result in results)
    tried = len(next(iter(trial.split(dataset))).train)
    seconds *= float(rows.sum() / tried) / n_jobs
    time = _plural(round(seconds / 60), "minute") if seconds >= 90 else _plural(max(round(seconds), 1), "second")
    return f"Time: about {time} on {_plural(n_jobs, 'process', 'processes')}."


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
