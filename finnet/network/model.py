"""One network, or a pack of K networks of the same shape: layers over one flat vector of parameters each."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import pairwise
from math import prod
from typing import Self

import numpy as np

from finnet.checks import require_whole
from finnet.errors import ConfigError
from finnet.network.activations import Activation, Identity, activated
from finnet.network.depth import Skippable, skip_beyond
from finnet.network.initializers import Initializer, Xavier, initializer_for
from finnet.network.layer import Layer, Parameter
from finnet.network.layers import Activate, Dense
from finnet.network.memory import aligned
from finnet.network.normalization import normalization_layer
from finnet.network.residual import Residual
from finnet.network.shared import Averaged, SharedDense, share_weights
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Network", "dense_network"]

_CHUNK_ROWS, _ROW_MULTIPLE = 2048, 32


class Network:
    """Layers in a row, with all their parameters in one flat vector.

    Parameters
    ----------
    layers : sequence of Layer
        The last one is Dense, or SharedDense.
    output : Activation
        Turns the scores of the last layer into forecasts; training works on the scores (see `losses.loss_on_scores`).
    members : int, optional
        Number of networks trained at once; None is one plain network.
    dtype : "float32" or "float64"

    Attributes
    ----------
    values, gradients : ndarray of shape (n_parameters,) or (members, n_parameters)
        Layer by layer what is trained, then running statistics, which have no gradient.
    trained, trained_gradients : ndarray
        Views of the parts that an optimizer works with.
    is_weight : ndarray of bool, of shape (n_trained,)
        Which elements of `trained` are weights, which penalties shrink, rather than biases, gains or shifts.
    starts : ndarray of int
        Where the parameters of layers start in `trained`.
    weight_matrices : list of (W, dW)
        Views of the weights and their gradients, matrix by matrix.

    Examples
    --------
    >>> network = dense_network((2, 3, 1))
    >>> network.initialize([np.random.default_rng(0)])
    >>> network.infer(np.ones((4, 2), "float32")).shape
    (4, 1)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        output: Activation | None = None,
        members: int | None = None,
        dtype: str = "float32",
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise ConfigError(f"dtype={dtype!r} is not supported; use 'float32' or 'float64'")
        _require_layers(layers)
        self.layers, self.output, self.members = tuple(layers), output or Identity(), members
        _require_dropout(self.layers, members or 1)
        self._slots = _place([parameter for layer in layers for parameter in layer.parameters])
        self.starts: IntArray = np.array([start for start, _ in _trained(self._slots)])
        self.is_weight = np.concatenate([_weights_among(parameter) for _, parameter in _trained(self._slots)])
        lead = () if members is None else (members,)
        size = sum(prod(parameter.shape) for _, parameter in self._slots)
        self._take(aligned((*lead, size), dtype, make=np.zeros))

    @property
    def n_weights(self) -> int:
        """How many parameters of each member are weights, rather than biases, gains, shifts or statistics."""
        return int(self.is_weight.sum())

    def initialize(self, rngs: Sequence[np.random.Generator]) -> None:
        """Draw the initial parameters, one generator per member; a member draws what it would draw alone."""
        if len(rngs) != (self.members or 1):
            raise ConfigError(f"{len(rngs)} generators do not fit {self.members or 1} networks; give one for each")
        for member, rng in enumerate(rngs):
            values = self.values if self.members is None else self.values[member]
            for layer, views in zip(self.layers, self._views(values), strict=True):
                # Nothing is drawn for a block that a member passes by: alone it would not have that block.
                if not isinstance(layer, Skippable) or layer.on[member]:
                    layer.initialize(views, rng)

    def seed(self, rngs: Sequence[np.random.Generator]) -> None:
        """Give every layer that draws while training its own generator per member."""
        layers = list(_opened(self.layers))
        children = [rng.spawn(len(layers)) for rng in rngs]
        for layer, layer_rngs in zip(layers, zip(*children, strict=True), strict=True):
            layer.seed(layer_rngs)

    def keep(self, members: IntArray) -> None:
        """Go on with these members of a pack alone, given by their numbers, shape (k,)."""
        for layer in self.layers:
            layer.keep(members)
        self.restore(self.values[members])

    def restore(self, values: FloatArray) -> None:
        """Take a copy of these parameters, shape (n_parameters,) or (n_members, n_parameters), and as many members."""
        self.members, copied = len(values) if values.ndim == 2 else None, aligned(values.shape, values.dtype)
        copied[...] = values
        self._take(copied)

    def pick(self, members: IntArray) -> Self:
        """A bare copy of these members, given by their numbers, shape (k,), as a pack of their own."""
        copied = deepcopy(self)
        copied.keep(members)
        return copied

    def member(self, k: int) -> Self:
        """A bare copy of one member as a plain network."""
        copied = self.pick(np.array([k]))
        copied.restore(copied.values[0])
        return copied

    def forward(self, X: FloatArray) -> FloatArray:
        """Scores of the training pass, of shape (..., n_rows, n_outputs), for rows X with ones behind (`with_ones`)."""
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def backward(self, dZ: FloatArray) -> FloatArray:
        """Fill `gradients` from the gradient of the loss with respect to the scores, of their shape.

        What is returned is the gradient of the input, and means nothing where the first layer passes none back.
        """
        for layer in reversed(self.layers):
            dZ = layer.backward(dZ)
        return dZ

    def infer(self, X: FloatArray) -> FloatArray:
        """Scores (..., n_rows, n_outputs) of X (n_rows, n_features): no dropout, running statistics, fresh memory."""
        # Such a layer may write into its input, which is the caller's.
        if isinstance(self.layers[0], Activate):
            X = X.copy()
        for layer in self.layers:
            X = layer.infer(X)
        return X

    def scores(self, X: FloatArray) -> FloatArray:
        """`infer` in chunks that stay in the cache, padded with rows of zeros to a multiple of 32 rows.

        X has shape (n_rows, n_features), the scores (..., n_rows, n_outputs). Matrix products handle the last rows of
        other numbers by other code, which rounds differently: padded, the scores of a row are the same bits however
        many rows come after it, where hidden layers have widths that are multiples of 16. With other widths the code
        depends on the number of rows, and last bits may differ.
        """
        parts = [self._padded_scores(X[i : i + _CHUNK_ROWS]) for i in range(0, max(1, len(X)), _CHUNK_ROWS)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)

    def _padded_scores(self, X: FloatArray) -> FloatArray:
        n_rows, n_missing = len(X), -len(X) % _ROW_MULTIPLE
        if n_missing:
            X = np.concatenate([X, np.zeros((n_missing, X.shape[1]), X.dtype)])
        return self.infer(X)[..., :n_rows, :]

    def predict(self, X: FloatArray) -> FloatArray:
        """Forecasts: the output activation of the scores.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features), of the network's dtype
            A single row takes the shortest way, whose last bits may differ from those that it gets among others.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs) or (members, n_rows, n_outputs)
        """
        scores = self.infer(X) if len(X) == 1 else self.scores(X)
        return activated(self.output, scores)

    def astype(self, dtype: str) -> Self:
        """A bare copy with its parameters in another type."""
        copied = deepcopy(self)
        copied.__setstate__({**vars(copied), "values": self.values.astype(dtype)})
        return copied

    def __copy__(self) -> Self:
        """A bare copy, with layers of its own, as a layer works for one network."""
        return deepcopy(self)

    def __getstate__(self) -> dict[str, object]:
        # Copied one by one, views would no longer be of `values`; `__setstate__` makes them anew.
        views = {"gradients", "trained", "trained_gradients", "weight_matrices"}
        return {name: value for name, value in vars(self).items() if name not in views}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self.restore(self.values)

    def _take(self, values: FloatArray) -> None:
        """Work on these parameters, with gradients of 0."""
        self.values, self.gradients = values, aligned(values.shape, values.dtype, make=np.zeros)
        first, last = self.layers[0], self.layers[-1]
        if isinstance(first, Dense | SharedDense):
            first.passes_back = False
        if isinstance(last, Dense | SharedDense):
            last.gives_scores = True
        # Before layers are bound, since these settings decide what memory they take.
        opened = list(_opened(self.layers))
        # Where a block is passed by, what reaches the next layer is the output of an earlier one.
        is_free = not any(isinstance(layer, Activate) and layer.needs_result for layer in opened)
        for before, after in pairwise(opened):
            if isinstance(before, Activate) and isinstance(after, Dense):
                after.overwrites_input = is_free
        views = zip(self.layers, self._views(self.values), self._views(self.gradients), strict=True)
        for layer, own, own_gradients in views:
            layer.bind(own, own_gradients)
        n_trained = len(self.is_weight)
        self.trained, self.trained_gradients = self.values[..., :n_trained], self.gradients[..., :n_trained]
        self.weight_matrices = [
            (_view(self.values, slot)[..., :n_shrunk, :], _view(self.gradients, slot)[..., :n_shrunk, :])
            for slot in self._slots
            if (n_shrunk := slot[1].n_shrunk)
        ]

    def _views(self, flat: FloatArray) -> list[list[FloatArray]]:
        rest = iter([_view(flat, slot) for slot in self._slots])
        return [[next(rest) for _ in layer.parameters] for layer in self.layers]


def _opened(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Layers, with those of blocks that can be passed by in their place: a member's are where they would be alone."""
    for layer in layers:
        if isinstance(layer, Skippable):
            yield from layer.layers
        else:
            yield layer


def _require_layers(layers: Sequence[Layer]) -> None:
    """Raise ConfigError unless layers fit each other and end with scores."""
    if not layers:
        raise ConfigError("a network needs layers; give at least a Dense layer")
    if not isinstance(layers[-1], Dense | SharedDense):
        raise ConfigError(
            f"the last layer is {layers[-1]!r}; end with a Dense layer, and give `output` what follows it"
        )
    for before, after in pairwise(layers):
        n_in = after.n_in if isinstance(after, Dense | SharedDense) else after.n_out
        if before.n_out != n_in:
            raise ConfigError(f"{before!r} gives {before.n_out} units, {after!r} takes {n_in}; give as many")
        if isinstance(before, Activate) and before.needs_result and _writes_into_input(after):
            raise ConfigError(
                f"{after!r} would write over what {before!r} needs on the way back; put a Dense layer between them"
            )


def _writes_into_input(layer: Layer) -> bool:
    if not isinstance(layer, Activate) or type(layer.activation) is Identity:
        return False
    return layer.activation.in_place or not layer.needs_result


def _require_dropout(layers: Sequence[Layer], members: int) -> None:
    """Raise ConfigError unless every activation has one rate of dropout for all members, or one for each."""
    for layer in _opened(layers):
        if isinstance(layer, Activate) and len(layer.dropout) not in (1, members):
            raise ConfigError(f"{layer!r} does not fit {members} networks; give one rate of dropout, or one for each")


_Slot = tuple[int, Parameter]


def _place(parameters: Sequence[Parameter]) -> list[_Slot]:
    """Start of every parameter in the flat vector: what is trained in order, then the rest."""
    # Trained ones lie together in front, so that an optimizer works on a single view.
    starts, end = {}, 0
    for i in sorted(range(len(parameters)), key=lambda i: not parameters[i].is_trained):
        starts[i], end = end, end + prod(parameters[i].shape)
    return [(starts[i], parameter) for i, parameter in enumerate(parameters)]


def _trained(slots: Sequence[_Slot]) -> list[_Slot]:
    return [slot for slot in slots if slot[1].is_trained]


def _weights_among(parameter: Parameter) -> BoolArray:
    """Which elements of a parameter are weights, flat."""
    return np.repeat(np.arange(parameter.shape[0]) < parameter.n_shrunk, parameter.shape[1])


def _view(flat: FloatArray, slot: _Slot) -> FloatArray:
    """The parameter of a slot in a flat vector."""
    start, parameter = slot
    return flat[..., start : start + prod(parameter.shape)].reshape(*flat.shape[:-1], *parameter.shape)


def dense_network(
    widths: Sequence[int],
    *,
    activation: Activation | None = None,
    output: Activation | None = None,
    dropout: Sequence[float] = (0.0,),
    normalization: str | None = None,
    residual: bool = False,
    initializer: str | Initializer = "auto",
    batch_ensemble: int = 1,
    depths: Sequence[int] | None = None,
    members: int | None = None,
    dtype: str = "float32",
) -> Network:
    """A network of dense layers: `widths` are features, hidden units layer by layer, outputs.

    Parameters
    ----------
    widths : sequence of int, at least 2 of them
    activation : Activation of the hidden layers, None is the identity
    output : Activation that turns scores into forecasts
    dropout : one rate per member, or one for all, applied after every hidden activation
    normalization : "batch", "layer" or None, before every hidden activation
    residual : whether hidden layers as wide as their input get a way around them
    initializer : name or Initializer of the hidden layers; "auto" suits the activation, and outputs take Xavier
    batch_ensemble : number of networks that share weights and make up this one network (see `shared`), 1 is none;
        its scores have shape (batch_ensemble, n_rows, n_outputs), it is trained on `shared.MeanOverShared` of a loss,
        and forecasts the average
    depths : number of hidden layers that each member uses, one per member, None is all of them for all

    Examples
    --------
    >>> [type(layer).__name__ for layer in dense_network((5, 4, 4, 2), residual=True).layers]
    ['Dense', 'Activate', 'Residual', 'Dense']
    >>> dense_network((5, 4, 4, 2), depths=(1, 2), members=2).layers[2].on
    (False, True)
    """
    _require_widths(widths)
    if members is not None:
        require_whole(members, 1, name="members")
    if len(dropout) not in (1, members or 1):
        raise ConfigError(f"dropout={tuple(dropout)} does not fit {members or 1} networks; give one rate for each")
    hidden = activation or Identity()
    draws = initializer_for(hidden, initializer)
    rates = tuple(dropout) if len(dropout) == (members or 1) else tuple(dropout) * (members or 1)
    blocks: list[list[Layer]] = []
    for n_in, n_out in pairwise(widths[:-1]):
        block: list[Layer] = [Dense(n_in, n_out, initializer=draws)]
        block += [normalization_layer(normalization, n_out)] if normalization else []
        block += [Activate(n_out, hidden, rates)]
        blocks.append([Residual(block)] if residual and n_in == n_out and blocks else block)
    if depths is None:
        layers = [layer for block in blocks for layer in block]
    else:
        layers = skip_beyond(blocks, depths, members=members or 1)
    layers.append(Dense(widths[-2], widths[-1], initializer=Xavier()))
    if batch_ensemble > 1:
        _require_alone(batch_ensemble, members=members, depths=depths)
        layers, output = share_weights(layers, batch_ensemble), Averaged(output or Identity())
    return Network(layers, output=output, members=members, dtype=dtype)


def _require_widths(widths: Sequence[int]) -> None:
    if len(widths) < 2:
        raise ConfigError(f"widths={tuple(widths)} have no outputs; give features, hidden units and outputs")
    for width in widths:
        require_whole(width, 1, name="widths")


def _require_alone(batch_ensemble: int, *, members: int | None, depths: Sequence[int] | None) -> None:
    if members is not None or depths is not None:
        raise ConfigError(
            f"batch_ensemble={batch_ensemble} makes many networks of one, and cannot be a pack or vary in depth; leave"
            " members and depths at None"
        )
