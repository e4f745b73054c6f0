"""Sections as Markdown: every block but drawings, and nothing from data that could be read as markup."""

import pandas as pd

from finnet.reporting.html import Code, Details, Figure, Note, Points, Section, Table
from finnet.reporting.markdown import markdown


def document(*blocks):
    return markdown("Title", [Section("Heading", "Lead.", blocks)])


def test_every_block_is_set():
    table = Table(pd.DataFrame({"Model": ["Tree"], "AUC": ["0.7"]}), "Scores.")
    text = document(Note("A note."), Points(["one", "two"]), Code("finnet run"), table, Details("More", table))
    for part in (
        "A note.",
        "- one\n- two",
        "```\nfinnet run\n```",
        "| Model | AUC |\n| --- | ---: |\n| Tree | 0.7 |",
        "**More**",
    ):
        assert part in text


def test_sections_in_sections_have_smaller_headings():
    assert "### Inner" in document(Section("Inner", "", [Note("x")]))


def test_drawings_are_left_out():
    assert "svg" not in document(Figure("<svg/>", "A caption", "alt"))


def test_cells_cannot_end_a_cell_or_open_a_tag():
    text = document(Table(pd.DataFrame({"Name": ["a|b\nc <script> [x](y)"]}), ""))
    assert "a\\|b; c \\<script\\> \\[x\\](y)" in text


def test_code_cannot_end_its_fence():
    assert document(Code("a ``` b")).count("```") == 2
