"""Checkpoints: every fit of a run is kept as it comes, so that an interrupted run goes on where it stopped."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Self
from warnings import warn

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finnet.errors import DataError, FinnetWarning
from finnet.estimators.saving import model_from_bytes
from finnet.evaluation.walk_forward import FitRecord, FoldResult
from finnet.files import make_folder, open_regular, replace_file
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import environment, to_json
from finnet.jobs.folders import is_run_name

__all__ = ["Checkpoints", "unfinished"]

_NOTE = b"finnet"
_FOLDER = re.compile(r"\.(.+)-[0-9a-f]{8}\.work")
_UNIT = re.compile(r"[0-9]+-.+-([0-9a-f]{64})\.parquet")
_MODEL = re.compile(r"model-([0-9a-f]{64})\.npz")
_TABLES = ("history", "members", "layers", "bags", "designs", "importance")


class Checkpoints:
    """Fits of one run, one Parquet file each, in a hidden folder beside the run.

    A file's name holds the sha256 of the run's name and of all its bytes. One that does not match is dropped with a
    warning, and the fit made again.

    Parameters
    ----------
    folder : Path
        Made with the first unit.
    run_id : str
        Name of the run.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> rows = {"model": "tree", "fold": 0, "entity": ["A"], "target": "default", "horizon": 0, "kind": "probability"}
    >>> forecasts = Forecasts.from_rows({**rows, "value": 0.1}, run_id="demo")
    >>> units = Checkpoints.beside(Path(mkdtemp()) / "demo")
    >>> units.keep(FoldResult("tree", 0, forecasts, FitRecord(chosen={"max_depth": 2}), 0.5))
    >>> [(unit.model, unit.fold, unit.fit.chosen) for unit in units.load()]
    [('tree', 0, {'max_depth': 2})]
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder, self.run_id = folder, run_id

    @classmethod
    def beside(cls, run: Path) -> Self:
        """Units of a run folder that fit this code, machine and library versions: others could differ in their bits."""
        place = sha256(to_json(environment()).encode()).hexdigest()[:8]
        return cls(run.with_name(f".{run.name}-{place}.work"), run.name)

    def keep(self, result: FoldResult) -> None:
        """Write one unit, whole or not at all."""
        self._keep(f"{result.fold}-{result.model}", _to_bytes(result), suffix="parquet")

    def load(self) -> list[FoldResult]:
        """All units kept, less those that are damaged or of another run, which will be made again."""
        units: dict[tuple[str, int], FoldResult] = {}
        for path, content in self._kept(_UNIT):
            unit = _from_bytes(content)
            if unit is None:
                _drop(path)
            else:
                units[unit.model, unit.fold] = unit
        return list(units.values())

    def keep_model(self, content: bytes) -> None:
        """Write the model of the final refit, whole or not at all."""
        self._keep("model", content, suffix="npz")

    def load_model(self) -> bytes | None:
        """The model of the final refit, if it was kept and reads back."""
        for path, content in self._kept(_MODEL):
            try:
                model_from_bytes(content)
            except DataError:
                _drop(path)
            else:
                return content
        return None

    def remove(self) -> None:
        """Remove these units, and those of other runs of the job, whose data or settings are no longer in use."""
        for folder in _work_folders(self.folder.parent):
            # A folder whose name is no run's is not one of ours.
            if folder == self.folder or is_run_name(_run_of(folder)):
                shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, name: str, content: bytes, *, suffix: str) -> None:
        make_folder(self.folder)
        # Written beside and renamed, so that a unit is there whole or not at all; only its owner may read it.
        replace_file(self.folder / f"{name}-{self._digest(content)}.{suffix}", content, mode=0o600)

    def _digest(self, content: bytes) -> str:
        # The run's name is hashed too, so that a fit copied from the folder of another run is not taken for one here.
        return sha256(self.run_id.encode() + b"\n" + content).hexdigest()

    def _kept(self, form: re.Pattern[str]) -> Iterator[tuple[Path, bytes]]:
        """Files whose bytes are those that were written; others are dropped."""
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            match = form.fullmatch(path.name)
            if match is None:
                continue
            content = _content(path)
            # The name was hashed from the bytes, so that a file which has changed since no longer fits its name.
            if content is None or self._digest(content) != match[1]:
                _drop(path)
            else:
                yield path, content


def unfinished(job: Path) -> dict[str, int]:
    """Runs of a job folder that stopped early, with the number of units that each has kept."""
    return {
        _run_of(folder): sum(1 for path in folder.iterdir() if _UNIT.fullmatch(path.name))
        for folder in _work_folders(job)
    }


def _work_folders(job: Path) -> list[Path]:
    found = (path for path in sorted(job.iterdir()) if _FOLDER.fullmatch(path.name)) if job.is_dir() else ()
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _run_of(folder: Path) -> str:
    match = _FOLDER.fullmatch(folder.name)
    return match[1] if match else ""


def _content(path: Path) -> bytes | None:
    try:
        with open_regular(path, follow=False) as file:
            return file.read()
    except OSError:
        return None


def _drop(path: Path) -> None:
    warn(f"{path}: a kept fit is damaged; it is dropped and made again", FinnetWarning, stacklevel=2)
    path.unlink()


def _to_bytes(result: FoldResult) -> bytes:
    fit = vars(result.fit)
    plain = fit | {name: None if fit[name] is None else fit[name].to_dict("list") for name in _TABLES}
    note = {"model": result.model, "fold": result.fold, "cpu_seconds": result.cpu_seconds, "fit": plain}
    # Notes go into the schema's metadata, so that a unit is one file, which is written whole or not at all.
    table = pa.Table.from_pandas(result.forecasts.table, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), _NOTE: json.dumps(note).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer)
    return buffer.getvalue()


def _from_bytes(content: bytes) -> FoldResult | None:
    """The unit; None where another version of finnet wrote it."""
    try:
        table = pq.read_table(pa.BufferReader(content))
        note = json.loads(table.schema.metadata[_NOTE])
        forecasts, plain = Forecasts(table.to_pandas()), note["fit"]
        tables = {name: None if plain[name] is None else pd.DataFrame(plain[name]) for name in _TABLES}
        return FoldResult(note["model"], note["fold"], forecasts, FitRecord(**plain | tables), note["cpu_seconds"])
    except (pa.ArrowException, DataError, KeyError, TypeError, ValueError, OSError):
        return None
