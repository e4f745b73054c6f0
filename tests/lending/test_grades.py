"""Grades hold loans of like risk, each counted once, and are called wrong about as often as stated."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.lending.grades import (
    Grades,
    GradeScale,
    find_scale,
    grade_areas,
    grade_table,
    graded_loans,
    group_table,
    herfindahl,
    vintages,
)


def forecasts(value, truth, **columns):
    rows = {"model": "network", "fold": 0, "entity": [f"L{k}" for k in range(len(value))], "target": "default"}
    kind = {"horizon": 12, "kind": "probability", "value": value, "truth": truth}
    return Forecasts.from_rows({**rows, **kind, **columns}, run_id="demo")


def drawn(n, seed=0, *, factor=1.0):
    rng = np.random.default_rng(seed)
    p = expit(rng.normal(-3, 1, n))
    return p, (rng.random(n) < np.minimum(factor * p, 1)).astype(float)


SCALE = GradeScale((0.02, 0.05, 0.1))


def test_grading_costs_what_ties_within_grades_no_longer_order():
    loans = graded_loans(forecasts(*drawn(3000)), SCALE)
    found = grade_areas(loans, np.arange(len(loans))).set_index("of")
    truth = loans["default"].to_numpy()
    assert found["value"]["forecasts"] == pytest.approx(roc_auc_score(truth, loans["forecast"]))
    assert found["value"]["grades"] == pytest.approx(roc_auc_score(truth, loans["grade"]))
    assert found["value"]["lost"] == pytest.approx(found["value"]["forecasts"] - found["value"]["grades"])
    # Of the same loans: far narrower than the interval of either.
    width = found["high"] - found["low"]
    assert width["lost"] < width["grades"] / 2


def test_an_area_by_fewer_than_ten_defaults_has_no_interval():
    loans = graded_loans(forecasts(np.linspace(0.01, 0.2, 50), np.arange(50) > 44), SCALE)
    assert grade_areas(loans, np.arange(50))[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("limits", [(0.1, 0.05), (0.0, 0.1), (0.1, 1.0), (0.1, 0.1), (float("nan"),)])
def test_limits_that_are_no_scale_are_refused(limits):
    with pytest.raises(ConfigError, match="do not rise between 0 and 1"):
        Grades(limits=limits)


def test_every_grade_that_is_found_has_enough_loans_and_expected_defaults():
    p, _ = drawn(3000)
    scale = find_scale(p, Grades(count=12, least_share=0.04, least_defaults=8))
    grade = scale.grades(p)
    assert 3 <= len(scale) < 12
    for number in range(1, len(scale) + 1):
        assert (grade == number).mean() >= 0.04
        assert p[grade == number].sum() >= 8


def test_steps_are_equal_on_the_log_odds_where_loans_suffice():
    limits = find_scale(expit(np.linspace(-4, 0, 100_000)), Grades(count=5)).limits
    assert np.diff(np.log(limits) - np.log1p(-np.array(limits))) == pytest.approx(np.full(3, 0.98 * 4 / 5), abs=0.02)


@pytest.mark.parametrize("p", [np.full(500, 0.1), drawn(20)[0]], ids=["all alike", "few"])
def test_loans_that_cannot_be_told_apart_are_one_grade(p):
    assert len(find_scale(p, Grades())) == 1


def test_the_jeffreys_test_is_the_published_one():
    value, truth = np.repeat([0.01, 0.08], [200, 100]), np.zeros(300)
    truth[:6] = truth[200:209] = 1
    table = grade_table(graded_loans(forecasts(value, truth), SCALE), SCALE).set_index("grade")
    # ECB 2019: I_PD(D + 1/2, N - D + 1/2).
    assert table.loc[1, "p_value"] == pytest.approx(stats.beta(6.5, 194.5).cdf(0.01))
    assert table.loc[3, "p_value"] == pytest.approx(stats.beta(9.5, 91.5).cdf(0.08))
    assert table.loc[[2, 4], "finding"].tolist() == ["no loans", "no loans"]
    assert table.loc[1, "finding"] == "forecast too low"


@pytest.mark.parametrize(("factor", "words"), [(1.5, "too low"), (0.5, "too high")])
def test_grades_that_are_off_are_found_at_fault(factor, words):
    table = grade_table(graded_loans(forecasts(*drawn(8000, factor=factor)), SCALE), SCALE)
    assert table["finding"].str.contains(words).sum() >= 3


def test_calibrated_grades_are_found_at_fault_in_one_book_of_twenty():
    tables = [grade_table(graded_loans(forecasts(*drawn(800, seed)), SCALE), SCALE) for seed in range(100)]
    assert np.mean([table["finding"].str.contains("too").any() for table in tables]) <= 0.1


def test_repeats_of_a_loan_count_once():
    p, truth = drawn(400)
    entity = [f"L{k}" for k in range(400)]
    once = grade_table(graded_loans(forecasts(p, truth), SCALE), SCALE)
    again = forecasts(np.tile(p, 3), np.tile(truth, 3), entity=entity * 3, fold=np.repeat([0, 1, 2], 400))
    pd.testing.assert_frame_equal(grade_table(graded_loans(again, SCALE), SCALE), once)


def test_losses_are_amount_times_loss_given_default():
    loans = graded_loans(forecasts(np.array([0.01, 0.2]), np.array([0.0, 1.0])), SCALE)
    table = grade_table(loans, SCALE, amount=pd.Series({"L0": 100.0, "L1": 50.0}), loss_given_default=0.4)
    assert table.set_index("grade").loc[[1, 4], ["expected_loss", "realized_loss"]].to_numpy() == pytest.approx(
        np.array([[0.4, 0.0], [4.0, 20.0]])
    )


def test_a_segment_whose_default_rate_is_another_is_found_with_its_grades():
    p, truth = drawn(4000)
    card = np.arange(4000) % 2 == 0
    truth[card] = (np.random.default_rng(5).random(2000) < np.minimum(3 * p[card], 1)).astype(float)
    table = group_table(graded_loans(forecasts(p, truth), SCALE), np.where(card, "card", "loan").tolist()).set_index(
        "group"
    )
    assert table["finding"].tolist() == ["forecast too low", "no difference detected"]
    assert "4 (too low)" in table.loc["card", "failed_grades"]
    assert table.loc["loan", "failed_grades"] == ""


def test_many_quarters_become_years():
    quarters = pd.Series(pd.date_range("2015-01-01", "2019-12-31", freq="30D"))
    assert sorted(set(vintages(quarters))) == ["2015", "2016", "2017", "2018", "2019"]


def test_one_grade_for_all_is_full_concentration():
    assert herfindahl(graded_loans(forecasts(*drawn(50)), GradeScale(()))) == 1.0


def test_pending_loans_are_not_graded_against_outcomes():
    with pytest.raises(DataError, match="known outcome"):
        graded_loans(forecasts(np.array([0.1]), np.array([np.nan])), SCALE)


def test_limits_and_a_count_of_grades_are_not_both_given():
    with pytest.raises(ConfigError, match="limits and count"):
        Grades(limits=(0.02, 0.1), count=5)


def test_repeats_of_a_loan_count_once_in_the_size_of_a_grade():
    p, _ = drawn(400)
    once = find_scale(p, Grades(count=5))
    thrice = find_scale(np.repeat(p, 3), Grades(count=5), weight=np.full(1200, 1 / 3))
    assert thrice.limits == pytest.approx(once.limits, rel=0.02)
    # Counted thrice, grades with a third of the expected defaults would be large enough.
    assert len(find_scale(np.repeat(p, 3), Grades(count=5))) > len(thrice)


def of_clients(seed, *, clients=400, luck=0.8):
    """Grades of calibrated loans, 1 to 8 of each client, which share most of their luck."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), rng.integers(1, 9, clients))
    p = expit(rng.normal(-2, 1, clients)[client] + 0.3 * rng.standard_normal(len(client)))
    shock = np.sqrt(luck) * rng.standard_normal(clients)[client]
    shock += np.sqrt(1 - luck) * rng.standard_normal(len(client))
    return graded_loans(forecasts(p, (shock < stats.norm.ppf(p)).astype(float), group=client), SCALE)


def test_grades_of_loans_whose_clients_share_luck_fail_too_often_unless_clients_count():
    books = [of_clients(seed) for seed in range(120)]
    fails = [
        [
            grade_table(loans, SCALE)["finding"].str.contains("too").any()
            for loans in (book, book.drop(columns="client"))
        ]
        for book in books
    ]
    by_client, by_loan = np.mean(fails, axis=0)
    assert by_loan > 0.25
    # 5 % and three standard errors of 120 seeded books.
    assert by_client <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)


def test_the_table_says_how_many_independent_loans_a_grade_has():
    loans = of_clients(0)
    table = grade_table(loans, SCALE)
    assert (table["effective_n"] < table["n"]).all()
    assert "effective_n" not in grade_table(loans.drop(columns="client"), SCALE)
    quarters = group_table(loans, np.where(loans.index % 2, "2019 Q1", "2019 Q2").tolist())
    assert (quarters["effective_n"] < quarters["n"]).all()


def test_with_one_loan_a_client_grades_are_tested_as_before_to_the_bit():
    p, truth = drawn(800)
    tables = [
        grade_table(graded_loans(forecasts(p, truth, **known), SCALE), SCALE) for known in ({}, {"group": range(800)})
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_repeats_of_loans_of_clients_count_once():
    p, truth = drawn(400)
    entity, client = [f"L{k}" for k in range(400)], np.arange(400) // 4
    once = grade_table(graded_loans(forecasts(p, truth, group=client), SCALE), SCALE)
    columns = {"entity": entity * 3, "fold": np.repeat([0, 1, 2], 400), "group": np.tile(client, 3)}
    again = grade_table(graded_loans(forecasts(np.tile(p, 3), np.tile(truth, 3), **columns), SCALE), SCALE)
    pd.testing.assert_frame_equal(again, once)
