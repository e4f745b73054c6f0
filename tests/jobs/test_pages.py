"""What a run found is put in words: how the networks were made, what they were compared with, what went wrong."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from finnet.estimators.baselines import CappedSVC
from finnet.evaluation.walk_forward import FitRecord, forecast_folds
from finnet.jobs import pages, runner
from finnet.jobs.page_files import report_from
from finnet.reporting.sections import calibration, training
from finnet.reporting.sections.data import DataSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.training import TrainingSection
from finnet.sums import read_files
from tests.jobs.small import JOB, run_small
from tests.reporting.changing import section_of


def report(folder):
    return report_from(read_files(folder))


def learned(folder):
    return section_of(report(folder), TrainingSection)


def notes_of(folder):
    return " ".join(section_of(report(folder), PointsSection).points)


def test_the_notes_say_how_many_networks_and_settings_were_tried(small):
    notes = notes_of(small)
    assert "the network is the average of one network in each of 3 fits" in notes
    assert "Every model that is tuned tried one setting" in notes


def test_the_model_deployed_is_told_apart_from_those_tested(small):
    assert (
        "it is fitted once more on all 240 rows that have an outcome, where the models tested were fitted on"
        in notes_of(small)
    )


@pytest.fixture
def without_drawings(monkeypatch):
    """Leave the page out, which takes most of the time of so small a job."""
    monkeypatch.setattr(runner, "render_page", lambda files: "page")


def test_networks_are_divided_over_the_fits(tmp_path, without_drawings):
    many = JOB.model_copy(update={"network": replace(JOB.network, members=6)})
    folder = runner.run_job(many, reports=tmp_path).folder
    assert "the average of 2 networks, trained at once in each of 3 fits" in notes_of(folder)
    assert learned(folder).learning["networks"].tolist() == [6, 6]


def test_a_choice_of_networks_is_called_a_choice(tmp_path):
    greedy = JOB.model_copy(update={"network": replace(JOB.network, members=6, selection="greedy")})
    folder = runner.run_job(greedy, reports=tmp_path).folder
    section = learned(folder)
    assert (section.learning["chosen"] < 6).any()
    assert "an average of the best of 2 networks" in notes_of(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "one after another is added" in page
    assert "average of all networks" not in page


def test_every_network_of_every_fold_is_kept_with_its_share_and_its_losses(small):
    section = learned(small)
    assert section.networks.groupby("fold")["member"].apply(list).tolist() == [[0, 1, 2]] * 2
    assert section.networks.groupby("fold")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert len(section.histories) == 2 * 3 * JOB.network.epochs
    chosen = section.networks[section.networks["share"] > 0]
    assert section.learning["chosen"].tolist() == chosen.groupby("fold").size().tolist()
    assert section.learning["spread"].notna().all()


def test_the_share_of_a_network_stands_beside_each_of_its_losses(small):
    section = learned(small)
    shares = section.histories.groupby(["fold", "member"])["share"].agg(["min", "max"])
    expected = section.networks.set_index(["fold", "member"])["share"]
    pd.testing.assert_series_equal(shares["min"], expected, check_names=False)
    pd.testing.assert_series_equal(shares["max"], expected, check_names=False)


def test_layers_of_every_fold_reach_the_page(small):
    layers = learned(small).layers
    assert layers.groupby("fold")["layer"].apply(list).tolist() == [[1, 2] * 3] * 2
    assert (layers["gradient_norm"] > 0.0).all()


@pytest.fixture(scope="module")
def fits():
    """`forecast_folds`, which for one job fits once."""
    made = []

    def once(*args, **kwargs):
        if not made:
            made.extend(forecast_folds(*args, **kwargs))
        return made

    return once


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        (["layer 1 is dead"], ["Folds 0, 1: layer 1 is dead."]),
        (["Lower the rate."], ["Folds 0, 1: Lower the rate."]),
        ([], []),
        (None, None),
    ],
)
def test_advice_reaches_the_page_with_its_fold(advice, expected, fits, tmp_path, monkeypatch, without_drawings):
    def advised(*args, **kwargs):
        return [replace(result, fit=replace(result.fit, advice=advice)) for result in fits(*args, **kwargs)]

    monkeypatch.setattr(runner, "forecast_folds", advised)
    assert learned(run_small(tmp_path)).advice == expected


def test_advice_that_differs_in_numbers_alone_is_given_once():
    fits = {0: ["15 of 16 learned nothing", "2 diverged"], 1: [], 2: ["9 of 16 learned nothing"]}
    told = training._advice({fold: SimpleNamespace(advice=advice) for fold, advice in fits.items()})
    assert told == ["Folds 0, 2, such as fold 0: 15 of 16 learned nothing.", "Fold 0: 2 diverged."]


def test_advice_of_several_fits_names_their_fold_once():
    fits = {
        0: ["2 of 4 networks learned nothing", "3 of 4 networks learned nothing"],
        2: ["1 of 4 networks learned nothing"],
    }
    (told,) = training._advice({fold: SimpleNamespace(advice=advice) for fold, advice in fits.items()})
    assert told == "Folds 0, 2, such as fold 0: 2 of 4 networks learned nothing."


def odd(model, fold, **facts):
    fit = FitRecord(is_constant=facts.get("is_constant", False), calibration={"reversed": facts.get("reversed", False)})
    return SimpleNamespace(model=model, fold=fold, fit=fit)


def test_folds_that_are_constant_or_reversed_are_named_and_naive_ones_are_not():
    results = [odd("svm", 1, is_constant=True), odd("svm", 3, is_constant=True), odd("network", 2, reversed=True)]
    constant, turned = calibration._oddities([*results, odd("prior_rate", 1, is_constant=True), odd("tree", 0)])
    assert constant.startswith("SVM says the same number for every case of folds 1, 3:")
    assert turned.startswith("Network, fold 2: among training rows")


def test_the_page_counts_how_the_rows_of_every_fold_were_used(small):
    folds = section_of(report(small), DataSection).folds
    assert (folds["fitted"] == folds["train_rows"]).all()
    assert (folds["calibrating"] == folds["train_rows"]).all()
    page = (small / "report.html").read_text(encoding="utf-8")
    assert "Rows per fit" in page
    assert "Unused" in page


@pytest.mark.parametrize("max_rows", [2000, 20])
def test_the_cap_of_the_svm_is_a_limit_only_where_a_fit_reaches_it(max_rows, tmp_path, without_drawings, monkeypatch):
    monkeypatch.setattr(pages, "CappedSVC", lambda: CappedSVC(max_rows=max_rows))
    job = JOB.model_copy(update={"models": ("svm", "prior_rate"), "deploy": "svm"})
    notes = notes_of(runner.run_job(job, reports=tmp_path).folder)
    assert ("Each fit of the SVM draws at most 20 rows" in notes) == (max_rows == 20)
    assert "The page is about" not in notes
