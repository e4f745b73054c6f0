"""Forecasts made for tests of evaluation."""

import numpy as np
import pandas as pd
import pytest

from finnet.forecasts import Forecasts


def forecasts_of(
    values, truth, *, issued=None, resolves=None, entity=None, fold=0, horizon=1, target="direction", kind="probability"
):
    """Forecasts of several models for the same rows; without `issued` rows have no dates and are one entity each.

    Quantiles of a model are a mapping of level to values.
    """
    n = len(truth)
    rows = {
        "fold": fold,
        "entity": [f"E{row}" for row in range(n)] if entity is None else entity,
        "target": target,
        "horizon": horizon,
        "kind": kind,
        "truth": np.asarray(truth, float),
    }
    if issued is not None:
        rows |= {"issued_at": issued, "resolves_at": issued + pd.Timedelta(days=2) if resolves is None else resolves}
    parts = [(m, *part) for m, v in values.items() for part in (v.items() if kind == "quantile" else [(np.nan, v)])]
    return Forecasts.concat(
        [Forecasts.from_rows({**rows, "model": m, "level": level, "value": v}, run_id="t") for m, level, v in parts]
    )


def days(n, per_day=1):
    """Times of `n` daily closes, each repeated for `per_day` rows."""
    return pd.DatetimeIndex(np.repeat(pd.date_range("2020-01-01 21:00", periods=n).to_numpy(), per_day)).as_unit("us")


@pytest.fixture
def make_forecasts():
    return forecasts_of


@pytest.fixture
def make_days():
    return days
