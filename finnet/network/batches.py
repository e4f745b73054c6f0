"""Rows to learn from, shuffled anew for every epoch and cut into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import numpy as np

from finnet.errors import ConfigError
from finnet.network.memory import aligned
from finnet.types import FloatArray, IntArray

__all__ = ["Batch", "Batches", "Examples"]

_CHUNK_BYTES = 1 << 17
# Rows that take more are shuffled by runs of neighbors, so that they are not read one by one from all over a file.
_NEARBY_BYTES = 128 << 20
_SHUFFLE_BUFFER_BYTES = 32 << 20
_RUN_BYTES = 1 << 20
_ROWS_AT_ONCE = 1024


class Batch(NamedTuple):
    """Rows with their targets and weights, with the leading member axis of a pack.

    Shapes are (..., n_rows, n_features), or one column more for the ones of training, (..., n_rows, n_outputs) and
    (..., n_rows, 1).
    """

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
        With mean 1 over the rows that count.
    rows : ndarray of int of shape (n_rows,) or (n_members, n_rows), optional
        The rows that count, counted from 0, for all or for each member of a pack; None is all of them.
    scale : ndarray of shape (1, 1) or (n_members, 1, 1), optional
        Factor of the weights, for all or for each member of a pack (see `among`).

    Raises
    ------
    ConfigError
        For arrays that are not of these shapes, and for rows that X does not have.

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
    scale: FloatArray | None = None

    def __post_init__(self) -> None:
        _require_columns(self)
        if self.rows is not None:
            _require_rows(self.rows, len(self.X))

    def __len__(self) -> int:
        return len(self.X) if self.rows is None else int(self.rows.shape[-1])

    def take(self, rows: IntArray) -> Batch:
        """Rows of X by number: numbers of shape (n,) or (n_members, n) give arrays with those leading axes."""
        return Batch(_rows_of(self.X, rows), *self.targets_of(rows))

    def among(self, rows: IntArray) -> "Examples":
        """These rows alone, for all or for each member of a pack, with weights of mean 1 over them.

        Row numbers have shape (n_rows,) or (n_members, n_rows).

        Rows whose weights are all 0 keep them. Weights that are whole numbers become float64.

        Examples
        --------
        >>> Y = np.zeros((3, 1))
        >>> members = Examples(Y, Y, np.array([[2.0], [0.5], [0.5]])).among(np.array([[0, 1], [1, 2]]))
        >>> members.targets()[1][..., 0]
        array([[1.6, 0.4],
               [1. , 1. ]])
        """
        if self.weights is None:
            return replace(self, rows=rows)
        weights = self.weights if self.weights.dtype.kind == "f" else self.weights.astype(np.float64)
        members = rows.reshape(-1, rows.shape[-1])
        # In float64, as the sum of many float32 weights would round; a mean of 0 divides by nothing.
        means = np.array([_rows_of(weights, own).mean(dtype=np.float64) for own in members])
        scale = (1.0 / np.where(means > np.finfo(weights.dtype).tiny, means, 1.0)).astype(weights.dtype)
        return replace(self, weights=weights, rows=rows, scale=scale.reshape(*rows.shape[:-1], 1, 1))

    def some(self, n_rows: int) -> "Examples":
        """At most so many of the rows that count, evenly spaced."""
        step = -(-len(self) // n_rows)
        if step <= 1:
            return self
        rows = np.arange(len(self.X)) if self.rows is None else self.rows
        return self.among(rows[..., ::step])

    def chunks(self) -> Iterator[Batch]:
        """All rows that count, in order, a thousand at a time."""
        for i in range(0, len(self), _ROWS_AT_ONCE):
            here = slice(i, i + _ROWS_AT_ONCE)
            if self.rows is None:
                yield Batch(self.X[here], self.Y[here], None if self.weights is None else self.weights[here])
            else:
                yield self.take(self.rows[..., here])

    def targets(self) -> tuple[FloatArray, FloatArray | None]:
        """Y and weights of the rows that count, shapes (..., n_rows, n_outputs) and (..., n_rows, 1)."""
        return (self.Y, self.weights) if self.rows is None else self.targets_of(self.rows)

    def targets_of(self, rows: IntArray) -> tuple[FloatArray, FloatArray | None]:
        """Y and weights, on each member's own scale, of rows by number.

        Row numbers of shape (n,) or (n_members, n) give arrays with those leading axes, one column per output and one
        of weights behind them.
        """
        Y = _rows_of(self.Y, rows)
        if self.weights is None:
            return Y, None
        weights = _rows_of(self.weights, rows)
        return Y, weights if self.scale is None else weights * self.scale

    def keep(self, members: IntArray) -> "Examples":
        """The same for these members of a pack alone, given by their numbers, shape (k,)."""
        if self.rows is None or self.rows.ndim == 1:
            return self
        return replace(self, rows=self.rows[members], scale=None if self.scale is None else self.scale[members])

    def of(self, member: int) -> "Examples":
        """The same for one member of a pack."""
        if self.rows is None or self.rows.ndim == 1:
            return self
        return replace(self, rows=self.rows[member], scale=None if self.scale is None else self.scale[member])


def _require_columns(examples: Examples) -> None:
    """Raise ConfigError unless X, Y and weights are tables of as many rows."""
    for name, table in (("X", examples.X), ("Y", examples.Y), ("weights", examples.weights)):
        if table is None:
            continue
        if table.ndim != 2:
            raise ConfigError(f"{name} has shape {table.shape}, and rows with columns are needed; use {name}[:, None]")
        if len(table) != len(examples.X):
            raise ConfigError(f"{name} has {len(table)} rows, X has {len(examples.X)}; give one for each")
    if examples.weights is not None and examples.weights.shape[1] != 1:
        raise ConfigError(f"weights have shape {examples.weights.shape}; give one column, of shape (n_rows, 1)")


def _require_rows(rows: IntArray, n_all: int) -> None:
    """Raise ConfigError unless rows are numbers from 0 to below `n_all`."""
    if rows.dtype.kind not in "iu" or rows.ndim not in (1, 2):
        raise ConfigError(
            f"rows are {rows.dtype} of shape {rows.shape}; give whole numbers, of shape (n_rows,) or (n_members,"
            " n_rows), for a mask np.flatnonzero(mask)"
        )
    if rows.size and not 0 <= rows.min() <= rows.max() < n_all:
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ConfigError(f"rows hold {wrong}, and X has the rows 0 to {n_all - 1}; count from its first row")


class Batches:
    """The batches of one epoch after another, each valid until the next.

    Rows are gathered in shuffled order in chunks of 128 KiB, which stay in the cache, or one batch where that is
    larger, so that every batch is a plain view. Where the rows that count take more than 128 MiB, runs of neighboring
    rows of 1 MiB each come in random order, and the rows of 32 runs are shuffled together in a buffer, so that reads
    stay near each other; in memory as in a file, because processes that share what lies in memory map it from one.

    Parameters
    ----------
    examples : Examples
    size : int
        Rows per batch; the last one of an epoch may be smaller. X has a column of ones behind its own.
    rngs : Generator or sequence of Generator
        One for a single network, a sequence with one per member for a pack.

    Examples
    --------
    >>> X = np.arange(5.0)[:, None]
    >>> batches = Batches(Examples(X, X), 2, rngs=np.random.default_rng(0))
    >>> [batch.X.shape for batch in batches]
    [(2, 2), (2, 2), (1, 2)]
    """

    def __init__(
        self, examples: Examples, size: int, *, rngs: np.random.Generator | Sequence[np.random.Generator]
    ) -> None:
        self.examples, self.size, self._rngs = examples, size, rngs
        self._order: IntArray = np.arange(0)
        self._chunk_rows = size * max(1, _CHUNK_BYTES // (_row_bytes(examples) * self._members * size))
        self._chunk: _Chunk | None = None

    def __len__(self) -> int:
        return -(-len(self.examples) // self.size)

    def __iter__(self) -> Iterator[Batch]:
        self._order = self._shuffled()
        for start in range(0, len(self.examples), self._chunk_rows):
            rows = self._order[..., start : start + self._chunk_rows]
            if self._chunk is None:
                self._chunk = _Chunk(self.examples, rows.shape, self.size)
            yield from self._chunk.batches(self.examples, rows)

    def targets(self, part: slice) -> tuple[FloatArray, FloatArray | None]:
        """Targets and weights of a part of the last epoch's rows, in their order then, of the shapes of a batch."""
        return self.examples.targets_of(self._order[..., part])

    def keep(self, members: IntArray) -> None:
        """Go on with these members alone, given by their numbers, shape (k,)."""
        assert not isinstance(self._rngs, np.random.Generator)
        self._rngs = [self._rngs[member] for member in members]
        self.examples = self.examples.keep(members)
        # Its memory has room for all members.
        self._chunk = None

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
        row_bytes = _row_bytes(self.examples)
        if len(rows) * row_bytes > _NEARBY_BYTES:
            return _permuted_nearby(rows, rng, row_bytes=row_bytes)
        return rng.permutation(rows)


def _row_bytes(examples: Examples) -> int:
    return max(1, examples.X[:1].nbytes)


def _permuted_nearby(rows: IntArray, rng: np.random.Generator, *, row_bytes: int) -> IntArray:
    """Runs of neighboring rows in random order, and the rows of a buffer of runs in random order."""
    length, buffered = max(1, _RUN_BYTES // row_bytes), max(1, _SHUFFLE_BUFFER_BYTES // row_bytes)
    runs = [rows[start : start + length] for start in range(0, len(rows), length)]
    order = np.concatenate([runs[k] for k in rng.permutation(len(runs))])
    for start in range(0, len(order), buffered):
        # A slice is a view, so this shuffles `order` itself.
        rng.shuffle(order[start : start + buffered])
    return order


class _Chunk:
    """Memory for several batches, used again by chunk after chunk, and the batches as views of it."""

    def __init__(self, examples: Examples, shape: tuple[int, ...], size: int) -> None:
        n_features, lead = examples.X.shape[1], shape[:-1]
        self._rows_at_once = min(shape[-1], max(1, _CHUNK_BYTES // (_row_bytes(examples) * prod(lead))))
        self._plain = aligned((*lead, self._rows_at_once, n_features), examples.X.dtype)
        self._X = aligned((*shape, n_features + 1), examples.X.dtype)
        # Written once: rows are filled in beside this column, never over it.
        self._X[..., -1] = 1.0
        self._Y = np.empty((*shape, examples.Y.shape[1]), examples.Y.dtype)
        self._weights = None if examples.weights is None else np.empty((*shape, 1), examples.weights.dtype)
        self._size = size
        self._batches = self._cut(shape[-1])

    def batches(self, examples: Examples, rows: IntArray) -> list[Batch]:
        """The batches of these rows."""
        n_rows = rows.shape[-1]
        for start in range(0, n_rows, self._rows_at_once):
            part = rows[..., start : start + self._rows_at_once]
            # By way of a contiguous buffer: NumPy takes rows straight into such memory alone, not beside the ones.
            plain = _take(examples.X, part, self._plain[..., : part.shape[-1], :])
            self._X[..., start : start + part.shape[-1], :-1] = plain
        _take(examples.Y, rows, self._Y[..., :n_rows, :])
        if examples.weights is not None and self._weights is not None:
            weights = _take(examples.weights, rows, self._weights[..., :n_rows, :])
            if examples.scale is not None:
                weights *= examples.scale
        # Views of the same memory each time; only the last chunk of an epoch is shorter.
        return self._batches if n_rows == self._X.shape[-2] else self._cut(n_rows)

    def _cut(self, n_rows: int) -> list[Batch]:
        batches = []
        for start in range(0, n_rows, self._size):
            rows = slice(start, min(start + self._size, n_rows))
            weights = None if self._weights is None else self._weights[..., rows, :]
            batches.append(Batch(self._X[..., rows, :], self._Y[..., rows, :], weights))
        return batches


def _rows_of(table: FloatArray, rows: IntArray) -> FloatArray:
    # Twice as fast as an index, but of a table that is not contiguous `take` first copies all.
    taken: FloatArray = table.take(rows, axis=0) if table.flags.c_contiguous else table[rows]
    return taken


def _take(array: FloatArray, rows: IntArray, out: FloatArray) -> FloatArray:
    if not array.flags.c_contiguous:
        out[...] = array[rows]
        return out
    # Row numbers are right by construction; a mode other than "raise" lets NumPy write straight into contiguous memory.
    return array.take(rows, axis=0, out=out, mode="clip")
