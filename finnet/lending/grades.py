"""Grades: a master scale of default probabilities, and whether each grade's probability is what came true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from finnet.checks import require_at_least, require_share
from finnet.errors import ConfigError, DataError
from finnet.evaluation.calibration import jeffreys_interval
from finnet.evaluation.clusters import crossed, design_effects
from finnet.evaluation.metric_shapes import auc_contributions
from finnet.evaluation.recalibration import log_odds
from finnet.evaluation.significance import holm
from finnet.forecasts import Forecasts
from finnet.lending.rates import auc_estimate, mean_estimate
from finnet.types import FloatArray, IntArray

__all__ = [
    "NOT_TESTED",
    "GradeScale",
    "Grades",
    "find_scale",
    "grade_areas",
    "grade_table",
    "graded_loans",
    "group_table",
    "herfindahl",
    "untested",
    "vintages",
]

_LEVEL = 0.05
_DIGITS = 3  # of the limits that are found
_TAIL = 0.01  # share of the forecasts beyond the outermost steps
_MOST_QUARTERS = 12  # three years; more quarters are too many rows for a page


@dataclass(frozen=True)
class Grades:
    """A master scale: `limits` that are given, or as many grades as `count` says, found.

    Parameters
    ----------
    limits : tuple of float
        Highest probability of default of each grade but the last, ascending, such as [0.01, 0.03, 0.1].
    count : int
        Grades that are looked for where no limits are given: by equal steps of the log-odds.
    least_share : float
        Share of the loans forecast out of sample that a grade which is found has at least; grades with fewer join a
        neighbor.
    least_defaults : float
        Defaults that it expects among these loans, at least.
    by : tuple of str
        Columns of the applications whose levels are tested one by one.
    """

    limits: tuple[float, ...] = ()
    count: int = 7
    least_share: float = 0.02
    least_defaults: float = 5.0
    by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.limits:
            GradeScale(self.limits)
            if self.count != Grades.count:
                raise ConfigError(
                    "limits and count are both given, and limits say how many grades there are; leave one out"
                )
        require_at_least(self.count, 2, name="count")
        require_share(self.least_share, name="least_share")
        require_at_least(self.least_defaults, 0, name="least_defaults")


@dataclass(frozen=True)
class GradeScale:
    """Grades 1, 2 and on, from the lowest probability of default to the highest.

    Parameters
    ----------
    limits : tuple of float
        Highest probability of each grade but the last, ascending, between 0 and 1; no limit is one grade for all.

    Examples
    --------
    >>> GradeScale((0.01, 0.1)).grades(np.array([0.005, 0.01, 0.05, 0.9]))
    array([1, 1, 2, 3])
    """

    limits: tuple[float, ...]

    def __post_init__(self) -> None:
        limits = np.asarray(self.limits, float)
        if not ((limits > 0) & (limits < 1)).all() or (np.diff(limits) <= 0).any():
            raise ConfigError(
                f"limits={list(self.limits)} do not rise between 0 and 1; write for instance [0.01, 0.03, 0.1]"
            )

    def __len__(self) -> int:
        return len(self.limits) + 1

    def grades(self, probability: FloatArray) -> IntArray:
        """Grade of each loan, shape (n,); a probability that is a limit belongs to the grade below it."""
        return np.asarray(np.searchsorted(self.limits, probability, side="left") + 1)


def find_scale(probability: FloatArray, settings: Grades, *, weight: FloatArray | None = None) -> GradeScale:
    """The scale of the settings; where they give no limits, equal steps of the log-odds over these forecasts.

    Steps stand between the 1 % and 99 % quantiles. As long as a grade has too few loans or expects too few defaults,
    the smallest of these joins its smaller neighbor. Outcomes are not looked at, so that they can test the grades.

    Parameters
    ----------
    probability : ndarray of shape (n_forecasts,)
        Made out of sample: of loans that trained it a model is too sure.
    weight : ndarray of shape (n_forecasts,), optional
        For how much of a loan each forecast counts in the size of a grade, above 0; 1 each by default.

    Examples
    --------
    >>> forecasts = expit(np.linspace(-5, 0, 2001))
    >>> find_scale(forecasts, Grades(count=4)).limits, find_scale(forecasts, Grades(limits=(0.1,))).limits
    ((0.0235, 0.0759, 0.218), (0.1,))
    """
    if settings.limits:
        return GradeScale(settings.limits)
    weight = np.ones(len(probability)) if weight is None else weight
    low, high = np.quantile(log_odds(probability), [_TAIL, 1.0 - _TAIL])
    steps = expit(np.linspace(low, high, settings.count + 1)[1:-1])
    # A set, as neighboring steps may round to one limit; forecasts that are all alike make one grade.
    limits = sorted({float(f"{step:.{_DIGITS}g}") for step in steps if low < high})
    while limits:
        grade = np.searchsorted(limits, probability, side="left")
        size = np.bincount(grade, weights=weight, minlength=len(limits) + 1)
        expected = np.bincount(grade, weights=weight * probability, minlength=len(limits) + 1)
        is_small = (size < settings.least_share * weight.sum()) | (expected < settings.least_defaults)
        if not is_small.any():
            break
        smallest = int(np.argmin(np.where(is_small, size, np.inf)))
        beside = [k for k in (smallest - 1, smallest + 1) if 0 <= k < len(size)]
        # Limit k divides grades k and k + 1, counted from 0, so merging two drops that of the lower one.
        del limits[min(smallest, min(beside, key=lambda k: size[k]))]
    return GradeScale(tuple(limits))


def graded_loans(forecasts: Forecasts, scale: GradeScale) -> pd.DataFrame:
    """Grade, forecast, outcome and weight of every loan of one model whose outcome is known.

    A loan that was forecast several times (repeated k-fold) has as many rows, whose weights sum to 1.

    Returns
    -------
    DataFrame
        Columns entity, issued_at, grade, forecast, default, weight; where clients have several loans also client, the
        number of each loan's.
    """
    if len(forecasts.models) > 1:
        raise DataError(f"forecasts of {forecasts.models}; choose one model with forecasts.of(name)")
    rows = forecasts.table
    rows = rows[rows["truth"].notna() & (rows["kind"] == "probability")]
    if rows.empty:
        raise DataError("no loan has a probability and a known outcome; give forecasts with truth")
    loans = pd.DataFrame(
        {
            "entity": rows["entity"],
            "issued_at": rows["issued_at"],
            "grade": scale.grades(rows["value"].to_numpy()),
            "forecast": rows["value"],
            "default": rows["truth"],
            "weight": 1.0 / rows.groupby("entity")["entity"].transform("size").to_numpy(float),
        }
    ).reset_index(drop=True)
    if "group" not in rows or rows["group"].nunique() == rows["entity"].nunique():
        return loans
    return loans.assign(client=pd.factorize(rows["group"])[0])


def grade_table(
    loans: pd.DataFrame, scale: GradeScale, *, amount: "pd.Series[float] | None" = None, loss_given_default: float = 0.0
) -> pd.DataFrame:
    """Forecast beside observed default rate of each grade, with the Jeffreys test.

    `p_value` is the probability, after D defaults among N loans, that the true rate is at most the grade's mean
    forecast PD: I_PD(D + 1/2, N - D + 1/2), so a small one says that the forecast is too low (ECB, Instructions for
    reporting the validation results of internal models, 2019). `finding` is in words, both ways, at 5 % for all grades
    together (Holm). Loans of different clients are taken as independent: in a common downturn more grades fail. Those
    of one client share its luck, so N and D are divided by the design effect of their grade (`design_effects`), which
    makes them those of an effective sample (Rao & Scott 1992).

    Parameters
    ----------
    loans : DataFrame
        As `graded_loans` gives it.
    amount : Series, optional
        Lent amount by loan; 1 each by default.
    loss_given_default : float
        Lost on a loan that defaults, as a fraction of its amount.

    Returns
    -------
    DataFrame
        One row per grade: grade, above and up_to (limits), n, forecast (mean), defaults, observed, low and high (95 %,
        Jeffreys), p_value, finding, expected_loss and realized_loss; where loans have clients also effective_n, the
        independent loans that would say as much. NaN for grades without loans. Where forecasts were
        moved to a stated rate, which these loans need not have, `untested` takes the findings out.

    Examples
    --------
    >>> loans = pd.DataFrame({"entity": [f"L{k}" for k in range(200)], "grade": np.repeat([1, 2], 100),
    ...                       "forecast": np.repeat([0.01, 0.1], 100), "default": 0.0, "weight": 1.0})
    >>> loans.loc[[*range(5), *range(100, 110)], "default"] = 1.0
    >>> grade_table(loans, GradeScale((0.05,)))[["grade", "n", "observed", "p_value", "finding"]].round(4)
       grade    n  observed  p_value                 finding
    0      1  100      0.05   0.0014        forecast too low
    1      2  100      0.10   0.4821  no difference detected
    """
    lent = 1.0 if amount is None else loans["entity"].map(amount).to_numpy(float)
    share = loans["weight"] * lent * loss_given_default
    losses = pd.DataFrame(
        {"expected_loss": share * loans["forecast"], "realized_loss": share * loans["default"], "grade": loans["grade"]}
    )
    grades = range(1, len(scale) + 1)
    # Grades without loans keep a row, so that the scale is shown whole.
    table = _tested(loans, ["grade"]).reindex(grades)
    table["n"] = table["n"].fillna(0).astype(int)
    table["finding"] = table["finding"].fillna("no loans")
    table.insert(0, "above", [0.0, *scale.limits])
    table.insert(1, "up_to", [*scale.limits, 1.0])
    return table.join(losses.groupby("grade").sum()).rename_axis("grade").reset_index()


def grade_areas(loans: pd.DataFrame, unit: IntArray) -> pd.DataFrame:
    """Areas under the ROC curve of the forecasts and of their grades, and what grading loses, with 95 % intervals.

    Loans of one grade are ties, which count one half. The loss is of the same loans, so its error is that of the
    difference of what each loan adds to both areas (DeLong, DeLong & Clarke-Pearson 1988).

    Parameters
    ----------
    loans : DataFrame
        As `graded_loans` gives it.
    unit : ndarray of int, shape (n_forecasts,)
        Rows of one number share their luck, as `finnet.lending.resampling.loan_units` numbers them.

    Returns
    -------
    DataFrame
        `of` ("forecasts", "grades", "lost"), `value`, `low` and `high`; NaN where one class is missing, ends also with
        fewer than ten loans of either.

    Examples
    --------
    >>> loans = pd.DataFrame({"grade": [1, 1, 2, 2], "forecast": [0.1, 0.2, 0.3, 0.4], "default": [0.0, 1.0, 0.0, 1.0]})
    >>> grade_areas(loans, np.arange(4))[["of", "value"]].to_numpy().tolist()
    [['forecasts', 0.75], ['grades', 0.5], ['lost', 0.25]]
    """
    truth = loans["default"].to_numpy(float)
    forecast, grade = (loans[name].to_numpy(float) for name in ("forecast", "grade"))
    areas = {"forecasts": auc_estimate(truth, forecast, unit), "grades": auc_estimate(truth, grade, unit)}
    lost = mean_estimate(auc_contributions(truth, forecast) - auc_contributions(truth, grade), unit)
    if not np.isfinite(areas["grades"].error):
        lost = lost._replace(error=float("nan"))
    areas["lost"] = lost
    rows = [{"of": name, "value": area.value, "low": area.low, "high": area.high} for name, area in areas.items()]
    # The normal interval of an area near 1 may reach beyond it.
    return pd.DataFrame(rows).assign(high=lambda table: table["high"].clip(upper=1.0))


def group_table(loans: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Forecast beside observed default rate of each group of loans, and of each grade within it, with the same test.

    Parameters
    ----------
    loans : DataFrame
        As `graded_loans` gives it.
    groups : sequence of str
        Group of each of its rows, such as a vintage or a segment.

    Returns
    -------
    DataFrame
        One row per group, in the order of their names: group, n, forecast, defaults, observed, low, high, p_value,
        finding, and failed_grades: grades of the group whose forecast is found at fault, as text. Holm's correction
        counts groups, and for grades all grades of all groups.
    """
    loans = loans.assign(group=list(groups))
    whole = _tested(loans, ["group"])
    cells = _tested(loans, ["group", "grade"]).reset_index()
    # In the order of `whole`, whose rows the lists are assigned to.
    failed: dict[str, list[str]] = {str(name): [] for name in whole.index}
    for group, grade, finding in cells[["group", "grade", "finding"]].to_numpy():
        if finding != _FINE:
            failed[group].append(f"{grade} ({finding.removeprefix('forecast ')})")
    return whole.assign(failed_grades=[", ".join(grades) for grades in failed.values()]).reset_index()


def untested(table: pd.DataFrame) -> pd.DataFrame:
    """A table of `grade_table` or `group_table` without what its test says: NaN p-values, and NOT_TESTED for findings.

    For forecasts that were moved to a stated rate: that these loans defaulted otherwise says nothing against them.

    Examples
    --------
    >>> untested(pd.DataFrame({"grade": [1], "p_value": [0.001], "finding": ["forecast too low"]}))
       grade  p_value     finding
    0      1      NaN  not tested
    """
    failed = {"failed_grades": ""} if "failed_grades" in table else {}
    return table.assign(p_value=np.nan, finding=NOT_TESTED, **failed)


NOT_TESTED = "not tested"
"""Finding of grades whose forecasts outcomes of these loans cannot test."""

_FINE = "no difference detected"


def _tested(loans: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The columns of a test's table from n to finding, of each group, indexed by it, ascending."""
    weighed = pd.DataFrame({name: loans["weight"] * loans[name] for name in ("forecast", "default")})
    sums = weighed.assign(n=loans["weight"]).groupby([loans[name] for name in by]).sum()
    n, defaults, forecast = sums["n"].to_numpy(), sums["default"].to_numpy(), (sums["forecast"] / sums["n"]).to_numpy()
    effect = _design_effects(loans, by)
    low, high = jeffreys_interval(defaults / effect, n / effect)
    p = stats.beta.cdf(forecast, defaults / effect + 0.5, (n - defaults) / effect + 0.5)
    # Two-sided, although the ECB's test looks for forecasts that are too low alone: too high ones cost business.
    fails = holm(2.0 * np.minimum(p, 1.0 - p)) <= _LEVEL
    words = np.where(p < 0.5, "forecast too low", "forecast too high")
    return pd.DataFrame(
        {
            "n": np.rint(n).astype(int),
            "forecast": forecast,
            "defaults": defaults,
            "observed": defaults / n,
            "low": low,
            "high": high,
            "p_value": p,
            "finding": np.where(fails, words, _FINE),
            **({"effective_n": n / effect} if "client" in loans else {}),
        },
        index=sums.index,
    )


def _design_effects(loans: pd.DataFrame, by: list[str]) -> FloatArray:
    """By what the luck that a client's loans share divides the loans of each group; 1 without clients."""
    forecast, default, weight = (loans[name].to_numpy(float) for name in ("forecast", "default", "weight"))
    cluster = None
    if "client" in loans:
        # Repeats of a loan are the same loan again, which shares no luck with itself.
        cluster = crossed(loans["client"].to_numpy(), loans.groupby("entity").cumcount().to_numpy())
    cell = loans.groupby([loans[name] for name in by]).ngroup().to_numpy()
    spread = np.sqrt(forecast * (1.0 - forecast))
    return design_effects(default - forecast, spread, cell=cell, cluster=cluster, weight=weight)


def herfindahl(loans: pd.DataFrame) -> float:
    """Concentration of loans on grades: the sum of squared shares, 1 where one grade holds all.

    Parameters
    ----------
    loans : DataFrame of shape (n_forecasts, n_columns)
        As `graded_loans` gives it; its columns grade and weight are read.

    Examples
    --------
    >>> herfindahl(pd.DataFrame({"grade": [1, 1, 2, 2], "weight": 1.0}))
    0.5
    """
    share = loans.groupby("grade")["weight"].sum() / loans["weight"].sum()
    return float((share**2).sum())


def vintages(issued_at: "pd.Series[pd.Timestamp]") -> list[str]:
    """Quarter of application of each loan, or its year where there are more than twelve quarters.

    Parameters
    ----------
    issued_at : Series of shape (n_loans,)
        Times of application; the quarters are in its order.

    Examples
    --------
    >>> vintages(pd.Series(pd.to_datetime(["2019-02-01", "2019-12-31"])))
    ['2019 Q1', '2019 Q4']
    """
    quarters = [f"{year} Q{quarter}" for year, quarter in zip(issued_at.dt.year, issued_at.dt.quarter, strict=True)]
    return quarters if len(set(quarters)) <= _MOST_QUARTERS else [quarter[:4] for quarter in quarters]
