"""Loans of one client share its luck: tests of calibration that count loans are too sure, those that count clients not.

A level is a share of seeded books, so that it is the same on every machine; `near` allows for three of its standard
errors.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

from finnet.evaluation.calibration import calibration_errors, calibration_table, coverage_table
from finnet.evaluation.cases import paired_cases
from finnet.evaluation.clusters import crossed, design_effect, design_effects, shares_design_effect
from finnet.evaluation.outcomes_analysis import outcomes_analysis
from finnet.evaluation.recalibration import recalibration, spiegelhalter_z
from finnet.forecasts import Forecasts

BOOKS = 120


def made(seed, *, rate, clients=300, slope=1.0, luck=0.8):
    """True probabilities or too extreme ones, defaults and clients of loans, 1 to 8 each, that share `luck`."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), rng.integers(1, 9, clients))
    n = len(client)
    score = logit(rate) + 0.9 * rng.standard_normal(clients)[client] + 0.5 * rng.standard_normal(n)
    true = expit(slope * (score - score.mean()) + score.mean())
    shock = np.sqrt(luck) * rng.standard_normal(clients)[client] + np.sqrt(1 - luck) * rng.standard_normal(n)
    return expit(score), (shock < stats.norm.ppf(true)).astype(float), client


def forecasts(probability, truth, client=None, **columns):
    rows = {"model": "network", "fold": 0, "entity": np.arange(len(truth)).astype(str), "target": "default"}
    rows |= {"horizon": 12, "kind": "probability", "value": probability, "truth": truth}
    return Forecasts.from_rows({**rows, **({} if client is None else {"group": client}), **columns}, run_id="t")


def rejects(probability, truth, client, **settings):
    """Whether the joint test, each interval and z find perfect forecasts at fault, shape (4,)."""
    found = calibration_errors(forecasts(probability, truth, client), draws=99, **settings).iloc[0]
    is_out = [
        not found[f"{name}_low"] <= true <= found[f"{name}_high"] for name, true in {"intercept": 0, "slope": 1}.items()
    ]
    return [not found["calibrated"], *is_out, abs(found["spiegelhalter"]) > 1.96]


def near(level, books=BOOKS):
    return level + 3 * np.sqrt(level * (1 - level) / books)


@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_tests_that_count_clients_have_their_level_and_those_that_count_loans_have_not(rate):
    books = [made(seed, rate=rate) for seed in range(BOOKS)]
    by_loan = np.mean([rejects(probability, truth, None) for probability, truth, _ in books], axis=0)
    by_client = np.mean([rejects(*book) for book in books], axis=0)
    assert (by_loan > [0.2, 0.15, 0.1, 0.15]).all()
    assert (by_client <= near(0.05)).all()


@pytest.mark.parametrize(("rate", "clients"), [(0.02, 1500), (0.2, 400)])
def test_forecasts_that_are_too_extreme_are_found_all_the_same(rate, clients):
    books = [made(seed, rate=rate, clients=clients, slope=0.7, luck=0.3) for seed in range(20)]
    assert np.mean([rejects(*book)[0] for book in books]) >= 0.7


def test_luck_of_months_is_counted_beside_that_of_clients():
    levels = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        probability, _, client = made(seed, rate=0.2)
        month = rng.integers(0, 24, len(client))
        shock = 0.4 * rng.standard_normal(24)[month] + 0.5 * rng.standard_normal(300)[client]
        shock += np.sqrt(1 - 0.4**2 - 0.5**2) * rng.standard_normal(len(client))
        truth = (shock < stats.norm.ppf(probability)).astype(float)
        issued = pd.date_range("2020-01-01", periods=24, freq="MS")[month]
        levels.append(
            [rejects(probability, truth, client)[0], _joint(forecasts(probability, truth, client, issued_at=issued))]
        )
    by_client, by_both = np.mean(levels, axis=0)
    assert by_client > 0.15
    assert by_both <= near(0.05, 60)


def _joint(made_forecasts):
    return not calibration_errors(made_forecasts, draws=99)["calibrated"].iloc[0]


@pytest.mark.parametrize("tested", [calibration_errors, calibration_table], ids=lambda each: each.__name__)
def test_with_one_loan_a_client_tests_are_those_of_loans_to_the_bit(tested):
    probability, truth, _ = made(0, rate=0.2)
    alone = np.arange(len(truth))[::-1].copy()
    pd.testing.assert_frame_equal(
        tested(forecasts(probability, truth, alone)), tested(forecasts(probability, truth)), check_exact=True
    )


def test_clusters_of_one_row_change_nothing_to_the_bit():
    probability, truth, _ = made(0, rate=0.2)
    alone = [np.arange(len(truth))]
    assert recalibration(truth, probability, clusters=alone) == recalibration(truth, probability)
    assert spiegelhalter_z(truth, probability, clusters=alone) == spiegelhalter_z(truth, probability)


def test_the_record_says_how_many_independent_loans_there_are():
    probability, truth, client = made(0, rate=0.2)
    assert 300 < calibration_errors(forecasts(probability, truth, client))["effective_n"].iloc[0] < len(truth)
    assert "effective_n" not in calibration_errors(forecasts(probability, truth))


def test_the_error_of_the_slope_grows_as_the_sandwich_does():
    probability, truth, client = made(1, rate=0.2)
    X = np.column_stack([np.ones(len(truth)), logit(probability) - logit(probability).mean()])
    alone, by_client = (recalibration(truth, probability, clusters=clusters).slope for clusters in ([], [client]))
    level = logit(truth.mean())
    beta = np.array([level, alone.value])
    for _ in range(30):
        p = expit(X @ beta)
        beta = beta + np.linalg.solve(X.T @ (X * (p * (1 - p))[:, None]), X.T @ (truth - p))
    inverse = np.linalg.inv(X.T @ (X * (p * (1 - p))[:, None]))
    n, scores = len(truth), X * (truth - p)[:, None]
    sums = np.array([scores[client == number].sum(axis=0) for number in range(300)])
    sandwiches = (
        (inverse @ (sums.T @ sums) @ inverse)[1, 1] * 300 / 299,
        (inverse @ (scores.T @ scores) @ inverse)[1, 1] * n / (n - 1),
    )
    growth = ((by_client.high - by_client.low) / (alone.high - alone.low)) ** 2
    assert growth == pytest.approx(sandwiches[0] / sandwiches[1], rel=1e-6)
    assert growth > 1.2


def test_two_divisions_by_hand():
    # Sums of clients are 2, 1, -3, those of months 1, 2, -3, and no two rows share both.
    terms, client, month = np.array([1.0, 1.0, 1.0, -3.0]), np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    one, both = 3 / 2 * (4 + 1 + 9), 4 / 3 * (3 + 9)
    assert design_effect(terms, [client, month]) == pytest.approx((2 * one - both) / both)


def test_luck_that_differs_within_clients_never_makes_tests_surer():
    terms, client = np.array([1.0, -1.0, 1.0, -1.0]), np.array([0, 0, 1, 1])
    assert design_effect(terms, [client]) == 1.0
    assert design_effects(terms, np.ones(4), cell=np.zeros(4, int), cluster=client).tolist() == [1.0]
    assert design_effect(terms, [np.zeros(4, int)]) == 1.0


def test_a_cell_whose_clients_have_more_loans_has_the_larger_effect():
    probability, truth, client = made(2, rate=0.2)
    cell = (np.bincount(client)[client] > 4).astype(int)
    few, many = design_effects(truth - probability, np.sqrt(probability * (1 - probability)), cell=cell, cluster=client)
    assert 1.2 < few < many


def test_shares_of_clients_that_are_alike_vary_as_shares_of_clients():
    client, value = np.repeat(np.arange(200), 5), np.random.default_rng(0).integers(0, 4, 200)
    assert shares_design_effect(value[client], client) == pytest.approx(5.0)
    assert shares_design_effect(np.random.default_rng(1).integers(0, 4, 1000), client) < 1.15
    assert shares_design_effect(np.zeros(4, int), np.array([0, 0, 1, 1])) == 1.0


def test_every_pair_of_numbers_has_one():
    assert len(set(crossed(np.array([0, 0, 1, 1, 0]), np.array([0, 3, 0, 3, 3])).tolist())) == 4


def test_intervals_of_bins_are_wider_where_clients_share_luck():
    probability, truth, client = made(3, rate=0.2)
    by_loan, by_client = (calibration_table(forecasts(probability, truth, group), 3) for group in (None, client))
    assert by_client.drop(columns=["low", "high"]).equals(by_loan.drop(columns=["low", "high"]))
    assert ((by_client["high"] - by_client["low"]) > 1.1 * (by_loan["high"] - by_loan["low"])).all()


def test_repeats_of_loans_of_clients_add_nothing():
    # As many rows as bins hold evenly, so that bins of both are the same.
    probability, truth, client = (each[:1200] for each in made(4, rate=0.2))
    n, twice = len(truth), [np.tile(each, 2) for each in (probability, truth, client)]
    again = forecasts(*twice, entity=np.tile(np.arange(n).astype(str), 2), fold=np.repeat([0, 1], n))
    once = forecasts(probability, truth, client)
    assert calibration_errors(again).equals(calibration_errors(once))
    columns = ["n", "observed", "low", "high"]
    assert calibration_table(again)[columns].to_numpy() == pytest.approx(calibration_table(once)[columns].to_numpy())


def test_quantiles_of_alike_cases_are_counted_by_client():
    loss, client = np.random.default_rng(0).random(60), np.repeat(np.arange(60), 4)
    kind = {"kind": "quantile", "level": 0.5, "target": "loss_given_default"}
    tables = [coverage_table(forecasts(0.5, loss[client], group, **kind)) for group in (None, client)]
    widths = [float((table["high"] - table["low"]).iloc[0]) for table in tables]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.1)


def test_weights_that_loans_of_a_client_share_are_no_luck():
    loss, client = np.random.default_rng(0).random(400), np.repeat(np.arange(100), 4)
    kind = {"kind": "quantile", "level": 0.5, "target": "loss_given_default", "weight": np.where(client % 2, 1.0, 10.0)}
    tables = [coverage_table(forecasts(0.5, loss, group, **kind)) for group in (None, client)]
    widths = [float((table["high"] - table["low"]).iloc[0]) for table in tables]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)


def test_months_are_no_division_where_no_client_has_two_loans():
    probability, truth, client = made(5, rate=0.2, clients=100)
    issued = pd.date_range("2020-01-01", periods=24, freq="MS")[np.arange(len(truth)) % 24]
    assert paired_cases(forecasts(probability, truth, issued_at=issued)).clusters == []
    assert len(paired_cases(forecasts(probability, truth, client, issued_at=issued)).clusters) == 2


def test_outcomes_of_new_loans_count_clients():
    books = [made(seed, rate=0.1) for seed in range(50)]
    by_loan = np.mean([outcomes_analysis(forecasts(p, y), {}).gap_chance < 0.05 for p, y, _ in books])
    found = [outcomes_analysis(forecasts(*book), {}) for book in books]
    assert by_loan > 0.15
    assert np.mean([each.gap_chance < 0.05 for each in found]) <= near(0.05, 50)
    assert found[0].n_clients == 300
    assert 300 < found[0].effective_n < found[0].n


def test_months_of_new_loans_count_clients():
    probability, truth, client = made(6, rate=0.2)
    issued = pd.Timestamp("2020-01-05") + pd.to_timedelta(40 * (client % 2), unit="D")
    by_loan, by_client = (
        outcomes_analysis(forecasts(probability, truth, group, issued_at=issued), {}).months for group in (None, client)
    )
    assert ((by_client["high"] - by_client["low"]) > 1.2 * (by_loan["high"] - by_loan["low"])).all()
