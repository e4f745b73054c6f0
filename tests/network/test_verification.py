import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS
from finnet.network.losses import LOSSES, MeanSquaredError
from finnet.network.verification import verify_activation, verify_loss


class Sine:
    in_place = False

    def value(self, Z, out):
        return np.sin(Z, out=out)

    def gradient(self, Z, A, dA):
        dA *= np.cos(Z)
        return dA


class HalfGradient(MeanSquaredError):
    def gradient(self, P, Y):
        return super().gradient(P, Y) / 2


def test_a_right_activation_passes():
    verify_activation(Sine())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_finnet_pass_as_those_of_a_stranger(name):
    stranger = type("Stranger", (type(ACTIVATIONS[name]),), {})  # finnet's own types pass unseen
    verify_activation(stranger())


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_finnet_pass_as_those_of_a_stranger(name):
    stranger = type("Stranger", (type(LOSSES[name]),), {})
    verify_loss(stranger(), n_outputs=3)


def test_a_wrong_loss_gradient_is_named_with_both_numbers():
    with pytest.raises(ConfigError, match=r"HalfGradient.*central differences give"):
        verify_loss(HalfGradient())
