"""The learning curve: models on nested parts of the first fold's training rows, scored on its test rows."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError
from finnet.evaluation.metrics import auc
from finnet.evaluation.walk_forward import forecast_folds
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import report_from
from finnet.jobs.runner import build_models, count_fits, run_job
from finnet.jobs.sources import load
from finnet.jobs.tasks.learning_curve import LearningCurve, nested_rows
from finnet.reporting.sections.learning_curve import LearningCurveSection
from finnet.splits import Fold, RepeatedKFold
from finnet.sums import read_files
from tests.jobs.small import JOB
from tests.reporting.changing import section_of

SETTINGS = {
    "schema": 1,
    "task": "default-risk",
    "name": "curve",
    "data": {"made_loan_book": {"loans": 600}},
    "models": ["network", "tree", "prior_rate"],
    "deploy": "tree",
    "tune": {"trials": 1},
    "network": {"members": 1, "hidden": [4], "epochs": 2},
    "blocks": {"validation": 0.34},
}


class Stopped(Exception):
    """What ends a run in the middle of its fits."""


def job_with(curve):
    return parse_job({**SETTINGS, "learning_curve": curve})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_job(job_with({"rows": [100, 200, 9000]}), reports=tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def section(run):
    return section_of(report_from(read_files(run.folder)), LearningCurveSection)


def test_the_largest_number_of_rows_has_the_figures_of_the_run(run, section):
    own = section.learning_curve.query("rows == rows.max() and model == 'tree' and metric == 'auc'")
    table = run.forecasts.of("tree").table
    assert own["value"].item() == pytest.approx(auc(table["truth"].to_numpy(), table["value"].to_numpy()))


def test_fewer_rows_are_scored_by_models_that_trained_on_them_alone(run, section):
    job = job_with({"rows": [200]})
    dataset = load(job).dataset
    first = next(job.split.split.split(dataset))
    rows = nested_rows(dataset, first, 200, seed=0)

    class Once:
        def split(self, dataset):
            yield Fold(1, rows, first.test)  # the job has one fold of its own

    (fit,) = forecast_folds({"tree": build_models(job)["tree"]}, dataset, Once(), blocks=job.blocks, seed=job.seed)
    table = fit.forecasts.table
    own = section.learning_curve.query("rows == 200 and model == 'tree' and metric == 'auc'")["value"].item()
    assert own == pytest.approx(auc(table["truth"].to_numpy(), table["value"].to_numpy()))


def test_fits_of_the_curve_are_told_and_kept_like_all_others(tmp_path):
    job, heard = job_with({"rows": [200]}), []
    dataset = load(job).dataset
    assert count_fits(job, dataset) == 3 * 1 + 2 * 1 + 1

    def stop_in_the_curve(step, done, total):
        heard.append((step, done, total))
        if step == "network, fold 1":
            raise Stopped

    with pytest.raises(Stopped):
        run_job(job, reports=tmp_path, on_progress=stop_in_the_curve)
    again = []
    run_job(job, reports=tmp_path, on_progress=lambda *step: again.append(step))
    assert {step for step, _, _ in heard} & {step for step, _, _ in again} == set()
    assert [done for _, done, _ in heard + again] == [1, 2, 3, 4, 5, 6]
    assert {total for _, _, total in heard + again} == {6}


def test_the_page_shows_the_curve_and_what_was_left_out(run, section):
    assert section.too_few == [100]  # a hundred loans hold fewer than 25 defaults
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Would more loans help?" in page
    assert "hold fewer than 25 loans of one outcome: 100 rows" in page


def test_a_job_asks_for_it_by_true_and_has_none_by_default():
    assert job_with(True).learning_curve.rows == (500, 1000, 5000)
    assert job_with(False).learning_curve == LearningCurve()
    assert JOB.learning_curve.rows == ()


@pytest.mark.parametrize(("rows", "message"), [([500, 300], "do not rise"), ([20], "rows")])
def test_numbers_of_rows_that_make_no_curve_are_refused(rows, message):
    with pytest.raises(ConfigError, match=message):
        job_with({"rows": rows})


def test_rows_in_time_are_those_nearest_to_the_test_rows():
    job = parse_job({**SETTINGS, "split": {"purged_kfold": {"folds": 3}}})
    dataset = load(job).dataset
    first = next(job.split.split.split(dataset))
    nearest = nested_rows(dataset, first, 100, seed=0)
    np.testing.assert_array_equal(nearest, first.train[:100])  # the test rows of the first fold come first


def test_rows_without_an_order_are_nested_and_alike_in_their_outcomes():
    job = parse_job(SETTINGS)
    ordered = load(job).dataset
    dataset = type(ordered)(
        X=ordered.X, y=ordered.y, entity=ordered.entity, target=ordered.target, horizon=ordered.horizon, clocks=None
    )
    first = next(RepeatedKFold().split(dataset))
    few, more = (nested_rows(dataset, first, n, seed=1) for n in (150, 300))
    assert np.isin(few, more).all()
    rates = [dataset.y[rows].mean() for rows in (few, more, first.train)]
    assert max(rates) - min(rates) < 0.005


def test_the_curve_of_a_fold_too_small_for_parts_is_a_sentence():
    whole = pd.DataFrame({"rows": 90, "model": "tree", "metric": ["auc"], "value": 0.7, "low": 0.6, "high": 0.8})
    section = LearningCurveSection(learning_curve=whole, subject="tree", test_rows=30, is_in_time=False, too_few=[])
    (only,) = section.draw().blocks
    assert "too few training rows" in only.text
