"""Drafts of direction jobs: what a price file, and one of sentiment beside it, seem to hold."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finnet.data.csv_format import CsvFormat
from finnet.data.late_checks import oldest_usual
from finnet.data.panel import Panel
from finnet.data.prices import PriceFile, inspect_prices
from finnet.data.quality import Findings
from finnet.data.sentiment_files import SentimentFile, inspect_sentiment
from finnet.data.sniffing import Sniffed, sniffed
from finnet.features.feature_set import CROSS_SECTION, STANDARD, FeatureSet
from finnet.jobs.tasks.draft_lines import beside, csv_lines, key_lines, words_of
from finnet.jobs.toml import to_toml
from finnet.models import BASELINES, naive_models

__all__ = ["market_draft"]

_FIELDS = {
    "date": ("date", "day", "datetime", "timestamp", "time", "open_time"),
    "symbol": ("symbol", "ticker", "sym", "tic", "stock", "code", "permno"),
    "open": ("open", "px_open"),
    "high": ("high", "px_high"),
    "low": ("low", "px_low"),
    "close": ("close", "px_last", "last", "price", "close_price", "settle"),
    "adj_close": ("adj_close", "adjclose", "adjusted_close", "adj"),
    "volume": ("volume", "vol", "px_volume"),
}
_HORIZON = 5
_AHEAD = _HORIZON + 1  # bars between a row and its outcome: it is traded one bar later
_MANY_SYMBOLS = 20
_MOST_SCORES = 4


_LENIENT = {"missing_close": "warning", "duplicate_bar": "warning", "missing_adj_close": "warning"}


def market_draft(files: Sequence[Path], folder: Path, *, models: Sequence[str]) -> list[str]:
    """The features and sections of a job file for prices and, where there is a second file, sentiment.

    `models` are those that a job has unless its file names them.
    """
    found = sniffed(str(files[0]))
    settings, format = _price_settings(files[0], found)
    panel = inspect_prices(PriceFile(path=str(files[0]), csv=format, **settings), Findings(_LENIENT))
    late, names, first = ([], [], None) if len(files) < 2 else _late(files[1], folder, panel)
    start = None if panel is None else _start(panel, first)
    if start is not None:
        settings["start"] = start
    # Without a readable panel the draft is made as for one index of about four years.
    symbols, sessions, fields = 1, 1000, {"close"}
    if panel is not None:
        sessions = int((panel.sessions >= np.datetime64(start or "0001-01-01")).sum())
        symbols, fields = panel.shape[1], set(panel.fields)
    lines = ["", "[data.prices]", *key_lines({"path": beside(files[0], folder), **settings}, guessed=set(settings))]
    lines += csv_lines("data.prices", format)
    features = [name for name in (STANDARD if symbols < _MANY_SYMBOLS else CROSS_SECTION) if _has_fields(name, fields)]
    lines += late
    features += [f"sentiment_{name}" for name in names] + [f"sentiment_change_{name}_5" for name in names]
    label = "direction" if symbols < _MANY_SYMBOLS else "above_median"
    usable = max(sessions - FeatureSet.of(features).look_back - _AHEAD, 2)
    train = int(min(1250, max(usable // 2, 2)))
    positions = "long_flat" if symbols < _MANY_SYMBOLS else "top_bottom"
    return [
        f"features = {to_toml(features)}",
        *_models(features, models),
        *lines,
        "",
        f"[label.{label}]",
        f"horizon_bars = {_HORIZON}",
        "",
        "[split.walk_forward]",
        f"train_bars = {train}  # (guess) half of {usable} sessions with all features, five years at most",
        f"test_bars = {max(20, min(500, usable // 6))}",
        "",
        "[backtest]",
        "cost_bps = 2.0",
        "",
        f"[backtest.positions.{positions}]",
    ]


def _models(features: Sequence[str], usual: Sequence[str]) -> list[str]:
    """A line that leaves out the models whose column is not among the features; none where all can be used."""
    reads = {name: getattr(BASELINES[name].make(), "column", None) for name in usual if name in naive_models()}
    usable = [name for name in usual if not isinstance(reads.get(name), str) or reads[name] in features]
    return [] if len(usable) == len(usual) else [f"models = {to_toml(usable)}"]


def _has_fields(feature: str, fields: set[str]) -> bool:
    needs = {"volume": "volume", "dollar": "raw_close"}
    return all(field in fields for word, field in needs.items() if word in feature)


def _price_settings(file: Path, found: Sniffed) -> tuple[dict[str, Any], CsvFormat]:
    columns = _columns(found)
    settings: dict[str, Any] = {}
    if (
        found.format.header_lines > 1
        and len({levels[-1] for levels in found.table.levels.values() if len(levels) > 1}) > 1
    ) or ("close" not in columns and len(found.numbers) > 1):
        settings["wide"] = True
    elif "symbol" not in columns and not file.is_dir():
        settings["symbol"] = file.name.split(".")[0].upper()
    mapped = {ours: theirs for ours, theirs in columns.items() if ours != theirs}
    if mapped:
        settings["columns"] = mapped
    if "symbol" in columns and "" in words_of(found, columns["symbol"]):
        settings["exclude"] = ("",)
    return settings, found.format


def _columns(found: Sniffed) -> dict[str, str]:
    """Our names to the file's."""
    plain = {name.casefold().strip().replace(" ", "_"): name for name in reversed(list(found.table.columns))}
    columns = {ours: plain[word] for ours, words in _FIELDS.items() for word in reversed(words) if word in plain}
    if "date" not in columns and found.dates:
        columns["date"] = found.dates[0]
    return columns


def _start(panel: Panel, first: np.datetime64 | None) -> date | None:
    """The first session worth having: sentiment has come, and half of the usual symbols have prices.

    None where that is the first of all, or would leave less than a third of the sessions.
    """
    priced = np.isfinite(panel["close"]).sum(axis=1)
    # Only in the first half: few prices at the end are no late start but symbols that left.
    thin = np.flatnonzero(priced[: len(priced) // 2] < np.median(priced) / 2)
    begin = int(thin[-1]) + 1 if len(thin) else 0
    if first is not None:
        begin = max(begin, int(np.searchsorted(panel.closes_at, first)))
    is_usable = 0 < begin <= 2 * len(panel.sessions) // 3
    return pd.Timestamp(panel.sessions[begin]).date() if is_usable else None


def _ages(file: SentimentFile, symbols: Sequence[str]) -> tuple[float, np.datetime64 | None]:
    """Days for which a value counts, of the symbol in the middle, and the first moment at which there is one."""
    table = inspect_sentiment(file, Findings({}))
    if table is None or table.empty:
        return 0.0, None
    groups = [rows for _, rows in table.groupby("symbol")] if "symbol" in table else [table]
    if "symbol" in table:
        groups = [rows for rows in groups if rows["symbol"].iloc[0] in symbols] or groups
    usual = [oldest_usual(np.sort(rows["available_at"].to_numpy("datetime64[us]"))) for rows in groups]
    return float(np.ceil(np.median(usual))), table["available_at"].to_numpy("datetime64[us]").min()


def _late(file: Path, folder: Path, panel: Panel | None) -> tuple[list[str], list[str], np.datetime64 | None]:
    """The section of a sentiment file, the names of its fields, and when the first value came."""
    symbols = () if panel is None else panel.symbols
    found = sniffed(str(file))
    columns = _columns(found)
    mapped, words = _clock(found, columns)
    own = set(words_of(found, columns["symbol"])) if "symbol" in columns else set()
    if own & set(symbols):
        mapped["symbol"] = columns["symbol"]
    stem = file.name.split(".")[0].casefold().removesuffix("_prices").replace("-", "_")
    if "close" in columns:
        scores = {stem: columns["close"]}
    else:
        names = [name for name in found.numbers if name not in mapped.values()][:_MOST_SCORES]
        scores = {"".join(sign if sign.isalnum() else "_" for sign in name.casefold()): name for name in names}
    settings = {"columns": mapped | scores, **words}
    age, first = _ages(SentimentFile(path=str(file), csv=found.format, **settings), symbols)
    if age:
        settings["max_age_days"] = age
    lines = ["", "[data.sentiment]", *key_lines({"path": beside(file, folder), **settings}, guessed=set(settings))]
    return [*lines, *csv_lines("data.sentiment", found.format)], list(scores), first


def _clock(found: Sniffed, columns: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """When values could be read: their own times, or the evening of their day."""
    name = columns.get("date") or next(iter(found.dates), "date")
    # Longer than a day and not midnight throughout: the cells hold times of their own.
    if any(len(word) > len("2020-01-31") and "00:00:00" not in word for word in words_of(found, name)[:50]):
        return {"available_at": name}, {}
    if "close" in columns:
        # A series with closes, such as the VIX, which prints until a quarter of an hour after the stocks close.
        return {"date": name}, {"time": "16:15", "zone": "America/New_York"}
    return {"date": name}, {"time": "23:59"}
