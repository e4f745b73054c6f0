"""Rows to learn from, shuffled anew for every epoch and cut into batches."""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import NamedTuple

import numpy as np

from finnet.types import FloatArray, IntArray

__all__ = ["Batch", "Batches", "Examples"]

_CHUNK_BYTES = 4 << 20
_MAPPED_CHUNK_BYTES = 32 << 20
_BLOCK_BYTES = 1 << 20
_ROWS_AT_ONCE = 1024


class Batch(NamedTuple):
    """Rows of one step, with the leading member axis of a pack."""

    X: FloatArray
    Y: FloatArray
    weights: FloatArray | None


@dataclass(frozen=True)
class Examples:
    """Rows to learn from or to be judged by; nothing is copied before it is used.

    Parameters
    ----------
    X : ndarray of shape (n_all, n_features)
        May be mapped from a file (`np.load(path, mmap_mode="r")`) that is larger than memory.
    Y : ndarray of shape (n_all, n_outputs)
    weights : ndarray of shape (n_all, 1), optional
        With mean 1.
    rows : ndarray of int of shape (n_rows,) or (n_members, n_rows), optional
        The rows that count, for all or for each member of a pack; None is all of them.

    Examples
    --------
    >>> X = np.arange(6.0)[:, None]
    >>> even = Examples(X, -X, rows=np.array([0, 2, 4]))
    >>> len(even), even.targets()[0].ravel()
    (3, array([-0., -2., -4.]))
    """

    X: FloatArray
    Y: FloatArray
    weights: FloatArray | None = None
    rows: IntArray | None = None

    def __len__(self) -> int:
        return len(self.X) if self.rows is None else int(self.rows.shape[-1])

    def take(self, rows: IntArray) -> Batch:
        """Rows of X by number: numbers of shape (n,) or (n_members, n) give arrays with those leading axes."""
        weights = None if self.weights is None else self.weights.take(rows, axis=0)
        return Batch(self.X.take(rows, axis=0), self.Y.take(rows, axis=0), weights)

    def chunks(self) -> Iterator[Batch]:
        """All rows that count, in order, a thousand at a time."""
        for i in range(0, len(self), _ROWS_AT_ONCE):
            here = slice(i, i + _ROWS_AT_ONCE)
            if self.rows is None:
                yield Batch(self.X[here], self.Y[here], None if self.weights is None else self.weights[here])
            else:
                yield self.take(self.rows[..., here])

    def targets(self) -> tuple[FloatArray, FloatArray | None]:
        """Y and weights of the rows that count."""
        if self.rows is None:
            return self.Y, self.weights
        return self.Y.take(self.rows, axis=0), None if self.weights is None else self.weights.take(self.rows, axis=0)

    def keep(self, members: IntArray) -> "Examples":
        """The same for these members of a pack alone."""
        return self if self.rows is None or self.rows.ndim == 1 else replace(self, rows=self.rows[members])

    def of(self, member: int) -> "Examples":
        """The same for one member of a pack."""
        return self if self.rows is None or self.rows.ndim == 1 else replace(self, rows=self.rows[member])

    @property
    def is_mapped(self) -> bool:
        """Whether X lies in a file."""
        base: object = self.X
        while isinstance(base, np.ndarray):
            base = base.base
        return isinstance(base, mmap.mmap)


class Batches:
    """The batches of one epoch after another.

    Rows are gathered in shuffled order in chunks of at most 4 MiB, or one batch where that is larger, so that every
    batch is a plain slice. Where X lies in a file, blocks of 1 MiB come in random order, and the rows of 32 of them are
    shuffled together, so that reads stay near each other.

    Parameters
    ----------
    examples : Examples
    size : int
        Rows per batch; the last one of an epoch may be smaller.
    rngs : Generator or sequence of Generator
        One for a single network, a sequence with one per member for a pack.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> batches = Batches(Examples(X, X), 2, rngs=np.random.default_rng(0))
    >>> sorted(len(batch.X) for batch in batches)
    [1, 2, 2]
    """

    def __init__(
        self, examples: Examples, size: int, *, rngs: np.random.Generator | Sequence[np.random.Generator]
    ) -> None:
        self.examples, self.size, self._rngs = examples, size, rngs
        self._order: IntArray = np.arange(0)
        row_bytes = max(1, examples.X[:1].nbytes)
        chunk_bytes = _MAPPED_CHUNK_BYTES if examples.is_mapped else _CHUNK_BYTES
        self._chunk = size * max(1, chunk_bytes // (row_bytes * self._members * size))
        self._block = max(1, _BLOCK_BYTES // row_bytes) if examples.is_mapped else 1

    def __len__(self) -> int:
        return -(-len(self.examples) // self.size)

    def __iter__(self) -> Iterator[Batch]:
        self._order = self._shuffled()
        for start in range(0, len(self.examples), self._chunk):
            chunk = self.examples.take(self._order[..., start : start + self._chunk])
            yield from _cut(chunk, self.size)

    def targets(self) -> tuple[FloatArray, FloatArray | None]:
        """Targets and weights of the last epoch, in the order in which its rows came."""
        return replace(self.examples, rows=self._order).targets()

    def keep(self, members: IntArray) -> None:
        """Go on with these members alone."""
        assert not isinstance(self._rngs, np.random.Generator)
        self._rngs = [self._rngs[member] for member in members]
        self.examples = self.examples.keep(members)

    @property
    def _members(self) -> int:
        return 1 if isinstance(self._rngs, np.random.Generator) else len(self._rngs)

    def _shuffled(self) -> IntArray:
        rows = np.arange(len(self.examples)) if self.examples.rows is None else self.examples.rows
        if isinstance(self._rngs, np.random.Generator):
            return self._permuted(rows, self._rngs)
        every = np.broadcast_to(rows, (len(self._rngs), rows.shape[-1]))
        return np.stack([self._permuted(own, rng) for rng, own in zip(self._rngs, every, strict=True)])

    def _permuted(self, rows: IntArray, rng: np.random.Generator) -> IntArray:
        if self._block == 1:
            return rng.permutation(rows)
        blocks = [rows[start : start + self._block] for start in range(0, len(rows), self._block)]
        order = np.concatenate([blocks[k] for k in rng.permutation(len(blocks))])
        for start in range(0, len(order), self._chunk):
            rng.shuffle(order[start : start + self._chunk])
        return order


def _cut(chunk: Batch, size: int) -> Iterator[Batch]:
    """Batches of that size, and what is left at the end as a smaller one."""
    n_rows = chunk.X.shape[-2]
    whole = n_rows - n_rows % size
    parts = [repeat(None) if part is None else _pieces(part, whole, size) for part in chunk]
    yield from map(Batch._make, zip(*parts, strict=False))
    if whole < n_rows:
        yield Batch._make(None if part is None else part[..., whole:, :] for part in chunk)


def _pieces(part: FloatArray, whole: int, size: int) -> Iterator[FloatArray]:
    """Views of `size` rows each; iterating over an axis makes them faster than slicing."""
    lead, width = part.shape[:-2], part.shape[-1]
    return iter(np.moveaxis(part[..., :whole, :].reshape(*lead, -1, size, width), -3, 0))
