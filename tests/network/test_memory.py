import pickle

import numpy as np
import pytest

from finnet.network.memory import Buffer, aligned
from finnet.network.model import dense_network


def test_a_buffer_is_reused_for_smaller_batches():
    buffer = Buffer(3)
    whole = buffer.like(np.ones((8, 2)))
    assert np.shares_memory(whole, buffer.like(np.ones((5, 2))))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint64", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (7, 3), (2, 1000, 5)])
def test_arrays_start_with_a_cache_line(shape, dtype):
    arrays = [aligned(shape, dtype) for _ in range(20)]
    assert {array.ctypes.data % 64 for array in arrays} == {0}
    assert {(array.shape, array.dtype) for array in arrays} == {(shape, np.dtype(dtype))}


def test_zeros_are_zero():
    assert not aligned((1000,), "float32", make=np.zeros).any()


COPIES = {"itself": lambda n: n, "pickled": lambda n: pickle.loads(pickle.dumps(n)), "member": lambda n: n.member(1)}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_parameters_and_gradients_start_with_a_cache_line_whatever_copied_them(copied):
    network = copied(dense_network((5, 3, 1), members=2))
    assert network.values.ctypes.data % 64 == network.gradients.ctypes.data % 64 == 0
