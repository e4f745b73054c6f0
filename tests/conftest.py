"""What all tests share: where real data for tests may lie, and one BLAS thread."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(os.environ.get("FINNET_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real market and credit data; the test skips where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("real data for tests is absent; set FINNET_SHARED to the folder that holds data/")
    return SHARED / "data"
