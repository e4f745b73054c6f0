"""PyTorch as a second oracle: its stored answers everywhere, and PyTorch itself where it is installed."""

from importlib.util import find_spec

import numpy as np
import pytest

from finnet.network.activations import ACTIVATIONS
from finnet.network.optimizers import OPTIMIZERS as KNOWN
from tests.network.oracle.answers import CASES, HERE, OPTIMIZERS, live, our_gradient, our_losses, stored

no_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
both_oracles = pytest.mark.parametrize("answer", [stored, pytest.param(live, marks=no_torch)])


@both_oracles
@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_those_of_pytorch(answer, case):
    theirs = answer("gradients", case)
    np.testing.assert_allclose(our_gradient(case, theirs), theirs["gradient"], rtol=1e-10, atol=1e-12)


@both_oracles
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_losses_equal_those_of_pytorch(answer, name):
    theirs = answer("losses", name)
    assert len(theirs["losses"]) == 50
    np.testing.assert_allclose(our_losses(name, theirs), theirs["losses"], rtol=1e-10)


def test_pytorch_was_asked_about_every_activation_and_optimizer():
    assert set(ACTIVATIONS) <= set(CASES)
    assert set(KNOWN) == set(OPTIMIZERS)


def test_stored_files_are_small():
    assert sum(path.stat().st_size for path in HERE.glob("*.npz")) < 300_000
