"""Odd columns of a loan book are pointed out; sound ones are not."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from finnet.codes import likely_codes
from finnet.data.loan_checks import suspect_ages, suspect_columns
from finnet.data.loan_file import LoanFile
from finnet.data.loans import check_loans, read_loans
from finnet.data.quality import Findings

RNG = np.random.default_rng(2)
INCOME = np.round(np.exp(10 + 0.6 * RNG.normal(size=500)), 2)


def rules_of(values, name="x", **settings):
    findings = Findings()
    suspect_columns(pd.DataFrame({name: values}), findings, file="loans.csv", **settings)
    return [problem.rule for problem in findings.problems]


def rules_of_ages(values, name):
    findings = Findings()
    suspect_ages({name: pd.Series(values)}, findings, file="loans.csv")
    return [problem.rule for problem in findings.problems]


def with_code(values, code, rows=90):
    return np.append(values[rows:], np.full(rows, code))


@pytest.mark.parametrize("code", [365243.0, 999999999.0, -1111.0, -999.0, 7777777.0])
def test_a_repeated_value_far_from_all_others_is_a_code(code):
    days = RNG.integers(0, 60, 500).astype(float)
    assert likely_codes(with_code(days, code)) == [code]


def test_two_codes_beyond_each_other_are_both_found():
    values = with_code(with_code(RNG.integers(1, 50, 500).astype(float), 9999999.0), 888888888.0)
    assert set(likely_codes(values)) == {9999999.0, 888888888.0}


@pytest.mark.parametrize(
    "values",
    [INCOME, np.minimum(INCOME, 60000.0), RNG.poisson(0.3, 500).astype(float), np.append(INCOME, 1e9)],
    ids=["long tail", "capped", "counts", "one stray value"],
)
def test_measured_values_are_no_codes(values):
    assert likely_codes(values) == []


def test_levels_that_differ_in_case_and_blanks_are_named():
    levels = pd.Categorical(["RENT", "rent", "Own  house", "own house", "other"] * 20)
    assert rules_of(levels) == ["level_spellings"]


@pytest.mark.parametrize(("declared", "rule"), [((), "text_of_many_levels"), (("x",), "many_levels")])
def test_a_category_with_hundreds_of_levels_is_named(declared, rule):
    assert rules_of(pd.Categorical(np.arange(700).astype(str)), declared=declared) == [rule]


@pytest.mark.parametrize("name", ["member_id", "memberID", "zip", "Loan No."])
def test_numbers_that_name_loans_are_named(name):
    assert rules_of(RNG.permutation(500) * 7.0, name) == ["likely_id"]


def test_a_count_of_the_rows_is_named_whatever_it_is_called():
    assert rules_of(np.arange(500.0), "Unnamed: 0") == ["likely_id"]


@pytest.mark.parametrize(
    "values",
    [RNG.permutation(500) + 1.0, np.append(np.arange(500.0), [3.0, 77.0]), np.delete(np.arange(500.0), [4, 90, 91])],
    ids=["shuffled", "rows repeated", "rows left out"],
)
def test_numbers_of_rows_are_named_in_any_order_and_with_some_repeated_or_left_out(values):
    assert rules_of(values) == ["likely_id"]


def test_whole_numbers_that_repeat_or_have_gaps_are_no_names():
    assert rules_of(RNG.permutation(np.repeat(np.arange(250.0), 2))) == []
    assert rules_of(RNG.permutation(900)[:500].astype(float)) == []


@pytest.mark.parametrize("name", ["age", "customerAge", "age_in_years"])
@pytest.mark.parametrize("age", [-3.0, 121.0])
def test_an_age_that_nobody_has_is_named(name, age):
    ages = np.append(RNG.integers(18, 90, 500).astype(float), age)
    assert rules_of_ages(ages, name) == ["impossible_age"]


def test_ages_of_people_and_of_accounts_raise_no_finding():
    assert rules_of_ages(np.array([0.0, 120.0, 40.0, np.nan] * 5), "age") == []
    assert rules_of_ages(RNG.integers(-5, 300, 500).astype(float), "account_age") == []


def test_amounts_of_many_values_are_no_names():
    assert rules_of(INCOME, "paid") == []


def test_a_column_with_many_gaps_is_named_with_its_share():
    findings = Findings()
    suspect_columns(pd.DataFrame({"x": [1.0, 2.0, np.nan, 4.0] * 20}), findings, file="loans.csv")
    assert (findings.problems[0].rule, findings.problems[0].value) == ("missing_share", "25% missing")


def test_loans_of_which_nothing_is_known_are_no_repeats(write):
    path = write("income,debt,bad\n1,2,0\n-9,-9,1\n-9,-9,1\n1,2,0\n3,4,1\n")
    found = check_loans(LoanFile(path=path, target="bad", missing_codes=(-9.0,)))
    assert found[["rule", "count"]].values.tolist() == [["nothing_known", 2], ["duplicate_loan", 1]]


def test_each_impossible_age_is_counted_by_itself():
    findings = Findings()
    suspect_ages({"age": pd.Series([30.0, *[999.0] * 21, *[-1.0] * 4])}, findings, file="loans.csv")
    assert [(each.value, each.count) for each in findings.problems] == [("999 (21 times), -1 (4 times)", 25)]
    many = Findings()
    suspect_ages({"age": pd.Series([200.0, 200.0, 201.0, 202.0, 203.0, 204.0])}, many, file="loans.csv")
    assert many.problems[0].value == "200 (2 times), 201 (1 time), 202 (1 time), 2 other values"


def findings_of(tmp_path, text, **settings):
    path = tmp_path / "loans.csv"
    path.write_text(text)
    return check_loans(LoanFile(path=str(path), target="bad", **settings)).set_index("rule")


def test_loans_of_one_outcome_are_an_error_that_names_the_cells(tmp_path):
    found = findings_of(tmp_path, "income,bad\n2000,0\n2100,0\n").loc["one_outcome"]
    assert (found["severity"], found["column"]) == ("error", "bad")
    assert found["value"] == "of 2 loans whose outcome counts, none has '1', which means default"
    assert "one_outcome" not in findings_of(tmp_path, "income,bad\n2000,0\n2100,1\n").index


def test_rows_that_do_not_count_are_no_missing_rows(tmp_path):
    dated = {"applied_at": "day", "horizon_months": 12, "as_of": date(2024, 1, 1)}
    found = findings_of(tmp_path, "income,day,bad\n2000,2035-01-01,0\n2100,2035-01-02,1\n", **dated)
    remedy = found.loc["empty_file", "remedy"]
    assert remedy.startswith("check the dates in column 'day', as_of, horizon_months, target")
    assert "header" not in remedy


def test_a_column_of_clients_that_names_none_is_told_and_counts_nothing(tmp_path):
    text = "income,client,bad\n2000,,0\n2100,,1\n"
    found = findings_of(tmp_path, text, group="client").loc["empty_column"]
    assert found["column"] == "client"
    assert "each loan counts by itself" in found["remedy"]
    assert read_loans(LoanFile(path=str(tmp_path / "loans.csv"), target="bad", group="client")).group is None
