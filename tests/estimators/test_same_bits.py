"""The same seed and data give the same bits: again, in other blocks and processes, and after storage."""

import pickle
from threading import Event, Thread, current_thread

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from threadpoolctl import threadpool_info, threadpool_limits

from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.features.encoding import TableEncoder

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 4))
NUMBERS = X[:, 0] + 0.5 * RNG.standard_normal(240)
QUICK = {"hidden": (8,), "epochs": 4, "batch_size": 32, "random_state": 7}
SINGLE = [
    NetworkClassifier(**QUICK, dropout=0.2, early_stopping=True),
    NetworkRegressor(**QUICK, dropout=0.2, normalization="batch"),
]
ENSEMBLES = [NetworkEnsembleClassifier(5, folds=2, **QUICK), NetworkEnsembleRegressor(5, bagging=True, **QUICK)]

every_estimator = pytest.mark.parametrize("estimator", [*SINGLE, *ENSEMBLES], ids=lambda e: type(e).__name__)
every_ensemble = pytest.mark.parametrize("estimator", ENSEMBLES, ids=lambda e: type(e).__name__)


def fitted(estimator, **settings):
    model = clone(estimator).set_params(**settings)
    return model.fit(X, (NUMBERS > 0).astype(int) if is_classifier(model) else NUMBERS)


def forecasts(model):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def assert_same_bits(first, second):
    np.testing.assert_array_equal(first.network_.values, second.network_.values)
    np.testing.assert_array_equal(forecasts(first), forecasts(second))


def blas_threads_now():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@every_estimator
def test_the_same_seed_gives_the_same_bits_and_another_does_not(estimator):
    model = fitted(estimator)
    assert_same_bits(model, fitted(estimator))
    assert not np.array_equal(forecasts(model), forecasts(fitted(estimator, random_state=8)))


@every_estimator
def test_numpys_global_state_does_not_matter(estimator):
    model = fitted(estimator)
    np.random.seed(1)  # noqa: NPY002
    assert_same_bits(model, fitted(estimator))


@every_estimator
def test_the_number_of_threads_does_not_matter(estimator):
    # Wide enough for BLAS to share work among threads.
    wide = {"hidden": (256, 256), "batch_size": 240, "epochs": 2, "learning_rate": 0.001}
    model = fitted(estimator, **wide)
    with threadpool_limits(2):
        assert_same_bits(model, fitted(estimator, **wide))


@every_ensemble
def test_the_number_of_threads_does_not_matter_to_the_spread(estimator, monkeypatch):
    model, threads = fitted(estimator), []
    real = type(model)._network_forecasts
    monkeypatch.setattr(
        type(model), "_network_forecasts", lambda *args: threads.append(blas_threads_now()) or real(*args)
    )
    with threadpool_limits(2):
        model.spread(X)
    assert threads == [{1}]


@pytest.mark.parametrize("size", [1, 2, 3])
@every_ensemble
def test_the_size_of_blocks_does_not_matter(estimator, size, monkeypatch):
    model = fitted(estimator)
    monkeypatch.setattr("finnet.estimators.ensemble_base.members_at_once", lambda *_, **__: size)
    assert_same_bits(model, fitted(estimator))


@every_ensemble
def test_the_order_of_blocks_does_not_matter(estimator, monkeypatch):
    trained = []

    def backwards(**_):
        def run(work):
            calls = [*work]
            trained.append(len(calls))
            return [call(*args, **options) for call, args, options in reversed(calls)][::-1]

        return run

    model = fitted(estimator)
    monkeypatch.setattr("finnet.estimators.ensemble_base.members_at_once", lambda *_, **__: 2)
    monkeypatch.setattr("finnet.estimators.fit_checks.Parallel", backwards)
    assert_same_bits(model, fitted(estimator))
    assert trained == [3]


@every_ensemble
def test_processes_do_not_matter(estimator, monkeypatch):
    model = fitted(estimator)
    monkeypatch.setattr("finnet.estimators.ensemble_base.members_at_once", lambda *_, **__: 2)
    assert_same_bits(model, fitted(estimator, n_jobs=2))


def test_processes_do_not_matter_to_rows_that_they_map_to_share_them():
    X = np.random.default_rng(0).standard_normal((40_000, 16)).astype("float32")
    model = NetworkEnsembleRegressor(2, **{**QUICK, "epochs": 1, "batch_size": 2000})
    alone, mapped = (clone(model).set_params(n_jobs=n).fit(X, X[:, 0]).network_.values for n in (1, 2))
    np.testing.assert_array_equal(mapped, alone)


@every_estimator
def test_a_pickled_model_forecasts_the_same_bits(estimator):
    model = fitted(estimator)
    assert_same_bits(pickle.loads(pickle.dumps(model)), model)


@every_estimator
def test_a_saved_model_forecasts_the_same_bits(estimator):
    model = fitted(estimator)
    assert_same_bits(model_from_bytes(model_to_bytes(model)), model)


def test_a_saved_model_behind_an_encoder_forecasts_the_same_bits():
    model = EncodedClassifier(TableEncoder(), clone(SINGLE[0])).fit(X, (NUMBERS > 0).astype(int))
    loaded = model_from_bytes(model_to_bytes(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@every_estimator
def test_forecasts_at_the_same_time_keep_to_one_thread_and_leave_them_as_they_were(estimator, monkeypatch):
    model, first_is_in, second_is_in, first_is_out = fitted(estimator), Event(), Event(), Event()
    real, seen = type(model)._forecast, []

    def forecast(self, rows):
        if current_thread().name == "first":
            first_is_in.set()
            second_is_in.wait(10.0)
        else:
            second_is_in.set()
            first_is_out.wait(10.0)
            seen.append(blas_threads_now())
        return real(self, rows)

    monkeypatch.setattr(type(model), "_forecast", forecast)
    first = Thread(target=lambda: (model.predict(X), first_is_out.set()), name="first")
    second = Thread(target=lambda: (first_is_in.wait(10.0), model.predict(X)), name="second")
    with threadpool_limits(2):
        before = blas_threads_now()
        for thread in (first, second):
            thread.start()
        for thread in (first, second):
            thread.join()
        assert blas_threads_now() == before
    assert seen == [{1}]


KERNELS = {pool.get("architecture") for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.skipif("SkylakeX" not in KERNELS, reason="OpenBLAS' kernels for AVX-512 alone treat whole tiles alike")
@pytest.mark.parametrize("width", [16, 48, 64, 112])
@pytest.mark.parametrize("estimator", [SINGLE[0], ENSEMBLES[0]], ids=["network", "ensemble"])
def test_the_forecast_of_a_row_does_not_know_how_many_come_after_it(estimator, width):
    model = fitted(estimator, hidden=(width, width), epochs=1)
    for rows in (np.tile(X, (10, 1)), np.tile(X, (10, 1)).astype(np.float32)):
        P = model.predict_proba(rows)
        for n in (1, 31, 33, 200, 1000, 2100):
            np.testing.assert_array_equal(model.predict_proba(rows[:n]), P[:n])


MANY = [
    NetworkEnsembleClassifier(16, **QUICK, early_stopping=False),
    NetworkEnsembleRegressor(16, **QUICK, early_stopping=False),
    NetworkClassifier(**QUICK, batch_ensemble=16),
    NetworkRegressor(**QUICK, batch_ensemble=16),
]


@pytest.mark.parametrize("estimator", MANY, ids=lambda e: type(e).__name__)
def test_the_average_of_many_networks_is_that_of_a_row_alone(estimator):
    model = fitted(estimator, hidden=(16,), epochs=1)
    forecast = model.predict_proba if is_classifier(model) else model.predict
    for rows in (X, -X, 2.0 * X):
        np.testing.assert_array_equal(forecast(rows[:1]), forecast(rows)[:1])
        np.testing.assert_array_equal(forecast(rows[:1].astype("f4")), forecast(rows.astype("f4"))[:1])
    if hasattr(model, "spread"):
        np.testing.assert_array_equal(model.spread(X[:1]), model.spread(X)[:1])
