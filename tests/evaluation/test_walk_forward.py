"""Walking forward, the future moves nothing, a planted signal is found, and processes change no bit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from finnet.blocks import Blocks
from finnet.data.panel import Panel
from finnet.data.samples import made_loan_book, made_market
from finnet.dataset import Dataset
from finnet.errors import DataError
from finnet.estimators.encoded import EncodedClassifier
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.naive import BestColumn, PriorRate
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.evaluation.walk_forward import forecast_folds, forecasts_for, walk_forward
from finnet.features.encoding import TableEncoder
from finnet.forecasts import PROBABILITY_FLOOR
from finnet.jobs.catalog import build_model
from finnet.labels import Direction, ForwardReturn, build_dataset, default_dataset
from finnet.models import BASELINES, naive_models, spaces
from finnet.network.stopping import EarlyStopping
from finnet.splits import Holdout, RepeatedKFold, WalkForward

FEATURES = ["return_1", "return_5", "volatility_5", "volume_z_20", "sentiment_sentiment"]
SPLIT = WalkForward(train_bars=120, test_bars=40)


def network(**settings):
    stopping = EarlyStopping(patience=4)
    sizes = {"hidden": (8,), "batch_size": 128, "epochs": 15}
    return NetworkEnsembleClassifier(4, selection="all", early_stopping=stopping, **sizes, **settings)


def model(name, trials=2):
    return build_model(name, network=network(), encoder=TableEncoder(), trials=trials)


def panel_with_other_future(panel, stop, how):
    rng = np.random.default_rng(1)
    fields = {}
    for name, values in panel.fields.items():
        changed = values.copy()
        changed[stop:] = {
            "noise": np.exp(rng.standard_normal(values[stop:].shape)),
            "another asset": np.roll(values[stop:], 1, axis=1),
            "missing": np.nan,
        }[how]
        fields[name] = changed
    return Panel(panel.sessions, panel.closes_at, panel.symbols, fields)


@pytest.mark.parametrize("how", ["noise", "another asset", "missing"])
@pytest.mark.parametrize(
    "name", ["network", *spaces(), *(name for name in naive_models() if "event" in BASELINES[name].made_by)]
)
def test_the_future_moves_no_forecast(name, how):
    # Scalers, early stopping, tuning and calibration of the first folds all lie before the change.
    panel, stop = made_market(symbols=3, sessions=260), 230
    before = {
        kind: build_dataset(source, FEATURES, Direction())
        for kind, source in (("true", panel), ("other", panel_with_other_future(panel, stop, how)))
    }
    tables = {}
    for kind, dataset in before.items():
        forecasts = walk_forward({name: model(name)}, dataset, SPLIT).table
        tables[kind] = forecasts[forecasts["issued_at"] < panel.closes_at[stop]]
    keys = ["fold", "entity", "issued_at"]
    pair = tables["true"].merge(tables["other"], on=keys, suffixes=("", "_other"))
    assert len(pair) >= 100
    assert (pair["value"] == pair["value_other"]).all()


def test_the_same_check_catches_a_scaler_fitted_on_all_rows():
    panel, stop = made_market(symbols=3, sessions=260), 230
    values = []
    for source in (panel, panel_with_other_future(panel, stop, "noise")):
        dataset = build_dataset(source, FEATURES, Direction())
        scaled = (dataset.X - dataset.X.mean()) / dataset.X.std()
        leaky = Dataset(scaled, dataset.y, dataset.entity, "direction", 1, dataset.clocks)
        table = walk_forward({"network": network()}, leaky, SPLIT).table
        values.append(table[table["issued_at"] < panel.closes_at[stop]]["value"].to_numpy()[:100])
    assert (values[0] != values[1]).any()


@pytest.mark.parametrize("name", ["network", "logistic", "boosting"])
def test_a_planted_signal_is_found_and_no_more_than_it(name):
    panel = made_market(symbols=20, sessions=900, beta=0.5)
    dataset = build_dataset(panel, ["sentiment_sentiment", "return_1"], Direction())
    forecasts = walk_forward({name: model(name)}, dataset, WalkForward(train_bars=500, test_bars=400))
    truth, value = forecasts.values()
    bayes, error = 0.5 + np.arctan(0.5) / np.pi, 0.5 / np.sqrt(len(truth))
    assert bayes - 0.02 < ((value > 0.5) == truth).mean() < bayes + 3 * error


def test_shuffled_labels_are_not_forecast():
    panel = made_market(symbols=10, sessions=500, beta=0.5)
    dataset = build_dataset(panel, FEATURES, Direction())
    shuffled = np.random.default_rng(3).permutation(dataset.y)
    dataset = Dataset(dataset.X, shuffled, dataset.entity, "direction", 1, dataset.clocks)
    truth, value = walk_forward({"network": model("network")}, dataset, WalkForward(240, 240)).values()
    error = np.sqrt((len(truth) + 1) / (12 * truth.sum() * (1 - truth).sum()))
    assert abs(roc_auc_score(truth, value) - 0.5) < 3 * error


def test_serial_and_two_processes_give_identical_forecasts():
    dataset = build_dataset(made_market(symbols=3, sessions=260), FEATURES, Direction())
    models = {name: model(name) for name in ("network", "forest", "prior_rate")}
    one, two = (walk_forward(models, dataset, SPLIT, n_jobs=jobs).table for jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_forecast_does_not_depend_on_the_models_beside_it():
    dataset = build_dataset(made_market(symbols=3, sessions=260), FEATURES, Direction())
    alone = walk_forward({"network": model("network")}, dataset, SPLIT, seed=5)
    beside = walk_forward({"forest": model("forest"), "network": model("network")}, dataset, SPLIT, seed=5)
    pd.testing.assert_frame_equal(alone.table, beside.of("network").table)


def test_another_seed_gives_other_forecasts():
    dataset = build_dataset(made_market(symbols=3, sessions=260), FEATURES, Direction())
    one, two = (walk_forward({"network": model("network")}, dataset, SPLIT, seed=seed) for seed in (1, 2))
    assert (one.table["value"] != two.table["value"]).any()


def test_every_loan_of_repeated_folds_is_forecast_once_a_repeat():
    book = made_loan_book(loans=300)
    dataset = Dataset(book.features, book.default, book.loan_id, "default", 12)
    forecasts = walk_forward({"prior_rate": PriorRate()}, dataset, RepeatedKFold(folds=3, repeats=2))
    assert (forecasts.table.groupby("entity").size() == 2).all()


def test_a_regressor_forecasts_a_mean():
    dataset = build_dataset(made_market(symbols=3, sessions=200), FEATURES[:2], ForwardReturn())
    scaled = TransformedTargetRegressor(NetworkRegressor((4,), epochs=2), transformer=StandardScaler())
    forecasts = walk_forward({"network": scaled}, dataset.take(np.arange(60, 500)), Holdout())
    assert set(forecasts.table["kind"]) == {"mean"}


def test_results_carry_history_choice_and_time_and_are_heard_in_order():
    dataset = default_dataset(made_loan_book(loans=600))
    heard = []
    results = forecast_folds(
        {"network": model("network"), "best": BestColumn()}, dataset, Holdout(), on_done=heard.append
    )
    assert [result.model for result in heard] == ["network", "best"]
    assert {"member", "epoch", "train_loss"} <= set(results[0].fit.history.columns)
    assert results[1].fit.history is None
    assert results[0].cpu_seconds > 0


def test_a_record_holds_every_network_its_share_and_how_far_the_chosen_ones_disagree():
    dataset = default_dataset(made_loan_book(loans=600))
    (result,) = forecast_folds({"network": model("network")}, dataset, Holdout())
    members = result.fit.members
    assert members["member"].tolist() == list(range(20))
    assert members["fit"].tolist() == list(np.repeat(range(5), 4))
    assert set(result.fit.history["member"]) == set(range(20))
    assert members["share"].sum() == pytest.approx(1.0)
    assert 0 < result.fit.spread < 0.5


@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_a_record_holds_the_advice_of_a_network_that_gives_any_and_none_of_others():
    dataset = default_dataset(made_loan_book(loans=600))
    wild = NetworkClassifier((8,), epochs=3, learning_rate=3.0)
    models = {"wild": EncodedClassifier(TableEncoder(), wild), "best": BestColumn()}
    told, silent = forecast_folds(models, dataset, Holdout())
    assert any("lower the learning rate" in sentence for sentence in told.fit.advice)
    assert silent.fit.advice is None
    assert told.fit.members is told.fit.spread is None


def in_time(name, **settings):
    dataset = build_dataset(made_market(symbols=3, sessions=260), FEATURES, Direction(horizon_bars=3))
    return forecast_folds({name: model(name)}, dataset, SPLIT, **settings)


def test_a_record_counts_the_rows_of_every_use():
    rows = in_time("logistic")[0].fit.rows
    total = rows["fitted"]
    assert rows["fits"] == 5
    assert rows["unused"] == 0
    assert total == rows["calibrating"] > rows["most"] >= rows["least"] > total / 2
    assert abs(rows["validating"] - total / 5) < 6


def test_a_naive_forecast_is_fitted_once_on_all_rows():
    rows, logistic = (in_time(name)[0].fit.rows for name in ("prior_rate", "logistic"))
    assert rows == {"fits": 1, "validating": 0, "calibrating": 0, "unused": 0} | dict.fromkeys(
        ["least", "most", "fitted"], logistic["fitted"]
    )


def test_a_record_says_how_forecasts_were_calibrated_and_whether_they_are_one_number():
    learned, naive = (in_time(name)[0].fit for name in ("logistic", "prior_rate"))
    assert learned.calibration["slope"] > 0
    assert (learned.is_constant, naive.is_constant) == (False, True)
    assert naive.calibration is None


def test_without_calibration_forecasts_stay_as_the_fits_say():
    assert in_time("logistic", blocks=Blocks(0.2, calibration=False))[0].fit.calibration is None


class Certain:
    """Says never, always, and something in between."""

    said = (0.0, 1.0, 0.3)

    def predict_proba(self, X):
        return np.column_stack([1.0 - np.array(self.said), self.said])


ROWS = {"model": "a", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 0}


def test_no_model_publishes_a_probability_of_0_or_1():
    made = forecasts_for(Certain(), pd.DataFrame(index=range(3)), ROWS, run_id="a").table["value"]
    assert made.tolist() == [PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR, 0.3]


def test_the_floor_hides_no_value_that_is_no_probability():
    model = Certain()
    model.said = (0.5, 1.3, 0.5)
    with pytest.raises(DataError, match=r"probability 1\.3 is outside"):
        forecasts_for(model, pd.DataFrame(index=range(3)), ROWS, run_id="a")


def test_every_known_row_trains_a_model_that_stops_early():
    class Seen(NetworkClassifier):
        rows = []

        def fit(self, X, y, *, X_val=None, y_val=None):
            Seen.rows.append((set(X["number"]), set(X_val["number"])))
            return super().fit(X, y, X_val=X_val, y_val=y_val)

    dataset = build_dataset(made_market(symbols=1, sessions=200), ["return_1"], Direction())
    dataset = replace(dataset, X=dataset.X.assign(number=np.linspace(0, 1, len(dataset))))
    fold = next(iter(Holdout().split(dataset)))
    walk_forward(Seen((2,), epochs=1), dataset, Holdout())
    fitted, validated = (set().union(*rows) for rows in zip(*Seen.rows, strict=True))
    assert len(Seen.rows) == 5
    assert fitted == validated == set(dataset.X["number"][fold.train])


def test_loans_of_four_years_with_a_horizon_of_one_train_on_all_that_resolved():
    book = made_loan_book(loans=800)
    dataset = default_dataset(book)
    days = dataset.clocks["known_at"].iloc[-1] - pd.Timedelta(days=4 * 365)
    recent = dataset.take(np.flatnonzero(dataset.clocks["known_at"] >= days))
    (result,) = forecast_folds({"logistic": model("logistic")}, recent, Holdout(test_share=0.3))
    assert result.fit.rows["fitted"] == len(next(iter(Holdout(test_share=0.3).split(recent))).train)


def test_blocks_of_nothing_train_on_every_row():
    class Counting(PriorRate):
        def fit(self, X, y):
            Counting.rows = len(y)
            return super().fit(X, y)

    dataset = default_dataset(made_loan_book(loans=600))
    fold = next(iter(Holdout().split(dataset)))
    walk_forward(Counting(), dataset, Holdout(), blocks=Blocks(0.0, 0.0))
    assert Counting.rows == len(fold.train)


def test_the_error_of_importance_counts_clients():
    rng, client = np.random.default_rng(0), np.repeat(np.arange(100), 6)
    income = rng.standard_normal(100)[client]
    bad = (income + 0.5 * rng.standard_normal(100)[client] > 0).astype(np.int64)
    X = pd.DataFrame({"income": income, "noise": rng.standard_normal(600)})
    loans = Dataset(X, bad, np.arange(600).astype(str).astype(object), "default", 12)
    errors = []
    for data in (loans, replace(loans, group=np.arange(600)), replace(loans, group=client)):
        estimators = {"logistic": model("logistic", trials=1)}
        results = forecast_folds(estimators, data, RepeatedKFold(folds=2), run_id="t", importance_of=["logistic"])
        errors.append(np.mean([result.fit.importance["error"].iloc[0] for result in results]))
    assert errors[0] == errors[1]
    assert errors[2] > 1.1 * errors[0]
