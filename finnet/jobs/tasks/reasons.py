"""Reasons in jobs: what drives the forecasts of the model deployed, and the reasons written beside new forecasts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from finnet.checks import require_at_least
from finnet.data.meanings import NO_MEANINGS, Meanings
from finnet.dataset import Dataset
from finnet.errors import ConfigError
from finnet.estimators.contributions import SAMPLED, contributions, typical_row
from finnet.estimators.reasons import reason_texts, reasons, value_words
from finnet.evaluation.effects import (
    auc_alone,
    effect_curve,
    held_out_importance,
    monotonicity,
    permutation_importance,
)
from finnet.jobs.config import Job
from finnet.jobs.final_fit import final_rows
from finnet.reporting.sections.reasons import ReasonsSection
from finnet.seeds import derive_seed
from finnet.types import FloatArray, IntArray

__all__ = ["ReasonSettings", "reason_columns", "reason_policy", "reasons_section", "require_numbers"]

# Sizes that keep a page readable and its reasons cheap: rows whose forecasts are taken apart, rows whose columns are
# dealt, how many times the columns those may be and how often they are, rows whose declared columns are raised and the
# most values of these, curves shown and the most values of one.
_ROWS_EXPLAINED, _ROWS_MOVED = 200, 400
_ROWS_TIMES_COLUMNS, _FEWEST_MOVED, _DEALS = 40_000, 100, 5
_ROWS_RAISED, _MOST_RAISED = 1_000, 50
_MOST_CURVES, _MOST_VALUES = 6, 20
_Z = 1.96  # 95 % of a normal distribution lie within so many standard errors
_FEWEST_RANKED = 4  # columns, below which a rank correlation says nothing
_TOLERANCE = 1e-2  # of integrals, in log-odds; the rest is spread, so that sums are exact


@dataclass(frozen=True)
class ReasonSettings:
    """What is said of why forecasts are what they are.

    Parameters
    ----------
    most : int
        Reasons that `finnet forecast` and pending.csv give for a row, at most.
    monotone : table of str to "up" or "down"
        Columns of numbers that should raise the risk ("up") or lower it ("down"), which the page verifies through the
        model.
    enforce : bool
        Whether risk_network is trained so that its forecasts can move in no other way; other models are verified alone.

    Examples
    --------
    >>> ReasonSettings(monotone={"debt_to_income": "up"}).most
    4
    """

    most: int = 4
    monotone: Mapping[str, Literal["up", "down"]] = field(default_factory=dict)
    enforce: bool = False

    def __post_init__(self) -> None:
        require_at_least(self.most, 1, name="most")
        if self.enforce and not self.monotone:
            raise ConfigError('enforce = true needs columns; declare them, as in monotone = {income = "down"}')


def require_numbers(settings: ReasonSettings, X: pd.DataFrame) -> None:
    """Raise ConfigError, before anything trains, where a column declared monotone is none of X, or no number.

    X has the shape (n_rows, n_features).
    """
    for name in settings.monotone:
        if name not in X or not pd.api.types.is_numeric_dtype(X[name].dtype):
            numbers = [str(column) for column in X if pd.api.types.is_numeric_dtype(X[column].dtype)]
            raise ConfigError(
                f"reasons.monotone names {name!r}, which is no column of numbers; use {', '.join(numbers)}"
            )


def reason_policy(settings: ReasonSettings, job: Job, dataset: Dataset) -> dict[str, Any]:
    """What reasons for new rows need: the usual row of the last training window, and how many are given."""
    usual = typical_row(dataset.X.iloc[final_rows(job.split.split, dataset)])
    values = {name: usual[name].astype(object).iloc[0] for name in usual}
    # policy.json holds it: JSON knows neither NaN nor numbers of NumPy.
    plain = {
        name: None if pd.isna(value) else value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
    }
    return {"most": settings.most, "usual": plain}


def reason_columns(
    policy: Mapping[str, Any], model: Any, X: pd.DataFrame, *, words: Meanings = NO_MEANINGS
) -> dict[str, list[str]]:
    """`reasons` of each row of X (n_rows, n_features) as a text, by a policy that `reason_policy` made.

    Columns and codes that have a meaning are named by it alone, since a person is to read them.
    """

    def column_words(name: str) -> str:
        meaning = words.of_column(name)
        return name if meaning == name else f"{meaning}:"

    def level_words(name: str, value: Any) -> str:
        return words.of_value(name, value, words=value_words(value))

    # Columns that the model was not trained with are no reasons.
    X = X[list(policy["usual"])]
    found = reasons(model, X, reference=_usual_row(policy, X), most=policy["most"])
    return {"reasons": reason_texts(found, column_words=column_words, level_words=level_words)}


def reasons_section(
    settings: ReasonSettings,
    job: Job,
    dataset: Dataset,
    *,
    model: Any,
    policy: Mapping[str, Any],
    held_out: pd.DataFrame | None = None,
    words: Meanings = NO_MEANINGS,
) -> ReasonsSection:
    """What drives the forecasts of a model, on a sample of the rows of the last training window.

    Beside it `held_out`, permutation importance of the fits of the folds on their test rows (`Results.importance`),
    shape (n_folds * n_features, n_measures). Values stand with their meaning, as `words` has it, in brackets.
    """
    rows = final_rows(job.split.split, dataset)
    rng = np.random.default_rng(derive_seed(job.seed, "reasons"))
    # Drawn at random: the first rows would be the oldest.
    drawn = rng.permutation(rows)[:_ROWS_RAISED]
    X, y = dataset.X.iloc[drawn].reset_index(drop=True), dataset.labels(drawn).astype(np.int64)
    usual = _usual_row(policy, X)
    found = contributions(model, X.head(_ROWS_EXPLAINED), reference=usual, tolerance=_TOLERANCE, seed=job.seed)
    size = found.table.abs().mean().sort_values(ascending=False, kind="stable")
    names = [str(name) for name in size.index]
    n_moved = min(len(X), _ROWS_MOVED, max(_FEWEST_MOVED, _ROWS_TIMES_COLUMNS // len(names)))
    rises = permutation_importance(model, X.head(n_moved), y[:n_moved], columns=names, rng=rng, repeats=_DEALS)
    # Declared columns have a curve whatever they bring, since their direction is asked about.
    curved = list(dict.fromkeys([*names[:_MOST_CURVES], *settings.monotone]))
    # Values that occur in none of the rows drawn are tried as well.
    occurring = dataset.X.iloc[rows]
    held = monotonicity(model, X, settings.monotone, points=_MOST_RAISED, occurring=occurring)
    return ReasonsSection(
        column_importance=pd.DataFrame(
            {
                "column": names,
                "meaning": [words.of_column(name) for name in names],
                "usual": [_beside(words, name, policy["usual"][name]) for name in names],
                "contribution": size.to_numpy(),
                "permutation": rises,
            }
        ).join(held_out_importance(held_out), on="column"),
        effect_curves=_curves(model, X.head(_ROWS_EXPLAINED), occurring[curved], words=words),
        curve_values=_MOST_VALUES,
        levels_left_out=_left_out(occurring[curved]),
        monotone_columns=held.join(_alone(dataset, rows, settings.monotone), on="column"),
        agreement=_agreement(size.to_numpy(), rises),
        is_sampled=found.way == SAMPLED,
        missed=found.missed,
        is_enforced=bool(getattr(model, "monotone", None)),
        rows=len(found.table),
        rows_dealt=n_moved,
        deals=_DEALS,
        rows_held_out=0 if held_out is None else int(held_out.drop_duplicates("fold")["rows"].sum()),
        # Runs that are taken up again may hold folds from before deals were counted, when there was one.
        deals_held_out=1 if held_out is None or "deals" not in held_out else int(held_out["deals"].min()),
        rows_trained=len(rows),
        columns=dataset.X.shape[1],
    )


def _alone(dataset: Dataset, rows: IntArray, names: Iterable[str]) -> pd.DataFrame:
    """`auc` of each column alone on these rows, and its 95 % interval, `auc_low` and `auc_high`, by column."""
    y = dataset.labels(rows).astype(np.int64)
    weight = None if dataset.weight is None else dataset.weight[rows]
    group = None if dataset.group is None else dataset.group[rows]
    found = {name: auc_alone(dataset.X[name].iloc[rows], y, weight=weight, group=group) for name in names}
    ends = {name: (auc, auc - _Z * error, auc + _Z * error) for name, (auc, error) in found.items()}
    return pd.DataFrame.from_dict(ends, orient="index", columns=["auc", "auc_low", "auc_high"], dtype=float)


def _usual_row(policy: Mapping[str, Any], X: pd.DataFrame) -> pd.DataFrame:
    """The usual row as a table, its numbers as floats, other columns as text."""
    columns = {}
    for name in X.columns:
        is_number = pd.api.types.is_numeric_dtype(X[name].dtype)
        columns[name] = pd.Series([policy["usual"][name]], dtype=float if is_number else object)
    return pd.DataFrame(columns)


def _left_out(occurring: pd.DataFrame) -> dict[str, list[str]]:
    """Levels that a curve does not reach, the most frequent first, by column; none of columns of numbers."""
    levels = occurring.select_dtypes(exclude=["number", "bool"])
    rarest = {str(name): levels[name].astype(object).value_counts().index[_MOST_VALUES:] for name in levels}
    return {name: [value_words(level) for level in left] for name, left in rarest.items() if len(left)}


def _beside(words: Meanings, column: str, value: Any) -> str:
    return words.beside(column, value, words=value_words(value))


def _curves(model: Any, X: pd.DataFrame, occurring: pd.DataFrame, *, words: Meanings) -> pd.DataFrame:
    """Effect curves of the columns of `occurring`, (n_rows, n_curves), whose values X takes, below each other.

    Column, value as text, without and with its meaning, number or NaN, forecast.
    """
    tables = []
    for name in map(str, occurring):
        curve = effect_curve(model, X, name, points=_MOST_VALUES, occurring=occurring)
        is_number = pd.api.types.is_numeric_dtype(X[name].dtype)
        at = [float(value) if is_number and value is not None else np.nan for value in curve["value"]]
        values = [value_words(value) for value in curve["value"]]
        told = [_beside(words, name, value) for value in curve["value"]]
        parts = {"column": name, "value": values, "meaning": told, "number": at, "forecast": curve["forecast"]}
        tables.append(pd.DataFrame(parts))
    return pd.concat(tables, ignore_index=True)


def _agreement(sizes: FloatArray, rises: FloatArray) -> float | None:
    """Rank correlation of both measures; None where too few columns, or equal ones, leave it without a meaning."""
    if len(sizes) < _FEWEST_RANKED or np.ptp(sizes) == 0.0 or np.ptp(rises) == 0.0:
        return None
    return float(spearmanr(sizes, rises).statistic)
