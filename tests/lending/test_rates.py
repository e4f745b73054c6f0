"""Equal rates are rejected at the level of the test, in small groups and where rows share clients."""

import numpy as np
import pytest
from scipy import stats

from finnet.lending.rates import auc_covariance, auc_estimate, equal_rates


def test_two_rates_by_hand():
    # 12 of 20 against 30 of 40: pooled 0.7, z = -0.15 / sqrt(0.21 (1/20 + 1/40)).
    happened = np.r_[np.arange(20) < 12, np.arange(40) < 30].astype(float)
    z = 0.15 / np.sqrt(0.21 * (1 / 20 + 1 / 40))
    assert equal_rates(happened, np.arange(60) < 20, np.arange(60)) == pytest.approx(2 * stats.norm.sf(z))


def test_rates_without_spread_do_not_differ():
    assert equal_rates(np.ones(60), np.arange(60) < 30, np.arange(60)) == 1.0


def test_repeats_of_a_loan_that_agree_count_once():
    rng = np.random.default_rng(0)
    happened, is_own = (rng.random(200) < 0.7).astype(float), np.arange(200) < 60
    alone = equal_rates(happened, is_own, np.arange(200))
    again, third = [np.repeat(column, 3) for column in (happened, is_own, np.arange(200))], np.full(600, 1 / 3)
    assert equal_rates(*again, weight=third) == pytest.approx(alone)
    assert equal_rates(*again[:2], np.arange(600), weight=third) < alone


def test_clients_whose_loans_say_the_same_count_once():
    rng = np.random.default_rng(1)
    happened, is_own = (rng.random(200) < 0.7).astype(float), np.arange(200) < 60
    of_clients = [np.repeat(column, 4) for column in (happened, is_own, np.arange(200))]
    assert equal_rates(*of_clients) == pytest.approx(equal_rates(happened, is_own, np.arange(200)))


def rejected(*, own, others, rate, loans, draws=1500):
    """How often equal rates are rejected at 5 %, where clients have up to `loans` loans with a common decision."""
    rng, found = np.random.default_rng(7), 0
    for _ in range(draws):
        unit = np.repeat(np.arange(own + others), rng.integers(1, loans + 1, own + others))
        shared, alone = rng.random(own + others) < rate, rng.random(len(unit)) < rate
        happened = np.where(rng.random(len(unit)) < 0.8, shared[unit], alone).astype(float)
        found += equal_rates(happened, unit < own, unit) < 0.05
    return found / draws


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
def test_the_level_is_kept_in_a_group_of_30_loans(rate):
    # By the spread of each group's own rate, equal rates of 0.9 are rejected in 10 % of such draws, of 0.97 in 39 %.
    assert 0.03 <= rejected(own=30, others=300, rate=rate, loans=1) <= 0.065


def test_the_level_is_kept_where_loans_share_clients():
    assert 0.03 <= rejected(own=30, others=300, rate=0.9, loans=4) <= 0.065


def test_areas_of_two_parts_that_share_clients_differ_at_the_level_of_the_test():
    """Clients have a loan in either part, and one luck in both."""
    rng, client, is_own = np.random.default_rng(0), np.arange(600) % 300, np.arange(600) < 300
    p_values = []
    for _ in range(400):
        probability, luck = rng.beta(1, 3, 300)[client], rng.random(300)[client]
        luck = np.where(rng.random(600) < 0.7, luck, rng.random(600))
        truth = (luck < probability).astype(float)
        own, others = (auc_estimate(truth[rows], probability[rows], client[rows]) for rows in (is_own, ~is_own))
        shared = auc_covariance(truth, probability, client, is_own=is_own)
        p_values.append([own.p_value(others), own.p_value(others, shared)])
    careful, at_level = (np.array(p_values) < 0.05).mean(axis=0)
    assert careful < 0.02
    assert 0.03 <= at_level <= 0.07


def test_areas_of_parts_without_a_client_in_both_have_no_covariance():
    rng = np.random.default_rng(0)
    truth, probability = (rng.random(200) < 0.3).astype(float), rng.random(200)
    assert auc_covariance(truth, probability, np.arange(200) // 2, is_own=np.arange(200) < 100) == 0.0
