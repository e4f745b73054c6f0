"""Every column stands among what drives the forecast, and declared directions are held against the data."""

from dataclasses import replace

import pandas as pd

from tests.reporting.test_loan_sections import IMPORTANCE, MONOTONE, REASONS, html_of

ALONE = MONOTONE.assign(auc=[0.42, 0.61], auc_low=[0.38, 0.45], auc_high=[0.46, 0.77])


def test_a_declaration_that_the_data_speak_against_is_told_in_the_verdict_and_the_section():
    section = replace(REASONS, monotone_columns=ALONE.assign(share=0.0))
    assert section.verdict == (
        "The data themselves speak against a declared direction: debt (AUC 0.420, 0.380 to 0.460)."
    )
    html = html_of(section)
    assert "against what is declared of debt (AUC 0.420, 0.380 to 0.460): alone, it orders loans the other way" in html
    assert "Of what is declared of income (AUC 0.610, 0.450 to 0.770) the data alone say nothing" in html


def test_a_declaration_that_the_data_share_is_told_too():
    html = html_of(replace(REASONS, monotone_columns=ALONE.assign(direction=["down", "up"])))
    assert "What is declared of debt (AUC 0.420, 0.380 to 0.460) agrees with the data alone." in html


def test_every_column_stands_among_what_drives_the_forecast():
    many = pd.concat([IMPORTANCE] * 5, ignore_index=True).assign(column=[f"column_{k}" for k in range(15)])
    html = html_of(replace(REASONS, column_importance=many, columns=15))
    assert html.index("column_11") < html.index("The 3 columns that bring less each") < html.index("column_12")
    assert "more columns bring less" not in html


def test_runs_that_did_not_record_what_the_data_say_are_drawn_all_the_same():
    html = html_of(REASONS)
    assert "AUC alone" not in html
    assert "AUC alone" in html_of(replace(REASONS, monotone_columns=ALONE))
