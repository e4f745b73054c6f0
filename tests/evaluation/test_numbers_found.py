"""From rows to verdict: a signal planted in numbers is found, and noise is called noise."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import QuantileRegressor, Ridge

from finnet.blocks import Blocks
from finnet.data.samples import made_market
from finnet.dataset import CLOCKS, Dataset
from finnet.errors import DataError
from finnet.estimators.baselines import ridge_regression
from finnet.estimators.encoded import EncodedRegressor
from finnet.estimators.naive import LastValue, TrainingMean, TrainingQuantiles, Zero
from finnet.estimators.regressors import BoundedRegressor, LevelByLevel
from finnet.estimators.tuning import TunedRegressor
from finnet.evaluation.assessment import assess
from finnet.evaluation.comparison import compare
from finnet.evaluation.scores import score
from finnet.evaluation.walk_forward import forecast_folds, walk_forward
from finnet.features.encoding import TableEncoder
from finnet.labels import ForwardVolatility, build_dataset
from finnet.models import spaces
from finnet.splits import WalkForward

SPLIT, BLOCKS = WalkForward(train_bars=100, test_bars=40), Blocks(validation=0.34)
SYMBOLS, SESSIONS = 12, 300


def rows(strength, seed=0):
    """Rows of daily returns, of whose variance the first feature explains about strength^2."""
    rng = np.random.default_rng(seed)
    n = SYMBOLS * SESSIONS
    X = pd.DataFrame(rng.standard_normal((n, 3)), columns=["a", "b", "c"])
    y = 0.01 * (strength * X["a"].to_numpy() + rng.standard_normal(n))
    days = pd.bdate_range("2020-01-06", periods=SESSIONS + 2).as_unit("us")
    clocks = {name: np.repeat(days[k : k + SESSIONS], SYMBOLS) for name, k in zip(CLOCKS, (0, 0, 1, 2), strict=True)}
    entity = np.array([f"S{s}" for s in range(SYMBOLS)] * SESSIONS, object)
    return Dataset(X, y, entity, "forward_return", 1, pd.DataFrame(clocks))


def linear():
    tuned = TunedRegressor(ridge_regression(), space=spaces("number")["linear"], trials=3)
    return EncodedRegressor(TableEncoder(), tuned)


class Sloped(RegressorMixin, BaseEstimator):
    """Quantiles of a line: the ridge forecast and around it those of its errors; the columns as `order` says."""

    forecast_kind = "quantile"

    def __init__(self, levels=(0.1, 0.5, 0.9), order=1):
        self.levels, self.order = levels, order

    def fit(self, X, y):
        self.line_ = Ridge().fit(X, y)
        self.errors_ = np.quantile(y - self.line_.predict(X), self.levels)
        return self

    def predict(self, X):
        return (self.line_.predict(X)[:, None] + self.errors_)[:, :: self.order]


@cache
def forecasts_of_returns(strength):
    models = {"linear": linear(), "zero": Zero(), "training_mean": TrainingMean()}
    return walk_forward(models, rows(strength), SPLIT, blocks=BLOCKS)


def test_a_planted_signal_is_found():
    forecasts = forecasts_of_returns(0.3)
    comparison = compare(forecasts, "linear")
    assert forecasts.kinds == ["mean"]
    assert comparison.metric == "mse"
    assert "linear regression beats zero and the training mean" in comparison.verdict
    r2 = score(forecasts, ["r2"]).set_index("model").loc["linear"]
    assert 0.0 < r2["low"] < r2["value"] < r2["high"]
    assert r2["value"] == pytest.approx(0.3**2 / 1.09, abs=0.03)


def test_noise_shows_no_detectable_difference():
    verdict = compare(forecasts_of_returns(0.0), "linear").verdict
    assert "no detectable difference" in verdict
    assert "beats" not in verdict


def test_ranks_of_a_planted_signal_are_found_too():
    comparison = compare(forecasts_of_returns(0.3), "linear", metric="rank_ic")
    assert comparison.table["p_holm"].max() < 0.05
    assert comparison.table["reference_value"].iloc[0] > 0.2


def test_quantiles_of_a_planted_signal_are_found():
    models = {"sloped": Sloped(), "training_quantiles": TrainingQuantiles()}
    forecasts = walk_forward(models, rows(0.5), SPLIT)
    assert (forecasts.kinds, forecasts.levels) == (["quantile"], [0.1, 0.5, 0.9])
    comparison = compare(forecasts, "sloped")
    assert comparison.metric == "pinball"
    assert "beats the training quantiles" in comparison.verdict


def test_judgement_follows_the_kind_of_forecasts():
    means = assess(forecasts_of_returns(0.3), "linear")
    assert [comparison.metric for comparison in means.comparisons] == ["mse", "rank_ic", "mae"]
    assert (means.base_rate, means.calibration, means.target.truth) == (None, None, "number")
    models = {"sloped": Sloped(), "training_quantiles": TrainingQuantiles()}
    quantiles = assess(walk_forward(models, rows(0.5), SPLIT), "sloped")
    assert quantiles.target.decides == "pinball"
    assert (quantiles.coverage["low"] < quantiles.coverage["level"]).all()


def test_quantiles_that_cross_are_put_in_order():
    plain, crossed = (walk_forward({"m": Sloped(order=order)}, rows(0.5), SPLIT) for order in (1, -1))
    pd.testing.assert_frame_equal(plain.table, crossed.table)


def test_quantiles_without_a_column_for_every_level_are_refused():
    class Short(Sloped):
        def predict(self, X):
            return super().predict(X)[:, :2]

    with pytest.raises(DataError, match="gives 2 columns for levels"):
        walk_forward(Short(), rows(0.5), SPLIT)


def test_an_estimator_may_say_that_it_forecasts_scores():
    class Ranker(Ridge):
        forecast_kind = "score"

    forecasts = walk_forward({"ranker": Ranker(), "other": Ranker(1e6)}, rows(0.3), SPLIT)
    assert forecasts.kinds == ["score"]
    assert compare(forecasts, "ranker").metric == "rank_ic"


def test_a_forecast_that_is_one_number_at_every_level_is_noted_as_constant():
    models = {"training_quantiles": TrainingQuantiles(), "sloped": Sloped()}
    fits = {result.model: result.fit for result in forecast_folds(models, rows(0.5), WalkForward(train_bars=250))}
    assert fits["training_quantiles"].is_constant
    assert not fits["sloped"].is_constant


def test_volatility_is_forecast_and_judged_by_qlike():
    data = build_dataset(
        made_market(symbols=4, sessions=300), ["volatility_20", "return_1"], ForwardVolatility(horizon_bars=5)
    )
    model = EncodedRegressor(TableEncoder(), BoundedRegressor(ridge_regression()))
    models = {"linear": model, "training_mean": TrainingMean(), "last_value": LastValue("volatility_20")}
    forecasts = walk_forward(models, data, SPLIT)
    comparison = compare(forecasts, "linear")
    assert comparison.metric == "qlike"
    assert np.isfinite(score(forecasts)["value"]).all()
    assert (forecasts.table["value"] > 0).all()


def test_level_by_level_walks_forward():
    model = LevelByLevel(QuantileRegressor(alpha=0.0, solver="highs"), levels=(0.2, 0.8))
    forecasts = walk_forward({"m": model}, rows(0.5), WalkForward(train_bars=60, test_bars=240))
    assert forecasts.levels == [0.2, 0.8]
