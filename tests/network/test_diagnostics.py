from dataclasses import astuple

import numpy as np
import pytest

from finnet.network.activations import ACTIVATIONS
from finnet.network.batches import Examples
from finnet.network.diagnostics import LayerState, Observer, advise
from finnet.network.layer import with_ones
from finnet.network.losses import MeanSquaredError
from finnet.network.model import dense_network
from finnet.network.optimizers import SGD
from finnet.network.pack import train_pack
from finnet.network.regularization import Clipping
from finnet.network.training import Training, train

X = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
Y = X[:, :1]


def history(activation, *, rate=1e-3, depth=3, epochs=1, Y=Y, **options):
    network = dense_network((4, *[16] * depth, 1), activation=ACTIVATIONS[activation], **options)
    network.initialize([np.random.default_rng(0)])
    settings = Training(epochs=epochs, batch_size=32, optimizer=SGD(learning_rate=rate))
    return train(network, MeanSquaredError(), Examples(X, Y), rng=np.random.default_rng(0), settings=settings)


def test_every_dense_layer_has_one_state_per_epoch():
    states = history("relu", epochs=2).layer_states
    assert [(state.epoch, state.layer) for state in states] == [(e, k) for e in (1, 2) for k in (1, 2, 3, 4)]
    assert all(state.gradient_norm > 0 for state in states)


def test_a_healthy_network_gets_no_advice():
    assert history("relu").advice == []


def test_deep_sigmoids_let_gradients_vanish_and_a_cure_is_named():
    (advice,) = history("sigmoid", depth=10).advice
    assert "vanish" in advice
    assert "normalization" in advice


def test_the_named_cures_bring_gradients_back():
    cured = history("sigmoid", depth=10, residual=True, normalization="batch").layer_states
    assert cured[0].gradient_norm > 1e-2 * cured[-1].gradient_norm


def test_exploding_gradients_are_seen():
    states = [LayerState(1, 1, 1e4, 1e-3, 0.0, 0.0), LayerState(1, 2, 1.0, 1e-3, 0.0, 0.0)]
    (advice,) = advise(states)
    assert "Clipping" in advice


def test_dead_units_are_seen():
    network = dense_network((4, 8, 1), activation=ACTIVATIONS["relu"])
    network.initialize([np.random.default_rng(0)])
    network.layers[0].b[...] = -100.0
    network.backward(network.forward(with_ones(X)))
    (advice,) = advise(Observer(network.layers).observe(1, 1)[0])
    assert advice.startswith("100% of the units of layer 1 are dead")


def test_overfitting_is_seen():
    falling_then_rising = history("relu")
    falling_then_rising.validation_loss = [0.5, 0.4, *np.linspace(0.41, 0.9, 18)]
    assert any("overfits" in sentence for sentence in falling_then_rising.advice)


def test_the_share_of_clipped_steps_is_counted():
    network = dense_network((4, 8, 1))
    network.initialize([np.random.default_rng(0)])
    for limit, rate in ((1e-9, 1.0), (1e9, 0.0)):
        settings = Training(epochs=2, batch_size=32, clipping=Clipping(norm=limit))
        run = train(network, MeanSquaredError(), Examples(X, Y), rng=np.random.default_rng(0), settings=settings)
        assert {state.clip_rate for state in run.layer_states} == {rate}
    assert any("clipped" in sentence for sentence in advise([LayerState(1, 1, 1.0, 1e-3, 0.0, 0.0, clip_rate=0.9)]))


def test_members_of_a_pack_have_the_states_that_they_would_have_alone():
    settings = Training(epochs=2, batch_size=32, clipping=Clipping(norm=0.3))
    shape, relu = (4, 8, 8, 1), ACTIVATIONS["relu"]
    pack = dense_network(shape, activation=relu, members=2)
    pack.initialize([np.random.default_rng(k) for k in range(2)])
    alone = dense_network(shape, activation=relu)
    alone.initialize([np.random.default_rng(1)])
    rngs = [np.random.default_rng(k) for k in range(2)]
    together = train_pack(pack, MeanSquaredError(), Examples(X, Y), rngs=rngs, settings=settings)
    single = train(alone, MeanSquaredError(), Examples(X, Y), rng=np.random.default_rng(1), settings=settings)
    for state, other in zip(together.layer_states[1], single.layer_states, strict=True):
        assert astuple(state) == pytest.approx(astuple(other), rel=1e-5)
