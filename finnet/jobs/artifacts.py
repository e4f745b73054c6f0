"""Artifacts: what a run leaves behind, written beside and moved in place only when complete."""

import json
import platform
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from finnet.dataset import Dataset
from finnet.files import replace_folder
from finnet.forecasts import Forecasts
from finnet.jobs.new_rows import NewRows
from finnet.sums import TIMINGS, check_files, sealed

__all__ = [
    "FORECASTS",
    "MODEL",
    "POLICY",
    "PROFILE",
    "TIMINGS",
    "data_hash",
    "environment",
    "publish",
    "publish_files",
    "run_name",
    "to_json",
    "to_parquet",
]

FORECASTS = "forecasts.parquet"
MODEL = "model.npz"
POLICY = "policy.json"
PROFILE = "profile.json"

# Keys that decide nothing of a result: paths of files, and the limits of what is read.
_NO_MATTER = re.compile(r"(.*_)?(path|file)|limits")
_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "arch", "matplotlib")


def data_hash(dataset: Dataset, pending: NewRows | None = None) -> str:
    """A sha256 over every feature, label, entity, clock, group and weight of a Dataset, and rows not decided yet."""
    digest = sha256(f"{dataset.target} {dataset.horizon} {list(dataset.X.columns)}".encode())
    labels = pd.DataFrame({"y": dataset.y, "entity": dataset.entity})
    group = None if dataset.group is None else pd.DataFrame({"group": dataset.group})
    weight = None if dataset.weight is None else pd.DataFrame({"weight": dataset.weight})
    parts = [dataset.X, labels, dataset.clocks, group, weight]
    if pending is not None:
        parts.append(pending.X.assign(_entity=pending.entity, _at=pending.issued_at))
    for part in (part for part in parts if part is not None):
        digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def run_name(settings: Mapping[str, Any], dataset: Dataset, pending: NewRows | None = None) -> str:
    """Name of a run, from what decides its result: settings, data and version; the data's last day comes first.

    The same job on the same data has the same name, so running it again replaces a report by its equal. Where the data
    lie, and how large files may be, decides nothing.
    """
    words = (
        json.dumps(_deciding(settings), sort_keys=True, default=str) + data_hash(dataset, pending) + version("finnet")
    )
    # The day comes first, so that runs sorted by name are sorted by the age of their data.
    last = str(dataset.clock("known_at")[-1].astype("datetime64[D]")) if dataset.is_dated else "undated"
    return f"{last}-{sha256(words.encode()).hexdigest()[:10]}"


def _deciding(settings: Any) -> Any:
    """Settings without the paths of files."""
    if isinstance(settings, Mapping):
        return {name: _deciding(value) for name, value in settings.items() if not _NO_MATTER.fullmatch(name)}
    return settings


def environment() -> dict[str, Any]:
    """Versions, processor and BLAS: what else decides the last bits of a result."""
    cpu = platform.processor() or platform.machine()
    # Only Linux has this file, where Python itself does not know the processor's name.
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        cpu = next(names, platform.machine())
    blas = [f"{pool['internal_api']} {pool['version']}" for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "finnet": version("finnet"),
        "source": _source_hash(),
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in _PACKAGES},
        "system": platform.system(),
        "cpu": cpu,
        "blas": sorted(set(blas)),
    }


@cache
def _source_hash() -> str:
    """A sha256 over the modules of finnet itself."""
    folder = Path(__file__).parents[1]
    digest = sha256()
    # Sorted, since the order in which a folder lists its files differs between systems.
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def publish(folder: Path, *, forecasts: Forecasts, files: Mapping[str, bytes]) -> None:
    """Write `forecasts.parquet`, the named files and their SHA256SUMS, and move the whole folder in place at once.

    A folder of that name is replaced; until the move, readers see the old one whole. Then all files are read again and
    checked.
    """
    publish_files(folder, {**files, FORECASTS: to_parquet(forecasts.table)})


def publish_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """What `publish` does, with forecasts that are among the files already."""
    replace_folder(folder, sealed(files))
    # Read back: a disk that loses bytes is found now, not when somebody opens the run.
    check_files(folder)
    Forecasts.load(folder / FORECASTS)


def to_parquet(table: pd.DataFrame) -> bytes:
    """The bytes of a Parquet file of a table (n_rows, n_columns); equal tables give equal bytes.

    The index is kept where it has a name.
    """
    return bytes(table.to_parquet(index=None if table.index.name else False))


def to_json(value: Any) -> str:
    """Indented JSON of nested dicts; NumPy numbers become numbers, NaN becomes null, whatever else its text."""
    return json.dumps(_plain(value), indent=1, default=str, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    # JSON knows neither NaN nor infinity.
    return None if isinstance(value, float) and not np.isfinite(value) else value
