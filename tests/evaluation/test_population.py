"""Limits of stability: exceeded as often as they say where nothing moves, and by shifts that matter."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finnet.evaluation.population import (
    chance_of_difference,
    chance_of_new,
    population_stability_index,
    stability_limit,
)
from finnet.evaluation.profile import Profile
from finnet.evaluation.stability import Limits, compared

STRICT = Limits(alarm_rate=0.05, psi=0.0, share=0.0)


def table(n, rng):
    """Columns as credit files have them: long tails, counts, codes, rare levels, holes."""
    shares = 1 / np.arange(1, 31)
    return pd.DataFrame(
        {
            "income": np.where(rng.random(n) < 0.02, np.nan, np.exp(rng.normal(size=n))),
            "score": rng.normal(size=n),
            "late": rng.choice([0.0, 1.0, 2.0, 96.0], n, p=[0.8, 0.1, 0.08, 0.02]),
            "months": np.round(8 * rng.normal(size=n)),
            "town": pd.Categorical(rng.choice(30, n, p=shares / shares.sum()).astype(str)),
            "home": pd.Categorical(rng.choice(["own", "rent", "other"], n, p=[0.5, 0.45, 0.05])),
        }
    )


SHARES = {
    "deciles": np.full(10, 0.1),
    "rare code": np.array([0.8, 0.1, 0.08, 0.02]),
    "towns": 1 / np.arange(1, 21) / (1 / np.arange(1, 21)).sum(),
}


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize(("trained", "rows"), [(200, 200), (200, 20_000), (20_000, 200), (20_000, 20_000)])
def test_about_one_family_of_twenty_columns_in_twenty_alarms_where_nothing_moves(trained, rows, shares):
    rng = np.random.default_rng(0)
    before, now = (rng.multinomial(n, shares, (1500, 20)).astype(float) for n in (trained, rows))
    limit = stability_limit(len(shares), trained=trained, rows=rows, alarm_rate=0.05 / 20)
    alarms = (population_stability_index(before, now) > limit).any(axis=1).mean()
    assert 0.01 < alarms < 0.11


def test_whole_comparisons_seldom_alarm_where_nothing_moves():
    rng = np.random.default_rng(0)
    found = [compared(Profile.of(table(500, rng)), table(300, rng), limits=STRICT).told for _ in range(25)]
    assert sum(map(bool, found)) <= stats.binom.ppf(0.999, 25, 0.05)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("score", lambda column, rng: column + 0.3),
        ("late", lambda column, rng: column.replace(96.0, 98.0)),
        ("income", lambda column, rng: column.mask(rng.random(len(column)) < 0.06)),
        ("home", lambda column, rng: column.cat.rename_categories({"other": "boat"})),
    ],
)
def test_a_shift_that_matters_is_found_among_a_thousand_rows(column, change):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        before, now = table(1000, rng), table(1000, rng)
        now[column] = change(now[column], rng)
        assert any(
            sentence.startswith(f"{column}: ") for sentence in compared(Profile.of(before), now, limits=STRICT).told
        )


def test_a_code_that_becomes_another_inside_the_range_is_found():
    rng = np.random.default_rng(0)
    before, now = table(1000, rng), table(1000, rng)
    before["late"] = before["late"].replace(96.0, 98.0)
    assert compared(Profile.of(before), now, limits=STRICT).told[0].startswith("late: population stability")


def test_a_feature_that_lasts_counts_for_fewer_sessions():
    rng = np.random.default_rng(0)
    shocks = rng.normal(size=1300)
    lasting = pd.DataFrame({"volatility": np.convolve(shocks, np.full(60, 1 / 60), mode="valid")})
    profile = Profile.of(lasting.head(1000), sessions=np.arange(1000))
    assert 15 < profile.columns["volatility"].lasts < 150
    assert not compared(profile, lasting.tail(40), limits=STRICT).told
    assert compared(Profile.of(lasting.head(1000)), lasting.tail(40), limits=STRICT).told


def test_the_index_by_hand():
    found = population_stability_index(np.array([1e6, 3e6]), np.array([2e6, 2e6]))
    assert found == pytest.approx(0.25 * np.log(2) - 0.25 * np.log(2 / 3))


def test_the_limit_of_a_single_bin_is_never_exceeded():
    assert stability_limit(1, trained=10, rows=10, alarm_rate=0.05) == np.inf


def test_the_chance_of_two_shares_is_that_of_fisher():
    found = stats.fisher_exact([[3, 17], [9, 11]], alternative="less").pvalue
    assert chance_of_difference((3, 20), (9, 20)) == pytest.approx(2 * found)


def test_values_beyond_the_range_are_as_likely_as_order_statistics_say():
    rng = np.random.default_rng(0)
    before, now = rng.random((20_000, 50)), rng.random((20_000, 5))
    outside = ((now < before.min(axis=1)[:, None]) | (now > before.max(axis=1)[:, None])).sum(axis=1)
    assert chance_of_new(2, 5, trained=50, single=1) == pytest.approx((outside >= 2).mean(), abs=0.003)


def test_unseen_levels_are_usual_where_many_levels_stood_alone():
    rng = np.random.default_rng(0)
    before, now = (pd.DataFrame({"id": pd.Categorical(rng.integers(0, 5000, 1000).astype(str))}) for _ in range(2))
    found = compared(Profile.of(before), now, limits=STRICT)
    assert found.summary.loc[0, "unseen"] > 0.5
    assert not found.told
