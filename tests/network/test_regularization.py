import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.model import dense_network
from finnet.network.regularization import Clipping, Penalty


def test_penalty_by_hand():
    assert Penalty(l1=1.0, l2=2.0).value(np.array([3.0, -1.0])) == pytest.approx(4.0 + 10.0)


def test_clipping_by_norm_leaves_short_gradients_alone():
    gradients = np.array([[3.0, 4.0], [0.3, 0.4]])
    Clipping(norm=1.0).clip(gradients)
    np.testing.assert_allclose(gradients, [[0.6, 0.8], [0.3, 0.4]])


def test_clipping_by_value():
    gradients = np.array([-5.0, 0.5])
    Clipping(value=1.0).clip(gradients)
    np.testing.assert_array_equal(gradients, [-1.0, 0.5])


@pytest.mark.parametrize(
    ("strength", "said"),
    [
        (-1.0, "penalty.l2=-1.0 is not a number of 0 or more"),
        (np.zeros(3), r"penalty.l2 has shape \(3,\); give a number, or one per member in a column"),
        (np.array([[0.1], [-0.2]]), "penalty.l2 holds -0.2; use finite numbers of 0 or more"),
    ],
    ids=["negative", "row", "negative in a column"],
)
def test_strengths_that_shrink_nothing_or_the_wrong_thing_are_refused(strength, said):
    with pytest.raises(ConfigError, match=said):
        Penalty(l2=strength)


def test_gradients_of_zero_between_others_round_no_length_otherwise():
    first, last = np.random.default_rng(0).standard_normal((2, 999)).astype("float32")
    short, long = np.concatenate([first, last]), np.concatenate([first, np.zeros(333, "float32"), last])
    Clipping(norm=1.0).clip(short, starts=np.array([0, 999]))
    Clipping(norm=1.0).clip(long, starts=np.array([0, 999, 1332]))
    np.testing.assert_array_equal(long[long != 0.0], short)


@pytest.mark.parametrize("limit", [{"norm": 0.0}, {"norm": -1.0}, {"value": -1.0}, {"value": "low"}], ids=str)
def test_limits_that_no_gradient_can_keep_are_refused(limit):
    with pytest.raises(ConfigError, match=f"clipping.{next(iter(limit))}"):
        Clipping(**limit)


def test_strengths_of_a_pack_shrink_its_members_as_numbers_do_alone():
    pack, alone = dense_network((3, 8, 1), members=2), dense_network((3, 8, 1))
    pack.values[:] = alone.values[:] = np.random.default_rng(0).standard_normal(len(alone.values))
    Penalty(l1=np.array([[0.01], [0.0]]), l2=np.array([[0.0123], [0.1]])).apply(pack)
    Penalty(l1=0.01, l2=0.0123).apply(alone)
    np.testing.assert_array_equal(pack.gradients[0], alone.gradients)
