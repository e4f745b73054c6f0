"""How the default-risk network learned, from its fits on the folds to the page."""

from dataclasses import replace

import pandas as pd
import pytest

from finnet.data.samples import made_loan_book
from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.estimators.naive import PriorRate
from finnet.evaluation.walk_forward import forecast_folds
from finnet.jobs.checkpoints import Checkpoints
from finnet.labels import default_dataset
from finnet.reporting.sections.risk_training import RiskTrainingSection
from finnet.splits import Holdout


@pytest.fixture(scope="module")
def results():
    models = {"risk_network": DefaultRiskClassifier(members=1), "prior_rate": PriorRate()}
    return forecast_folds(models, default_dataset(made_loan_book(loans=150)), Holdout())


def test_a_page_about_the_risk_network_says_how_each_design_learned(results):
    section = RiskTrainingSection.of(results, "risk_network")
    assert section.draw().title == "How did it learn?"
    assert set(section.risk_designs["design"]) == {"binned", "plain"}
    assert section.risk_bags.groupby("fold")["share"].sum().tolist() == pytest.approx([1.0])


def test_a_page_about_another_model_does_not(results):
    assert RiskTrainingSection.of(results, "prior_rate") is None


def test_a_kept_fit_says_the_same(results, tmp_path):
    units = Checkpoints(tmp_path, "run")
    for result in results:
        units.keep(result)
    again, section = (RiskTrainingSection.of(fits, "risk_network") for fits in (units.load(), results))
    pd.testing.assert_frame_equal(again.risk_histories, section.risk_histories)
    pd.testing.assert_frame_equal(again.risk_designs, section.risk_designs)


def test_a_bag_that_has_stopped_goes_on_with_the_loss_that_it_keeps(results):
    curves = RiskTrainingSection.of(results, "risk_network")._curves()
    assert curves.groupby("fold")["epoch"].nunique().to_dict() == curves.groupby("fold")["epoch"].max().to_dict()
    assert not curves.isna().any(axis=None)


def test_designs_that_retired_are_listed(results):
    section = RiskTrainingSection.of(results, "risk_network")
    retired = replace(
        section, risk_designs=section.risk_designs.assign(retired=section.risk_designs["design"] == "binned")
    )
    assert retired._outcome == "Designs that retired: binned."
