"""Preflight: whether a job can be carried out on its rows, found before anything trains."""

from dataclasses import replace

import numpy as np

from finnet.dataset import Dataset
from finnet.errors import FinnetError
from finnet.jobs.config import Job
from finnet.models import BASELINES, naive_models
from finnet.seeds import derive_seed
from finnet.splits import Holdout, Split, WalkForward

__all__ = ["hindrances"]

FEWEST = 2
"""Rows of each outcome that a fold must have to train anything."""

SHARES = (0.2, 0.15, 0.1, 0.05)
"""Test shares that are tried where the one of a holdout leaves too little to learn from."""


def hindrances(job: Job, dataset: Dataset) -> list[str]:
    """Sentences about what would stop the run: folds that cannot be cut or trained, models that lack their column.

    Examples
    --------
    >>> from finnet.jobs.job_file import parse_job
    >>> from finnet.labels import build_dataset
    >>> from finnet.data.samples import made_market
    >>> job = parse_job({"schema": 1, "task": "direction", "name": "a", "data": {"made_market": {}},
    ...                  "split": {"walk_forward": {"train_bars": 10}}, "features": ["return_5"]})
    >>> dataset = build_dataset(made_market(symbols=2, sessions=40), job.features, job.label.label)
    >>> hindrances(job, dataset)
    ["models names persistence, which reads 'return_1'; add it to features, or leave the model out"]
    """
    # Only naive models read a column by its name.
    naive = {name: BASELINES[name].make(job.kind) for name in job.models if name in naive_models()}
    reads = {name: getattr(model, "column", None) for name, model in naive.items()}
    found = [
        f"models names {name}, which reads {column!r}; add it to features, or leave the model out"
        for name, column in reads.items()
        if isinstance(column, str) and column not in dataset.X
    ]
    trouble = _trouble(job, dataset, job.split.split)
    return [*found, f"{trouble}{_way_out(job, dataset)}"] if trouble else found


def _trouble(job: Job, dataset: Dataset, split: Split) -> str:
    """What prevents the first fold that cannot be cut, trained or divided into blocks; "" where nothing does."""
    try:
        for fold in split.split(dataset):
            counts = np.unique(dataset.labels(fold.train), return_counts=True)[1]
            if job.kind == "event" and (len(counts) < FEWEST or counts.min() < FEWEST):
                words = f"fold {fold.number} trains on {len(fold.train):,} rows with fewer than {FEWEST} of one outcome"
                return f"{words}; give more rows, or a longer training window"
            job.blocks.cut(dataset, fold.train, seed=derive_seed(job.seed, "blocks", fold.number))
    except FinnetError as error:
        return str(error)
    return ""


def _way_out(job: Job, dataset: Dataset) -> str:
    """The setting nearest to the job's that would work, as the end of a sentence; "" where none is found."""
    split = job.split.split
    with_blocks = f" (horizon {dataset.horizon}, blocks.validation = {job.blocks.validation:g})"
    if isinstance(split, WalkForward):
        bars = len(np.unique(dataset.clock("known_at")))
        # From 5 to 95 % of the sessions in steps of 2.5 %: near enough for a hint, and soon tried.
        steps = sorted({round(bars * share) for share in np.linspace(0.05, 0.95, 37)})
        longer = (bars for bars in steps if bars > split.train_bars)
        works = (bars for bars in longer if not _trouble(job, dataset, replace(split, train_bars=bars)))
        enough = next(works, None)
        return "" if enough is None else f"; train_bars of at least {enough} would do{with_blocks}"
    if isinstance(split, Holdout):
        smaller = (share for share in SHARES if share < split.test_share)
        works_too = (share for share in smaller if not _trouble(job, dataset, replace(split, test_share=share)))
        less = next(works_too, None)
        return "" if less is None else f"; test_share = {less:g} would do{with_blocks}"
    return ""
