"""The form of a file is checked before its cells: lines, quotes, header, encoding."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finnet.data.csv_format import CsvFormat
from finnet.data.quality import Findings
from finnet.data.tables import read_table, table_files
from finnet.errors import ConfigError


def read(path, wanted=None, **csv):
    """The table and the (rule, line) of every problem."""
    findings = Findings()
    table = read_table(str(path), CsvFormat(**csv), findings, wanted=wanted)
    return table, [(problem.rule, problem.line) for problem in findings.problems]


CELL = st.text(st.sampled_from('ab1,"\n .'), max_size=4)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
@settings(deadline=None)
def test_what_python_writes_is_read_back_with_its_line_numbers(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("x", "y"), *rows])
    table, _ = read(path)
    known = [row for row in rows if any(row)]
    assert (table is None) == (not known)
    if table is not None:
        assert list(zip(*(table.columns[name].to_pylist() for name in "xy"), strict=True)) == known
        text = path.read_text()
        starts = [
            1 + sum(len(io.StringIO(line).readlines()) for line in _records(text)[: i + 1]) for i in range(len(rows))
        ]
        assert table.origin.line.tolist() == [start for start, row in zip(starts, rows, strict=True) if any(row)]


def _records(text):
    """The lines of each record, by counting quotes."""
    records, open_quotes = [""], 0
    for line in io.StringIO(text):
        records[-1] += line
        open_quotes += line.count('"')
        if open_quotes % 2 == 0:
            records.append("")
    return records[:-1]


def test_only_wanted_columns_are_read(write):
    table, problems = read(write("a,b,c\n1,2,3\n"), wanted={"c", "d"})
    assert list(table.columns) == ["c"]
    assert table.header == ["a", "b", "c"]
    assert not problems


def test_ragged_rows_are_named_by_line_even_after_line_breaks_in_cells(write):
    table, problems = read(write('a,b\n"1\n1",2\n3\n4,5\n6,7,8\n'))
    assert problems == [("ragged_row", 4)]
    assert table.origin.line.tolist() == [2, 5]


def test_a_byte_order_mark_is_no_part_of_the_first_name(write):
    assert list(read(write(b"\xef\xbb\xbfa,b\n1,2\n"))[0].columns) == ["a", "b"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_a_declared_encoding_is_read(write, encoding):
    table, _ = read(write("a,b\n1,é\n".encode(encoding)), encoding=encoding)
    assert table.columns["b"].to_pylist() == ["é"]


def test_a_wrong_byte_is_named_by_line(write):
    assert read(write(b"a,b\n1,2\n3,\xe9\n"))[1] == [("wrong_encoding", 3)]


def test_windows_line_ends_are_line_ends(write):
    assert read(write("a,b\r\n1,2\r\n"))[0].columns["b"].to_pylist() == ["2"]


@pytest.mark.parametrize("content", ["a,b\n1,2", "a,b\n1,2\n3,"])
def test_a_last_line_without_its_end_may_be_cut_off(write, content):
    assert read(write(content))[1][0][0] == "no_final_newline"


def test_a_cut_off_row_is_told_from_a_ragged_one(write):
    assert read(write("a,b\n1\n3"))[1] == [
        ("no_final_newline", 3),
        ("cut_off_row", 3),
        ("ragged_row", 2),
        ("empty_file", 0),
    ]


def test_a_missing_file_is_named(tmp_path):
    assert read(tmp_path / "none.csv")[1] == [("unreadable_file", 0)]


@pytest.mark.parametrize("cut", [0, 3, 100])
def test_a_parquet_file_that_is_cut_off_is_refused(write, tmp_path, cut):
    pq.write_table(pa.table({"a": np.arange(100)}), tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()
    assert read(write(data[:cut], "part.parquet"))[1] == [("unreadable_file", 0)]


def test_parquet_rows_are_counted_from_one(tmp_path):
    pq.write_table(pa.table({"a": [5, 6]}), tmp_path / "a.parquet")
    table, problems = read(tmp_path / "a.parquet")
    assert table.origin.line.tolist() == [1, 2]
    assert not problems


def test_a_folder_gives_its_data_files_by_name(write, tmp_path):
    paths = [write("", name) for name in ("b.csv", "a.PARQUET", "c.CSV.gz", "d.csv.zip", "notes.txt", ".hidden")]
    findings = Findings()
    assert table_files(str(tmp_path), findings) == sorted(paths[:4])
    assert [(problem.rule, problem.value) for problem in findings.problems] == [("skipped_file", "notes.txt")]


@pytest.mark.parametrize(
    "settings", [{"delimiter": ""}, {"delimiter": "::"}, {"delimiter": "§"}, {"encoding": "utf-9"}]
)
def test_a_format_that_cannot_be_is_refused(settings):
    with pytest.raises(ConfigError, match=f"csv.{next(iter(settings))}="):
        CsvFormat(**settings)


@pytest.mark.parametrize("wanted", [None, ["client"], ["income"]], ids=repr)
def test_a_file_has_the_same_rows_whatever_is_read_of_it(tmp_path, wanted):
    path = tmp_path / "a.csv"
    path.write_text("client,income\n,7\nK1,\n,\n,8\n")
    table, found = read(path, wanted=wanted)
    assert table.origin.line.tolist() == [2, 3, 5]
    assert found == [("blank_line", 4)]
