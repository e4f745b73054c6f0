import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS
from finnet.network.losses import MeanSquaredError
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


def test_own_activations_of_finnet_pass():
    for activation in ACTIVATIONS.values():
        verify_activation(activation)


def test_a_wrong_loss_gradient_is_named_with_both_numbers():
    with pytest.raises(ConfigError, match=r"HalfGradient.*central differences give"):
        verify_loss(HalfGradient())
