"""A loaded model forecasts the same bits, and no other file loads, however it was made."""

import io
import json
import zipfile
from copy import deepcopy
from hashlib import sha256

import numpy as np
import pytest
from sklearn.base import clone

from finnet.data.samples import made_loan_book, made_market
from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import Archive, pack, unpack
from finnet.estimators.baselines import logistic_regression
from finnet.estimators.calibration import CalibratedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.naive import AlwaysUp, BestColumn, Persistence, PriorRate
from finnet.estimators.network import NetworkClassifier
from finnet.estimators.saving import SCHEMA, load_model, model_from_bytes, model_to_bytes, save_model
from finnet.estimators.tuning import EncodedClassifier, TunedClassifier
from finnet.features.encoding import TableEncoder
from finnet.labels import Direction, build_dataset

BOOK = made_loan_book(loans=600)
LOANS, DEFAULT = BOOK.applications.assign(region=np.arange(600) % 151).astype({"region": str}), BOOK.default
NETWORK = NetworkClassifier((5, 5), epochs=2, random_state=0, normalization="batch", residual=True)
ENSEMBLE = NetworkEnsembleClassifier(6, hidden=(5, 4), epochs=4, random_state=0)
SHARED = clone(NETWORK).set_params(batch_ensemble=3)
DEEP = NetworkEnsembleClassifier(6, hidden=(5, 5, 5), depth=(1, 3), selection="all", epochs=4, random_state=0)


def pipeline(classifier, numeric="quantile", min_frequency=0.01):
    tuned = TunedClassifier(classifier, space={}, trials=1)
    return CalibratedClassifier(EncodedClassifier(TableEncoder(numeric, min_frequency=min_frequency), tuned))


def fitted(model):
    parts = [slice(0, 400), slice(400, 500), slice(500, 600)]
    X, y = zip(*[(LOANS.iloc[part], DEFAULT[part]) for part in parts], strict=True)
    if isinstance(model, CalibratedClassifier):
        return model.fit(X[0], y[0], X_val=X[1], y_val=y[1], X_cal=X[2], y_cal=y[2])
    return model.fit(X[0], y[0])


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
    assert loaded.depth == (model.members_["depth"].min(), model.members_["depth"].max())


@pytest.mark.parametrize(("model", "setting"), [(NETWORK, "batch_ensemble"), (ENSEMBLE, "depths")])
def test_a_file_older_than_a_setting_loads(model, setting):
    X, y = three_classes()
    archive = unpack(model_to_bytes(clone(model).fit(X, y)))
    del archive.description["model"][setting]
    loaded = model_from_bytes(pack(archive))
    np.testing.assert_array_equal(loaded.predict_proba(X), clone(model).fit(X, y).predict_proba(X))


def test_a_network_that_would_not_be_loaded_again_is_not_saved():
    model = clone(NETWORK).set_params(hidden=()).fit(*three_classes())
    model.set_params(batch_ensemble=10**9)
    with pytest.raises(ConfigError, match=r"batch_ensemble=1000000000 networks of 12 weights cannot be saved"):
        model_to_bytes(model)


def test_models_without_a_form_are_refused_with_those_that_have_one():
    from sklearn.naive_bayes import GaussianNB

    model = EncodedClassifier(TableEncoder(), GaussianNB()).fit(BOOK.applications, BOOK.default)
    with pytest.raises(ConfigError, match=r"GaussianNB cannot be saved; .*NetworkClassifier"):
        model_to_bytes(model)


def test_a_network_with_an_activation_of_its_own_is_refused():
    from finnet.network.activations import Tanh

    with pytest.raises(ConfigError, match="cannot be saved; name one of"):
        model_to_bytes(fitted(pipeline(NetworkClassifier((3,), activation=Tanh(), epochs=1))))
    with pytest.raises(ConfigError, match="cannot be saved; name one of"):
        model_to_bytes(fitted(pipeline(clone(ENSEMBLE).set_params(activation=Tanh()))))


WHOLE = model_to_bytes(fitted(pipeline(NETWORK)))
ARCHIVE = unpack(WHOLE)
PACK = unpack(model_to_bytes(fitted(pipeline(ENSEMBLE))))
SHARING = unpack(model_to_bytes(fitted(pipeline(SHARED))))
DEPTHS = unpack(model_to_bytes(fitted(pipeline(DEEP))))


def signed(content):
    """The content with the digest that a hostile author can compute as well as we."""
    return content[:-64] + sha256(content[:-64]).hexdigest().encode()


def described(change):
    """The archive with its description changed."""
    description = deepcopy(dict(ARCHIVE.description))
    return pack(Archive(change(description) or description, ARCHIVE.arrays))


def packed(number, change):
    """The archive of an ensemble with one of its arrays, counted from the last, changed."""
    arrays = list(PACK.arrays)
    arrays[number] = change(arrays[number])
    return pack(Archive(PACK.description, arrays))


def described_pack(archive=PACK, **settings):
    description = deepcopy(dict(archive.description))
    description["model"]["classifier"]["classifier"].update(settings)
    return pack(Archive(description, archive.arrays))


def large_shared():
    """A file of 4 MB that asks for 1000 scaled copies of its weights."""
    units, shared = 1000, 1000
    network = {**SHARING.description["model"]["classifier"]["classifier"], "normalization": None, "residual": False}
    network |= {"hidden": [units], "n_features": units, "batch_ensemble": shared, "values": 0}
    values = np.zeros(units * units + units + shared * (units + 2 * units + units + 2), np.float32)
    return pack(Archive({"schema": SCHEMA, "model": network}, [values]))


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
    "huge layers": lambda: described(lambda d: d["model"]["classifier"]["classifier"].update(hidden=[10**9])),
    "layers below zero": lambda: described(lambda d: d["model"]["classifier"]["classifier"].update(hidden=[-5])),
    "unknown activation": lambda: described(lambda d: d["model"]["classifier"]["classifier"].update(activation="eval")),
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
    "huge layers of a pack": lambda: described_pack(hidden=[10**9]),
    "other layers of a pack": lambda: described_pack(hidden=[4, 5]),
    "unknown activation of a pack": lambda: described_pack(activation="eval"),
    "depths below one": lambda: described_pack(DEPTHS, depths=[0] * 6),
    "depths beyond the layers": lambda: described_pack(DEPTHS, depths=[4] * 6),
    "depths of fewer members": lambda: described_pack(DEPTHS, depths=[1, 2]),
    "depths of more members": lambda: described_pack(DEPTHS, depths=[1] * 10**6),
    "no depths": lambda: described_pack(DEPTHS, depths=[]),
    "depths of halves": lambda: described_pack(DEPTHS, depths=[1.5] * 6),
    "depths of truth": lambda: described_pack(DEPTHS, depths=[True] * 6),
    "a depth for all": lambda: described_pack(DEPTHS, depths=2),
    "depths that pass by a change of width": lambda: described_pack(depths=[1] * 6),
    "no networks that share weights": lambda: described_pack(SHARING, batch_ensemble=0),
    "fewer networks that share weights": lambda: described_pack(SHARING, batch_ensemble=2),
    "more networks that share weights": lambda: described_pack(SHARING, batch_ensemble=4),
    "huge number of networks that share weights": lambda: described_pack(SHARING, batch_ensemble=10**9),
    "networks that share weights, as text": lambda: described_pack(SHARING, batch_ensemble="3"),
    "networks that share weights, as a truth": lambda: described_pack(SHARING, batch_ensemble=True),
    "networks that share weights, with a half": lambda: described_pack(SHARING, batch_ensemble=2.5),
    "scaled copies larger than the file": large_shared,
    "one class": lambda: described_pack(classes=[1]),
    "classes twice": lambda: described_pack(classes=[1, 1]),
    "another kind of network": lambda: described_pack(kind="network", normalization=None, residual=False),
    "slope is text": lambda: described(lambda d: d["model"].update(line=["1", "2"])),
}


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
    yield from ((*path, key) for key, _ in list(parts)[:3])
    for key, part in value.items() if isinstance(value, dict) else ():
        yield from leaves(part, (*path, key))


@pytest.mark.parametrize("harm", [None, -1, "x", [], {}, 1e308, 10**30, [[]]], ids=repr)
@pytest.mark.parametrize("archive", [ARCHIVE, PACK, SHARING, DEPTHS], ids=["network", "ensemble", "shared", "depths"])
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
        assert np.isfinite(model.predict_proba(LOANS)).all(), path


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz: cannot be read"):
        load_model(tmp_path / "none.npz")
