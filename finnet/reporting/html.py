"""One self-contained HTML page from titles, sentences, tables and drawings; everything from data is escaped."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import ClassVar, TypeAlias

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from finnet.reporting.svg import inline_svg

__all__ = ["Block", "Code", "Details", "Figure", "Note", "Page", "Points", "Section", "Table", "render"]

# A cell that starts like a number, or is the dash of a figure that is absent.
_NUMBER = re.compile(r"[+−<>–-]?\d|–$")


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    items: Sequence[str]
    kind: ClassVar[str] = "points"


@dataclass(frozen=True)
class Code:
    """Commands or code, shown as typed."""

    text: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Parameters
    ----------
    svg : str
        A whole SVG document of our own making (`finnet.reporting.plots`); it is not escaped.
    caption : str
        What the reader should see in it.
    alt : str
        What it shows, for those who cannot see it.
    """

    svg: str
    caption: str
    alt: str
    kind: ClassVar[str] = "figure"

    def inline(self, prefix: str) -> Markup:
        """The drawing as one element whose ids start with `prefix`."""
        return Markup(inline_svg(self.svg, prefix, self.alt))


@dataclass(frozen=True, eq=False)
class Table:
    """A table whose first column names the rows; its index is not shown.

    Parameters
    ----------
    frame : DataFrame
        Text or numbers. A line break inside a cell sets what follows it smaller, below.
    caption : str
        What the table shows, and its units.
    formats : mapping of column to format, optional
        As for `str.format`, for instance `{"share": "{:.1%}"}`.
    highlight : str, optional
        The row whose first cell reads so stands out.

    Examples
    --------
    >>> table = Table(pd.DataFrame({"model": ["Network"], "AUC": [0.71234]}), "AUC", formats={"AUC": "{:.3f}"})
    >>> table.rows, table.classes
    ([['Network', '0.712']], ['text', 'number'])
    """

    frame: pd.DataFrame
    caption: str
    formats: Mapping[str, str] = field(default_factory=dict)
    highlight: str | None = None
    kind: ClassVar[str] = "table"

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return [str(column) for column in self.frame.columns]

    @property
    def rows(self) -> list[list[str]]:
        """Cells as they are shown, row by row."""
        forms = [self.formats.get(column, "{}") for column in self.header]
        return [
            [form.format(value) for form, value in zip(forms, row, strict=True)]
            for row in self.frame.itertuples(index=False, name=None)
        ]

    @property
    def classes(self) -> list[str]:
        """For each column "number" (set to the right) where every cell starts like one, otherwise "text".

        The first column names the rows and is always text.
        """
        rows = self.rows
        columns = [[row[place] for row in rows] for place in range(1, len(self.header))]
        return ["text", *("number" if all(map(_NUMBER.match, cells)) else "text" for cells in columns)]


@dataclass(frozen=True)
class Details:
    """A block that only those who want it open; on paper it is always shown."""

    summary: str
    block: Table
    kind: ClassVar[str] = "details"


@dataclass(frozen=True)
class Section:
    """A heading, a sentence that says what to take from what follows, and the blocks; sections may nest once."""

    title: str
    lead: str
    blocks: Sequence["Block"]
    kind: ClassVar[str] = "section"


Block: TypeAlias = Note | Points | Code | Figure | Table | Details | Section


@dataclass(frozen=True)
class Page:
    """A report.

    Parameters
    ----------
    title, subtitle : str
        What was run, on what.
    verdict : str
        What came out, in plain sentences; the first line is set large, further lines below it.
    facts : mapping of label to text
        The few key figures. A line break in a text sets what follows it smaller, below.
    sections : sequence of Section
        The rest, in the order of reading.
    """

    title: str
    subtitle: str
    verdict: str
    facts: Mapping[str, str]
    sections: Sequence[Section]


def render(page: Page) -> str:
    """The page as HTML that loads nothing, runs nothing and prints on A4.

    Examples
    --------
    >>> page = Page("Up or down?", "S&P 500", "No difference.", {"Days": "250"}, [])
    >>> html = render(page)
    >>> html.startswith("<!doctype html>"), "S&amp;P 500" in html
    (True, True)
    """
    # The template asks for one number per figure, which keeps the ids of its drawings apart.
    numbers = count(1)
    return _template().render(page=page, next_number=lambda: next(numbers))


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("finnet.reporting"),
        autoescape=True,
        undefined=StrictUndefined,  # a name that is missing must stop the page, not leave a gap in it
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
