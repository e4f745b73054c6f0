"""Rules have severities, problems have places, and the message of an error shows the first of them."""

import numpy as np
import pytest

from finnet.data.quality import BadFileError, Findings, Origin, Problem, told
from finnet.data.rules import RULES
from finnet.errors import ConfigError, DataError


def found(count, rule="ragged_row"):
    findings = Findings()
    origin = Origin.of_file("prices.csv", np.arange(2, count + 2))
    findings.add_rows(rule, origin, column="close", values=["'x'"] * count)
    return findings


def test_every_rule_says_what_to_do():
    assert all(rule.remedy and rule.severity in ("error", "warning", "note") for rule in RULES.values())


def test_an_error_names_file_line_column_value_rule_and_remedy():
    with pytest.raises(DataError, match=r"prices.csv, line 2, column close: 'x' \(ragged_row\); give every row"):
        found(1).raise_errors()


def test_the_message_counts_the_rows_of_a_rule_in_one_line():
    with pytest.raises(BadFileError, match=r"^250 errors in the data:\n.*'x' \(line 2\) in 250 rows \(ragged_row\).*$"):
        found(250).raise_errors()


def test_the_table_has_one_row_for_each_rule_and_column():
    table = found(250).table()
    assert table[["line", "count"]].values.tolist() == [[2, 250]]


def test_examples_are_different_values_with_their_first_lines():
    findings = Findings()
    origin = Origin.of_file("a.csv", np.array([2, 3, 4]))
    findings.add_rows("not_a_number", origin, column="x", values=["'a'", "'a'", "'b'"])
    assert findings.problems[0].value == "'a' (line 2), 'b' (line 4)"


def test_an_example_of_another_file_names_it():
    findings = Findings()
    for file in ("a.csv", "d/b.csv"):
        findings.add("not_a_number", file, line=2, column="x", value=f"{file}")
    assert findings.problems[0].value == "a.csv (line 2), d/b.csv (b.csv line 2), and 1 more file"


def test_a_remedy_names_the_keys_of_the_job_file():
    findings = Findings(section="data.loans")
    findings.add("not_a_date", "a.csv")
    assert "declare data.loans.csv.date_format" in findings.problems[0].remedy


def test_columns_with_the_same_trouble_and_remedy_share_a_line():
    alike = [Problem("empty_column", "warning", "a.csv", 0, name, "", 1, "drop it") for name in "abcd"]
    assert list(map(str, told(alike))) == ["a.csv, columns a, b, c and 1 more (empty_column); drop it"]


def test_the_table_puts_errors_first():
    findings = found(1, rule="gap")
    findings.add("empty_file", "other.csv")
    assert findings.table()["severity"].tolist() == ["error", "warning"]


def test_an_ignored_rule_is_not_noted():
    findings = Findings({"gap": "ignore"})
    findings.add("gap", "prices.csv")
    assert findings.table().empty


def test_a_warning_may_be_made_an_error():
    findings = Findings({"gap": "error"})
    findings.add("gap", "prices.csv")
    assert findings.has_errors


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"gaps": "error"}, "did you mean 'gap'"),
        ({"gap": "fatal"}, "use one of error, ignore, warning"),
        ({"ragged_row": "warning"}, "no value could be trusted"),
    ],
)
def test_a_policy_that_is_unknown_or_unsafe_is_refused(rules, said):
    with pytest.raises(ConfigError, match=said):
        Findings(rules)


def test_rows_of_joined_origins_keep_their_file_and_line():
    parts = [Origin.of_file("a.csv", np.array([2, 3])), Origin.of_file("b.csv", np.array([7]))]
    joined = Origin.joined(parts).take(np.array([2, 0]))
    assert [joined.files[file] for file in joined.file] == ["b.csv", "a.csv"]
    assert joined.line.tolist() == [7, 2]
