"""Contributions of rows average to their metric, and their spread is its standard error."""

import numpy as np
import pytest

from finnet.evaluation.metric_shapes import auc_contributions
from finnet.evaluation.metrics import METRICS, session_contributions, session_rank_ic

SHAPED = [name for name, metric in METRICS.items() if metric.shape is not None and "probability" in metric.fits]


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.05, 0.95, n).round(2)
    return (rng.random(n) < probability).astype(float), probability


@pytest.mark.parametrize("name", SHAPED)
def test_contributions_average_to_the_metric(name):
    truth, probability = rows(200)
    metric = METRICS[name]
    mean = metric.shape.contributions(truth, probability).mean()
    assert mean == pytest.approx(metric.function(truth, probability), abs=1e-9)


@pytest.mark.parametrize("name", SHAPED)
def test_contributions_spread_as_the_metric_does_over_samples(name):
    metric = METRICS[name]
    samples = [rows(400, seed) for seed in range(300)]
    spread = np.std([metric.function(*sample) for sample in samples])
    stated = np.mean([metric.shape.contributions(*sample).std() / np.sqrt(400) for sample in samples])
    # The place of the widest gap of KS is taken as known, which overstates its spread a little.
    assert stated == pytest.approx(spread, rel=0.2)


def test_a_class_that_is_missing_leaves_no_auc():
    assert np.isnan(auc_contributions(np.ones(3), np.array([0.1, 0.2, 0.3]))).all()


def test_sessions_count_alike_whatever_their_rows():
    rng = np.random.default_rng(0)
    session = np.repeat(np.arange(4), [10, 15, 30, 3])
    truth, forecast = rng.standard_normal(58), rng.standard_normal(58)
    each = session_rank_ic(truth, forecast, session)
    found = session_contributions(truth, forecast, session)
    assert np.isnan(found[-3:]).all()
    assert found[:-3].mean() == pytest.approx(each[:3].mean())
