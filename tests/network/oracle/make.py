"""PyTorch's answers to small problems in float64, stored so that tests compare with them where PyTorch is absent.

    python tests/network/oracle/make.py     # writes gradients.npz and losses.npz beside this file; needs torch

Parameters and gradients are flat vectors: the weights of all layers, each of shape (n_in, n_out), then biases, gains
and shifts. Problems are drawn and stored too, so that nothing hangs on a random stream.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn, optim

HERE = Path(__file__).parent
ROWS = 20
ACTIVATIONS = {
    "tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "relu": nn.ReLU(), "elu": nn.ELU(), "selu": nn.SELU(),
    "silu": nn.SiLU(), "gelu": nn.GELU(approximate="tanh"), "softplus": nn.Softplus(), "identity": nn.Identity(),
    "leaky_relu": nn.LeakyReLU(0.01), "softmax": nn.Softmax(dim=-1),
}  # fmt: skip
LOSSES = {
    "mse": nn.MSELoss(), "mae": nn.L1Loss(), "huber": nn.HuberLoss(delta=0.5),
    "binary_cross_entropy": nn.BCEWithLogitsLoss(), "categorical_cross_entropy": nn.CrossEntropyLoss(),
}  # fmt: skip
NORMALIZATIONS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(
        [
            {"params": [w for w in p if w.ndim == 2], "weight_decay": 0.1},
            {"params": [b for b in p if b.ndim == 1], "weight_decay": 0.0},
        ],
        lr=0.01,
    ),
}


class Around(nn.Module):
    """X + block(X)."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, X: Tensor) -> Tensor:
        return X + self.block(X)


def network(activation: str = "tanh", normalization: str | None = None, residual: bool = False, outputs: int = 1):
    """3 inputs, two hidden layers of 5 units, the second one with a way around it on demand."""
    blocks = []
    for n_in in (3, 5):
        norm = [NORMALIZATIONS[normalization](5)] if normalization else []
        block = nn.Sequential(nn.Linear(n_in, 5), *norm, ACTIVATIONS[activation])
        blocks.append(Around(block) if residual and n_in == 5 else block)
    return nn.Sequential(*blocks, nn.Linear(5, outputs)).double()


CASES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    **{name: (lambda name=name: network(name), "binary_cross_entropy") for name in ACTIVATIONS},
    **{name: (lambda: network(outputs=3), name) for name in LOSSES},
    "batch": (lambda: network(normalization="batch"), "mse"),
    "layer": (lambda: network(normalization="layer"), "mse"),
    "residual": (lambda: network(residual=True), "mse"),
    "all": (lambda: network("gelu", normalization="batch", residual=True, outputs=3), "categorical_cross_entropy"),
}


def parameters(model: nn.Module) -> list[nn.Parameter]:
    """Weights of all layers, then all else, each in order."""
    return sorted(model.parameters(), key=lambda parameter: parameter.ndim == 1)


def flat(tensors: list[Tensor]) -> np.ndarray:
    """One vector of all elements; weights, which PyTorch keeps as (n_out, n_in), as (n_in, n_out)."""
    return np.concatenate([tensor.detach().T.reshape(-1).numpy() if tensor.ndim == 2 else tensor.detach().numpy()
                           for tensor in tensors])  # fmt: skip


def problem(model: nn.Module, loss: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs X, targets Y and initial parameters theta."""
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data = torch.tensor(rng.uniform(-0.8, 0.8, parameter.shape))
    X, outputs = rng.standard_normal((ROWS, 3)), parameters(model)[-1].shape[0]
    Y = rng.standard_normal((ROWS, outputs))
    if loss == "categorical_cross_entropy":
        Y = np.eye(outputs)[Y.argmax(axis=1)]
    if loss == "binary_cross_entropy":
        Y = (Y > 0.2).astype(float)
    return {"X": X, "Y": Y, "theta": flat(parameters(model))}


def gradient(case: str) -> dict[str, np.ndarray]:
    """A problem and the gradient of its loss."""
    make, loss = CASES[case]
    model = make()
    given = problem(model, loss)
    LOSSES[loss](model(torch.tensor(given["X"])), torch.tensor(given["Y"])).backward()
    return {**given, "gradient": flat([parameter.grad for parameter in parameters(model)])}


def losses(optimizer: str, steps: int = 50) -> dict[str, np.ndarray]:
    """A problem and the losses before each of 50 full-batch steps."""
    model, loss = network(), LOSSES["binary_cross_entropy"]
    given, curve = problem(model, "binary_cross_entropy"), []
    rule = OPTIMIZERS[optimizer](list(model.parameters()))
    for _ in range(steps):
        rule.zero_grad()
        value = loss(model(torch.tensor(given["X"])), torch.tensor(given["Y"]))
        curve.append(value.item())
        value.backward()
        rule.step()
    return {**given, "losses": np.array(curve)}


def write(name: str, answers: dict[str, dict[str, np.ndarray]]) -> None:
    """Store arrays as `case/array`."""
    arrays = {f"{case}/{key}": array for case, answer in answers.items() for key, array in answer.items()}
    np.savez_compressed(HERE / f"{name}.npz", **arrays)


if __name__ == "__main__":
    write("gradients", {case: gradient(case) for case in CASES})
    write("losses", {optimizer: losses(optimizer) for optimizer in OPTIMIZERS})
