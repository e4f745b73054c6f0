"""CPU time of a training step's NumPy calls alone, beside whole steps of finnet, PyTorch and JAX.

    python tests/benchmarks/bench_floor.py                  # all sizes, prints a table and keeps it in reports/
    python tests/benchmarks/bench_floor.py --sizes tiny --repeats 9

What finnet asks NumPy for in every step (rows gathered, masks drawn, forward, loss, backward, Adam) is done in one flat
loop, in memory that was made before: no layers, no history, nothing judged or checked. A step cannot be made of these
calls and take less, so a target that a peer clearly does not reach beside them is out of reach of better Python;
clearly, because ratios of one hour differ by some percent from those of another.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import measuring
import numpy as np
from bench_pack import jax_runs, pack_size
from measuring import Figure, Options, Times, by_size, ratio
from peers import EPOCHS, Size, ensemble_of, finnet_fit, torch_fit

from finnet.network.batches import Batches, Examples
from finnet.network.dropout import Masks, MasksAhead
from finnet.network.memory import aligned

RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
RESTART_EVERY = 250
DROPOUT = 0.2
# As in finnet: parameters that Adam changes at once, and the largest product that gains from a copied factor.
BLOCK, SMALL_PRODUCT = 1 << 16, 10**6
Call = tuple[Callable[..., object], tuple[np.ndarray | float, ...]]

FIGURES = [
    Figure("calls of one network's step alone, microseconds", lambda times: 1e6 * times["calls"], digits=1),
    ratio("whole step / calls alone", "finnet", "calls"),
    ratio("the same with dropout 0.2", "finnet, dropout", "calls, dropout"),
    ratio("PyTorch / calls alone", "torch", "calls", by_size(11, 4.7, 1.3, 0.97)),
    ratio("the same with dropout 0.2", "torch, dropout", "calls, dropout", by_size(12, 7, 2.2, 1.2)),
    Figure("networks in a pack", lambda times: times["members"], digits=0),
    Figure("calls alone of one network of it, microseconds", lambda times: 1e6 * times["calls of pack"], digits=1),
    ratio("whole step / calls alone", "ensemble", "calls of pack"),
    ratio("the same with dropout 0.2", "ensemble, dropout", "calls of pack, dropout"),
    ratio("JAX / calls alone", "jax", "calls of pack", by_size(1.05, 1)),
    ratio("the same with dropout 0.2", "jax, dropout", "calls of pack, dropout", by_size(1.7, 2)),
    ratio("JAX with dropout / whole step without", "jax, dropout", "ensemble", by_size(1.7, 2)),
]


class Step:
    """Memory of a network or of a pack, and the calls of one step but for the two that take the rows."""

    def __init__(self, size: Size, members: int, *, drops: bool) -> None:
        self.lead, self.size, self.drops = () if members == 1 else (members,), size, drops
        rng = np.random.default_rng(0)
        self.theta, self.gradient, self.M, self.V = (self.empty(size.parameters) for _ in range(4))
        self.initial = (0.1 * rng.standard_normal(self.theta.shape)).astype("float32")
        self.restart()
        self.Wb, self.dWb = self.matrices(self.theta), self.matrices(self.gradient)
        self.A = [self.ones(size.batch, width + 1) for width in size.hidden]
        self.S = [self.ones(size.batch, width + 1) for width in size.hidden]
        self.Z, self.centred = self.empty(size.batch, 1), self.empty(size.batch, 1)
        self.centred[...] = np.where(rng.random(self.Z.shape) < 0.5, 0.5, -0.5) / size.batch
        self.masks = [Masks(rng.spawn(members), (DROPOUT,) * members) for _ in size.hidden]

    def restart(self) -> None:
        self.theta[...], self.M[...], self.V[...] = self.initial, 0.0, 0.0

    def empty(self, *shape: int) -> np.ndarray:
        return aligned((*self.lead, *shape), "float32")

    def ones(self, *shape: int) -> np.ndarray:
        array = self.empty(*shape)
        array.fill(1.0)
        return array

    def matrices(self, flat: np.ndarray) -> list[np.ndarray]:
        """Weights with their biases as last row, layer by layer, as views."""
        shapes = [(n_in + 1, n_out) for n_in, n_out in pairwise(self.size.widths)]
        ends = np.cumsum([rows * columns for rows, columns in shapes])
        parts = np.split(flat, ends[:-1], axis=-1)
        return [part.reshape(*self.lead, *shape) for part, shape in zip(parts, shapes, strict=True)]

    def forward(self) -> Iterator[Call]:
        """All but the first product."""
        for A, S, Wb, masks, following in zip(
            self.A, self.S, self.Wb[1:], self.masks, [*self.A[1:], None], strict=True
        ):
            is_on = np.empty(A.shape, bool)
            yield np.greater, (A, number(0.0), is_on)
            if self.drops:
                yield only_kept, (is_on, masks.ahead(A.shape))
            yield np.copyto, (S, is_on)
            if self.drops:
                yield np.multiply, (S, number(1.0 / (1.0 - DROPOUT)), S)
            yield np.multiply, (A, S, A)
            if self.drops:
                yield np.ndarray.fill, (A[..., -1], 1.0)
            if following is None:
                yield self.product, (A, Wb, self.Z)
            else:
                yield np.matmul, (A, Wb, following[..., :-1])

    def loss(self) -> Iterator[Call]:
        """The gradient of the mean cross-entropy, (sigmoid(z) - y) / n, by tanh."""
        yield np.multiply, (self.Z, number(0.5), self.Z)
        yield np.tanh, (self.Z, self.Z)
        yield np.multiply, (self.Z, number(0.5 / self.size.batch), self.Z)
        yield np.subtract, (self.Z, self.centred, self.Z)

    def backward(self) -> Iterator[Call]:
        """All but the last product, which takes dZ of the first layer from where its activations were."""
        yield self.product, (self.A[-1].mT, self.Z, self.dWb[-1])
        dA = self.empty(*self.A[-1].shape[-2:])
        yield (np.multiply if self.lead else np.ndarray.dot), (self.Z, self.Wb[-1].mT, dA)
        for k in reversed(range(len(self.A))):
            yield np.multiply, (dA, self.S[k], dA)
            self.dZ = dA[..., :-1]
            if k:
                yield np.matmul, (self.A[k - 1].mT, self.dZ, self.dWb[k])
                dA = self.A[k - 1]
                yield from self.product_back(self.dZ, self.Wb[k][..., :-1, :].mT, dA[..., :-1])

    def product_back(self, dZ: np.ndarray, WT: np.ndarray, dX: np.ndarray) -> Iterator[Call]:
        if dX.shape[-2] * WT.shape[-2] * WT.shape[-1] <= SMALL_PRODUCT:
            copied = self.empty(*WT.shape[-2:])
            yield np.copyto, (copied, WT)
            WT = copied
        yield np.matmul, (dZ, WT, dX)

    def adam(self) -> Iterator[Call]:
        """In blocks, with the constants of a step long after the first."""
        n_parameters = self.size.parameters
        width = BLOCK // (self.lead or (1,))[0]
        spare = self.empty(min(width, n_parameters))
        for start in range(0, n_parameters, width):
            here = (..., slice(start, start + width))
            theta, g, M, V = (array[here] for array in (self.theta, self.gradient, self.M, self.V))
            T = spare[..., : theta.shape[-1]]
            root = (1.0 - BETA_2) ** -0.5
            yield np.multiply, (M, number(BETA_1), M)
            yield np.add, (M, g, M)
            yield np.multiply, (V, number(BETA_2), V)
            yield np.multiply, (g, g, T)
            yield np.add, (V, T, V)
            yield np.sqrt, (V, T)
            yield np.add, (T, number(EPSILON * root), T)
            yield np.divide, (M, T, T)
            yield np.multiply, (T, number(RATE * (1.0 - BETA_1) * root), T)
            yield np.subtract, (theta, T, theta)

    @property
    def product(self) -> Callable[..., object]:
        """Of the last layer, as finnet takes it."""
        return np.matmul if self.lead else np.ndarray.dot


def number(value: float) -> np.ndarray:
    return np.array(value, "float32")


def only_kept(is_on: np.ndarray, masks: MasksAhead) -> None:
    np.logical_and(is_on, masks.draw(), is_on)


def flat_loop(size: Size, members: int, *, drops: bool = False) -> Callable[[], None]:
    """As many steps as a network takes in a fit; now and then from the start, before memory decays into denormals."""
    X, y = size.data()
    rngs = np.random.default_rng(0).spawn(members)
    examples = Examples(X, y[:, None].astype("float32"))
    batches = Batches(examples, size.batch, rngs=rngs if members > 1 else rngs[0])
    step = Step(size, members, drops=drops)
    there_and_back, adam = [*step.forward(), *step.loss(), *step.backward()], list(step.adam())
    Wb, dWb, Z, dZ = step.Wb[0], step.dWb[0], step.A[0][..., :-1], step.dZ

    def run() -> None:
        with np.errstate(all="ignore"):
            for _ in range(EPOCHS):
                for k, (X, _, _) in enumerate(batches):
                    if k % RESTART_EVERY == 0:
                        step.restart()
                    np.matmul(X, Wb, Z)
                    for call, arguments in there_and_back:
                        call(*arguments)
                    np.matmul(X.mT, dZ, dWb)
                    for call, arguments in adam:
                        call(*arguments)

    return run


def contestants(size: Size, asked: Options) -> dict[str, Callable[[], object]]:
    rows, members = size.data(), pack_size(size)
    runs = {
        "calls": flat_loop(size, 1),
        "calls, dropout": flat_loop(size, 1, drops=True),
        "finnet": lambda: finnet_fit(size, *rows),
        "finnet, dropout": lambda: finnet_fit(size, *rows, dropout=0.2),
        "calls of pack": flat_loop(size, members),
        "calls of pack, dropout": flat_loop(size, members, drops=True),
        "ensemble": lambda: ensemble_of(size, members).fit(*rows),
        "ensemble, dropout": lambda: ensemble_of(size, members, dropout=0.2).fit(*rows),
    }
    if asked.has("torch"):
        runs |= {
            "torch": lambda: torch_fit(size, *rows),
            "torch, dropout": lambda: torch_fit(size, *rows, dropout=0.2),
        }
    return runs | (jax_runs(size) if asked.has("jax") else {})


def seconds_per_step(size: Size, asked: Options) -> Times:
    """Of one network."""
    members = pack_size(size)
    seconds = measuring.interleaved(contestants(size, asked), rounds=asked.repeats)
    of_packs = ("calls of pack", "ensemble", "jax")
    times = {
        name: values / (EPOCHS * size.steps * (members if name.startswith(of_packs) else 1))
        for name, values in seconds.items()
    }
    return {**times, "members": np.array([members])}


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=5)
    # Before JAX is loaded, which starts as many threads as it sees cores.
    with measuring.one_core():
        results = {name: seconds_per_step(size, asked) for name, size in asked.sizes.items()}
    peers = ("torch", "jax")
    libraries = measuring.versions(*[peer for peer in peers if asked.has(peer)])
    text = (
        "# What NumPy's calls take alone\n\nThe calls of a training step in one flat loop, without layers, history,"
        " judging and checks. A target that a peer clearly does not reach beside them cannot be met with these calls;"
        " ratios of one hour differ by some percent from those of another. CPU time of"
        f" one core, medians of {asked.repeats} interleaved rounds, {libraries}. Made by"
        " `python tests/benchmarks/bench_floor.py`; targets in brackets.\n\n"
        f"{measuring.sizes_in_words()}\n\n{measuring.table(FIGURES, results)}"
    )
    measuring.publish("floor", text, asked, peers=peers)


if __name__ == "__main__":
    main()
