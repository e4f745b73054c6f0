"""Plans: whether a job can be carried out on its rows, found before anything trains."""

import numpy as np

from finnet.dataset import Dataset
from finnet.errors import FinnetError
from finnet.jobs.catalog import NAIVE
from finnet.jobs.config import DefaultRiskJob, DirectionJob

__all__ = ["hindrances"]

FEWEST = 2
"""Rows of each outcome that a fold must have to train anything."""


def hindrances(job: DirectionJob | DefaultRiskJob, dataset: Dataset) -> list[str]:
    """Sentences about what would stop the run: folds that cannot be cut or trained, models that lack their column.

    Examples
    --------
    >>> from finnet.jobs.config import parse_job
    >>> from finnet.labels import build_dataset
    >>> from finnet.data.samples import made_market
    >>> job = parse_job({"schema": 1, "task": "direction", "name": "a", "data": {"made_market": {}},
    ...                  "split": {"walk_forward": {"train_bars": 10}}, "features": ["return_5"]})
    >>> dataset = build_dataset(made_market(symbols=2, sessions=40), job.features, job.label.label)
    >>> hindrances(job, dataset)
    ["models names persistence, which reads 'return_1'; add it to features, or leave the model out"]
    """
    naive = {name: NAIVE[name]() for name in job.models if name in NAIVE}
    reads = {name: getattr(model, "column", None) for name, model in naive.items()}
    found = [
        f"models names {name}, which reads {column!r}; add it to features, or leave the model out"
        for name, column in reads.items()
        if isinstance(column, str) and column not in dataset.X
    ]
    try:
        folds = list(job.split.split.split(dataset))
    except FinnetError as error:
        return [*found, str(error)]
    for fold in folds:
        counts = np.unique(dataset.labels(fold.train), return_counts=True)[1]
        if len(counts) < FEWEST or counts.min() < FEWEST:
            words = f"fold {fold.number} trains on {len(fold.train):,} rows with fewer than {FEWEST} of one outcome"
            return [*found, f"{words}; give more rows, or a longer training window"]
    return found
