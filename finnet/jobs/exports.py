"""Exports: the report of a run as one file for others, as a page, as data, or in short as a model card."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from finnet.jobs.artifacts import to_json
from finnet.jobs.folders import MANIFEST
from finnet.jobs.outputs import require_free, write_output
from finnet.jobs.page_files import report_from
from finnet.jobs.saved_runs import SavedRun, rendered
from finnet.reporting.markdown import markdown
from finnet.reporting.report import Chapter, Report
from finnet.reporting.sections import SECTIONS
from finnet.reporting.sections.section import ReportSection
from finnet.sums import read_files

__all__ = ["EXPORTS", "export_report", "model_card", "report_data"]


def export_report(run: Path | str, output: Path, *, force: bool = False) -> None:
    """Write the report of a run to a file, whole or not at all.

    The suffix says in what form: `.html` is the page, `.json` every figure of it with the file of the run that holds
    it, `.md` a model card.

    Raises
    ------
    ConfigError
        Where a file is there already and `force` is False, or the suffix is of no known form.
    DataError
        Where the run is not complete or was changed, or its job is none of this version of finnet.

    Examples
    --------
    >>> export_report("reports/nowhere", Path("card.doc"))
    Traceback (most recent call last):
    finnet.errors.ConfigError: card.doc: .doc is no known form; use .html or .json or .md
    """
    require_free(output, forms=tuple(EXPORTS), force=force)
    saved = SavedRun.open(run)
    saved.require_known_job()
    content = EXPORTS[output.suffix](saved.folder, read_files(saved.folder))
    write_output(output, content, force=force)


def model_card(report: Report) -> str:
    """The report in short, as Markdown: what the model is for, how good it is, its limits, how to make it again.

    Source of the form: Mitchell et al., Model Cards for Model Reporting, 2019.
    """
    cards = [card for section in report.sections if (card := section.card) is not None and card.blocks]
    return markdown(f"Model card: {report.title}", cards)


def report_data(report: Report, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure of a report, section by section, each table with the file of the run that holds it.

    Returns
    -------
    dict
        title, kind, verdict (sentences), facts (key figures by label), run (its manifest), sections: each with its
        heading, `chapter` ("" outside of one), what it says, `values` and `tables` (file and rows).
    """
    page = report.page()
    return {
        "title": report.title,
        "kind": report.kind,
        "verdict": page.verdict.splitlines(),
        "facts": dict(page.facts),
        "sections": [
            _section(section, chapter=part.title if isinstance(part, Chapter) else "")
            for part in report.parts
            for section in (part.sections if isinstance(part, Chapter) else [part])
        ],
        "run": dict(manifest),
    }


def _section(section: ReportSection, *, chapter: str) -> dict[str, Any]:
    drawn = section.draw()
    held = {field.name: getattr(section, field.name) for field in fields(section)}  # type: ignore[arg-type]
    # The manifest stands in the export once, under "run".
    held.pop("manifest", None)
    tables = {name: value for name, value in held.items() if isinstance(value, pd.DataFrame)}
    (kind,) = (name for name, known in SECTIONS.items() if known is type(section))
    return {
        "section": kind,
        "chapter": chapter,
        "title": drawn.title,
        "lead": drawn.lead,
        "values": {name: value for name, value in held.items() if name not in tables},
        "tables": {
            # 15 digits are the most that pandas writes; by default it writes 10.
            name: {
                "file": f"page/{name}.parquet",
                "rows": json.loads(table.to_json(orient="records", date_format="iso", double_precision=15)),
            }
            for name, table in tables.items()
        },
    }


def _card(folder: Path, files: Mapping[str, bytes]) -> bytes:
    return model_card(report_from(files)).encode()


def _data(folder: Path, files: Mapping[str, bytes]) -> bytes:
    return to_json(report_data(report_from(files), json.loads(files[MANIFEST]))).encode()


EXPORTS = {".html": rendered, ".json": _data, ".md": _card}
"""Forms of a report by suffix: from the folder of a run and its files to bytes."""
