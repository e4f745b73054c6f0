"""Loan rows: loans whose outcome is not known yet, as rows to forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from finnet.data.loan_book import Applications
from finnet.data.loan_file import LoanFile
from finnet.data.loan_outcomes import Outcomes, usable_rows
from finnet.data.loans import read_applications, read_clients
from finnet.errors import ConfigError
from finnet.evaluation.profile import Profile
from finnet.jobs.new_rows import LATER, NOT_LENT, OLD, REPEATED, NewRows
from finnet.labels import paid_out_at
from finnet.types import BoolArray, FloatArray

__all__ = ["came_true", "new_loans", "rows_of_loans"]


def new_loans(
    source: object,
    data: Path | str,
    *,
    sentiment: Path | str | None,
    profile: Profile,
    now: np.datetime64,
    until: np.datetime64 | None,
    target: str,
    aside: Sequence[str] = (),
) -> NewRows:
    """A row for each row of a loan file, in its order; columns are of the kinds that they had in training.

    Columns of `aside` are no features, but rows are decided on by them; a row that lacks one has a flag. Columns that
    the profile lacks are ignored, and named by a FinnetWarning.

    ConfigError where the run's own loans came from no file, or where there is sentiment, which loans have none of.
    """
    if not isinstance(source, LoanFile):
        raise ConfigError("the run used embedded loans, which get no new rows; run a job with [data.loans]")
    if sentiment is not None:
        raise ConfigError("loans have no sentiment; leave the sentiment file out")
    # Kinds and levels are those of training: the new file may hold none but numbers in a column of names.
    declared = replace(source, path=str(data), categories=profile.categories, text_is_category=False, leave_out={})
    new = read_applications(declared, aside=aside, features=profile.columns)
    # None of these rows is left out, for whoever asks wants an answer for each; the flags say what it is worth.
    usable = usable_rows(Outcomes.unknown(len(new)), applied_at=new.applied_at, resolves_at=new.resolves_at, until=now)
    # Ids that repeat got a number behind them when they were read, "7 (2)"; it is taken off to compare them.
    plain_id = pd.Series(new.loan_id).str.replace(r" \(\d+\)$", "", regex=True)
    repeated = new.features.duplicated(keep=False) | plain_id.duplicated(keep=False)
    found = {REPEATED: repeated.to_numpy(), LATER: usable.applied_later}
    if source.amount in new.features:
        # Training refuses such a file; here every row is answered, and told apart.
        found[NOT_LENT] = new.features[source.amount].to_numpy(float) <= 0
    if new.applied_at is not None and until is not None:
        # The model may have seen loans that were known before it was trained.
        found[OLD] = new.applied_at < until
    found |= {f"{name} missing": new.column(name).isna().to_numpy() for name in aside}
    return rows_of_loans(new, found, target=target)


def rows_of_loans(loans: Applications, found: Mapping[str, BoolArray], *, target: str) -> NewRows:
    """A row for each loan, flagged by the words for which its mask in `found`, shape (n_loans,), is true."""
    return NewRows(
        X=loans.features,
        entity=loans.loan_id,
        target=target,
        horizon=loans.horizon_months,
        issued_at=loans.applied_at,
        tradable_at=None if loans.applied_at is None else paid_out_at(loans.applied_at),
        resolves_at=loans.resolves_at,
        flags=[[words for words, rows in found.items() if rows[row]] for row in range(len(loans))],
        units=len(loans),
        aside=loans.aside,
    )


def came_true(source: LoanFile, data: Path | str, *, rows: NewRows, truth: FloatArray) -> pd.DataFrame:
    """`truth` and `resolves_at` of each row of a loan file, and where it says whose loan each is, `group`."""
    came = pd.DataFrame({"truth": truth}).assign(resolves_at=rows.resolves_at)
    clients = read_clients(replace(source, path=str(data)))
    return came if clients is None else came.assign(group=clients)
