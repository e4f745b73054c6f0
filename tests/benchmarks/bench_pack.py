"""CPU time of one network's training step in a pack of many, beside one network after another and beside JAX.

    python tests/benchmarks/bench_pack.py                  # all sizes, prints a table and keeps it in reports/
    python tests/benchmarks/bench_pack.py --sizes tiny --repeats 9

An ensemble of 32 networks, of 8 at medium and 2 at large, where a pack holds one and more of them tell nothing new.
JAX trains as many at once as finnet's pack holds, with `vmap` over a `scan` of whole epochs; compiling is not counted.
All on one core; contestants take turns.
"""

from collections.abc import Callable, Sequence

import measuring
import numpy as np
from measuring import Figure, Options, Times, by_size, ratio
from peers import EPOCHS, Size, ensemble_of, finnet_fit

from finnet.network.activations import ReLU
from finnet.network.batches import Examples
from finnet.network.losses import SigmoidCrossEntropy
from finnet.network.model import dense_network
from finnet.network.pack import members_at_once, train_pack
from finnet.network.training import Training

FIGURES = [
    Figure("networks in a pack", lambda times: times["members"], digits=0),
    Figure("one step of one network, microseconds", lambda times: 1e6 * times["ensemble"], digits=1),
    Figure("the same with dropout 0.2", lambda times: 1e6 * times["ensemble, dropout"], digits=1),
    ratio("one after another / as an ensemble", "single", "ensemble", by_size(3.5, 1.4, 1, 1)),
    ratio("the same with dropout 0.2", "single, dropout", "ensemble, dropout"),
    ratio("JAX, vmap and scan / ensemble", "jax", "ensemble", by_size(1.05, 1)),
    ratio("the same with dropout 0.2", "jax, dropout", "ensemble, dropout", by_size(1.7, 2)),
    ratio("ensemble / bare pack", "ensemble", "bare pack"),
    ratio("one after another / as a bare pack", "single", "bare pack"),
    ratio("JAX, vmap and scan / bare pack", "jax", "bare pack"),
]


def pack_size(size: Size) -> int:
    """How many networks an ensemble trains in one pack."""
    at_once = members_at_once(size.parameters, rows=size.batch, units=sum(size.hidden))
    return -(-size.networks // -(-size.networks // at_once))


def bare_pack(size: Size) -> None:
    X, y = size.data()
    members = pack_size(size)
    network = dense_network(size.widths, activation=ReLU(), dropout=(0.0,) * members, members=members)
    rngs = [np.random.default_rng(seed) for seed in range(members)]
    network.initialize(rngs)
    examples = Examples(X, y[:, None].astype("float32"))
    settings = Training(epochs=EPOCHS, batch_size=size.batch)
    train_pack(network, SigmoidCrossEntropy(), examples, rngs=rngs, settings=settings)


def jax_runs(size: Size) -> dict[str, Callable[[], object]]:
    from jax_epochs import jax_fit

    members = pack_size(size)
    return {"jax": jax_fit(size, members), "jax, dropout": jax_fit(size, members, dropout=0.2)}


def contestants(size: Size, asked: Options) -> dict[str, Callable[[], object]]:
    rows = size.data()
    runs = {
        "single": lambda: finnet_fit(size, *rows),
        "single, dropout": lambda: finnet_fit(size, *rows, dropout=0.2),
        "ensemble": lambda: ensemble_of(size, size.networks).fit(*rows),
        "ensemble, dropout": lambda: ensemble_of(size, size.networks, dropout=0.2).fit(*rows),
        "bare pack": lambda: bare_pack(size),
    }
    return runs | (jax_runs(size) if asked.has("jax") else {})


def seconds_per_step(size: Size, asked: Options) -> Times:
    """Of one network."""
    seconds = measuring.interleaved(contestants(size, asked), rounds=asked.repeats)
    at_once = {"single": 1, "single, dropout": 1, "ensemble": size.networks, "ensemble, dropout": size.networks}
    steps = EPOCHS * size.steps
    times = {name: values / (steps * at_once.get(name, pack_size(size))) for name, values in seconds.items()}
    return {**times, "members": np.array([pack_size(size)])}


def main(arguments: Sequence[str] | None = None) -> None:
    asked = measuring.options(__doc__, arguments, repeats=5)
    # Before JAX is loaded, which starts as many threads as it sees cores.
    with measuring.one_core():
        results = {name: seconds_per_step(size, asked) for name, size in asked.sizes.items()}
    libraries = measuring.versions(*["jax"] * asked.has("jax"))
    text = (
        f"# Many networks at once\n\nCPU time of one core, medians of {asked.repeats} interleaved rounds, {libraries}."
        " Made by `python tests/benchmarks/bench_pack.py`; targets in brackets.\n\n"
        f"{measuring.sizes_in_words()}\n\n{measuring.table(FIGURES, results)}"
    )
    measuring.publish("pack", text, asked, peers=["jax"])


if __name__ == "__main__":
    main()
