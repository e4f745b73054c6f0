"""Encoder forms: a table encoder as columns, scales and levels, and back."""

from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from finnet.errors import ConfigError
from finnet.estimators.archive import Arrays, Description, checked_names, checked_number, keep
from finnet.features.encoding import NUMERIC, TableEncoder

__all__ = ["describe_encoder", "restore_encoder"]


def describe_encoder(encoder: TableEncoder, arrays: Arrays) -> dict[str, Any]:
    """Columns, gaps and levels of an encoder; its scales go to `arrays`."""
    scaler: Any = encoder.scaler_
    # Two arrays for all columns by mean and spread, two for each column by landmarks.
    pairs = [(scaler.mean, scaler.spread)] if encoder.numeric == "standard" else scaler.landmarks
    return {
        "numeric": encoder.numeric,
        "min_frequency": encoder.min_frequency,
        "columns": list(encoder.feature_names_in_),
        "numbers": encoder.numbers_,
        "gaps": encoder.gaps_.tolist(),
        "varies": encoder.varies_.tolist(),
        "scales": [keep(scale, arrays) for pair in pairs for scale in pair],
        "categories": encoder.categories_,
        **(_describe_levels(encoder.levels_) if encoder.categories_ else {}),
    }


def _describe_levels(levels: OneHotEncoder) -> dict[str, Any]:
    known = [list(column) for column in levels.categories_]
    # A reader gives levels as text; others, such as dates, are not told apart from text in a file.
    if not all(level is None or isinstance(level, str) for column in known for level in column):
        raise ConfigError("an encoder of categories that are not text cannot be saved; make the categories text")
    rare = getattr(levels, "infrequent_categories_", [None] * len(known))
    return {"levels": known, "rare": [[] if column is None else list(column) for column in rare]}


def restore_encoder(description: Description, arrays: Arrays) -> TableEncoder:
    """The encoder again; DataError, or an error of look-up or type, for what describes none."""
    encoder = TableEncoder(description["numeric"], min_frequency=checked_number(description["min_frequency"]))
    encoder.feature_names_in_ = np.asarray(checked_names(description["columns"]), object)
    encoder.n_features_in_ = len(description["columns"])
    encoder.numbers_, encoder.categories_ = (
        checked_names(description["numbers"]),
        checked_names(description["categories"]),
    )
    encoder.gaps_, encoder.varies_ = (np.array(description[name], np.int64) for name in ("gaps", "varies"))
    # Looked up in a closed list, as all that a file names.
    encoder.scaler_ = NUMERIC[encoder.numeric]()
    scaler: Any = encoder.scaler_
    scales = [arrays[number] for number in description["scales"]]
    if encoder.numeric == "standard":
        scaler.mean, scaler.spread = scales
    else:
        scaler.landmarks = list(zip(scales[::2], scales[1::2], strict=True))
    if encoder.categories_:
        encoder.levels_ = _restore_levels(description["levels"], description["rare"])
    return encoder


def _restore_levels(known: list[list[str | None]], rare: list[list[str | None]]) -> OneHotEncoder:
    """An encoder fitted on rows that show frequent levels twice and rare ones once."""
    # scikit-learn finds rare levels by counting rows: `min_frequency=2` below makes those rare that are shown once.
    shown = [[*levels, *(level for level in levels if level not in r)] for levels, r in zip(known, rare, strict=True)]
    # Fills up shorter columns; it is in no list of levels, and so is ignored.
    unknown = "\0"
    rows = np.full((max(map(len, shown)), len(shown)), unknown, object)
    for column, levels in enumerate(shown):
        rows[: len(levels), column] = levels
    return OneHotEncoder(
        categories=[np.array(levels, object) for levels in known],
        handle_unknown="ignore",
        min_frequency=2 if any(rare) else None,
        sparse_output=False,
        dtype=np.float32,
    ).fit(rows)
