import numpy as np
import pytest

from finnet.network import batches as module
from finnet.network.batches import Batches, Examples

X = np.arange(23.0)[:, None]
EXAMPLES = Examples(X, -X, X + 1.0)


def test_every_row_comes_once_per_epoch_with_its_target_and_weight():
    batches = list(Batches(EXAMPLES, 5, rngs=np.random.default_rng(0)))
    rows = np.concatenate([batch.X for batch in batches])
    np.testing.assert_array_equal(np.sort(rows, axis=0), X)
    for batch in batches:
        np.testing.assert_array_equal(batch.Y, -batch.X)
        np.testing.assert_array_equal(batch.weights, batch.X + 1.0)


def test_epochs_have_different_orders():
    batches = Batches(EXAMPLES, 23, rngs=np.random.default_rng(0))
    assert not np.array_equal(next(iter(batches)).X, next(iter(batches)).X)


def test_chunks_do_not_change_the_batches(monkeypatch):
    whole = [batch.X for batch in Batches(EXAMPLES, 5, rngs=np.random.default_rng(0))]
    monkeypatch.setattr(module, "_CHUNK_BYTES", 100)
    pieces = [batch.X for batch in Batches(EXAMPLES, 5, rngs=np.random.default_rng(0))]
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
    batches = Batches(EXAMPLES, 2, rngs=[np.random.default_rng(k) for k in range(3)], rows=rows)
    batches.keep(np.array([2]))
    (batch,) = batches
    assert sorted(batch.X.ravel()) == [4.0, 5.0]
