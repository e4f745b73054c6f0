"""Comparison: does one model forecast better than the others, and does any beat the naive forecasts?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.checks import nearest
from finnet.errors import ConfigError
from finnet.evaluation.cases import paired_cases
from finnet.evaluation.metrics import metric_named, require_judges
from finnet.evaluation.pairs import LEVEL, Pairs
from finnet.evaluation.scores import deciding_metric
from finnet.evaluation.significance import MeanTest, data_needed, holm
from finnet.evaluation.verdict import write_verdict
from finnet.forecasts import Forecasts
from finnet.models import naive_models

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A reference model against all others, in pairs.

    Parameters
    ----------
    reference, metric : str
    table : DataFrame
        One row per other model: model, metric, reference_value, value, difference (positive: the reference is better,
        whichever way the metric points), low, high (95 % interval of the difference, not adjusted), statistic, dof,
        p_value (of the test that decides), p_holm, p_forecasts (were these forecasts better?), p_fits (will other fits
        be better? NaN with one fit), p_fits_holm (the same, corrected among those of other fits), test (which decides:
        "sessions", "months", "days", "rows", "clients" or "fits"), n (how many of them), fits, one_fold (the fold alone
        that makes it seem detected, else NaN), times_needed (how many times the data would detect such a difference at
        this test and Holm's level; NaN where it is detected, infinite where there is none), years, years_needed,
        rows_needed (NaN with dates or without, as they apply; clients where these are tested).
    against_naive : DataFrame
        One row per model that is not naive: model, hardest (the naive forecast it is least sure to beat), difference
        (positive: better than that one), p_value (largest over the naive forecasts), p_fits (largest of those of other
        fits), p_holm, p_fits_holm, beats_all (p_holm < 0.05: where other fits do not agree, for these fits alone).
        Empty where there is no naive forecast.
    verdict : str
        Plain sentences saying what the tables show.
    """

    reference: str
    metric: str
    table: pd.DataFrame
    against_naive: pd.DataFrame
    verdict: str


def compare(
    forecasts: Forecasts,
    reference: str = "network",
    *,
    metric: str | None = None,
    naive: Sequence[str] | None = None,
    outcome: "pd.Series[float] | None" = None,
) -> Comparison:
    """Paired tests of the reference against every other model, on the rows that all models forecast.

    Two questions are asked. *Were these forecasts better?* takes the fits as they are. With dates the differences of
    one session (one month of issue for loans) are averaged, each session counting by its rows, and tested by
    `long_run_t`, whose variance allows for overlapping outcomes and lasting shocks; without dates rows are the units
    (`rows_t`), or clients where forecasts have groups. Loans with dates and clients are tested both ways, and the
    larger p-value counts, which is too small only where much comes of both (two-way clusters: Cameron, Gelbach & Miller
    2011). *Will the procedure be better?* takes a fit as one draw: `fits_t` over the folds of dated rows,
    `corrected_paired_t` over folds that share training rows. With dates and at least five fits the verdict is that of
    the more careful answer; otherwise it is about these forecasts, and says so, and where other fits do not agree.

    A difference in a metric that is no mean over rows, such as the AUC, is tested by what each row contributes to it.
    P-values are adjusted by Holm over all that is said: the reference against each model, and each other model against
    the naive forecasts; those of other fits over the same pairs. A model beats the naive forecasts only if it is better
    than every one of them.

    Parameters
    ----------
    metric : str, optional
        Any name in `METRICS`; by default the one that decides for the target (`finnet.targets`).
    naive : sequence of str, optional
        Names of the naive forecasts, by default those that finnet knows; those without rows are ignored.
    outcome : Series, optional
        What the rank IC orders symbols by, such as the forward return, indexed by (issued_at, entity).

    Raises
    ------
    ConfigError
        Where the metric is unknown or does not fit the forecasts, the reference is unknown, or there is nothing to
        compare with.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.random(300)
    >>> rows = {"fold": 0, "entity": np.arange(300).astype(str), "target": "default", "horizon": 0,
    ...         "kind": "probability", "truth": (rng.random(300) < risk).astype(float)}
    >>> values = {"network": risk, "prior_rate": 0.5}
    >>> parts = [Forecasts.from_rows({**rows, "model": name, "value": values[name]}, run_id="demo") for name in values]
    >>> comparison = compare(Forecasts.concat(parts))
    >>> comparison.verdict
    'By log loss, over 300 rows, the network beats the prior rate.'
    >>> comparison.table[["reference_value", "value", "difference", "low"]].round(2)
       reference_value  value  difference   low
    0             0.46   0.69        0.23  0.18
    """
    cases = paired_cases(forecasts, outcome)
    name = deciding_metric(forecasts) if metric is None else metric
    require_judges(name, cases)
    if reference not in cases.models:
        raise ConfigError(f"reference={reference!r} has no forecast; {nearest(reference, cases.models)}")
    if len(cases.models) < 2:
        raise ConfigError(f"{reference!r} is the only model; add forecasts of at least one other")
    pairs = Pairs.of(cases, metric_named(name))
    known = [model for model in (naive_models() if naive is None else naive) if model in cases.models]
    others = [model for model in cases.models if model != reference]
    table = pd.DataFrame([_row(pairs, reference, other, metric=name) for other in others])
    contenders = [model for model in cases.models if model not in known] if known else []
    hardest = [_hardest(pairs, model, known) for model in contenders]
    against_naive = pd.DataFrame(hardest, columns=["model", "hardest", "difference", "p_value", "p_fits"])
    _adjust(table, against_naive, reference)
    verdict = write_verdict(table, against_naive, reference=reference, naive=known, evidence=pairs.evidence)
    return Comparison(reference, name, table, against_naive, verdict)


def _row(pairs: Pairs, reference: str, other: str, *, metric: str) -> dict[str, object]:
    answers = pairs.answers(reference, other)
    test = answers.decisive
    return {
        "model": other,
        "metric": metric,
        "reference_value": pairs.value(reference),
        "value": pairs.value(other),
        "difference": test.mean,
        "low": test.low,
        "high": test.high,
        "statistic": test.statistic,
        "dof": test.dof,
        "p_value": test.p_value,
        # Filled in by `_adjust`, which needs the p-values of all comparisons.
        "p_holm": np.nan,
        "p_forecasts": answers.forecasts.p_value,
        "p_fits": answers.fits.p_value,
        "test": answers.test,
        "n": test.n,
        "fits": pairs.n_fits,
        "one_fold": np.nan if answers.one_fold is None else float(answers.one_fold),
        "times_needed": np.nan,
        "years": pairs.cases.years,
        "years_needed": np.nan,
        "rows_needed": np.nan,
    }


def _hardest(pairs: Pairs, model: str, naive: Sequence[str]) -> tuple[str, str, float, float, float]:
    """The naive forecast that the model is least sure to beat.

    Being better than all is shown by the weakest of the tests (intersection-union, Berger 1982), so its p-value counts;
    of other fits it may be that of another naive forecast.
    """
    answers = {name: pairs.answers(model, name) for name in naive}
    p_values = {name: _of_win(answer.decisive) for name, answer in answers.items()}
    hardest = max(p_values, key=lambda name: (p_values[name], -answers[name].decisive.mean))
    has_fits = any(np.isfinite(answer.fits.p_value) for answer in answers.values())
    p_fits = max(_of_win(answer.fits) for answer in answers.values()) if has_fits else np.nan
    return model, hardest, answers[hardest].decisive.mean, p_values[hardest], p_fits


def _of_win(test: MeanTest) -> float:
    """Its p-value; 1 for a loss and for an undefined test, neither of which shows a win."""
    return test.p_value if test.mean > 0 and np.isfinite(test.p_value) else 1.0


def _adjust(table: pd.DataFrame, against_naive: pd.DataFrame, reference: str) -> None:
    """Fill in, in place, the columns that depend on how many comparisons there are.

    All that is said belongs to one family, so that no sentence can contradict another: the reference is said to beat
    every naive forecast just where it is said to beat each of them. Other fits are asked after by tests of their own,
    which make a family of their own, of the same pairs.
    """
    is_reference = (against_naive["model"] == reference).to_numpy()
    for tested, corrected in (("p_value", "p_holm"), ("p_fits", "p_fits_holm")):
        adjusted = holm(np.concatenate([table[tested], against_naive[tested][~is_reference]]).astype(float))
        table[corrected], against_naive.loc[~is_reference, corrected] = np.split(adjusted, [len(table)])
        # The reference's own is the weakest of its comparisons, which the family holds already; 1 where it beat none.
        weakest = table.loc[table[tested].isin(against_naive.loc[is_reference, tested]), corrected]
        against_naive.loc[is_reference, corrected] = weakest.iloc[0] if len(weakest) else 1.0
    # Without naive forecasts the second is empty and of no type; NaN among floats compares without a warning.
    family = np.concatenate([table["p_value"], against_naive["p_value"][~is_reference]]).astype(float)
    against_naive["beats_all"] = (against_naive["p_holm"] < LEVEL).astype(bool)
    for row in table.index[~(table["p_holm"] < LEVEL)]:
        # Holm's step: the level is shared with all comparisons that are no surer than this one.
        p_value = float(table.loc[row, "p_value"])
        sharing = max(int((family >= p_value).sum()), 1)
        times = data_needed(float(table.loc[row, "statistic"]), dof=float(table.loc[row, "dof"]), level=LEVEL / sharing)
        table.loc[row, "times_needed"] = times
        table.loc[row, "years_needed"] = table.loc[row, "years"] * times
    undated = table["years"].isna()
    table.loc[undated, "rows_needed"] = table["n"] * table["times_needed"]
