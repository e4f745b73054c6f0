"""Validation rows: those that are held out to judge networks which learn from the others."""

import numpy as np

from finnet.checks import require_choice
from finnet.errors import DataError
from finnet.types import FloatArray, IntArray

__all__ = ["held_out", "stratified_folds"]


def held_out(y: FloatArray | IntArray, fraction: float, *, how: str, rng: np.random.Generator) -> IntArray:
    """Row numbers of the validation block: a share of the rows spread evenly over the sorted targets, or the last rows.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    fraction : float in (0, 1)
    how : "stratified" or "last"
    rng : Generator
        Breaks ties among equal targets.

    Examples
    --------
    >>> y = np.array([0, 1] * 10)
    >>> y[held_out(y, 0.2, how="stratified", rng=np.random.default_rng(0))].mean()
    np.float64(0.5)
    >>> held_out(y, 0.2, how="last", rng=np.random.default_rng(0))
    array([16, 17, 18, 19])
    """
    require_choice(how, ("stratified", "last"), name="validation")
    n, n_held = len(y), max(1, round(fraction * len(y)))
    if n_held >= n:
        raise DataError(f"n_samples={n} leaves no row to hold out; give more rows, X_val, or early_stopping=False")
    if how == "last":
        return np.arange(n - n_held, n)
    picks = (np.arange(n_held) + rng.random()) * n / n_held
    return np.sort(_stratified_order(y, rng)[picks.astype(np.int64)])


def stratified_folds(
    strata: FloatArray | IntArray, n_folds: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows to learn from and rows that judge, of shape (n_folds, n): every fold has the targets of the whole.

    Examples
    --------
    >>> learned, judged = stratified_folds(np.array([0, 1] * 4), 2, np.random.default_rng(0))
    >>> judged.shape, np.array([0, 1] * 4)[judged].mean(axis=1)
    ((2, 4), array([0.5, 0.5]))
    """
    n = len(strata)
    fold_of = np.empty(n, np.int64)
    fold_of[_stratified_order(strata, rng)] = np.arange(n) % n_folds
    judged_size, learned_size = n // n_folds, n - -(-n // n_folds)
    judged = np.stack([np.flatnonzero(fold_of == k)[:judged_size] for k in range(n_folds)])
    learned = np.stack([np.flatnonzero(fold_of != k)[:learned_size] for k in range(n_folds)])
    return learned, judged


def _stratified_order(y: FloatArray | IntArray, rng: np.random.Generator) -> IntArray:
    """Row numbers by rising target, in random order among equal ones: rows far apart in it differ in target."""
    return np.lexsort((rng.random(len(y)), y))
