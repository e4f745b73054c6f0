"""Small panels whose features can be worked out by hand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import Panel, closing_times


@pytest.fixture
def panel_of() -> Callable[..., Panel]:
    """Builds a Panel on business days from 2020-01-01 (a Wednesday); one row per session, one column per symbol."""

    def build(*, member: np.ndarray | None = None, **fields: list) -> Panel:
        wide = {name: np.array(values, float) for name, values in fields.items()}
        wide = {name: values[:, None] if values.ndim == 1 else values for name, values in wide.items()}
        wide.setdefault("close", np.ones_like(next(iter(wide.values()))))
        days = pd.bdate_range("2020-01-01", periods=len(wide["close"])).to_numpy("datetime64[us]")
        symbols = tuple("ABCDEFGH"[: wide["close"].shape[1]])
        return Panel(days, closing_times(days), symbols, wide, member)

    return build
