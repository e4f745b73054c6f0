"""Depth: hidden blocks that some members of a pack use and others pass by."""

from collections.abc import Sequence

import numpy as np

from finnet.errors import ConfigError
from finnet.network.block import Block
from finnet.network.layer import Layer
from finnet.types import FloatArray, IntArray

__all__ = ["Skippable", "require_depths", "skip_beyond"]


class Skippable(Block):
    """Z = block(X) for members that use the block, Z = X for those that do not, and so for gradients.

    The gradients of a member that does not use the block are exactly 0 there, and so are its parameters: `Network`
    draws none. Work is saved once no member uses the block.

    Parameters
    ----------
    layers : sequence of Layer
        As in Block.
    on : sequence of bool
        Whether each member uses the block; one entry for a single network.
    """

    settings = ("layers", "on")

    def __init__(self, layers: Sequence[Layer], on: Sequence[bool]) -> None:
        super().__init__(layers)
        self.on = tuple(map(bool, on))

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Hand every layer its share of the views, one array of shape (..., rows, columns) per parameter."""
        super().bind(values, gradients)
        self._off = np.flatnonzero(np.logical_not(self.on))
        self._gradients = tuple(gradients)

    def keep(self, members: IntArray) -> None:
        """Every layer, and `on`, go on with these members alone, given by their numbers, shape (k,)."""
        super().keep(members)
        self.on = tuple(self.on[member] for member in members)

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = block(X), or X, both of shape (..., n_rows, n_out + 1)."""
        if not any(self.on):
            return X
        Z = X
        for layer in self.layers:
            Z = layer.forward(Z)
        return self._passed(X, Z)

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dX through the block, or dZ itself, both of shape (..., n_rows, n_out + 1)."""
        if not any(self.on):
            return dZ
        passed = dZ[self._off, :, :-1] if len(self._off) else dZ  # a copy, as layers write into dZ
        for layer in reversed(self.layers):
            dZ = layer.backward(dZ)
        # The layers work on all members at once; those that pass the block by are to learn nothing in it.
        for gradient in self._gradients:
            gradient[self._off] = 0.0
        if len(self._off):
            # Without the last column, as dZ may lie where the ones behind the input of the block do.
            dZ[self._off, :, :-1] = passed
        return dZ

    def infer(self, X: FloatArray) -> FloatArray:
        """block(X), or X, both of shape (..., n_rows, n_out)."""
        if not any(self.on):
            return X
        Z = X
        for layer in self.layers:
            Z = layer.infer(Z)
        return self._passed(X, Z)

    def _passed(self, X: FloatArray, Z: FloatArray) -> FloatArray:
        if len(self._off):
            # Over what the block gave for them; X is still as it was, since the first layer must not write into it.
            Z[self._off] = X[self._off]
        return Z


def require_depths(depths: Sequence[int], hidden: Sequence[int]) -> None:
    """Raise ConfigError unless networks with these hidden widths can use as few of their hidden layers as `depths` say.

    Examples
    --------
    >>> require_depths((1, 3), (64, 32, 32))
    Traceback (most recent call last):
    finnet.errors.ConfigError: depth=1 passes by a hidden layer of 32 units behind one of 64, and only layers of equal
    width can be passed by; give hidden layers one width, or use a depth of 2 or more
    """
    low, high = min(depths), max(depths)
    if not hidden:
        raise ConfigError(
            f"depth={high} counts hidden layers, and there are none; give hidden layers, or leave depth at None"
        )
    if low < 1 or high > len(hidden):
        wrong = low if low < 1 else high
        raise ConfigError(f"depth={wrong} is not among {len(hidden)} hidden layers; use 1 to {len(hidden)}, or None")
    for position in range(len(hidden) - 1, low - 1, -1):
        if hidden[position] != hidden[position - 1]:
            raise ConfigError(
                f"depth={low} passes by a hidden layer of {hidden[position]} units behind one of"
                f" {hidden[position - 1]}, and only layers of equal width can be passed by; give hidden layers one"
                f" width, or use a depth of {position + 1} or more"
            )


def skip_beyond(blocks: Sequence[Sequence[Layer]], depths: Sequence[int], *, members: int) -> list[Layer]:
    """The layers of hidden blocks, those that some member does not reach as Skippable blocks.

    Parameters
    ----------
    blocks : sequence of sequence of Layer
        One per hidden layer of the network.
    depths : sequence of int
        Hidden layers that each member uses; ConfigError where they fit neither `members` nor the blocks.

    Examples
    --------
    >>> from finnet.network.activations import ReLU
    >>> from finnet.network.layers import Activate
    >>> skip_beyond([[Activate(4, ReLU())]] * 2, (1, 2), members=2)[1].on
    (False, True)
    """
    if len(depths) != members:
        raise ConfigError(f"{len(depths)} depths do not fit {members} members; give one for each")
    require_depths(depths, [block[-1].n_out for block in blocks])
    layers: list[Layer] = []
    for position, block in enumerate(blocks):
        on = [depth > position for depth in depths]
        layers += block if all(on) else [Skippable(block, on)]
    return layers
