import numpy as np
import pytest

from finnet.network.activations import sigmoid
from finnet.network.worked_example import SENTIMENT, VOLUME, VOLUME_UNIT, worked_example


def output(inputs, W):
    hidden = sigmoid(inputs @ W["W1"] + W["b1"])
    return sigmoid(hidden @ W["W2"] + W["b2"]).item()


def test_a_million_shares_and_sentiment_three_quarters_give_065():
    assert (VOLUME, SENTIMENT) == (1_000_000, 0.75)
    step = worked_example()
    np.testing.assert_array_equal(step.inputs, [VOLUME / VOLUME_UNIT, SENTIMENT])
    assert step.output == pytest.approx(0.65, abs=1e-15)


def test_the_error_that_goes_back_is_minus_065():
    step = worked_example()
    assert step.error == step.truth - step.output == pytest.approx(-0.65, abs=1e-15)
    assert step.gradients["b2"].item() == pytest.approx(0.65)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_every_weight_alone_moves_the_output_towards_the_truth(name):
    step = worked_example()
    for place in np.ndindex(step.before[name].shape):
        moved = {key: value.copy() for key, value in step.before.items()}
        moved[name][place] = step.after[name][place]
        assert output(step.inputs, moved) < step.output


def test_all_steps_together_halve_the_way_to_the_truth():
    step = worked_example()
    assert step.output_after == pytest.approx(output(step.inputs, step.after))
    assert step.truth < step.output_after < step.output


def test_gradients_equal_central_differences_of_cross_entropy():
    step, eps = worked_example(), 1e-6
    for name, values in step.before.items():
        for place in np.ndindex(values.shape):
            above, below = (
                {k: v + (k == name) * s * eps * _unit(v, place) for k, v in step.before.items()} for s in (1, -1)
            )
            slope = (np.log(1 - output(step.inputs, below)) - np.log(1 - output(step.inputs, above))) / (2 * eps)
            assert step.gradients[name][place] == pytest.approx(slope, rel=1e-6)


def _unit(values, place):
    unit = np.zeros_like(values)
    if np.all(np.asarray(place) < values.shape):
        unit[place] = 1.0
    return unit
