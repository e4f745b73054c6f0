"""The default-risk classifier: a table of loans in, probabilities of default out, and nothing to tune."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from finnet.checks import require_whole
from finnet.errors import DataError
from finnet.estimators.door import has_validation, require_jobs
from finnet.estimators.network_base import RandomState, generator
from finnet.estimators.probabilities import BinaryClassifier
from finnet.estimators.risk_designs import DESIGNS, Bag, Shown, train_bag
from finnet.estimators.risk_race import Division, blend, divide, mean_out_of_bag, still_racing
from finnet.estimators.risk_table import RiskTable
from finnet.estimators.targets import positions, require_known, require_targets
from finnet.estimators.threads import one_blas_thread
from finnet.types import FloatArray, IntArray

__all__ = ["FLOOR", "DefaultRiskClassifier"]

FLOOR = 1e-5
"""No forecast is nearer to 0 or 1 than this."""

_BAGS_OF_GIVEN = 3  # networks of each design where the caller gives the rows that stop them
_BAGS_OF_RACE = 2

_Trained = list[tuple[Bag, FloatArray]]


class DefaultRiskClassifier(BinaryClassifier):
    """Probabilities of default from a table of loans or borrowers as it is, with one setting for all tables.

    Two designs of networks race inside the training rows: one sees every number as shares of bins, which show where
    its risk turns, the other as plain quantiles and with strong weight decay. Rows are divided into bags; each trains
    networks that share their weights (TabM; Gorishniy, Kotelnikov & Babenko 2024) and is stopped by the rows that it
    leaves out. A design that does not help in the forecasts of those rows retires after the first bags; those that
    stay are averaged by how likely their forecasts make what happened.

    Numbers may have gaps and codes, categories may be text, category or truth values; a level that `fit` has not seen
    counts as none of those that it has. Everything is learned from the rows given to `fit`.

    Parameters
    ----------
    members : int
        Networks that share weights in each bag.
    ratios : bool
        Whether ratios and differences of two numbers are looked for, and those shown to the networks that explain what
        forecasts without them leave unexplained.
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
    out_of_bag_ : ndarray of shape (n_rows,)
        Probability of the second class for each training row, by the bags that had left it out; for rows of X_val
        where those were given.

    Raises
    ------
    DataError
        From `fit` for one class or more than two and for columns that are no numbers or categories, from
        `predict_proba` for columns that are missing or of another type than in `fit`.

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
        random_state: RandomState = None,
        n_jobs: int | None = 1,
    ) -> None:
        self.members = members
        self.ratios = ratios
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: pd.DataFrame | FloatArray,
        y: npt.ArrayLike,
        *,
        X_val: pd.DataFrame | FloatArray | None = None,
        y_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from X (n_rows, n_columns) and the class y (n_rows,) of each row.

        Where X_val and y_val are given, all rows of X train every network, and those of X_val stop and judge them.
        """
        require_whole(self.members, 1, name="members")
        require_jobs(self.n_jobs)
        codes = self._two_codes(X, y)
        division_rng, seed_rng = generator(self.random_state).spawn(2)
        table = RiskTable().fit(X)
        if has_validation(X_val, y_val):
            shown, codes, bags = self._beside(table, (X, codes), (X_val, y_val))
        else:
            shown, bags = table.show(X), divide(codes, table.groups(X), division_rng)
        return self._race(table, shown, codes, bags=bags, rng=seed_rng)

    def predict_proba(self, X: pd.DataFrame | FloatArray) -> FloatArray:
        """Probabilities of shape (n_rows, 2), in the order of `classes_`, each at least FLOOR."""
        check_is_fitted(self)
        shown, risk = self._table.show(X), np.zeros(len(X))
        with one_blas_thread():
            for bag in self._bags:
                risk += self._weight(bag) * bag.forecast(shown)
        risk = np.clip(risk, FLOOR, 1.0 - FLOOR)
        return np.column_stack([1.0 - risk, risk])

    @property
    def n_features_in_(self) -> int:
        """Number of columns given to `fit`."""
        return len(self._table.feature_names_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the columns given to `fit`."""
        return self._table.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_bags")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.input_tags.categorical, tags.input_tags.string = True, True, True
        return tags

    def _two_codes(self, X: pd.DataFrame | FloatArray, y: npt.ArrayLike) -> IntArray:
        require_targets(y, name="y")
        codes = self._codes(y)
        if len(codes) != len(X):
            raise DataError(f"y has {len(codes)} labels, X has {len(X)} rows; give one for each")
        if codes.min() == codes.max():
            held = self.classes_[codes[0]]
            raise DataError(f"y holds one class only, {held!r}; give rows that defaulted and rows that did not")
        return codes

    def _beside(self, table, train, validation):
        """Rows shown, classes and bags where the rows that stop training are given."""
        (X, codes), (X_val, y_val) = train, validation
        labels = np.asarray(y_val)
        require_known(labels, self.classes_, name="y_val")
        one, other = table.show(X), table.show(X_val)
        shown = Shown(*(np.concatenate(parts) for parts in zip(one, other, strict=True)))
        bag = Division(np.arange(len(codes)), np.arange(len(codes), len(codes) + len(labels)))
        return shown, np.concatenate([codes, positions(labels, self.classes_)]), [bag] * _BAGS_OF_GIVEN

    def _race(
        self, table: RiskTable, shown: Shown, y: IntArray, *, bags: Sequence[Division], rng: np.random.Generator
    ) -> Self:
        """Train designs bag by bag, and keep those that help."""
        seeds = rng.integers(2**63, size=(len(DESIGNS), len(bags)))
        n_first = min(len(bags), _BAGS_OF_RACE if len(bags) <= 5 else len(bags) // 3)
        work = [(name, k) for name in DESIGNS for k in range(n_first)]
        done = self._train(work, shown, y, bags=bags, seeds=seeds)
        names = still_racing(_out_of_bag(done, bags, len(y)), y)
        rest = [(name, k) for name in names for k in range(n_first, len(bags))]
        done |= self._train(rest, shown, y, bags=bags, seeds=seeds)
        forecasts = _out_of_bag({key: value for key, value in done.items() if key[0] in names}, bags, len(y))
        self.shares_ = blend(forecasts, y)
        self._table, self._bags = table, [bag for (name, _), (bag, _) in done.items() if name in names]
        self.out_of_bag_ = sum(share * forecasts[name] for name, share in self.shares_.items())
        return self

    def _train(self, work, shown, y, *, bags, seeds):
        names = list(DESIGNS)
        jobs = [
            delayed(_trained)(name, shown, y, bags[k], members=self.members, seed=int(seeds[names.index(name), k]))
            for name, k in work
        ]
        return dict(zip(work, Parallel(n_jobs=self.n_jobs)(jobs), strict=True))

    def _weight(self, bag: Bag) -> float:
        return self.shares_[bag.design] / sum(other.design == bag.design for other in self._bags)


def _trained(name: str, shown: Shown, y: IntArray, bag: Division, *, members: int, seed: int) -> tuple[Bag, FloatArray]:
    with one_blas_thread():
        return train_bag(name, shown, y, learned=bag.learned, judged=bag.judged, members=members, seed=seed)


def _out_of_bag(done, bags, n_rows):
    names = dict.fromkeys(name for name, _ in done)
    return {
        name: mean_out_of_bag(
            [forecast for (own, _), (_, forecast) in done.items() if own == name],
            [bags[k] for own, k in done if own == name],
            n_rows=n_rows,
        )
        for name in names
    }
