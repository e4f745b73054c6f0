"""Credit sets from OpenML through scikit-learn, as files that `LoanFile` reads."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pandas as pd
import pyarrow.parquet
from pyarrow import types
from sklearn.datasets import fetch_openml

from finnet.checks import require_columns
from finnet.data.loan_file import LoanFile
from finnet.errors import DataError
from finnet.files import replace_file

__all__ = ["GERMAN_CREDIT", "CreditSet", "download_loans"]


@dataclass(frozen=True, kw_only=True)
class CreditSet:
    """A data set of OpenML, and what its target says.

    Parameters
    ----------
    name : str
    version : int
        OpenML keeps several sets of one name; a version never changes.
    target : str
        Column of the outcome.
    bad, good : str
        Cells of `target` that mean default and no default.
    amount : str
        Column of the lent amount, where there is one.
    """

    name: str
    version: int
    target: str
    bad: str
    good: str
    amount: str = ""


GERMAN_CREDIT = CreditSet(name="credit-g", version=1, target="class", bad="bad", good="good", amount="credit_amount")
"""1000 applications at a German bank, 300 of them bad (Hofmann 1994); amounts in Deutsche Mark."""

Fetch = Callable[[CreditSet, Path], pd.DataFrame]


def download_loans(credit_set: CreditSet, *, cache: Path | str, fetch: Fetch | None = None) -> LoanFile:
    """How to read the set, which is now in the cache folder as a Parquet file: columns of names are its categories.

    What is in the cache is not fetched again. Applications carry no dates, so they cannot be divided by time.

    Parameters
    ----------
    credit_set : CreditSet
        Such as `GERMAN_CREDIT`.
    cache : Path or str
        Folder of the file and of what scikit-learn keeps; made where there is none.
    fetch : callable, optional
        What gives the table of a set instead of scikit-learn.

    Raises
    ------
    DataError
        OpenML could not be reached, does not have the set, or the set lacks the target.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from finnet.data.loans import read_loans
    >>> table = pd.DataFrame({"credit_amount": [900.0, 4000.0], "housing": ["own", "rent"], "class": ["good", "bad"]})
    >>> settings = download_loans(GERMAN_CREDIT, cache=mkdtemp(), fetch=lambda credit_set, cache: table)
    >>> settings.categories, read_loans(settings).default
    (('housing',), array([0, 1]))
    """
    path = Path(cache) / f"openml-{quote(credit_set.name, safe='')}-{credit_set.version}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        table = (fetch or _fetch)(credit_set, path.parent)
        require_columns(table.columns, [credit_set.target], name=f"{credit_set.name} of OpenML")
        names = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
        plain = table.assign(**{name: table[name].astype("string").str.strip() for name in names})
        replace_file(path, plain.to_parquet(index=False))
    schema = pyarrow.parquet.read_schema(path)
    texts = [field.name for field in schema if types.is_string(field.type) or types.is_large_string(field.type)]
    return LoanFile(
        path=str(path),
        target=credit_set.target,
        bad=credit_set.bad,
        good=credit_set.good,
        amount=credit_set.amount,
        categories=tuple(name for name in texts if name != credit_set.target),
    )


def _fetch(credit_set: CreditSet, cache: Path) -> pd.DataFrame:
    try:
        answer = fetch_openml(
            credit_set.name, version=credit_set.version, data_home=str(cache), as_frame=True, parser="pandas"
        )
    # An answer that lacks a part ends in a KeyError.
    except (OSError, ValueError, LookupError) as error:
        raise DataError(
            f"{credit_set.name} version {credit_set.version} could not be fetched from OpenML ({error!r});"
            " check name, version and connection, or give a file"
        ) from error
    return cast(pd.DataFrame, answer.frame)
