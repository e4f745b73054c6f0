"""Both reports in a real browser: silent, alone, readable on a phone, printable on A4."""

import re

import pytest
from chromium import PROGRAM, chromium

from finnet.reporting.html import render

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here; on Debian: apt-get install chromium")
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NARROWEST_TEXT = "Math.min(...[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height))"


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module", params=["direction", "default-risk"])
def url(request, tmp_path_factory, direction_report, default_risk_report):
    report = direction_report if request.param == "direction" else default_risk_report
    path = tmp_path_factory.mktemp("page") / f"{request.param}.html"
    path.write_text(render(report.page()), encoding="utf-8")
    return path.as_uri()


def test_the_page_is_silent_and_asks_for_nothing(browser, url):
    browser.events.clear()
    browser.open(url, width=1200)
    assert browser.problems() == []
    assert browser.requested() == [url]


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_the_page_never_scrolls_sideways(browser, url, width):
    browser.open(url, width=width)
    assert browser.evaluate(OVERFLOW) == 0


def test_text_in_drawings_is_readable_on_a_phone(browser, url):
    browser.open(url, width=390)
    assert browser.evaluate(NARROWEST_TEXT) > 8


def test_drawings_stay_within_their_frame(browser, url):
    browser.open(url, width=390)
    outside = """[...document.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('text')].filter(text => {
        const frame = svg.getBoundingClientRect(), box = text.getBoundingClientRect()
        return box.right > frame.right + 2 || box.left < frame.left - 2 }).map(text => text.textContent))"""
    assert browser.evaluate(outside) == []


def test_drawings_have_no_paper_of_their_own_so_that_darkened_pages_can_be_read(browser, url):
    browser.open(url, width=1200)
    fills = """[...document.querySelectorAll('svg path')].map(path => getComputedStyle(path).fill)"""
    assert "rgb(255, 255, 255)" not in browser.evaluate(fills)


def test_the_page_prints_on_a4(browser, url):
    browser.open(url, width=1200)
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", browser.pdf())
    assert sizes
    for width, height in sizes:
        assert (float(width), float(height)) == (pytest.approx(595, abs=1.5), pytest.approx(842, abs=1.5))
