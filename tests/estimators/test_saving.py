"""A loaded model forecasts the same bits, and no other file loads, however it was made."""

import io
import json
import math
import zipfile
from copy import deepcopy
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from finnet.data.samples import made_loan_book, made_market
from finnet.errors import ConfigError, DataError, NotSavedError
from finnet.estimators.archive import Archive, pack, unpack
from finnet.estimators.baselines import logistic_regression
from finnet.estimators.calibrators import CalibratedClassifier, IsotonicCalibrator
from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.naive import AlwaysUp, BestColumn, Persistence, PriorRate
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.progress import ProgressBar
from finnet.estimators.saving import SCHEMA, load_model, model_from_bytes, model_to_bytes, save_model
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.tuning import TunedClassifier
from finnet.features.binning import NumberBins
from finnet.features.encoding import TableEncoder
from finnet.fitting import InnerFolds
from finnet.labels import Direction, build_dataset
from finnet.network import SGD, AdamW, Clipping, EarlyStopping
from finnet.network.activations import LeakyReLU, Tanh
from finnet.network.initializers import Orthogonal
from finnet.network.losses import FocalLoss, MeanSquaredError, QuantileLoss
from finnet.network.schedules import Cosine, WarmUp

BOOK = made_loan_book(loans=600)
LOANS, DEFAULT = BOOK.features.assign(region=np.arange(600) % 151).astype({"region": str}), BOOK.default
NETWORK = NetworkClassifier((5, 5), epochs=2, random_state=0, normalization="batch", residual=True)
ENSEMBLE = NetworkEnsembleClassifier(6, hidden=(5, 4), epochs=4, random_state=0)
SHARED = clone(NETWORK).set_params(batch_ensemble=3)
DEEP = NetworkEnsembleClassifier(6, hidden=(5, 5, 5), depth=(1, 3), selection="all", epochs=4, random_state=0)


def pipeline(classifier, numeric="quantile", min_frequency=0.01):
    tuned = TunedClassifier(classifier, space={}, trials=1)
    return CalibratedClassifier(EncodedClassifier(TableEncoder(numeric, min_frequency=min_frequency), tuned))


def fitted(model):
    if not isinstance(model, CalibratedClassifier):
        return model.fit(LOANS[:400], DEFAULT[:400])
    parts = np.array_split(np.arange(400), 2)
    folds = InnerFolds(fit=parts[::-1], validation=parts, held_out=parts, stretch=np.arange(400))
    return model.fit(LOANS[:400], DEFAULT[:400], folds=folds)


MODELS = {
    "network": pipeline(NETWORK),
    "network, standard scales": pipeline(NETWORK, "standard"),
    "network, every level": pipeline(NETWORK, min_frequency=0.0),
    "network, float64": pipeline(NetworkClassifier((3,), epochs=2, random_state=0, dtype="float64", activation="tanh")),
    "networks that share weights": pipeline(SHARED),
    "ensemble": pipeline(ENSEMBLE),
    "ensemble of three depths": pipeline(DEEP),
    "ensemble of three depths, chosen": pipeline(clone(DEEP).set_params(selection="greedy")),
    "ensemble of one depth": pipeline(clone(DEEP).set_params(depth=1)),
    "ensemble, float64": pipeline(clone(ENSEMBLE).set_params(dtype="float64", hidden=(), selection="all")),
    "ensemble of one": pipeline(clone(ENSEMBLE).set_params(members=1)),
    "logistic": pipeline(logistic_regression()),
    "prior rate": PriorRate(),
    "always up": AlwaysUp(),
    "best column": BestColumn(),
    "scorecard": ScorecardClassifier(),
    "scorecard, bins given": ScorecardClassifier(special_codes=(12.0,), bins={"income": NumberBins((3e4, 5e4))}),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_loaded_model_forecasts_the_same_bits(model, tmp_path):
    model = fitted(model)
    save_model(model, tmp_path / "model.npz")
    loaded = load_model(tmp_path / "model.npz")
    first = np.arange(1200) < 600
    new = LOANS.iloc[np.tile(np.arange(600), 2)].reset_index(drop=True)
    new["region"] = new["region"].mask(first, "never seen")
    new["income"], new["home"] = new["income"].where(first), new["home"].where(first)
    np.testing.assert_array_equal(loaded.predict_proba(new), model.predict_proba(new))
    assert model_to_bytes(loaded) == model_to_bytes(model)


def test_a_loaded_persistence_forecasts_the_same_bits():
    data = build_dataset(made_market(symbols=2, sessions=60), ["return_1"], Direction())
    model = Persistence().fit(data.X, data.y)
    loaded = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(loaded.predict_proba(data.X), model.predict_proba(data.X))


def three_classes():
    X = np.random.default_rng(0).standard_normal((300, 4))
    return X, np.array(["down", "flat", "up"])[np.digitize(X[:, 0], [-0.5, 0.5])]


@pytest.mark.parametrize("selection", ["greedy", "all"])
@pytest.mark.parametrize("ensemble", [ENSEMBLE, DEEP], ids=["one depth", "three depths"])
def test_a_loaded_ensemble_spreads_by_the_same_bits(ensemble, selection):
    X, y = three_classes()
    model = clone(ensemble).set_params(selection=selection).fit(X, y)
    loaded = model_from_bytes(model_to_bytes(model))
    for rows in (X, X.astype(np.float32)):
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
        np.testing.assert_array_equal(loaded.spread(rows), model.spread(rows))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert model.spread(X).max() > 0


def test_a_loaded_ensemble_holds_the_chosen_members_alone():
    model = clone(ENSEMBLE).fit(*three_classes())
    loaded = model_from_bytes(model_to_bytes(model))
    assert 1 < len(loaded.shares_) == loaded.network_.members == (model.members_["share"] > 0).sum()


def test_a_loaded_network_that_shares_weights_forecasts_three_classes_by_the_same_bits():
    X, y = three_classes()
    model = clone(SHARED).fit(X, y)
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.batch_ensemble == 3
    for rows in (X, X.astype(np.float32)):
        np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


def test_a_loaded_ensemble_knows_the_depth_of_every_member():
    model = clone(DEEP).fit(*three_classes())
    description = unpack(model_to_bytes(model)).description["model"]
    assert description["depths"] == model.members_["depth"].tolist()
    assert len(set(description["depths"])) > 1
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.depth == (1, 3)
    assert model_to_bytes(loaded) == model_to_bytes(model)


def test_a_network_that_would_not_be_loaded_again_is_not_saved():
    model = clone(NETWORK).set_params(hidden=()).fit(*three_classes())
    model.set_params(batch_ensemble=10**9)
    with pytest.raises(ConfigError, match=r"batch_ensemble=1000000000 networks of 12 weights cannot be saved"):
        model_to_bytes(model)


CHANGES = [
    {"hidden": (4, 5)}, {"activation": "tanh"}, {"dtype": "float64"}, {"normalization": "layer"},
    {"normalization": None}, {"residual": False},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkEnsembleClassifier])
def test_settings_of_layers_that_were_changed_after_training_are_named(kind, change):
    model = kind(hidden=(5, 5), normalization="batch", residual=True, epochs=1, random_state=0).fit(*three_classes())
    (name,) = change
    with pytest.raises(ConfigError, match=rf"{name}=.* was set after training, .* set it back, or fit again"):
        model_to_bytes(model.set_params(**change))


def test_a_number_of_networks_that_was_changed_after_training_is_named():
    model = clone(SHARED).fit(*three_classes()).set_params(batch_ensemble=4)
    with pytest.raises(ConfigError, match="batch_ensemble=4 was set after training, the fitted network has 3"):
        model_to_bytes(model)


@pytest.mark.parametrize("model", [NETWORK, SHARED, DEEP], ids=["network", "shared", "deep"])
def test_settings_of_training_may_change_before_saving(model):
    model = clone(model).fit(*three_classes()).set_params(epochs=7, loss="mse", l2=0.5)
    assert model_from_bytes(model_to_bytes(model)).epochs == 7


def test_a_model_that_no_file_may_hold_is_refused_before_it_is_written(tmp_path, monkeypatch):
    model = clone(NETWORK).fit(*three_classes())
    monkeypatch.setattr("finnet.estimators.archive.MAX_BYTES", 500)
    with pytest.raises(
        ConfigError, match=r"takes [0-9,]+ bytes .* at most 500 bytes .* use fewer members, units or rows"
    ):
        save_model(model, tmp_path / "model.npz")
    assert not (tmp_path / "model.npz").exists()


def test_quantiles_of_an_array_of_levels_are_saved():
    model = NetworkRegressor((), epochs=1, loss=QuantileLoss(np.array([0.1, 0.9]))).fit(PERIOD, NUMBERS[:, 0])
    assert model_from_bytes(model_to_bytes(model)).loss == QuantileLoss((0.1, 0.9))


def test_models_without_a_form_are_refused_with_those_that_have_one():
    from sklearn.naive_bayes import GaussianNB

    model = EncodedClassifier(TableEncoder(), GaussianNB()).fit(BOOK.features, BOOK.default)
    with pytest.raises(ConfigError, match=r"GaussianNB cannot be saved; .*NetworkClassifier"):
        model_to_bytes(model)


class Cubic(Tanh):
    """An activation of a user's own."""


@pytest.mark.parametrize("model", [NETWORK, ENSEMBLE], ids=["network", "ensemble"])
def test_a_network_with_an_activation_of_its_own_is_refused(model):
    with pytest.raises(ConfigError, match="cannot be saved; name one of"):
        model_to_bytes(fitted(pipeline(clone(model).set_params(activation=Cubic()))))


NUMBERS = np.random.default_rng(1).standard_normal((300, 2))
PERIOD = pd.DataFrame(np.random.default_rng(0).standard_normal((300, 4)), columns=list("abcd"))
REGRESSORS = {
    "network": NetworkRegressor((5, 5), epochs=2, random_state=0, normalization="batch", residual=True),
    "network, float64": NetworkRegressor((3,), epochs=2, random_state=0, dtype="float64", early_stopping=True),
    "networks that share weights": NetworkRegressor((5,), epochs=2, random_state=0, batch_ensemble=3),
    "ensemble": NetworkEnsembleRegressor(6, hidden=(5, 5), depth=(1, 2), epochs=4, random_state=0),
}


@pytest.mark.parametrize("y", [NUMBERS[:, 0], NUMBERS[:, :1], NUMBERS], ids=["flat", "column", "columns"])
@pytest.mark.parametrize("model", REGRESSORS.values(), ids=REGRESSORS)
def test_a_loaded_regressor_forecasts_the_same_bits(model, y):
    model = clone(model).fit(PERIOD, y)
    loaded = model_from_bytes(model_to_bytes(model))
    for rows in (PERIOD, PERIOD.astype(np.float32)):
        assert loaded.predict(rows).shape == y.shape
        np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))
    assert model_to_bytes(loaded) == model_to_bytes(model)


TOLD = {
    "plain": {
        "learning_rate": 0.0123, "l2": 1e-4, "loss": "mse", "epochs": np.int64(3), "batch_size": 50, "random_state": 7,
        "class_weight": {1: 2.0, 0: 1}, "warm_start": True, "hidden": [4], "validation": "last",
    },
    "objects": {
        "activation": LeakyReLU(0.2), "optimizer": AdamW(learning_rate=0.01, weight_decay=0.1), "epochs": 3,
        "schedule": WarmUp(length=2, then=Cosine(floor=0.1)), "clipping": Clipping(norm=math.inf),
        "early_stopping": EarlyStopping(patience=2), "initializer": Orthogonal(gain=0.5), "loss": FocalLoss(gamma=1.5),
    },
}  # fmt: skip


@pytest.mark.parametrize("settings", TOLD.values(), ids=TOLD)
def test_a_loaded_network_is_told_the_same(settings):
    model = NetworkClassifier(**{"random_state": 0, "hidden": (4,)} | settings).fit(PERIOD, NUMBERS[:, 0] > 0)
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.get_params() == model.get_params()
    again, anew = (clone(copy).fit(PERIOD, NUMBERS[:, 0] > 0) for copy in (loaded, model))
    np.testing.assert_array_equal(again.predict_proba(PERIOD), anew.predict_proba(PERIOD))
    online, straight = (copy.partial_fit(PERIOD[:50], NUMBERS[:50, 0] > 0) for copy in (loaded, model))
    np.testing.assert_array_equal(online.predict_proba(PERIOD), straight.predict_proba(PERIOD))


@pytest.mark.parametrize(
    "told",
    [
        {"learning_rate": (0.01, 0.1), "members": 5, "bagging": True, "optimizer": SGD(momentum=0.5), "n_jobs": 1},
        {"optimizer": "adamw", "weight_decay": (0.0, 0.1), "patience": (2, 4)},
        {"optimizer": AdamW(), "weight_decay": 0.1, "patience": 3},
    ],
    ids=["shared", "ranges", "numbers"],
)
def test_a_loaded_ensemble_is_told_the_same(told):
    model = clone(REGRESSORS["ensemble"]).set_params(**told).fit(PERIOD, NUMBERS[:, 0])
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.get_params() == model.get_params()
    again = clone(loaded).fit(PERIOD, NUMBERS[:, 0])
    np.testing.assert_array_equal(again.predict(PERIOD), model.predict(PERIOD))


@pytest.mark.parametrize("model", REGRESSORS.values(), ids=REGRESSORS)
def test_a_loaded_model_knows_the_order_of_its_columns(model):
    loaded = model_from_bytes(model_to_bytes(clone(model).fit(PERIOD, NUMBERS)))
    assert loaded.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="in the same order"):
        loaded.predict(PERIOD[list("dcba")])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_loaded_network_knows_its_losses_and_says_what_it_does_not_know(early_stopping):
    model = NetworkRegressor((4,), epochs=3, early_stopping=early_stopping, random_state=0).fit(PERIOD, NUMBERS)
    loaded = model_from_bytes(model_to_bytes(model))
    pd.testing.assert_frame_equal(loaded.history_, model.history_)
    assert (loaded.n_iter_, loaded.best_epoch_) == (model.n_iter_, model.best_epoch_)
    for name in ("diagnostics_", "advice_"):
        with pytest.raises(NotSavedError, match="diagnostics_ and advice_ are known right after training alone"):
            getattr(loaded, name)
    assert len(loaded.partial_fit(PERIOD, NUMBERS).diagnostics_) > 0


@pytest.mark.parametrize("name", ["members_", "history_", "n_iter_", "diagnostics_", "advice_"])
def test_a_loaded_ensemble_says_that_it_holds_the_chosen_alone(name):
    model = clone(REGRESSORS["ensemble"])
    with pytest.raises(AttributeError, match="call fit first"):
        getattr(model, name)
    loaded = model_from_bytes(model_to_bytes(model.fit(PERIOD, NUMBERS)))
    with pytest.raises(NotSavedError, match="a file holds only the members that were chosen"):
        getattr(loaded, name)
    assert len(loaded.fit(PERIOD, NUMBERS).members_) == 6


class Half:
    """Settings of a user's own: a loss, half of the squared error; a schedule, half of the rate."""

    def value(self, P, Y):
        return MeanSquaredError().value(P, Y) / 2

    def gradient(self, P, Y):
        return (P - Y) / P.shape[-1]

    def factor(self, losses, epochs):
        return 0.5


OWN = {"loss": Half(), "schedule": Half(), "schedule within": WarmUp(then=Half())}


@pytest.mark.parametrize("name", OWN)
def test_a_loaded_network_forecasts_without_objects_of_the_user_and_will_not_train_without(name):
    setting = name.split()[0]
    model = NetworkRegressor((4,), epochs=9, random_state=0).set_params(**{setting: OWN[name]}).fit(PERIOD, NUMBERS)
    loaded = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(loaded.predict(PERIOD), model.predict(PERIOD))
    assert model_to_bytes(loaded) == model_to_bytes(model)
    with pytest.raises((ConfigError, NotSavedError), match="Half"):
        clone(loaded).fit(PERIOD, NUMBERS)
    again = loaded.set_params(**{setting: OWN[name]}).fit(PERIOD, NUMBERS)
    np.testing.assert_array_equal(again.predict(PERIOD), model.predict(PERIOD))


def test_callbacks_and_generators_are_left_out():
    model = NetworkRegressor((4,), epochs=1, callbacks=(ProgressBar(),), random_state=np.random.default_rng(0))
    loaded = model_from_bytes(model_to_bytes(model.fit(PERIOD, NUMBERS)))
    assert (loaded.callbacks, loaded.random_state) == ((), None)


def test_a_setting_that_no_network_takes_is_not_saved():
    model = NetworkRegressor((4,), epochs=1).fit(PERIOD, NUMBERS).set_params(epochs="many")
    with pytest.raises(ConfigError, match="epochs='many' cannot be saved"):
        model_to_bytes(model)


def alone(classifier):
    """The bytes of a pipeline that was fitted once, on all rows."""
    return model_to_bytes(pipeline(classifier).fit(LOANS[:400], DEFAULT[:400]))


WHOLE = alone(NETWORK)
ARCHIVE = unpack(WHOLE)
PACK = unpack(alone(ENSEMBLE))
CROSS = unpack(model_to_bytes(fitted(pipeline(NETWORK))))
N_CHOSEN = len(PACK.arrays[-1])
SHARING = unpack(alone(SHARED))
DEPTHS = unpack(alone(DEEP))
NUMERIC = unpack(model_to_bytes(clone(REGRESSORS["network"]).fit(PERIOD.to_numpy(), NUMBERS)))


def signed(content):
    """The content with the digest that a hostile author can compute as well as we."""
    return content[:-64] + sha256(content[:-64]).hexdigest().encode()


def described(change):
    """The archive with its description changed."""
    description = deepcopy(dict(ARCHIVE.description))
    return pack(Archive(change(description) or description, ARCHIVE.arrays))


def crossed(change):
    """The archive of a cross-fitted network with the list of its fits changed."""
    description = deepcopy(dict(CROSS.description))
    inner = description["model"]["classifier"]
    inner["models"] = change(inner["models"])
    return pack(Archive(description, CROSS.arrays))


def with_columns(fit, columns):
    return {**fit, "encoder": {**fit["encoder"], "columns": columns}}


def packed(number, change):
    """The archive of an ensemble with one of its arrays, counted from the last, changed."""
    arrays = list(PACK.arrays)
    arrays[number] = change(arrays[number])
    return pack(Archive(PACK.description, arrays))


def described_pack(archive=PACK, **parts):
    description = deepcopy(dict(archive.description))
    description["model"]["classifier"]["classifier"].update(parts)
    return pack(Archive(description, archive.arrays))


def told(archive=ARCHIVE, **settings):
    """The archive of a network with some of its settings changed."""
    description = deepcopy(dict(archive.description))
    description["model"]["classifier"]["classifier"]["settings"].update(settings)
    return pack(Archive(description, archive.arrays))


def regressor(**parts):
    return pack(Archive({"schema": SCHEMA, "model": {**NUMERIC.description["model"], **parts}}, NUMERIC.arrays))


def with_own(**settings):
    return described_pack(own={**PACK.description["model"]["classifier"]["classifier"]["own"], **settings})


def with_history(**parts):
    arrays = [*NUMERIC.arrays, np.ones(3), np.ones((2, 2))]
    history = {**NUMERIC.description["model"]["history"], **parts}
    return pack(Archive({"schema": SCHEMA, "model": {**NUMERIC.description["model"], "history": history}}, arrays))


def large_shared():
    """A file of 4 MB that asks for 1000 scaled copies of its weights."""
    units, shared = 1000, 1000
    network = {**SHARING.description["model"]["classifier"]["classifier"]}
    changed = {"hidden": {"tuple": [units]}, "normalization": None, "residual": False, "batch_ensemble": shared}
    network |= {"settings": network["settings"] | changed, "n_features": units, "values": 0}
    network["history"] = {"train_loss": 1, "validation_loss": 2, "best_epoch": 1}
    values = np.zeros(units * units + units + shared * (units + 2 * units + units + 2), np.float32)
    return pack(Archive({"schema": SCHEMA, "model": network}, [values, np.ones(1), np.ones(0)]))


def zipped(*members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.comment = b"0" * 64
        for name, content in members:
            archive.writestr(name, content)
    return signed(buffer.getvalue())


def with_array(header, data=b"\0" * 8, magic=b"\x93NUMPY\x01\x00"):
    member = magic + len(header).to_bytes(2, "little") + header + data
    return zipped(("description.json", json.dumps(ARCHIVE.description)), ("0.npy", member))


def npy(descr="<f8", shape="(1,)", order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


def doubled():
    with pytest.warns(UserWarning, match="Duplicate name"):
        return zipped(("description.json", "{}"), ("description.json", "{}"))


HOSTILE = {
    "empty": lambda: b"",
    "text": lambda: b"date,close\n2020-01-02,10\n",
    "pickle": lambda: b"cos\nsystem\n(S'echo'\ntR.",
    "signed text": lambda: signed(b"x" * 100),
    "signed pickle": lambda: signed(b"cos\nsystem\n(S'echo'\ntR." + b"0" * 64),
    "no member": zipped,
    "no description": lambda: zipped(("0.npy", b"")),
    "description is a list": lambda: zipped(("description.json", "[]")),
    "description is cut": lambda: zipped(("description.json", '{"schema": 2')),
    "description is not text": lambda: zipped(("description.json", b"\xff\xfe\xfd")),
    "description is deep": lambda: zipped(("description.json", "[" * 100_000)),
    "description holds NaN": lambda: zipped(("description.json", '{"schema": NaN}')),
    "description holds a huge number": lambda: zipped(("description.json", '{"schema": ' + "9" * 5000 + "}")),
    "doubled member": doubled,
    "bomb": lambda: zipped(("description.json", b" " * 10_000_000), compression=zipfile.ZIP_DEFLATED),
    "many members": lambda: zipped(*((f"{number}.npy", b"") for number in range(2100))),
    "member above the folder": lambda: zipped(("description.json", "{}"), ("../../up", b"x")),
    "object array": lambda: with_array(npy("|O")),
    "text array": lambda: with_array(npy("<U2")),
    "structured array": lambda: with_array(b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }\n"),
    "big-endian array": lambda: with_array(npy(">f8")),
    "Fortran array": lambda: with_array(npy(order="True")),
    "array larger than its bytes": lambda: with_array(npy(shape="(1000000000000,)")),
    "array of negative size": lambda: with_array(npy(shape="(-1,)")),
    "array with code in its header": lambda: with_array(b"__import__('os').system('true')\n"),
    "array of another version": lambda: with_array(npy(), magic=b"\x93NUMPY\x02\x00"),
    "array of infinity": lambda: with_array(npy(), np.array([np.inf]).tobytes()),
    "array cut": lambda: with_array(npy(), b"\0" * 7),
    "schema 1": lambda: described(lambda d: d.update(schema=1)),
    "schema text": lambda: described(lambda d: d.update(schema="2")),
    "unknown kind": lambda: described(lambda d: d["model"].update(kind="os.system")),
    "kind is a list": lambda: described(lambda d: d["model"].update(kind=[])),
    "itself inside": lambda: described(lambda d: d["model"].update(classifier=d["model"]["classifier"]["encoder"])),
    "no model": lambda: described(lambda d: {"schema": SCHEMA}),
    "huge layers": lambda: told(hidden={"tuple": [10**9]}),
    "layers below zero": lambda: told(hidden={"tuple": [-5]}),
    "unknown activation": lambda: told(activation="eval"),
    "another scaler": lambda: described(lambda d: d["model"]["classifier"]["encoder"].update(numeric="standard")),
    "another width": lambda: described(lambda d: d["model"]["classifier"]["encoder"].update(gaps=[])),
    "shares below zero": lambda: packed(-1, lambda shares: np.r_[shares[0] + 2 * shares[1], -shares[1], shares[2:]]),
    "shares above one": lambda: packed(-1, lambda shares: 2 * shares),
    "shares of fewer members": lambda: packed(-1, lambda shares: np.ones(1)),
    "no share": lambda: packed(-1, lambda shares: shares[:0]),
    "shares in a table": lambda: packed(-1, lambda shares: shares[None]),
    "shares of another type": lambda: packed(-1, lambda shares: shares.astype(np.float32)),
    "weights of one network": lambda: packed(-2, lambda values: values[0]),
    "weights of fewer networks": lambda: packed(-2, lambda values: values[1:]),
    "weights of another type": lambda: packed(-2, lambda values: values.astype(np.float64)),
    "shares that are not there": lambda: described_pack(shares=99),
    "huge layers of a pack": lambda: told(PACK, hidden={"tuple": [10**9]}),
    "other layers of a pack": lambda: told(PACK, hidden={"tuple": [4, 5]}),
    "unknown activation of a pack": lambda: told(PACK, activation="eval"),
    "numbers below zero": lambda: described_pack(numbers=[-1, *range(1, N_CHOSEN)]),
    "numbers of fewer members": lambda: described_pack(numbers=[0]),
    "numbers twice": lambda: described_pack(numbers=[0] * N_CHOSEN),
    "numbers of halves": lambda: described_pack(numbers=[0.5 * number for number in range(N_CHOSEN)]),
    "numbers beyond the machine's": lambda: described_pack(numbers=[*range(N_CHOSEN - 1), 10**30]),
    "no numbers": lambda: described_pack(numbers=None),
    "settings of no members": lambda: described_pack(own=None),
    "settings that are missing": lambda: described_pack(own={"learning_rate": [0.1] * N_CHOSEN}),
    "settings of fewer members": lambda: with_own(dropout=[0.1]),
    "settings below zero": lambda: with_own(l1=[-0.1] * N_CHOSEN),
    "settings that are no numbers": lambda: with_own(l2=["much"] * N_CHOSEN),
    "settings without end": lambda: with_own(learning_rate=[1e300] * N_CHOSEN),
    "folds of halves": lambda: with_own(fold=[0.5] * N_CHOSEN),
    "settings that nobody knows": lambda: with_own(speed=[1.0] * N_CHOSEN),
    "depths below one": lambda: described_pack(DEPTHS, depths=[0] * 6),
    "depths beyond the layers": lambda: described_pack(DEPTHS, depths=[4] * 6),
    "depths of fewer members": lambda: described_pack(DEPTHS, depths=[1, 2]),
    "depths of more members": lambda: described_pack(DEPTHS, depths=[1] * 10**6),
    "no depths": lambda: described_pack(DEPTHS, depths=[]),
    "depths of halves": lambda: described_pack(DEPTHS, depths=[1.5] * 6),
    "depths of truth": lambda: described_pack(DEPTHS, depths=[True] * 6),
    "a depth for all": lambda: described_pack(DEPTHS, depths=2),
    "depths that pass by a change of width": lambda: described_pack(depths=[1] * 6),
    "no networks that share weights": lambda: told(SHARING, batch_ensemble=0),
    "fewer networks that share weights": lambda: told(SHARING, batch_ensemble=2),
    "more networks that share weights": lambda: told(SHARING, batch_ensemble=4),
    "huge number of networks that share weights": lambda: told(SHARING, batch_ensemble=10**9),
    "networks that share weights, as text": lambda: told(SHARING, batch_ensemble="3"),
    "networks that share weights, as a truth": lambda: told(SHARING, batch_ensemble=True),
    "networks that share weights, with a half": lambda: told(SHARING, batch_ensemble=2.5),
    "scaled copies larger than the file": large_shared,
    "one class": lambda: described_pack(classes=[1]),
    "classes twice": lambda: described_pack(classes=[1, 1]),
    "another kind of network": lambda: described_pack(kind="network"),
    "a regressor where a classifier should be": lambda: described(
        lambda d: d["model"]["classifier"].update(classifier=NUMERIC.description["model"])
    ),
    "an encoder alone": lambda: described(lambda d: d.update(model=d["model"]["classifier"]["encoder"])),
    "no settings": lambda: described_pack(settings={}),
    "settings in a list": lambda: described_pack(settings=[]),
    "a setting too many": lambda: told(system="true"),
    "callbacks": lambda: told(callbacks=[]),
    "an object of another class": lambda: told(optimizer={"Popen": {"args": "true"}}),
    "an object in another's place": lambda: told(optimizer={"Tanh": {}}),
    "an object of two classes": lambda: told(activation={"Tanh": {}, "ReLU": {}}),
    "an object without its fields": lambda: told(optimizer={"Adam": {}}),
    "an object with a field too many": lambda: told(activation={"LeakyReLU": {"slope": 0.1, "in_place": False}}),
    "an object with text for a number": lambda: told(activation={"LeakyReLU": {"slope": "0.1"}}),
    "an object of impossible settings": lambda: told(
        early_stopping={"EarlyStopping": {"patience": 0, "min_delta": 0.0, "validation_fraction": 0.1}}
    ),
    "an activation that was not saved": lambda: told(activation={"unsaved": "Cubic"}),
    "layers that were not saved": lambda: told(hidden={"unsaved": "list"}),
    "an unknown number": lambda: told(l1={"float": "nan"}),
    "text for a number": lambda: told(learning_rate="0.1"),
    "a number for text": lambda: told(loss=1),
    "a generator as a seed": lambda: told(random_state={"Generator": {}}),
    "weights of classes that are text": lambda: told(class_weight={"mapping": [[0, "much"]]}),
    "classes by which nothing can be looked up": lambda: told(class_weight={"mapping": [[[0], 1.0]]}),
    "no output": lambda: regressor(n_outputs=0),
    "huge outputs": lambda: regressor(n_outputs=10**9),
    "outputs by halves": lambda: regressor(n_outputs=2.0),
    "columns that are neither there nor not": lambda: regressor(has_columns=1),
    "no features": lambda: regressor(n_features=0),
    "features by halves": lambda: regressor(n_features=4.0),
    "names of fewer features": lambda: regressor(features=["a"]),
    "names that are numbers": lambda: regressor(features=[1, 2, 3, 4]),
    "no history": lambda: regressor(history=None),
    "best epoch after the last": lambda: with_history(best_epoch=3),
    "best epoch before the first": lambda: with_history(best_epoch=0),
    "best epoch by halves": lambda: with_history(best_epoch=1.0),
    "validation of other epochs": lambda: with_history(validation_loss=len(NUMERIC.arrays)),
    "losses in a table": lambda: with_history(train_loss=len(NUMERIC.arrays) + 1),
    "slope is text": lambda: described(lambda d: d["model"].update(curve=["1", "2"])),
    "a slope that turns the order": lambda: described(lambda d: d["model"].update(curve=[-1.0, 0.0])),
    "blocks without heights": lambda: described(lambda d: d["model"].update(curve=[1.0, 0.0, [0.0]])),
    "fewer heights than blocks": lambda: described(lambda d: d["model"].update(curve=[1.0, 0.0, [0.0, 1.0], [0.0]])),
    "no blocks": lambda: described(lambda d: d["model"].update(curve=[1.0, 0.0, [], []])),
    "blocks that fall": lambda: described(lambda d: d["model"].update(curve=[1.0, 0.0, [0.0, 1.0], [1.0, 0.0]])),
    "blocks in no order": lambda: described(lambda d: d["model"].update(curve=[1.0, 0.0, [1.0, 0.0], [0.0, 1.0]])),
    "blocks that are text": lambda: described(lambda d: d["model"].update(curve=[1.0, 0.0, "01", [0.0, 1.0]])),
    "blocks of a line that falls": lambda: described(lambda d: d["model"].update(curve=[-1.0, 0.0, [0.0], [0.0]])),
    "a floor above the ceiling": lambda: described(lambda d: d["model"].update(floor=1.5)),
    "no fits": lambda: crossed(lambda fits: []),
    "fits of two kinds": lambda: crossed(lambda fits: [*fits, CROSS.description["model"]]),
    "fits of other columns": lambda: crossed(lambda fits: [fits[0], with_columns(fits[1], list("abcdefghijk"))]),
    "fits of other classes": lambda: crossed(lambda fits: [fits[0], {"kind": "prior_rate", "rate": 0.5}]),
}


def test_an_isotonic_curve_comes_back_to_the_bit():
    model, curve = fitted(pipeline(NETWORK)), IsotonicCalibrator()
    curve.slope_, curve.intercept_ = 1 / 3, 0.1
    curve.scores_, curve.log_odds_ = np.array([-1.0, 1 / 3, 0.7]), np.array([-2 / 3, 0.1, 1 / 7])
    model.calibrator_ = curve
    loaded = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(loaded.predict_proba(LOANS), model.predict_proba(LOANS))
    assert model_to_bytes(loaded) == model_to_bytes(model)


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused(make):
    with pytest.raises(DataError, match=r"^model: "):
        model_from_bytes(make())


def test_forty_cuts_and_forty_flips_are_refused():
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(WHOLE), 40):
        for content in (WHOLE[:place], WHOLE[:place] + bytes([WHOLE[place] ^ (1 << place % 8)]) + WHOLE[place + 1 :]):
            with pytest.raises(DataError, match="cut off or changed"):
                model_from_bytes(content)


def leaves(value, path=()):
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    yield from ((*path, key) for key, _ in (parts if isinstance(value, dict) else list(parts)[:3]))
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from leaves(part, (*path, key))


@pytest.mark.parametrize("harm", [None, -1, "x", [], {}, 1e308, 10**30, [[]]], ids=repr)
@pytest.mark.parametrize(
    "archive",
    [ARCHIVE, PACK, SHARING, DEPTHS, NUMERIC, CROSS],
    ids=["network", "ensemble", "shared", "depths", "regressor", "cross-fitted"],
)
def test_a_harmed_description_is_refused_or_gives_a_model_that_forecasts(harm, archive):
    for path in leaves(dict(archive.description)):
        description = deepcopy(dict(archive.description))
        place = description
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = harm
        try:
            model = model_from_bytes(pack(Archive(description, archive.arrays)))
        except DataError:
            continue
        forecasts = model.predict(PERIOD.to_numpy()) if archive is NUMERIC else model.predict_proba(LOANS)
        assert np.isfinite(forecasts).all(), path


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: cannot be read"):
        load_model(tmp_path / "none.npz")


def test_a_loaded_regressor_knows_how_many_columns_its_targets_have():
    y = NUMBERS[:, 0]
    model = NetworkRegressor((4,), epochs=1, loss="quantile", random_state=0).fit(PERIOD, y)
    loaded = model_from_bytes(model_to_bytes(model))
    assert loaded.predict(PERIOD).shape == (len(PERIOD), 3)
    assert loaded.partial_fit(PERIOD, y).predict(PERIOD).shape == (len(PERIOD), 3)
    with pytest.raises(DataError, match="y has 2 columns"):
        loaded.partial_fit(PERIOD, NUMBERS)
