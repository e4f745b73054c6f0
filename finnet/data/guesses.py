"""Guesses how numbers and dates are written, for remedies and new job files; nothing is read by them."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

__all__ = ["are_codes", "date_formats", "date_remedy", "is_data", "is_number_or_date", "number_keys", "number_remedy"]

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_AFFIXED = re.compile(r"^([^0-9+.,-]*)\s*([+-]?[0-9][0-9.,'\u00a0 ]*?)\s*([^0-9]*)$")
_SIGNED = re.compile(r"^([+-]?)([^0-9]*)(.*)$")
_MULTIPLIERS = {"K": 1000, "k": 1000, "M": 1000000, "m": 1000000, "mn": 1000000, "B": 1000000000, "bn": 1000000000}
_WORDS = ("month", "months", "year", "years", "yr", "yrs", "mo", "mos", "days", "day", "weeks", "bp", "bps", "pct")
"""Words that measure."""

_MOST_UNITS, _SHARE = 8, 0.9  # different units of a column; share of its cells that must look like numbers

# The likeliest first: where two fit all cells, such as days up to the 12th, the first is proposed.
_FORMATS = (
    *("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d"),
    *("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%b-%Y", "%b %Y", "%Y-%m", "%m/%Y", "%d-%b-%y", "%b-%y"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%y%m%d"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S"),
    *(
        "%m/%d/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
        "%d/%m/%Y %H:%M",
        "%d.%m.%Y %H:%M",
        "%d.%m.%Y %H:%M:%S",
    ),
    *("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M"),
    *("%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %z"),
)


def is_data(cell: str) -> bool:
    """Whether a cell is a number or a date, not a name.

    Examples
    --------
    >>> [is_data(cell) for cell in ("99.07", "2019-01-02", "01/02/2019", "close", "")]
    [True, True, True, False, False]
    """
    text = cell.strip()
    match = _AFFIXED.match(text)
    # At most two signs around the number, as in $5 or 10 %: with more, as in close_2, it is a name.
    is_affixed = match is not None and len(match[1]) + len(match[3]) <= 2
    return bool(text) and (_NUMBER.fullmatch(text) is not None or bool(date_formats([text])) or is_affixed)


def date_formats(cells: Sequence[str]) -> list[str]:
    """Formats in which all these cells are dates or times, the likeliest first.

    Examples
    --------
    >>> date_formats(["03/04/2019", "05/06/2019"]), date_formats(["31.12.2019"]), date_formats(["1546412400000"])
    (['%m/%d/%Y', '%d/%m/%Y'], ['%d.%m.%Y'], ['epoch_ms'])
    """
    words = [cell.strip() for cell in cells if cell.strip()]
    if not words:
        return []
    # Counts since 1970 of today's length: 9 or 10 digits are seconds from 1973 on, 13 are milliseconds from 2001 on.
    if (
        all(re.fullmatch(r"[0-9]{13}|[0-9]{9,10}", word) for word in words)
        and len({len(word) > 10 for word in words}) == 1
    ):
        return ["epoch_ms" if len(words[0]) == 13 else "epoch_s"]
    return [form for form in _FORMATS if all(_fits(word, form) for word in words)]


def _fits(word: str, form: str) -> bool:
    try:
        day = datetime.strptime(word, form)
    except ValueError:
        return False
    # strptime takes 2020112 for %Y%m%d; digits that run together must be written as they are read.
    glued = re.search(r"%\w%", form) is not None
    return (not glued or day.strftime(form) == word) and 1800 <= day.year <= 2100


def date_remedy(cells: Sequence[str]) -> str:
    """What to declare so that these cells are dates; "" where no one format fits them all."""
    found = date_formats(cells)
    if not found:
        return ""
    return "declare " + " or, with the day first, ".join(f'{{keys}}csv.date_format = "{form}"' for form in found[:2])


def number_keys(cells: Sequence[str]) -> dict[str, object] | None:
    """What CsvFormat must be told so that these cells are numbers; None where they are words, {} where it is nothing.

    Examples
    --------
    >>> number_keys(["$5,247.00", "$800.00"]), number_keys(["10.32%"]), number_keys(["3,5"]), number_keys(["car"])
    ({'thousands': ',', 'units': {'$': 1}}, {'units': {'%': 1}}, {'decimal': ','}, None)
    """
    words = [cell.strip() for cell in cells if cell.strip()]
    if words and all(_NUMBER.fullmatch(word) for word in words):
        return {}
    # A sign before a unit is moved to the number first: -$5 becomes $-5.
    found = [(word, match) for word in words if (match := _AFFIXED.match(_SIGNED.sub(r"\2\1\3", word)))]
    if not words or len(found) < _SHARE * len(words):
        return None
    units = Counter(unit for _, match in found for unit in _units(match[1], match[3]))
    # So many different units are names with numbers in them.
    if len(units) > _MOST_UNITS or (units and len(units) > len(words) / 2 and len(words) > 4):
        return None
    keys: dict[str, object] = {**_signs([match[2] for _, match in found])}
    if units:
        keys["units"] = {unit: _MULTIPLIERS.get(unit, 1) for unit in sorted(units)}
    return keys


def is_number_or_date(cells: Sequence[str]) -> bool:
    """Whether cells are numbers written with signs and units, or dates, rather than names.

    Examples
    --------
    >>> is_number_or_date(["$5,247.00", "$1"]), is_number_or_date(["1983-04-02"]), is_number_or_date(["rent", "own"])
    (True, True, False)
    >>> is_number_or_date(["007xx", "010xx"]), is_number_or_date(["A11", "A12"])
    (False, False)
    """
    return bool(date_formats(cells)) or (number_keys(cells) is not None and not are_codes(cells))


def are_codes(cells: Sequence[str]) -> bool:
    """Whether cells are numbers in letters that are part of a name rather than a unit of measure.

    Examples
    --------
    >>> are_codes(["r02", "r11"]), are_codes(["36 months"]), are_codes(["12K"]), are_codes(["car"])
    (True, False, False, False)
    """
    keys = number_keys(cells)
    units = keys.get("units", {}) if keys else {}
    return isinstance(units, dict) and any(
        unit.isalpha() and unit not in _MULTIPLIERS and unit.casefold() not in _WORDS for unit in units
    )


def _units(before: str, after: str) -> list[str]:
    units = [before.strip()] if before.strip() else []
    text = after.strip()
    # "7.1M$": a multiplier and a sign are two units.
    if text and text[0] in _MULTIPLIERS and len(text) == 2 and not text[1].isalpha():
        return [*units, text[0], text[1]]
    return [*units, text] if text else units


def _signs(numbers: Sequence[str]) -> dict[str, str]:
    """The decimal sign and the one between thousands, where they are not a point and nothing."""
    commas = [number for number in numbers if "," in number]
    points = [number for number in numbers if "." in number]
    for thousands in ("'", " ", "\u00a0"):
        if any(thousands in number.strip() for number in numbers):
            return {"thousands": thousands} | ({"decimal": ","} if commas else {})
    # One point is a decimal sign; several in one number can only divide thousands.
    if not commas:
        several = any(number.count(".") > 1 for number in points)
        return {"decimal": ",", "thousands": "."} if several else {}
    both = [number for number in commas if "." in number]
    if both:
        # Whichever sign comes last is the decimal one.
        comma_last = both[0].rfind(",") > both[0].rfind(".")
        return {"decimal": ",", "thousands": "."} if comma_last else {"thousands": ","}
    # Only commas, with three digits behind each: read as thousands, although 1,234 could be a decimal too.
    is_grouped = all(re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+", number.strip()) for number in commas)
    if is_grouped:
        return {"thousands": ","}
    return {"decimal": ","} | ({"thousands": "."} if points else {})


def number_remedy(cells: Sequence[str]) -> str:
    """What to declare so that these cells are numbers; "" where they are words, or codes that begin with a nought.

    Examples
    --------
    >>> number_remedy(["10.32%"]), number_remedy(["r02", "r11"])
    ('declare {keys}csv.units = { "%" = 1 }', '')
    """
    keys = number_keys(cells)
    # No measured number is written 02: letters before it make a name.
    if not keys or (are_codes(cells) and any(re.search(r"(?<![0-9.,])0[0-9]", cell) for cell in cells)):
        return ""
    return "declare " + " and ".join(f"{{keys}}csv.{name} = {_toml(value)}" for name, value in keys.items())


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{unit}" = {factor}' for unit, factor in value.items()) + " }"
    return f'"{value}"'
