"""No file fills the memory or keeps finnet waiting: each limit is named with its number and its key."""

import gzip
import os
import resource
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finnet.data.csv_format import CsvFormat
from finnet.data.limits import Limits, limited
from finnet.data.prices import PriceFile, read_prices
from finnet.data.quality import Findings
from finnet.data.tables import read_table
from finnet.errors import ConfigError, DataError


def read(path):
    """The table of a file, or what is said of it."""
    findings = Findings()
    table = read_table(str(path), CsvFormat(), findings)
    return table if table is not None else " ".join(problem.value for problem in findings.problems)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with gzip.open(tmp_path / "bomb.csv.gz", "wb", compresslevel=9) as file:
        for _ in range(400):
            file.write(bytes(1 << 20))
    before = peak_mib()
    with limited(Limits(bytes=20_000_000)):
        assert read(tmp_path / "bomb.csv.gz") == (
            "more than 20,000,000 bytes, more than limits.bytes = 20000000; raise that key, or give less"
        )
    assert peak_mib() - before < 200


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", bytes(100 << 20))
    before = peak_mib()
    with limited(Limits(bytes=20_000_000)):
        assert "more than limits.bytes = 20000000" in read(tmp_path / "bomb.zip")
    assert peak_mib() - before < 60


def test_a_gzip_bomb_under_another_name_is_refused(tmp_path):
    (tmp_path / "bomb.csv").write_bytes(gzip.compress(bytes(100_000)))
    with limited(Limits(bytes=20_000)):
        assert "more than limits.bytes = 20000" in read(tmp_path / "bomb.csv")


def test_a_parquet_bomb_of_one_long_word_is_refused_before_it_is_unpacked(tmp_path):
    word = "x" * 1_000_000
    pq.write_table(
        pa.table({"a": pa.array([word] * 1000).dictionary_encode().cast(pa.string())}), tmp_path / "a.parquet"
    )
    assert (tmp_path / "a.parquet").stat().st_size < 3_000_000
    with limited(Limits(bytes=20_000_000)):
        assert "1,000,000,000 bytes, more than limits.bytes = 20000000" in read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"rows": 9}, "10 rows, more than limits.rows = 9"),
        ({"columns": 2}, "3 columns, more than limits.columns = 2"),
        ({"cells": 29}, "30 cells, more than limits.cells = 29"),
        ({"bytes": 5}, "bytes, more than limits.bytes = 5"),
    ],
    ids=["rows", "columns", "cells", "bytes"],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_each_limit_is_named_with_number_and_key(limits, words, suffix, tmp_path):
    table = pd.DataFrame({"a": ["abc"] * 10, "b": ["d"] * 10, "c": ["e"] * 10})
    path = tmp_path / f"table.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    assert len(read(path)) == 10
    with limited(Limits(**limits)):
        assert words in read(path)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize(
    ("make", "words"), [(os.mkfifo, "is a pipe"), (lambda path: os.symlink("/dev/zero", path), "is a device")]
)
def test_pipes_and_devices_are_refused_at_once(make, words, suffix, tmp_path):
    make(tmp_path / f"odd.{suffix}")
    assert words in read(tmp_path / f"odd.{suffix}")


def test_a_hundred_thousand_columns_are_checked_at_once(tmp_path):
    header = ",".join(f"c{number}" for number in range(100_000))
    (tmp_path / "wide.csv").write_text(f"{header}\n{header}\n")
    assert "100,000 columns, more than limits.columns = 5000" in read(tmp_path / "wide.csv")
    with limited(Limits(columns=100_000)):
        assert len(read(tmp_path / "wide.csv").header) == 100_000


def test_a_column_of_lists_is_named_before_it_is_read(tmp_path):
    pq.write_table(pa.table({"a": [[[1]]] * 3}), tmp_path / "a.parquet")
    assert "stored as list" in read(tmp_path / "a.parquet")


def test_columns_of_one_name_in_a_parquet_file_are_named(tmp_path):
    words = pa.array(["b", "c"])
    pq.write_table(pa.Table.from_arrays([words, words], names=["a", "a"]), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == "cells 1, 2"


def test_a_list_of_symbols_that_is_a_pipe_is_refused_at_once(write, tmp_path):
    os.mkfifo(tmp_path / "symbols.txt")
    with pytest.raises(DataError, match="is a pipe"):
        read_prices(PriceFile(path=write("date,symbol,close\n2020-01-02,A,1\n"), symbols_file="symbols.txt"))


def test_texts_of_a_parquet_file_come_as_they_were(tmp_path):
    words = pa.array(["b", None, "", "Ä", "b"])
    pq.write_table(pa.table({"a": words, "n": np.arange(5)}), tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet")
    assert table.columns["a"].combine_chunks() == words
    assert table.columns["n"].to_pylist() == list(range(5))


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"limits\.rows=0 is too small"):
        Limits(rows=0)
