"""Whoever reads finds the old or the new, whatever fails in between, and nothing else is touched."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from finnet import files
from finnet.files import (
    create_file,
    make_folder,
    open_regular,
    point,
    replace_file,
    replace_folder,
    restore_folder,
    stepped_aside,
    sweep,
)

OLD = {"a.txt": b"old", "deep/b.txt": b"old too"}
NEW = {"a.txt": b"new" * 1000, "deep/b.txt": b"", "c.txt": b"more"}

WRITE = """import os, sys
from pathlib import Path
from finnet import files
original = files._write
def slow(handle, content):
    os.write(handle, content[:1])
    os.kill(os.getpid(), 9)
files._write = slow
files.replace_file(Path(sys.argv[1]), b"never whole")
"""


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["exchange", "two renames"])
def system(request, monkeypatch):
    """A system that exchanges two names at once, and one that cannot."""
    if request.param == "two renames":
        monkeypatch.setattr(files, "exchange", lambda one, other: False)


def test_a_folder_is_replaced_whole(tmp_path, system):
    for wanted in (OLD, NEW):
        replace_folder(tmp_path / "run", wanted)
        assert content(tmp_path / "run") == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new(code, tmp_path, faults, system):
    for number in range(1000):
        replace_folder(tmp_path / "run", OLD)
        failed = faults(number, code, lambda: replace_folder(tmp_path / "run", NEW))
        assert content(tmp_path / "run") in (OLD, NEW)
        if not failed:
            break
    assert number > 10  # calls that were made to fail, one by one
    assert content(tmp_path / "run") == NEW


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("write", [replace_file, create_file])
def test_a_file_is_old_or_new_and_nothing_is_left_beside_it(write, code, tmp_path, faults):
    path = tmp_path / "forecasts.csv"
    for number in range(100):
        path.unlink(missing_ok=True)
        if write is replace_file:
            path.write_bytes(b"old")
        failed = faults(number, code, lambda: write(path, b"new" * 1000))
        assert not path.exists() or path.read_bytes() in (b"old", b"new" * 1000)
        assert set(os.listdir(tmp_path)) <= {path.name}
        if not failed:
            break
    assert number >= 3


def test_writers_at_once_leave_the_file_of_one_of_them(tmp_path, monkeypatch):
    def slow(handle, content):
        for byte in content:
            os.write(handle, bytes([byte]))

    monkeypatch.setattr(files, "_write", slow)
    path, texts = tmp_path / "new.csv", [bytes([letter]) * 3000 for letter in b"abcd"]
    writers = [threading.Thread(target=replace_file, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in texts
    assert os.listdir(tmp_path) == ["new.csv"]


def test_of_two_that_create_a_file_the_second_is_refused(tmp_path):
    create_file(tmp_path / "new.csv", b"first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "new.csv", b"second")
    assert content(tmp_path) == {"new.csv": b"first"}


def test_a_new_file_is_refused_over_an_old_one_where_the_system_has_no_such_rename(tmp_path, monkeypatch):
    monkeypatch.setattr("finnet.renames._renameat2", None)
    test_of_two_that_create_a_file_the_second_is_refused(tmp_path)


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "new.csv"
    subprocess.run([sys.executable, "-c", WRITE, path], check=False)
    (left,) = os.listdir(tmp_path)
    living, handle = files._claim(path, 0o600)
    replace_file(path, b"whole")
    os.close(handle)
    assert set(os.listdir(tmp_path)) == {"new.csv", living.name}
    assert left != living.name


def test_a_link_is_replaced_and_its_target_stays(tmp_path):
    (tmp_path / "target").write_bytes(b"theirs")
    (tmp_path / "new.csv").symlink_to("target")
    replace_file(tmp_path / "new.csv", b"ours")
    assert content(tmp_path) == {"target": b"theirs", "new.csv": b"ours"}
    assert not (tmp_path / "new.csv").is_symlink()


def test_only_names_of_its_own_form_are_swept(tmp_path):
    theirs = [".cache.partial", ".config.old", ".finnet-mine.partial", ".finnet-0123456789ab-0123456789ab.partial.txt"]
    for name in theirs:
        (tmp_path / name).mkdir()
    (tmp_path / ".finnet-0123456789ab-0123456789ab.partial").mkdir()
    sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(theirs)


def test_a_crash_between_the_renames_is_mended(tmp_path):
    replace_folder(tmp_path / "run", OLD)
    (tmp_path / "run").rename(stepped_aside(tmp_path / "run"))
    assert restore_folder(tmp_path / "run")
    assert content(tmp_path / "run") == OLD
    assert os.listdir(tmp_path) == ["run"]


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path):
    replace_folder(tmp_path / "other", OLD)
    (tmp_path / "run").symlink_to("other")
    with pytest.raises(FileExistsError, match="no folder of its own"):
        replace_folder(tmp_path / "run", NEW)
    assert content(tmp_path / "other") == OLD


def test_a_link_moves_at_once_and_never_over_a_file(tmp_path):
    for name in ("one", "two"):
        point(tmp_path / "latest", name)
        assert os.readlink(tmp_path / "latest") == name
    (tmp_path / "file").write_bytes(b"theirs")
    with pytest.raises(FileExistsError, match="is no link"):
        point(tmp_path / "file", "one")
    assert (tmp_path / "file").read_bytes() == b"theirs"


def test_what_is_written_is_for_its_owner_alone(tmp_path):
    make_folder(tmp_path / "reports" / "job")
    replace_folder(tmp_path / "reports" / "job" / "run", OLD)
    for path in (tmp_path / "reports").rglob("*"):
        if path.parent != tmp_path / "reports" / "job" / "run" / "deep":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_every_folder_that_is_made_is_on_the_disk_for_good(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "_sync", synced.append)
    made = make_folder(tmp_path / "a" / "b")
    assert made == [tmp_path / "a" / "b", tmp_path / "a"]
    assert synced == [tmp_path, tmp_path / "a"]


def test_a_full_disk_is_named_with_the_bytes_that_are_needed(tmp_path, monkeypatch):
    def full(handle, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_write", full)
    with pytest.raises(OSError, match=r"on the disk of /.*: 1,234 bytes needed, [0-9,]+ free"):
        replace_file(tmp_path / "a.txt", b"x" * 1234)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_what_may_never_end_is_not_read(make, tmp_path):
    make(tmp_path / "odd")
    with pytest.raises(OSError, match="no regular file"):
        open_regular(tmp_path / "odd")
