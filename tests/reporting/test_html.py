"""The page loads nothing, escapes everything that came from data, and is the same every time."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from jinja2 import UndefinedError

from finnet.reporting.html import Code, Details, Figure, Note, Page, Points, Section, Table, _template, render

HOSTILE = "<script>alert('\"&')</script>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><defs><path id="a"/></defs><use href="#a"/></svg>'


def page_of(*blocks, **changes):
    page = Page("Title", "Subtitle", "Verdict.", {"Label": "1"}, [Section("Section", "Lead", list(blocks))])
    return replace(page, **changes)


def hostile_blocks():
    table = Table(pd.DataFrame({HOSTILE: [HOSTILE], "b": [f"1\n{HOSTILE}"]}), HOSTILE, highlight=HOSTILE)
    return [
        Note(HOSTILE),
        Points([HOSTILE]),
        Code(HOSTILE),
        Figure(SVG, HOSTILE, HOSTILE),
        table,
        Details(HOSTILE, table),
        Section(HOSTILE, HOSTILE, []),
    ]


def test_everything_from_data_is_escaped():
    hostile = {"title": HOSTILE, "subtitle": HOSTILE, "verdict": HOSTILE, "facts": {HOSTILE: HOSTILE}}
    html = render(page_of(*hostile_blocks(), **hostile))
    assert "<script" not in html
    assert not re.search(r"alert\('\"", html)


def test_equal_pages_give_equal_bytes():
    assert render(page_of(*hostile_blocks())) == render(page_of(*hostile_blocks()))


def test_a_drawing_used_twice_keeps_ids_unique():
    html = render(page_of(Figure(SVG, "one", "one"), Figure(SVG, "two", "two")))
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert {'href="#figure-1-a"', 'href="#figure-2-a"'} <= set(re.findall(r'href="#figure[^"]*"', html))


def test_tables_name_their_columns_and_rows():
    html = render(page_of(Table(pd.DataFrame({"Model": ["Tree"], "AUC": ["0.70"]}), "Scores")))
    assert "<caption>Scores</caption>" in html
    assert '<th scope="col" class="number">AUC</th>' in html
    assert '<th scope="row" class="text">Tree</th>' in html


def test_only_the_highlighted_row_stands_out():
    html = render(page_of(Table(pd.DataFrame({"m": ["a", "b"]}), "Scores", highlight="b")))
    assert html.count('class="highlight"') == 1


def test_a_table_without_rows_is_shown_with_its_header():
    html = render(page_of(Table(pd.DataFrame(columns=["Model", "AUC"]), "Nothing")))
    assert ">AUC</th>" in html


def test_a_line_break_in_a_cell_sets_the_rest_smaller():
    html = render(page_of(Table(pd.DataFrame({"m": ["a"], "v": ["0.5\n0.4 to 0.6"]}), "Scores")))
    assert '<td class="number">0.5<small>0.4 to 0.6</small></td>' in html


def test_the_first_line_of_the_verdict_is_a_paragraph_of_its_own():
    html = render(page_of(verdict="First.\nSecond."))
    assert "<p>First.</p>\n<p>Second.</p>" in html


def test_headings_nest_without_gaps():
    html = render(page_of(Section("Inner", "", [Note("text")])))
    assert re.findall(r"<(h\d)", html) == ["h1", "h2", "h3"]


def test_a_page_that_lacks_something_is_an_error():
    with pytest.raises(UndefinedError):
        _template().render(page={"title": "only a title"})
