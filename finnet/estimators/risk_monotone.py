"""Monotone networks: the signs of weights with which a forecast can only rise, or only fall, with some inputs.

Every unit is free, rising or falling. A weight from a unit of sign s to one of sign t has sign s t; free units take
nothing from others than free ones, and give to all. The output is rising. Then the forecast rises with every rising
input and falls with every falling one, whatever the other inputs are, by construction and everywhere, not only at the
rows that were looked at; and all inputs still interact, for free units and free inputs move the kinks of the others.
Rising and falling units stand in both ways of bending, since ReLUs of one sign alone would make convex functions
(Sill 1997, on weights of one sign; Runje & Shankaranarayana 2023, on units of both).
"""

from itertools import pairwise

import numpy as np

from finnet.network.layers import Dense
from finnet.network.model import Network
from finnet.network.shared import SharedDense
from finnet.types import FloatArray, IntArray

__all__ = ["Monotone"]


class Monotone:
    """Moves the weights of a network with ReLUs back to where its forecast is monotone.

    Parameters
    ----------
    network : Network
        Bound and drawn; its weights are reflected to the signs that they must have.
    signs : ndarray of {-1, 0, 1}, of shape (n_inputs,)
        Of every input: whether the forecast falls with it, does as it likes, or rises.

    Examples
    --------
    >>> from finnet.network.activations import ReLU
    >>> from finnet.network.model import dense_network
    >>> network = dense_network((2, 8, 1), activation=ReLU())
    >>> network.initialize([np.random.default_rng(0)])
    >>> _ = Monotone(network, np.array([1, 0]))
    >>> X = np.column_stack([np.linspace(-3, 3, 50), np.full(50, 0.3)]).astype("float32")
    >>> bool((np.diff(network.predict(X)[:, 0]) >= 0.0).all())
    True
    """

    def __init__(self, network: Network, signs: IntArray) -> None:
        layers = [layer for layer in network.layers if isinstance(layer, Dense | SharedDense)]
        # Half of the hidden units are free, the others rise and fall by turns; the first rises, as a single one must.
        hidden = [np.resize([1, 0, -1, 0], layer.n_out) for layer in layers[:-1]]
        units = [signs, *hidden, np.ones(layers[-1].n_out, np.int64)]
        self._bounds = [_bounds(*ends) for ends in pairwise(units)]
        for layer, (low, high) in zip(layers, self._bounds, strict=True):
            # Reflected rather than set to 0 as after steps: the size that was drawn is kept, and no unit starts dead.
            np.copyto(layer.W, np.abs(layer.W), where=low == 0.0)
            np.copyto(layer.W, -np.abs(layer.W), where=high == 0.0)
        for layer, given, taking in zip(layers, units, units[1:], strict=False):
            if isinstance(layer, SharedDense):
                # Scalings must not turn a weight's sign.
                np.copyto(layer.R, np.abs(layer.R), where=(given != 0)[:, None])
                np.copyto(layer.S, np.abs(layer.S), where=taking != 0)
        self._units = units
        # Weights that are barred at both ends are still there, and go to 0 now.
        self(network)

    def __call__(self, network: Network) -> None:
        """Set every weight and scaling that has the wrong sign to 0."""
        layers = [layer for layer in network.layers if isinstance(layer, Dense | SharedDense)]
        # After every step of the optimizer, and in place: the layers' arrays are views of the network's parameters.
        for layer, (low, high), given, taking in zip(layers, self._bounds, self._units, self._units[1:], strict=False):
            np.clip(layer.W, low, high, out=layer.W)
            if isinstance(layer, SharedDense):
                np.maximum(layer.R, 0.0, out=layer.R, where=(given != 0)[:, None])
                np.maximum(layer.S, 0.0, out=layer.S, where=taking != 0)


def _bounds(given: IntArray, taking: IntArray) -> tuple[FloatArray, FloatArray]:
    """Between what the weights from units to units lie, each of shape (n_given, n_taking), in float32."""
    # Above 0 where both ends rise or both fall, below where they differ; barred from ordered units to free ones.
    product = np.outer(given, taking)
    is_barred = np.outer(given != 0, taking == 0)
    low = np.where((product > 0) | is_barred, 0.0, -np.inf).astype(np.float32)
    high = np.where((product < 0) | is_barred, 0.0, np.inf).astype(np.float32)
    return low, high
