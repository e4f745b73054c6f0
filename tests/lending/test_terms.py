"""Terms of lending: values of a loan by hand, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError, DataError
from finnet.lending.terms import LoanTerms, loan_values

AMOUNT = pd.Series({"A": 1000.0, "B": 2000.0})
COLUMNS = pd.DataFrame(
    {"rate": [0.06, 0.12], "lgd": [0.4, 0.5], "months": [12.0, 36.0], "fee": [5.0, 0.0]}, index=["A", "B"]
)


def values(terms, *, amount=AMOUNT, columns=COLUMNS):
    return loan_values(terms, ["A", "B"], amount=amount, columns=columns)


def test_constant_terms_by_hand():
    assert values(LoanTerms(0.1, 0.5)).to_numpy().tolist() == [[100, -500, 500], [200, -1000, 1000]]


def test_terms_by_loan_by_hand():
    terms = LoanTerms(
        margin_column="rate",
        funding_cost=0.02,
        loss_given_default_column="lgd",
        term_column="months",
        cost_column="fee",
        cost_per_loan=10.0,
    )
    found = values(terms)
    # A: 1000 x 0.04 x 1 year - 15; B: 2000 x 0.10 x 3 years - 10.
    assert found["repaid"].tolist() == pytest.approx([25, 590])
    assert found["defaulted"].tolist() == pytest.approx([-415, -1010])
    assert found["lost"].tolist() == pytest.approx([400, 1000])


def test_percentages_are_divided_by_a_hundred():
    percent = COLUMNS.assign(rate=[6.0, 12.0], lgd=[40.0, 50.0])
    terms = LoanTerms(margin_column="rate", loss_given_default_column="lgd")
    in_percent = LoanTerms(margin_column="rate", loss_given_default_column="lgd", in_percent=True)
    assert np.allclose(values(in_percent, columns=percent), values(terms))


@pytest.mark.parametrize(
    "terms",
    [
        {"margin": 0},
        {"loss_given_default": 0},
        {"loss_given_default": 1.2},
        {"target_bad_rate": 1.0},
        {"target_bad_rate": 0.05, "by_loan": True},
        {"funding_cost": 0.02},
        {"in_percent": True},
        {"cost_per_loan": -1.0},
    ],
)
def test_impossible_terms_are_refused(terms):
    with pytest.raises(ConfigError):
        LoanTerms(**terms)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rat": [0.1, 0.1]}, "did you mean 'rat'"),
        ({"rate": [6.0, 12.0]}, "gives 6 for loan 'A'.*in_percent = true"),
        ({"rate": [0.1, np.nan]}, "is empty for 1 loan, first 'B'"),
        ({"rate": pd.Categorical(["low", "high"])}, "is a category"),
    ],
)
def test_columns_that_hold_no_margin_are_refused(columns, message):
    with pytest.raises(DataError, match=message):
        values(LoanTerms(margin_column="rate"), columns=pd.DataFrame(columns, index=["A", "B"]))


def test_costs_in_currency_need_amounts():
    with pytest.raises(ConfigError, match="amounts are not known"):
        values(LoanTerms(cost_per_loan=5.0), amount=None)


def test_a_margin_beside_a_column_of_margins_is_refused():
    with pytest.raises(ConfigError, match="margin and margin_column"):
        LoanTerms(margin=0.1, margin_column="rate")
