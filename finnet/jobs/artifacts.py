"""Artifacts: what a run leaves behind, written beside and moved in place only when complete."""

import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

import finnet
from finnet.dataset import Dataset
from finnet.forecasts import Forecasts

__all__ = ["data_hash", "environment", "publish", "run_name", "to_json"]

_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "arch", "matplotlib")


def data_hash(dataset: Dataset) -> str:
    """A sha256 over every feature, label, entity and clock of a Dataset."""
    digest = sha256(f"{dataset.target} {dataset.horizon} {list(dataset.X.columns)}".encode())
    labels = pd.DataFrame({"y": dataset.y, "entity": dataset.entity})
    for part in [dataset.X, labels] if dataset.clocks is None else [dataset.X, labels, dataset.clocks]:
        digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def run_name(settings: Mapping[str, Any], dataset: Dataset) -> str:
    """Name of a run, from what decides its result: settings, data and version; the data's last day comes first.

    The same job on the same data has the same name, so running it again replaces a report by its equal.
    """
    words = json.dumps(settings, sort_keys=True, default=str) + data_hash(dataset) + finnet.__version__
    last = str(dataset.clock("known_at")[-1].astype("datetime64[D]")) if dataset.is_dated else "undated"
    return f"{last}-{sha256(words.encode()).hexdigest()[:10]}"


def environment() -> dict[str, Any]:
    """Versions, processor and BLAS: what else decides the last bits of a result."""
    blas = [f"{pool['internal_api']} {pool['version']}" for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "finnet": finnet.__version__,
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in _PACKAGES},
        "system": platform.system(),
        "cpu": _processor(),
        "blas": sorted(set(blas)),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def publish(folder: Path, *, forecasts: Forecasts, texts: Mapping[str, str]) -> None:
    """Write `forecasts.parquet` and the named texts, then move the whole folder in place at once.

    A folder of that name is replaced; until the move, readers see the old one whole.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    forecasts.save(beside / "forecasts.parquet")
    for name, text in texts.items():
        (beside / name).write_text(text, encoding="utf-8")
    for path in [*beside.iterdir(), beside]:
        _sync(path)
    _swap(beside, folder)
    _sync(folder.parent)


def _swap(new: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
    return None if isinstance(value, float) and not np.isfinite(value) else value
