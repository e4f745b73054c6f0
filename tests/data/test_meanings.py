"""Meanings of columns and codes are read from a file, which is held against the loans."""

import pandas as pd
import pytest

from finnet.data.meanings import NO_MEANINGS, Meanings
from finnet.data.quality import BadFileError, Findings
from finnet.errors import ConfigError

LOANS = {"home": pd.Series(["A1", "A2", None], dtype="category"), "rate": pd.Series([1.0, 4.0, 2.0])}


def read(tmp_path, text):
    path, findings = tmp_path / "meanings.csv", Findings(section="data")
    path.write_text(text, encoding="utf-8")
    return Meanings.read(str(path), findings), findings


def problems(findings):
    return [(problem.rule, problem.severity, problem.line, problem.column) for problem in findings.problems]


def test_columns_and_values_have_the_meaning_that_the_file_says(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\nhome,,Housing\nhome,A1,own\nrate,4,below 20 %\n")
    assert findings.problems == []
    assert (meanings.of_column("home"), meanings.of_column("rate")) == ("Housing", "rate")
    assert [meanings.of_value("home", value) for value in ("A1", "A2")] == ["own", "A2"]
    assert [meanings.beside("rate", value) for value in (4, 4.0, "4")] == [f"{own} (below 20 %)" for own in (4, 4.0, 4)]


@pytest.mark.parametrize(
    "levels",
    [("07", "7"), ("1_1", "11"), ("1,2", "12"), ("1e1", "10"), ("inf", "infinity"), ("A1, A2", "A1"), ("1.10", "1.1")],
    ids=repr,
)
def test_levels_of_different_text_have_meanings_of_their_own(tmp_path, levels):
    rows = "".join(f'home,"{level}",meaning {place}\n' for place, level in enumerate(levels))
    meanings, findings = read(tmp_path, f"column,value,meaning\n{rows}")
    assert findings.problems == []
    assert [meanings.of_value("home", level) for level in levels] == ["meaning 0", "meaning 1"]
    alone = Meanings("m.csv", meanings.rows[1:])
    assert alone.of_value("home", levels[0]) == levels[0]
    told = Findings()
    alone.check({"home": pd.Series(levels[:1], dtype="category")}, told, others=[])
    assert problems(told) == [("meaning_of_no_value", "warning", 3, "home")]


def test_a_number_has_the_meaning_of_any_text_that_is_the_same_number(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\nrate,0.50,half\nrate,1e3,many\nhome,1.0,own\n")
    assert [meanings.of_value("rate", value, words="?") for value in (0.5, 1000, 0.5000001)] == ["half", "many", "?"]
    assert meanings.beside("rate", "0.5", is_number=True) == "0.5 (half)"
    assert (meanings.of_value("rate", "0.5"), meanings.of_value("home", "1")) == ("0.5", "own")
    meanings.check({"rate": pd.Series([0.5, 1000.0]), "home": pd.Series(["1"])}, findings, others=[])
    assert findings.problems == []


def test_two_texts_of_one_number_have_one_meaning(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\nrate,1,low\nrate,01,high\n")
    meanings.check({"rate": pd.Series([1.0])}, findings, others=[])
    assert problems(findings) == [("meaning_twice", "error", 3, "rate")]


def test_what_is_missing_has_its_own_words():
    meanings = Meanings("m.csv", ((2, "home", "None", "nothing"), (3, "rate", "nan", "no number")))
    assert meanings.of_value("home", None, words="missing") == "missing"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=repr)
def test_a_file_is_read_as_a_spreadsheet_saves_it(tmp_path, encoding, delimiter):
    path, findings = tmp_path / "meanings.csv", Findings()
    rows = [
        ("column", "value", "meaning"),
        ("home", "", "Geb\u00e4ude"),
        ("home", "A1", "'own'"),
        ("home", "A2", "rent"),
    ]
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding=encoding)
    meanings = Meanings.read(str(path), findings)
    assert findings.problems == []
    assert (meanings.of_column("home"), meanings.of_value("home", "A2")) == ("Geb\u00e4ude", "rent")


@pytest.mark.parametrize(
    "text",
    [
        "home,A1,1\nhome,A2,2\n",
        "Codes of 2020\n\ncolumn,value,meaning\nhome,A1,own\n",
        "column,value,meaning\nhome,A1,own\nhome,A2,rent\n\nmade by us\n",
        "column,value,meaning\nhome,A1,\u0081\n",
    ],
)
def test_no_remedy_names_a_key_that_a_file_of_meanings_does_not_have(tmp_path, text):
    path, findings = tmp_path / "meanings.csv", Findings(section="data")
    path.write_bytes(text.encode("latin-1"))
    Meanings.read(str(path), findings)
    assert findings.has_errors
    assert all("data." not in problem.remedy and "csv." not in problem.remedy for problem in findings.problems)
    assert len(findings.inspection.files) <= 1


def test_several_lines_of_no_column_keep_their_lines_and_columns_are_suggested_once(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\nzzz,,Z\nhome,,Housing\nqqq,,Q\n")
    meanings.check(LOANS, findings, others=["home", "default"])
    told = str(BadFileError(findings.problems))
    assert "columns zzz (line 2: use one of default, home, rate), qqq (line 4: use one of default, home, rate)" in told


def test_an_empty_value_is_not_named_as_its_column(tmp_path):
    meanings, _ = read(tmp_path, "column,value,meaning\nhome,,Housing\n")
    assert (meanings.beside("home", ""), meanings.of_value("home", "")) == ("", "")


def test_long_codes_that_differ_in_one_digit_have_meanings_of_their_own():
    meanings = Meanings("m.csv", ((2, "branch", "1234567", "north"), (3, "branch", "1234568", "south")))
    assert meanings.beside("branch", 1234567.0, words="1,234,567") == "1,234,567 (north)"
    assert meanings.of_value("branch", "1234568.0") == "south"


def test_a_code_of_0_in_a_parquet_file_is_no_empty_value(tmp_path):
    path = tmp_path / "meanings.parquet"
    pd.DataFrame({"column": ["owner"] * 2, "value": [0, 1], "meaning": ["no", "yes"]}).to_parquet(path)
    meanings = Meanings.read(str(path), Findings())
    assert (meanings.of_column("owner"), meanings.of_value("owner", "0")) == ("owner", "no")


def test_a_line_of_no_column_is_an_error_with_its_line_and_the_nearest_column(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\nhome,,Housing\nhomes,A1,own\n")
    meanings.check(LOANS, findings, others=["default"])
    assert problems(findings) == [("meaning_of_no_column", "error", 3, "homes")]
    assert "home" in findings.problems[0].value
    assert findings.problems[0].remedy


def test_a_column_that_is_no_feature_may_have_a_meaning(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\ndefault,1,bad\n")
    meanings.check(LOANS, findings, others=["default"])
    assert findings.problems == []


def test_a_value_that_no_loan_has_is_a_warning(tmp_path):
    meanings, findings = read(tmp_path, "column,value,meaning\nhome,A9,castle\nrate,4,low\n")
    meanings.check(LOANS, findings, others=[])
    assert problems(findings) == [("meaning_of_no_value", "warning", 2, "home")]


@pytest.mark.parametrize(
    ("lines", "rule"), [("home,A1,own\nhome,A1,rent\n", "meaning_twice"), ("home,A1,own\nhome,A2,\n", "no_meaning")]
)
def test_lines_that_say_nothing_or_twice_are_errors(tmp_path, lines, rule):
    _, findings = read(tmp_path, f"column,value,meaning\n{lines}")
    assert problems(findings) == [(rule, "error", 3, "home")]


def test_a_file_without_the_columns_says_which_it_needs(tmp_path):
    _, findings = read(tmp_path, "column,code,meaning\nhome,A1,own\n")
    (problem,) = findings.problems
    assert (problem.rule, problem.column) == ("missing_column", "value")
    assert problem.remedy == "give the file the columns column, value and meaning"


def test_what_a_job_holds_is_read_back(tmp_path):
    meanings, _ = read(tmp_path, "column,value,meaning\nhome,A1,own\n")
    assert Meanings.of(meanings.content) == meanings
    with pytest.raises(ConfigError, match="give that of a file"):
        Meanings.of({"home": "Housing"})


def test_without_a_file_everything_keeps_its_name():
    assert (NO_MEANINGS.of_column("home"), NO_MEANINGS.beside("home", "A1")) == ("home", "A1")


def test_the_file_is_noted_with_its_hash_by_a_job_that_holds_its_meanings(tmp_path):
    meanings, first = read(tmp_path, "column,value,meaning\nhome,,Housing\n")
    again = Findings(section="data")
    Meanings.of(meanings.content).check(LOANS, again, others=[])
    assert again.inspection.files == first.inspection.files
    assert again.inspection.files[0].sha256 == meanings.sha256


def test_a_job_that_was_saved_without_the_hash_stays_as_it_was():
    old = {"file": "meanings.csv", "rows": [[2, "home", "", "Housing"]]}
    findings = Findings(section="data")
    meanings = Meanings.of(old)
    meanings.check(LOANS, findings, others=[])
    assert findings.inspection.files == []
    assert set(meanings.content) == {"file", "rows"}
