import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network import batches as module
from finnet.network.batches import Batches, Examples

X = np.arange(23.0)[:, None]
EXAMPLES = Examples(X, -X, X + 1.0)


def rows_of(batches):
    """X of every batch without its ones, copied, as a batch is valid until the next."""
    return [batch.X[..., :-1].copy() for batch in batches]


def test_every_row_comes_once_per_epoch_with_its_target_and_weight_and_a_one_behind_it():
    rows = []
    for batch in Batches(EXAMPLES, 5, rngs=np.random.default_rng(0)):
        rows.append(batch.X[:, :1].copy())
        np.testing.assert_array_equal(batch.X[:, 1:], np.ones((len(batch.X), 1)))
        np.testing.assert_array_equal(batch.Y, -rows[-1])
        np.testing.assert_array_equal(batch.weights, rows[-1] + 1.0)
    assert [len(own) for own in rows] == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows), axis=0), X)


def test_epochs_have_different_orders():
    batches = Batches(EXAMPLES, 23, rngs=np.random.default_rng(0))
    first, second = rows_of(batches), rows_of(batches)
    assert not np.array_equal(first, second)


def test_chunks_do_not_change_the_batches(monkeypatch):
    whole = rows_of(Batches(EXAMPLES, 5, rngs=np.random.default_rng(0)))
    monkeypatch.setattr(module, "_CHUNK_BYTES", 100)
    pieces = rows_of(Batches(EXAMPLES, 5, rngs=np.random.default_rng(0)))
    assert len(whole) == len(pieces)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("member", [0, 1])
def test_members_of_a_pack_shuffle_as_they_would_alone(member):
    pack = Batches(EXAMPLES, 7, rngs=[np.random.default_rng(0), np.random.default_rng(1)])
    alone = Batches(EXAMPLES, 7, rngs=np.random.default_rng(member))
    for together, single in zip(pack, alone, strict=True):
        np.testing.assert_array_equal(together.X[member], single.X)


def test_members_that_leave_take_their_rows_along():
    rows = np.array([[0, 1], [2, 3], [4, 5]])
    batches = Batches(replace(EXAMPLES, rows=rows), 2, rngs=[np.random.default_rng(k) for k in range(3)])
    batches.keep(np.array([2]))
    (batch,) = batches
    assert sorted(batch.X[..., 0].ravel()) == [4.0, 5.0]


def test_rows_that_do_not_count_are_never_seen():
    even = replace(EXAMPLES, rows=np.arange(0, 23, 2))
    rows = np.concatenate(rows_of(Batches(even, 5, rngs=np.random.default_rng(0))))
    np.testing.assert_array_equal(np.sort(rows, axis=0), X[::2])


def test_targets_of_an_epoch_come_in_the_order_of_its_batches():
    batches = Batches(EXAMPLES, 5, rngs=[np.random.default_rng(k) for k in range(3)])
    seen = [(batch.Y.copy(), batch.weights.copy()) for batch in batches]
    Y, weights = (np.concatenate(parts, axis=1) for parts in zip(*seen, strict=True))
    np.testing.assert_array_equal(Y, batches.targets(slice(None))[0])
    np.testing.assert_array_equal(weights, batches.targets(slice(None))[1])


@pytest.fixture
def in_memory():
    """Examples whose X takes 5 MiB, 1024 rows each."""
    rows = np.arange(5 << 18, dtype="float32").reshape(-1, 256)
    return Examples(rows, rows[:, :1])


@pytest.fixture
def in_file(in_memory, tmp_path):
    """The same in a file."""
    np.save(tmp_path / "X.npy", in_memory.X)
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    return Examples(rows, rows[:, :1])


@pytest.fixture
def near(monkeypatch):
    """4 MiB count as much, and 2 MiB are shuffled together."""
    monkeypatch.setattr(module, "_NEARBY_BYTES", 4 << 20)
    monkeypatch.setattr(module, "_SHUFFLE_BUFFER_BYTES", 2 << 20)


@pytest.mark.usefixtures("near")
def test_many_rows_come_once_each_from_blocks_in_random_order(in_memory):
    batches = Batches(in_memory, 64, rngs=np.random.default_rng(0))
    order = np.concatenate([batch.Y.copy() for batch in batches])[:, 0] / 256
    np.testing.assert_array_equal(np.sort(order), np.arange(5120))
    blocks_of_chunks = [set(chunk // 1024) for chunk in np.split(order, [2048, 4096])]
    assert [len(blocks) for blocks in blocks_of_chunks] == [2, 2, 1]
    assert not np.array_equal(order, np.sort(order))


@pytest.mark.usefixtures("near")
def test_the_order_does_not_know_where_the_rows_lie(in_memory, in_file):
    orders = [rows_of(Batches(own, 512, rngs=np.random.default_rng(0))) for own in (in_memory, in_file)]
    np.testing.assert_array_equal(*orders)


@pytest.mark.usefixtures("near")
def test_few_rows_of_many_are_shuffled_all_together(in_memory):
    some = replace(in_memory, rows=np.arange(4096))
    first = next(iter(Batches(some, 2048, rngs=np.random.default_rng(0)))).Y[:, 0] / 256
    assert set(first // 1024) == {0, 1, 2, 3}


@pytest.mark.parametrize("enough", [0, 128 << 20])
def test_members_shuffle_many_rows_as_they_would_alone(in_file, monkeypatch, enough):
    monkeypatch.setattr(module, "_NEARBY_BYTES", enough)
    pack = Batches(in_file, 64, rngs=[np.random.default_rng(0), np.random.default_rng(1)])
    alone = Batches(in_file, 64, rngs=np.random.default_rng(1))
    for together, single in zip(pack, alone, strict=True):
        np.testing.assert_array_equal(together.X[1], single.X)


def test_rows_of_a_pack_in_a_file_are_gathered_in_little_memory(in_file):
    batches = Batches(in_file, 64, rngs=[np.random.default_rng(k) for k in range(16)])
    batch = next(iter(batches))
    assert batches._chunk._X.nbytes < 2 * batch.X.nbytes


@pytest.mark.parametrize("order", ["C", "F"])
def test_no_table_is_copied_whole_to_gather_its_rows(order):
    table = np.zeros((1 << 14, 64), "float32", order)  # 4 MiB, and columns of it are not contiguous
    examples = Examples(table, table[:, 10:30], table[:, :1], rows=np.arange(1 << 14))
    batches = Batches(examples, 64, rngs=np.random.default_rng(0))
    for gather in (lambda: next(iter(batches)), examples.chunks().__next__):
        tracemalloc.start()
        gather()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


@pytest.mark.parametrize("table", [np.asfortranarray, lambda rows: np.repeat(rows, 2, axis=1)[:, ::2]])
def test_batches_of_tables_that_are_not_contiguous_are_the_same(table):
    rows = np.arange(69.0).reshape(23, 3)
    own, others = Examples(rows, rows), Examples(table(rows), table(rows))
    for batch, other in zip(*[Batches(one, 5, rngs=np.random.default_rng(0)) for one in (own, others)], strict=True):
        np.testing.assert_array_equal(batch.X, other.X)
        np.testing.assert_array_equal(batch.Y, other.Y)


def test_members_weigh_their_own_rows_to_a_mean_of_one():
    rows = np.array([[0, 1, 1, 2], [19, 20, 21, 22]])
    among = EXAMPLES.among(rows)
    for own in (among.targets()[1], among.keep(np.array([0, 1])).take(rows).weights):
        np.testing.assert_allclose(own.mean(axis=(1, 2)), 1.0)
    np.testing.assert_array_equal(among.of(1).targets()[1], among.targets()[1][1])
    np.testing.assert_allclose(among.targets()[1][0, :, 0], np.array([1.0, 2.0, 2.0, 3.0]) / 2.0)


def test_batches_come_with_the_weights_of_their_member():
    among = EXAMPLES.among(np.array([[0, 1, 2], [20, 21, 22]]))
    batches = Batches(among, 3, rngs=[np.random.default_rng(k) for k in range(2)])
    (batch,) = batches
    np.testing.assert_array_equal(batch.weights, batches.targets(slice(None))[1])
    np.testing.assert_allclose(batch.weights, (batch.X[..., :1] + 1.0) / np.array([2.0, 22.0])[:, None, None])
    batches.keep(np.array([1]))
    assert [own.weights.mean() for own in batches] == [pytest.approx(1.0)]


def test_weights_may_be_counts():
    counts, rows = np.arange(23)[:, None], np.array([[1, 2, 3], [20, 21, 22]])
    given, right = (replace(EXAMPLES, weights=own).among(rows) for own in (counts, counts.astype(float)))
    np.testing.assert_array_equal(given.targets()[1], right.targets()[1])


def test_rows_without_any_weight_keep_none():
    rows = np.array([[0, 1], [2, 3]])
    weights = replace(EXAMPLES, weights=(X > 1.0).astype(float)).among(rows).targets()[1]
    assert weights[..., 0].tolist() == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.array([0, -1]), "rows hold -1, and X has the rows 0 to 22"),
        (np.array([[0, 23]]), "rows hold 23, and X has the rows 0 to 22"),
        (np.arange(23) > 3, r"rows are bool of shape \(23,\); give whole numbers.*np.flatnonzero\(mask\)"),
        (np.arange(3.0), "rows are float64"),
    ],
    ids=["negative", "beyond", "mask", "float"],
)
def test_rows_that_are_not_there_are_refused(rows, said):
    with pytest.raises(ConfigError, match=said):
        replace(EXAMPLES, rows=rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Y": X[:, 0]}, r"Y has shape \(23,\), and rows with columns are needed; use Y\[:, None\]"),
        ({"weights": X[:, 0]}, r"weights has shape \(23,\)"),
        ({"Y": X[1:]}, "Y has 22 rows, X has 23"),
        ({"weights": X[1:]}, "weights has 22 rows, X has 23"),
        ({"weights": np.ones((23, 2))}, r"weights have shape \(23, 2\); give one column"),
    ],
)
def test_columns_that_do_not_fit_the_rows_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        replace(EXAMPLES, **change)
