"""New rows are compared with those of training: what is odd has flags, what is a shift breaches a limit."""

import numpy as np
import pandas as pd
import pytest

from finnet.evaluation.profile import Profile
from finnet.evaluation.stability import Limits, compared


def rows(n, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": np.exp(10 + 0.5 * rng.normal(size=n)),
            "late": rng.poisson(0.3, n).astype(float),
            "home": pd.Categorical(rng.choice(["own", "rent", "other"], n, p=[0.5, 0.45, 0.05])),
            "debt": np.where(rng.random(n) < 0.3, np.nan, rng.random(n)),
        }
    )


TRAINED = Profile.of(rows(1000, 0))


@pytest.mark.parametrize("n", [1, 8, 20, 100, 2000])
def test_rows_like_those_of_training_breach_nothing(n):
    assert not any(compared(TRAINED, rows(n, seed)).told for seed in range(1, 40))


@pytest.mark.parametrize(
    ("change", "flag", "said"),
    [
        ({"home": "boat"}, "home: level not seen in training", "levels that training never saw"),
        ({"home": "RENT"}, "home: level not seen in training", "levels that training never saw"),
        ({"income": 5e7}, "income: out of range", "values outside the range of training"),
        ({"income": np.nan}, "income: missing", "no value"),
    ],
)
def test_a_file_of_odd_rows_has_flags_and_breaches(change, flag, said):
    new = rows(8, 1).astype({"home": object}).assign(**change)
    found = compared(TRAINED, new.astype({"home": "category"}))
    assert all(flag in flags for flags in found.flags)
    assert said in found.told[0]


def test_one_odd_row_among_many_has_a_flag_and_breaches_nothing():
    new = rows(200, 1)
    new.loc[7, "income"] = 5e7
    found = compared(TRAINED, new)
    assert "income: out of range" in found.flags[7]
    assert not found.told


def test_what_was_often_missing_has_no_flag_where_it_is_missing():
    assert not any("debt: missing" in flags for flags in compared(TRAINED, rows(100, 2)).flags)


def test_a_shift_within_the_range_breaches_the_limit_of_population_stability():
    new = rows(300, 3).assign(income=lambda table: table["income"] * 1.6)
    assert "population stability" in compared(TRAINED, new).told[0]


def test_rows_of_one_session_count_once():
    new = rows(300, 3).assign(income=lambda table: table["income"] * 1.6)
    assert not compared(TRAINED, new, units=1).told


def test_the_summary_has_a_row_for_each_column():
    found = compared(TRAINED, rows(50, 4)).summary
    assert found["column"].tolist() == ["income", "late", "home", "debt"]
    assert found.loc[3, "missing_before"] == pytest.approx(0.3, abs=0.05)


def test_rows_of_clients_that_are_alike_raise_alarms_as_rarely_as_stated():
    def of_clients(seed):
        rng = np.random.default_rng(seed)
        client = np.repeat(np.arange(100), rng.integers(2, 8, 100))
        return pd.DataFrame({"income": rng.normal(size=100)[client], "amount": rng.normal(size=len(client))}), client

    def alarms(seed, *, counts_clients):
        trained, client = of_clients(2 * seed)
        profile = Profile.of(trained, clients=client if counts_clients else None)
        return bool(compared(profile, of_clients(2 * seed + 1)[0], limits=Limits(0.05, 0.0, 0.0)).told)

    by_row, by_client = (np.mean([alarms(seed, counts_clients=way) for seed in range(60)]) for way in (False, True))
    assert by_row > 0.5
    # 5 % and three standard errors of 60 seeded comparisons.
    assert by_client <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_a_profile_knows_that_rows_of_clients_are_alike():
    client, value = np.repeat(np.arange(200), 5), np.random.default_rng(0).normal(size=200)
    profile = Profile.of(pd.DataFrame({"income": value[client]}), clients=client)
    assert profile.columns["income"].lasts == pytest.approx(5.0, abs=0.3)
    assert profile.by_client
    assert Profile.from_json(profile.to_json()).by_client
    assert not Profile.of(pd.DataFrame({"income": value[client]})).by_client
