"""Blocks: several layers in a row that stand as one layer of a network."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from finnet.network.layer import Bare, Layer, Parameter
from finnet.types import FloatArray, IntArray

__all__ = ["Block"]


class Block(Bare):
    """What all blocks share: their layers bound, initialized and seeded one by one; the passes are their own.

    Parameters
    ----------
    layers : sequence of Layer
        As wide at the end as at the beginning. The first one must not write into its input, as Dense and the
        normalizations do not.
    """

    settings: ClassVar[tuple[str, ...]] = ("layers",)

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)

    @property
    def n_out(self) -> int:
        """Width of the block, in and out."""
        return self.layers[-1].n_out

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those of all layers of the block."""
        return tuple(parameter for layer in self.layers for parameter in layer.parameters)

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Hand every layer its share of the views, one array of shape (..., rows, columns) per parameter."""
        for layer, own, own_gradients in zip(self.layers, self._shares(values), self._shares(gradients), strict=True):
            layer.bind(own, own_gradients)

    def initialize(self, values: Sequence[FloatArray], rng: np.random.Generator) -> None:
        """Draw layer by layer into arrays of the shapes of `parameters`."""
        for layer, own in zip(self.layers, self._shares(values), strict=True):
            layer.initialize(own, rng)

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Every layer gets generators of its own."""
        children = [rng.spawn(len(self.layers)) for rng in rngs]
        for layer, layer_rngs in zip(self.layers, zip(*children, strict=True), strict=True):
            layer.seed(layer_rngs)

    def keep(self, members: IntArray) -> None:
        """Every layer goes on with these members of a pack alone, given by their numbers, shape (k,)."""
        for layer in self.layers:
            layer.keep(members)

    def _shares(self, views: Sequence[FloatArray]) -> list[list[FloatArray]]:
        rest = iter(views)
        return [[next(rest) for _ in layer.parameters] for layer in self.layers]
