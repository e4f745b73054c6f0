"""Members of less depth: each trains to the numbers of a plain network that has only the layers which it uses."""

import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import ReLU, Tanh
from finnet.network.batches import Examples
from finnet.network.depth import Skippable, require_depths
from finnet.network.layer import with_ones
from finnet.network.losses import SigmoidCrossEntropy, mean_gradient, mean_loss
from finnet.network.model import dense_network
from finnet.network.pack import train_pack
from finnet.network.regularization import Clipper, Clipping, Penalty
from finnet.network.stopping import EarlyStopping
from finnet.network.training import Training, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 3))
Y = (X[:, :1] * X[:, 1:2] > 0).astype(float)
DATA, HELD = Examples(X[:64], Y[:64]), Examples(X[64:], Y[64:])
DEPTHS = (1, 3, 2)
VARIANTS = [{}, {"residual": True}, {"normalization": "batch"}, {"normalization": "layer", "residual": True}]
L2 = np.array([[0.02], [0.01], [0.0]])


def generators():
    return [np.random.default_rng(member) for member in range(len(DEPTHS))]


def network_of(n_hidden=3, *, rngs=(), **options):
    network = dense_network((3, *[8] * n_hidden, 1), activation=ReLU(), dtype="float64", **options)
    network.initialize(rngs)
    return network


def settings_of(penalty, clipping):
    stopping = EarlyStopping(patience=3)
    return Training(epochs=30, batch_size=15, penalty=penalty, early_stopping=stopping, clipping=clipping or Clipping())


def trained_pack(*, clipping=None, **options):
    rngs = generators()
    network = network_of(depths=DEPTHS, members=3, dropout=(0.2, 0.2, 0.2), rngs=rngs, **options)
    settings = settings_of(Penalty(l1=1e-3, l2=L2), clipping)
    history = train_pack(
        network, SigmoidCrossEntropy(), DATA, rngs=rngs, validation=HELD, settings=settings,
        rates=np.full(3, 0.01),
    )  # fmt: skip
    return network, history


def trained_alone(member, *, clipping=None, **options):
    rng = generators()[member]
    network = network_of(DEPTHS[member], dropout=(0.2,), rngs=[rng], **options)
    settings = settings_of(Penalty(l1=1e-3, l2=float(L2[member, 0])), clipping)
    settings = Training(**{**vars(settings), "optimizer": type(settings.optimizer)(learning_rate=0.01)})
    return network, train(network, SigmoidCrossEntropy(), DATA, rng=rng, validation=HELD, settings=settings)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_a_member_ends_as_a_plain_network_of_its_depth(options):
    pack, history = trained_pack(**options)
    assert len(set(history.best_epoch)) > 1, "members leave at different times"
    for member in range(3):
        alone, alone_history = trained_alone(member, **options)
        assert history.best_epoch[member] == alone_history.best_epoch
        for forecast in (pack.infer(X)[member], pack.member(member).infer(X)):
            np.testing.assert_allclose(forecast, alone.infer(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [8, 24, 35])
def test_a_member_has_the_bits_of_a_plain_network_of_its_depth(width):
    settings, depths = Training(epochs=5, batch_size=63), (1, 3, 2)
    data, rngs = Examples(X[:64].astype("float32"), Y[:64].astype("float32")), generators()
    pack = dense_network((3, *[width] * 3, 1), activation=ReLU(), depths=depths, members=3)
    pack.initialize(rngs)
    train_pack(pack, SigmoidCrossEntropy(), data, rngs=rngs, settings=settings)
    for member, rng in enumerate(generators()):
        alone = dense_network((3, *[width] * depths[member], 1), activation=ReLU())
        alone.initialize([rng])
        train(alone, SigmoidCrossEntropy(), data, rng=rng, settings=settings)
        np.testing.assert_array_equal(pack.member(member).infer(data.X), alone.infer(data.X))


def test_the_length_of_a_gradient_that_is_clipped_knows_no_unused_layers():
    pack, _ = trained_pack(clipping=Clipping(norm=0.1))
    for member in range(3):
        alone, _ = trained_alone(member, clipping=Clipping(norm=0.1))
        np.testing.assert_allclose(pack.infer(X)[member], alone.infer(X), rtol=1e-10, atol=1e-12)


def test_a_gradient_that_is_clipped_has_the_bits_of_a_plain_network_of_its_depth():
    plain, deep = dense_network((30, 90, 1)), dense_network((30, 90, 90, 90, 1), depths=(1,))
    first, unused = 31 * 90, 2 * 91 * 90
    for _ in range(20):
        gradients = RNG.standard_normal(len(plain.trained))
        plain.trained_gradients[:] = gradients
        deep.trained_gradients[:] = np.insert(gradients, first, np.zeros(unused))
        for network in (plain, deep):
            Clipper(Clipping(norm=0.1)).apply(network)
        kept = np.delete(deep.trained_gradients, np.s_[first : first + unused])
        np.testing.assert_array_equal(kept, plain.trained_gradients)


def test_members_that_pass_a_block_by_have_no_parameters_and_no_gradients_there():
    network = network_of(depths=DEPTHS, members=3, rngs=generators())
    scores = network.forward(with_ones(np.broadcast_to(X, (3, *X.shape))))
    network.backward(mean_gradient(SigmoidCrossEntropy(), scores, Y))
    second, third = (layer for layer in network.layers if isinstance(layer, Skippable))
    for block, unused in ((second, [0]), (third, [0, 2])):
        dense = block.layers[0]
        assert not any(array[unused].any() for array in (dense.W, dense.dW, dense.b, dense.db))
        assert all(array[1].any() for array in (dense.W, dense.dW, dense.db))


@pytest.mark.parametrize("residual", [False, True])
def test_backward_matches_central_differences(residual):
    network = dense_network(
        (3, 4, 4, 4, 1), activation=Tanh(), depths=DEPTHS, members=3, residual=residual, dtype="float64"
    )
    network.initialize(generators())
    rows, loss = with_ones(np.broadcast_to(X[:7], (3, 7, 3))), SigmoidCrossEntropy()
    network.backward(mean_gradient(loss, network.forward(rows), Y[:7]))
    analytic, numeric = network.trained_gradients.copy(), np.empty_like(network.trained)
    for i in range(numeric.shape[1]):
        kept, sides = network.trained[:, i].copy(), []
        for step in (1e-6, -1e-6):
            network.trained[:, i] = kept + step
            sides.append(mean_loss(loss, network.forward(rows), Y[:7]))
        network.trained[:, i], numeric[:, i] = kept, (sides[0] - sides[1]) / 2e-6
    assert np.linalg.norm(analytic - numeric) / np.linalg.norm(analytic) < 1e-7


def test_a_block_that_nobody_uses_any_more_is_passed_by():
    network = network_of(depths=DEPTHS, members=3, rngs=generators())
    before = network.infer(X)[[0, 2]]
    network.keep(np.array([0, 2]))
    third = network.layers[-2]
    np.testing.assert_array_equal(network.infer(X), before)
    Z = np.ones((2, 5, 9))
    assert third.forward(Z) is Z
    assert third.backward(Z) is Z


def test_blocks_that_all_members_use_are_plain_layers():
    network = network_of(depths=(2, 3), members=2, rngs=generators()[:2])
    assert [type(layer).__name__ for layer in network.layers] == [*["Dense", "Activate"] * 2, "Skippable", "Dense"]


@pytest.mark.parametrize(
    ("hidden", "depths", "said"),
    [
        ((8, 8), (0, 2), "depth=0"),
        ((8, 8), (1, 3), "depth=3"),
        ((8, 8), (1, 2, 2), "3 depths do not fit 2 members"),
        ((8, 4), (1, 2), "8, and only layers of equal width can be passed by.*depth of 2"),
    ],
)
def test_depths_that_layers_do_not_allow_are_refused(hidden, depths, said):
    with pytest.raises(ConfigError, match=said):
        dense_network((3, *hidden, 1), depths=depths, members=2)


def test_layers_of_other_widths_may_stand_where_all_use_them():
    network = dense_network((3, 16, 8, 8, 1), depths=(2, 3), members=2)
    assert sum(isinstance(layer, Skippable) for layer in network.layers) == 1


def test_layers_that_a_member_passes_by_are_not_known_in_its_diagnostics():
    _, history = trained_pack()
    for depth, states in zip(DEPTHS, history.layer_states, strict=True):
        for name in ("gradient_norm", "update_ratio", "saturated"):
            known = [not np.isnan(getattr(state, name)) for state in states[:4]]
            assert known == [*[True] * depth, *[False] * (3 - depth), True]


def test_depth_is_refused_where_there_are_no_hidden_layers():
    with pytest.raises(ConfigError, match=r"depth=1 counts hidden layers, and there are none; .* leave depth at None"):
        require_depths((1, 1), ())
