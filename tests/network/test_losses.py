import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import Sigmoid, Softmax
from finnet.network.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Composed,
    FocalLoss,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    QuantileLoss,
    SigmoidCrossEntropy,
    loss_on_scores,
    mean_gradient,
    mean_loss,
    named_loss,
)
from finnet.network.shared import Averaged, MeanOverShared

SCORES = np.random.default_rng(0).standard_normal((6, 3))
BINARY = (SCORES[:, :1] > 0.3).astype(float)
ONE_HOT = np.eye(3)[[0, 1, 2, 0, 1, 2]]


@pytest.mark.parametrize(
    ("activation", "loss", "scores", "Y"),
    [
        (Sigmoid(), BinaryCrossEntropy(), SCORES[:, :1], BINARY),
        (Softmax(), CategoricalCrossEntropy(), SCORES, ONE_HOT),
        (Sigmoid(), FocalLoss(gamma=1.5), SCORES[:, :1], BINARY),
    ],
    ids=["sigmoid", "softmax", "focal"],
)
def test_fused_losses_equal_the_composed_ones(activation, loss, scores, Y):
    fused, composed = loss_on_scores(loss, activation), Composed(activation, loss)
    np.testing.assert_allclose(fused.value(scores, Y), composed.value(scores, Y))
    np.testing.assert_allclose(fused.gradient(scores.copy(), Y), composed.gradient(scores.copy(), Y), atol=1e-12)


class OfZ(Sigmoid):
    """A sigmoid that looks for its output where Z was, as one that works in place may."""

    def gradient(self, Z, A, dA):
        return super().gradient(Z, Z, dA)


@pytest.mark.parametrize("around", [lambda activation: activation, Averaged])
def test_an_activation_that_works_in_place_finds_its_output_in_the_place_of_z(around):
    P, Y = SCORES.reshape(2, 3, 3), np.full((3, 3), 0.3)
    given, right = (
        Composed(around(activation), MeanSquaredError()).gradient(P.copy(), Y) for activation in (OfZ(), Sigmoid())
    )
    np.testing.assert_array_equal(given, right)


def test_fused_cross_entropy_is_exact_where_probabilities_round_to_one():
    assert SigmoidCrossEntropy().value(np.array([[-800.0]]), np.array([[1.0]])) == [800.0]


def test_focal_loss_pulls_rows_that_are_confidently_wrong():
    scores, truth = np.array([[30.0]], dtype="float32"), np.zeros((1, 1), dtype="float32")
    assert loss_on_scores(FocalLoss(), Sigmoid()).gradient(scores.copy(), truth) == pytest.approx(1.0)


def test_mean_squared_error_by_hand():
    assert MeanSquaredError().value(np.array([[1.0, 3.0]]), np.array([[0.0, 0.0]])) == [5.0]  # (1 + 9) / 2


def test_huber_by_hand_near_and_far():
    P = np.array([[0.5], [3.0]])
    np.testing.assert_allclose(Huber(delta=1.0).value(P, np.zeros((2, 1))), [0.125, 2.5])  # 0.5^2 / 2; 3 - 1/2


def test_median_quantile_loss_is_half_the_absolute_error():
    assert QuantileLoss(levels=(0.5,)).value(np.array([[1.0]]), np.array([[4.0]])) == [1.5]


def test_focal_loss_without_focus_is_cross_entropy():
    P = np.array([[0.2], [0.9]])
    Y = np.array([[0.0], [1.0]])
    np.testing.assert_allclose(FocalLoss(gamma=0.0).value(P, Y), BinaryCrossEntropy().value(P, Y))


def test_a_row_of_weight_two_counts_as_two_rows():
    P, Y = SCORES[:3].copy(), ONE_HOT[:3]
    weights = np.array([[2.0], [1.0], [1.0]])
    twice = mean_loss(MeanSquaredError(), P[[0, 0, 1, 2]], Y[[0, 0, 1, 2]])
    np.testing.assert_allclose(mean_loss(MeanSquaredError(), P, Y, weights=weights / weights.mean()), twice)


def test_mean_gradient_divides_by_rows():
    gradient = mean_gradient(MeanSquaredError(), np.array([[1.0], [2.0]]), np.zeros((2, 1)))
    np.testing.assert_array_equal(gradient, [[1.0], [2.0]])


def test_an_object_without_gradient_is_refused():
    class ValueAlone:
        value = MeanSquaredError.value

    with pytest.raises(ConfigError, match="no gradient"):
        named_loss(ValueAlone())


class Doubled(BinaryCrossEntropy):
    """A subclass of what has a fused form, with a value of its own."""

    def value(self, P, Y):
        return 2.0 * super().value(P, Y)

    def gradient(self, P, Y):
        return 2.0 * super().gradient(P, Y)


class Steep(FocalLoss):
    gradient = MeanSquaredError.gradient


@pytest.mark.parametrize("loss", [Doubled(), Steep()], ids=["cross-entropy", "focal"])
def test_a_subclass_is_not_trained_with_the_fused_form_of_its_parent(loss):
    assert loss_on_scores(loss, Sigmoid()) == Composed(Sigmoid(), loss)


class SignError(MeanAbsoluteError):
    """A loss whose gradient is float64, whatever it is given."""

    def gradient(self, P, Y):
        return np.where(P > Y, 1.0, -1.0) / P.shape[-1]


class WholeSigns(SignError):
    def gradient(self, P, Y):
        return np.where(P > Y, 1, -1)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=repr)
def test_targets_may_be_whole_numbers(loss, dtype):
    P, Y = np.array([[0.2, 0.5, 0.9], [0.3, 0.6, 0.1]]), ONE_HOT[:2]
    np.testing.assert_allclose(loss.value(P, Y.astype(dtype)), loss.value(P, Y))
    np.testing.assert_allclose(loss.gradient(P.copy(), Y.astype(dtype)), loss.gradient(P.copy(), Y))


@pytest.mark.parametrize("own", [SignError(), WholeSigns()], ids=["float64", "int"])
@pytest.mark.parametrize("around", [lambda loss: loss, MeanOverShared, lambda loss: Composed(Sigmoid(), loss)])
def test_gradients_have_the_type_of_the_scores(own, around):
    P, Y = np.array([[[0.2], [0.9]]], "float32"), np.full((2, 1), 0.5, "float32")
    gradient = mean_gradient(around(own), P.copy(), Y, weights=np.ones((2, 1), "float32"))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, mean_gradient(around(MeanAbsoluteError()), P.copy(), Y))


class Kept:
    """A loss that keeps the gradient which it hands over, where nobody may write."""

    def __init__(self):
        self.slope = np.broadcast_to(np.float32(3.0), (2, 2, 1))

    def gradient(self, P, Y):
        return self.slope


@pytest.mark.parametrize("around", [lambda loss: loss, MeanOverShared, lambda loss: Composed(Sigmoid(), loss)])
def test_a_gradient_that_a_loss_keeps_is_not_written_into(around):
    P, Y = np.zeros((2, 2, 1), "float32"), np.zeros((2, 1), "float32")
    loss = Kept()
    assert (mean_gradient(around(loss), P, Y) > 0.0).all()
    loss.slope = np.full((2, 2, 1), 3.0, "float32")
    mean_gradient(around(loss), np.zeros_like(P), Y, weights=np.full((2, 1), 0.5, "float32"))
    assert (loss.slope == 3.0).all()


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ConfigError, match=r"gradient\(\) of Kept has shape \(2, 2, 1\) for P of shape \(2, 1\)"):
        mean_gradient(Kept(), np.zeros((2, 1), "float32"), np.zeros((2, 1), "float32"))


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Huber(-1.0), "loss.delta"),
        (lambda: Huber(0.0), "loss.delta"),
        (lambda: QuantileLoss((2.0,)), "loss.levels"),
        (lambda: QuantileLoss((0.0, 0.5)), "loss.levels"),
        (lambda: QuantileLoss(()), "loss.levels"),
        (lambda: QuantileLoss(0.5), "loss.levels"),
        (lambda: FocalLoss(-1.0), "loss.gamma"),
    ],
)
def test_impossible_settings_are_refused(make, setting):
    with pytest.raises(ConfigError, match=setting):
        make()


@pytest.mark.parametrize("levels", [np.array([0.1, 0.9]), [0.1, 0.9]], ids=["array", "list"])
def test_levels_of_quantiles_become_a_tuple(levels):
    assert QuantileLoss(levels) == QuantileLoss((0.1, 0.9))
