"""Networks of four sizes, and how finnet, scikit-learn and PyTorch train one: same data, batches, epochs and Adam.

PyTorch runs eager with fused Adam. All shuffle their rows for every epoch and gather the batches; nobody holds rows out
for validation.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import warnings
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier

EPOCHS = 2


@dataclass(frozen=True)
class Size:
    """A network, its batch, the steps of one epoch, and how many networks stand for the 32 of an ensemble."""

    features: int
    hidden: tuple[int, ...]
    batch: int
    steps: int
    networks: int = 32

    @property
    def widths(self) -> tuple[int, ...]:
        return self.features, *self.hidden, 1

    @property
    def parameters(self) -> int:
        return sum((n_in + 1) * n_out for n_in, n_out in pairwise(self.widths))

    @cache  # noqa: B019  a handful of sizes
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        return made_rows(self.steps * self.batch, self.features)

    def __str__(self) -> str:
        return f"{self.features} features, hidden {self.hidden}, batch {self.batch}"


def made_rows(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise in float32, and labels that have nothing to do with it: speed does not depend on what is learned."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, features), dtype=np.float32)
    return X, (rng.random(rows) < 0.5).astype(int)


SIZES = {
    "tiny": Size(16, (32, 16), 32, steps=2000),
    "small": Size(32, (64, 32), 128, steps=800),
    "medium": Size(100, (256, 128), 256, steps=60, networks=8),
    "large": Size(500, (1024, 512, 256), 1024, steps=10, networks=2),
}


def is_installed(peer: str) -> bool:
    return find_spec(peer) is not None


def network_of(size: Size, **settings: Any) -> NetworkClassifier:
    settings = {"epochs": EPOCHS, "random_state": 0, **settings}
    return NetworkClassifier(size.hidden, batch_size=size.batch, **settings)


def ensemble_of(size: Size, members: int, *, dropout: float = 0.0, cores: int = 1, epochs: int = EPOCHS) -> Any:
    """Members alike but for their seeds, each trained on all rows for all epochs: what the peers do one by one."""
    return NetworkEnsembleClassifier(
        members,
        hidden=size.hidden,
        activation="relu",
        learning_rate=1e-3,
        dropout=dropout,
        l1=0.0,
        l2=0.0,
        batch_size=size.batch,
        epochs=epochs,
        early_stopping=False,
        folds=1,
        selection="all",
        n_jobs=cores,
        random_state=0,
    )


def finnet_fit(size: Size, X: np.ndarray, y: np.ndarray, *, dropout: float = 0.0) -> NetworkClassifier:
    return network_of(size, dropout=dropout).fit(X, y)


def scikit_learn_fit(size: Size, X: np.ndarray, y: np.ndarray, *, epochs: int = EPOCHS) -> MLPClassifier:
    model = MLPClassifier(size.hidden, batch_size=size.batch, max_iter=epochs, alpha=0.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def torch_fit(
    size: Size,
    X: np.ndarray,
    y: np.ndarray,
    *,
    dropout: float = 0.0,
    epochs: int = EPOCHS,
    shuffles: bool = True,
) -> Any:
    """Without `shuffles`, batches are slices of the rows as they come, which spares PyTorch what the others do."""
    import torch

    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rows that joblib maps are read-only
        rows = torch.from_numpy(X)
    targets = torch.from_numpy(y[:, None].astype(X.dtype))
    network = torch_network(size, X.shape[1], dropout)
    optimizer, loss = torch.optim.Adam(network.parameters(), fused=True), torch.nn.BCEWithLogitsLoss()
    for _ in range(epochs):
        order = torch.randperm(len(X)) if shuffles else None
        for start in range(0, len(X), size.batch):
            batch = slice(start, start + size.batch)
            own = batch if order is None else order[batch]
            optimizer.zero_grad()
            loss(network(rows[own]), targets[own]).backward()
            optimizer.step()
    return network


def torch_network(size: Size, features: int, dropout: float) -> Any:
    from torch import nn

    layers = []
    for n_in, n_out in pairwise((features, *size.hidden)):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()] + [nn.Dropout(dropout)] * (dropout > 0)
    return nn.Sequential(*layers, nn.Linear(size.hidden[-1], 1))
