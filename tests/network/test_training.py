import pickle

import numpy as np
import pytest

from finnet.errors import ConfigError, TrainingError
from finnet.network.activations import ReLU
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback
from finnet.network.losses import MeanSquaredError, SigmoidCrossEntropy, mean_loss
from finnet.network.model import dense_network
from finnet.network.optimizers import SGD, Adam
from finnet.network.regularization import Penalty
from finnet.network.schedules import Constant
from finnet.network.stopping import EarlyStopping
from finnet.network.training import Trainer, Training, train

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 3)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")
TRAIN, HELD = Examples(X[:80], Y[:80]), Examples(X[80:], Y[80:])


def fresh(widths=(3, 16, 1), **options):
    network = dense_network(widths, activation=ReLU(), **options)
    network.initialize([np.random.default_rng(1)])
    return network


def trained(network, *, loss=None, seed=2, examples=TRAIN, validation=None, callbacks=(), **settings):
    settings = Training(**{"epochs": 30, "batch_size": 16, "optimizer": Adam(learning_rate=0.01), **settings})
    return train(
        network, loss or SigmoidCrossEntropy(), examples, rng=np.random.default_rng(seed), validation=validation,
        settings=settings, callbacks=callbacks,
    )  # fmt: skip


class Recorder(Callback):
    def __init__(self, *, last=None):
        self.moments, self.last = [], last

    def on_start(self, network, *, epochs):
        self.moments.append(f"start of {epochs}")

    def on_epoch_end(self, network, history):
        self.moments.append(len(history))
        if self.last == "interrupt":
            raise KeyboardInterrupt
        return len(history) == self.last

    def on_end(self, network, history):
        self.moments.append(f"end at {history.best_epoch}")


def test_training_lowers_the_loss():
    history = trained(fresh())
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]


def test_noted_loss_of_one_full_batch_is_the_loss_before_its_step():
    network = fresh()
    before = mean_loss(SigmoidCrossEntropy(), network.infer(X[:80]), Y[:80])
    assert trained(network, epochs=1, batch_size=80).train_loss == pytest.approx([float(before)], rel=1e-6)


def test_full_batch_descent_equals_the_formula():
    network = fresh((3, 1), dtype="float64")
    data = Examples(X.astype(float), X[:, :1].astype(float))
    W, b = network.layers[0].W.copy(), network.layers[0].b.copy()
    trained(network, loss=MeanSquaredError(), examples=data, epochs=1, batch_size=120, optimizer=SGD(learning_rate=0.1))
    E = data.X @ W + b - data.Y
    np.testing.assert_allclose(network.layers[0].W, W - 0.1 * 2 * data.X.T @ E / 120)
    np.testing.assert_allclose(network.layers[0].b, b - 0.1 * 2 * E.mean(axis=0))


def test_early_stopping_restores_the_best_weights():
    network, stopping = fresh(), EarlyStopping(patience=5)
    history = trained(network, validation=HELD, epochs=200, optimizer=Adam(learning_rate=0.05), early_stopping=stopping)
    now = mean_loss(SigmoidCrossEntropy(), network.infer(HELD.X), HELD.Y)
    assert len(history) == history.best_epoch + 5
    assert min(history.validation_loss) == pytest.approx(float(now), rel=1e-6)


def test_early_stopping_without_validation_rows_is_refused():
    with pytest.raises(ConfigError, match="validation"):
        trained(fresh(), early_stopping=EarlyStopping())


def test_same_seed_gives_the_same_bits_and_another_does_not():
    networks = [fresh(dropout=(0.2,)) for _ in range(3)]
    for network, seed in zip(networks, (5, 5, 6), strict=True):
        trained(network, seed=seed, epochs=3)
    np.testing.assert_array_equal(networks[0].values, networks[1].values)
    assert not np.array_equal(networks[0].values, networks[2].values)


def test_divergence_is_an_error_with_advice():
    with pytest.raises(TrainingError, match="lower the learning rate"):
        trained(fresh(), loss=MeanSquaredError(), optimizer=SGD(learning_rate=1e9))


@pytest.mark.parametrize(("rate", "held"), [(3e38, None), (1e30, HELD)], ids=["weights", "validation"])
def test_divergence_after_the_last_step_of_an_epoch_is_that_epochs(rate, held):
    with pytest.raises(TrainingError, match="diverged in epoch 1:"):
        trained(fresh(), loss=MeanSquaredError(), validation=held, epochs=1, batch_size=80, optimizer=SGD(rate))


def test_an_interrupt_keeps_the_best_weights_so_far():
    network, calls = fresh(), iter(range(100))

    class Interrupting(SigmoidCrossEntropy):
        def gradient(self, P, Y):
            if next(calls) == 12:
                raise KeyboardInterrupt
            return super().gradient(P, Y)

    history = trained(network, loss=Interrupting(), validation=HELD, early_stopping=EarlyStopping())
    assert history.was_interrupted
    assert len(history) == 2
    assert np.isfinite(network.values).all()


def interrupted_after(epochs, network, **options):
    """Train 5 steps an epoch, where the user interrupts in the second step after so many epochs."""
    calls = iter(range(1000))

    class Interrupting(SigmoidCrossEntropy):
        def gradient(self, P, Y):
            if next(calls) == 5 * epochs + 1:
                raise KeyboardInterrupt
            return super().gradient(P, Y)

    return trained(network, loss=Interrupting(), **options)


@pytest.mark.parametrize("validation", [None, HELD])
def test_an_interrupt_before_there_is_anything_to_keep_is_passed_on(validation):
    with pytest.raises(KeyboardInterrupt):
        interrupted_after(0, fresh(), validation=validation)


def test_an_interrupt_goes_back_to_the_best_weights_known_without_early_stopping_too():
    network, stopped = fresh(), fresh()
    fast = {"validation": HELD, "optimizer": Adam(learning_rate=0.5)}
    history = interrupted_after(12, network, **fast)
    assert history.best_epoch == 1 + np.argmin(history.validation_loss) < 12
    trained(stopped, **fast, epochs=history.best_epoch)
    np.testing.assert_array_equal(network.values, stopped.values)


def test_without_early_stopping_a_whole_training_keeps_its_last_weights():
    history = trained(fresh(), validation=HELD, optimizer=Adam(learning_rate=0.5), epochs=12)
    assert np.argmin(history.validation_loss) + 1 < history.best_epoch == 12


def test_penalty_shrinks_weights():
    loose, tight = fresh(), fresh()
    trained(loose)
    trained(tight, penalty=Penalty(l2=0.1))
    assert np.abs(tight.values).sum() < 0.5 * np.abs(loose.values).sum()


def test_callbacks_see_the_start_every_epoch_and_the_end():
    recorder = Recorder()
    trained(fresh(), epochs=3, callbacks=[recorder])
    assert recorder.moments == ["start of 3", 1, 2, 3, "end at 3"]


def test_a_callback_ends_training():
    recorders = Recorder(last=2), Recorder()
    assert len(trained(fresh(), callbacks=recorders)) == 2
    assert recorders[0].moments == recorders[1].moments


def test_callbacks_without_all_moments_are_refused():
    class OnlyEpochs:
        def on_epoch_end(self, network, history):
            return True

    with pytest.raises(ConfigError, match=r"has no on_start\(\); give an object such as ProgressBar\(\)"):
        trained(fresh(), callbacks=[OnlyEpochs()])
    with pytest.raises(ConfigError, match="is not a sequence"):
        trained(fresh(), callbacks=Recorder())


def test_callbacks_see_the_end_after_an_interrupt():
    recorder = Recorder(last="interrupt")
    assert trained(fresh(), callbacks=[recorder]).was_interrupted
    assert recorder.moments[-1] == "end at 1"


def test_callbacks_see_the_end_after_an_error():
    recorder = Recorder()
    with pytest.raises(TrainingError):
        trained(fresh(), loss=MeanSquaredError(), optimizer=SGD(learning_rate=1e9), callbacks=[recorder])
    assert recorder.moments[-1] == "end at 0"


def test_an_interrupt_while_validating_leaves_columns_of_one_length():
    class Interrupting(SigmoidCrossEntropy):
        def value(self, P, Y):
            if len(P) == len(HELD) and next(calls) == 2:
                raise KeyboardInterrupt
            return super().value(P, Y)

    calls = iter(range(100))
    history = trained(fresh(), loss=Interrupting(), validation=HELD)
    assert len(history.train_loss) == len(history.validation_loss) == 2
    assert {state.epoch for state in history.layer_states} == {1, 2}


def test_an_interrupt_when_all_epochs_are_done_keeps_them(monkeypatch):
    finish, calls = Trainer.finish, iter(range(9))

    def interrupted(self):
        if next(calls) == 0:
            raise KeyboardInterrupt
        return finish(self)

    monkeypatch.setattr(Trainer, "finish", interrupted)
    history = trained(fresh(), epochs=3)
    assert (len(history), history.best_epoch, history.was_interrupted) == (3, 3, True)


class Failing(Recorder):
    def __init__(self, moment):
        super().__init__()
        self.moment = moment

    def on_start(self, network, *, epochs):
        super().on_start(network, epochs=epochs)
        if self.moment == "start":
            raise RuntimeError

    def on_end(self, network, history):
        super().on_end(network, history)
        raise RuntimeError


@pytest.mark.parametrize("moment", ["start", "end"])
def test_callbacks_that_started_see_the_end_where_others_fail(moment):
    recorders = Recorder(), Recorder()
    with pytest.raises(RuntimeError):
        trained(fresh(), epochs=1, callbacks=[recorders[0], Failing(moment), recorders[1]])
    ended = [any("end" in str(seen) for seen in recorder.moments) for recorder in recorders]
    assert ended == [True, moment == "end"]


class Counting(Constant):
    """How many epochs a schedule is told to be done, and then nothing."""

    def __init__(self):
        object.__setattr__(self, "done", [])

    def factor(self, losses, epochs):
        self.done.append(len(losses))
        return 1.0


@pytest.mark.parametrize("stopping", [None, EarlyStopping()])
def test_a_schedule_counts_calls_in_a_stream_that_are_done(stopping):
    schedule = Counting()
    trainer = Trainer(fresh(), SigmoidCrossEntropy(), Training(schedule=schedule, early_stopping=stopping))
    for _ in range(3):
        trainer.learn(TRAIN, rng=np.random.default_rng(0))
    assert schedule.done == [0, 1, 2]


@pytest.mark.parametrize("step", [5, 8])
def test_an_interrupted_call_in_a_stream_leaves_the_trainer_as_it_was(step):
    calls = iter(range(99))

    class Interrupting(SigmoidCrossEntropy):
        def gradient(self, P, Y):
            if next(calls) == step:
                raise KeyboardInterrupt
            return super().gradient(P, Y)

    settings = Training(batch_size=16, early_stopping=EarlyStopping())
    trainer, other = (Trainer(fresh(), loss, settings) for loss in (Interrupting(), SigmoidCrossEntropy()))
    trainer.learn(TRAIN, rng=np.random.default_rng(0))
    with pytest.raises(KeyboardInterrupt):
        trainer.learn(TRAIN, rng=np.random.default_rng(1))
    trainer.learn(TRAIN, rng=np.random.default_rng(2))
    for seed in (0, 2):
        other.learn(TRAIN, rng=np.random.default_rng(seed))
    assert repr(trainer.history) == repr(other.history)  # unknown losses are NaN, which equals nothing
    np.testing.assert_array_equal(trainer.network.values, other.network.values)


def test_a_clipping_without_all_that_training_asks_is_refused():
    class Own:
        def clip(self, gradients):
            return np.array(False)

    with pytest.raises(ConfigError, match=r"is no Clipping; use Clipping\(norm=1.0\), or an object of a subclass"):
        Training(clipping=Own())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "adam"}, r"optimizer='adam' has no step\(\); give an object such as Adam\(\)"),
        ({"schedule": None}, r"schedule=None has no factor\(\); give an object such as Cosine\(\)"),
        ({"penalty": 0.1}, r"penalty=0.1 is no Penalty; use Penalty\(l2=1e-4\)"),
        ({"early_stopping": True}, r"early_stopping=True is no EarlyStopping; use EarlyStopping\(\)"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else None,
)
def test_settings_of_another_kind_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        Training(**settings)


def test_a_stored_trainer_goes_on_where_it_was():
    whole = Trainer(fresh(dropout=(0.2,)), SigmoidCrossEntropy(), Training(optimizer=Adam(learning_rate=0.01)))
    rng = np.random.default_rng(0)
    whole.learn(TRAIN, rng=rng)
    stored, stored_rng = pickle.loads(pickle.dumps((whole, rng)))
    whole.learn(TRAIN, rng=rng)
    stored.learn(TRAIN, rng=stored_rng)
    np.testing.assert_array_equal(stored.network.values, whole.network.values)


def of_epochs(n_epochs, **settings):
    network = fresh()
    trained(network, epochs=n_epochs, batch_size=len(TRAIN), optimizer=SGD(0.1), **settings)
    return network.values.astype(float)


def test_the_average_of_the_weights_of_all_epochs_is_kept():
    first, second, third = map(of_epochs, (1, 2, 3))
    by_hand = 0.25 * first + 0.25 * second + 0.5 * third
    np.testing.assert_allclose(of_epochs(3, averaging=0.5), by_hand, rtol=1e-5, atol=1e-6)


def test_averaged_weights_are_those_that_are_judged():
    averaged = fresh()
    settings = Training(epochs=12, averaging=0.5, early_stopping=EarlyStopping(patience=2), optimizer=Adam(0.05))
    rng, loss = np.random.default_rng(2), SigmoidCrossEntropy()
    history = train(averaged, loss, TRAIN, rng=rng, validation=HELD, settings=settings)
    assert mean_loss(loss, averaged.infer(HELD.X), HELD.Y) == pytest.approx(min(history.validation_loss))


class Reversed(SigmoidCrossEntropy):
    def value(self, Z, Y):
        return -super().value(Z, Y)


def test_a_judge_of_its_own_decides_when_to_stop():
    settings = Training(epochs=30, early_stopping=EarlyStopping(patience=3), optimizer=Adam(0.01))
    rng = np.random.default_rng(2)
    history = train(
        fresh(), SigmoidCrossEntropy(), TRAIN, rng=rng, validation=TRAIN, settings=settings, judge=Reversed()
    )
    assert (history.best_epoch, len(history)) == (1, 4)
