"""K networks in JAX: `vmap` over members of a `lax.scan` over all steps of an epoch, compiled as one program.

The gather of shuffled rows, dropout from random bits and Adam are inside; the orders are drawn by NumPy, as finnet
draws them, which is faster than sorting in JAX. One thread.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from peers import EPOCHS, Size

RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
State = tuple[Any, ...]


def scores(layers: list[Any], X: jax.Array, key: jax.Array, dropout: float) -> jax.Array:
    for k, (W, b) in enumerate(layers[:-1]):
        X = jnp.maximum(X @ W + b, 0.0)
        if dropout:
            X = X * kept(jax.random.fold_in(key, k), X.shape, dropout)
    W, b = layers[-1]
    return X @ W + b


def kept(key: jax.Array, shape: tuple[int, ...], dropout: float) -> jax.Array:
    """A mask from random bytes, as finnet's; JAX's default generator is its fastest on a processor."""
    threshold = round(256 * (1.0 - dropout))
    return (jax.random.bits(key, shape, "uint8") < threshold).astype("float32") * (256 / threshold)


def loss(layers: list[Any], X: jax.Array, y: jax.Array, *, key: jax.Array, dropout: float) -> jax.Array:
    z = scores(layers, X, key, dropout)[:, 0]
    return jnp.mean(jnp.maximum(z, 0.0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))


def step(state: State, rows: jax.Array, *, X: jax.Array, y: jax.Array, dropout: float) -> tuple[State, jax.Array]:
    layers, mean, square, t, key = state
    key, own = jax.random.split(key) if dropout else (key, key)
    value, gradient = jax.value_and_grad(partial(loss, key=own, dropout=dropout))(layers, X[rows], y[rows])
    t = t + 1.0
    rate = RATE * jnp.sqrt(1.0 - BETA_2**t) / (1.0 - BETA_1**t)
    mean = jax.tree.map(lambda m, g: BETA_1 * m + (1.0 - BETA_1) * g, mean, gradient)
    square = jax.tree.map(lambda v, g: BETA_2 * v + (1.0 - BETA_2) * g * g, square, gradient)
    layers = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), layers, mean, square)
    return (layers, mean, square, t, key), value


def one_epoch(state: State, orders: jax.Array, X: jax.Array, y: jax.Array, *, dropout: float) -> tuple[State, Any]:
    return lax.scan(partial(step, X=X, y=y, dropout=dropout), state, orders)


def initial(size: Size, members: int) -> State:
    rng = np.random.default_rng(0)
    layers = [
        (rng.standard_normal((members, n_in, n_out), dtype=np.float32) * (2 / n_in) ** 0.5, zeros(members, n_out))
        for n_in, n_out in pairwise(size.widths)
    ]
    empty = [(np.zeros_like(W), np.zeros_like(b)) for W, b in layers]
    return layers, empty, empty, zeros(members), jax.random.split(jax.random.key(0), members)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def jax_fit(size: Size, members: int, *, dropout: float = 0.0) -> Callable[[], np.ndarray]:
    """What trains that many networks; compiled when first called."""
    values, labels = size.data()
    X, y = jnp.asarray(values), jnp.asarray(labels, dtype="float32")
    epoch = jax.jit(jax.vmap(partial(one_epoch, dropout=dropout), in_axes=(0, 0, None, None)), donate_argnums=0)
    rngs = [np.random.default_rng(seed) for seed in range(members)]

    def fit() -> np.ndarray:
        state = jax.device_put(initial(size, members))
        for _ in range(EPOCHS):
            orders = np.stack([rng.permutation(len(X)).astype("int32") for rng in rngs])
            state, losses = epoch(state, orders.reshape(members, size.steps, size.batch), X, y)
        return np.asarray(losses)

    return fit
