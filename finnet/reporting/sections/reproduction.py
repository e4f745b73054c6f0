"""Reproduction: the command that makes a report again, and everything that the run recorded about itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from finnet.reporting.html import Code, Details, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT

__all__ = ["ReproductionSection", "manifest_table"]


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
        facts["data (sha256)"] = str(data.get("sha256")) if isinstance(data, Mapping) else ""
        facts["finnet"] = str(environment.get("finnet")) if isinstance(environment, Mapping) else ""
        table = pd.DataFrame({"Recorded": facts.keys(), "Value": facts.values()})
        return Section("How to reproduce it", "", [Code(self.command), Table(table, "Of the run.")])

    def draw(self) -> Section:
        """The command, and the manifest for those who want it."""
        table = Table(manifest_table(self.manifest), "Job, seed, hashes, settings and versions of this run.")
        lead = "The same job, seed, data and versions give the same forecasts."
        recorded = Details("What the run recorded about itself", table)
        return Section("How to reproduce it", lead, [Code(self.command), recorded])


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
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _words(value)


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        nests = any(isinstance(part, Mapping) for part in value)
        return ("; " if nests else ", ").join(map(_words, value)) or ABSENT
    return str(value)
