"""Alarms: columns that forecast too well on their own, found before anything trains."""

from collections.abc import Mapping

import numpy as np

from finnet.data.loan_checks import MISSING_SHARE
from finnet.data.panel import Panel
from finnet.data.quality import Findings
from finnet.dataset import Dataset
from finnet.evaluation.leakage import loan_leaks, loss_leaks, market_leaks
from finnet.labels import forward_return
from finnet.types import FloatArray

__all__ = ["raise_loan_alarms", "raise_loss_alarms", "raise_market_alarms"]

_TRADED = ("open", "high", "low", "close", "raw_close", "adj_close", "volume")
"""What a bar itself is made of: known when it is complete."""


def raise_loan_alarms(dataset: Dataset, findings: Findings, *, file: str) -> None:
    """Note every column that gives the outcome away."""
    _note(loan_leaks(dataset.X, dataset.y, is_ordered=dataset.is_ordered), findings, file=file)


def raise_loss_alarms(dataset: Dataset, findings: Findings, *, file: str) -> None:
    """Note every column that gives the loss of defaulted loans away."""
    _note(loss_leaks(dataset.X, dataset.y.astype(float), is_ordered=dataset.is_ordered), findings, file=file)


def raise_market_alarms(dataset: Dataset, panel: Panel, findings: Findings, *, file: str) -> None:
    """Note features, and fields of the files whatever reads them, that give the outcome away or are hardly known."""
    _note_gaps(dataset, findings, file=file)
    _note({**_of_fields(panel), **_of_features(dataset)}, findings, file=file)


def _note(told: Mapping[str, str], findings: Findings, *, file: str) -> None:
    for column, measured in told.items():
        findings.add("gives_away", file, column=column, value=measured)


def _note_gaps(dataset: Dataset, findings: Findings, *, file: str) -> None:
    """Note features that are missing in many rows, and those that never have a value."""
    for name, share in dataset.X.isna().mean().items():
        if share == 1:
            findings.add("empty_feature", file, column=str(name), value="never known")
        elif share >= MISSING_SHARE:
            count = int(dataset.X[name].isna().sum())
            findings.add("missing_share", file, column=str(name), value=f"{share:.0%} missing", count=count)


def _of_features(dataset: Dataset) -> Mapping[str, str]:
    columns = {str(name): dataset.X[name].to_numpy(float) for name in dataset.X}
    session = np.unique(dataset.clock("known_at"), return_inverse=True)[1]
    return market_leaks(columns, dataset.y.astype(float), session=session, horizon=dataset.horizon)


def _of_fields(panel: Panel) -> Mapping[str, str]:
    """Fields beside prices and volume against the next two returns: as they stand, beside the close, as a change."""
    close = panel["close"]
    told: dict[str, str] = {}
    for name in (name for name in panel.fields if name not in _TRADED):
        values = panel[name]
        forms = [values, _ratio(values, close), np.diff(values, axis=0, prepend=np.nan)]
        for form in forms:
            for delay in (0, 1):
                told |= _against(name, form, forward_return(panel, horizon_bars=1, delay_bars=delay))
    return told


def _ratio(values: FloatArray, close: FloatArray) -> FloatArray:
    out: FloatArray = np.full(close.shape, np.nan)
    return np.divide(values, close, out=out, where=close > 0)


def _against(name: str, values: FloatArray, returns: FloatArray) -> Mapping[str, str]:
    session = np.repeat(np.arange(len(values)), values.shape[1])
    return market_leaks({name: values.ravel()}, returns.ravel(), session=session, horizon=1)
