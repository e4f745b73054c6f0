"""Whoever reads finds the old or the new, whatever fails in between."""

import errno
import os

import pytest

from finnet import files
from finnet.errors import DataError
from finnet.files import SUMS, check_files, point, replace_file, replace_folder, restore_folders, sums

OLD = {"a.txt": b"old", "deep/b.txt": b"old too"}
NEW = {"a.txt": b"new" * 1000, "deep/b.txt": b"", "c.txt": b"more"}


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_replaced_whole(tmp_path):
    for wanted in (OLD, NEW):
        replace_folder(tmp_path / "run", wanted)
        assert content(tmp_path / "run") == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new(code, tmp_path, faults):
    for number in range(1000):
        replace_folder(tmp_path / "run", OLD)
        failed = faults(number, code, lambda: replace_folder(tmp_path / "run", NEW))
        assert content(tmp_path / "run") in (OLD, NEW)
        if not failed:
            break
    assert number > 12  # calls that were made to fail, one by one
    assert content(tmp_path / "run") == NEW


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_file_is_old_or_new_and_nothing_is_left_beside_it(code, tmp_path, faults):
    path = tmp_path / "forecasts.csv"
    for number in range(100):
        path.write_bytes(b"old")
        failed = faults(number, code, lambda: replace_file(path, b"new" * 1000))
        assert path.read_bytes() in (b"old", b"new" * 1000)
        assert os.listdir(tmp_path) == [path.name]
        if not failed:
            break
    assert number >= 4


def test_a_crash_between_the_renames_is_mended(tmp_path):
    replace_folder(tmp_path / "run", OLD)
    (tmp_path / "run").rename(files._aside(tmp_path / "run"))
    (tmp_path / ".run.partial").mkdir()
    restore_folders(tmp_path)
    assert content(tmp_path / "run") == OLD
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_harmed_file_is_named(harm, tmp_path):
    replace_folder(tmp_path, {**OLD, SUMS: sums(OLD)})
    check_files(tmp_path)
    path = tmp_path / "deep" / "b.txt"
    path.unlink() if harm == "remove" else path.write_bytes(b"old t" if harm == "cut" else b"old tox")
    with pytest.raises(DataError, match=r"deep/b\.txt"):
        check_files(tmp_path)


def test_a_link_moves_at_once_and_over_what_a_crash_left(tmp_path):
    (tmp_path / ".latest.partial").symlink_to("nowhere")
    for name in ("one", "two"):
        point(tmp_path / "latest", name)
        assert os.readlink(tmp_path / "latest") == name
