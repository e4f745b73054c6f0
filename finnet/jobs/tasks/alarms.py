"""Alarms: columns that forecast too well on their own, found before anything trains."""

from collections.abc import Mapping, Sequence

import numpy as np

from finnet.data.loan_checks import MISSING_SHARE
from finnet.data.panel import Panel
from finnet.data.quality import Findings
from finnet.dataset import Dataset
from finnet.evaluation.leakage import (
    LOAN_LEAKS,
    LOSS_LEAKS,
    MARKET_LEAKS,
    loan_leaks,
    loss_leaks,
    market_leaks,
)
from finnet.labels import forward_return

__all__ = ["raise_loan_alarms", "raise_loss_alarms", "raise_market_alarms"]

_TRADED = ("open", "high", "low", "close", "raw_close", "adj_close", "volume")
"""What a bar itself is made of: known when it is complete."""


def raise_loan_alarms(dataset: Dataset, findings: Findings, *, file: str) -> None:
    """Note every column that gives the outcome away."""
    _look(LOAN_LEAKS, list(map(str, dataset.X)), findings, file=file, rows=len(dataset))
    _note(loan_leaks(dataset.X, dataset.y, is_ordered=dataset.is_ordered), findings, file=file)


def raise_loss_alarms(dataset: Dataset, findings: Findings, *, file: str) -> None:
    """Note every column that gives the loss of defaulted loans away."""
    _look(LOSS_LEAKS, list(map(str, dataset.X)), findings, file=file, rows=len(dataset))
    _note(loss_leaks(dataset.X, dataset.y.astype(float), is_ordered=dataset.is_ordered), findings, file=file)


def raise_market_alarms(dataset: Dataset, panel: Panel, findings: Findings, *, file: str) -> None:
    """Note features, and fields of the files whatever reads them, that give the outcome away or are hardly known."""
    features = [str(name) for name in dataset.X]
    sought = {
        "empty_feature": "features that are never known",
        "missing_share": f"features of which {100 * MISSING_SHARE:g} % or more is missing",
    }
    findings.inspection.look(sought, file=file, columns=features, rows=len(dataset))
    fields = [name for name in panel.fields if name not in _TRADED]
    _look(MARKET_LEAKS, [*features, *fields], findings, file=file, rows=len(dataset))
    for name, share in dataset.X.isna().mean().items():
        if share == 1:
            findings.add("empty_feature", file, column=str(name), value="never known")
        elif share >= MISSING_SHARE:
            count = int(dataset.X[name].isna().sum())
            findings.add("missing_share", file, column=str(name), value=f"{share:.0%} missing", count=count)
    columns = {str(name): dataset.X[name].to_numpy(float) for name in dataset.X}
    session = np.unique(dataset.clock("known_at"), return_inverse=True)[1]
    told = market_leaks(columns, dataset.y.astype(float), session=session, horizon=dataset.horizon)
    # Fields stand against the next two returns: as they are, beside the close, and as a change.
    close = panel["close"]
    session = np.repeat(np.arange(close.shape[0]), close.shape[1])
    returns = [forward_return(panel, horizon_bars=1, delay_bars=delay).ravel() for delay in (0, 1)]
    of_fields: dict[str, str] = {}
    for name in fields:
        values = panel[name]
        ratio = np.divide(values, close, out=np.full(close.shape, np.nan), where=close > 0)
        for form in (values, ratio, np.diff(values, axis=0, prepend=np.nan)):
            for following in returns:
                of_fields |= market_leaks({name: form.ravel()}, following, session=session, horizon=1)
    # Where a feature is called like a field, what was measured of the feature stands.
    _note({**of_fields, **told}, findings, file=file)


def _look(sought: str, columns: Sequence[str], findings: Findings, *, file: str, rows: int) -> None:
    findings.inspection.look({"gives_away": sought}, file=file, columns=columns, rows=rows)


def _note(told: Mapping[str, str], findings: Findings, *, file: str) -> None:
    for column, measured in told.items():
        findings.add("gives_away", file, column=column, value=measured)
