import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.activations import Sigmoid, Softmax
from finnet.network.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Composed,
    FocalLoss,
    Huber,
    MeanSquaredError,
    QuantileLoss,
    SigmoidCrossEntropy,
    loss_on_scores,
    mean_gradient,
    mean_loss,
    named_loss,
)

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
    with pytest.raises(ConfigError, match="gradient"):
        named_loss(object())
