"""Data files are named with their hash, and how to find it again."""

from finnet.reporting.html import Code, Details, Table
from finnet.reporting.sections.reproduction import ReproductionSection

FILE = {"path": "my loans.csv", "sha256": "ab12", "bytes": 52310, "rows": 1000}


def blocks(files):
    return ReproductionSection(command="finnet run a.toml", manifest={"seed": 7, "files": files}).draw().blocks


def test_each_file_stands_with_its_hash_and_the_command_that_gives_it():
    _, table, command, *_ = blocks([FILE])
    assert table.rows == [["my loans.csv", "ab12", "1,000", "52,310"]]
    assert command == Code("sha256sum 'my loans.csv'")


def test_many_files_are_folded_away():
    assert isinstance(blocks([FILE] * 13)[1], Details)


def test_a_run_without_files_shows_none():
    assert not any(isinstance(block, Table) for block in blocks([]))
    old = ReproductionSection(command="finnet run a.toml", manifest={"seed": 7})
    assert not any(isinstance(block, Table) for block in old.draw().blocks)
