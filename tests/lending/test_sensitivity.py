"""Sensitivity: what is expected under other losses, margins and odds, as decided and decided anew, by hand."""

import numpy as np
import pandas as pd
import pytest

from finnet.lending.by_loan import cutoffs_in_use
from finnet.lending.cutoff import outcome_of
from finnet.lending.sensitivity import FACTORS, sensitivity_table
from finnet.lending.terms import LoanTerms
from tests.lending.made import book, forecasts_of

NAMES = ["L0", "L1", "L2"]
AMOUNT = pd.Series([1000.0, 2000.0, 4000.0], NAMES)
COLUMNS = pd.DataFrame({"rate": [0.02, 0.1, 0.4], "lost": [0.5, 0.8, 0.4]}, NAMES)


def table_of(forecasts, terms, **loans):
    cutoff = cutoffs_in_use(forecasts, terms, **loans)
    return sensitivity_table(forecasts, terms, cutoff, **loans).set_index(["varied", "factor"])


@pytest.mark.parametrize(
    "settings", [{}, {"target_bad_rate": 0.05}, {"by_loan": True}, {"cost_per_loan": 0.01}], ids=str
)
def test_the_first_row_is_what_the_terms_decide(settings):
    forecasts, terms = forecasts_of(*book(200)), LoanTerms(0.05, 0.45, **settings)
    loans = {"amount": pd.Series(1.0, [f"L{row}" for row in range(200)])}
    cutoff = cutoffs_in_use(forecasts, terms, **loans)
    brought = outcome_of(forecasts, terms, forecasts.table["value"].to_numpy() <= cutoff, **loans)
    first = table_of(forecasts, terms, **loans).iloc[0]
    assert first[["kept_profit", "profit"]].tolist() == pytest.approx([brought["expected_profit"]] * 2)
    assert first["approval_rate"] == brought["approval_rate"]
    assert first[["kept_difference", "difference"]].tolist() == [0.0, 0.0]


def test_a_break_even_moves_with_loss_and_margin_and_odds_move_the_loans_below_it():
    table = table_of(forecasts_of([0.02, 0.08, 0.4], [0, 0, 1]), LoanTerms(0.05, 0.45))
    # 0.05 / (0.05 + 0.675), and 0.025 / (0.025 + 0.45); the line of 0.1 stays where the forecasts move.
    assert table.loc[("loss_given_default", 1.5), "cutoff"] == pytest.approx(0.05 / 0.725)
    assert table.loc[("margin", 0.5), ["cutoff", "level"]].tolist() == pytest.approx([0.025 / 0.475, 0.025])
    assert table.loc[("odds", 1.5), "cutoff"] == pytest.approx(0.1)
    # Odds of 1.5 x 2/98 and 1.5 x 8/92: 0.0297 and 0.1154, and the second is no longer approved.
    risk = np.array([3 / 101, 12 / 104])
    assert table.loc[("odds", 1.5), "bad_rate"] == pytest.approx(risk[0])
    assert table.loc[("odds", 1.5), "kept_bad_rate"] == pytest.approx(risk.mean())
    assert table.loc[("odds", 1.5), "kept_profit"] == pytest.approx((0.05 - 0.5 * risk).sum())
    assert table.loc[("odds", 1.5), "profit"] == pytest.approx(0.05 - 0.5 * risk[0])


def test_margins_and_losses_of_each_loan_are_all_scaled_and_none_loses_more_than_its_amount():
    terms = LoanTerms(margin_column="rate", loss_given_default_column="lost", cost_per_loan=5.0)
    forecasts = forecasts_of([0.1, 0.2, 0.3], [0, 0, 0])
    table = sensitivity_table(forecasts, terms, 1.0, amount=AMOUNT, columns=COLUMNS).set_index(["varied", "factor"])
    p, lent = np.array([0.1, 0.2, 0.3]), AMOUNT.to_numpy()
    margin = (1 - p) @ (lent * COLUMNS["rate"])
    losses = p * lent * COLUMNS["lost"]
    assert table.loc[("margin", 0.75), "kept_profit"] == pytest.approx(0.75 * margin - losses.sum() - 15)
    # 0.8 x 1.5 would be more than all of the second loan.
    capped = (p * lent) @ np.array([0.75, 1.0, 0.6])
    assert table.loc[("loss_given_default", 1.5), "kept_profit"] == pytest.approx(margin - capped - 15)
    assert table.loc[["margin", "loss_given_default"], "level"].isna().all()


def test_a_line_drawn_anew_never_brings_less_than_the_old_one():
    forecasts, rng = forecasts_of(*book(300)), np.random.default_rng(0)
    names = [f"L{row}" for row in range(300)]
    loans = {"columns": pd.DataFrame({"rate": rng.uniform(0.01, 0.2, 300)}, names)}
    for by_loan in (False, True):
        table = table_of(forecasts, LoanTerms(margin_column="rate", by_loan=by_loan), **loans)
        assert (table["profit"] >= table["kept_profit"] - 1e-9).all()
        assert len(table) == 1 + 3 * len(FACTORS)


def test_loan_by_loan_has_no_cutoff_and_a_target_of_the_bad_rate_heeds_the_odds_alone():
    forecasts = forecasts_of(*book(200))
    assert table_of(forecasts, LoanTerms(by_loan=True))["cutoff"].isna().all()
    table = table_of(forecasts, LoanTerms(target_bad_rate=0.06))
    assert set(table.loc[["loss_given_default", "margin"], "cutoff"]) == {table["cutoff"].iloc[0]}
    assert table.loc[("odds", 1.5), "approval_rate"] < table["approval_rate"].iloc[0]


def test_a_loan_of_weight_three_counts_as_three():
    heavy = forecasts_of([0.02, 0.3, 0.4], [0, 0, 1], weight=[3.0, 1.0, 1.0])
    thrice = forecasts_of([0.02] * 3 + [0.3, 0.4], [0] * 4 + [1])
    drawn = [table_of(each, LoanTerms(0.05, 0.45)) for each in (heavy, thrice)]
    pd.testing.assert_frame_equal(*drawn)
