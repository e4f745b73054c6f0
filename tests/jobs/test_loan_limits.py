"""Limits of a result on loans are those of its file, its split and its terms."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from finnet.data.loan_file import LoanFile
from finnet.dataset import Dataset
from finnet.jobs.tasks.loan_columns import loan_features_table
from finnet.jobs.tasks.loan_limits import loan_limits
from finnet.lending.central_tendency import CentralTendency
from finnet.lending.terms import LoanTerms
from finnet.splits import Holdout, RepeatedKFold

SOURCE = LoanFile(path="loans.csv", target="status", bad=("late", "default"), good="paid")
NO_FINDINGS = pd.DataFrame({"rule": [], "count": []})


def limits_of(
    source=SOURCE,
    *,
    values=(0.4, 0.5, 0.45, 0.47),
    split=None,
    lending=None,
    quality=NO_FINDINGS,
    order=None,
    central_tendency=None,
):
    """What limits a result of one model with these losses by fold."""
    X = pd.DataFrame({"income": np.arange(8.0)})
    dataset = Dataset(X, np.tile([0.0, 1.0], 4), np.arange(8).astype(str), "default", 0)
    scores = pd.DataFrame({"fold": range(len(values)), "model": "tree", "metric": "log_loss", "value": values})
    assessment = SimpleNamespace(subject="tree", fold_scores=scores, comparisons=(SimpleNamespace(metric="log_loss"),))
    job = SimpleNamespace(
        data=SimpleNamespace(source=source),
        split=SimpleNamespace(split=split or RepeatedKFold(folds=4)),
        lending=lending,
        central_tendency=central_tendency,
    )
    study = SimpleNamespace(dataset=order or dataset, quality=quality)
    return " ".join(loan_limits(job, study, assessment))


def test_the_outcome_is_the_column_and_cells_that_the_job_names():
    said = limits_of()
    assert "column 'status' of the file says, 'late' or 'default', and no default 'paid'" in said
    assert "over how many months is not stated (horizon_months)" in said


def test_a_stated_default_rate_is_told_and_not_asked_for():
    assert "state it as central_tendency" in limits_of()
    said = limits_of(central_tendency=CentralTendency({"card": 0.03, "loan": 0.01}, column="product"))
    assert "the default rate stated as central_tendency (3.00 % for card, 1.00 % for loan)" in said
    assert "state it as" not in said


def test_the_months_of_the_outcome_are_told():
    dated = replace(SOURCE, applied_at="day", horizon_months=12)
    assert "it counts 12 months after the application" in limits_of(dated)


def test_loans_that_were_left_out_are_counted_by_reason():
    quality = pd.DataFrame({"rule": ["left_out", "constant", "left_out", "undecided"], "count": [30, 1, 12, 1500]})
    said = limits_of(quality=quality)
    assert "Loans left out of training and test: 42 that leave_out names, 1,500 whose outcome" in said
    assert "No loan of the file was left out." in limits_of()


def test_loans_without_dates_were_not_tested_later_in_time():
    assert "no forecast was tested on loans later in time" in limits_of()
    assert "later in time" not in limits_of(order=SimpleNamespace(is_ordered=True))


def test_the_spread_over_folds_and_repeats_is_told():
    said = limits_of(split=RepeatedKFold(folds=2, repeats=2))
    assert "lies between 0.4000 and 0.5000 over 4 folds (standard deviation 0.0420)" in said
    assert "and between 0.4500 and 0.4600 over the means of 2 repeats" in said
    assert "repeats" not in limits_of()


def test_one_split_says_nothing_of_others():
    assert "one split and one seed" in limits_of(values=[0.4], split=Holdout())


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (LoanTerms(margin=0.03, loss_given_default=0.45), "a margin of 3.0 % and a loss given default of 45.0 % for"),
        (LoanTerms(term_column="months"), "a margin of 5.0 % a year"),
        (
            LoanTerms(margin_column="rate", loss_given_default_column="lgd"),
            "the margins of column 'rate' and the losses given default of column 'lgd'",
        ),
    ],
)
def test_profits_rest_on_the_terms_that_the_job_states(terms, words):
    assert words in limits_of(lending=terms)
    assert "Profits" not in limits_of()


def test_default_rates_of_a_column_count_weights_and_leave_out_small_levels():
    home = pd.Categorical(["own"] * 40 + ["rent"] * 30 + ["tent"] * 3)
    y = np.r_[np.tile([0.0, 1.0], 20), np.zeros(30), np.ones(3)]
    weight = np.r_[np.tile([3.0, 1.0], 20), np.ones(33)]
    dataset = Dataset(pd.DataFrame({"home": home}), y, np.arange(73).astype(str), "default", 0, weight=weight)
    assert loan_features_table(dataset).iloc[0].tolist() == ["home", "3 levels", "0.0 %", "0.0 %\nrent", "25.0 %\nown"]


def test_a_column_that_is_missing_everywhere_or_rare_has_no_rate():
    X = pd.DataFrame({"gone": np.full(30, np.nan), "rare": np.arange(30.0)})
    table = loan_features_table(Dataset(X, np.tile([0.0, 1.0], 15), np.arange(30).astype(str), "default", 0))
    assert table.loc[0, ["meaning", "missing", "lowest"]].tolist() == ["Number", "100.0 %", "50.0 %\nmissing"]
    assert table.loc[1, ["lowest", "highest"]].tolist() == ["–", "–"]
