"""Drawings can stand side by side in one page."""

from finnet.reporting.svg import inline_svg

SVG = """<?xml version="1.0"?>
<!DOCTYPE svg>
<svg width="9pt" height="9pt" viewBox="0 0 9 9"><defs><style type="text/css">*{}</style></defs>
<g id="unused"><path id="dot" width="2"/><clipPath id="clip"/></g>
<use xlink:href="#dot" clip-path="url(#clip)"/><text>id="dot" href="#dot"</text></svg>"""


def test_references_follow_their_ids():
    svg = inline_svg(SVG, "f1-", "A dot")
    assert '<path id="f1-dot"' in svg
    assert 'xlink:href="#f1-dot" clip-path="url(#f1-clip)"' in svg


def test_ids_that_nothing_refers_to_are_dropped():
    assert "unused" not in inline_svg(SVG, "f1-", "A dot")


def test_text_is_left_alone():
    assert '<text>id="dot" href="#dot"</text>' in inline_svg(SVG, "f1-", "A dot")


def test_only_the_drawing_loses_its_size():
    svg = inline_svg(SVG, "f1-", "A dot")
    assert svg.startswith('<svg viewBox="0 0 9 9" role="img"')
    assert '<path id="f1-dot" width="2"/>' in svg


def test_a_style_sheet_does_not_reach_the_page():
    assert "<style" not in inline_svg(SVG, "f1-", "A dot")


def test_the_title_is_escaped():
    assert '<title id="f1-title">&lt;b&gt;</title>' in inline_svg(SVG, "f1-", "<b>")
