"""Reproduction: the command that makes a report again, and everything that the run recorded about itself."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from finnet.reporting.html import Block, Code, Details, Note, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count

__all__ = ["ReproductionSection", "files_table", "manifest_table"]


@dataclass(frozen=True, kw_only=True)
class ReproductionSection(ReportSection):
    """How to run it again.

    Parameters
    ----------
    command : str
    manifest : mapping
        Job, seed, hashes, versions, processor, BLAS; may nest.
    """

    command: str
    manifest: Mapping[str, object]

    @property
    def card(self) -> Section:
        """The command, and what identifies the run."""
        facts = {name: str(self.manifest.get(name, "")) for name in ("run", "seed")}
        data, environment = (self.manifest.get(name) for name in ("data", "environment"))
        facts["rows as used (sha256)"] = str(data.get("sha256")) if isinstance(data, Mapping) else ""
        facts["finnet"] = str(environment.get("finnet")) if isinstance(environment, Mapping) else ""
        table = pd.DataFrame({"Recorded": facts.keys(), "Value": facts.values()})
        return Section(
            "How to reproduce it", "", [Code(self.command), Table(table, "Of the run."), *self._model(), *self._files()]
        )

    def draw(self) -> Section:
        """The command, and the manifest for those who want it."""
        # Files have a table of their own.
        others = {name: value for name, value in self.manifest.items() if name not in ("files", _REFIT)}
        if isinstance(refit := self.manifest.get(_REFIT), Mapping):
            others[_REFIT] = {name: value for name, value in refit.items() if name != "specification"}
        table = Table(
            manifest_table(others),
            f"Job, seed, hashes, settings and versions of this run.{_CHOSEN if others.get('chosen') else ''}",
        )
        lead = "The same job, seed, data and versions give the same forecasts."
        recorded = Details("What the run recorded about itself", table)
        return Section(
            "How to reproduce it", lead, [Code(self.command), *self._model(), *self._files(), Note(_WHERE), recorded]
        )

    def _model(self) -> list[Block]:
        """What the model deployed consists of, where the run recorded it."""
        refit = self.manifest.get(_REFIT)
        told = refit.get("specification") if isinstance(refit, Mapping) else None
        if not isinstance(told, Mapping):
            return []
        table = manifest_table(told).rename(columns={"Recorded": "Model deployed"})
        return [Table(table, _SPECIFICATION)]

    def _files(self) -> list[Block]:
        """The data files, where there were any and the run recorded them."""
        files = self.manifest.get("files")
        if not isinstance(files, list) or not files:
            return []
        table = Table(files_table(files), _FILES)
        shown = table if len(files) <= _MOST_SHOWN else Details(f"The {count(len(files))} data files", table)
        return [shown, Code(f"sha256sum {shlex.quote(str(files[0]['path']))}")]


_REFIT = "final refit"
_MOST_SHOWN = 12  # files in sight
_SPECIFICATION = (
    "What the model deployed consists of, as fitted once more on the last training window: read from the fitted model,"
    " which model.npz holds. Weights and biases: of the networks of one bag, which share most, or of one network of an"
    " ensemble. Calibration: the curve that the log-odds of the average go through."
)
_CHOSEN = " chosen: what tuning took in each fold, fold by fold; a dash where the first setting stayed."
_MOST_LISTED = 12  # entries in one cell
_FILES = (
    "The data files that were read. SHA-256 and bytes are those of the file as it lies on the disk, compressed where it"
    " is, and depend on neither its place nor its date; rows are those of its table. The command below gives the hash"
    " again, in the folder of the file."
)
_WHERE = (
    "Every table of this page stands unrounded in page/ of the run's folder. Given that folder, finnet report with -o"
    " report.json writes every figure with the file that holds it, and finnet verify makes the run again and compares."
)


def files_table(files: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per data file: its name, hash, rows and bytes; text of shape (n_files, 4).

    Examples
    --------
    >>> files_table([{"path": "loans.csv", "sha256": "ab12", "rows": 1000, "bytes": 52310}]).iloc[0].tolist()
    ['loans.csv', 'ab12', '1,000', '52,310']
    """
    return pd.DataFrame(
        {
            "File": [file["path"] for file in files],
            "SHA-256": [file["sha256"] for file in files],
            "Rows": [count(file["rows"]) for file in files],
            "Bytes": [count(file["bytes"]) for file in files],
        }
    )


def manifest_table(manifest: Mapping[str, object]) -> pd.DataFrame:
    """Everything a run recorded about itself, one row per value, nested names joined by dots.

    Text of shape (n_values, 2).

    Examples
    --------
    >>> manifest_table({"seed": 7, "versions": {"numpy": "2.4.0"}, "chosen": [{"l2": 0.1}, {}]}).to_numpy().tolist()
    [['seed', '7'], ['versions.numpy', '2.4.0'], ['chosen', 'l2 0.1; –']]
    """
    return pd.DataFrame(list(_flat(manifest)), columns=["Recorded", "Value"])


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        # Two ends of a range are one value.
        if isinstance(value, Mapping) and set(value) != {"least", "most"}:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _words(value)


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        nests = any(isinstance(part, Mapping | list | tuple) for part in value)
        if nests and len(value) > _MOST_LISTED:
            return f"{count(len(value))} entries, in manifest.json"
        return ("; " if nests else ", ").join(map(_words, value)) or ABSENT
    return str(value)
