"""Columns set aside: read and kept beside the loans, but no features; and features that laws protect."""

import pandas as pd
import pytest

from finnet.data.loan_checks import is_protected
from finnet.data.loan_file import LoanFile
from finnet.data.loans import check_loans, read_applications, read_loans
from finnet.errors import ConfigError, DataError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "loans.csv"
    columns = {
        "income": [1.0, 2.0, 3.0],
        "sex": ["m", "w", "m"],
        "age": [30, 40, 50],
        "status": ["bad", "good", "open"],
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def settings(file, **changes):
    declared = {"target": "status", "bad": "bad", "good": "good", "undecided": ("open",), "categories": ("sex",)}
    return LoanFile(path=file, **{**declared, **changes})


def test_a_column_set_aside_is_no_feature_but_is_kept(file):
    book = read_loans(settings(file, aside=("sex",)))
    assert list(book.features) == ["income", "age"]
    assert book.column("sex").to_dict() == {"1": "m", "2": "w"}
    assert book.pending is not None
    assert list(book.pending.features) == ["income", "age"]


def test_new_applications_need_no_column_that_is_set_aside(file, tmp_path):
    pd.DataFrame({"income": [1.0], "age": [30]}).to_csv(tmp_path / "new.csv", index=False)
    declared = settings(str(tmp_path / "new.csv"), aside=("sex",))
    assert list(read_applications(declared).features) == ["income", "age"]
    assert list(read_applications(settings(file, aside=("sex",))).features) == ["income", "age"]


def test_a_column_that_is_not_there_is_named(file):
    with pytest.raises(DataError, match="seks"):
        read_loans(settings(file, aside=("seks",)))
    with pytest.raises(DataError, match="no column 'sx'; did you mean 'sex'"):
        read_loans(settings(file)).column("sx")


def test_a_dropped_column_cannot_be_set_aside(file):
    with pytest.raises(ConfigError, match="'sex' is in drop and set aside"):
        settings(file, aside=("sex",), drop=("sex",))


def test_protected_features_are_noted_unless_they_are_set_aside(file):
    def noted(**changes):
        table = check_loans(settings(file, **changes))
        return table.loc[table["rule"] == "protected_feature", "column"].tolist()

    assert noted() == ["sex", "age"]
    assert noted(aside=("sex",)) == ["age"]


@pytest.mark.parametrize(
    "name", ["AGE", "age_band", "maritalStatus", "personal_status_sex", "CODE_GENDER", "date of birth"]
)
def test_names_of_protected_traits(name):
    assert is_protected(name)


@pytest.mark.parametrize("name", ["account_age", "mileage", "average", "traces", "sextile", "foreign_income"])
def test_names_that_are_no_traits(name):
    assert not is_protected(name)
