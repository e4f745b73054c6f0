"""Selection: which members of an ensemble count, and how much, by what they forecast of rows that they did not see."""

import numpy as np

from finnet.network.losses import Loss, mean_loss
from finnet.types import FloatArray

__all__ = ["choose_greedily"]


def choose_greedily(P: FloatArray, Y: FloatArray, *, loss: Loss, weights: FloatArray | None = None) -> FloatArray:
    """Shares of members in the average forecast that does best, found by adding one member after another.

    Members are added with replacement, as many times as there are members, each time the one that lowers the loss of
    the average most (Caruana, Niculescu-Mizil, Crew & Ksikes 2004).

    Parameters
    ----------
    P : ndarray of shape (n_members, n_rows, n_outputs)
        Forecasts of rows that the members did not learn from.
    Y : ndarray of shape (n_rows, n_outputs)
    weights : ndarray of shape (n_rows, 1), optional

    Returns
    -------
    ndarray of shape (n_members,)
        Shares, which sum to 1.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> P = np.array([[[0.0]], [[1.5]], [[9.0]]])
    >>> choose_greedily(P, np.array([[0.5]]), loss=MeanSquaredError()).round(2)
    array([0.67, 0.33, 0.  ])
    """
    total, picks = np.zeros_like(P[0]), np.zeros(len(P))
    for n_picked in range(1, len(P) + 1):
        losses = mean_loss(loss, (total + P) / n_picked, Y, weights=weights)
        best = int(losses.argmin())
        total, picks[best] = total + P[best], picks[best] + 1.0
    return picks / len(P)
