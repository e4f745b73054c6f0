import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.optimizers import OPTIMIZERS, SGD, Adagrad, Adam, AdamW, RMSProp, Updater, named_optimizer


def textbook_adam(theta, gradients, rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Kingma & Ba 2015, algorithm 1, line by line."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        theta = theta - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return theta


def run(optimizer, theta, gradients, **options):
    theta, gradient = theta.copy(), np.zeros_like(theta)
    updater = Updater(optimizer, theta, gradient, **options)
    for g in gradients:
        gradient[...] = g
        updater.update()
    return theta


GRADIENTS = np.random.default_rng(0).standard_normal((30, 5))


def test_adam_equals_its_textbook_form():
    ours = run(Adam(learning_rate=0.1), np.ones(5), GRADIENTS)
    np.testing.assert_allclose(ours, textbook_adam(np.ones(5), GRADIENTS), rtol=1e-12)


def test_momentum_by_hand():
    ours = run(SGD(learning_rate=0.1, momentum=0.5), np.zeros(1), [1.0, 1.0])
    assert ours == pytest.approx([-0.1 - 0.15])  # v = 1, then 1.5


def test_nesterov_by_hand():
    ours = run(SGD(learning_rate=0.1, momentum=0.5, nesterov=True), np.zeros(1), [1.0])
    assert ours == pytest.approx([-0.15])  # g + 0.5 v


def test_decoupled_decay_shrinks_weights_only():
    ours = run(AdamW(learning_rate=0.1, weight_decay=0.5), np.ones(4), [np.zeros(4)], is_weight=np.arange(4) < 3)
    np.testing.assert_allclose(ours, [0.95, 0.95, 0.95, 1.0])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_blocks_and_members_do_not_change_the_steps(name):
    rng, n = np.random.default_rng(1), (1 << 16) + 77
    is_weight = np.arange(n) % 50 > 0
    gradients, rates = rng.standard_normal((3, 2, n)), np.array([[0.01], [0.001]])
    pack = run(OPTIMIZERS[name], np.ones((2, n)), gradients, rate=rates, is_weight=is_weight)
    for member in range(2):
        alone = named_optimizer(name, float(rates[member, 0]))
        single = run(alone, np.ones(n), gradients[:, member], is_weight=is_weight)
        np.testing.assert_allclose(pack[member], single, rtol=1e-14)


def test_members_shrink_by_decays_of_their_own():
    gradients, decays = GRADIENTS.astype("float32"), np.array([[0.0123], [0.5]])
    pack = run(AdamW(), np.ones((2, 5), "float32"), gradients[:, None], decay=decays)
    for member, decay in enumerate([0.0123, 0.5]):
        alone = run(AdamW(weight_decay=decay), np.ones(5, "float32"), gradients)
        np.testing.assert_array_equal(pack[member], alone)


def test_a_rule_that_wraps_another_leaves_it_its_own_decay():
    class Wrapped:
        learning_rate, n_slots = 0.1, 2

        def step(self, block, time):
            AdamW(weight_decay=0.5).step(block, time)

    np.testing.assert_allclose(run(Wrapped(), np.ones(4), [np.zeros(4)]), 0.95)


def test_memory_of_dead_units_does_not_become_denormal():
    theta, gradient = np.zeros(3, "float32"), np.ones(3, "float32")
    updater = Updater(Adam(), theta, gradient)
    updater.update()
    gradient[...] = 0.0
    for _ in range(2000):
        updater.update()
    assert not updater.slots[0].any()


def test_small_squares_in_float64_are_not_forgotten():
    theta, gradient = np.zeros(1), np.full(1, 1e-20)
    updater = Updater(Adagrad(), theta, gradient)
    for _ in range(256):
        updater.update()
    np.testing.assert_allclose(updater.slots[0], 256e-40)


def test_named_optimizers_take_the_learning_rate_and_objects_keep_theirs():
    assert named_optimizer("adam", 0.5) == Adam(learning_rate=0.5)
    assert named_optimizer(Adam(learning_rate=0.1), 0.5) == Adam(learning_rate=0.1)
    with pytest.raises(ConfigError, match="did you mean 'adam'"):
        named_optimizer("adm")


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: SGD(learning_rate=0.0), "learning_rate"),
        (lambda: SGD(momentum=-1.0), "momentum=-1"),
        (lambda: SGD(nesterov=True), "nesterov=True"),
        (lambda: Adagrad(epsilon=0.0), "epsilon"),
        (lambda: RMSProp(decay=1.0), "decay"),
        (lambda: Adam(beta1=1.5), "beta1"),
        (lambda: Adam(beta2=1.0), "beta2"),
        (lambda: AdamW(weight_decay=-1.0), "weight_decay"),
        (lambda: AdamW(beta1=1.0), "beta1"),
    ],
)
def test_impossible_settings_are_refused(make, setting):
    with pytest.raises(ConfigError, match=setting):
        make()


@pytest.mark.parametrize("optimizer", [Adam, object(), None], ids=["a class", "no methods", "None"])
def test_what_is_no_optimizer_is_refused(optimizer):
    with pytest.raises(ConfigError, match="optimizer"):
        named_optimizer(optimizer)
