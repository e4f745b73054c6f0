"""What tests of jobs share: one run of the small reference job."""

import pytest

from tests.jobs.small import run_small


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Folder of a run of the small job, with its page; nothing may be written to it."""
    return run_small(tmp_path_factory.mktemp("reports"))
