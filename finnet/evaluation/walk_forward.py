"""Walk forward: fit on each fold's training rows, forecast its test rows, and keep nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from finnet.dataset import Dataset
from finnet.fitting import Rows, fit_in_blocks
from finnet.forecasts import Forecasts
from finnet.seeds import derive_seed
from finnet.splits import Blocks, Split
from finnet.types import IntArray
from finnet.workers import ending_with_me, start_tracker

__all__ = ["FitRecord", "FoldResult", "forecast_folds", "refit", "walk_forward"]


@dataclass(frozen=True, eq=False, kw_only=True)
class FitRecord:
    """How a fit went, as far as the model tells; None where it does not.

    Parameters
    ----------
    chosen : mapping, optional
        Settings that tuning changed.
    history : DataFrame, optional
        Losses epoch by epoch, of an ensemble also member by member.
    members : DataFrame, optional
        Networks of an ensemble: member, its settings, best_epoch, validation_loss, share.
    spread : float, optional
        Standard deviation of the forecasts over the members of an ensemble, before calibration: mean over test rows.
    layers : DataFrame, optional
        Per layer of an ensemble's networks: layer, gradient_norm, update_ratio, dead, saturated, clip_rate and
        weight_size.
    advice : list of str, optional
        What went wrong in training and what helps; no sentence where all was well.
    """

    chosen: Mapping[str, Any] | None = None
    history: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    spread: float | None = None
    layers: pd.DataFrame | None = None
    advice: list[str] | None = None


@dataclass(frozen=True, eq=False)
class FoldResult:
    """Forecasts of one model on one fold, how the fit went and what it cost."""

    model: str
    fold: int
    forecasts: Forecasts
    fit: FitRecord
    cpu_seconds: float


@dataclass(frozen=True, eq=False)
class _Work:
    """One unit of work, holding only the rows it needs so that it can be sent to another process."""

    model: str
    estimator: Any
    fold: int
    blocks: tuple[Rows, Rows, Rows]
    test: Dataset
    run_id: str
    seed: int = field(default=0)


def walk_forward(
    estimators: Any | Mapping[str, Any],
    dataset: Dataset,
    split: Split,
    *,
    blocks: Blocks | None = None,
    seed: int = 0,
    run_id: str = "",
    n_jobs: int = 1,
) -> Forecasts:
    """Out-of-sample forecasts of one estimator, or of several by name, for every fold of the split.

    Parameters
    ----------
    estimators : estimator or mapping of str to estimator
        Anything with `fit` and `predict_proba` (or `predict`). Each fold fits a clone, seeded by (seed, model, fold).
    blocks : Blocks, optional
        How much of each training window goes to validation and calibration.
    n_jobs : int
        Processes; each fit uses one BLAS thread. The forecasts do not depend on it.

    Examples
    --------
    >>> from finnet.data.samples import made_loan_book
    >>> from finnet.estimators.naive import PriorRate
    >>> from finnet.labels import default_dataset
    >>> from finnet.splits import Holdout
    >>> data = default_dataset(made_loan_book(loans=500))
    >>> walk_forward({"prior_rate": PriorRate()}, data, Holdout()).models
    ['prior_rate']
    """
    named = estimators if isinstance(estimators, Mapping) else {type(estimators).__name__: estimators}
    results = forecast_folds(named, dataset, split, blocks=blocks, seed=seed, run_id=run_id, n_jobs=n_jobs)
    return Forecasts.concat([result.forecasts for result in results])


def forecast_folds(
    estimators: Mapping[str, Any],
    dataset: Dataset,
    split: Split,
    *,
    blocks: Blocks | None = None,
    seed: int = 0,
    run_id: str = "",
    n_jobs: int = 1,
    finished: Sequence[FoldResult] = (),
    on_done: Callable[[FoldResult], None] = lambda result: None,
) -> list[FoldResult]:
    """What `walk_forward` does, with the fits' histories: results in the order fold, then model.

    Results that are `finished` already are not made again. `on_done` hears of each other one as soon as it is there.
    """
    works = _works(estimators, dataset, split, blocks=blocks or Blocks(), seed=seed, run_id=run_id)
    known = {(result.model, result.fold) for result in finished}
    left = (work for work in works if (work.model, work.fold) not in known)
    if effective_n_jobs(n_jobs) > 1:
        start_tracker()
    parallel = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="2*n_jobs", initializer=ending_with_me())
    results = list(finished)
    for result in parallel(delayed(_do)(work) for work in left):
        on_done(result)
        results.append(result)
    return sorted(results, key=lambda result: (result.fold, list(estimators).index(result.model)))


def refit(estimator: Any, dataset: Dataset, rows: IntArray, *, blocks: Blocks, seed: int) -> Any:
    """The estimator fitted on these rows as `walk_forward` fits it on a fold: in blocks, seeded, on one BLAS thread."""
    cut = _cut(dataset, rows, blocks, seed=derive_seed(seed, "blocks", "refit"))
    with threadpool_limits(1):
        return _fit(estimator, cut, seed=derive_seed(seed, "refit"))


def _works(
    estimators: Mapping[str, Any], dataset: Dataset, split: Split, *, blocks: Blocks, seed: int, run_id: str
) -> Iterator[_Work]:
    for fold in split.split(dataset):
        cut = _cut(dataset, fold.train, blocks, seed=derive_seed(seed, "blocks", fold.number))
        test = dataset.take(fold.test)
        for model, estimator in estimators.items():
            yield _Work(model, estimator, fold.number, cut, test, run_id, derive_seed(seed, model, fold.number))


def _cut(dataset: Dataset, rows: IntArray, blocks: Blocks, *, seed: int) -> tuple[Rows, Rows, Rows]:
    parts = blocks.cut(dataset, rows, seed=seed)
    return _rows(dataset, parts.fit), _rows(dataset, parts.validation), _rows(dataset, parts.calibration)


def _rows(dataset: Dataset, rows: IntArray) -> Rows:
    return Rows(dataset.X.iloc[rows].reset_index(drop=True), dataset.labels(rows))


def _do(work: _Work) -> FoldResult:
    began = process_time()
    with threadpool_limits(1):
        fitted = _fit(work.estimator, work.blocks, seed=work.seed)
        forecasts, record = _forecasts(work, fitted), _record(work, fitted)
    return FoldResult(work.model, work.fold, forecasts, record, process_time() - began)


def _fit(estimator: Any, blocks: tuple[Rows, Rows, Rows], *, seed: int) -> Any:
    train, validation, calibration = blocks
    return fit_in_blocks(_seeded(clone(estimator), seed), train, validation=validation, calibration=calibration)


def _seeded(estimator: Any, seed: int) -> Any:
    seeds = [name for name in estimator.get_params(deep=True) if name.split("__")[-1] == "random_state"]
    return estimator.set_params(**dict.fromkeys(seeds, seed))


def _record(work: _Work, fitted: Any) -> FitRecord:
    members, spread = _told(fitted, "members_"), _told(fitted, "spread")
    return FitRecord(
        chosen=_told(fitted, "best_params_"),
        history=_told(fitted, "history_"),
        members=None if members is None else members.reset_index(),
        spread=None if spread is None else float(spread(work.test.X).mean()),
        layers=_told(fitted, "layers_"),
        advice=_told(fitted, "advice_"),
    )


def _told(estimator: Any, name: str) -> Any:
    """What the outermost of the estimator and those inside it has under this name."""
    return next((getattr(part, name) for part in _layers(estimator) if hasattr(part, name)), None)


def _layers(estimator: Any) -> Iterator[Any]:
    """The estimator and the fitted ones inside it, outermost first."""
    while estimator is not None:
        yield estimator
        estimator = getattr(estimator, "classifier_", None)


def _forecasts(work: _Work, fitted: Any) -> Forecasts:
    test = work.test
    if hasattr(fitted, "predict_proba"):
        kind, value = "probability", np.asarray(fitted.predict_proba(test.X), float)[:, 1]
    else:
        kind, value = "mean", np.asarray(fitted.predict(test.X), float)
    times = {name: test.clock(clock) for name, clock in _TIMES.items()} if test.is_dated else {}
    rows = {
        "model": work.model,
        "fold": work.fold,
        "entity": test.entity,
        "target": test.target,
        "kind": kind,
    }
    return Forecasts.from_rows(
        {**rows, **times, "horizon": test.horizon, "value": value, "truth": test.y.astype(float)},
        run_id=work.run_id,
    )


_TIMES = {"issued_at": "decided_at", "resolves_at": "resolves_at"}
