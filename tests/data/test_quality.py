"""Rules have severities, problems have places, and the message of an error shows the first of them."""

import numpy as np
import pytest

from finnet.data.quality import RULES, BadFileError, Findings, Origin
from finnet.errors import ConfigError, DataError


def found(count, rule="ragged_row"):
    findings = Findings()
    origin = Origin.of_file("prices.csv", np.arange(2, count + 2))
    findings.add_rows(rule, origin, column="close", values=["'x'"] * count)
    return findings


def test_every_rule_says_what_to_do():
    assert all(rule.remedy and rule.severity in ("error", "warning") for rule in RULES.values())


def test_an_error_names_file_line_column_value_rule_and_remedy():
    with pytest.raises(DataError, match=r"prices.csv, line 2, column close: 'x' \(ragged_row\); give every row"):
        found(1).raise_errors()


def test_the_message_shows_five_errors_and_counts_all():
    with pytest.raises(BadFileError, match=r"^250 errors in the data:\n(.*\n){5}  ... and 245 more$"):
        found(250).raise_errors()


def test_the_table_lists_a_hundred_rows_of_a_rule_and_counts_the_rest():
    table = found(250).table()
    assert len(table) == 101
    assert table["count"].sum() == 250


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
