"""A folder is what was written, or an error names the file that is not."""

import os

import pytest

from finnet.errors import DataError
from finnet.files import replace_folder
from finnet.sums import KEY, SEAL, SUMS, TIMINGS, check_contents, check_files, read_files, sealed

FILES = {"a.txt": b"text", "deep/b.txt": b"more text", TIMINGS: b"{}"}


@pytest.fixture
def run(tmp_path):
    replace_folder(tmp_path / "run", sealed(FILES))
    return tmp_path / "run"


def both(folder):
    """The two ways to check, which must agree; the error of the first."""
    errors = []
    for check in (check_files, lambda folder: check_contents(folder, read_files(folder))):
        with pytest.raises(DataError) as raised:
            check(folder)
        errors.append(str(raised.value))
    assert errors[0] == errors[1]
    return errors[0]


def lines(run):
    return (run / SUMS).read_text().splitlines(keepends=True)


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_harmed_file_is_named(harm, run):
    path = run / "deep" / "b.txt"
    path.unlink() if harm == "remove" else path.write_bytes(b"more tex" if harm == "cut" else b"more texu")
    assert "deep/b.txt" in both(run)


def test_sums_leave_out_what_the_clock_wrote(run):
    assert [line.split("  ")[1] for line in lines(run)] == ["a.txt\n", "deep/b.txt\n"]
    (run / TIMINGS).write_bytes(b"later")
    check_files(run)


@pytest.mark.parametrize("keep", [0, 1])
def test_emptied_or_shortened_sums_do_not_pass(keep, run):
    (run / SUMS).write_text("".join(lines(run)[:keep]))
    assert "is no file of" in both(run)


def test_a_file_that_was_added_is_named(run):
    (run / "deep" / "c.txt").write_bytes(b"not ours")
    assert "deep/c.txt: is no file of" in both(run)


@pytest.mark.parametrize("line", ["", "no sum", "0" * 64 + "  ../secret", "0" * 63 + "x  a.txt", "\x1b[31m"])
def test_a_line_that_is_no_sum_of_a_file_here_is_refused(line, run):
    (run / SUMS).write_text("".join(lines(run)) + line + "\n")
    assert "\x1b" not in both(run)


def test_a_sum_given_twice_is_refused(run):
    (run / SUMS).write_text("".join([*lines(run), lines(run)[0]]))
    assert "line 3" in both(run)


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: os.symlink("a.txt", path), lambda path: os.symlink("/", path)]
)
def test_links_and_pipes_are_no_part_of_a_run(make, run):
    make(run / "deep" / "odd")
    with pytest.raises(DataError, match="odd: is no regular file"):
        check_files(run)
    with pytest.raises(DataError, match="odd: is no regular file"):
        read_files(run)


def test_a_file_exchanged_for_a_link_to_its_equal_is_refused(run, tmp_path):
    (run / "a.txt").rename(tmp_path / "a.txt")
    (run / "a.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(DataError, match=r"a\.txt: is no regular file"):
        check_files(run)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(KEY, "a secret")


def test_a_sealed_folder_opens_with_its_key_and_without_one(key, run, monkeypatch):
    check_files(run)
    monkeypatch.delenv(KEY)
    check_files(run)


def test_where_a_key_is_set_a_folder_without_a_seal_is_refused(run, monkeypatch):
    monkeypatch.setenv(KEY, "a secret")
    assert "without a seal" in both(run)


def test_forged_files_with_matching_sums_do_not_pass_the_seal(key, run, monkeypatch):
    (run / "a.txt").write_bytes(b"forged")
    monkeypatch.delenv(KEY)
    (run / SUMS).write_bytes(sealed(read_files(run))[SUMS])
    check_files(run)
    monkeypatch.setenv(KEY, "a secret")
    assert f"{SEAL}: is no seal" in both(run)


def test_the_seal_of_another_key_is_refused(key, run, monkeypatch):
    monkeypatch.setenv(KEY, "another secret")
    assert "is no seal" in both(run)
