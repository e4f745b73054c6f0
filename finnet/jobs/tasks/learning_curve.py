"""The learning curve of a job: what the model deployed and its challengers reach when they train on fewer rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.dataset import Dataset
from finnet.errors import ConfigError
from finnet.evaluation.folds import checked_folds
from finnet.evaluation.scores import score
from finnet.forecasts import Forecasts
from finnet.jobs.config import Job
from finnet.jobs.tasks.task import FurtherFits, Results, Study
from finnet.models import BASELINES
from finnet.reporting.sections.learning_curve import LearningCurveSection
from finnet.seeds import derive_seed
from finnet.splits import Fold
from finnet.types import IntArray

__all__ = ["USUAL_ROWS", "LearningCurve", "curve_fits", "learning_curve_section", "nested_rows"]

USUAL_ROWS = (500, 1000, 5000)
"""Rows of a learning curve whose job file says no more than that it wants one."""

_CHALLENGERS = ("boosting", "logistic")
_FEWEST_OF_A_CLASS = 25  # training rows of either outcome
_METRICS = ("auc", "log_loss")


@dataclass(frozen=True)
class LearningCurve:
    """How many training rows of the first fold the models of the learning curve get.

    Parameters
    ----------
    rows : tuple of int
        Rising; the run itself has trained on all rows. Numbers that the fold does not reach are left out. None of them,
        no curve; `learning_curve = true` stands for 500, 1,000 and 5,000.
    """

    rows: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for n_rows in self.rows:
            require_at_least(n_rows, 4 * _FEWEST_OF_A_CLASS, name="rows")
        if list(self.rows) != sorted(set(self.rows)):
            raise ConfigError(f"rows={list(self.rows)} do not rise; give them as [500, 1000, 5000]")


def curve_fits(settings: LearningCurve, job: Job, dataset: Dataset) -> FurtherFits | None:
    """The fits on fewer rows: the model deployed and its challengers, which are chosen from by nobody."""
    cuts = _Cuts.of(settings, job, dataset)
    return FurtherFits(_models(job), cuts) if cuts.folds else None


def learning_curve_section(
    settings: LearningCurve, job: Job, study: Study, *, results: Results
) -> list[LearningCurveSection]:
    """The section, where the job asks for one: models on nested parts of the first fold's training rows."""
    if not settings.rows:
        return []
    names, cuts = _models(job), _Cuts.of(settings, job, study.dataset)
    table = results.forecasts.table
    own = table[(table["fold"] == cuts.first.number) & table["model"].isin(names)]
    # Forecasts by number of training rows; the fit on all of them is the run's own, which is not made again.
    parts = {
        **{
            len(fold.train): [fit.forecasts for fit in results.further if fit.fold == fold.number]
            for fold in cuts.folds
        },
        len(cuts.first.train): [Forecasts(own)],
    }
    return [
        LearningCurveSection(
            learning_curve=pd.concat(
                [
                    score(Forecasts.concat(made), _METRICS, seed=job.seed).assign(rows=n_rows)
                    for n_rows, made in parts.items()
                ],
                ignore_index=True,
            ),
            subject=names[0],
            test_rows=len(cuts.first.test),
            is_in_time=study.dataset.is_ordered,
            too_few=cuts.too_few,
        )
    ]


def _models(job: Job) -> list[str]:
    """The model that the job deploys, or the first that learns, and up to two challengers."""
    learning = [name for name in job.models if name not in BASELINES or not BASELINES[name].is_naive]
    first = job.deploy if job.deploy in learning else learning[0]
    others = [name for name in (*_CHALLENGERS, *learning) if name in learning and name != first]
    return [first, *list(dict.fromkeys(others))[: len(_CHALLENGERS)]]


@dataclass(frozen=True, eq=False)
class _Cuts:
    """The first fold of a job again and again, its training rows cut; a split, as `forecast_folds` takes one.

    `folds` have numbers that follow those of the job; `too_few` are the numbers of rows that hold too few of a class.
    """

    first: Fold
    folds: Sequence[Fold]
    too_few: Sequence[int]

    @classmethod
    def of(cls, settings: LearningCurve, job: Job, dataset: Dataset) -> "_Cuts":
        own = list(checked_folds(job.split.split, dataset))
        first, seed = own[0], derive_seed(job.seed, "learning curve")
        folds: list[Fold] = []
        too_few: list[int] = []
        for n_rows in settings.rows:
            if n_rows >= len(first.train):
                continue
            rows = nested_rows(dataset, first, n_rows, seed=seed)
            defaults = int((dataset.labels(rows) == 1).sum())
            if min(defaults, n_rows - defaults) < _FEWEST_OF_A_CLASS:
                too_few.append(n_rows)
            else:
                folds.append(Fold(len(own) + len(folds), rows, first.test))
        return cls(first, folds, too_few)

    def split(self, dataset: Dataset) -> Iterator[Fold]:
        """The fold with each number of training rows."""
        del dataset
        return iter(self.folds)


def nested_rows(dataset: Dataset, fold: Fold, n_rows: int, *, seed: int) -> IntArray:
    """So many of a fold's training rows, rising, shape (n_rows,); among them are those of every smaller number.

    With dates or an order they are the rows nearest to the test rows in time, which in walk-forward are the latest.
    Otherwise they are drawn by `seed`, with the same share of each outcome as all training rows have.

    Examples
    --------
    >>> from finnet.data.samples import made_loan_book
    >>> from finnet.labels import default_dataset
    >>> from finnet.splits import Holdout
    >>> data = default_dataset(made_loan_book(loans=400))
    >>> fold = next(Holdout().split(data))
    >>> few, more = (nested_rows(data, fold, n, seed=0) for n in (100, 200))
    >>> len(few), bool(np.isin(few, more).all()), int(more.max()) == int(fold.train.max())
    (100, True, True)
    """
    if dataset.is_ordered:
        known, tested = dataset.clock("known_at")[fold.train], dataset.clock("known_at")[fold.test]
        # Training rows may lie on both sides of the test rows, as in folds that are not walk-forward.
        away = np.where(known < tested.min(), tested.min() - known, known - tested.max())
    else:
        y, rng = dataset.labels(fold.train), np.random.default_rng(seed)
        away = np.empty(len(y))
        for label in np.unique(y):
            own = np.flatnonzero(y == label)
            # Evenly spaced within each class, in random order: below any limit lies the same share of every class.
            away[own] = (rng.permutation(len(own)) + 0.5) / len(own)
    return np.sort(fold.train[np.argsort(away, kind="stable")[:n_rows]])
