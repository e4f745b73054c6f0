"""PyTorch as a second oracle, where it is installed: gradients and 50 steps of every optimizer from the same start."""

import numpy as np
import pytest

from finnet.network.activations import ACTIVATIONS
from finnet.network.losses import SigmoidCrossEntropy, mean_gradient, mean_loss
from finnet.network.model import dense_network
from finnet.network.optimizers import SGD, Adagrad, Adam, AdamW, RMSProp, Updater

torch = pytest.importorskip("torch", exc_type=ImportError)
X = np.random.default_rng(0).standard_normal((20, 3))
Y = (X[:, :1] > 0.2).astype(float)
PEERS = {
    "sgd": (SGD(learning_rate=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (SGD(learning_rate=0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "nesterov": (
        SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "adagrad": (Adagrad(learning_rate=0.1), lambda p: torch.optim.Adagrad(p, lr=0.1)),
    "rmsprop": (RMSProp(learning_rate=0.01), lambda p: torch.optim.RMSprop(p, lr=0.01)),
    "adam": (Adam(learning_rate=0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
    "adamw": (
        AdamW(learning_rate=0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(
            [{"params": p[0::2], "weight_decay": 0.1}, {"params": p[1::2], "weight_decay": 0.0}], lr=0.01
        ),
    ),
}
TORCH_ACTIVATIONS = {
    "tanh": torch.nn.Tanh(), "sigmoid": torch.nn.Sigmoid(), "relu": torch.nn.ReLU(), "elu": torch.nn.ELU(),
    "selu": torch.nn.SELU(), "silu": torch.nn.SiLU(), "gelu": torch.nn.GELU(approximate="tanh"),
    "softplus": torch.nn.Softplus(), "leaky_relu": torch.nn.LeakyReLU(0.01), "softmax": torch.nn.Softmax(dim=-1),
}  # fmt: skip


def both(activation):
    ours = dense_network((3, 5, 4, 1), activation=ACTIVATIONS[activation], dtype="float64")
    ours.initialize([np.random.default_rng(0)])
    dense = [layer for layer in ours.layers if hasattr(layer, "W")]
    linear = [torch.nn.Linear(*layer.W.shape, dtype=torch.float64) for layer in dense]
    with torch.no_grad():
        for mine, theirs in zip(dense, linear, strict=True):
            theirs.weight.copy_(torch.tensor(mine.W.T))
            theirs.bias.copy_(torch.tensor(mine.b[0]))
    f = TORCH_ACTIVATIONS[activation]
    return ours, dense, torch.nn.Sequential(linear[0], f, linear[1], f, linear[2]), linear


@pytest.mark.parametrize("activation", TORCH_ACTIVATIONS)
def test_gradients_equal_those_of_pytorch(activation):
    ours, dense, theirs, linear = both(activation)
    ours.backward(mean_gradient(SigmoidCrossEntropy(), ours.forward(X), Y))
    torch.nn.BCEWithLogitsLoss()(theirs(torch.tensor(X)), torch.tensor(Y)).backward()
    for mine, peer in zip(dense, linear, strict=True):
        np.testing.assert_allclose(mine.dW, peer.weight.grad.numpy().T, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(mine.db[0], peer.bias.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", PEERS)
def test_fifty_losses_equal_those_of_pytorch(name):
    rule, make_peer = PEERS[name]
    ours, _, theirs, linear = both("tanh")
    updater = Updater(rule, ours.trained, ours.trained_gradients, n_weights=ours.n_weights)
    peer = make_peer([parameter for layer in linear for parameter in (layer.weight, layer.bias)])
    loss, their_loss = SigmoidCrossEntropy(), torch.nn.BCEWithLogitsLoss()
    for _ in range(50):
        scores = ours.forward(X)
        peer.zero_grad()
        their_value = their_loss(theirs(torch.tensor(X)), torch.tensor(Y))
        assert float(mean_loss(loss, scores, Y)) == pytest.approx(their_value.item(), rel=1e-10)
        ours.backward(mean_gradient(loss, scores, Y))
        updater.update()
        their_value.backward()
        peer.step()
