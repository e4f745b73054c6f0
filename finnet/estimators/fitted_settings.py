"""Fitted settings: settings of layers as a trained network shows them, compared with those that its model has now."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

from finnet.errors import ConfigError
from finnet.network.activations import Activation, named_activation
from finnet.network.block import Block
from finnet.network.layer import Layer
from finnet.network.layers import Activate, Dense
from finnet.network.model import Network
from finnet.network.normalization import BatchNorm, LayerNorm
from finnet.network.residual import Residual
from finnet.network.shared import PerShared, SharedDense

__all__ = ["opened", "require_unchanged"]


class _Model(Protocol):
    network_: Network
    hidden: tuple[int, ...]
    activation: str | Activation
    normalization: str | None
    residual: bool
    dtype: str


def require_unchanged(model: _Model) -> None:
    """Raise ConfigError where a setting of layers was changed after training: a file would make another network of it.

    Settings of training alone may change.
    """
    for name, fitted, now in _compared(model):
        if fitted != now:
            raise ConfigError(
                f"{name}={getattr(model, name)!r} was set after training, the fitted network has {fitted!r}; set it"
                " back, or fit again, before it is saved"
            )


def _compared(model: _Model) -> Iterator[tuple[str, Any, Any]]:
    """Settings by name, as the network has them and as the model has them now."""
    layers, now = [*opened(model.network_.layers)], named_activation(model.activation)
    dense = [layer for layer in layers if isinstance(layer, Dense | SharedDense)]
    kinds = {type(layer) for layer in layers}
    yield "hidden", tuple(layer.n_out for layer in dense[:-1]), tuple(model.hidden)
    yield "dtype", str(model.network_.values.dtype), model.dtype
    yield "batch_ensemble", getattr(dense[-1], "n_shared", 1), getattr(model, "batch_ensemble", 1)
    yield "activation", next((layer.activation for layer in layers if isinstance(layer, Activate)), now), now
    # Without hidden layers there is nothing to normalize, and the setting may be anything.
    if model.hidden:
        fitted = "batch" if BatchNorm in kinds else "layer" if LayerNorm in kinds else None
        yield "normalization", fitted, model.normalization
    # A way around needs layers as wide as their input; without any the setting leaves no trace.
    if any(one == other for one, other in pairwise(model.hidden)):
        yield "residual", Residual in kinds, bool(model.residual)


def opened(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Layers, and behind each block those that it is made of."""
    for layer in layers:
        yield layer
        if isinstance(layer, Block):
            yield from opened(layer.layers)
        elif isinstance(layer, PerShared):
            yield from opened([layer.layer])
