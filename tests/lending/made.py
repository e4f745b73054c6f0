"""Forecasts of made loans."""

import numpy as np

from finnet.forecasts import Forecasts


def forecasts_of(probability, default, *, entity=None, fold=0, model="network", **columns):
    rows = {
        "model": model,
        "fold": fold,
        "entity": [f"L{row}" for row in range(len(probability))] if entity is None else entity,
        "target": "default",
        "horizon": 12,
        "kind": "probability",
        "value": probability,
        "truth": np.asarray(default, float),
        **columns,
    }
    return Forecasts.from_rows(rows, run_id="t")


def book(n, seed=0):
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 6, n)
    return probability, (rng.random(n) < probability).astype(float)
