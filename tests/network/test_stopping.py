import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.stopping import BestSoFar, EarlyStopping


def test_small_improvements_do_not_count():
    best = BestSoFar(EarlyStopping(patience=2, min_delta=0.1), np.zeros(1))
    assert [bool(best.is_over(np.zeros(1), loss)) for loss in (1.0, 0.95, 0.92)] == [False, False, True]


def test_members_stop_on_their_own_and_keep_their_own_best():
    best = BestSoFar(EarlyStopping(patience=1), np.zeros((2, 1)))
    best.is_over(np.array([[1.0], [1.0]]), np.array([0.5, 0.5]))
    over = best.is_over(np.array([[2.0], [2.0]]), np.array([0.6, 0.4]))
    assert over.tolist() == [True, False]
    assert best.values.ravel().tolist() == [1.0, 2.0]


def test_members_that_leave_take_their_patience_with_them():
    best = BestSoFar(EarlyStopping(), np.zeros((3, 1)), patience=np.array([1, 2, 3]))
    best.is_over(np.ones((3, 1)), np.full(3, 0.5))
    assert best.is_over(np.ones((3, 1)), np.full(3, 0.6)).tolist() == [True, False, False]
    best = best.of(np.array([1, 2]))
    assert best.is_over(np.ones((2, 1)), np.full(2, 0.6)).tolist() == [True, False]


class Interrupting:
    """Parameters that the user interrupts the reading of."""

    def __array__(self, *_, **__):
        raise KeyboardInterrupt

    __getitem__ = __array__


def test_an_interrupt_between_an_epoch_and_its_weights_keeps_those_that_belong_together():
    best = BestSoFar(EarlyStopping(), np.zeros(1))
    best.is_over(np.ones(1), 0.5)
    with pytest.raises(KeyboardInterrupt):
        best.is_over(Interrupting(), 0.4)
    assert (int(best.epoch), best.values.tolist(), best.checkpoint.n_epochs) == (1, [1.0], 1)


@pytest.mark.parametrize(
    "setting", [{"patience": 0}, {"patience": 2.5}, {"min_delta": -1.0}, {"validation_fraction": 0.0}]
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ConfigError):
        EarlyStopping(**setting)
