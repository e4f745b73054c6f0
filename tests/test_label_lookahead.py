"""Labels of one's own are held to the horizon that they declare, and those of finnet pass the same checks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_market
from finnet.errors import ConfigError, LookAheadError, UndecidedError
from finnet.label_lookahead import require_label_within_horizon
from finnet.labels import AboveMedian, Direction, ForwardReturn, forward_return

PANEL = made_market(symbols=4, sessions=80)


@dataclass(frozen=True)
class Made:
    """A label from any function of a panel."""

    of: object
    horizon_bars: int = 2
    delay_bars: int = 1
    target: str = "made"

    def values(self, panel):
        return self.of(panel)


def calm(panel):
    """Return over the volatility before: the past is free to be used."""
    before = pd.DataFrame(panel["close"]).pct_change(fill_method=None).rolling(5).std().to_numpy()
    return forward_return(panel, horizon_bars=2) / before


def too_far(panel):
    return forward_return(panel, horizon_bars=3)


def in_spreads_of_all_rows(panel):
    returns = forward_return(panel, horizon_bars=2)
    return returns / np.nanstd(returns)


def known_already(panel):
    return pd.DataFrame(panel["close"]).pct_change(fill_method=None).to_numpy()


def failing(panel):
    return panel["close"] / panel["close"][70]


def of_another_panel(panel):
    return forward_return(PANEL, horizon_bars=2)


def other_each_time(panel):
    return forward_return(panel, horizon_bars=2) + np.random.default_rng().random(panel.shape)


@pytest.mark.parametrize(
    "label",
    [Direction(horizon_bars=3, up=0.001), AboveMedian(delay_bars=2), ForwardReturn(horizon_bars=20), Made(calm)],
    ids=lambda label: type(label).__name__,
)
def test_a_label_that_keeps_to_its_horizon_passes(label):
    require_label_within_horizon(label, PANEL)


@pytest.mark.parametrize("values", [too_far, in_spreads_of_all_rows])
def test_a_label_that_looks_further_is_caught(values):
    with pytest.raises(LookAheadError, match=r"'Made' of MADE00.* declare a longer horizon_bars"):
        require_label_within_horizon(Made(values), PANEL)


def test_a_label_that_was_known_already_is_caught():
    with pytest.raises(LookAheadError, match="says what was known already"):
        require_label_within_horizon(Made(known_already), PANEL)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (failing, "raises IndexError"),
        (of_another_panel, "raises ValueError"),
        (other_each_time, "other values the second time"),
        (lambda panel: np.full(panel.shape, np.nan), "no label at all"),
    ],
)
def test_a_check_that_cannot_decide_says_why(values, why):
    with pytest.raises(UndecidedError, match=f"could not decide, for .*{why}"):
        require_label_within_horizon(Made(values), PANEL.until(75))


@pytest.mark.parametrize("settings", [{"delay_bars": 0}, {"horizon_bars": 0}])
def test_a_label_that_ends_where_it_starts_or_trades_at_the_close_it_knows_is_refused(settings):
    with pytest.raises(ConfigError, match="use 1 or more"):
        require_label_within_horizon(Made(calm, **settings), PANEL)
