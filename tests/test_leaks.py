"""Planted leaks are caught by the same checks that the honest way passes.

Each leak is a small change of the honest walk-forward that a hurried person makes. The check replaces everything after
a session by noise: no forecast issued before may move. Leaks of features stand in tests/features, same-bar execution in
tests/backtest.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from finnet.blocks import Blocks
from finnet.data.panel import join_as_of
from finnet.data.samples import made_market
from finnet.dataset import Dataset
from finnet.errors import LookAheadError
from finnet.estimators.calibrators import CalibratedClassifier
from finnet.evaluation.walk_forward import walk_forward
from finnet.features.cross_section import rank
from finnet.features.feature import Feature
from finnet.features.feature_set import CROSS_SECTION, STANDARD, FeatureSet
from finnet.features.returns import log_return
from finnet.features.rolling import shifted
from finnet.labels import Direction, ForwardReturn, build_dataset
from finnet.splits import Fold, WalkForward

STOP, SPLIT = 150, WalkForward(train_bars=80, test_bars=80)
PANEL = made_market(symbols=4, sessions=230)


def with_noise_after(panel, stop):
    rng = np.random.default_rng(5)
    noise = {name: np.exp(rng.standard_normal(values[stop:].shape)) for name, values in panel.fields.items()}
    return panel.with_fields(
        {name: np.concatenate([values[:stop], noise[name]]) for name, values in panel.fields.items()}
    )


def moved(forecast):
    """Largest change of a forecast issued before the noise begins."""
    before, after = (forecast(panel) for panel in (PANEL, with_noise_after(PANEL, STOP)))
    rows = [table[table["issued_at"] < PANEL.closes_at[STOP]] for table in (before, after)]
    keys = ["fold", "entity", "issued_at"]
    pair = rows[0].merge(rows[1], on=keys, suffixes=("", "_after"))
    assert len(pair) > 100
    return float((pair["value"] - pair["value_after"]).abs().max())


def dataset_of(panel):
    return build_dataset(panel, ["return_1", "volatility_5", "sentiment"], Direction(horizon_bars=3))


def honest(panel, *, prepare=lambda dataset: dataset, model=None, split=SPLIT, blocks=None):
    model = CalibratedClassifier(LogisticRegression()) if model is None else model
    return walk_forward(model, prepare(dataset_of(panel)), split, blocks=blocks).table


def scaled_by_all_rows(dataset):
    return replace(dataset, X=(dataset.X - dataset.X.mean()) / dataset.X.std())


def encoded_by_all_labels(dataset):
    rate = pd.Series(dataset.y).groupby(dataset.entity).transform("mean").to_numpy()
    return replace(dataset, X=dataset.X.assign(rate=rate))


class Unpurged(WalkForward):
    """Trains on every row known before the test began, whether it had resolved or not."""

    def split(self, dataset):
        known = dataset.clock("known_at")
        for fold in super().split(dataset):
            yield Fold(fold.number, np.flatnonzero(known < known[fold.test[0]]), fold.test)


class RandomBlocks(Blocks):
    """Draws the rows held out from anywhere in the window."""

    def cut(self, dataset, rows, *, seed):
        parts = np.array_split(np.random.default_rng(seed).permutation(len(rows)), 4)
        fit = [np.setdiff1d(np.arange(len(rows)), part) for part in parts]
        return replace(super().cut(dataset, rows, seed=seed), fit=fit, validation=parts, held_out=parts)


class CalibratedOnTestRows(BaseEstimator):
    """Shifts the log-odds of the rows to forecast until their mean is what came true on them."""

    truth: dict[int, float] = {}

    def fit(self, X, y):
        self.model_ = LogisticRegression().fit(X, y)
        return self

    def predict_proba(self, X):
        p = self.model_.predict_proba(X)[:, 1]
        p = np.clip(p + CalibratedOnTestRows.truth[len(X)] - p.mean(), 0.01, 0.99)
        return np.column_stack([1 - p, p])


def calibrated_on_test_rows(panel):
    dataset = dataset_of(panel)
    CalibratedOnTestRows.truth = {len(fold.test): dataset.y[fold.test].mean() for fold in SPLIT.split(dataset)}
    return walk_forward(CalibratedOnTestRows(), dataset, SPLIT).table


LEAKS = {
    "scaler fitted on all rows": lambda panel: honest(panel, prepare=scaled_by_all_rows),
    "target encoding on all rows": lambda panel: honest(panel, prepare=encoded_by_all_labels),
    "calibration on test rows": calibrated_on_test_rows,
}


def test_the_honest_way_raises_no_alarm():
    assert moved(honest) == 0.0


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_moves_forecasts(leak):
    assert moved(LEAKS[leak]) > 1e-6


TOMORROW = dict(zip(PANEL.sessions[:-2], np.diff(PANEL["close"], axis=0)[1:], strict=True))


def tomorrow(view):
    return shifted(view["close"], 0) / np.roll(view["close"], -1, axis=0)


def money_at_adjusted_prices(view):
    return np.log(view["close"] * view["volume"])


def tomorrow_by_date(view):
    return np.array([TOMORROW.get(date, np.full(4, np.nan))[: view.shape[1]] for date in view.sessions])


@pytest.mark.parametrize("leak", [tomorrow, money_at_adjusted_prices, tomorrow_by_date], ids=lambda leak: leak.__name__)
@pytest.mark.parametrize("around", [lambda feature: feature, rank], ids=["itself", "rank"])
def test_a_feature_that_looks_ahead_makes_no_dataset(leak, around):
    features = FeatureSet((log_return(1), around(Feature(leak.__name__, 2, ("close",), leak))))
    with pytest.raises(LookAheadError, match=leak.__name__):
        build_dataset(PANEL, features, Direction())


def test_a_feature_under_the_name_of_one_of_finnets_is_checked():
    features = FeatureSet((Feature("return_1", 2, ("close",), tomorrow),))
    with pytest.raises(LookAheadError, match="'return_1'"):
        build_dataset(PANEL, features, Direction())


def test_finnets_own_features_are_not_computed_twice(monkeypatch):
    monkeypatch.setattr("finnet.features.feature_set.require_sound", lambda feature, panel: 1 / 0)
    build_dataset(PANEL, [*STANDARD, *CROSS_SECTION[:3]], Direction())


class LooksFurther(ForwardReturn):
    def values(self, panel):
        return ForwardReturn(horizon_bars=5).values(panel)


def test_a_label_that_looks_further_than_its_horizon_makes_no_dataset():
    with pytest.raises(LookAheadError, match="'LooksFurther'"):
        build_dataset(PANEL, ["return_1"], LooksFurther())


def test_a_twin_that_gives_away_another_makes_no_dataset():
    close = PANEL["close"].copy()
    close[:-1, 3] = close[1:, 0]
    with pytest.raises(LookAheadError, match="gives away"):
        build_dataset(PANEL.with_fields({"close": close}), ["return_1"], Direction())


def resolved_in_time(split, dataset):
    known, resolves = dataset.clock("known_at"), dataset.clock("resolves_at")
    return all(resolves[fold.train].max() <= known[fold.test].min() for fold in split.split(dataset))


def test_an_unpurged_split_is_caught_by_the_clocks():
    dataset = dataset_of(PANEL)
    assert resolved_in_time(SPLIT, dataset)
    assert not resolved_in_time(Unpurged(80, 80), dataset)
    with pytest.raises(LookAheadError, match="overlaps in time"):
        walk_forward(LogisticRegression(), dataset, Unpurged(80, 80))


def fits_share_no_moment_with_blocks(blocks, dataset):
    fold = next(SPLIT.split(dataset))
    known, resolves = (dataset.clock(name)[fold.train] for name in ("known_at", "resolves_at"))
    folds = blocks.cut(dataset, fold.train, seed=0)
    return not any(
        ((known[fit] <= resolves[block].max()) & (resolves[fit] >= known[block].min())).any()
        for fit, *both in zip(folds.fit, folds.validation, folds.held_out, strict=True)
        for block in both
    )


def test_a_random_early_stopping_block_is_caught_by_the_clocks():
    dataset = dataset_of(PANEL)
    assert fits_share_no_moment_with_blocks(Blocks(), dataset)
    assert not fits_share_no_moment_with_blocks(RandomBlocks(), dataset)


def test_revised_data_without_its_publication_time_is_caught():
    days = PANEL.sessions[[10, 10]]
    table = pd.DataFrame(
        {"period": days, "available_at": days + np.array([2, 40]) * np.timedelta64(1, "D"), "gdp": [1, 9]}
    )
    honest_join = join_as_of(PANEL, table, ["gdp"])["gdp"]
    leaky_join = join_as_of(PANEL, table.assign(available_at=table["period"]), ["gdp"])["gdp"]
    known_then = PANEL.closes_at < table["available_at"][1].to_datetime64()
    assert 9 not in honest_join[known_then]
    assert 9 in leaky_join[known_then]


def test_labels_of_the_future_train_nothing():
    dataset = dataset_of(PANEL)
    fold = next(SPLIT.split(dataset))
    flipped = dataset.y.copy()
    flipped[fold.test] = 1 - flipped[fold.test]
    tables = [
        walk_forward(
            LogisticRegression(), Dataset(dataset.X, y, dataset.entity, "direction", 3, dataset.clocks), SPLIT
        ).table
        for y in (dataset.y, flipped)
    ]
    first = [table.loc[table["fold"] == 0, "value"].to_numpy() for table in tables]
    np.testing.assert_array_equal(*first)
