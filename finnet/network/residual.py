"""Residual blocks: a way around, along which gradients reach the first layers undiminished."""

from collections.abc import Sequence

import numpy as np

from finnet.network.block import Block
from finnet.network.memory import Buffer
from finnet.types import FloatArray

__all__ = ["Residual"]


class Residual(Block):
    """Z = X + block(X) (He, Zhang, Ren & Sun 2016)."""

    def bind(self, values: Sequence[FloatArray], gradients: Sequence[FloatArray]) -> None:
        """Hand every layer its share of the views, one array of shape (..., rows, columns) per parameter."""
        super().bind(values, gradients)
        self._Z, self._dZ = Buffer(self.n_out + 1), Buffer(self.n_out + 1)

    def forward(self, X: FloatArray) -> FloatArray:
        """Z = X + block(X), of the shape of X."""
        Z = X
        for layer in self.layers:
            Z = layer.forward(Z)
        Z = np.add(X, Z, out=self._Z.like(X))
        # The ones of X and those of the block have added up to 2.
        Z[..., -1] = 1.0
        return Z

    def backward(self, dZ: FloatArray) -> FloatArray:
        """dX = dZ + what comes back through the block, of the shape of dZ."""
        dX = self._dZ.like(dZ)
        # A copy, because layers inside the block write over dZ.
        dX[...] = dZ
        for layer in reversed(self.layers):
            dZ = layer.backward(dZ)
        dX += dZ
        return dX

    def infer(self, X: FloatArray) -> FloatArray:
        """X + block(X), of the shape of X, in fresh memory."""
        Z = X
        for layer in self.layers:
            Z = layer.infer(Z)
        return X + Z
