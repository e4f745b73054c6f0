"""Applications have no outcome, a LoanBook has one for every loan, and nothing stands for one that is unknown."""

from dataclasses import fields
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

from finnet.data.loan_book import Applications, LoanBook, LossBook, PendingLoans
from finnet.data.loan_checks import suspect_repeats
from finnet.data.loan_file import LoanFile
from finnet.data.loans import read_applications, read_loans, read_outcomes
from finnet.data.samples import made_loan_book
from finnet.errors import DataError
from finnet.jobs.tasks.loan_rows import rows_of_loans
from finnet.labels import default_dataset

IDS = np.array(["a", "b"], object)
FEATURES = pd.DataFrame({"income": [1.0, 2.0], "home": pd.Categorical(["own", "rent"])})
DAYS = np.array(["2020-01-06", "2020-01-07"], "datetime64[us]")


def applications(**changes):
    return Applications(**{"loan_id": IDS, "features": FEATURES, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loan_id": np.array(["a", "a"], object)}, "duplicates"),
        ({"applied_at": DAYS}, "both"),
        ({"amount": np.ones(3)}, "amount has 3 rows"),
        ({"features": FEATURES.head(1)}, "features has 1 rows but there are 2 loans"),
        ({"aside": pd.DataFrame({"sex": ["f"]})}, "aside has 1 rows"),
    ],
)
def test_unsound_applications_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        applications(**changes)


def test_applications_know_no_outcome():
    assert not {"default", "true_probability", "truth", "y"} & {own.name for own in fields(Applications)}


def test_a_loan_book_cannot_be_made_without_outcomes():
    with pytest.raises(TypeError, match="default"):
        LoanBook(IDS, FEATURES)


@pytest.mark.parametrize(
    ("default", "words"),
    [
        (np.array([0.0, np.nan]), "the outcome of 1 loans is not known; forecast them as Applications"),
        (np.array([0, None], object), "the outcome of 1 loans is not known"),
        (np.array([0, 2]), "use 1 for bad and 0 for good"),
        (np.array([1]), "default has 1 rows but there are 2 loans"),
    ],
)
def test_a_loan_book_has_an_outcome_for_every_loan(default, words):
    with pytest.raises(DataError, match=words):
        applications().with_outcomes(default)


def test_outcomes_make_a_book_of_the_same_applications():
    book = applications(amount=np.array([5.0, 6.0]), applied_at=DAYS, resolves_at=DAYS, group=np.array([1, 1]))
    book = book.with_outcomes(np.array([0, 1]))
    assert book.default.tolist() == [0, 1]
    assert book.amount.tolist() == [5.0, 6.0]
    assert book.group.tolist() == [1, 1]


def test_pending_loans_are_no_loan_book():
    pending = applications().as_pending(went_bad=np.array([True, False]))
    assert isinstance(pending, PendingLoans)
    assert not isinstance(pending, LoanBook)
    assert not hasattr(pending, "default")


def test_taking_rows_takes_the_outcomes_too():
    book = made_loan_book(loans=50)
    kept = book.take(np.arange(50) % 2 == 1)
    assert kept.default.tolist() == book.default[1::2].tolist()
    assert kept.true_probability.tolist() == book.true_probability[1::2].tolist()


def test_taking_rows_leaves_the_pending_ones_as_they_are():
    pending = applications().as_pending(went_bad=np.array([True, False]))
    book = made_loan_book(loans=4)
    book = Applications(book.loan_id, book.features).with_outcomes(book.default, pending=pending)
    assert len(book.take(np.array([True, False, False, False])).pending) == 2


def test_a_column_is_set_aside_of_pending_loans_too():
    pending = applications().as_pending(went_bad=np.array([True, False]))
    book = applications().with_outcomes(np.array([0, 1]), pending=pending).set_aside(["home"])
    assert list(book.pending.features) == ["income"]
    assert book.pending.column("home").tolist() == ["own", "rent"]


def test_learning_asks_for_a_loan_book_and_forecasting_for_applications():
    assert get_type_hints(default_dataset)["book"] is LoanBook
    assert get_type_hints(suspect_repeats)["book"] == LoanBook | LossBook
    assert get_type_hints(rows_of_loans)["loans"] is Applications
    assert get_type_hints(read_applications)["return"] is Applications


@pytest.fixture
def file(tmp_path):
    """Four loans: paid, bad, undecided and empty; the second and the last were applied for a short while ago."""
    text = "income,day,status\n1,2019-01-01,paid\n2,2020-05-01,bad\n3,2019-01-01,open\n4,2020-05-01,\n"
    (tmp_path / "loans.csv").write_text(text)
    return LoanFile(
        path=str(tmp_path / "loans.csv"),
        target="status",
        bad="bad",
        good="paid",
        undecided=("open",),
        applied_at="day",
        horizon_months=12,
        as_of=pd.Timestamp("2020-06-01").date(),
    )


def test_new_applications_are_read_without_outcomes(file):
    assert type(read_applications(file)) is Applications


def test_new_applications_can_be_forecast_by_what_learned_from_a_book(file):
    rows = rows_of_loans(read_applications(file), {}, target="default")
    assert len(rows.X) == 4


def test_only_loans_whose_outcome_is_known_and_due_are_in_the_book(file):
    book = read_loans(file)
    assert book.loan_id.tolist() == ["1"]
    assert book.default.tolist() == [0]


def test_loans_that_wait_say_only_what_is_known_to_be_bad(file):
    pending = read_loans(file).pending
    assert pending.loan_id.tolist() == ["2", "3", "4"]
    assert pending.went_bad.tolist() == [True, False, False]


def test_outcomes_that_are_not_known_are_missing_not_0(file):
    early = read_outcomes(file, until=np.datetime64("2020-06-01"))
    assert np.isnan(early).tolist() == [False, True, True, True]


def test_outcomes_become_known_when_their_months_have_passed(file):
    late = read_outcomes(file, until=np.datetime64("2021-06-01"))
    assert np.array_equal(late, [0.0, 1.0, np.nan, np.nan], equal_nan=True)


@pytest.mark.parametrize("loss", [np.nan, -0.1, 1.5])
def test_a_loss_that_is_unknown_or_no_share_is_refused(loss):
    with pytest.raises(DataError, match="1 losses are unknown or not within 0 and 1"):
        applications().with_losses(np.array([0.4, loss]))
