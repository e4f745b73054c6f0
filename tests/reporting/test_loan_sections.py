"""Sections about loans say what was found, what was not shown, and by which figures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finnet.reporting.html import Page, render
from finnet.reporting.markdown import markdown
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.fairness import FairnessSection
from finnet.reporting.sections.guidance import GuidanceSection
from finnet.reporting.sections.reasons import ReasonsSection
from finnet.reporting.sections.segments import SegmentsSection
from tests.reporting.conftest import made_data


def html_of(section):
    return render(Page("", "", "", {}, [section.draw()]))


def figures(names, value, spread):
    """Columns of values with the ends of their intervals."""
    ends = {"": 0.0, "_low": -spread, "_high": spread}
    return {f"{name}{end}": value + shift for name in names for end, shift in ends.items()}


def fairness(ratio, p_holm, spread=0.1):
    same = figures(("approval_rate", "bad_rate", "opportunity", "observed", "gap", "auc"), 0.5, 0.05)
    row = {"column": "sex", "loans": 300, "defaults": 40, "forecast": 0.2, "is_small": False, **same}
    groups = [
        {**row, "group": "men", "is_reference": True, **figures(["ratio"], 1.0, 0.0), "p_holm": np.nan},
        {**row, "group": "women", "is_reference": False, **figures(["ratio"], ratio, spread), "p_holm": p_holm},
    ]
    return FairnessSection(fairness=pd.DataFrame(groups), cutoff=0.2, origin="which a test chose")


@pytest.mark.parametrize("p_holm", [0.6, 0.001])
def test_no_proof_of_fairness_is_claimed_whatever_was_found(p_holm):
    section = fairness(0.7, p_holm)
    said = "That no difference is detected for a group is no proof that it is treated alike"
    assert said in html_of(section)
    assert any(said in item for block in section.card.blocks for item in block.items)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (["men"], "as the column has one group alone, men."),
        (["missing"], "as the column is missing for every loan."),
        (["men", "women"], "as only the largest group has 100 loans or more."),
    ],
)
def test_where_nothing_was_compared_nothing_is_said_to_be_alike(groups, words):
    section = fairness(0.9, np.nan)
    table = section.fairness.head(len(groups)).assign(group=groups)
    html = html_of(replace(section, fairness=table))
    assert f"sex: no approval rate is compared, {words}" in html
    assert "detectably" not in html
    other = pd.concat([table, fairness(0.9, 0.6).fairness.assign(column="home")])
    html = html_of(replace(section, fairness=other))
    assert "detectably" in html
    assert words in html


def test_where_no_loan_is_approved_groups_have_nothing_to_compare():
    section = fairness(0.9, 1.0)
    html = html_of(replace(section, fairness=section.fairness.assign(approval_rate=0.0)))
    assert "sex: no approval rate is compared, as no loan is approved." in html
    assert "detectably" not in html


def test_a_ratio_just_below_four_fifths_is_not_rounded_to_it():
    html = html_of(fairness(0.7973, 0.02))
    said = "approved 0.797 times as often (0.697 to 0.897, not adjusted; p = 0.020 after Holm&#39;s correction) as men"
    assert f"{said}, below four fifths." in html
    assert "0.80<" not in html


def test_surely_below_names_the_interval_and_the_table_the_p_value_that_decided():
    html = html_of(fairness(0.5, 0.0123))
    assert "below four fifths with its whole interval." in html
    assert ">p (Holm)<" in html
    assert ">0.012<" in html


def test_the_test_named_is_the_one_that_the_run_made():
    section = fairness(0.9, 0.6)
    assert "by the spread of loans drawn again" in html_of(section)
    tested = replace(section, fairness=section.fairness.assign(forecast_bad_rate=0.1))
    assert "by the score test of two proportions" in html_of(tested)


def test_decisions_on_moved_forecasts_stand_beside_no_realized_rate_of_default():
    section = fairness(0.9, 0.6)
    moved = section.fairness.drop(columns=["bad_rate", "bad_rate_low", "bad_rate_high"]).assign(forecast_bad_rate=0.03)
    html = html_of(replace(section, fairness=moved))
    assert ">Approved, forecast to default<" in html
    assert "it is told how many are forecast to default at that rate, not how many did" in html
    assert "Forecasts here are as the model made them" in html
    assert "Approved, defaulted" not in html
    assert ">Approved, defaulted<" in html_of(section)


def test_approval_by_the_other_rule_stands_beside_that_in_use():
    section = fairness(0.9, 0.6)
    other = section.fairness[["column", "group", "ratio"]].assign(approval_rate=[0.45, 0.3], p_holm=[np.nan, 0.001])
    html = html_of(replace(section, cutoff=None, otherwise=other, other_cutoff=0.07))
    assert "Decided at one cut-off of 7.0 %, 30.0 % of sex: women would be approved instead of 50.0 %" in html
    assert "the largest change of groups that are not small" in html
    assert "no group as decided, sex: women otherwise." in html
    assert "Approved loan by loan, each by its own expected profit; otherwise: at one cut-off of 7.0 %." in html
    assert "would be approved" not in html_of(section)


def sensitivity(kept_profit):
    row = {"varied": "", "factor": 1.0, "level": np.nan, "cutoff": 0.1, "approval_rate": 0.5, "bad_rate": 0.04}
    row |= {"kept_bad_rate": 0.04, "profit": 900.0, "kept_profit": 900.0, "difference": 0.0, "kept_difference": 0.0}
    other = {**row, "varied": "margin", "factor": 0.5, "level": 0.04, "kept_profit": kept_profit}
    return pd.DataFrame([row, {**other, "kept_difference": kept_profit - 900.0}])


@pytest.mark.parametrize(
    ("kept_profit", "words"),
    [
        (-50.0, "The loans approved as decided are expected to lose money in these rows: Margin\u00a0×\u00a00.50."),
        (50.0, "none of these changes alone makes the loans approved as decided lose money."),
    ],
)
def test_it_is_said_what_would_turn_the_decisions_into_a_loss(kept_profit, words):
    row = {"cutoff": 0.1, "n": 50, "approval_rate": 0.5, "bad_rate": 0.04, "forecast_bad_rate": 0.04}
    cutoffs = pd.DataFrame([{**row, "expected_profit": 900.0, "realized_profit": 800.0}])
    facts = {"terms": "", "base_rate": 0.2, "chosen": 0.1, "unit": "in the unit of amount"}
    html = html_of(CutoffSection(cutoffs=cutoffs, sensitivity=sensitivity(kept_profit), **facts))
    assert words in html
    assert "All is by forecasts; nothing is realized. Profits are in the unit of amount." in html
    assert "nothing is realized" not in html_of(CutoffSection(cutoffs=cutoffs, **facts))


def test_where_no_loan_is_approved_no_change_is_said_to_do_no_harm():
    row = {"cutoff": 0.1, "n": 0, "approval_rate": 0.0, "bad_rate": np.nan, "forecast_bad_rate": np.nan}
    cutoffs = pd.DataFrame([{**row, "expected_profit": 0.0, "realized_profit": 0.0}])
    nobody = sensitivity(0.0).assign(kept_bad_rate=np.nan)
    html = html_of(CutoffSection(cutoffs=cutoffs, sensitivity=nobody, terms="", base_rate=0.2, chosen=0.1))
    assert "As decided, no loan is approved" in html
    assert "lose money" not in html


def made_segments():
    row = {"column": "", "segment": "All loans", "loans": 500, "observed": 0.2, "forecast": 0.15, "is_small": False}
    row |= figures(("gap", "auc", "log_loss"), 0.05, 0.01) | {"auc_elsewhere": 0.7, "p_gap": np.nan, "p_auc": np.nan}
    north = {**row, "column": "region", "segment": "north", "p_gap": 0.0123, "p_auc": 0.456}
    return SegmentsSection(segments=pd.DataFrame([row, north]))


SEGMENTS = made_segments()


def test_segments_show_the_p_values_that_call_them_weak():
    html = html_of(SEGMENTS)
    assert ">0.012<" in html
    assert ">0.456<" in html
    assert "+5.0 percentage points" in html


IMPORTANCE = pd.DataFrame(
    {
        "column": ["income", "debt", "home"],
        "usual": "1",
        "contribution": [0.5, 0.3, 0.1],
        "permutation": [0.04, 0.02, 0.01],
        "held_out": [0.03, 0.001, 0.02],
        "held_out_error": [0.005, 0.004, 0.005],
    }
)
MONOTONE = pd.DataFrame(
    {
        "column": ["debt", "income"],
        "direction": ["up", "down"],
        "rows": 200,
        "share": [0.0, 0.48],
        "largest": [0.0, 0.1759],
    }
)
REASONS = ReasonsSection(
    column_importance=IMPORTANCE,
    effect_curves=pd.DataFrame({"column": "debt", "value": ["1", "2"], "number": [1.0, 2.0], "forecast": [0.1, 0.2]}),
    monotone_columns=MONOTONE,
    agreement=None,
    is_sampled=False,
    missed=0.0,
    is_enforced=False,
    rows=200,
    rows_dealt=400,
    rows_held_out=1000,
    columns=3,
)
FAILED = (
    "income is declared to lower risk, but does not do so for 48.0 % of 200 loans: raised alone, it moves their"
    " forecast against that somewhere, by more than 0.01 percentage points and by up to 17.59 percentage points."
)


def test_a_declaration_that_fails_is_told_in_the_verdict_the_section_and_the_card():
    assert REASONS.verdict.endswith(
        "too somewhere among their values, by more than 0.01 percentage points: income for 48.0 % of loans (by up to"
        " 17.59)."
    )
    html = html_of(REASONS)
    assert FAILED in html
    assert "debt moves as its declaration says, but for at most 0.01 percentage points, for all of 200 loans" in html
    assert REASONS.card.blocks[-1].items[0] == FAILED


def test_declarations_that_hold_raise_no_verdict():
    held = replace(REASONS, monotone_columns=MONOTONE.assign(share=0.0))
    assert held.verdict == ""
    assert html_of(held).count("moves as its declaration says") == 2


def test_it_is_said_how_many_loans_took_how_many_values_of_a_declared_column():
    table = MONOTONE.assign(rows=1000, values=[33, 50], known=[33, 912])
    html = html_of(replace(REASONS, monotone_columns=table, rows_trained=24_000))
    drawn = "1,000 loans, drawn at random from the 24,000 that trained the model: raised alone through"
    assert f"{drawn} all 33 values that occur" in html
    assert f"{drawn} 50 of the 912 values that occur, evenly spaced in their order, it moves" in html


def test_the_captions_say_how_often_columns_were_dealt_and_which_levels_curves_leave_out():
    left = {"purpose": [f"A{k}" for k in range(8)]}
    html = html_of(replace(REASONS, deals=5, deals_held_out=10, curve_values=20, levels_left_out=left))
    assert "over 400 loans, each dealt 5 times." in html
    assert "on 1,000 test loans of the folds, each dealt 10 times, by the models" in html
    assert "Levels left out, being rarer: purpose: A0, A1, A2, A3, A4, A5 and 2 more." in html
    assert "each dealt once, by the models" in html_of(REASONS)  # as in runs from before


def test_the_meaning_of_a_column_stands_at_the_first_value_of_its_curve():
    meanings = IMPORTANCE["column"].map({"debt": "Debt to income"}).fillna(IMPORTANCE["column"])
    (details,) = [
        block
        for block in replace(REASONS, column_importance=IMPORTANCE.assign(meaning=meanings)).draw().blocks
        if getattr(block, "summary", "") == "The curves as figures"
    ]
    assert details.block.frame["Column"].tolist() == ["debt\nDebt to income", "debt"]


def test_unequal_approval_of_the_repaid_is_told_with_its_own_p_value():
    section = fairness(0.7, 0.3)
    table = section.fairness.assign(opportunity=[0.5, 0.2], opportunity_p_holm=[np.nan, 0.031])
    html = html_of(replace(section, fairness=table))
    assert (
        "sex, women: of loans that were repaid 20.0 % were approved, of men 50.0 % (p = 0.031 after Holm&#39;s" in html
    )
    assert ">p, repaid (Holm)<" in html
    assert "p, repaid" not in html_of(section)  # as in runs from before


def test_loans_approved_at_a_loss_stand_in_the_verdict_with_the_remedy():
    row = {
        "cutoff": 0.1,
        "approval_rate": 0.4,
        "bad_rate": 0.02,
        "n": 40,
        "expected_profit": 5.0,
        "realized_profit": 4.0,
    }
    section = CutoffSection(cutoffs=pd.DataFrame([row]), terms="", base_rate=0.1, chosen=0.1, at_a_loss=12)
    assert "12 of the 40 loans that it approves have an expected profit of 0 or less" in section.verdict
    assert "[lending] by_loan = true decides" in section.verdict
    assert "[lending] by_loan = true decides" in section.card.blocks[0].items[1]
    assert "by_loan" not in replace(section, at_a_loss=0).verdict


def test_without_declarations_the_card_says_nothing_of_them():
    (drivers,) = replace(REASONS, monotone_columns=MONOTONE.head(0)).card.blocks
    assert drivers.header[:3] == ["Column", "Usual value", "Contribution"]


def test_columns_that_held_out_loans_do_not_show_to_help_are_named():
    html = html_of(REASONS)
    assert "The columns that move forecasts most are income, debt, home. Held-out loans do not show that debt" in html
    misled = replace(REASONS, column_importance=IMPORTANCE.assign(held_out=-0.02, held_out_error=0.005))
    assert "that income, debt, home help: their intervals below do not lie above 0." in html_of(misled)
    helped = replace(REASONS, column_importance=IMPORTANCE.assign(held_out_error=0.0001))
    assert "Each of them helps on held-out loans." in html_of(helped)


def test_data_without_findings_are_said_to_be_checked():
    section = made_data()
    said = "The data were checked, and nothing odd was found."
    assert said in html_of(section)
    assert said in markdown("", [section.card])


def test_the_guidance_map_names_sections_by_their_titles(default_risk_report):
    sections = [*default_risk_report.sections, fairness(0.7, 0.5), SEGMENTS, REASONS]
    (details, _) = GuidanceSection.of(sections).draw().blocks
    assert set(details.block.frame["Section"]) <= {section.draw().title for section in sections}
    assert len(details.block.frame) >= 8
