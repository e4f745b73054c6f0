"""SeenRows: hashes of the rows that trained a model, by which rows of a new file are found that it trained on."""

import base64
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from finnet.errors import DataError
from finnet.types import BoolArray

__all__ = ["Overlap", "SeenRows"]

_MOST = 20_000
"""Hashes that are kept, so that a profile has at most a quarter of a megabyte of them."""

_SURE = 0.999
"""Share of files of new rows alone in which no more rows than chance explains equal one of training."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """Which rows of a table trained the model.

    Parameters
    ----------
    is_seen : ndarray of bool, shape (n_rows,)
        Rows known to equal one of training; none where no more do than chance explains.
    is_new : ndarray of bool, shape (n_rows,)
        Rows that are no evidence from training: all where there is no overlap, else those known to equal none. Where a
        sample of the hashes was kept, of most rows neither is known.
    count : int
        Rows that equal one of training.
    is_estimate : bool
        Whether that is an estimate from the rows that can be told, since a sample of the hashes was kept.
    """

    is_seen: BoolArray
    is_new: BoolArray
    count: int
    is_estimate: bool


@dataclass(frozen=True)
class SeenRows:
    """Hashes of the features of training rows, from which no feature can be read.

    They are not anonymous for all that: whoever has the features of a case can find out whether it trained the model,
    and where features have few possible values, can try them all. Outcomes are no part of them. Numbers are hashed with
    the digits of float32, and categories as text, so that a row is known again from CSV and from Parquet.

    Parameters
    ----------
    hashes : str
        Base64 of 64-bit numbers, little-endian, ascending, each once: of all training rows, or of more than 20,000
        different ones the smallest, which are a random sample. DataError for anything else.
    share : float
        Share of the different training rows whose hashes these are.
    twins : float
        Share of the training rows that equal another of them in every column. As many new rows are expected to equal
        one of training by chance.

    Examples
    --------
    >>> table = pd.DataFrame({"income": [1.0, 2.0, None], "home": ["own", "rent", "own"]})
    >>> seen = SeenRows.of(table)
    >>> seen.overlap(table.tail(2).assign(home=["rent", "rent"])).is_seen
    array([ True, False])
    """

    hashes: str
    share: float
    twins: float

    def __post_init__(self) -> None:
        self._numbers()

    @classmethod
    def of(cls, X: pd.DataFrame, *, most: int = _MOST) -> "SeenRows":
        """The hashes of a table of training rows, `most` at most."""
        hashes = _row_hashes(X)
        distinct, counts = np.unique(hashes, return_counts=True)
        kept = distinct[:most]
        text = base64.b64encode(kept.astype("<u8").tobytes()).decode("ascii")
        return cls(text, len(kept) / len(distinct), float(counts[counts > 1].sum() / len(hashes)))

    def overlap(self, X: pd.DataFrame) -> Overlap:
        """Which rows of X, whose columns are those of training in their order, trained the model."""
        hashes, kept = _row_hashes(X), self._numbers()
        # All hashes up to the largest that was kept are known; of a row beyond it nobody can say whether it trained.
        is_sample = self.share < 1
        can_tell = hashes <= kept[-1] if is_sample else np.full(len(X), True)
        equal = np.isin(hashes, kept)
        # Rows of a few coarse columns equal each other although they are different cases, as often as in training.
        if equal.sum() <= stats.binom.ppf(_SURE, can_tell.sum(), self.twins):
            return Overlap(np.full(len(X), False), np.full(len(X), True), 0, is_sample)
        return Overlap(equal, can_tell & ~equal, round(len(X) * equal.sum() / can_tell.sum()), is_sample)

    def to_json(self) -> dict[str, Any]:
        """As profile.json holds it; the fields by name."""
        return asdict(self)

    def _numbers(self) -> np.ndarray:
        try:
            return np.frombuffer(base64.b64decode(self.hashes, validate=True), "<u8")
        except ValueError as error:
            raise DataError("the hashes of training rows cannot be read; run the job again") from error


def _row_hashes(X: pd.DataFrame) -> np.ndarray:
    """A 64-bit hash of each row, shape (n_rows,), the same in every process and version."""
    # Of cells first, by finnet's own rule of what is equal; then of their hashes, which have one type in all columns.
    cells = pd.DataFrame({number: _cell_hashes(X.iloc[:, number]) for number in range(X.shape[1])})
    return np.asarray(pd.util.hash_pandas_object(cells, index=False).to_numpy())


def _cell_hashes(column: "pd.Series[Any]") -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column.dtype):
        with np.errstate(over="ignore"):
            values = column.to_numpy(float, na_value=np.nan).astype(np.float32).astype(float)
        hashes = pd.util.hash_array(values + 0.0)  # -0.0 is 0.0
    else:
        hashes = pd.util.hash_array(column.astype(str).to_numpy(object))
    # However a missing cell is written in its type.
    hashes = np.where(column.isna().to_numpy(), np.uint64(0), hashes)
    return np.asarray(hashes)
