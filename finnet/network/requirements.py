"""Checks before training: network, loss, examples and settings fit each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from finnet.checks import require_methods
from finnet.errors import ConfigError
from finnet.network.batches import Examples
from finnet.network.layers import Dense
from finnet.network.losses import Composed, Loss, QuantileLoss, is_built_in
from finnet.network.model import Network
from finnet.network.regularization import Penalty
from finnet.network.shared import MeanOverShared, SharedDense

__all__ = ["require_one_each", "require_pack", "require_single", "require_trainable"]


def require_single(network: Network) -> None:
    """Raise ConfigError for a pack."""
    if network.members is not None:
        raise ConfigError(
            f"train takes one network, and this is a pack of {network.members}; use train_pack, or network.member(k)"
        )


def require_pack(network: Network) -> None:
    """Raise ConfigError for a single network."""
    if network.members is None:
        raise ConfigError("train_pack takes a pack, and this is a single network; use train, or members=1")


def require_one_each(values: Sequence[Any] | np.ndarray[Any, Any] | None, network: Network, *, name: str) -> None:
    """Raise ConfigError unless there is one value for each member, or None for all.

    Examples
    --------
    >>> from finnet.network.model import dense_network
    >>> require_one_each(np.array([0.1, 0.2]), dense_network((5, 1), members=3), name="rates")
    Traceback (most recent call last):
    finnet.errors.ConfigError: rates of shape (2,) do not fit 3 members; give one for each
    """
    if values is None:
        return
    shape = np.shape(values) if isinstance(values, np.ndarray) else (len(values),)
    if shape != (network.members,):
        raise ConfigError(f"{name} of shape {shape} do not fit {network.members} members; give one for each")


def require_trainable(
    network: Network, loss: Loss, examples: Examples, *, validation: Examples | None, penalty: Penalty
) -> None:
    """Raise ConfigError unless a network can learn these examples with this loss and penalty, and be judged."""
    require_methods(loss, ("value", "gradient"), name="loss", such_as="Huber()")
    # A loss of one's own may know how to compare the scores of networks that share weights; finnet's do not.
    if isinstance(network.layers[-1], SharedDense) and is_built_in(loss):
        raise ConfigError(f"loss={loss!r} does not fit networks that share weights; use MeanOverShared({loss!r})")
    _require_examples(network, loss, examples, name="examples")
    if validation is not None:
        _require_examples(network, loss, validation, name="validation")
    for name, strength in penalty.get_params().items():
        if isinstance(strength, np.ndarray) and strength.shape != (network.members, 1):
            needed = "a number" if network.members is None else f"a number, or an array of shape {network.members, 1}"
            raise ConfigError(f"penalty.{name} has shape {strength.shape}; give {needed}")


def _require_examples(network: Network, loss: Loss, examples: Examples, *, name: str) -> None:
    if not len(examples):
        raise ConfigError(f"{name} hold no rows; give at least one")
    if examples.rows is not None and examples.rows.shape[:-1] not in ((), (network.members,)):
        of = "a single network" if network.members is None else f"{network.members} members"
        raise ConfigError(f"{name}.rows of shape {examples.rows.shape} do not fit {of}; give rows for all, or for each")
    given, needed = str(examples.X.dtype), str(network.values.dtype)
    if given != needed:
        raise ConfigError(f"{name}.X is {given}, the network {needed}; use X.astype({needed!r}), or change its dtype")
    first, last = network.layers[0], network.layers[-1]
    if isinstance(first, Dense | SharedDense) and examples.X.shape[1] != first.n_in:
        raise ConfigError(f"{name}.X has {examples.X.shape[1]} columns, the network takes {first.n_in}; give as many")
    _require_outputs(loss, n_outputs=last.n_out, n_columns=examples.Y.shape[1], name=name)


def _require_outputs(loss: Loss, *, n_outputs: int, n_columns: int, name: str) -> None:
    """Raise ConfigError where a loss of finnet's would compare other columns than there are; one's own may do so."""
    while isinstance(loss, Composed | MeanOverShared):
        loss = loss.loss
    if not is_built_in(loss):
        return
    needed: tuple[int, ...] = (n_outputs,)
    if isinstance(loss, QuantileLoss):
        needed = (1, n_outputs)
        if len(loss.levels) != n_outputs:
            raise ConfigError(f"{loss!r} has {len(loss.levels)} levels, the network {n_outputs} outputs; give as many")
    if n_columns not in needed:
        raise ConfigError(
            f"{name}.Y has {n_columns} columns, the network {n_outputs} outputs, which {type(loss).__name__} compares"
            " one by one; give as many"
        )
