"""Cut-offs: what approving up to a probability brings, worked by hand, and chosen without the outcomes."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.lending.cutoff import best_cutoff, chosen_cutoff, cutoff_at_bad_rate, cutoff_at_share, cutoff_table
from finnet.lending.terms import LoanTerms
from tests.lending.made import book, forecasts_of

TERMS = LoanTerms(margin=0.1, loss_given_default=0.5)


def test_a_table_by_hand():
    amount = pd.Series({"L0": 1000.0, "L1": 2000.0, "L2": 4000.0})
    table = cutoff_table(forecasts_of([0.1, 0.2, 0.3], [0, 1, 0]), TERMS, amount=amount, cutoffs=[0.05, 0.1, 0.25, 1])
    assert table["n"].tolist() == [0, 1, 2, 3]
    assert table["approval_rate"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert table["bad_rate"].tolist() == pytest.approx([np.nan, 0, 1 / 2, 1 / 3], nan_ok=True)
    # Expected: 1000 (0.9 x 0.1 - 0.1 x 0.5) = 40, then 2000 (0.08 - 0.1) = -40, then 4000 (0.07 - 0.15) = -320.
    assert table["expected_profit"].tolist() == pytest.approx([0, 40, 0, -320])
    # Realized: 100 earned, then 1000 lost, then 400 earned.
    assert table["realized_profit"].tolist() == pytest.approx([0, 100, -900, -500])


def test_without_amounts_every_loan_is_one_unit():
    table = cutoff_table(forecasts_of([0.1, 0.3], [0, 1]), TERMS, cutoffs=[1.0])
    assert table["realized_profit"].iloc[0] == pytest.approx(0.1 - 0.5)


def test_the_default_cutoffs_run_from_none_to_all_and_hold_the_break_even():
    table = cutoff_table(forecasts_of(*book(500)), TERMS)
    assert (table["approval_rate"].iloc[0], table["approval_rate"].iloc[-1]) == (0, 1)
    assert TERMS.break_even in table["cutoff"].to_numpy()
    assert table["cutoff"].is_monotonic_increasing


def test_the_best_cutoff_of_loans_with_one_break_even_is_that():
    # Below margin / (margin + loss) every loan is expected to earn, above it to lose.
    assert best_cutoff(forecasts_of(*book(500)), TERMS) == pytest.approx(0.1 / 0.6)


def rates_of(margins):
    return pd.DataFrame({"rate": margins}, index=[f"L{row}" for row in range(len(margins))])


BY_RATE = LoanTerms(margin_column="rate", loss_given_default=0.5)


def test_no_cutoff_brings_more_than_the_best_one():
    probability, default = book(237)
    forecasts = forecasts_of(probability, default)
    columns = rates_of(np.random.default_rng(5).uniform(0.02, 0.3, 237))
    chosen = best_cutoff(forecasts, BY_RATE, columns=columns)
    every = cutoff_table(forecasts, BY_RATE, columns=columns, cutoffs=[0.0, *probability])
    best = every[every["cutoff"] == chosen].iloc[0]
    assert best["expected_profit"] == every["expected_profit"].max()
    # The number of loans that it approves is none of the grid's.
    assert best["n"] / 237 * 20 != pytest.approx(round(best["n"] / 237 * 20))


def test_the_table_has_a_row_at_the_best_cutoff():
    probability, default = book(237)
    columns = rates_of(np.random.default_rng(5).uniform(0.02, 0.3, 237))
    forecasts = forecasts_of(probability, default)
    chosen = best_cutoff(forecasts, BY_RATE, columns=columns)
    table = cutoff_table(forecasts, BY_RATE, columns=columns).set_index("cutoff")
    assert table.loc[chosen, "expected_profit"] == table["expected_profit"].max()


def test_of_equal_profits_the_lowest_cutoff_is_best():
    # The second loan brings 0.9 x 0.3 - 0.1 x 0.5 = 0.22 with the first; the third 0.5 x 0.5 - 0.5 x 0.5 = 0.
    assert best_cutoff(forecasts_of([0.1, 0.2, 0.5], [0, 0, 0]), BY_RATE, columns=rates_of([0.3, 0.3, 0.5])) == 0.2


def test_loans_of_one_forecast_are_approved_together_for_profit():
    # Apart, the second loan brings 0.8 x 0.5 - 0.2 x 0.5 = 0.3; with the third, 0.8 x -0.9 - 0.2 x 0.5, it costs.
    assert best_cutoff(forecasts_of([0.1, 0.2, 0.2], [0, 0, 0]), BY_RATE, columns=rates_of([0.3, 0.5, -0.9])) == 0.1


@pytest.mark.parametrize("lowest", [0.1, 0.0])
def test_nobody_is_approved_where_every_loan_is_expected_to_lose(lowest):
    forecasts, columns = forecasts_of([lowest, 0.3], [0, 0]), rates_of([-0.01, 0.01])
    chosen = best_cutoff(forecasts, BY_RATE, columns=columns)
    table = cutoff_table(forecasts, BY_RATE, columns=columns)
    assert table.loc[table["cutoff"] == chosen, "n"].tolist() == [0]


def test_outcomes_do_not_choose_the_cutoff():
    probability, default = book(500)
    columns = rates_of(np.random.default_rng(5).uniform(0.02, 0.3, 500))
    chosen = {
        best_cutoff(forecasts_of(probability, truth), BY_RATE, columns=columns) for truth in (default, 1 - default)
    }
    assert len(chosen) == 1


def test_expected_profit_of_true_probabilities_comes_true_on_average():
    tables = [cutoff_table(forecasts_of(*book(2000, seed)), TERMS, cutoffs=[0.1, 0.3]) for seed in range(30)]
    gap = np.array([(t["realized_profit"] - t["expected_profit"]).to_numpy() for t in tables])
    assert (np.abs(gap.mean(axis=0)) < 3 * gap.std(axis=0, ddof=1) / np.sqrt(30)).all()


def test_repeats_of_a_loan_count_once():
    probability, default = book(100)
    entity = [f"L{row}" for row in range(100)]
    once = cutoff_table(forecasts_of(probability, default, entity=entity), TERMS)
    thrice = forecasts_of(
        np.tile(probability, 3), np.tile(default, 3), entity=entity * 3, fold=np.repeat([0, 1, 2], 100)
    )
    assert cutoff_table(thrice, TERMS).to_numpy() == pytest.approx(once.to_numpy(), nan_ok=True)


def test_loans_whose_outcome_is_unknown_do_not_count():
    table = cutoff_table(forecasts_of([0.1, 0.2], [0, np.nan]), TERMS, cutoffs=[1.0])
    assert table["n"].iloc[0] == 1


@pytest.mark.parametrize(
    ("amount", "message"), [({"L0": 1.0}, "lacks loan 'L1'"), ({"L0": 1.0, "L1": -5.0}, "not above zero")]
)
def test_amounts_that_do_not_fit_are_refused(amount, message):
    with pytest.raises(DataError, match=message):
        cutoff_table(forecasts_of([0.1, 0.2], [0, 1]), TERMS, amount=pd.Series(amount))


def test_several_models_are_refused():
    both = Forecasts.concat([forecasts_of([0.1], [0], model=name) for name in ("network", "tree")])
    with pytest.raises(DataError, match="choose one model"):
        cutoff_table(both, TERMS)


def test_without_terms_there_is_no_profit():
    table = cutoff_table(forecasts_of(*book(100)))
    assert list(table) == ["cutoff", "n", "approval_rate", "bad_rate", "forecast_bad_rate"]


def test_the_cutoff_at_a_bad_rate_is_the_highest_that_keeps_it():
    # Means of the approved: 0.1, 0.15, 0.2 and 0.3.
    forecasts = forecasts_of([0.6, 0.1, 0.3, 0.2], [0, 0, 0, 0])
    assert [cutoff_at_bad_rate(forecasts, target) for target in (0.05, 0.1, 0.19, 0.2, 0.5)] == [0, 0.1, 0.2, 0.3, 0.6]


def test_a_weighted_loan_counts_as_its_repeats_in_the_cutoffs_that_a_rate_or_a_share_chooses():
    value, weight = [0.1, 0.2, 0.6], [1, 3, 2]
    once = forecasts_of(value, [0, 0, 0])
    weighted = Forecasts(once.table.assign(weight=np.array(weight, float)))
    repeated = forecasts_of(np.repeat(value, weight), np.zeros(6))
    for choose, given in ((cutoff_at_bad_rate, (0.15, 0.2, 0.31)), (cutoff_at_share, (0.1, 0.5, 2 / 3, 0.7))):
        assert [choose(weighted, each) for each in given] == [choose(repeated, each) for each in given]
    # Means of the approved: 0.1, 0.175 and 0.317; without weights 0.1, 0.15 and 0.3.
    assert [cutoff_at_bad_rate(each, 0.16) for each in (weighted, once)] == [0.1, 0.2]
    assert [cutoff_at_share(each, 2 / 3) for each in (weighted, once)] == [0.2, 0.2]
    assert [cutoff_at_share(each, 1 / 3) for each in (weighted, once)] == [0.2, 0.1]


def test_loans_of_one_forecast_are_approved_together():
    # The second loan alone would keep the rate, but the third cannot be told from it.
    assert cutoff_at_bad_rate(forecasts_of([0.0, 0.3, 0.3], [0, 0, 0]), 0.16) == 0.0


def test_the_target_chooses_where_the_terms_state_one():
    terms, forecasts = LoanTerms(margin=0.1, loss_given_default=0.5, target_bad_rate=0.02), forecasts_of(*book(500))
    table = cutoff_table(forecasts, terms)
    chosen = chosen_cutoff(forecasts, terms)
    row = table[table["cutoff"] == chosen].iloc[0]
    assert row["forecast_bad_rate"] <= 0.02
    assert chosen != best_cutoff(forecasts, terms)


def test_values_of_a_loan_move_its_profit():
    terms = LoanTerms(margin_column="rate", loss_given_default=0.5)
    columns = pd.DataFrame({"rate": [0.1, 0.3]}, index=["L0", "L1"])
    table = cutoff_table(forecasts_of([0.1, 0.2], [0, 0]), terms, columns=columns, cutoffs=[0.1, 0.2])
    assert table["realized_profit"].tolist() == pytest.approx([0.1, 0.4])


def test_the_default_cutoffs_of_weighted_loans_are_those_of_repeated_ones():
    probability, weight = np.linspace(0.01, 0.6, 40), np.where(np.arange(40) < 20, 9, 1)
    once = forecasts_of(probability, np.zeros(40))
    weighted = Forecasts(once.table.assign(weight=weight.astype(float)))
    repeated = forecasts_of(np.repeat(probability, weight), np.zeros(200))
    tables = [cutoff_table(each)[["cutoff", "approval_rate"]] for each in (weighted, repeated)]
    pd.testing.assert_frame_equal(*tables)
    # Half of the loans stand for nine tenths, so that few cut-offs lie among the others.
    assert (tables[0]["cutoff"] > probability[19]).sum() == 2
