"""The section says what complexity gains, shows the widest columns and warns of bins that a person chose."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finnet.reporting.html import Page, render
from finnet.reporting.sections.scorecard import ScorecardSection

CARD = pd.DataFrame(
    [
        (name, label, n, rate, weight, 0.02, points)
        for name, range_ in {"narrow": 1, "wide": 40, "middle": 20, "other": 5}.items()
        for label, n, rate, weight, points in (
            ("below 5", 80, 0.05, 0.4, range_),
            ("5 or more", 40, 0.2, -0.5, -range_),
            ("missing", 0, np.nan, 0.0, 0),
        )
    ],
    columns=["column", "bin", "n", "bad_rate", "weight", "information", "points"],
)
INFORMATION = pd.DataFrame(
    {"column": ["wide", "noise"], "bins": 2, "value": [0.3, 0.02], "null_value": 0.02, "coefficient": [-1.0, np.nan]}
).assign(left_out=["", "information value less than 0.01 above chance"])
ROW = {"metric": "log_loss", "reference_value": 0.36, "value": 0.37, "difference": 0.01, "low": 0.002, "high": 0.018}
SECTION = ScorecardSection(
    subject="network",
    gain=pd.DataFrame([{**ROW, "p_holm": 0.01}]),
    information=INFORMATION,
    bin_points=CARD,
    base=540,
    scale="600 points are odds of 50 to 1.",
    n_rows=120,
)


def drawn(**changes):
    return render(Page("", "", "", {}, [replace(SECTION, **changes).draw()]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "By log loss the network is better than the scorecard."),
        ({"difference": -0.01}, "By log loss the scorecard is better than the network."),
        ({"p_holm": 0.2}, "no difference between the network and the scorecard is detected"),
        ({"p_fits": 0.166}, "than the scorecard for these fits; for other fits of the same models p = 0.166."),
        (
            {"p_fits": 0.166, "p_fits_holm": 0.586},
            "for these fits; for other fits of the same models p = 0.586 after Holm&#39;s correction.",
        ),
        ({"p_fits": 0.02}, "By log loss the network is better than the scorecard."),
        ({"p_holm": np.nan}, "no difference between the network and the scorecard is detected"),
    ],
)
def test_what_complexity_gains_is_said_as_the_test_found_it(change, words):
    assert words in drawn(gain=pd.DataFrame([{**ROW, "p_holm": 0.01, **change}]))


def test_the_corrected_p_value_of_other_fits_stands_below_it():
    html = drawn(gain=pd.DataFrame([{**ROW, "p_holm": 0.01, "p_fits": 0.166, "p_fits_holm": 0.586}]))
    assert html.index(">0.166") < html.index("Holm 0.586")


def test_scores_that_are_lost_are_told_as_losses():
    ks = {"metric": "ks", "reference_value": 0.447, "value": 0.462, "difference": -0.015, "p_holm": np.nan}
    auc = {**ROW, "metric": "auc", "reference_value": 0.79, "value": 0.78, "p_holm": 0.2}
    html = drawn(gain=pd.DataFrame([{**ROW, "p_holm": 0.01}, auc, ks]))
    assert "By AUC no difference between the network and the scorecard is detected." in html
    assert "Not tested: the scorecard has the better KS (0.462 against 0.447)." in html
    assert ">−0.015<" in html


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (
            [0.83, 0.70, 0.96, 0.01],
            "odds rise less than points promise, and points that should double them multiply them by",
        ),
        ([1.3, 1.1, 1.5, 0.01], "odds rise more than points promise"),
    ],
)
def test_points_that_overstate_or_understate_odds_are_told(slope, words):
    html = drawn(slope=slope)
    assert words in html
    assert f"log-odds moved by {slope[0]:.2f} ({slope[1]:.2f} to {slope[2]:.2f})" in html
    assert "whose joint test finds fault (p = 0.010)" in html


# Without a slope, one that may be 1, one that the joint test does not confirm, and one of a run from before it did.
@pytest.mark.parametrize("slope", [(), (0.95, 0.8, 1.1, 0.01), (0.83, 0.70, 0.96, 0.068), (0.83, 0.70, 0.96)])
def test_points_without_a_proven_fault_need_no_note(slope):
    assert "points promise" not in drawn(slope=slope)


def test_a_page_about_the_scorecard_has_no_gain_over_itself():
    assert "The page is about the scorecard itself" in drawn(subject="scorecard", gain=SECTION.gain.head(0))


def test_the_columns_that_move_the_sum_most_are_in_sight():
    html = drawn()
    start, fold = html.index("Every applicant has 540 points"), html.index("Points of 1 more column ")
    assert start < html.index(">wide<", start) < html.index(">middle<", start) < html.index(">other<", start) < fold
    assert html.index(">narrow<") > fold


def test_bins_without_loans_are_left_out():
    assert ">missing<" not in drawn()


def test_a_column_that_is_not_used_says_why():
    assert "no: information value less than 0.01 above chance" in drawn()


def test_bins_that_a_person_chose_are_named_with_a_caution():
    assert "Bins of income were given with the job. Whoever chose them may have seen outcomes" in drawn(
        given=["income"]
    )
    assert "were given with the job" not in drawn()


def test_a_card_without_columns_says_so():
    assert "No column says enough to be used" in drawn(bin_points=CARD.head(0))
