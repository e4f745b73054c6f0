"""Markdown: sections as text that a repository or a wiki shows, drawings left out."""

from collections.abc import Iterator, Sequence

from finnet.reporting.html import Block, Code, Details, Note, Points, Section, Table

__all__ = ["markdown"]


def markdown(title: str, sections: Sequence[Section]) -> str:
    """A document with a heading for each section; what comes from data can open no tag, link or table cell.

    Examples
    --------
    >>> print(markdown("Loans", [Section("Limits", "", [Points(["One year | of data"])])]))
    # Loans
    <BLANKLINE>
    ## Limits
    <BLANKLINE>
    - One year \\| of data
    <BLANKLINE>
    """
    blocks = [f"# {_plain(title)}", *(text for section in sections for text in _section(section, depth=2))]
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, *, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {_plain(section.title)}"
    if section.lead:
        yield _plain(section.lead)
    for block in section.blocks:
        yield from _block(block, depth=depth)


def _block(block: Block, *, depth: int) -> Iterator[str]:
    match block:
        case Note():
            yield _plain(block.text)
        case Points():
            yield "\n".join(f"- {_plain(item)}" for item in block.items)
        case Code():
            # Three backticks in the text would end the block of code.
            yield f"```\n{block.text.replace('```', '')}\n```"
        case Table():
            # Columns of numbers stand to the right, as on the page.
            rules = ["---:" if kind == "number" else "---" for kind in block.classes]
            lines = [map(_plain, block.header), rules, *(map(_plain, row) for row in block.rows)]
            yield "\n".join(f"| {' | '.join(line)} |" for line in lines)
            if block.caption:
                yield _plain(block.caption)
        case Details():
            yield f"**{_plain(block.summary)}**"
            yield from _block(block.block, depth=depth)
        case Section():
            yield from _section(block, depth=depth + 1)


# A line break within a cell would end the row of a table.
_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#"} | {"\n": "; "})


def _plain(text: str) -> str:
    return str(text).translate(_SIGNS)
