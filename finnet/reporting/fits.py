"""Fits: how the training rows of each fold were used, and how forecasts of rows held out calibrated."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from finnet.reporting.html import Block, Points, Table
from finnet.reporting.text import count, number, span

__all__ = ["calibrator_blocks", "calibrator_table", "fits_blocks", "fits_table"]


def fits_blocks(folds: pd.DataFrame) -> list[Block]:
    """The table of `fits_table`; nothing where the frame of folds does not say how rows were used."""
    if "fits" not in folds:
        return []
    caption = (
        "How every model but the naive ones used the training rows of each fold: it was fitted several times, each "
        "time without some of the rows, and its forecast is the mean of the fits. Fitted: rows that trained at least "
        "one of them. Validating: rows that stopped one fit early. Calibrating: rows that a fit forecast without "
        "having seen them."
    )
    return [Table(fits_table(folds), caption)]


def calibrator_blocks(calibrators: pd.DataFrame | None, oddities: Sequence[str]) -> list[Block]:
    """The table of `calibrator_table`, where forecasts were calibrated, and what was odd about folds."""
    caption = (
        "How the network's log-odds were calibrated in each fold, by forecasts of training rows that a fit had not "
        "seen. Worth: as many independent rows say as much. Log loss before and after: of forecasts that the curve was "
        "not fitted on; it is taken where it lowers them. A slope below 1 draws forecasts together; it is never below "
        "0, so their order stays."
    )
    blocks: list[Block] = []
    if calibrators is not None and not calibrators.empty:
        blocks.append(Table(calibrator_table(calibrators), caption))
    return [*blocks, Points(oddities)] if oddities else blocks


def fits_table(folds: pd.DataFrame) -> pd.DataFrame:
    """How the training rows of each fold were used by the network and the other models that are fitted several times.

    Examples
    --------
    >>> row = {"fold": 0, "train_rows": 1250, "fits": 5, "least": 740, "most": 745, "fitted": 1250, "validating": 250,
    ...        "calibrating": 1250, "unused": 0}
    >>> fits_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '1,250', '1,250', '5', '740 to 745', '250', '1,250', '0']
    """
    each = [
        count(a) if a == b else span(count(a), count(b)) for a, b in zip(folds["least"], folds["most"], strict=True)
    ]
    return pd.DataFrame(
        {
            "Fold": folds["fold"].map(str),
            "Training rows": folds["train_rows"].map(count),
            "Fitted": folds["fitted"].map(count),
            "Fits": folds["fits"].map(count),
            "Rows per fit": each,
            "Validating": folds["validating"].map(count),
            "Calibrating": folds["calibrating"].map(count),
            "Unused": folds["unused"].map(count),
        }
    )


def calibrator_table(calibrators: pd.DataFrame) -> pd.DataFrame:
    """One row per fold: what the calibrator learned from, how it bends log-odds, and whether it helped.

    Examples
    --------
    >>> row = {"fold": 0, "rows": 1245, "effective_rows": 249.0, "slope": 0.25, "intercept": 0.36,
    ...        "loss_before": 0.7127, "loss_after": 0.6807, "taken": True}
    >>> calibrator_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '1,245', '249', '0.7127', '0.6807', 'taken', '0.25', '+0.36']
    """
    return pd.DataFrame(
        {
            "Fold": calibrators["fold"].map(str),
            "Rows": calibrators["rows"].map(count),
            "Worth": calibrators["effective_rows"].map(count),
            "Log loss before": [number(loss, 4) for loss in calibrators["loss_before"]],
            "After": [number(loss, 4) for loss in calibrators["loss_after"]],
            "": np.where(calibrators["taken"], "taken", "left out"),
            "Slope": [number(slope, 2) for slope in calibrators["slope"]],
            "Intercept": [number(level, 2, signed=True) for level in calibrators["intercept"]],
        }
    )
