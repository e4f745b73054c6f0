"""Compressed files are read whatever they are called; what is no table is named."""

import gzip
import io
import zipfile

import pytest

from finnet.data.prices import PriceFile, check_prices, read_prices

TABLE = "date,symbol,close\n2020-01-02,A,1\n"


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, TABLE)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (zipped("a.csv"), "a.csv.zip"),
        (zipped("a.csv", "__MACOSX/._a.csv"), "a.zip"),
        (zipped("a.csv"), "a.csv"),
        (gzip.compress(TABLE.encode()), "a.csv"),
        (TABLE, "A.CSV"),
    ],
    ids=["zip", "zip with a folder of the system", "zip under another name", "gzip under another name", "capitals"],
)
def test_a_packed_table_is_read(write, content, name):
    assert read_prices(PriceFile(path=write(content, name))).symbols == ("A",)


@pytest.mark.parametrize(
    ("content", "rule", "said"),
    [
        (zipped("a.csv", "b.csv"), "many_in_archive", "zip archive of 2 files (a.csv, b.csv)"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "foreign_file", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0 and more", "foreign_file", "Excel workbook of the old kind"),
        (b"<!DOCTYPE html><html></html>", "foreign_file", "a web page"),
        (zipped("a.csv")[:60], "unreadable_file", "cannot be unpacked"),
    ],
    ids=["two tables", "xlsx", "xls", "a web page", "half a zip"],
)
def test_what_is_no_table_is_named(write, content, rule, said):
    found = check_prices(PriceFile(path=write(content, "a.csv")))
    assert found["rule"].tolist() == [rule]
    assert said in found["value"].iloc[0]
