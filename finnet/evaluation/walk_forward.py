"""Walk forward: fit on each fold's training rows, forecast its test rows, and keep nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from finnet.blocks import Blocks
from finnet.dataset import Dataset
from finnet.errors import DataError, PluginError
from finnet.evaluation.clusters import design_effect
from finnet.evaluation.effects import permutation_rises
from finnet.evaluation.folds import checked_folds
from finnet.fitting import CrossFit, InnerFolds, Rows, fit_in_folds, forecast_kind, forecast_levels
from finnet.forecasts import PROBABILITY_FLOOR, Forecasts
from finnet.plugins import is_plugin
from finnet.seeds import derive_seed
from finnet.splits import Split
from finnet.types import IntArray
from finnet.workers import ending_with_me, start_tracker

__all__ = [
    "FitRecord",
    "FoldResult",
    "forecast_columns",
    "forecast_folds",
    "forecasts_for",
    "refit",
    "refit_folds",
    "walk_forward",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class FitRecord:
    """How a fit went, as far as the model tells; None where it does not.

    Parameters
    ----------
    chosen : mapping, optional
        Settings that tuning changed.
    history : DataFrame, optional
        Losses epoch by epoch and fit by fit, of an ensemble also member by member.
    members : DataFrame, optional
        Networks of an ensemble: fit, member, its settings, best_epoch, validation_loss, share.
    spread : float, optional
        Standard deviation of the forecasts over the members of an ensemble, before calibration: mean over test rows.
    layers : DataFrame, optional
        Per fit and layer of an ensemble's networks: layer, gradient_norm, update_ratio, dead, saturated, clip_rate and
        weight_size.
    advice : list of str, optional
        What went wrong in training and what helps; no sentence where all was well.
    bags, designs : DataFrame, optional
        Of the default-risk network: a row for every bag, whose losses stand in `history`, and for every design; see
        `finnet.estimators.risk_history.RiskHistory`.
    importance : DataFrame, optional
        Where asked for: `column`, by how much the log loss of test rows rises when it is dealt anew among them (`rise`,
        a mean over `rows` and over `deals`) and the standard error of that (`error`), of rows and of dealing alike,
        which takes clients as independent where rows have them.
    rows : mapping of str to int, optional
        Of the training rows: `fits`, rows of the smallest and of the largest fit (`least`, `most`), `fitted` by any,
        `validating` at a time (at most), `calibrating` in all, and `unused` by all fits.
    calibration : mapping, optional
        How the calibrator was found; see `finnet.estimators.calibrators.choose_calibrator`.
    single_column : mapping of str to str, optional
        Of a forecast by one column alone: the `column`, and how it `moves` the forecast, "up", "down" or by "levels".
    is_constant : bool, optional
        Whether all forecasts of test rows are one number, so that there is nothing to rank or to trade on.
    """

    chosen: Mapping[str, Any] | None = None
    history: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    spread: float | None = None
    layers: pd.DataFrame | None = None
    advice: list[str] | None = None
    bags: pd.DataFrame | None = None
    designs: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None
    rows: Mapping[str, int] | None = None
    calibration: Mapping[str, Any] | None = None
    single_column: Mapping[str, str] | None = None
    is_constant: bool | None = None


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
    train: Rows
    folds: InnerFolds | None
    test: Dataset
    run_id: str
    seed: int = field(default=0)
    has_importance: bool = False


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
        Anything with `fit` and `predict_proba` (or `predict`). What it forecasts it says by `forecast_kind`, where it
        says nothing probabilities, or means without `predict_proba`; see `finnet.fitting.forecast_kind`. Each fold fits
        a clone, seeded by (seed, model, fold). One that stops early, whose `fit` takes `X_val` and `y_val`, is fitted
        several times on each fold, each time without some of the training rows, and its forecasts are averaged; one
        whose `fit` takes `folds` divides the rows itself; any other trains on all of them.
    blocks : Blocks, optional
        How many training rows are held out at a time, and whether they calibrate.
    n_jobs : int
        Processes; each fit uses one BLAS thread. The forecasts do not depend on it.

    Raises
    ------
    LookAheadError
        Where a fold of the split, finnet's or one's own, trains on what its test rows are to forecast; see
        `finnet.evaluation.folds`.

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
    importance_of: Sequence[str] = (),
    on_done: Callable[[FoldResult], None] = lambda result: None,
) -> list[FoldResult]:
    """What `walk_forward` does, with the fits' histories: results in the order fold, then model.

    Models named by `importance_of` forecast an event; their columns are dealt anew among a sample of the test rows.
    Results that are `finished` already are not made again. `on_done` hears of each other one as soon as it is there.
    """
    works = (
        replace(work, has_importance=work.model in importance_of)
        for work in _units_of_work(estimators, dataset, split, blocks=blocks or Blocks(), seed=seed, run_id=run_id)
    )
    known = {(result.model, result.fold) for result in finished}
    left = (work for work in works if (work.model, work.fold) not in known)
    # Before any worker: the tracker keeps the mask of signals that it is started with.
    if effective_n_jobs(n_jobs) > 1:
        start_tracker()
    parallel = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="2*n_jobs", initializer=ending_with_me())
    results = list(finished)
    for result in parallel(delayed(_fit_and_forecast)(work) for work in left):
        on_done(result)
        results.append(result)
    # Those finished before stand first in the list, whatever their place.
    return sorted(results, key=lambda result: (result.fold, list(estimators).index(result.model)))


def refit(estimator: Any, dataset: Dataset, rows: IntArray, *, blocks: Blocks, seed: int) -> Any:
    """The estimator fitted on these row numbers, shape (k,), as `walk_forward` fits it on those of a fold."""
    folds = refit_folds(dataset, rows, blocks=blocks, seed=seed)
    with threadpool_limits(1):
        return fit_in_folds(_seeded(clone(estimator), derive_seed(seed, "refit")), _rows(dataset, rows), folds)


def refit_folds(dataset: Dataset, rows: IntArray, *, blocks: Blocks, seed: int) -> InnerFolds | None:
    """How `refit` holds these row numbers, shape (k,), out in turn; None where it holds out none."""
    return blocks.cut(dataset, rows, seed=derive_seed(seed, "blocks", "refit"))


def _units_of_work(
    estimators: Mapping[str, Any], dataset: Dataset, split: Split, *, blocks: Blocks, seed: int, run_id: str
) -> Iterator[_Work]:
    for fold in checked_folds(split, dataset):
        # Cut from the training rows alone: which rows stop or calibrate a fit never depends on the test rows.
        folds = blocks.cut(dataset, fold.train, seed=derive_seed(seed, "blocks", fold.number))
        train, test = _rows(dataset, fold.train), dataset.take(fold.test)
        for model, estimator in estimators.items():
            # Of model and fold alone, so that neither the order of models nor the number of processes changes a fit.
            own_seed = derive_seed(seed, model, fold.number)
            yield _Work(model, estimator, fold.number, train, folds, test, run_id, own_seed)


def _rows(dataset: Dataset, rows: IntArray) -> Rows:
    weight = None if dataset.weight is None else dataset.weight[rows]
    return Rows(dataset.X.iloc[rows].reset_index(drop=True), dataset.labels(rows), weight)


def _fit_and_forecast(work: _Work) -> FoldResult:
    began = process_time()
    try:
        with threadpool_limits(1):
            fitted = fit_in_folds(_seeded(clone(work.estimator), work.seed), work.train, work.folds)
            forecasts = _forecasts(work, fitted)
            record = _record(work, fitted, forecasts)
            # Read before the importance, which is no part of what a model costs.
            cpu_seconds = process_time() - began
            if work.has_importance:
                record = replace(record, importance=_importance(work, fitted))
    # A user's code may call sys.exit, which would end the whole run without a word.
    except (Exception, SystemExit) as error:
        if not is_plugin(work.model):
            raise
        raise PluginError(f"{work.model!r} failed on fold {work.fold} ({error!r}); mend it") from error
    return FoldResult(work.model, work.fold, forecasts, record, cpu_seconds)


def _seeded(estimator: Any, seed: int) -> Any:
    seeds = [name for name in estimator.get_params(deep=True) if name.split("__")[-1] == "random_state"]
    return estimator.set_params(**dict.fromkeys(seeds, seed))


def _record(work: _Work, fitted: Any, forecasts: Forecasts) -> FitRecord:
    fits, spread = _fits(fitted), _attribute_of(fitted, "spread")
    members = _joined(fits, "members_")
    by_level = forecasts.table.groupby("level", dropna=False)["value"]
    return FitRecord(
        chosen=_attribute_of(fits[0], "best_params_"),
        history=_joined(fits, "history_"),
        # Shares of members are those of the forecast of their own fit, and fits are averaged with equal weight.
        members=None if members is None else members.assign(share=members["share"] / len(fits)),
        spread=None if spread is None else float(spread(work.test.X).mean()),
        layers=_joined(fits, "layers_"),
        advice=_advice(fits),
        bags=_joined(fits, "bags_"),
        designs=_joined(fits, "designs_"),
        rows=_use_of_rows(work, fitted),
        calibration=_attribute_of(fitted, "calibration_"),
        single_column=_attribute_of(fitted, "single_column_"),
        is_constant=bool((by_level.max() == by_level.min()).all()),
    )


def _importance(work: _Work, fitted: Any) -> pd.DataFrame:
    """Permutation importance of every column on a sample of the test rows; see `FitRecord`."""
    known = np.flatnonzero(work.test.has_label)
    most = int(np.clip(_ROWS_TIMES_COLUMNS // work.test.X.shape[1], 100, 1_000))
    rng = np.random.default_rng(derive_seed(work.seed, "importance"))
    rows = np.sort(rng.permutation(known)[:most])
    X, y = work.test.X.iloc[rows].reset_index(drop=True), work.test.labels(rows).astype(np.int64)
    deals = min(_DEALS, len(X))
    # What a row adds is a mean over its deals: rows differ by their own luck and by what is left of that of dealing.
    rises = permutation_rises(fitted, X, y, columns=[str(name) for name in X], rng=rng, repeats=deals)
    error = rises.std(axis=0, ddof=1) / np.sqrt(len(X)) if len(X) > 1 else np.full(X.shape[1], np.nan)
    group = work.test.group
    clients = [] if group is None else [np.unique(group[rows], return_inverse=True)[1]]
    error = error * np.sqrt([design_effect(column, clients) for column in rises.T])
    found = {"column": list(X), "rise": rises.mean(axis=0), "error": error, "rows": len(X), "deals": deals}
    return pd.DataFrame(found)


def _use_of_rows(work: _Work, fitted: Any) -> dict[str, int]:
    """How the training rows were used; see `FitRecord`."""
    total, folds = len(work.train.y), work.folds
    in_folds = [
        isinstance(part, CrossFit) or bool(getattr(part, "is_fitted_in_folds_", False))
        for part in _nested_estimators(fitted)
    ]
    if folds is None or not any(in_folds):
        return {"fits": 1, "least": total, "most": total, "fitted": total} | dict.fromkeys(_NOT_FITTED, 0)
    sizes, fitted_rows = [len(rows) for rows in folds.fit], len(folds.fitted)
    calibrating = len(folds.judged) if _attribute_of(fitted, "calibration_") is not None else 0
    not_fitted = {
        "validating": max(map(len, folds.validation)),
        "calibrating": calibrating,
        "unused": total - fitted_rows,
    }
    return {"fits": len(sizes), "least": min(sizes), "most": max(sizes), "fitted": fitted_rows} | not_fitted


_ROWS_TIMES_COLUMNS = 10_000  # times deals: forecasts of a fold that importance costs at most
# Both the luck of rows and that of dealing fall with the root of the rows, so that one number of deals is enough for
# any: on 200 loans of the German credit data the standard deviation of ten evenly spaced deals was a tenth of the
# standard error of loans (.0009 to .0087), of thirty permutations drawn one by one a fifth, of one more than all of it.
_DEALS = 10
_NOT_FITTED = ("validating", "calibrating", "unused")


def _fits(fitted: Any) -> list[Any]:
    """The models of a cross-fitted estimator, or the one that there is."""
    return next((part.models for part in _nested_estimators(fitted) if isinstance(part, CrossFit)), [fitted])


def _joined(fits: Sequence[Any], name: str) -> pd.DataFrame | None:
    """The table that each fit has under this name, one after another, with the fit; members are numbered on."""
    tables: list[pd.DataFrame] = [table for table in (_attribute_of(fit, name) for fit in fits) if table is not None]
    if not tables:
        return None
    named = [table.reset_index() if table.index.name == "member" else table for table in tables]
    first = 0
    for k, table in enumerate(named):
        named[k] = table.assign(fit=k)
        if "member" in table:
            named[k]["member"] += first
            first = int(named[k]["member"].max()) + 1
    return pd.concat(named, ignore_index=True)


def _advice(fits: Sequence[Any]) -> list[str] | None:
    """What the fits say, each sentence once; None where none keeps watch."""
    told = [advice for advice in (_attribute_of(fit, "advice_") for fit in fits) if advice is not None]
    return list(dict.fromkeys(sentence for advice in told for sentence in advice)) if told else None


def _attribute_of(estimator: Any, name: str) -> Any:
    """What the outermost of the estimator and those inside it has under this name."""
    return next((getattr(part, name) for part in _nested_estimators(estimator) if hasattr(part, name)), None)


def _nested_estimators(estimator: Any) -> Iterator[Any]:
    """The estimator and the fitted ones inside it, outermost first."""
    while estimator is not None:
        yield estimator
        estimator = getattr(estimator, "classifier_", getattr(estimator, "regressor_", None))


def forecast_columns(fitted: Any, X: pd.DataFrame) -> dict[str, Any]:
    """The columns `kind` and `value` of a table of forecasts; DataError for quantiles, which `forecasts_for` takes.

    No probability is nearer to 0 or 1 than `finnet.forecasts.PROBABILITY_FLOOR`.
    """
    kind = forecast_kind(fitted)
    if kind == "quantile":
        raise DataError("quantiles are a row for every level; take them from forecasts_for")
    if kind == "probability":
        # Column 1 is that of the class 1, as classes are in ascending order.
        P = np.asarray(fitted.predict_proba(X), float)[:, 1]
        # What is no probability stays, for the table of forecasts to name.
        floored = np.clip(P, PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
        return {"kind": kind, "value": np.where((P >= 0.0) & (P <= 1.0), floored, P)}
    return {"kind": kind, "value": np.asarray(fitted.predict(X), float)}


def forecasts_for(fitted: Any, X: pd.DataFrame, columns: Mapping[str, Any], *, run_id: str) -> Forecasts:
    """What a fitted model forecasts of these rows, beside `columns` that say of which; for every level, of quantiles.

    Examples
    --------
    >>> from finnet.estimators.naive import TrainingQuantiles
    >>> X, columns = pd.DataFrame({"a": [1.0]}), {"model": "naive", "fold": 0, "entity": ["A"]}
    >>> model = TrainingQuantiles((0.1, 0.9)).fit(X, np.array([2.0]))
    >>> made = forecasts_for(model, X, {**columns, "target": "size", "horizon": 1}, run_id="demo")
    >>> made.kinds, made.levels
    (['quantile'], [0.1, 0.9])
    """
    if forecast_kind(fitted) != "quantile":
        return Forecasts.from_rows({**columns, **forecast_columns(fitted, X)}, run_id=run_id)
    values, levels = np.asarray(fitted.predict(X), float).reshape(len(X), -1), forecast_levels(fitted)
    if values.shape[1:] != (len(levels),):
        raise DataError(
            f"predict gives {values.shape[1]} columns for levels {tuple(levels)}; give one column per level"
        )
    # Quantiles that crossed are sorted row by row, which can only bring them closer to the truth (Chernozhukov,
    # Fernandez-Val & Galichon 2010).
    quantiles = zip(sorted(levels), np.sort(values, axis=1).T, strict=True)
    made = [{"kind": "quantile", "level": level, "value": value} for level, value in quantiles]
    return Forecasts.concat([Forecasts.from_rows({**columns, **part}, run_id=run_id) for part in made])


def _forecasts(work: _Work, fitted: Any) -> Forecasts:
    test = work.test
    times = {name: test.clock(clock) for name, clock in _TIMES.items()} if test.is_dated else {}
    cases = {"model": work.model, "fold": work.fold, "entity": test.entity, "target": test.target, **times}
    known = {"horizon": test.horizon, "truth": test.y.astype(float)}
    known |= {} if test.weight is None else {"weight": test.weight}
    known |= {} if test.group is None else {"group": test.group}
    return forecasts_for(fitted, test.X, {**cases, **known}, run_id=work.run_id)


_TIMES = {"issued_at": "decided_at", "tradable_at": "tradable_at", "resolves_at": "resolves_at"}
