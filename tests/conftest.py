"""What all tests share: where real data for tests may lie, one BLAS thread, and a disk that fails when told to."""

import gc
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SHARED = Path(os.environ.get("FINNET_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real market and credit data; the test skips where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("real data for tests is absent; set FINNET_SHARED to the folder that holds data/")
    return SHARED / "data"


CHANGES = ("write", "fsync", "replace", "rename", "mkdir", "symlink", "link")


@pytest.fixture
def faults(monkeypatch):
    """`faults(number, code, act)`: act with the n-th change of the disk failing; whether there was such a change.

    A write that fails has written half before.
    """
    # Not at the top: NumPy reads the number of threads when it is imported.
    from finnet.errors import InterruptedRunError

    def run(number, code, act):
        made = []

        def failing(name, original):
            def call(*args, **options):
                made.append(name)
                if len(made) - 1 != number:
                    return original(*args, **options)
                if name == "write":
                    original(args[0], args[1][: len(args[1]) // 2])
                raise OSError(code, os.strerror(code))

            return call

        with monkeypatch.context() as patch:
            for name in CHANGES:
                patch.setattr(os, name, failing(name, getattr(os, name)))
            with suppress(OSError, InterruptedRunError):
                act()
        return len(made) > number

    return run


LONGEST = (
    "test_a_notebook_runs_from_top_to_bottom",
    "test_commands_run_in_the_order_given",
    "test_the_short_table_of_faults_counts_none",
    "test_kills_leave_the_old",
)


def pytest_collection_modifyitems(items):
    """The longest tests first, so that no process ends with one of them while the other has nothing left."""
    items.sort(key=lambda item: not item.name.startswith(LONGEST))


def pytest_collection_finish(session):
    """Keep modules and collected tests, which live as long as the process, out of every search for garbage."""
    gc.collect()
    gc.freeze()
