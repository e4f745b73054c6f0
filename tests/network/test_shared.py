"""Networks that share weights: each is a plain network with scaled weights, and their gradients add up."""

import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import Sigmoid, Softmax, Tanh
from finnet.network.batches import Examples
from finnet.network.diagnostics import Observer
from finnet.network.initializers import Xavier
from finnet.network.layer import with_ones
from finnet.network.layers import Dense
from finnet.network.losses import (
    BinaryCrossEntropy,
    Composed,
    MeanSquaredError,
    SigmoidCrossEntropy,
    mean_gradient,
    mean_loss,
)
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import Adam
from finnet.network.regularization import Penalty
from finnet.network.shared import Averaged, LossOfAverage, MeanOverShared, Ones, SharedDense
from finnet.network.training import Training, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((9, 4))
Y = RNG.integers(2, size=(9, 1)).astype(float)
WEIGHTS = RNG.uniform(0.2, 2.0, (9, 1))
LOSS = MeanOverShared(SigmoidCrossEntropy())
VARIANTS = [{}, {"normalization": "batch"}, {"normalization": "layer"}, {"residual": True}, {"dropout": (0.4,)}]


def shared_network(widths=(4, 6, 6, 1), *, n_shared=3, seed=0, **options):
    network = dense_network(
        widths, activation=Tanh(), output=Sigmoid(), batch_ensemble=n_shared, dtype="float64", **options
    )
    rng = np.random.default_rng(seed)
    network.initialize([rng])
    network.trained[...] += 0.3 * rng.standard_normal(network.trained.shape)
    network.seed([np.random.default_rng(seed)])
    return network


def members_weights(layer):
    """W_k = diag(r_k) W diag(s_k) by hand."""
    rows = zip(layer.R[:, :, 0], layer.S[:, 0, :], strict=True)
    return [np.diag(r) @ layer.W @ np.diag(s) for r, s in rows]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_backward_matches_central_differences(options):
    network, penalty = shared_network(**options), Penalty(l2=0.1)

    def scores():
        network.seed([np.random.default_rng(0)])
        return network.forward(with_ones(X))

    def value():
        return mean_loss(LOSS, scores(), Y, weights=WEIGHTS) + penalty.value(network.trained[network.is_weight])

    network.backward(mean_gradient(LOSS, scores(), Y, weights=WEIGHTS))
    penalty.apply(network)
    analytic, numeric = network.trained_gradients.copy(), np.empty_like(network.trained)
    for i, kept in enumerate(network.trained.copy()):
        sides = []
        for network.trained[i] in (kept + 1e-6, kept - 1e-6):
            sides.append(value())
        network.trained[i], numeric[i] = kept, (sides[0] - sides[1]) / 2e-6
    assert np.linalg.norm(analytic - numeric) / np.linalg.norm(analytic) < 1e-7


def test_gradients_of_one_layer_are_those_worked_by_hand():
    layer = shared_network((2, 2), n_shared=2).layers[0]
    layer.passes_back = True
    layer.W[...], layer.b[...] = [[1.0, 2.0], [3.0, 4.0]], 0.0
    layer.R[..., 0], layer.S[:, 0] = [[1.0, -1.0], [2.0, 1.0]], [[1.0, 3.0], [1.0, 1.0]]
    # (x * r_1) W = (1, -2) W = (-5, -6), times s_1; (x * r_2) W = (2, 2) W = (8, 12).
    np.testing.assert_allclose(layer.forward(np.array([[1.0, 2.0, 1.0]]))[:, 0], [[-5.0, -18.0], [8.0, 12.0]])
    dX = layer.backward(np.array([[[1.0, 1.0]], [[1.0, 0.0]]]))
    # dW = r_1 * x (dz_1 * s_1)' + r_2 * x (dz_2 * s_2)' = (1, -2)(1, 3)' + (2, 2)(1, 0)'
    np.testing.assert_allclose(layer.dW, [[3.0, 3.0], [0.0, -6.0]])
    # dr_k = x * W (dz_k * s_k): W (1, 3) = (7, 15), W (1, 0) = (1, 3)
    np.testing.assert_allclose(layer.dR[..., 0], [[7.0, 30.0], [1.0, 6.0]])
    np.testing.assert_allclose(layer.dS[:, 0], [[-5.0, -6.0], [8.0, 0.0]])
    np.testing.assert_allclose(layer.db[:, 0], [[1.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(dX[:, 0, :2], [[7.0, -15.0], [2.0, 3.0]])


def test_one_network_without_scalings_is_a_plain_layer():
    plain = Network([Dense(4, 3, initializer=Xavier())], dtype="float64")
    shared = Network([SharedDense(1, 4, 3, initializer=Xavier(), scalings=Ones())], dtype="float64")
    for network in (plain, shared):
        network.initialize([np.random.default_rng(0)])
        network.layers[0].passes_back = True
    np.testing.assert_allclose(shared.forward(with_ones(X))[0], plain.forward(with_ones(X)), rtol=1e-14)
    np.testing.assert_array_equal(shared.infer(X)[0], plain.infer(X))
    dZ = np.sin(plain.forward(with_ones(X)))
    np.testing.assert_array_equal(shared.backward(dZ[None])[0, :, :4], plain.backward(dZ)[:, :4])
    np.testing.assert_array_equal(shared.layers[0].dW, plain.layers[0].dW)
    np.testing.assert_allclose(shared.layers[0].db[0], plain.layers[0].db, rtol=1e-14)


@pytest.mark.parametrize("direction", ["forward", "infer"])
def test_every_network_is_the_plain_network_with_scaled_weights(direction):
    network = shared_network()
    rows = with_ones(X) if direction == "forward" else X
    Z = getattr(network, direction)(rows)
    for k in range(3):
        plain = dense_network((4, 6, 6, 1), activation=Tanh(), dtype="float64")
        for own, shared in zip(plain.layers[::2], network.layers[::2], strict=True):
            own.W[...], own.b[...] = members_weights(shared)[k], shared.b[k]
        np.testing.assert_allclose(Z[k], getattr(plain, direction)(rows), rtol=1e-12, atol=1e-13)


def test_every_network_normalizes_by_its_own_rows():
    network = shared_network(normalization="batch")
    network.forward(with_ones(X))
    N = network.layers[1].layer._N
    np.testing.assert_allclose(N.mean(axis=-2), np.zeros((3, 6)), atol=1e-12)


def test_networks_start_apart_by_the_signs_of_their_inputs_alone():
    network = dense_network((4, 6, 1), batch_ensemble=5)
    network.initialize([np.random.default_rng(0)])
    first, last = network.layers[0], network.layers[-1]
    assert set(np.unique(first.R)) == {-1.0, 1.0}
    for ones in (first.S, last.R, last.S):
        np.testing.assert_array_equal(ones, np.ones_like(ones))


def test_the_forecast_is_the_average_of_probabilities():
    network = shared_network((4, 6, 3))
    network.output = Averaged(Softmax())
    Z = np.exp(network.infer(X))
    np.testing.assert_allclose(network.predict(X), (Z / Z.sum(axis=-1, keepdims=True)).mean(axis=0))


def test_the_loss_is_the_mean_of_the_losses_of_all():
    Z = shared_network().infer(X)
    each = [mean_loss(SigmoidCrossEntropy(), own, Y, weights=WEIGHTS) for own in Z]
    assert mean_loss(LOSS, Z, Y, weights=WEIGHTS) == pytest.approx(np.mean(each), rel=1e-12)


def test_an_average_passes_gradients_to_every_network():
    loss, Z = Composed(Averaged(Sigmoid()), BinaryCrossEntropy()), RNG.standard_normal((2, 9, 1))
    moved = Z.copy()
    moved[1, 4, 0] += 1e-6
    slope = (loss.value(moved, Y) - loss.value(Z, Y)).sum() / 1e-6
    assert loss.gradient(Z, Y)[1, 4, 0] == pytest.approx(slope, rel=1e-4)


def test_training_lowers_the_loss_and_penalties_leave_scalings_alone():
    network = shared_network((1, 8, 1), n_shared=4)
    network.output = Averaged(network.output.activation)
    rows = Examples(np.linspace(-1, 1, 64)[:, None], (np.linspace(-1, 1, 64)[:, None] ** 2))
    settings = Training(epochs=80, batch_size=16, optimizer=Adam(learning_rate=0.02))
    history = train(network, MeanOverShared(MeanSquaredError()), rows, rng=np.random.default_rng(0), settings=settings)
    assert history.train_loss[-1] < 0.1 * history.train_loss[0]
    assert network.n_weights == 1 * 8 + 8 * 1


def test_diagnostics_see_layers_that_are_shared():
    network = shared_network()
    observer, scores = Observer(network.layers), network.forward(with_ones(X))
    observer.look_at_units()
    network.backward(scores)
    observer.look_at_gradients()
    states = observer.observe(1, 1)[0]
    assert [state.layer for state in states] == [1, 2, 3]
    assert all(state.gradient_norm > 0 for state in states)


@pytest.mark.parametrize("options", [{"members": 2}, {"depths": (1,)}], ids=str)
def test_a_network_of_many_is_not_a_pack(options):
    with pytest.raises(ConfigError, match="batch_ensemble=3"):
        dense_network((4, 6, 1), batch_ensemble=3, **options)


def test_gradients_behind_those_of_the_units_do_not_shrink_to_denormal_numbers():
    network = shared_network()
    for _ in range(3):
        network.backward(network.forward(with_ones(X)))
    scores = network.forward(with_ones(X))
    np.testing.assert_array_equal(network.layers[-1].backward(scores)[..., -1], 1.0)


def test_the_loss_of_the_average_is_that_of_the_forecast():
    network, judge = shared_network(), LossOfAverage(BinaryCrossEntropy(), Sigmoid())
    expected = BinaryCrossEntropy().value(network.predict(X), Y)
    np.testing.assert_allclose(judge.value(network.infer(X), Y), expected)


def test_the_gradient_of_the_loss_of_the_average_is_that_of_its_value():
    judge, Z, step = LossOfAverage(BinaryCrossEntropy(), Sigmoid()), RNG.standard_normal((3, 9, 1)), 1e-6
    numeric = np.empty_like(Z)
    for k in range(3):
        up, down = Z.copy(), Z.copy()
        up[k] += step
        down[k] -= step
        numeric[k, :, 0] = (judge.value(up, Y) - judge.value(down, Y)) / (2 * step)
    np.testing.assert_allclose(judge.gradient(Z.copy(), Y), numeric, atol=1e-8)
