"""Backpropagation agrees with central differences, for every combination of what a network can be made of."""

import numpy as np
import pytest

from finnet.network import normalization
from finnet.network.activations import Tanh
from finnet.network.layers import Activate
from finnet.network.regularization import Penalty
from tests.network.gradients import Case, Problem, every_case, pairwise_cases, relative_gradient_error

TOLERANCE = 1e-6
PLAIN = Case("tanh", "mse", Penalty(l2=0.3), 0.4, "batch", residual=True, is_weighted=True, members=2)


@pytest.mark.parametrize("case", pairwise_cases(), ids=repr)
def test_backward_matches_central_differences_for_three_seeds(case):
    assert max(relative_gradient_error(case, seed=seed) for seed in range(3)) <= TOLERANCE


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100))
def test_backward_matches_central_differences_for_a_hundred_seeds(seed):
    errors = {case: relative_gradient_error(case, seed=seed) for case in pairwise_cases(seed=1)}
    assert {case: error for case, error in errors.items() if not error <= TOLERANCE} == {}


@pytest.mark.full
def test_backward_matches_central_differences_on_the_whole_grid():
    errors = {case: relative_gradient_error(case, seed=seed) for seed, case in enumerate(every_case())}
    assert len(errors) == 17_424
    assert {case: error for case, error in errors.items() if not error <= TOLERANCE} == {}


def test_the_cover_holds_every_pair_of_values():
    def pairs(case):
        values = list(vars(case).items())
        return {(first, second) for i, first in enumerate(values) for second in values[:i]}

    covered = set().union(*map(pairs, pairwise_cases()))
    assert covered == set().union(*map(pairs, every_case()))


@pytest.mark.parametrize("members", [None, 2])
def test_all_differences_at_once_equal_those_taken_one_by_one(members):
    problem = Problem(Case(**{**vars(PLAIN), "members": members}), seed=0)
    own = problem.network.trained.reshape(1, problem.n_members, -1)
    for i in (0, 20, own.shape[-1] - 1):
        step = 1e-6 * (np.arange(own.shape[-1]) == i)
        slope = (problem.losses(own + step) - problem.losses(own - step)).ravel() / 2e-6
        np.testing.assert_allclose(problem.central_differences()[..., i], slope, rtol=1e-6, atol=1e-9)


WRONG = {
    "activation": (Tanh, "gradient", lambda self, Z, A, dA: np.multiply(dA, 1.001 - A * A, out=dA)),
    "normalization": (
        normalization,
        "_standardize_gradient",
        lambda dN, N, inverse, *, axis: np.multiply(dN, inverse, out=dN),
    ),
    "dropout": (Activate, "backward", lambda self, dZ: self.activation.gradient(self._Z, self._A, dZ)),
    "penalty": (Penalty, "apply", lambda self, network: None),
}


@pytest.mark.parametrize("part", WRONG)
def test_a_wrong_gradient_is_caught(part, monkeypatch):
    monkeypatch.setattr(*WRONG[part])
    assert relative_gradient_error(PLAIN, seed=0) > 100 * TOLERANCE
