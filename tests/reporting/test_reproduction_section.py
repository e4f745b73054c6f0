"""Data files are named with their hash, and how to find it again."""

from finnet.reporting.html import Code, Details, Table
from finnet.reporting.sections.reproduction import ReproductionSection, manifest_table

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


def test_the_model_deployed_is_specified_on_the_page_and_the_card():
    told = {"kind": "Some", "designs": {"plain": {"share": 0.4, "inputs": {"least": 3, "most": 5}}}}
    refit = {"model": "network", "specification": told}
    section = ReproductionSection(command="finnet run a.toml", manifest={"seed": 7, "final refit": refit})
    for blocks in (section.draw().blocks, section.card.blocks):
        table = next(block for block in blocks if isinstance(block, Table) and block.header[0] == "Model deployed")
        assert table.rows == [
            ["kind", "Some"],
            ["designs.plain.share", "0.4"],
            ["designs.plain.inputs", "least 3, most 5"],
        ]
    details = section.draw().blocks[-1]
    assert [row[0] for row in details.block.rows] == ["seed", "final refit.model"]


def test_a_long_list_is_counted_instead_of_shown_in_one_cell():
    rows = [[line, "status", "", "meaning"] for line in range(74)]
    assert manifest_table({"rows": rows}).iloc[0].tolist() == ["rows", "74 entries, in manifest.json"]
