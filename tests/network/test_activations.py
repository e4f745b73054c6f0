import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS, ELU, LeakyReLU, Softmax, Tanh, named_activation, sigmoid


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_stay_finite_far_from_zero(name):
    Z = np.array([[-1e4, -80.0, 0.0, 80.0, 1e4]], dtype="float32")
    assert np.isfinite(ACTIVATIONS[name].value(Z, np.empty_like(Z))).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_keeps_float32(name):
    Z = np.ones((2, 3), dtype="float32")
    A = ACTIVATIONS[name].value(Z, np.empty_like(Z))
    assert A.dtype == ACTIVATIONS[name].gradient(Z, A, np.ones_like(A)).dtype == np.float32


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if ACTIVATIONS[name].in_place])
def test_an_in_place_activation_may_overwrite_its_input(name):
    Z = np.linspace(-2.0, 2.0, 6).reshape(2, 3)
    apart = ACTIVATIONS[name].value(Z, np.empty_like(Z))
    np.testing.assert_array_equal(ACTIVATIONS[name].value(Z, Z), apart)


def test_sigmoid_and_its_mirror_sum_to_one():
    Z = np.linspace(-30.0, 30.0, 101)
    np.testing.assert_allclose(sigmoid(Z) + sigmoid(-Z), 1.0, rtol=1e-12)


def test_softmax_does_not_change_when_all_scores_move_together():
    Z = np.random.default_rng(0).standard_normal((4, 3))
    np.testing.assert_allclose(Softmax().value(Z, np.empty_like(Z)), Softmax().value(Z + 700.0, np.empty_like(Z)))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'relu'"):
        named_activation("rellu")


@pytest.mark.parametrize("slope", [-0.1, 1.0, np.nan, "steep"])
def test_slopes_below_zero_or_from_one_on_are_refused(slope):
    with pytest.raises(ConfigError, match="slope"):
        LeakyReLU(slope)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan])
def test_an_elu_falls_below_zero(alpha):
    with pytest.raises(ConfigError, match="alpha"):
        ELU(alpha)


@pytest.mark.parametrize("activation", [Tanh, object(), None], ids=["a class", "no methods", "None"])
def test_what_is_no_activation_is_refused(activation):
    with pytest.raises(ConfigError, match="activation"):
        named_activation(activation)
