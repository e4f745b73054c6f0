"""What cannot be trained is refused before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest

from finnet.errors import ConfigError
from finnet.network.batches import Examples
from finnet.network.losses import MeanSquaredError, QuantileLoss
from finnet.network.model import dense_network
from finnet.network.pack import train_pack
from finnet.network.regularization import Penalty
from finnet.network.training import Training, train

X = np.random.default_rng(0).standard_normal((20, 3)).astype("float32")
DATA = Examples(X, X[:, :1])


def trained(network, examples=DATA, *, loss=None, penalty=None, is_pack=False, n_rngs=None, **options):
    given = network, loss or MeanSquaredError(), examples
    options["settings"] = Training(epochs=1, penalty=penalty or Penalty())
    if not is_pack:
        return train(*given, rng=np.random.default_rng(0), **options)
    rngs = [np.random.default_rng(k) for k in range(n_rngs or network.members or 1)]
    return train_pack(*given, rngs=rngs, **options)


def refused(said, *, members=None, outputs=1, is_pack=None, **options):
    network = dense_network((3, 2, outputs), members=members)
    with pytest.raises(ConfigError, match=said):
        trained(network, is_pack=members is not None if is_pack is None else is_pack, **options)
    assert not network.values.any(), "nothing was trained"


@pytest.mark.parametrize("members", [None, 2])
@pytest.mark.parametrize(
    ("examples", "said"),
    [
        (replace(DATA, X=X.astype(float)), r"examples.X is float64, the network float32; use X.astype\('float32'\)"),
        (replace(DATA, X=X[:, :2]), "examples.X has 2 columns, the network takes 3"),
        (replace(DATA, Y=X), "examples.Y has 3 columns, the network 1 outputs, which MeanSquaredError compares"),
        (replace(DATA, rows=np.arange(0)), "examples hold no rows"),
        (replace(DATA, rows=np.zeros((3, 5), int)), r"examples.rows of shape \(3, 5\) do not fit"),
    ],
    ids=["type", "columns", "outputs", "empty", "rows of other members"],
)
def test_examples_that_do_not_fit_the_network_are_refused(examples, said, members):
    refused(said, examples=examples, members=members)
    refused(said.replace("examples", "validation"), validation=examples, members=members)


def test_one_column_of_targets_for_several_outputs_is_refused():
    refused("examples.Y has 1 columns, the network 3 outputs", outputs=3)


def test_levels_that_are_not_the_outputs_are_refused():
    refused(r"QuantileLoss\(levels=\(0.1, 0.5, 0.9\)\) has 3 levels, the network 1 outputs", loss=QuantileLoss())


def test_one_column_of_targets_fits_all_levels_and_the_outputs_of_a_loss_of_ones_own():
    class Own(MeanSquaredError):
        pass

    for loss in (QuantileLoss(), Own()):
        trained(dense_network((3, 3)), loss=loss)


def test_packs_and_single_networks_are_not_taken_for_each_other():
    refused("this is a pack of 2; use train_pack", members=2, is_pack=False)
    refused("this is a single network; use train", is_pack=True)


@pytest.mark.parametrize("name", ["rates", "decays", "patiences"])
def test_settings_that_are_not_one_for_each_member_are_refused(name):
    refused(rf"{name} of shape \(2,\) do not fit 3 members", members=3, **{name: np.array([1, 1])})


def test_generators_that_are_not_one_for_each_member_are_refused():
    refused(r"rngs of shape \(2,\) do not fit 3 members", members=3, n_rngs=2)


@pytest.mark.parametrize(("members", "needed"), [(3, r"an array of shape \(3, 1\)"), (None, "a number")])
def test_strengths_that_are_not_one_for_each_member_are_refused(members, needed):
    refused(rf"penalty.l2 has shape \(2, 1\); give .*{needed}", members=members, penalty=Penalty(l2=np.ones((2, 1))))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"widths": (3, 0, 1)}, "widths=0 is not a whole number of 1 or more"),
        ({"widths": (3, 2.5, 1)}, "widths=2.5 is not a whole number"),
        ({"widths": (3,)}, r"widths=\(3,\) have no outputs"),
        ({"dropout": (0.1, 0.2)}, r"dropout=\(0.1, 0.2\) does not fit 3 networks; give one rate for each"),
        ({"members": 0, "dropout": (0.1,)}, "members=0 is not a whole number of 1 or more"),
    ],
    ids=str,
)
def test_networks_that_cannot_be_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        dense_network(**{"widths": (3, 2, 1), "members": 3, **change})


@pytest.mark.parametrize("members", [None, 2])
def test_what_is_no_loss_is_refused(members):
    refused(r"loss='mse' has no value\(\); give an object such as Huber\(\)", loss="mse", members=members)


def test_a_loss_of_one_network_is_refused_for_networks_that_share_weights():
    with pytest.raises(ConfigError, match=r"use MeanOverShared\(MeanSquaredError\(\)\)"):
        trained(dense_network((3, 2, 1), batch_ensemble=4))
