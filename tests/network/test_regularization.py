import numpy as np
import pytest

from finnet.errors import ConfigError
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


@pytest.mark.parametrize("limit", [{"norm": 0.0}, {"norm": -1.0}, {"value": -1.0}, {"value": "low"}], ids=str)
def test_limits_that_no_gradient_can_keep_are_refused(limit):
    with pytest.raises(ConfigError, match=f"clipping.{next(iter(limit))}"):
        Clipping(**limit)
