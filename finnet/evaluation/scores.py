"""Scores: every metric of every model with its 95 % interval, on the rows that all models forecast."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.errors import ConfigError
from finnet.evaluation.cases import Cases, paired_cases
from finnet.evaluation.metric_shapes import Rank, Ranking, Sums
from finnet.evaluation.metrics import MINIMUM_SYMBOLS, Metric, metric_named, require_judges, session_rank_ic
from finnet.evaluation.number_metrics import pinball_losses
from finnet.evaluation.significance import block_bootstrap_indices
from finnet.forecasts import Forecasts
from finnet.targets import target_named
from finnet.types import BoolArray, FloatArray, IntArray
from finnet.weights import effective_number

__all__ = [
    "DRAWS",
    "Sample",
    "compared_metrics",
    "deciding_metric",
    "default_metrics",
    "describe_sample",
    "score",
    "score_by_fold",
]

DRAWS = 1000
"""Bootstrap samples that intervals of scores rest on: with 500 their ends moved in the third digit."""

# Fewer sessions say next to nothing about how long errors last.
_FEWEST_FOR_BLOCKS = 20
# Weights made at once, which bounds the memory that many units take.
_BLOCK_WEIGHTS = 4_000_000


@dataclass(frozen=True)
class Sample:
    """What scores rest on.

    Parameters
    ----------
    n_rows : int
        Rows that every model forecast and whose truth is known, over all repeats.
    n_sessions : int
        Units that the bootstrap draws: days of issue, months of issue for loans, entities or clients without dates.
    n_entities, n_repeats : int
        Symbols or loans, and how often a case was forecast (repeated k-fold).
    base_rate : float
        Share of ones: the up rate, or the default rate; NaN where forecasts are not about events.
    horizon_sessions : int
        Sessions within which outcomes overlap.
    first, last : str
        Days of the first and last issue, "" without dates.
    years : float
        Between them; NaN without dates.
    effective_rows : float, optional
        Kish's number of equally weighted rows that would say as much; None where rows are not weighted.
    n_clients : int, optional
        Clients whose loans the rows are; None where each entity is by itself.
    """

    n_rows: int
    n_sessions: int
    n_entities: int
    n_repeats: int
    base_rate: float
    horizon_sessions: int
    first: str
    last: str
    years: float
    effective_rows: float | None = None
    n_clients: int | None = None


def describe_sample(forecasts: Forecasts) -> Sample:
    """What the scores of these forecasts rest on.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.1, 0.7], "truth": [0.0, 1.0]}
    >>> sample = describe_sample(Forecasts.from_rows(rows, run_id="demo"))
    >>> sample.n_rows, sample.base_rate
    (2, 0.5)
    """
    cases = paired_cases(forecasts)
    days = [str(day) for day in (cases.issued.min(), cases.issued.max())] if cases.is_dated else ["", ""]
    return Sample(
        n_rows=len(cases.truth),
        n_sessions=cases.n_units,
        n_entities=int(forecasts.table["entity"].nunique()),
        n_repeats=int(cases.repeat.max()) + 1,
        base_rate=float(np.average(cases.truth, weights=cases.weight)) if cases.is_event else np.nan,
        horizon_sessions=cases.horizon,
        first=days[0][:10],
        last=days[1][:10],
        years=cases.years,
        effective_rows=None if cases.weight is None else effective_number(cases.weight),
        n_clients=None if cases.group is None else int(cases.group.max()) + 1,
    )


def score(
    forecasts: Forecasts,
    metrics: Sequence[str] | None = None,
    *,
    draws: int = DRAWS,
    block_sessions: int | None = None,
    seed: int = 0,
    outcome: "pd.Series[float] | None" = None,
) -> pd.DataFrame:
    """Metrics of every model on the rows that all of them forecast, with 95 % intervals.

    The interval holds the middle 95 % of a circular block bootstrap that draws whole sessions, since rows of one day
    are not independent; all models share the draws. Loans are drawn by month of issue, rows without dates one entity at
    a time, with all its repeats, and where forecasts have groups one client at a time, with all its loans (a cluster
    bootstrap: Davison & Hinkley 1997, section 3.8; Cameron & Miller 2015, section VI). Loans with dates and clients are
    drawn both ways, and the interval reaches to the outer ends of the two. Weighted rows are drawn as they stand, and
    count by their weights. With repeated k-fold a metric is taken over all rows of each repeat, then averaged over
    repeats. Models are taken as fitted: the interval does not say how they would vary with other training rows.

    Parameters
    ----------
    metrics : sequence of str, optional
        Names in `METRICS`; by default what fits the target.
    draws : int
        Bootstrap samples; 0 leaves the intervals NaN.
    block_sessions : int, optional
        Length of a block; by default as the forecasts' errors depend on each other (Politis & White 2004), at least the
        horizon; 1 without dates, and always 1 for clients.
    seed : int
        Of the draws.
    outcome : Series, optional
        What the rank IC orders symbols by, such as the forward return, indexed by (issued_at, entity); by default the
        truth itself, which for direction is no more than 0 and 1.

    Returns
    -------
    DataFrame
        Columns model, metric, value, low, high. The interval is NaN where sessions make fewer than two blocks.

    Raises
    ------
    ConfigError
        Where a metric is unknown, or does not fit the kind of forecasts or rows without dates.
    DataError
        Where forecasts are of several kinds or targets, or probabilities of a truth that is neither 0 nor 1.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.1, 0.7], "truth": [0.0, 1.0]}
    >>> score(Forecasts.from_rows(rows, run_id="demo"), ["auc", "brier"], draws=0)[["model", "metric", "value"]]
         model metric  value
    0  network    auc   1.00
    1  network  brier   0.05
    """
    require_at_least(draws, 0, name="draws")
    cases = paired_cases(forecasts, outcome)
    names = tuple(metrics) if metrics is not None else _fitting(cases, str(forecasts.table["target"].iloc[0]))
    judged = _judging(names, cases)
    rows = [_rows(cases, number) for number in range(len(cases.models))]
    values = [[np.mean([_value(metric, part) for part in parts]) for metric in judged] for parts in rows]
    ends = [_interval_ends(own, judged, draws=draws, block=block_sessions, seed=seed) for own in cases.divisions]
    # Months hold what loans of a time share, clients what one of them does; the outer ends allow for either.
    low, high = np.fmin.reduce([end[0] for end in ends]), np.fmax.reduce([end[1] for end in ends])
    named = pd.MultiIndex.from_product([cases.models, names], names=["model", "metric"])
    columns = {"value": np.ravel(values), "low": low.ravel(), "high": high.ravel()}
    return pd.DataFrame(columns, index=named).reset_index()


def score_by_fold(
    forecasts: Forecasts, metrics: Sequence[str] | None = None, *, outcome: "pd.Series[float] | None" = None
) -> pd.DataFrame:
    """Metrics of every model fold by fold, on the rows that all of them forecast.

    Parameters
    ----------
    metrics, outcome
        As in `score`.

    Returns
    -------
    DataFrame
        Columns fold, model, metric, value, n (rows of the fold); the value is NaN where a fold has one class only.

    Examples
    --------
    >>> rows = {"model": "network", "fold": [0, 1], "entity": ["A", "B"], "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.1, 0.7], "truth": [0.0, 1.0]}
    >>> score_by_fold(Forecasts.from_rows(rows, run_id="demo"), ["brier"])
       fold    model metric  value  n
    0     0  network  brier   0.01  1
    1     1  network  brier   0.09  1
    """
    cases = paired_cases(forecasts, outcome)
    names = tuple(metrics) if metrics is not None else _fitting(cases, str(forecasts.table["target"].iloc[0]))
    judged = _judging(names, cases)
    records = []
    for fold in np.unique(cases.fold):
        for number, model in enumerate(cases.models):
            rows = cases.fold == fold
            part = _part(cases, number, rows)
            values = [_value(metric, part) for metric in judged]
            records += [
                (int(fold), model, name, value, len(part.truth)) for name, value in zip(names, values, strict=True)
            ]
    return pd.DataFrame(records, columns=["fold", "model", "metric", "value", "n"])


def default_metrics(forecasts: Forecasts) -> tuple[str, ...]:
    """Names of the metrics that fit the target: of default, of direction, and for panels the rank IC as well."""
    return _fitting(paired_cases(forecasts), str(forecasts.table["target"].iloc[0]))


def deciding_metric(forecasts: Forecasts) -> str:
    """The metric that decides who forecasts better: that of the target, unless rows allow no rank IC.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 0,
    ...         "kind": "probability", "value": [0.1, 0.7], "truth": [0.0, 1.0]}
    >>> deciding_metric(Forecasts.from_rows(rows, run_id="demo"))
    'log_loss'
    """
    return compared_metrics(forecasts)[0]


def compared_metrics(forecasts: Forecasts) -> tuple[str, ...]:
    """The metric that decides, then those compared beside it."""
    cases, name = paired_cases(forecasts), str(forecasts.table["target"].iloc[0])
    target, scored = target_named(name, cases.kind), _fitting(cases, name)
    beside = (*target.second, "rank_ic") if "rank_ic" in scored else target.second
    return tuple(dict.fromkeys(name for name in (target.decides, *beside, "log_loss") if name in scored))


def _fitting(cases: Cases, target: str) -> tuple[str, ...]:
    names = target_named(target, cases.kind).scores
    # The usual session counts, as a few thin ones only make their own rank IC undefined.
    is_panel = cases.is_dated and np.median(np.bincount(cases.unit)) >= MINIMUM_SYMBOLS
    if is_panel and target != "default" and "rank_ic" not in names:
        names = (*names, "rank_ic")
    judging = [metric.judges(cases) and (is_panel or metric.kind != "panel") for metric in map(metric_named, names)]
    fitting = [name for name, does in zip(names, judging, strict=True) if does]
    if not fitting:
        raise ConfigError(
            f"forecasts of kind {cases.kind} of {target} are judged by {', '.join(names)}, which needs sessions of"
            f" {MINIMUM_SYMBOLS} symbols; give more symbols, or forecasts of kind mean"
        )
    return tuple(fitting)


def _judging(names: Sequence[str], cases: Cases) -> list[Metric]:
    """The metrics of these names, all of which must fit the cases."""
    for name in names:
        require_judges(name, cases)
    return [metric_named(name) for name in names]


def _interval_ends(
    cases: Cases, metrics: Sequence[Metric], *, draws: int, block: int | None, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Ends of the interval of every metric of every model, shape (n_models, n_metrics) each, from one kind of unit."""
    # Clients have no order in time, so that no block of neighbors could hold what they share.
    block = 1 if cases.unit_name == "client" else block
    rows = [_rows(cases, number) for number in range(len(cases.models))]
    blocks = _weight_blocks(cases, draws, block, rng=np.random.default_rng(seed))
    none = np.empty((len(rows), len(metrics), 0))
    drawn = np.concatenate([none, *(_bootstrap_values(rows, metrics, weights) for weights in blocks)], axis=-1)
    known = np.isfinite(drawn).any(axis=-1)
    low, high = np.full((2, *known.shape), np.nan)
    if known.any():
        low[known], high[known] = np.nanquantile(drawn[known], [0.025, 0.975], axis=-1)
    if cases.unit_name == "client":
        # A rank IC averages sessions, of which a client drawn twice makes no second one.
        is_panel = np.array([metric.kind == "panel" for metric in metrics])
        low[:, is_panel] = high[:, is_panel] = np.nan
    return low, high


def _weight_blocks(cases: Cases, draws: int, block: int | None, *, rng: np.random.Generator) -> Iterator[FloatArray]:
    """How often each unit stands in each bootstrap sample, shape (some draws, n_units); none where it says nothing."""
    n = cases.n_units
    if block is None:
        block = _block_length(cases) if cases.is_in_time else 1
    require_at_least(block, 1, name="block_sessions")
    step = max(1, _BLOCK_WEIGHTS // n)
    for start in range(0, draws if n >= 2 * block else 0, step):
        some = min(step, draws - start)
        # Units are numbered on from draw to draw, so that one count serves many draws.
        indices = block_bootstrap_indices(n, block, draws=some, rng=rng) + n * np.arange(some)[:, None]
        yield np.bincount(indices.ravel(), minlength=some * n).reshape(some, n).astype(float)


def _block_length(cases: Cases) -> int:
    """Sessions of a block: the longest that Politis & White (2004) choose for the errors of any model.

    Never below the horizon, and otherwise at most a quarter of the sessions, so that blocks can differ.
    """
    # Imported here: arch brings all of its volatility models and matplotlib along, which takes over a second.
    from arch.bootstrap import optimal_block_length

    n, counts, numbers = cases.n_units, cases.counts, range(len(cases.models))
    rows = np.bincount(cases.unit, counts)
    # Means by session, which are what the blocks consist of.
    errors = np.column_stack(
        [np.bincount(cases.unit, counts * _model_errors(cases, number)) / rows for number in numbers]
    )
    # Errors that never vary have no autocorrelation to choose by.
    varying = errors[:, errors.std(axis=0) > 1e-12]
    if n < _FEWEST_FOR_BLOCKS or not varying.shape[1]:
        return cases.horizon
    chosen = float(np.nanmax(optimal_block_length(varying)["circular"]))
    return max(cases.horizon, min(int(np.ceil(chosen)), n // 4), 1)


def _model_errors(cases: Cases, number: int) -> FloatArray:
    """What shows how long the errors of a model last, shape (n,)."""
    truth, forecast = cases.truth, cases.values[:, number]
    if cases.kind == "quantile":
        return pinball_losses(truth, forecast, cases.levels)
    if cases.kind == "score":
        # Scores have no unit: only how far they go along with the truth can be told.
        return np.asarray((truth - truth.mean()) * (forecast - forecast.mean()) / max(float(forecast.std()), 1e-12))
    return np.asarray((truth - forecast) ** 2)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of one model in one repeat."""

    truth: FloatArray
    outcome: FloatArray
    forecast: FloatArray
    unit: IntArray
    n_units: int
    levels: FloatArray
    naive: FloatArray | None
    weight: FloatArray | None

    @cached_property
    def ranking(self) -> Ranking:
        return Ranking.of(self.truth, self.forecast, self.unit, n_units=self.n_units, weight=self.weight)

    @property
    def given(self) -> dict[str, FloatArray]:
        """What a metric needs to know besides: of quantiles the levels, and weights where rows have any."""
        known = {"levels": self.levels} if len(self.levels) else {}
        return known if self.weight is None else {**known, "weight": self.weight}

    def judged(self, metric: Metric) -> tuple[FloatArray, FloatArray]:
        """Truth and forecast as the metric takes them."""
        return metric.judged(self.truth, self.forecast, self.naive)


def _rows(cases: Cases, number: int) -> list[_Rows]:
    """Rows of one model, repeat by repeat."""
    return [_part(cases, number, cases.repeat == repeat) for repeat in range(int(cases.repeat.max()) + 1)]


def _part(cases: Cases, number: int, rows: BoolArray) -> _Rows:
    """Some rows of one model."""
    return _Rows(
        cases.truth[rows],
        cases.outcome[rows],
        cases.values[rows, number],
        cases.unit[rows],
        cases.n_units,
        cases.levels,
        None if cases.naive is None else cases.naive[rows],
        None if cases.weight is None else cases.weight[rows],
    )


def _value(metric: Metric, rows: _Rows) -> float:
    if metric.kind == "panel":
        return metric.function(rows.outcome, rows.forecast, rows.unit)
    return metric.function(*rows.judged(metric), **rows.given)


def _bootstrap_values(rows: list[list[_Rows]], metrics: Sequence[Metric], weights: FloatArray) -> FloatArray:
    """Every metric of every model, averaged over repeats, in every bootstrap sample: shape (models, metrics, draws)."""
    return np.array(
        [
            [np.mean([_bootstrap_metric(metric, part, weights) for part in parts], axis=0) for metric in metrics]
            for parts in rows
        ]
    )


def _bootstrap_metric(metric: Metric, rows: _Rows, weights: FloatArray) -> FloatArray:
    """One metric in every bootstrap sample, shape (draws,)."""
    if metric.kind == "panel":
        each = session_rank_ic(rows.outcome, rows.forecast, rows.unit)
        known = np.isfinite(each)
        # Units without a row of this repeat at the end have no rank IC, and `each` stops before them.
        sessions = weights[:, : len(each)][:, known]
        total = sessions.sum(axis=1)
        return np.asarray(sessions @ each[known] / np.where(total > 0, total, np.nan))
    shape = metric.shape_at(rows.levels)
    # Sums and rankings are made once for all draws; only a metric without a shape is computed anew in each.
    if isinstance(shape, Sums):
        terms = shape.terms(*rows.judged(metric))
        terms = terms if rows.weight is None else rows.weight[:, None] * terms
        # Summed by unit once: every draw then weighs units, of which there are fewer than rows.
        sums = np.column_stack([np.bincount(rows.unit, column, minlength=rows.n_units) for column in terms.T])
        return shape.combine(weights @ sums)
    if isinstance(shape, Rank):
        return shape.read(rows.ranking, weights)
    own = 1.0 if rows.weight is None else rows.weight
    given = [{**rows.given, "weight": own * weight[rows.unit]} for weight in weights]
    return np.array([metric.function(*rows.judged(metric), **each) for each in given])
