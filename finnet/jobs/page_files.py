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
from finnet.jobs.pages import PageParts
from finnet.reporting.backtest_report import Trading
from finnet.reporting.comparison_report import Evidence, Run
from finnet.reporting.validation_report import KnownTruth, Lending

__all__ = ["MANIFEST", "page_files", "page_parts_from"]

_PLAIN = "page/page.json"
_KINDS: Mapping[str, type[Any]] = {"evidence": Evidence, "run": Run, "trading": Trading, "lending": Lending}
_TIMES = ("first", "last")


def page_files(parts: PageParts) -> dict[str, bytes]:
    """Tables as `page/<name>.parquet`, all else as `page/page.json` and `manifest.json`."""
    files, plain = {MANIFEST: to_json(parts.run.manifest).encode()}, {}
    for kind, part in _named(parts).items():
        values = {field.name: _as_table(getattr(part, field.name)) for field in fields(part)}
        tables = {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}
        files |= {f"page/{name}.parquet": to_parquet(table) for name, table in tables.items()}
        plain[kind] = {name: values[name] for name in values if name not in tables and name != "manifest"}
        plain[kind]["tables"] = list(tables)
    return files | {_PLAIN: to_json(plain).encode()}


def page_parts_from(files: Mapping[str, bytes]) -> PageParts:
    """The parts that `page_files` saved; DataError where one is missing or is not what it should be."""
    try:
        plain = json.loads(files[_PLAIN])
        parts = {kind: _part(kind, values, files) for kind, values in plain.items()}
        decision = parts["trading"] if "trading" in parts else parts["lending"]
        return PageParts(evidence=parts["evidence"], run=parts["run"], decision=decision)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"the saved page cannot be read ({error!r}); run the job again") from error


def _named(parts: PageParts) -> dict[str, Any]:
    decision = "trading" if isinstance(parts.decision, Trading) else "lending"
    return {"evidence": parts.evidence, "run": parts.run, decision: parts.decision}


def _part(kind: str, values: dict[str, Any], files: Mapping[str, bytes]) -> Any:
    known: dict[str, Any] = {
        name: pd.read_parquet(io.BytesIO(files[f"page/{name}.parquet"])) for name in values.pop("tables")
    }
    known |= {name: None if value is None else _as_value(name, value) for name, value in values.items()}
    columns = known.get("known_truth")
    if columns is not None:
        known["known_truth"] = KnownTruth(columns["probability"].to_numpy(), columns["forecast"].to_numpy())
    if kind == "run":
        known["manifest"] = json.loads(files[MANIFEST])
    return _KINDS[kind](**known)


def _as_table(value: Any) -> Any:
    if isinstance(value, KnownTruth):
        return pd.DataFrame({"probability": value.probability, "forecast": value.forecast})
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def _as_value(name: str, value: Any) -> Any:
    return pd.Timestamp(value) if name in _TIMES else value
