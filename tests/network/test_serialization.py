import numpy as np
import pytest

from finnet.errors import ConfigError, DataError
from finnet.network.activations import ACTIVATIONS, LeakyReLU, Sigmoid
from finnet.network.model import dense_network
from finnet.network.serialization import load_network, save_network

X = np.random.default_rng(0).standard_normal((9, 3)).astype("float32")


@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_a_loaded_network_forecasts_the_same_bits(tmp_path, normalization, members):
    network = dense_network(
        (3, 4, 4, 1), activation=LeakyReLU(slope=0.2), output=Sigmoid(), dropout=[0.1] * (members or 1),
        normalization=normalization, residual=True, members=members,
    )  # fmt: skip
    network.initialize([np.random.default_rng(k) for k in range(members or 1)])
    save_network(network, tmp_path / "network.npz")
    loaded = load_network(tmp_path / "network.npz")
    np.testing.assert_array_equal(loaded.predict(X), network.predict(X))
    assert [path.name for path in tmp_path.iterdir()] == ["network.npz"]


def test_changed_numbers_are_noticed(tmp_path):
    path = tmp_path / "network.npz"
    save_network(dense_network((3, 1)), path)
    with np.load(path) as stored:
        content = dict(stored)
    np.savez(path, **{**content, "values": content["values"] + 1})
    with pytest.raises(DataError, match="not those that were saved"):
        load_network(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "network.npz"
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match="not a network"):
        load_network(path)


def test_own_activations_are_not_stored(tmp_path):
    class Own(type(ACTIVATIONS["tanh"])):
        pass

    with pytest.raises(ConfigError, match="Own"):
        save_network(dense_network((3, 2, 1), activation=Own()), tmp_path / "network.npz")
