"""What was looked for in files is told, found or not, and each file by what it holds."""

import gzip
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from finnet.data.inspection import Inspection, checks_table
from finnet.data.loan_file import LoanFile
from finnet.data.loans import inspect_loans
from finnet.data.prices import PriceFile, inspect_prices
from finnet.data.quality import Findings


def inspected(settings, read):
    findings = Findings(settings.rules)
    assert read(settings, findings) is not None
    return findings.inspection


@pytest.fixture
def loans(tmp_path):
    path = tmp_path / "loans.csv.gz"
    rows = "".join(f"{20 + row % 50},{'own' if row % 3 else 'rent'},{row % 4 == 0:d}\n" for row in range(40))
    path.write_bytes(gzip.compress(f"age,home,bad\n{rows}".encode()))
    return LoanFile(path=str(path), target="bad", categories=("home",), aside=("age",))


def test_every_check_of_a_loan_file_is_told_although_it_found_nothing(loans):
    checks = checks_table([inspected(loans, inspect_loans)]).set_index("rule")
    assert checks.loc["constant_column", ["columns", "n_columns", "rows"]].tolist() == ["home", 1, 40]
    assert checks.loc["duplicate_loan", "n_columns"] == -1
    assert "20 % or more" in checks.loc["missing_share", "sought"]


def test_ages_are_checked_where_they_are_set_aside(loans):
    checks = checks_table([inspected(loans, inspect_loans)]).set_index("rule")
    assert checks.loc["impossible_age", "columns"] == "age"


def test_a_check_that_no_setting_asks_for_is_not_told(loans):
    rules = set(checks_table([inspected(loans, inspect_loans)])["rule"])
    assert not rules & {"not_due", "duplicate_id", "missing_amount", "missing_order"}


def test_the_hash_of_a_file_is_that_of_its_compressed_bytes(loans):
    (file,) = inspected(loans, inspect_loans).files
    with open(loans.path, "rb") as stream:
        content = stream.read()
    assert (file.sha256, file.bytes, file.rows) == (sha256(content).hexdigest(), len(content), 40)


def test_checks_of_prices_count_their_bars(tmp_path):
    path, days = tmp_path / "prices.csv", pd.bdate_range("2020-01-01", periods=30)
    close = 100 + np.arange(30) % 7
    pd.DataFrame({"date": days, "symbol": "A", "open": close, "close": close}).to_csv(path, index=False)
    checks = checks_table([inspected(PriceFile(path=str(path)), inspect_prices)]).set_index("rule")
    rules = ["stale_price", "unsorted", "non_positive_price", "zero_price"]
    assert checks.loc[rules, "rows"].tolist() == [30] * 4


def test_a_rule_that_is_ignored_is_marked(loans):
    checks = checks_table([inspected(loans, inspect_loans)], ignored=["constant_column"]).set_index("rule")
    assert checks.loc[["constant_column", "empty_column"], "ignored"].tolist() == [True, False]


def test_checks_of_two_sources_are_counted_together():
    both = [Inspection(), Inspection()]
    for k, inspection in enumerate(both):
        inspection.look({"not_a_number": "no numbers"}, file=f"{k}.csv", columns=["score", f"own_{k}"], rows=10)
    (check,) = checks_table(both).to_dict("records")
    assert (check["columns"], check["n_columns"], check["rows"]) == ("score, own_0, own_1", 3, 20)


def test_rows_of_a_file_that_two_sources_check_are_those_of_the_one_that_saw_more():
    both = [Inspection(), Inspection()]
    for rows, inspection in zip((10, 8), both, strict=True):
        inspection.look({"not_a_number": "no numbers"}, file="a.csv", columns=["score"], rows=rows)
    assert checks_table(both)["rows"].tolist() == checks_table(both[::-1])["rows"].tolist() == [10]


def test_the_day_of_the_run_does_not_enter_what_was_looked_for(tmp_path):
    path = tmp_path / "loans.csv"
    rows = "".join(f"2019-01-{1 + row % 28:02d},{row},{row % 4 == 0:d}\n" for row in range(40))
    path.write_text(f"day,income,bad\n{rows}", encoding="utf-8")
    settings = LoanFile(path=str(path), target="bad", applied_at="day", horizon_months=12)
    checks = checks_table([inspected(settings, inspect_loans)]).set_index("rule")
    assert checks.loc["not_due", "sought"].endswith("less than 12 months before the day of the run")


def test_nothing_is_found_by_a_check_that_is_not_told(tmp_path):
    path, rng = tmp_path / "loans.csv", np.random.default_rng(0)
    table = pd.DataFrame({"member_id": np.arange(200), "same": 1, "age": rng.integers(18, 90, 200)})
    table["code"] = np.where(np.arange(200) < 30, 999999, rng.integers(1, 50, 200))
    table["gaps"] = np.where(np.arange(200) < 60, "", "7")
    table["home"] = np.where(np.arange(200) % 2, "own", "OWN")
    table = table.assign(none="", name=[f"client {row}" for row in range(200)], bad=np.arange(200) % 4 == 0)
    table.loc[5, "age"] = 150
    table.astype({"bad": int}).to_csv(path, index=False)
    findings = Findings()
    inspect_loans(LoanFile(path=str(path), target="bad", categories=("home", "name")), findings)
    found = {problem.rule for problem in findings.problems}
    expected = {"likely_id", "constant_column", "impossible_age", "likely_code", "missing_share", "level_spellings"}
    assert found >= expected | {"empty_column", "many_levels", "protected_feature"}
    assert found <= set(checks_table([findings.inspection])["rule"])
