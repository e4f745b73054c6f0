import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import SELU, ReLU, Tanh
from finnet.network.initializers import He, LeCun, Orthogonal, Xavier, initializer_for
from finnet.network.model import dense_network


@pytest.mark.parametrize(
    ("initializer", "variance"), [(Xavier(), 2 / 500), (He(), 2 / 300), (LeCun(), 1 / 300)], ids=repr
)
def test_draws_have_the_stated_variance(initializer, variance):
    W = initializer.draw(np.random.default_rng(0), 300, 200)
    assert W.var() == pytest.approx(variance, rel=0.02)
    assert W.mean() == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_orthogonal_draws_keep_lengths(shape):
    W = Orthogonal(gain=2.0).draw(np.random.default_rng(0), *shape)
    np.testing.assert_allclose(np.linalg.svd(W, compute_uv=False), 2.0)


def test_auto_suits_the_activation():
    assert [initializer_for(activation()) for activation in (ReLU, Tanh, SELU)] == [He(), Xavier(), LeCun()]


class Row:
    def draw(self, rng, n_in, n_out):
        return np.ones(n_out)


class Unknown:
    def draw(self, rng, n_in, n_out):
        return np.full((n_in, n_out), np.nan)


@pytest.mark.parametrize("own", [Row(), Unknown()], ids=["shape", "NaN"])
def test_draws_of_ones_own_that_are_no_weights_are_refused(own):
    network = dense_network((3, 2, 1), initializer=own)
    with pytest.raises(ConfigError, match=rf"draw\(\) of {type(own).__name__} .*\(3, 2\).*; correct it"):
        network.initialize([np.random.default_rng(0)])


def test_he_keeps_the_signal_alive_through_thirty_layers():
    rng, A = np.random.default_rng(0), np.random.default_rng(1).standard_normal((100, 200))
    for _ in range(30):
        A = np.maximum(A @ He().draw(rng, 200, 200), 0.0)
    assert 0.2 < np.square(A).mean() < 5.0
