"""SVG text made ready to stand in a page beside other SVGs."""

import re
from html import escape

__all__ = ["inline_svg"]

_TAG = re.compile(r"<[^!?][^>]*>")
_ID = re.compile(r'\sid="([^"]*)"')
_REFERENCE = re.compile(r'((?:xlink:)?href="#|url\(#)([^")]+)')
_SIZE = re.compile(r'\s(?:width|height)="[^"]*"')
_STYLE_SHEET = re.compile(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>\s*", re.DOTALL)


def inline_svg(svg: str, prefix: str, title: str) -> str:
    """One `<svg>` element that carries a title, no size and only ids of its own.

    Parameters
    ----------
    svg : str
        A whole SVG document from a source that can be trusted, as matplotlib writes it.
    prefix : str
        Set before every id, so that two drawings of one page cannot meet; ids that nothing refers to are dropped.
    title : str
        What the drawing shows, for those who cannot see it; escaped here.

    Examples
    --------
    >>> svg = '<?xml version="1.0"?><svg width="9pt"><g id="a"/><path id="b"/><use href="#b"/></svg>'
    >>> inline_svg(svg, "figure-1-", "up & down")
    '<svg role="img" aria-labelledby="figure-1-title"><title id="figure-1-title">up &amp; down</title><g/><path
    id="figure-1-b"/><use href="#figure-1-b"/></svg>'
    """
    # The style sheet of one drawing would hold for the whole page.
    element = _STYLE_SHEET.sub("", svg[svg.index("<svg") :]).strip()
    used = {name for tag in _TAG.findall(element) for _, name in _REFERENCE.findall(tag)}
    element = _TAG.sub(lambda tag: _own_ids(tag.group(), prefix, used), element)
    # Without width and height the drawing takes the width of its column, in the proportions of its viewBox.
    opening, rest = element.split(">", 1)
    label = f'{prefix}title"'
    return (
        f'{_SIZE.sub("", opening)} role="img" aria-labelledby="{label}><title id="{label}>{escape(title)}</title>{rest}'
    )


def _own_ids(tag: str, prefix: str, used: set[str]) -> str:
    tag = _ID.sub(lambda found: f' id="{prefix}{found[1]}"' if found[1] in used else "", tag)
    return _REFERENCE.sub(lambda found: f"{found[1]}{prefix}{found[2]}", tag)
