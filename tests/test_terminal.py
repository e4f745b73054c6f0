"""Nothing that is printed is obeyed by a terminal, and a terminal that is gone is no error."""

import io
import json
import os
from unicodedata import category

import pytest

from finnet.errors import DataError
from finnet.terminal import Result, Voice, clean


def test_no_control_character_gets_through():
    every = "".join(map(chr, range(0x3000)))
    assert {category(sign) for sign in clean(every) if sign not in "\n\t"}.isdisjoint({"Cc", "Cf", "Zl", "Zp"})
    assert clean("Ä € 中\n\t") == "Ä € 中\n\t"


def test_a_result_and_its_failure_are_one_object(capsys):
    voice, ending = Voice(as_json=True), {"error": "worse", "exit_code": 3, "meaning": "bad data"}
    voice.result(Result("", {"found": 1}, DataError("worse")), ending)
    voice.error("worse", ending, has_result=True)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"found": 1, **ending}
    assert said.err == "finnet: worse\n"


def test_a_log_in_json_is_one_line_whatever_it_says(capsys):
    Voice(log_json=True).warning("two\nlines \x1b[31m")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "two\nlines \x1b[31m"
    assert "\x1b" not in line


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding_shows_what_it_can(encoding, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding))
    Voice().result(Result("中", {}), {})
    assert raw.getvalue() == b"\\u4e2d\n"


@pytest.mark.parametrize("severity", ["warning", "note"])
@pytest.mark.parametrize("is_quiet", [False, True])
def test_notes_on_the_data_are_left_out_where_it_shall_be_quiet(severity, is_quiet, capsys):
    Voice(is_quiet=is_quiet).finding(severity, "a.csv\x1b: odd", rule="odd")
    said = "" if is_quiet and severity == "note" else f"finnet: {severity}: a.csv\\x1b: odd\n"
    assert capsys.readouterr().err == said


def test_a_pipe_that_nobody_reads_is_no_error(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        for _ in range(2):
            Voice().result(Result("to nobody", {}), {})


def test_a_terminal_that_was_closed_before_the_start_is_no_error(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    Voice().result(Result("to nobody", {}), {})
