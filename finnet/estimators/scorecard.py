"""The scorecard: logistic regression on weights of evidence, which a person can read, question and reckon by hand."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import _num_samples, check_is_fitted

from finnet.checks import nearest, require_choice, require_columns, require_number, require_share, require_whole
from finnet.errors import ConfigError
from finnet.estimators.probabilities import BinaryClassifier
from finnet.features.binning import BINNINGS, Bins, LevelBins, NumberBins, level_bins, number_bins, tree_bins
from finnet.features.columns import as_level, as_number, require_distinct, with_kinds
from finnet.features.encoding import as_table
from finnet.features.weight_of_evidence import Evidence
from finnet.types import FloatArray, IntArray

__all__ = ["ScorecardClassifier"]

_ROWS_PER_BIN = 20  # of the rarer outcome, on average; with fewer, weights of bins are mostly chance


class ScorecardClassifier(BinaryClassifier):
    """Probabilities from a table as it is, by a sum of one weight for the bin that each column is in.

    Columns are cut into bins, by default without a look at the outcome, bins become weights of evidence, and logistic
    regression weighs the columns (Siddiqi 2006, Credit Risk Scorecards). A column is left out where its information
    value is less than `least_value` above what chance gives it, and where its coefficient has the wrong sign, as
    collinear columns have: the worst one first, then all are fitted again. All of that is learned from the rows given
    to `fit`. Weights need not rise or fall along a column.

    Parameters
    ----------
    max_bins : int
        Intervals of a column of numbers, at most; fewer where the rarer outcome has less than 20 rows for each.
    least_share : float
        Share of the rows below which an interval is joined with its neighbour, and a level with other rare ones.
    least_value : float
        Information value above that of chance, below which a column is left out. Siddiqi (2006) leaves out those whose
        value is less than .02, chance included.
    special_codes : sequence of float
        Numbers that stand for something else and get bins of their own in every column in which they come.
    bins : mapping of str to NumberBins or LevelBins, optional
        Bins of columns that shall not be found, as `finnet.features.bins_file` reads them.
    binning : {"quantile", "tree"}
        How bins of numbers are found: about as many rows in each, or cut where a decision tree on the column alone
        divides good from bad (`finnet.features.binning.tree_bins`).

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The second is the bad outcome; 1 of 0 and 1.
    feature_names_in_, n_features_in_
        Columns given to `fit`; others find them by name.
    evidence_ : dict of str to Evidence
        Bins and their outcomes, of every column.
    coefficients_ : dict of str to float
        What a unit of weight adds to the log-odds of the bad outcome, below 0, of every column that is used.
    intercept_ : float
        Log-odds of the bad outcome where all weights are 0.
    left_out_ : dict of str to str
        Why each other column is not used.

    Raises
    ------
    ConfigError
        Where bins are given for a column that is not there, or of the wrong kind.
    DataError
        For one class or more than two; for columns that are missing or of another type than in `fit`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"debt": rng.gamma(2.0, 1.0, 500), "home": rng.choice(["own", "rent"], 500)})
    >>> default = (table["debt"] + (table["home"] == "rent") + rng.normal(0.0, 2.0, 500) > 4.0).astype(int)
    >>> model = ScorecardClassifier().fit(table, default)
    >>> model.predict_proba(pd.DataFrame({"debt": [0.5, 5.0, None], "home": ["own", "rent", "boat"]}))[:, 1].round(2)
    array([0.1 , 0.72, 0.28])
    """

    evidence_: dict[str, Evidence]
    coefficients_: dict[str, float]
    left_out_: dict[str, str]

    def __init__(
        self,
        max_bins: int = 8,
        *,
        least_share: float = 0.02,
        least_value: float = 0.01,
        special_codes: Sequence[float] = (),
        bins: Mapping[str, Bins] | None = None,
        binning: str = "quantile",
    ) -> None:
        self.max_bins = max_bins
        self.least_share = least_share
        self.least_value = least_value
        self.special_codes = special_codes
        self.bins = bins
        self.binning = binning

    def fit(self, X: pd.DataFrame | FloatArray, y: npt.ArrayLike) -> Self:
        """Learn from X (n_rows, n_columns) and the class y (n_rows,) of each row."""
        require_whole(self.max_bins, 1, name="max_bins")
        require_share(self.least_share, name="least_share")
        require_number(self.least_value, name="least_value")
        require_choice(self.binning, BINNINGS, name="binning")
        columns = as_table(X, self, reset=True)
        self.feature_names_in_ = np.asarray(columns.columns, object)
        require_distinct(columns)
        outcome = self._two_codes(columns, y)
        table = with_kinds(columns)
        # Bins that are given take the place of those found.
        bins = self._bins_found(table, outcome) | self._bins_given(table)
        self.evidence_ = {name: Evidence.of(bins[name], table[name], outcome) for name in map(str, table)}
        says_too_little = f"information value less than {self.least_value:g} above chance"
        self.left_out_ = {
            name: says_too_little
            for name, own in self.evidence_.items()
            if own.information_value - own.null_value < self.least_value
        }
        self._weigh_columns(table, outcome)
        return self

    def predict_proba(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        """Probabilities of shape (n_rows, 2), in the order of `classes_`."""
        check_is_fitted(self)
        log_odds = np.full(_num_samples(X), self.intercept_)
        # In the order of the coefficients: a sum in another order rounds otherwise, and a saved model keeps its bits.
        for name, placed in self.place(X).items():
            log_odds += (self.coefficients_[name] * self.evidence_[name].weights)[placed]
        risk = expit(log_odds)
        return np.column_stack([1.0 - risk, risk])

    def place(self, X: pd.DataFrame | FloatArray) -> dict[str, IntArray]:
        """Number of the bin of every row (n_rows,), of each column that is used."""
        columns = as_table(X, self, reset=False)
        require_distinct(columns)
        require_columns(columns.columns, list(self.feature_names_in_), name="X")
        in_kind = {name: self._in_kind_of_fit(columns[name]) for name in self.coefficients_}
        return {name: self.evidence_[name].bins.place(column) for name, column in in_kind.items()}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "intercept_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.input_tags.categorical, tags.input_tags.string = True, True, True
        return tags

    def _bins_found(self, table: pd.DataFrame, outcome: IntArray) -> dict[str, Bins]:
        """Bins of every column, found as `binning` says; outcomes are 1 for bad, else 0, shape (n_rows,)."""
        # Two bins at least, where `max_bins` allows: one of all rows would say nothing.
        most = min(self.max_bins, max(2, int(np.bincount(outcome).min()) // _ROWS_PER_BIN))

        def found(column: "pd.Series[Any]") -> Bins:
            if column.dtype == object:
                return level_bins(column, least_share=self.least_share)
            numbers, least, codes = column.to_numpy(), self.least_share, self.special_codes
            # A tree looks at the outcome of the rows given to `fit`, as evidence does, and at no others.
            if self.binning == "tree":
                return tree_bins(numbers, outcome, most=most, least_share=least, codes=codes)
            return number_bins(numbers, most=most, least_share=least, codes=codes)

        return {str(name): found(column) for name, column in table.items()}

    def _bins_given(self, table: pd.DataFrame) -> dict[str, Bins]:
        """The bins of the setting `bins`; ConfigError where a column is not there, or of the other kind."""
        given = dict(self.bins or {})
        for name, bins in given.items():
            if name not in table:
                raise ConfigError(f"bins are given for column {name!r}, which is not there; {nearest(name, [*table])}")
            if isinstance(bins, LevelBins) and table[name].dtype != object:
                raise ConfigError(f"bins of column {name!r} are groups of levels, and it holds numbers; give edges")
            if isinstance(bins, NumberBins) and table[name].dtype == object:
                raise ConfigError(f"bins of column {name!r} are edges of numbers, and it holds text; give groups")
        return given

    def _weigh_columns(self, table: pd.DataFrame, outcome: IntArray) -> None:
        """Fit coefficients, until none has the sign of a column that says the opposite of what it says alone."""
        names = [name for name in self.evidence_ if name not in self.left_out_]
        weights = np.empty((len(table), len(names)))
        for place, name in enumerate(names):
            weights[:, place] = self.evidence_[name].weigh(table[name])
        while names:
            fitted = LogisticRegression(solver="newton-cholesky").fit(weights, outcome)
            # Weights of evidence speak for goods and the outcome is bad, so that a sound coefficient is below 0.
            worst = int(fitted.coef_[0].argmax())
            if fitted.coef_[0][worst] < 0.0:
                self.coefficients_ = dict(zip(names, fitted.coef_[0].tolist(), strict=True))
                self.intercept_ = float(fitted.intercept_[0])
                return
            # One column at a time: without it the others may have the right sign again.
            self.left_out_[names.pop(worst)] = "its coefficient says the opposite of the column alone"
            weights = np.delete(weights, worst, axis=1)
        self.coefficients_, self.intercept_ = {}, float(logit(outcome.mean()))

    def _in_kind_of_fit(self, column: "pd.Series[Any]") -> "pd.Series[Any]":
        """The column as numbers or as texts, whichever it was in `fit`."""
        bins = self.evidence_[str(column.name)].bins
        # Held to the kind that the column had in `fit`, as a reader may take the same codes for text or for numbers.
        if isinstance(bins, NumberBins):
            return as_number(column)
        return as_level(column, np.array([level for group in bins.groups for level in group], object))
