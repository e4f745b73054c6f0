import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import Identity, ReLU, Sigmoid, SiLU, Tanh
from finnet.network.attribution import Part, integrated_gradients
from finnet.network.model import dense_network

NETWORKS = {
    "plain": {},
    "tanh": {"activation": Tanh()},
    "dropout": {"dropout": (0.4,)},
    "batch norm": {"normalization": "batch"},
    "layer norm": {"normalization": "layer", "batch_ensemble": 3},
    "residual": {"residual": True, "activation": SiLU()},
    "shared weights": {"batch_ensemble": 4, "dropout": (0.3,)},
    "pack": {"members": 2, "depths": (1, 2)},
}


def _network(n_inputs=5, **settings):
    network = dense_network((n_inputs, 8, 8, 1), output=Sigmoid(), **{"activation": ReLU(), **settings})
    network.initialize([np.random.default_rng(k) for k in range(settings.get("members", 1))])
    network.values[...] *= 1.5
    return network


def _log_odds(network, X):
    P = network.astype("float64").predict(X)
    p = (P.mean(axis=0) if P.ndim == 3 else P)[:, 0]
    return np.log(p) - np.log1p(-p)


def _rows(n_rows=20, n_inputs=5):
    return np.random.default_rng(1).standard_normal((n_rows, n_inputs))


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_contributions_sum_to_the_difference_of_published_scores(settings):
    network, X, reference = _network(**settings), _rows(), np.full(5, 0.1)
    share = np.full(2, 0.5) if "members" in settings else 1.0
    found = integrated_gradients([Part(network, X, reference, share)])
    difference = _log_odds(network, X) - _log_odds(network, reference[None])
    np.testing.assert_allclose(found.contributions[0].sum(axis=1), difference, atol=1e-3)


def test_a_linear_network_gives_weights_times_distances():
    network = dense_network((5, 1), output=Sigmoid(), dtype="float64")
    network.initialize([np.random.default_rng(0)])
    X, reference = _rows(), np.full(5, 0.3)
    found = integrated_gradients([Part(network, X, reference)])
    np.testing.assert_allclose(found.contributions[0], (X - reference) * network.layers[0].W[:, 0], atol=1e-12)


def test_an_input_without_weight_contributes_nothing():
    network = _network(batch_ensemble=3)
    network.layers[0].W[2] = 0.0
    assert not integrated_gradients([Part(network, _rows(), np.zeros(5))]).contributions[0][:, 2].any()


def test_a_finer_integral_by_central_differences_gives_the_same():
    network, X, reference = _network(activation=Tanh(), dtype="float64"), _rows(3), np.zeros(5)
    positions, step, slopes = (np.arange(400) + 0.5) / 400, 1e-5, np.zeros((3, 5))
    for j in range(5):
        aside = step * np.eye(5)[j]
        ahead, back = (np.array([_log_odds(network, p * X + s * aside) for p in positions]) for s in (1, -1))
        slopes[:, j] = ((ahead - back) / (2 * step)).mean(axis=0)
    found = integrated_gradients([Part(network, X, reference)], tolerance=1e-4)
    np.testing.assert_allclose(found.contributions[0], slopes * X, atol=1e-3)


def test_parts_sum_to_the_log_odds_of_their_average():
    networks, rows = [_network(4, batch_ensemble=2), _network(5)], [_rows(n_inputs=4), _rows(n_inputs=5)]
    parts = [Part(n, X, np.zeros(X.shape[1]), s) for n, X, s in zip(networks, rows, (0.3, 0.7), strict=True)]
    found = integrated_gradients(parts, floor=0.01)
    p = [s * n.astype("float64").predict(X)[:, 0] for n, X, s in zip(networks, rows, (0.3, 0.7), strict=True)]
    floored = 0.99 * np.sum(p, axis=0) + 0.005
    np.testing.assert_allclose(found.score, np.log(floored / (1 - floored)), atol=1e-5)
    assert np.abs(found.gap).max() <= 1e-3


def test_contributions_from_several_references_are_their_mean():
    network, X, references = _network(), _rows(), _rows(3)
    each = [integrated_gradients([Part(network, X, r)]) for r in references]
    found = integrated_gradients([Part(network, X, references)])
    np.testing.assert_allclose(found.contributions[0], np.mean([own.contributions[0] for own in each], axis=0))
    assert found.base == pytest.approx(np.mean([own.base for own in each]))


def test_the_network_forecasts_as_before():
    network, X = _network(normalization="batch", dropout=(0.2,)), _rows().astype("float32")
    before, values = network.predict(X), network.values.copy()
    integrated_gradients([Part(network, X, np.zeros(5))])
    assert np.array_equal(network.predict(X), before)
    assert np.array_equal(network.values, values)
    assert network.layers[2].dropout == (0.2,)


def test_an_output_without_log_odds_is_refused():
    with pytest.raises(ConfigError, match="single sigmoid output"):
        integrated_gradients([Part(dense_network((2, 1), output=Identity()), np.zeros((1, 2)), np.zeros(2))])


def test_a_reference_of_another_width_is_refused():
    with pytest.raises(ConfigError, match="one number for each column"):
        integrated_gradients([Part(_network(), _rows(), np.zeros(4))])


def test_layers_keep_their_way_of_training():
    network = _network()
    integrated_gradients([Part(network, _rows(), np.zeros(5))])
    assert not network.layers[0].passes_back
