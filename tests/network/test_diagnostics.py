from dataclasses import astuple

import numpy as np
import pytest

from finnet.network.activations import ACTIVATIONS
from finnet.network.batches import Examples
from finnet.network.diagnostics import LayerState, Observer, advise, overfitting_advice
from finnet.network.initializers import Orthogonal
from finnet.network.layer import with_ones
from finnet.network.losses import MeanSquaredError, SigmoidCrossEntropy
from finnet.network.model import dense_network
from finnet.network.optimizers import SGD
from finnet.network.pack import train_pack
from finnet.network.regularization import Clipping, Penalty
from finnet.network.training import Training, train

X = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
Y = X[:, :1]


def history(activation, *, rate=1e-3, depth=3, epochs=1, Y=Y, loss=None, **options):
    network = dense_network((4, *[16] * depth, 1), activation=ACTIVATIONS[activation], **options)
    network.initialize([np.random.default_rng(0)])
    settings = Training(epochs=epochs, batch_size=32, optimizer=SGD(learning_rate=rate))
    loss = loss or MeanSquaredError()
    return train(network, loss, Examples(X, Y), rng=np.random.default_rng(0), settings=settings)


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
    assert "initializer" in advice


def test_the_named_cures_bring_gradients_back():
    cured = history("sigmoid", depth=10, residual=True, normalization="batch").layer_states
    assert cured[0].gradient_norm > 1e-2 * cured[-1].gradient_norm


def test_exploding_gradients_are_seen():
    states = [LayerState(1, 1, 1e4, 1e-3, 0.0, 0.0), LayerState(1, 2, 1.0, 1e-3, 0.0, 0.0)]
    (advice,) = advise(states)
    assert "Clipping" in advice


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.5])
def test_gradients_of_a_tame_deep_network_do_not_explode(gain):
    assert not any("explode" in sentence for sentence in deep_relu(gain).advice)


def test_gradients_that_explode_in_all_layers_alike_are_seen():
    run = deep_relu(6.0)
    norms = [state.gradient_norm for state in run.layer_states]
    assert norms[0] / norms[-1] < 1e3
    assert any("explode" in sentence and "Clipping" in sentence for sentence in run.advice)


def deep_relu(gain):
    """As drawn: the rate is too low to move a weight."""
    options = {"initializer": Orthogonal(gain=gain), "loss": SigmoidCrossEntropy(), "Y": (Y > 0).astype("float32")}
    return history("relu", depth=20, rate=1e-20, **options)


def test_dead_units_are_seen():
    network = dense_network((4, 8, 1), activation=ACTIVATIONS["relu"])
    network.initialize([np.random.default_rng(0)])
    network.layers[0].b[...] = -100.0
    observer, scores = Observer(network.layers), network.forward(with_ones(X))
    observer.look_at_units()
    network.backward(scores)
    observer.look_at_gradients()
    (advice,) = advise(observer.observe(1, 1)[0])
    assert advice.startswith("100% of the units of layer 1 are dead")


@pytest.mark.parametrize(("batch_size", "is_seen"), [(31, True), (32, True), (8, False)])
def test_dead_units_are_judged_by_the_last_whole_batch_if_that_has_rows_enough(batch_size, is_seen):
    network = dense_network((4, 8, 1), activation=ACTIVATIONS["relu"])
    network.initialize([np.random.default_rng(0)])
    network.layers[0].b[...] = -100.0
    settings = Training(epochs=1, batch_size=batch_size)
    run = train(network, MeanSquaredError(), Examples(X, Y), rng=np.random.default_rng(0), settings=settings)
    assert any("dead" in sentence for sentence in run.advice) == is_seen
    assert np.isnan(run.layer_states[0].dead) != is_seen


def watched(activation, *, dropout, bias=0.0, n_rows=64):
    """State of a hidden layer after one step, with that much added to its pre-activations."""
    network = dense_network((4, 32, 1), activation=ACTIVATIONS[activation], dropout=(dropout,))
    network.initialize([np.random.default_rng(0)])
    network.layers[0].b[...] = bias
    settings = Training(epochs=1, batch_size=n_rows, optimizer=SGD(learning_rate=1e-9))
    examples = Examples(np.tile(X, (8, 1))[:n_rows], np.tile(Y, (8, 1))[:n_rows])
    return train(network, MeanSquaredError(), examples, rng=np.random.default_rng(0), settings=settings).layer_states[0]


@pytest.mark.parametrize(("bias", "saturated"), [(0.0, 0.0), (20.0, 1.0)])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_units_that_are_dropped_are_not_saturated_nor_do_they_hide_who_is(activation, bias, saturated):
    assert watched(activation, dropout=0.5, bias=bias).saturated == pytest.approx(saturated, abs=0.1)


@pytest.mark.parametrize(
    ("activation", "bias", "n_rows", "dead"),
    [
        ("silu", 0.0, 512, 0.0),
        ("relu", 0.0, 512, 0.0),
        ("relu", -100.0, 512, 1.0),
        ("elu", 0.0, 64, 0.0),  # seen before the mask
        ("relu", 0.0, 64, np.nan),  # 6 rows keep a unit
        ("silu", 0.0, 64, np.nan),
    ],
)
def test_units_are_dead_by_the_rows_that_keep_them_if_these_are_enough(activation, bias, n_rows, dead):
    np.testing.assert_equal(watched(activation, dropout=0.9, bias=bias, n_rows=n_rows).dead, dead)


def test_members_are_judged_by_the_rows_that_keep_their_own_units():
    pack = dense_network((4, 8, 1), activation=ACTIVATIONS["relu"], dropout=(0.0, 0.95), members=2)
    rngs = [np.random.default_rng(k) for k in range(2)]
    pack.initialize(rngs)
    pack.layers[0].b[...] = -100.0
    run = train_pack(pack, MeanSquaredError(), Examples(X, Y), rngs=rngs, settings=Training(epochs=1, batch_size=64))
    np.testing.assert_equal([states[0].dead for states in run.layer_states], [1.0, np.nan])


def test_weights_that_have_vanished_explain_all_else():
    states = [LayerState(1, 1, 1e-9, 0.2, 0.9, 0.0, weight_size=0.5), LayerState(1, 2, 1.0, 0.2, 0.0, 0.0, 0.0, 1e-3)]
    (advice,) = advise(states)
    assert advice.startswith(
        "weights of layer 2 have shrunk to 0.1% of their size at the start: l1, l2 or weight decay"
    )


@pytest.mark.parametrize("rules", [{"penalty": Penalty(l2=10.0)}, {"clipping": Clipping(norm=1e-9)}], ids=str)
def test_gradients_are_seen_before_they_are_changed(rules):
    seen = []
    for options in ({}, rules):
        network = dense_network((4, 8, 1))
        network.initialize([np.random.default_rng(0)])
        settings = Training(epochs=1, batch_size=64, **options)
        run = train(network, MeanSquaredError(), Examples(X, Y), rng=np.random.default_rng(0), settings=settings)
        seen.append([state.gradient_norm for state in run.layer_states])
    assert seen[0] == seen[1]


def test_members_of_a_pack_show_gradients_before_they_are_changed():
    seen = []
    for l2 in (0.0, 10.0):
        pack = dense_network((4, 8, 1), members=2)
        pack.initialize([np.random.default_rng(k) for k in range(2)])
        settings = Training(epochs=1, batch_size=64, penalty=Penalty(l2=np.full((2, 1), l2, "float32")))
        rngs = [np.random.default_rng(k) for k in range(2)]
        run = train_pack(pack, MeanSquaredError(), Examples(X, Y), rngs=rngs, settings=settings)
        seen.append([[state.gradient_norm for state in states] for states in run.layer_states])
    assert seen[0] == seen[1]


def test_overfitting_is_seen():
    falling_then_rising = history("relu")
    falling_then_rising.validation_loss = [0.5, 0.4, *np.linspace(0.41, 0.9, 18)]
    assert any("overfits" in sentence for sentence in falling_then_rising.advice)


RISING = [0.5, 0.4, *np.linspace(0.41, 0.9, 18)]


@pytest.mark.parametrize(
    ("losses", "overfits"),
    [
        (RISING, True),
        (np.array(RISING) - 0.4, True),  # best at 0
        (np.array(RISING) - 5.0, True),  # a net profit: below 0
        (np.array(RISING) + 5.0, True),
        (np.linspace(0.3, 0.6, 20), True),  # best at first
        (0.5 / np.arange(1, 21), False),
        (1.0 - np.array(RISING), False),
        (0.5 + 1e-4 * np.sin(np.arange(20)), False),
        ([0.9, 0.4, *[0.5, 0.41] * 9], False),  # back to the best now and then
    ],
)
def test_overfitting_is_a_lasting_rise_measured_by_the_fall_before_it(losses, overfits):
    assert bool([*overfitting_advice(list(losses))]) == overfits
    assert not [*overfitting_advice(list(losses), kept_epoch=int(np.argmin(losses)) + 1)]


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
