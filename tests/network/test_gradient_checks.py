import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import ACTIVATIONS, LeakyReLU, ReLU, SiLU, Softmax, Tanh
from finnet.network.gradient_checks import verify_activation, verify_loss
from finnet.network.losses import LOSSES, MeanSquaredError


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
    verify_activation(stranger(), is_packed=True)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_finnet_pass_as_those_of_a_stranger(name):
    stranger = type("Stranger", (type(LOSSES[name]),), {})
    verify_loss(stranger(), n_outputs=3)


class TanhTimesZ:
    """z tanh(z), which is right where Z and out are apart, and tanh(z)^2 where they are one."""

    in_place = False

    def value(self, Z, out):
        np.tanh(Z, out=out)
        out *= Z
        return out

    def gradient(self, Z, A, dA):
        dA *= np.tanh(Z) + Z * (1.0 - np.tanh(Z) ** 2)
        return dA


class SinhOverCosh(Tanh):
    """tanh(z), which is right where Z and out are apart alone."""

    def value(self, Z, out):
        np.sinh(Z, out=out)
        out /= np.cosh(Z)
        return out


class SaysNothing:
    value, gradient = Sine.value, Sine.gradient


class Unwritten(Sine):
    def value(self, Z, out):
        return np.sin(Z)


class Scribbling(Sine):
    def value(self, Z, out):
        np.sin(Z, out=out)
        Z[...] = 0.0
        return out


class SharesByUnit(Softmax):
    by_unit = True


class SineWithoutGradient(Sine):
    gradient = None


class SineWithoutResult(Sine):
    def gradient(self, Z, A, dA):
        dA *= np.cos(Z)


class SineWithoutValue(Sine):
    def value(self, Z, out):
        np.sin(Z, out=out)


class ReLU6(ReLU):
    def value(self, Z, out):
        return np.clip(Z, 0.0, 6.0, out=out)

    def gradient(self, Z, A, dA):
        dA *= (A > 0.0) & (A < 6.0)
        return dA


class Forgetful(LeakyReLU):
    def slopes(self, Z, out, kept=None):
        return super().slopes(Z, out)


class ScaledSiLU(SiLU):
    def value(self, Z, out):
        return np.multiply(2.0, super().value(Z, out), out=out)

    def gradient(self, Z, A, dA):
        return SiLU.gradient(self, Z, A / 2.0, 2.0 * dA)


class FlatSiLU(SiLU):
    def value_and_slopes(self, Z, slopes):
        self.value(Z.copy(), Z)
        slopes[...] = 1.0


class Returned(ReLU):
    def slopes(self, Z, out, kept=None):
        return super().slopes(Z, np.empty_like(out), kept)


class SmoothSlopes(Sine):
    """sin(z) = (sin(z) / z) z, whose slope is not the factor of z."""

    def slopes(self, Z, out, kept=None):
        return np.divide(np.sin(Z), Z, out=out)


class Centered(Sine):
    """z less its mean over rows."""

    def value(self, Z, out):
        return np.subtract(Z, Z.mean(axis=-2, keepdims=True), out=out)

    def gradient(self, Z, A, dA):
        dA -= dA.mean(axis=-2, keepdims=True)
        return dA


class Sqrt(Sine):
    def value(self, Z, out):
        return np.sqrt(Z, out=out)

    def gradient(self, Z, A, dA):
        dA /= 2.0 * A
        return dA


class MatrixSine(Sine):
    def value(self, Z, out):
        assert Z.ndim == 2
        return super().value(Z, out)


class SharesOverAxisOne(Softmax):
    """Shares of the units of a matrix, and of the rows of a pack."""

    def value(self, Z, out):
        np.exp(Z, out=out)
        out /= out.sum(axis=1, keepdims=True)
        return out

    def gradient(self, Z, A, dA):
        dA -= (A * dA).sum(axis=1, keepdims=True)
        dA *= A
        return dA


@pytest.mark.parametrize("wrong", [MatrixSine(), SharesOverAxisOne()], ids=lambda part: type(part).__name__)
def test_an_activation_for_matrices_alone_is_refused_in_packs(wrong):
    verify_activation(wrong)
    with pytest.raises(ConfigError, match=r"fails in packs.*\(n_members, n_rows, n_units\), with axis=-1"):
        verify_activation(wrong, is_packed=True)


def test_an_activation_that_needs_memory_of_its_own_passes_where_it_says_so():
    verify_activation(TanhTimesZ())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (SaysNothing(), "does not say whether it is in_place"),
        (SinhOverCosh(), r"value\(Z, Z\) of SinhOverCosh is not its value\(Z, out\).*set in_place = False"),
        (Unwritten(), "has to write to `out`"),
        (Scribbling(), "writes into Z"),
        (SharesByUnit(), "set by_unit = False"),
        (Centered(), "an output of Centered depends on other rows"),
        (Sqrt(), r"the value of Sqrt is undefined at z=-0.923, where it gives nan"),
        (SineWithoutGradient(), r"has no gradient\(\)"),
        (SineWithoutResult(), "gives None where an array of shape"),
        (SineWithoutValue(), "gives None where an array of shape"),
        (ReLU6(), r"slopes\(\) of ReLU6 are not those of its value.*it gives 1"),
        (ScaledSiLU(), r"value_and_slopes\(\) of ScaledSiLU is not its value"),
        (FlatSiLU(), r"value_and_slopes\(\) of FlatSiLU has other slopes than its value"),
        (Returned(), r"slopes\(\) of Returned are not those of its value.*it gives nan"),
        (Forgetful(), "not 0 exactly where kept is False"),
        (SmoothSlopes(), r"slopes\(\) of SmoothSlopes are not those"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_wrong_activations_are_refused_with_the_remedy(wrong, said):
    with pytest.raises(ConfigError, match=said):
        verify_activation(wrong)


class Qlike:
    """Loss of variance forecasts exp(p), defined for y > 0 alone (Patton 2011)."""

    def value(self, P, Y):
        ratio = Y * np.exp(-P)
        return (ratio - np.log(ratio) - 1.0).mean(axis=-1)

    def gradient(self, P, Y):
        return (1.0 - Y * np.exp(-P)) / P.shape[-1]


class WrongBelowZero:
    """|y| instead of y in the gradient, which targets of 0 and 1 do not tell."""

    def value(self, P, Y):
        return (P * Y).mean(axis=-1)

    def gradient(self, P, Y):
        return np.abs(Y) / P.shape[-1] + 0.0 * P


class ByColumn(MeanSquaredError):
    def value(self, P, Y):
        return np.square(P - Y).mean(axis=1)


class NoRows(MeanSquaredError):
    def value(self, P, Y):
        return np.square(P - Y).mean()


class FlatGradient(MeanSquaredError):
    def gradient(self, P, Y):
        return super().gradient(P, Y)[:, 0]


def test_a_loss_is_tried_where_its_targets_are():
    verify_loss(Qlike(), targets=np.array([[0.5], [2.0]]))
    with pytest.raises(ConfigError, match="bring the target to where the loss is defined"):
        verify_loss(Qlike(), targets=np.array([[0.5], [-2.0]]))
    with pytest.raises(ConfigError, match="gradient of WrongBelowZero"):
        verify_loss(WrongBelowZero(), targets=np.array([[-1.0]]))


def test_targets_far_from_unit_size_refuse_no_right_loss():
    for size in (1e3, 1e6, 1e9, 1e30):
        verify_loss(type("Stranger", (MeanSquaredError,), {})(), targets=np.array([[size], [-size]]))


def test_a_loss_for_a_pack_is_tried_with_members():
    verify_loss(ByColumn(), n_outputs=2)
    with pytest.raises(ConfigError, match=r"value\(\) of ByColumn gives shape"):
        verify_loss(ByColumn(), n_outputs=2, is_packed=True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (NoRows(), r"value\(\) of NoRows gives .* where an array of shape \(4,\) is needed"),
        (FlatGradient(), r"gradient\(\) of FlatGradient gives shape \(4,\)"),
        (SineWithoutGradient(), r"has no gradient\(\)"),
        (MeanSquaredError, r"is a class; give an object of it, MeanSquaredError\(...\)"),
    ],
    ids=["a number", "a shape", "a method", "a class"],
)
def test_wrong_losses_are_refused_with_the_remedy(wrong, said):
    with pytest.raises(ConfigError, match=said):
        verify_loss(wrong)


def test_a_wrong_loss_gradient_is_named_with_both_numbers():
    with pytest.raises(ConfigError, match=r"HalfGradient.*central differences give"):
        verify_loss(HalfGradient())
