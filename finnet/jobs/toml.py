"""TOML: values as a job file writes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["to_toml"]


def to_toml(value: Any) -> str:
    """A text, number, truth value, list or table in one line.

    Examples
    --------
    >>> to_toml({"missing": ("", 'a "b"'), "share": 0.5, "wide": True})
    '{ missing = ["", "a \\\\"b\\\\""], share = 0.5, wide = true }'
    """
    # Before numbers, since True is an int to Python.
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return f'"{escaped}"'
    if isinstance(value, Mapping) and not value:
        return "{}"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(str(name))} = {to_toml(part)}" for name, part in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(to_toml, value))}]"
    # Fifteen digits round off what binary fractions add: 0.3, not 0.30000000000000004.
    return f"{value:.15g}" if isinstance(value, float | np.floating) else str(value)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else to_toml(name)
