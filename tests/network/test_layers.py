import copy
import pickle

import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS, Identity, ReLU, SiLU, Tanh
from finnet.network.dropout import Masks
from finnet.network.initializers import Xavier
from finnet.network.layer import with_ones
from finnet.network.layers import Activate, Dense
from finnet.network.model import Network, dense_network

X = np.random.default_rng(1).standard_normal((50, 4)).astype("float32")


def ready(widths=(4, 6, 6, 2), *, members=None, **options):
    network = dense_network(widths, activation=ReLU(), members=members, **options)
    network.initialize([np.random.default_rng(member) for member in range(members or 1)])
    network.seed([np.random.default_rng(member) for member in range(members or 1)])
    return network


def affine(X, W, b):
    """The readable oracle: X (n, n_in) @ W (n_in, n_out) + b (n_out,) and the way back."""

    def backward(dZ):
        return dZ @ W.T, X.T @ dZ, dZ.sum(axis=0, keepdims=True)

    return X @ W + b, backward


def test_dense_agrees_with_the_readable_oracle():
    network = ready((4, 3), dtype="float64")
    (layer,) = network.layers
    layer.passes_back = True
    Z, backward = affine(X.astype(float), layer.W, layer.b)
    np.testing.assert_allclose(layer.forward(with_ones(X.astype(float))), Z)
    dX, dW, db = backward(np.sin(Z))
    np.testing.assert_allclose(layer.backward(np.sin(Z))[:, :-1], dX)
    np.testing.assert_allclose(layer.dW, dW)
    np.testing.assert_allclose(layer.db, db)


def test_training_pass_and_forecast_agree_without_dropout():
    network = ready(normalization="layer", residual=True)
    np.testing.assert_allclose(network.forward(with_ones(X)), network.infer(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forecasting_leaves_the_input_alone(activation):
    network = dense_network((4, 3, 3, 1), activation=ACTIVATIONS[activation], residual=True, normalization="batch")
    before = X.copy()
    network.predict(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("activation", ["identity", "relu", "leaky_relu"])
def test_dropout_keeps_the_mean_and_silences_the_rate(activation):
    layer = Activate(100, ACTIVATIONS[activation], dropout=(0.25,))
    layer.bind((), ())
    layer.seed([np.random.default_rng(0)])
    out = layer.forward(np.ones((2000, 101)))[:, :-1]
    assert (out == 0.0).mean() == pytest.approx(0.25, abs=0.005)
    assert out.mean() == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("activation", ["identity", "relu", "leaky_relu"])
def test_dropout_sends_gradients_back_through_the_same_mask(activation):
    layer = Activate(5, ACTIVATIONS[activation], dropout=(0.5,))
    layer.bind((), ())
    layer.seed([np.random.default_rng(0)])
    A = layer.forward(np.ones((30, 6)))[:, :-1].copy()
    assert set(np.unique(A)) == {0.0, 2.0}
    np.testing.assert_array_equal(A, layer.backward(np.ones((30, 6)))[:, :-1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_every_hidden_layer_has_ones_behind_its_units(activation, dropout, normalization):
    options = {"dropout": (dropout,), "normalization": normalization, "residual": True}
    network = dense_network((4, 3, 3, 1), activation=ACTIVATIONS[activation], **options)
    network.initialize([np.random.default_rng(0)])
    network.seed([np.random.default_rng(0)])
    Z = with_ones(X)
    for layer in network.layers[:-1]:
        Z = layer.forward(Z)
        np.testing.assert_array_equal(Z[:, -1], np.ones(len(X)))


def test_masks_do_not_depend_on_how_many_members_draw_them():
    rngs, rates = [np.random.default_rng(seed) for seed in range(3)], (0.5, 0.2, 0.0)
    together, alone = Masks(rngs, rates), Masks(rngs[1:2], rates[1:2])
    for n_rows in (5, 5, 3, 4000, 5):
        drawn = together.ahead((3, n_rows, 7)).draw().copy()
        np.testing.assert_array_equal(drawn[1], alone.ahead((n_rows, 7)).draw())
        assert drawn[2].all()


def test_members_that_leave_take_their_masks_along():
    rngs, rates = [np.random.default_rng(seed) for seed in range(3)], (0.5, 0.2, 0.4)
    together, alone = Masks(rngs, rates), Masks(rngs[2:], rates[2:])
    for shape in ((5, 7), (2, 7), (5, 7)):
        np.testing.assert_array_equal(together.ahead((3, *shape)).draw()[2], alone.ahead(shape).draw())
    together.keep(np.array([0, 2]))
    for shape in ((5, 7), (2, 7), (90, 7), *[(5, 7)] * 900):
        np.testing.assert_array_equal(together.ahead((2, *shape)).draw()[1], alone.ahead(shape).draw())
    assert together.growth(np.dtype("float64")).ravel() == pytest.approx([2.0, 256 / 154])


def test_batch_norm_forecasts_with_running_moments():
    network = ready((4, 3, 1), normalization="batch")
    for _ in range(200):
        network.forward(with_ones(X))
    np.testing.assert_allclose(network.forward(with_ones(X)), network.infer(X), atol=0.05)


def test_a_member_of_a_pack_draws_and_computes_what_it_would_alone():
    options = {"dropout": [0.3, 0.3], "normalization": "layer", "residual": True}
    pack, alone = ready(members=2, **options), ready(**{**options, "dropout": [0.3]})
    np.testing.assert_array_equal(pack.values[0], alone.values)
    np.testing.assert_array_equal(pack.forward(with_ones(np.stack([X, X])))[0], alone.forward(with_ones(X)))


def test_a_copied_network_computes_the_same_from_its_own_parameters():
    network = ready()
    copied = copy.deepcopy(network)
    np.testing.assert_array_equal(copied.predict(X), network.predict(X))
    copied.values[...] = 0.0
    assert not copied.predict(X).any()
    assert network.predict(X).any()


def test_parameters_come_layer_by_layer_with_biases_behind_weights_and_statistics_last():
    network = ready((4, 3, 1), normalization="batch")
    assert np.flatnonzero(network.is_weight).tolist() == [*range(12), *range(21, 24)]
    assert network.n_weights == 4 * 3 + 3 * 1
    assert network.trained.shape == (network.n_weights + 3 + 3 + 3 + 1,)
    assert network.values.shape == (network.trained.shape[0] + 6,)
    np.testing.assert_array_equal(network.values[:12].reshape(4, 3), network.layers[0].W)
    np.testing.assert_array_equal(network.values[24:25], network.layers[-1].b[0])


def test_weight_matrices_are_views_of_the_weights():
    network = ready((4, 3, 1), members=2, normalization="batch")
    for W, dW in network.weight_matrices:
        W[...], dW[...] = 2.0, 3.0
    np.testing.assert_array_equal(network.trained[:, network.is_weight], 2.0)
    np.testing.assert_array_equal(network.trained_gradients[:, network.is_weight], 3.0)
    assert not (network.trained[:, ~network.is_weight] == 2.0).any()


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "silu", "gelu"])
def test_gradients_that_take_the_place_of_inputs_are_the_same_bits(activation, members):
    """Three passes, so that what one leaves in the memory would be seen by the next."""
    gradients = []
    for overwrites in (True, False):
        network = dense_network((4, 6, 6, 2), activation=ACTIVATIONS[activation], dropout=(0.2,), members=members)
        network.initialize([np.random.default_rng(member) for member in range(members or 1)])
        network.seed([np.random.default_rng(member) for member in range(members or 1)])
        dense = [layer for layer in network.layers if isinstance(layer, Dense)]
        assert [layer.overwrites_input for layer in dense] == [False, True, True]
        for layer in dense[1:]:
            layer.overwrites_input = overwrites
        rows = with_ones(np.broadcast_to(X, (members, *X.shape)) if members else X)
        for _ in range(3):
            network.backward(network.forward(rows))
        gradients.append(network.gradients.copy())
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_takes_nothing_from_the_network(copied):
    network = ready((4, 3, 1))
    other = copied(network)
    other.values += 1.0
    network.values *= 2.0
    np.testing.assert_array_equal(network.layers[0].W.ravel(), network.values[:12])
    np.testing.assert_array_equal(other.layers[0].W.ravel(), other.values[:12])


def test_unknown_types_are_refused():
    with pytest.raises(ConfigError, match="float16"):
        ready(dtype="float16")


class Doubled(Identity):
    def value(self, Z, out):
        return np.multiply(2.0, Z, out=out)

    def gradient(self, Z, A, dA):
        dA *= 2.0
        return dA


class Cubed:
    """z^3, which is z^4 where it is written into what it reads."""

    in_place = False

    def value(self, Z, out):
        np.multiply(Z, Z, out=out)
        out *= Z
        return out


@pytest.mark.parametrize("activation", [Doubled(), Cubed(), SiLU()], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("members", [None, 2])
def test_forecasting_computes_what_training_does(activation, members):
    network = dense_network((4, 3, 1), activation=activation, output=activation, members=members, dtype="float64")
    network.initialize([np.random.default_rng(member) for member in range(members or 1)])
    network.values += 0.1
    rows = np.broadcast_to(X.astype(float), (*([members] if members else []), *X.shape))
    scores = network.forward(with_ones(rows)).copy()
    np.testing.assert_allclose(network.infer(X.astype(float)), scores)
    np.testing.assert_allclose(network.predict(X.astype(float)), activation.value(scores, np.empty_like(scores)))


def test_a_network_ends_in_a_layer_that_gives_scores():
    with pytest.raises(ConfigError, match="end with a Dense layer"):
        Network([Dense(4, 3, initializer=Xavier()), Activate(3, ReLU())])


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([], "a network needs layers"),
        ([Dense(4, 3, initializer=Xavier()), Dense(2, 1, initializer=Xavier())], r"gives 3 units, Dense.* takes 2"),
        (
            [Activate(4, Tanh()), Activate(4, ReLU()), Dense(4, 1, initializer=Xavier())],
            r"ReLU\(\).* would write over what .*Tanh\(\).* needs on the way back",
        ),
    ],
    ids=["none", "widths", "activations"],
)
def test_layers_that_do_not_fit_each_other_are_refused(layers, said):
    with pytest.raises(ConfigError, match=said):
        Network(layers)


@pytest.mark.parametrize("n_rngs", [2, 4])
def test_members_without_a_generator_of_their_own_are_not_left_at_0(n_rngs):
    rngs = [np.random.default_rng(member) for member in range(n_rngs)]
    with pytest.raises(ConfigError, match=f"{n_rngs} generators do not fit 3 networks"):
        dense_network((4, 3, 1), members=3).initialize(rngs)


def test_dropout_may_be_a_layer_of_its_own():
    layers = [Dense(4, 3, initializer=Xavier()), Activate(3, Tanh()), Activate(3, Identity(), (0.2,))]
    apart = Network([*layers, Dense(3, 1, initializer=Xavier())])
    together = dense_network((4, 3, 1), activation=Tanh())
    for network in (apart, together):
        network.initialize([np.random.default_rng(0)])
    np.testing.assert_array_equal(apart.predict(X), together.predict(X))


@pytest.mark.parametrize("n_rows", [1, 7, 32])
def test_rows_that_are_forecast_stay_as_they_are(n_rows):
    network, rows = Network([Activate(4, Tanh()), Dense(4, 1, initializer=Xavier())]), X[:n_rows].copy()
    network.predict(rows)
    np.testing.assert_array_equal(rows, X[:n_rows])


def test_layers_show_their_settings():
    assert repr(Activate(3, ReLU(), [0.5])) == "Activate(n_out=3, activation=ReLU(), dropout=(0.5,))"


@pytest.mark.parametrize("members", [None, 3])
def test_a_row_scores_the_same_bits_whatever_comes_after_it(members):
    network = ready((4, 15, 1), members=members)
    rows = np.random.default_rng(2).standard_normal((5000, 4)).astype("float32")
    every = network.scores(rows)
    for n_rows in (1, 7, 63, 64, 65, 333, 2049, 4999):
        np.testing.assert_array_equal(network.scores(rows[:n_rows]), every[..., :n_rows, :])


def test_batch_norm_of_one_row_uses_running_moments_and_leaves_them_alone():
    network = ready((4, 3, 1), normalization="batch", dtype="float64")
    for _ in range(20):
        network.forward(with_ones(X.astype(float)))
    before = network.values.copy()
    alone = network.forward(with_ones(X[:1].astype(float)))
    np.testing.assert_array_equal(network.values, before)
    np.testing.assert_allclose(alone, network.infer(X[:1].astype(float)))


def test_gradients_of_one_row_go_through_batch_norm():
    network = ready((4, 3, 1), normalization="batch", dtype="float64")
    row = with_ones(X[:1].astype(float))
    for _ in range(20):
        network.forward(with_ones(X.astype(float)))
    network.forward(row)
    network.backward(np.ones((1, 1)))
    given, numeric = network.trained_gradients.copy(), np.empty_like(network.trained)
    for place in range(len(numeric)):
        scores = []
        for step in (1e-6, -1e-6):
            network.trained[place] += step
            scores.append(float(network.forward(row)[0, 0]))
            network.trained[place] -= step
        numeric[place] = (scores[0] - scores[1]) / 2e-6
    np.testing.assert_allclose(given, numeric, atol=1e-7)
    assert given[:12].any()
