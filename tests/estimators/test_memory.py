"""What training keeps in memory, measured in processes of their own."""

import resource
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import resource, sys
import numpy as np
from finnet import NetworkClassifier

def fit(X):
    y = np.arange(len(X)) % 2
    NetworkClassifier((8,), epochs=1, batch_size=1024, early_stopping=True, random_state=0).fit(X, y)

def in_use():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData"))

path, mode = sys.argv[1:]
fit(np.ones((5000, 64), "float32") * np.arange(5000, dtype="float32")[:, None] / 5000)
resource.setrlimit(resource.RLIMIT_DATA, (in_use() + (120 << 20), -1))
try:
    fit(np.load(path, mmap_mode=mode if mode == "r" else None))
except MemoryError:
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "X.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype="float32", shape=(1 << 20, 64))
    X[...] = np.linspace(-1.0, 1.0, 64, dtype="float32")
    X.flush()
    return path


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_DATA") or not sys.platform.startswith("linux"), reason="Linux only")
@pytest.mark.parametrize(("mode", "exit_code"), [("r", 0), ("in memory", 3)])
def test_rows_in_a_file_larger_than_memory_can_be_learned_from(large_file, mode, exit_code):
    """256 MiB of rows where 120 MiB more may be used: enough when they stay in their file, and only then."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(large_file), mode], capture_output=True, text=True)
    assert done.returncode == exit_code, done.stderr
