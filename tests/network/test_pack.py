from dataclasses import replace

import numpy as np
import pytest

from finnet.errors import ConfigError, TrainingError
from finnet.network import pack as module
from finnet.network.activations import ReLU, SiLU
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback
from finnet.network.initializers import Xavier
from finnet.network.layers import Activate, Dense
from finnet.network.losses import MeanSquaredError, SigmoidCrossEntropy
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import OPTIMIZERS, SGD, Adam, AdamW, named_optimizer
from finnet.network.pack import _PackRun, train_pack
from finnet.network.regularization import Clipping, Penalty
from finnet.network.schedules import Constant, Cosine
from finnet.network.stopping import BestSoFar, EarlyStopping
from finnet.network.training import Training, train, validation_loss

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 3)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("float32")
DATA, HELD = Examples(X[:64], Y[:64]), Examples(X[64:], Y[64:])
RATES, DROPOUT, L2 = np.array([0.03, 0.01, 0.1]), (0.2, 0.0, 0.4), np.array([[0.0], [0.01], [0.001]], dtype="float32")
UNEVEN_RATES = [0.0123, 0.0045, 0.0678]  # no numbers of float32
DECAYS, PATIENCES = np.array([0.0123, 0.0, 5.0]), np.array([2, 1, 6])
OPTIONS = {"epochs": 25, "batch_size": 15, "clipping": Clipping(norm=1.0)}
STOPPING = EarlyStopping(patience=3)


def generators(members):
    return [np.random.default_rng(member) for member in members]


def trained_pack(
    members=(0, 1, 2), *, rows=None, stopping=STOPPING, rates=RATES, decays=None, patiences=None,
    normalization="layer", loss=None, callbacks=(), **options,
):  # fmt: skip
    members = np.array(members)
    network = dense_network(
        (3, 8, 8, 1), activation=ReLU(), dropout=[DROPOUT[k] for k in members], normalization=normalization,
        residual=True, members=len(members),
    )  # fmt: skip
    rngs = generators(members)
    network.initialize(rngs)
    settings = Training(**OPTIONS, **options, penalty=Penalty(l2=L2[members]), early_stopping=stopping)
    history = train_pack(
        network, loss or SigmoidCrossEntropy(), replace(DATA, rows=rows), rngs=rngs, validation=HELD,
        settings=settings, rates=rates[members], decays=decays, patiences=patiences, callbacks=callbacks,
    )  # fmt: skip
    return network, history


def trained_alone(member, *, optimizer="adam", stopping=STOPPING, normalization="layer", **options):
    network = dense_network(
        (3, 8, 8, 1), activation=ReLU(), dropout=(DROPOUT[member],), normalization=normalization, residual=True
    )
    (rng,) = generators([member])
    network.initialize([rng])
    settings = Training(
        **OPTIONS, **options, penalty=Penalty(l2=float(L2[member, 0])), early_stopping=stopping,
        optimizer=named_optimizer(optimizer, UNEVEN_RATES[member]),
    )  # fmt: skip
    return network, train(network, SigmoidCrossEntropy(), DATA, rng=rng, validation=HELD, settings=settings)


@pytest.mark.parametrize("schedule", [Constant(), Cosine(floor=0.1)], ids=repr)
@pytest.mark.parametrize("normalization", ["layer", "batch", None])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_member_ends_as_it_would_alone(optimizer, normalization, schedule):
    options = {"normalization": normalization, "schedule": schedule}
    pack, history = trained_pack(rates=np.array(UNEVEN_RATES), optimizer=OPTIMIZERS[optimizer], **options)
    for member in range(3):
        alone, alone_history = trained_alone(member, optimizer=optimizer, **options)
        np.testing.assert_array_equal(pack.values[member], alone.values)
        assert history.best_epoch[member] == alone_history.best_epoch
        losses = history.validation_loss[:, member]
        np.testing.assert_array_equal(losses[np.isfinite(losses)], alone_history.validation_loss)


@pytest.mark.parametrize("schedule", [Constant(), Cosine(floor=0.1)], ids=repr)
def test_a_member_with_its_own_decay_ends_as_it_would_alone(schedule):
    pack, _ = trained_pack(rates=np.array(UNEVEN_RATES), decays=DECAYS, optimizer=AdamW(), schedule=schedule)
    for member, decay in enumerate(DECAYS.tolist()):
        optimizer = AdamW(learning_rate=UNEVEN_RATES[member], weight_decay=decay)
        alone, _ = trained_alone(member, optimizer=optimizer, schedule=schedule)
        np.testing.assert_array_equal(pack.values[member], alone.values)


def test_a_member_with_its_own_patience_ends_as_it_would_alone():
    pack, history = trained_pack(rates=np.array(UNEVEN_RATES), patiences=PATIENCES)
    for member, patience in enumerate(PATIENCES.tolist()):
        alone, alone_history = trained_alone(member, stopping=EarlyStopping(patience=patience))
        np.testing.assert_array_equal(pack.values[member], alone.values)
        assert np.isfinite(history.train_loss[:, member]).sum() == len(alone_history)


@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW])
def test_a_member_with_numbers_of_float32_ends_as_it_would_alone(optimizer):
    rates, decays = np.array(UNEVEN_RATES, "float32"), DECAYS.astype("float32") if optimizer is AdamW else None
    schedule = Cosine(floor=0.1)
    pack, _ = trained_pack(rates=rates, decays=decays, optimizer=optimizer(), schedule=schedule)
    for member, rate in enumerate(rates):
        own = {"learning_rate": rate} if decays is None else {"learning_rate": rate, "weight_decay": decays[member]}
        alone, _ = trained_alone(member, optimizer=optimizer(**own), schedule=schedule)
        np.testing.assert_array_equal(pack.values[member], alone.values)


def test_members_that_leave_take_their_decay_with_them():
    # Member 1 leaves first and member 0 next, so that what they leave behind would fall to the others.
    pack, history = trained_pack(decays=DECAYS, patiences=np.array([4, 1, 25]), optimizer=AdamW())
    left_after = np.isfinite(history.train_loss).sum(axis=0)
    assert left_after[1] < left_after[0] < left_after[2]
    optimizer = AdamW(learning_rate=RATES[2], weight_decay=DECAYS[2])
    alone, _ = trained_alone(2, optimizer=optimizer, stopping=EarlyStopping(patience=25))
    np.testing.assert_array_equal(pack.values[2], alone.values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"decays": DECAYS, "optimizer": Adam()}, r"decays=.* and Adam has none; use AdamW\(\)"),
        ({"decays": np.array([0.1, 0.1, -0.1]), "optimizer": AdamW()}, "decays=-0.1 is not a number of 0 or more"),
        ({"patiences": PATIENCES, "stopping": None}, r"patiences=\[2 1 6\] need early stopping; use early_stopping"),
        ({"patiences": np.array([1, 0, 1])}, "patiences=0 is not a whole number of 1 or more"),
        ({"patiences": np.array([1.0, 2.0, 3.0])}, "patiences=1.0 is not a whole number"),
    ],
    ids=["no decay", "decay below 0", "no stopping", "no patience", "no whole number"],
)
def test_decays_and_patiences_that_cannot_be_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        trained_pack(**options)


def test_members_do_not_change_when_their_company_does():
    whole, part = trained_pack(), trained_pack(members=(0, 2))
    np.testing.assert_array_equal(whole[0].values[[0, 2]], part[0].values)


def test_stopped_members_leave_and_the_others_go_on():
    _, history = trained_pack()
    epochs = np.isfinite(history.train_loss).sum(axis=0)
    np.testing.assert_array_equal(epochs, np.minimum(history.best_epoch + 3, 25))
    assert len(set(epochs)) > 1


def test_members_learn_from_their_own_rows():
    rows = np.stack([np.arange(32), np.arange(32, 64), np.arange(32)])
    pack, _ = trained_pack(rows=rows, stopping=None)
    other, _ = trained_pack(rows=np.stack([rows[0], rows[0], rows[0]]), stopping=None)
    np.testing.assert_array_equal(pack.values[[0, 2]], other.values[[0, 2]])
    assert not np.array_equal(pack.values[1], other.values[1])


def test_a_diverging_member_leaves_and_is_marked():
    pack, history = trained_pack(rates=np.array([1e-2, 1e38, 1e-2]), stopping=None, normalization=None)
    assert history.best_epoch.tolist() == [25, 0, 25]
    assert np.isfinite(pack.values[[0, 2]]).all()


def test_a_pack_in_which_all_diverge_is_an_error():
    with pytest.raises(TrainingError, match="every member"):
        trained_pack(rates=np.full(3, 1e38), stopping=None, normalization=None)


@pytest.mark.parametrize(("held", "stopping"), [(None, None), (HELD, None), (HELD, STOPPING)])
def test_a_member_whose_loss_is_not_finite_is_marked_though_its_weights_are(held, stopping):
    pack, rngs = dense_network((3, 8, 1), members=2), generators([0, 1])
    pack.initialize(rngs)
    far = replace(DATA, Y=3e19 * Y[:64], rows=np.array([np.flatnonzero(Y[:64] == 0)[:20], np.arange(20)]))
    settings = Training(epochs=3, early_stopping=stopping)
    history = train_pack(pack, MeanSquaredError(), far, rngs=rngs, validation=held, settings=settings)
    assert np.isfinite(history.train_loss[0]).tolist() == [True, False]
    assert history.best_epoch.tolist() == [3, 0]


class Interrupting(SigmoidCrossEntropy):
    """The user interrupts in the given batch (5 make an epoch) or after the given validation pass."""

    def __init__(self, *, batch=-1, validation=-1):
        self.batches, self.validations = iter(range(1000)), iter(range(1000))
        self.batch, self.validation = batch, validation

    def gradient(self, P, Y):
        if next(self.batches) == self.batch:
            raise KeyboardInterrupt
        return super().gradient(P, Y)

    def value(self, P, Y):
        if P.shape[-2] == len(HELD) and next(self.validations) == self.validation:
            raise KeyboardInterrupt
        return super().value(P, Y)


@pytest.mark.parametrize("stopping", [STOPPING, None])
@pytest.mark.parametrize("moment", [{"batch": 12}, {"validation": 2}])
def test_an_interrupt_keeps_the_best_weights_so_far(stopping, moment):
    pack, history = trained_pack(stopping=stopping, loss=Interrupting(**moment))
    assert history.was_interrupted
    assert len(history.train_loss) == len(history.validation_loss) == 2
    assert {state.epoch for states in history.layer_states for state in states} == {1, 2}
    assert (history.best_epoch > 0).all()
    assert np.isfinite(pack.values).all()


def test_an_interrupt_goes_back_to_the_best_weights_known_without_early_stopping_too():
    fast = {"stopping": None, "rates": np.array([0.5, 1.0, 0.01])}
    pack, history = trained_pack(**fast, loss=Interrupting(batch=12 * 5 + 2))
    np.testing.assert_array_equal(history.best_epoch, 1 + history.validation_loss.argmin(axis=0))
    assert (history.best_epoch[:2] < 12).all()
    loss = validation_loss(pack, SigmoidCrossEntropy(), HELD)
    np.testing.assert_allclose(loss, history.validation_loss.min(axis=0), rtol=1e-4)


@pytest.mark.parametrize("where", [(Network, "keep"), (BestSoFar, "of"), (_PackRun, "finish")], ids=str)
def test_an_interrupt_while_members_leave_keeps_what_was_done(monkeypatch, where):
    whole, history = trained_pack()
    first, method, calls = min(history.best_epoch) + 3, getattr(*where), iter(range(99))

    def interrupted(*args):
        if next(calls) == 0:
            raise KeyboardInterrupt
        return method(*args)

    monkeypatch.setattr(*where, interrupted)
    pack, cut = trained_pack()
    assert cut.was_interrupted
    assert len(cut.train_loss) == (first if where[1] != "finish" else len(history.train_loss))
    same = cut.best_epoch == history.best_epoch
    assert same.any()
    np.testing.assert_array_equal(pack.values[same], whole.values[same])


class Watching(Callback):
    def on_epoch_end(self, network, history):
        self.losses = [*history.train_loss]

    def on_end(self, network, history):
        self.history = history


def test_callbacks_of_a_pack_see_a_whole_history_at_its_end():
    watching = Watching()
    _, history = trained_pack(callbacks=[watching], loss=Interrupting(batch=12))
    seen = watching.history
    assert (len(seen), seen.best_epoch, seen.was_interrupted) == (2, history.best_epoch.max(), True)
    assert [(state.epoch, state.layer) for state in seen.layer_states] == [(e, i) for e in (1, 2) for i in (1, 2, 3)]


def test_an_interrupt_while_means_are_noted_leaves_columns_of_one_length(monkeypatch):
    calls = iter(range(999))

    def interrupted(losses):
        if next(calls) == 5:  # the training loss of the third epoch, whose validation loss is noted
            raise KeyboardInterrupt
        return float(losses.mean())

    monkeypatch.setattr(module, "_finite_mean", interrupted)
    watching = Watching()
    _, history = trained_pack(callbacks=[watching])
    assert len(history.train_loss) == 3
    assert len(watching.history.train_loss) == len(watching.history.validation_loss) == 2


def test_rates_decays_and_patiences_may_be_lists():
    own = {"rates": RATES, "decays": DECAYS, "patiences": PATIENCES}
    packs = []
    for given in (own, {name: values.tolist() for name, values in own.items()}):
        pack, rngs = dense_network((3, 8, 1), members=3), generators([0, 1, 2])
        pack.initialize(rngs)
        settings = Training(epochs=9, optimizer=AdamW(), early_stopping=STOPPING)
        train_pack(pack, SigmoidCrossEntropy(), DATA, rngs=rngs, validation=HELD, settings=settings, **given)
        packs.append(pack.values)
    np.testing.assert_array_equal(*packs)


def test_means_that_callbacks_see_are_those_of_members_that_have_not_diverged():
    watching = Watching()
    rates = np.array([1e-2, 1e38, 1e-2])
    _, history = trained_pack(rates=rates, stopping=None, normalization=None, callbacks=[watching])
    assert np.isfinite(watching.losses).all()
    np.testing.assert_allclose(watching.losses[-1], history.train_loss[-1, [0, 2]].mean())


def test_an_interrupt_before_there_is_anything_to_keep_is_passed_on():
    with pytest.raises(KeyboardInterrupt):
        trained_pack(loss=Interrupting(batch=2))


def test_a_member_that_weighs_rows_of_its_own_ends_as_it_would_alone():
    rows, data = np.array([[*range(0, 40)], [*range(24, 64)]]), replace(DATA, weights=np.exp(X[:64, 2:]))
    pack, rngs = dense_network((3, 8, 1), activation=ReLU(), members=2), generators([0, 1])
    pack.initialize(rngs)
    train_pack(pack, SigmoidCrossEntropy(), data.among(rows), rngs=rngs, settings=Training(epochs=3, batch_size=15))
    for member, rng in enumerate(generators([0, 1])):
        alone = dense_network((3, 8, 1), activation=ReLU())
        alone.initialize([rng])
        own = data.among(rows[member])
        train(alone, SigmoidCrossEntropy(), own, rng=rng, settings=Training(epochs=3, batch_size=15))
        np.testing.assert_array_equal(pack.values[member], alone.values)


@pytest.mark.parametrize(
    ("hidden", "n_outputs", "batch_size"),
    [(1, 3, 15), (8, 3, 16), (35, 40, 15)],
    ids=["one unit", "one row in the last batch", "many outputs"],
)
def test_a_member_of_any_width_ends_as_it_would_alone(hidden, n_outputs, batch_size):
    data, settings = Examples(X[:65], np.tile(Y[:65], n_outputs)), Training(epochs=20, batch_size=batch_size)
    pack, rngs = dense_network((3, hidden, n_outputs), activation=SiLU(), members=2), generators([0, 1])
    pack.initialize(rngs)
    train_pack(pack, SigmoidCrossEntropy(), data, rngs=rngs, settings=settings)
    for member, rng in enumerate(generators([0, 1])):
        alone = dense_network((3, hidden, n_outputs), activation=SiLU())
        alone.initialize([rng])
        train(alone, SigmoidCrossEntropy(), data, rng=rng, settings=settings)
        np.testing.assert_array_equal(pack.values[member], alone.values)


def layers_of(*dropout):
    widths = [Dense(n_in, n_out, initializer=Xavier()) for n_in, n_out in ((3, 8), (8, 1))]
    return [widths[0], Activate(8, ReLU(), *dropout), widths[1]]


@pytest.mark.parametrize("dropout", [(), ((0.2,),)], ids=["default", "one"])
def test_one_rate_of_dropout_holds_for_all_members_that_come_and_go(dropout):
    pack, rngs = Network(layers_of(*dropout), members=3), generators([0, 1, 2])
    pack.initialize(rngs)
    settings = Training(epochs=9, batch_size=16, early_stopping=EarlyStopping(patience=1), optimizer=Adam(0.1))
    history = train_pack(pack, SigmoidCrossEntropy(), DATA, rngs=rngs, validation=HELD, settings=settings)
    assert len(set(history.best_epoch)) > 1
    for member, rng in enumerate(generators([0, 1, 2])):
        alone = Network(layers_of(*dropout))
        alone.initialize([rng])
        train(alone, SigmoidCrossEntropy(), DATA, rng=rng, validation=HELD, settings=settings)
        np.testing.assert_array_equal(pack.values[member], alone.values)


def test_rates_of_dropout_that_do_not_fit_the_members_are_refused():
    with pytest.raises(ConfigError, match=r"Activate\(.*dropout=\(0.1, 0.2\)\) does not fit 3 networks"):
        Network(layers_of((0.1, 0.2)), members=3)


def test_weights_averaged_over_epochs_are_for_single_networks():
    with pytest.raises(ConfigError, match=r"averaging=0\.5 is for single networks"):
        trained_pack(averaging=0.5)
