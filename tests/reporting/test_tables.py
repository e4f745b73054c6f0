"""Tables of text say what the frames of numbers hold."""

from dataclasses import replace

import numpy as np
import pandas as pd

from finnet.reporting.html import Table
from finnet.reporting.sections.comparison import ComparisonSection, comparison_table, scores_table
from finnet.reporting.sections.cutoffs import CutoffSection, cutoff_table
from finnet.reporting.sections.data import fold_table
from finnet.reporting.text import metric_of, number, percent
from tests.reporting.changing import section_of


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert number(-0.0001, 2) == "0.00"
    assert percent(0.00001, signed=True) == "0.0 %"


def test_scores_put_the_network_first_and_keep_the_order_of_the_others(direction_report):
    scores = section_of(direction_report, ComparisonSection).scores
    shuffled = pd.concat([scores[scores["model"] != "network"], scores[scores["model"] == "network"]])
    assert scores_table(shuffled, "network")["Model"].tolist()[:3] == ["Network", "Decision tree", "SVM"]


def test_a_score_that_a_model_lacks_is_a_dash():
    scores = pd.DataFrame(
        {
            "model": ["network", "network", "tree"],
            "metric": ["auc", "ks", "auc"],
            "value": 0.7,
            "low": np.nan,
            "high": 1,
        }
    )
    assert scores_table(scores, "network")["KS"].tolist() == ["0.700", "–"]


def test_years_that_nothing_needs_are_left_out(direction_report):
    comparison = section_of(direction_report, ComparisonSection).comparison.assign(years_needed=np.nan)
    assert "Years needed" not in comparison_table(comparison, "network")


def test_years_beyond_imagination_are_capped(direction_report):
    comparison = section_of(direction_report, ComparisonSection).comparison.assign(years_needed=np.inf)
    assert set(comparison_table(comparison, "network")["Years needed"]) == {">1,000"}


def test_the_chosen_cutoff_is_always_shown(default_risk_report):
    cutoffs = section_of(default_risk_report, CutoffSection).cutoffs
    for chosen in cutoffs["cutoff"]:
        shown = cutoff_table(cutoffs, chosen)
        assert percent(chosen) in shown["Cut-off"].tolist()
        assert len(shown) <= 13


def test_a_cutoff_that_approves_nobody_has_no_bad_rate(default_risk_report):
    nobody = (
        section_of(default_risk_report, CutoffSection).cutoffs.iloc[[0]].assign(n=0, approval_rate=0.0, bad_rate=np.nan)
    )
    assert cutoff_table(nobody, 0.02)["Defaulted"].tolist() == ["–"]


def test_rows_that_read_like_the_chosen_cutoff_are_left_out(default_risk_report):
    cutoffs = section_of(default_risk_report, CutoffSection).cutoffs.head(3).assign(cutoff=[0.2811, 0.2812, 0.3])
    shown = cutoff_table(cutoffs, 0.2812)
    assert shown["Cut-off"].tolist() == ["28.1 %", "30.0 %"]
    assert shown["Approved loans"].iloc[0] == f"{cutoffs['n'].iloc[1]:,}"


def test_deciding_loan_by_loan_is_the_last_row_and_stands_out(default_risk_report):
    line = section_of(default_risk_report, CutoffSection)
    decided = line.cutoffs.iloc[[5]].drop(columns="cutoff").assign(expected_profit=1.0)
    section = replace(line, chosen=None, loan_by_loan=decided, unit="in the unit of amount")
    (table,) = (block for block in section.draw().blocks if isinstance(block, Table))
    assert table.rows[-1][0] == table.highlight == "Loan by loan"
    assert table.rows[-1][4] == "1"
    assert table.caption.endswith("Profits are in the unit of amount.")
    assert section.verdict.startswith("Loan by loan it approves")
    assert section.facts["Approved"].endswith("loan by loan")


def test_folds_without_dates_show_rows_alone():
    row = {"fold": 0, "train_from": pd.NaT, "train_to": pd.NaT, "train_rows": 800, "test_from": pd.NaT}
    folds = pd.DataFrame([{**row, "test_to": pd.NaT, "test_rows": 200}])
    assert fold_table(folds).columns.tolist() == ["Fold", "Training rows", "Test rows"]


def test_differences_of_percentages_are_points():
    assert metric_of("accuracy").difference(-0.012) == "−1.2 points"
    assert metric_of("auc").difference(0.012) == "+0.012"


def test_at_a_stated_rate_a_cutoff_says_what_is_forecast_and_nothing_realized(default_risk_report):
    section = section_of(default_risk_report, CutoffSection)
    forecast = section.cutoffs.assign(forecast_bad_rate=0.03).drop(columns=["bad_rate", "realized_profit"])
    moved = replace(section, cutoffs=forecast, target=0.03)
    assert "3.0 % of those approved are forecast to default at the stated rate (target 3.0 %)" in moved.verdict
    assert list(moved.facts) == ["Approved", "Forecast bad rate", "Expected profit"]
    table = next(block for block in moved.draw().blocks if isinstance(block, Table))
    assert table.header == ["Cut-off", "Approved loans", "Approved", "Forecast to default", "Expected profit"]
