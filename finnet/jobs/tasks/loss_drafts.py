"""Drafts of loss-given-default jobs: what a file of defaulted loans seems to hold."""

from pathlib import Path
from typing import Any

import pandas as pd

from finnet.data.loan_losses import LossFile, inspect_losses
from finnet.data.quality import Findings
from finnet.data.sniffing import Sniffed, sniffed
from finnet.errors import ConfigError
from finnet.evaluation.leakage import loss_leaks
from finnet.jobs.tasks.draft_lines import beside, csv_lines, key_lines
from finnet.jobs.tasks.loan_drafts import as_found, outcomes_of, split_lines, target_named

__all__ = ["loss_draft"]

_LOSSES = ("loss_share", "lgd", "loss_given_default", "realised_lgd", "realized_lgd", "loss_rate", "loss")
_WORKED_OUT = 24  # months, until the owner of the loans says how long a work-out takes


def loss_draft(file: Path, folder: Path) -> list[str]:
    """The sections of a job file for defaulted loans; ConfigError where no column is called as losses are."""
    found = sniffed(str(file))
    losses = LossFile(path=str(file), csv=found.format, **_guessed(file, found))
    # A warning, so that the book can be read: columns with too many levels are found and dropped here.
    findings = Findings({"text_of_many_levels": "warning"})
    book = inspect_losses(losses, findings)
    features = pd.DataFrame() if book is None else book.features
    told = {} if book is None else loss_leaks(features, book.loss, is_ordered=bool(losses.applied_at))
    settings = {"loss": losses.loss, **as_found(losses, findings, features=features, told=told)}
    lines = ["", "[data.loans]", *key_lines({"path": beside(file, folder), **settings}, guessed=set(settings))]
    return [*lines, *csv_lines("data.loans", found.format), *split_lines(settings)]


def _guessed(file: Path, found: Sniffed) -> dict[str, Any]:
    """The columns of loss, outcome and day of default; other dates are dropped, as they may be those of recoveries."""
    loss = next((name for wanted in _LOSSES for name in found.numbers if name.casefold() == wanted), "")
    if not loss:
        raise ConfigError(f"{file}: no column of numbers is called {', '.join(_LOSSES)}; name that of the loss so")
    target = target_named(found)
    settings: dict[str, Any] = {"loss": loss}
    if target:
        settings |= {"target": target, **outcomes_of(found, target)}
    defaulted = next((name for name in found.dates if "default" in name.casefold() and name != target), None)
    if defaulted is not None:
        settings |= {"applied_at": defaulted, "horizon_months": _WORKED_OUT}
    settings["drop"] = tuple(name for name in found.dates if name not in (defaulted, target))
    settings["categories"] = tuple(name for name in found.texts if name != target)
    return settings
