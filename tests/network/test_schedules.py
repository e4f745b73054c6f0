import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.optimizers import SGD, Updater
from finnet.network.schedules import Constant, Cosine, InverseScaling, Plateau, Step, WarmUp, require_factor

FALLING = [1.0 / epoch for epoch in range(1, 11)]


def factors(schedule, losses=FALLING):
    return [schedule.factor(losses[:done], len(losses)) for done in range(len(losses))]


@pytest.mark.parametrize("schedule", [Constant(), Step(every=3), InverseScaling(), Cosine(), Plateau()], ids=repr)
def test_a_schedule_starts_at_one_and_never_rises(schedule):
    assert factors(schedule)[0] == 1.0
    assert (np.diff(factors(schedule)) <= 0.0).all()


def test_warm_up_rises_and_hands_over():
    assert factors(WarmUp(length=2, then=Step(every=4, ratio=0.1)))[:7] == pytest.approx(
        [1 / 3, 2 / 3, 1, 1, 1, 1, 0.1]
    )


def test_a_falling_loss_is_no_plateau_and_a_flat_one_is():
    assert Plateau(patience=3).factor(FALLING, 10) == 1.0
    assert Plateau(patience=3, ratio=0.5).factor([1.0] * 7, 10) == 0.25


def test_the_updater_scales_its_starting_rate():
    theta, gradient = np.zeros(1), np.ones(1)
    updater = Updater(SGD(learning_rate=0.1), theta, gradient)
    for factor in (0.5, 0.1):
        updater.scale_rate(factor)
        updater.update()
    assert theta == pytest.approx([-0.05 - 0.01])


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Step(every=0), "every=0"),
        (lambda: Step(every=2.5), "every=2.5"),
        (lambda: Step(ratio=-1.0), "ratio=-1"),
        (lambda: InverseScaling(power=-1.0), "power=-1"),
        (lambda: Cosine(floor=1.5), "floor=1.5"),
        (lambda: WarmUp(length=-1), "length=-1"),
        (lambda: WarmUp(then=Cosine), "then=Cosine is a class"),
        (lambda: Plateau(ratio=3.0), "ratio=3"),
        (lambda: Plateau(patience=0), "patience=0"),
    ],
)
def test_impossible_settings_are_refused(make, setting):
    with pytest.raises(ConfigError, match=setting):
        make()


class Saying:
    def __init__(self, factor):
        self._factor = factor

    def factor(self, losses, epochs):
        return self._factor


@pytest.mark.parametrize("factor", [None, np.nan, -1.0, "0.1"])
def test_factors_that_are_no_number_of_zero_or_more_are_refused(factor):
    with pytest.raises(ConfigError, match=rf"factor\(\) of Saying gives {factor!r} after 2 epochs; correct it"):
        require_factor(Saying(factor), [0.7, 0.6], 10)


def test_warm_up_longer_than_training_hands_over_all_the_same():
    assert WarmUp(length=5, then=Cosine()).factor([1.0] * 5, 5) == 1.0
