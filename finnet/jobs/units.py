"""Finished units: every fit of a run is kept as it comes, so that an interrupted run goes on where it stopped."""

import io
import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finnet.errors import DataError
from finnet.estimators.saving import model_from_bytes
from finnet.evaluation.walk_forward import FitRecord, FoldResult
from finnet.files import replace_file
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import environment, to_json

__all__ = ["FinishedUnits", "unfinished"]

_NOTE = b"finnet"
_SUFFIX = ".work"
_MODEL = "model.npz"
_TABLES = ("history", "members", "layers")


class FinishedUnits:
    """Fits of one run, one Parquet file each, in a hidden folder beside the run.

    Parameters
    ----------
    folder : Path
        Made with the first unit.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> rows = {"model": "tree", "fold": 0, "entity": ["A"], "target": "default", "horizon": 0, "kind": "probability"}
    >>> forecasts = Forecasts.from_rows({**rows, "value": 0.1}, run_id="demo")
    >>> units = FinishedUnits.beside(Path(mkdtemp()) / "demo")
    >>> units.keep(FoldResult("tree", 0, forecasts, FitRecord(chosen={"max_depth": 2}), 0.5))
    >>> [(unit.model, unit.fold, unit.fit.chosen) for unit in units.load()]
    [('tree', 0, {'max_depth': 2})]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def beside(cls, run: Path) -> Self:
        """Units of a run folder that fit this code, machine and library versions: others could differ in their bits."""
        place = sha256(to_json(environment()).encode()).hexdigest()[:8]
        return cls(run.with_name(f".{run.name}-{place}{_SUFFIX}"))

    def keep(self, result: FoldResult) -> None:
        """Write one unit, whole or not at all."""
        self.folder.mkdir(exist_ok=True)
        replace_file(self.folder / f"{result.fold}-{result.model}.parquet", _to_bytes(result))

    def load(self) -> list[FoldResult]:
        """All units kept, less those that cannot be read, which will be made again."""
        units = [_from_bytes(path.read_bytes()) for path in sorted(self.folder.glob("[!.]*.parquet"))]
        return [unit for unit in units if unit is not None]

    def keep_model(self, content: bytes) -> None:
        """Write the model of the final refit, whole or not at all."""
        self.folder.mkdir(exist_ok=True)
        replace_file(self.folder / _MODEL, content)

    def load_model(self) -> bytes | None:
        """The model of the final refit, if it was kept and reads back."""
        try:
            content = (self.folder / _MODEL).read_bytes()
            model_from_bytes(content)
        except (FileNotFoundError, DataError):
            return None
        return content

    def remove(self) -> None:
        """Remove these units, and those of other runs of the job, whose data or settings are no longer in use."""
        for folder in self.folder.parent.glob(f".*{_SUFFIX}"):
            shutil.rmtree(folder, ignore_errors=True)


def unfinished(job: Path) -> dict[str, int]:
    """Runs of a job folder that stopped early, with the number of units that each has kept."""
    return {
        folder.name[1:].rsplit("-", 1)[0]: len(list(folder.glob("[!.]*.parquet")))
        for folder in sorted(job.glob(f".*{_SUFFIX}"))
    }


def _to_bytes(result: FoldResult) -> bytes:
    note = {"model": result.model, "fold": result.fold, "cpu_seconds": result.cpu_seconds, "fit": _plain(result.fit)}
    table = pa.Table.from_pandas(result.forecasts.table, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), _NOTE: json.dumps(note).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, write_page_checksum=True)
    return buffer.getvalue()


def _plain(fit: FitRecord) -> dict[str, Any]:
    return vars(fit) | {name: None if vars(fit)[name] is None else vars(fit)[name].to_dict("list") for name in _TABLES}


def _fit(plain: dict[str, Any]) -> FitRecord:
    tables = {name: None if plain[name] is None else pd.DataFrame(plain[name]) for name in _TABLES}
    return FitRecord(**plain | tables)


def _from_bytes(content: bytes) -> FoldResult | None:
    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        note = json.loads(table.schema.metadata[_NOTE])
        forecasts = Forecasts(table.to_pandas())
        return FoldResult(note["model"], note["fold"], forecasts, _fit(note["fit"]), note["cpu_seconds"])
    except (pa.ArrowException, DataError, KeyError, TypeError, ValueError, OSError):
        return None
