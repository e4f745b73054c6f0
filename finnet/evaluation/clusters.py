"""Clusters: rows that share luck, as loans of one client do, say less than as many independent ones."""

from collections.abc import Sequence

import numpy as np

from finnet.types import FloatArray, IntArray

__all__ = ["crossed", "design_effect", "design_effects", "shares_design_effect"]


def design_effect(terms: FloatArray, clusters: Sequence[IntArray]) -> float:
    """By how much the variance of a sum grows since terms of one cluster share luck; at least 1.

    The variance by clusters, sum over c of (sum of its terms)^2 times G / (G - 1) for G clusters (Liang & Zeger 1986),
    over that of rows; the ratio is Kish's design effect (1965, Survey Sampling). Terms that share one of two clusters
    have the variance V1 + V2 - V12 (Cameron, Gelbach & Miller 2011, Robust inference with multiway clustering), and the
    largest of V1, V2 and this counts, as a sum of few clusters may seem to vary too little. Exactly 1 without clusters.

    Parameters
    ----------
    terms : ndarray of shape (n,)
        What each row adds; their mean is taken off first, so that what all rows share is no luck of a cluster.
    clusters : sequence of ndarray of int, shape (n,)
        None, one or two divisions of the rows; numbers run from 0.

    Examples
    --------
    >>> terms, client = np.array([1.0, 1.0, -1.0, -1.0]), np.array([0, 0, 1, 1])
    >>> design_effect(terms, []), design_effect(terms, [np.arange(4)]), design_effect(terms, [client])
    (1.0, 1.0, 3.0)
    """
    if not clusters:
        return 1.0
    centered = terms - terms.mean()
    alone = _variance(centered, np.arange(len(terms)))
    if not alone > 0:
        return 1.0
    each = [_variance(centered, cluster) for cluster in clusters]
    if len(clusters) > 1:
        each.append(sum(each) - _variance(centered, crossed(*clusters)))
    return max(1.0, max(each) / alone)


def _variance(terms: FloatArray, cluster: IntArray) -> float:
    """Of the sum of the terms; 0 with one cluster, which does not say how clusters vary."""
    n = len(np.unique(cluster))
    sums = np.bincount(cluster, terms)
    return float(sums @ sums) * n / (n - 1) if n > 1 else 0.0


def crossed(one: IntArray, other: IntArray) -> IntArray:
    """A number for every pair of numbers that a row has, 0 and on, shape (n,).

    Examples
    --------
    >>> crossed(np.array([0, 0, 1, 1]), np.array([5, 7, 5, 5]))
    array([0, 1, 2, 2])
    """
    return np.asarray(np.unique(one * (other.max() + 1) + other, return_inverse=True)[1])


def design_effects(
    residual: FloatArray,
    spread: FloatArray,
    *,
    cell: IntArray,
    cluster: IntArray | None,
    weight: FloatArray | None = None,
) -> FloatArray:
    """By how much the variance of the mean of each cell grows since rows of one cluster share luck; at least 1 each.

    In a cell it is 1 + r (sum of w_i s_i w_j s_j over pairs of one cluster) / (sum of (w s)^2), which is Kish's
    1 + r (m - 1) (1965) for clusters of m equal rows. The correlation r is that of all cells together, as one has few
    pairs. Numbers of rows and of events divided by it are the effective ones that stand for independent rows (Rao &
    Scott 1992, A simple method for the analysis of clustered binary data).

    Parameters
    ----------
    residual, spread : ndarray of shape (n,)
        Of each row the truth less its expectation, and the standard deviation that this has.
    cell : ndarray of int, shape (n,)
        0 to n_cells - 1, each with a row.
    cluster : ndarray of int, shape (n,), or None
        Numbers from 0; None where each row is by itself.
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.

    Returns
    -------
    ndarray of shape (n_cells,)

    Examples
    --------
    >>> luck, client = np.array([0.5, 0.5, -0.5, -0.5, 0.5, -0.5]), np.array([0, 0, 1, 1, 2, 3])
    >>> design_effects(luck, np.full(6, 0.5), cell=np.array([0, 0, 0, 0, 1, 1]), cluster=client)
    array([2., 1.])
    """
    n = int(cell.max()) + 1
    if cluster is None:
        return np.ones(n)
    w = np.ones(len(cell)) if weight is None else weight
    mean = np.bincount(cell, w * residual) / np.bincount(cell, w)
    pair = crossed(cell, cluster)
    cell_of = np.zeros(int(pair.max()) + 1, int)
    cell_of[pair] = cell

    def of_pairs(each: FloatArray) -> FloatArray:
        sums = np.bincount(cell_of, np.bincount(pair, each) ** 2, minlength=n)
        return np.asarray(sums - np.bincount(cell, each**2, minlength=n))

    shared, expected = of_pairs(w * (residual - mean[cell])), of_pairs(w * spread)
    if not expected.sum() > _ROUNDING * float((w * spread) @ (w * spread)):
        return np.ones(n)
    correlation = float(np.clip(shared.sum() / expected.sum(), 0.0, 1.0))
    return np.asarray(1.0 + correlation * expected / np.maximum(np.bincount(cell, (w * spread) ** 2), _TINY))


def shares_design_effect(cell: IntArray, cluster: IntArray) -> float:
    """By how much shares of rows in cells vary more since rows of one cluster are alike; at least 1.

    The mean of the cells' design effects, each weighted by 1 - its share: a chi-square of counts divided by it has
    about its usual distribution (Rao & Scott 1981).

    Parameters
    ----------
    cell, cluster : ndarray of int, shape (n,)
        Numbers from 0.

    Examples
    --------
    >>> shares_design_effect(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1]))
    3.0
    """
    pair = crossed(cell, cluster)
    rows, cell_of, cluster_of = np.bincount(pair), np.zeros(pair.max() + 1, int), np.zeros(pair.max() + 1, int)
    cell_of[pair], cluster_of[pair] = cell, cluster
    sizes = np.bincount(cluster)
    count = np.bincount(cell_of, rows)
    used = count > 0
    share = count[used] / len(cell)
    # Of each cell the sum over clusters of (rows in it - rows of the cluster times the share)^2.
    squares, products = (np.bincount(cell_of, rows * each)[used] for each in (rows, sizes[cluster_of]))
    variance = squares - 2.0 * share * products + share**2 * float(sizes @ sizes)
    spread = float((1.0 - share).sum())
    return max(1.0, float((variance / count[used]).sum()) / spread) if spread > 0 else 1.0


_ROUNDING, _TINY = 1e-12, 1e-300
