"""What a fitted model consists of is read from the model, and the same once it was saved."""

import numpy as np
import pandas as pd
import pytest

from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.specification import specification
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import build_models


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"debt": rng.normal(size=300), "age": rng.normal(size=300)})
    return X, (X["debt"] + rng.normal(size=300) > 0).astype(int)


def test_the_default_risk_network_says_its_designs_bags_and_weights(rows):
    model = DefaultRiskClassifier(members=2, random_state=0).fit(*rows)
    told = specification(model)
    assert {name: design["share"] for name, design in told["designs"].items()} == {
        name: share for name, share in model.shares_.items() if share > 0
    }
    for name, design in told["designs"].items():
        bags = [bag for bag in model._raced.bags if bag.design == name]
        assert (design["bags"], design["networks per bag"]) == (len(bags), 2)
        assert all(bag.network.layers[2].n_out == design["units of hidden layers"][1] for bag in bags)
    assert specification(model_from_bytes(model_to_bytes(model))) == told


def test_a_scorecard_says_its_columns_and_their_coefficients(rows):
    model = ScorecardClassifier().fit(*rows)
    assert specification(model)["coefficients"] == pytest.approx(model.coefficients_, rel=1e-5)


def test_the_networks_of_a_job_say_how_many_they_are_and_what_was_drawn_for_them(rows):
    settings = {"data": {"made_loan_book": {"loans": 200}}, "network": {"members": 3, "hidden": [4], "epochs": 2}}
    job = parse_job({"schema": 1, "task": "default-risk", "name": "a", "models": ["network", "logistic"], **settings})
    models = {name: model.fit(*rows) for name, model in build_models(job).items()}
    told = specification(models["network"])
    assert told["units of hidden layers"] == [4]
    # Two inputs and a bias for each of four units, and four units and a bias for the output.
    assert (told["inputs"], told["weights and biases"]) == (2, 17)
    assert told["learning rate"]
    assert specification(models["logistic"])["kind"] == "LogisticRegression"
