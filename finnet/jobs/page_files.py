"""Page files: what a report is rendered from, saved with the run so that it can be rendered again."""

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pandas as pd

from finnet.errors import DataError
from finnet.jobs.artifacts import to_json, to_parquet
from finnet.jobs.folders import MANIFEST
from finnet.reporting.html import render
from finnet.reporting.report import Chapter, Report
from finnet.reporting.sections import SECTIONS
from finnet.reporting.sections.section import ReportSection

__all__ = ["PAGE", "page_files", "render_page", "report_from"]

PAGE = "page/page.json"
SCHEMA = 2


def page_files(report: Report) -> dict[str, bytes]:
    """Tables as `page/<name>.parquet`, all else as `page/page.json`."""
    files: dict[str, bytes] = {}
    parts = []
    for part in report.parts:
        if isinstance(part, Chapter):
            sections = [_saved(section, files) for section in part.sections]
            parts.append({"chapter": part.title, "lead": part.lead, "sections": sections})
        else:
            parts.append(_saved(part, files))
    plain = {"schema": SCHEMA, "title": report.title, "kind": report.kind, "parts": parts}
    return files | {PAGE: to_json(plain).encode()}


def _saved(section: ReportSection, files: dict[str, bytes]) -> dict[str, Any]:
    """What page.json says of a section; its tables are added to `files`."""
    values = {field.name: getattr(section, field.name) for field in fields(section)}  # type: ignore[arg-type]
    # The manifest is a file of the run already, and is read back from there.
    values.pop("manifest", None)
    tables = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
    for name, table in tables.items():
        path = f"page/{name}.parquet"
        assert path not in files, f"two sections of one page save a table {name!r}"
        files[path] = to_parquet(table)
    plain = {name: value for name, value in values.items() if name not in tables}
    (name_of,) = (name for name, kind in SECTIONS.items() if kind is type(section))
    return {"section": name_of, "tables": list(tables), **plain}


def report_from(files: Mapping[str, bytes]) -> Report:
    """The report that `page_files` saved; DataError where a part is missing or is not what it should be."""
    try:
        plain = json.loads(files[PAGE])
        if plain.get("schema") != SCHEMA:
            raise DataError("the saved page is of another version of finnet; run the job again")
        parts: list[ReportSection | Chapter] = []
        for part in plain["parts"]:
            if "chapter" in part:
                sections = [_section(section, files) for section in part["sections"]]
                parts.append(Chapter(title=part["chapter"], lead=part["lead"], sections=sections))
            else:
                parts.append(_section(part, files))
        return Report(title=plain["title"], kind=plain["kind"], parts=parts)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # A DataError is a ValueError, and says already what is wrong.
        if isinstance(error, DataError):
            raise
        raise DataError(f"the saved page cannot be read ({error!r}); run the job again") from error


def render_page(files: Mapping[str, bytes]) -> str:
    """The page of a run, from its saved files."""
    return render(report_from(files).page())


def _section(saved: Mapping[str, Any], files: Mapping[str, bytes]) -> ReportSection:
    kind = SECTIONS[saved["section"]]
    tables = {name: pd.read_parquet(io.BytesIO(files[f"page/{name}.parquet"])) for name in saved["tables"]}
    plain = {name: value for name, value in saved.items() if name not in ("section", "tables")}
    manifest = {field.name: json.loads(files[MANIFEST]) for field in fields(kind) if field.name == "manifest"}  # type: ignore[arg-type]
    return kind(**plain, **tables, **manifest)
