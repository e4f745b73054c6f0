"""Validation rows: those that are held out to judge networks which learn from the others."""

import numpy as np

from finnet.checks import require_choice
from finnet.errors import DataError
from finnet.estimators.fit_checks import require_weight
from finnet.network.batches import Examples
from finnet.types import FloatArray, IntArray

__all__ = ["ROWS_TO_JUDGE", "divided", "held_out", "stratified_folds"]

ROWS_TO_JUDGE = 1024  # enough to tell what training has reached where no rows were held out


def held_out(
    y: FloatArray | IntArray,
    fraction: float,
    *,
    how: str,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
) -> IntArray:
    """Row numbers of the validation block: a share of the rows spread evenly over the sorted targets, or the last rows.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    fraction : float in (0, 1)
    how : "stratified" or "last"
    rng : Generator
        Breaks ties among equal targets.
    weights : ndarray of shape (n_rows, 1), optional
        Rows without weight, which would judge nothing, are not held out where "stratified" chooses.

    Examples
    --------
    >>> y = np.array([0, 1] * 10)
    >>> y[held_out(y, 0.2, how="stratified", rng=np.random.default_rng(0))].mean()
    np.float64(0.5)
    >>> held_out(y, 0.2, how="last", rng=np.random.default_rng(0))
    array([16, 17, 18, 19])
    """
    require_choice(how, ("stratified", "last"), name="validation")
    rows = np.arange(len(y)) if how == "last" else _rows_with_weight(len(y), weights)
    n, n_held = len(rows), max(1, round(fraction * len(rows)))
    if n_held >= n:
        raise DataError(f"n_samples={n} leaves no row to hold out; give more rows, X_val, or early_stopping=False")
    if how == "last":
        return np.arange(n - n_held, n)
    # Steps of equal length along the sorted targets from a start at random, so that all targets are in proportion.
    picks = (np.arange(n_held) + rng.random()) * n / n_held
    return np.sort(rows[_stratified_order(y[rows], rng)[picks.astype(np.int64)]])


def stratified_folds(
    strata: FloatArray | IntArray, n_folds: int, rng: np.random.Generator, *, weights: FloatArray | None = None
) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows that judge, of shape (n_folds, n): every fold has the targets of the whole.

    Rows without weight judge nothing, and are learned from in every fold.

    Examples
    --------
    >>> learned, judged = stratified_folds(np.array([0, 1] * 4), 2, np.random.default_rng(0))
    >>> judged.shape, np.array([0, 1] * 4)[judged].mean(axis=1)
    ((2, 4), array([0.5, 0.5]))
    """
    rows = _rows_with_weight(len(strata), weights)
    # Along the sorted targets rows take folds by turns, so that each fold has targets of all sizes.
    n, others = len(rows), np.setdiff1d(np.arange(len(strata)), rows)
    fold_of = np.empty(n, np.int64)
    fold_of[_stratified_order(strata[rows], rng)] = np.arange(n) % n_folds
    # Folds differ by one row at most, which the longer ones leave out: packs need as many rows of every member.
    judged_size, learned_size = n // n_folds, n - -(-n // n_folds)
    judged = np.stack([rows[fold_of == k][:judged_size] for k in range(n_folds)])
    learned = np.stack([np.r_[rows[fold_of != k][:learned_size], others] for k in range(n_folds)])
    return learned, judged


def divided(examples: Examples, learned: IntArray, judged: IntArray) -> tuple[Examples, Examples]:
    """Rows to learn from and rows that judge, for all or for each member, each with weights of mean 1.

    DataError where the weights on either side are all 0, of any member.

    Examples
    --------
    >>> Y = np.zeros((3, 1))
    >>> learning, judges = divided(Examples(Y, Y, np.array([[2.0], [0.5], [0.5]])), np.array([0]), np.array([1, 2]))
    >>> learning.targets()[1].ravel(), judges.targets()[1].ravel()
    (array([1.]), array([1., 1.]))
    """
    learning, judges = examples.among(learned), examples.among(judged)
    require_weight(judges, name="validation")
    require_weight(learning, name="training")
    return learning, judges


def _rows_with_weight(n_rows: int, weights: FloatArray | None) -> IntArray:
    """Numbers of the rows whose weight is above 0."""
    return np.arange(n_rows) if weights is None else np.flatnonzero(weights > 0.0)


def _stratified_order(y: FloatArray | IntArray, rng: np.random.Generator) -> IntArray:
    """Row numbers by rising target, in random order among equal ones: rows far apart in it differ in target."""
    return np.lexsort((rng.random(len(y)), y))
