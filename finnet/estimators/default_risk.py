"""The default-risk classifier: a table of loans in, probabilities of default out, and nothing to tune."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from finnet.checks import require_choice, require_whole
from finnet.errors import ConfigError, NotSavedError
from finnet.estimators.calibrators import AverageCalibrator, HeldOut, choose_calibrator
from finnet.estimators.fit_checks import has_validation, require_jobs
from finnet.estimators.network_base import RandomState, generator
from finnet.estimators.probabilities import BinaryClassifier
from finnet.estimators.risk_history import RiskHistory
from finnet.estimators.risk_race import FLOOR, Division, Race, divide, log_losses, log_odds, run_race
from finnet.estimators.risk_table import RiskTable
from finnet.estimators.sample_weights import checked_sample_weight, require_weight_of_both
from finnet.estimators.target_checks import positions, require_known
from finnet.features.histories import find_summaries
from finnet.features.ratios import find_ratios
from finnet.fitting import InnerFolds
from finnet.types import FloatArray, IntArray

__all__ = ["FLOOR", "DefaultRiskClassifier"]

_BAGS_OF_GIVEN = 3  # networks of each design where the caller gives the rows that stop them


class _Loans(NamedTuple):
    """Rows of a table, 1 for each that defaulted, else 0, and how much each counts, alike where that is None."""

    X: pd.DataFrame | FloatArray
    y: IntArray
    weight: FloatArray | None = None


_JudgedBy = _Loans | InnerFolds | None  # None divides the training rows


class _Seeds(NamedTuple):
    """Two races from the same seeds divide rows alike, and can be compared."""

    division: int
    training: int


class DefaultRiskClassifier(BinaryClassifier):
    """Probabilities of default from a table of loans or borrowers as it is, with one setting for all tables.

    Two designs of networks race inside the training rows: one sees every number as shares of bins, which show where
    its risk turns, the other as plain quantiles and with strong weight decay. Rows are divided into bags; each trains
    networks that share their weights (TabM; Gorishniy, Kotelnikov & Babenko 2024) and is stopped by the rows that it
    leaves out. A design that does not help in the forecasts of those rows retires after the first bags; those that
    stay are averaged by how likely their forecasts make what happened. Where the forecasts of rows left out are too
    timid, or too high or low on the whole, and a curve that was fitted without a bag makes that bag's better, the
    average is calibrated by such a curve; see `AverageCalibrator`.

    Numbers may have gaps and codes, categories may be text, category or truth values; a level that `fit` has not seen
    counts as none of those that it has. Values that stand often and far from all others of their column, such as -9
    among months, are taken for codes: each is a level of its own, and has no place in the order of the numbers.
    Everything is learned from the rows given to `fit`.

    Parameters
    ----------
    members : int
        Networks that share weights in each bag.
    ratios : bool
        Whether numbers made of others are tried, and kept where forecasts out of bag get better with them. Of columns
        that are the history of one thing, such as BILL1 to BILL6, these are summaries, divided by the amount that
        correlates most with them (`finnet.features.histories`); where there is no history, ratios and differences of
        two numbers that explain what forecasts without them leave unexplained (`finnet.features.ratios`). The networks
        are then trained twice, without these numbers and with them.
    monotone : mapping of str to {"up", "down"}, optional
        Columns of numbers that can only raise the risk ("up") or lower it ("down"), all others staying as they are.
        Weights are held at signs with which networks can do nothing else, so that it is so of every forecast; see
        `finnet.estimators.risk_monotone`. A value that is missing, or a code such as -99, is none of those that are
        ordered. Not with `ratios`, which move with several columns.
    random_state : int, RandomState, Generator or None
    n_jobs : int, optional
        Processes, as in joblib; the numbers do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The second is the one whose probability is high where risk is high; 1 of 0 and 1.
    feature_names_in_, n_features_in_
        Columns given to `fit`; others find them by name.
    shares_ : dict of str to float
        Share of each design in the forecast.
    ratios_ : list of str
        Names of the numbers made of others that were found to help.
    codes_ : dict of str to list of float
        Values that were taken for codes, by column.
    calibration_ : dict or None
        How the curve was found, as `choose_calibrator` says it; None where none was looked for: where X_val was given,
        or folds that say so, and in a model that was read from a file.
    is_fitted_in_folds_ : bool
        Whether `folds` were given.
    out_of_bag_ : ndarray of shape (n_rows,)
        Probability of the second class for each training row, by the bags that had left it out, not calibrated; NaN
        where none had, as for all rows of X where X_val was given, whose rows then follow.
    history_, bags_, designs_ : DataFrame
        How the networks learned: losses of every epoch, a row for every bag and one for every design, such as how one
        retired; see `finnet.estimators.risk_history.RiskHistory`. Like `out_of_bag_` in no model file.

    Raises
    ------
    DataError
        From `fit` for one class or more than two, for one without weight, for columns that are no numbers or
        categories, and for numbers beyond 3.4e38; from `predict_proba` for columns that are missing or of another type
        than in `fit`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"debt": rng.gamma(2.0, 1.0, 200), "home": rng.choice(["own", "rent"], 200)})
    >>> default = (table["debt"] + (table["home"] == "rent") + rng.normal(0.0, 0.5, 200) > 3.0).astype(int)
    >>> model = DefaultRiskClassifier(members=2, random_state=0).fit(table, default)
    >>> risk = model.predict_proba(pd.DataFrame({"debt": [0.5, 5.0, None], "home": ["own", "rent", "boat"]}))[:, 1]
    >>> bool(risk[0] < 0.1 < 0.9 < risk[1])
    True
    """

    def __init__(
        self,
        members: int = 8,
        *,
        ratios: bool = False,
        monotone: Mapping[str, str] | None = None,
        random_state: RandomState = None,
        n_jobs: int | None = 1,
    ) -> None:
        self.members = members
        self.ratios = ratios
        self.monotone = monotone
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: pd.DataFrame | FloatArray,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: pd.DataFrame | FloatArray | None = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
        folds: InnerFolds | None = None,
    ) -> Self:
        """Learn from X (n_rows, n_columns) and the class y (n_rows,) of each row.

        Weights (n_rows,), where they are given, count in every loss; columns are encoded, and rows drawn into bags, as
        rows stand.

        Where X_val and y_val are given, all rows of X train every network, and those of X_val stop and judge them.
        Where `folds` are given, as `walk_forward` gives them, each is a bag: rows that it fits are learned from, and
        its validation rows stop and judge. Otherwise rows are drawn into bags by `random_state`; equal rows into
        one, unless fewer rows differ than there are bags.
        """
        self._require_settings()
        if folds is not None and X_val is not None:
            raise ConfigError("both folds and X_val are given, and each says which rows judge; give one of them")
        before = dict(vars(self))
        try:
            train = _Loans(X, self._two_codes(X, y), checked_sample_weight(sample_weight, X))
            if train.weight is not None:
                require_weight_of_both(train.weight, train.y)
            judged_by: _JudgedBy = folds
            if has_validation(X_val, y_val) and X_val is not None:
                weight = checked_sample_weight(sample_weight_val, X_val)
                judged_by = _Loans(X_val, self._known_codes(y_val), weight)
            self._table, self._raced = self._learned(train, judged_by)
            self.is_fitted_in_folds_ = folds is not None
        except BaseException:
            # What was fitted before still forecasts, with its own classes.
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def predict_proba(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        """Probabilities of shape (n_rows, 2), in the order of `classes_`, each at least FLOOR."""
        check_is_fitted(self)
        risk = np.clip(self._raced.forecast(self._table.show(X)), FLOOR, 1.0 - FLOOR)
        return np.column_stack([1.0 - risk, risk])

    @property
    def shares_(self) -> dict[str, float]:
        """Share of each design in the forecast."""
        return dict(self._raced.shares)

    @property
    def ratios_(self) -> list[str]:
        """Names of the numbers made of others that were found to help."""
        return [own.name for own in self._table.made]

    @property
    def calibration_(self) -> Mapping[str, Any] | None:
        """How the curve of the average was found; see `choose_calibrator`."""
        return self._raced.calibration

    @property
    def codes_(self) -> dict[str, list[float]]:
        """Values that were taken for codes, by column."""
        return {name: list(codes) for name, codes in self._table.codes_.items()}

    @property
    def history_(self) -> pd.DataFrame:
        """Losses of every epoch of every bag; see `RiskHistory.losses`."""
        return self._history("history_").losses()

    @property
    def bags_(self) -> pd.DataFrame:
        """A row for every bag of every design; see `RiskHistory.bag_table`."""
        return self._history("bags_").bag_table()

    @property
    def designs_(self) -> pd.DataFrame:
        """A row for every design; see `RiskHistory.design_table`."""
        return self._history("designs_").design_table()

    @property
    def out_of_bag_(self) -> FloatArray:
        """Probability of the second class for each training row, by the bags that had left it out."""
        if self._raced.out_of_bag is None:
            raise _not_saved("out_of_bag_")
        return self._raced.out_of_bag

    @property
    def n_features_in_(self) -> int:
        """Number of columns given to `fit`."""
        return int(self._table.n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the columns given to `fit`."""
        return self._table.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_raced")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.input_tags.categorical, tags.input_tags.string = True, True, True
        return tags

    def _history(self, name: str) -> RiskHistory:
        if self._raced.history is None:
            raise _not_saved(name)
        return self._raced.history

    def _require_settings(self) -> None:
        require_whole(self.members, 1, name="members")
        require_jobs(self.n_jobs)
        if not isinstance(self.ratios, bool | np.bool_):
            raise ConfigError(f"ratios={self.ratios!r} is neither True nor False; use True to look for ratios")
        for name, direction in (self.monotone or {}).items():
            require_choice(direction, ("up", "down"), name=f"monotone of {name}")
        if self.monotone and self.ratios:
            raise ConfigError("ratios move with several columns, so that none is monotone; give monotone or ratios")

    def _known_codes(self, y_val: npt.ArrayLike | None) -> IntArray:
        labels = np.asarray(y_val)
        require_known(labels, self.classes_, name="y_val")
        return positions(labels, self.classes_)

    def _learned(self, train: _Loans, judged_by: _JudgedBy) -> tuple[RiskTable, Race]:
        """What is known of the table, and the race that was run on it."""
        seeds = _Seeds(*generator(self.random_state).integers(2**63, size=2).tolist())
        table = RiskTable().fit(train.X)
        race = self._race(table, train, judged_by, seeds=seeds)
        if self.ratios:
            return self._with_ratios(table, race, train=train, judged_by=judged_by, seeds=seeds)
        return table, race

    def _race(self, table: RiskTable, train: _Loans, judged_by: _JudgedBy, *, seeds: _Seeds) -> Race:
        """The race on the rows as a table shows them."""
        shown, y, weight = table.show(train.X), train.y, train.weight
        if isinstance(judged_by, InnerFolds):
            divisions = [Division(*rows) for rows in zip(judged_by.fit, judged_by.validation, strict=True)]
        elif judged_by is None:
            divisions = divide(y, table.groups(train.X), np.random.default_rng(seeds.division))
        else:
            shown, n_train = shown.followed_by(table.show(judged_by.X)), len(y)
            y, weight = np.concatenate([y, judged_by.y]), _joined_weights(train, judged_by)
            divisions = [Division(np.arange(n_train), np.arange(n_train, len(y)))] * _BAGS_OF_GIVEN
        rng = np.random.default_rng(seeds.training)
        signs = table.signs(self.monotone) if self.monotone else None
        race = run_race(
            shown, y, divisions, members=self.members, rng=rng, n_jobs=self.n_jobs, weight=weight, signs=signs
        )
        if isinstance(judged_by, _Loans) or (judged_by is not None and not judged_by.calibrate):
            return race
        return _calibrated(race, y, divisions=divisions, folds=judged_by, weight=weight)

    def _with_ratios(
        self, table: RiskTable, race: Race, *, train: _Loans, judged_by: _JudgedBy, seeds: _Seeds
    ) -> tuple[RiskTable, Race]:
        """Table and race with numbers made of others, or as they were where forecasts out of bag get no better."""
        judges, before = [train, judged_by] if isinstance(judged_by, _Loans) else [train], race.out_of_bag
        assert before is not None
        y, known = np.concatenate([rows.y for rows in judges]), ~np.isnan(before)
        numbers = pd.concat([table.numbers(rows.X) for rows in judges], ignore_index=True)
        weight = _joined_weights(*judges)
        counts = None if weight is None else weight[known]
        found = find_summaries(numbers) or find_ratios(numbers[known], y[known], before[known], weight=counts)
        if not found:
            return table, race
        with_ratios = RiskTable(found).fit(train.X)
        other = self._race(with_ratios, train, judged_by, seeds=seeds)
        assert other.out_of_bag is not None
        after, then = (log_losses(P[known], y[known]) for P in (other.out_of_bag, before))
        is_better = np.average(after, weights=counts) < np.average(then, weights=counts)
        return (with_ratios, other) if is_better else (table, race)


def _calibrated(
    race: Race, y: IntArray, *, divisions: Sequence[Division], folds: InnerFolds | None, weight: FloatArray | None
) -> Race:
    """The race with a curve for its average, where forecasts of rows left out say that one helps."""
    assert race.out_of_bag is not None
    known, left_out_by = ~np.isnan(race.out_of_bag), np.zeros(len(y), np.int64)
    for k, division in enumerate(divisions):
        # Where rows are left out three times, the last time tells the parts that judge curves.
        left_out_by[division.judged] = k
    stretch, overlap = (np.arange(len(y)), 1.0) if folds is None else (folds.stretch, folds.overlap)
    held_out = HeldOut(
        log_odds(race.out_of_bag[known]),
        y[known],
        left_out_by[known],
        stretch[known],
        overlap,
        None if weight is None else weight[known],
    )
    curve, facts = choose_calibrator(held_out, AverageCalibrator)
    return replace(race, curve=curve if facts["taken"] else None, calibration=facts)


def _not_saved(name: str) -> NotSavedError:
    return NotSavedError(f"{name} is known right after training alone; look at it before saving, or fit again")


def _joined_weights(*parts: _Loans) -> FloatArray | None:
    """Weights of all rows, one part after another; None where no row has one."""
    if all(part.weight is None for part in parts):
        return None
    return np.concatenate([np.ones(len(part.y)) if part.weight is None else part.weight for part in parts])
