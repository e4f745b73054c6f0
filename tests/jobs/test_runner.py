"""A job ends in one complete folder whose numbers anyone can recompute."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from finnet.errors import ConfigError
from finnet.forecasts import Forecasts
from finnet.jobs import runner
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.sums import read_files

FILES = {
    *("comparison.csv", "forecasts.parquet", "manifest.json", "metrics.json", "report.html"),
    *("SHA256SUMS", "model.npz", "page", "timings.json", "profile.json", "policy.json"),
}
MODELS = ["network", "tree", "svm", "knn", "prior_rate"]
QUICK = {"schema": 1, "tune": {"trials": 2}, "network": {"members": 4, "epochs": 5}, "models": MODELS}
DIRECTION = {
    **QUICK,
    "task": "direction",
    "name": "made-direction",
    "data": {"made_market": {"symbols": 12, "sessions": 300, "beta": 1.0}},
    "features": ["return_1", "sentiment", "rank_return_5"],
    "split": {"walk_forward": {"train_bars": 150, "test_bars": 70}},
}
LOANS = {**QUICK, "task": "default-risk", "name": "made-loans", "data": {"made_loan_book": {"loans": 1500}}}


FEW = {"data": {"made_loan_book": {"loans": 500}}, "split": {"purged_kfold": {"folds": 2}}}


@pytest.fixture
def without_drawings(monkeypatch):
    """Leave the page out, which takes most of the time of so small a job."""
    monkeypatch.setattr(runner, "render_page", lambda files: "page")


@pytest.fixture(scope="module", params=[DIRECTION, LOANS | FEW], ids=["direction", "default-risk"])
def run(request, tmp_path_factory):
    heard = []
    job = parse_job(request.param)
    result = run_job(job, reports=tmp_path_factory.mktemp("reports"), on_progress=lambda *step: heard.append(step))
    return job, result, heard


def test_a_run_leaves_one_complete_folder_and_nothing_beside_it(run):
    job, result, _ = run
    assert {path.name for path in result.folder.iterdir()} == FILES
    assert sorted(path.name for path in result.folder.parent.iterdir()) == [".finnet", result.run_id, "latest"]
    assert result.folder.parent.name == job.name


def test_progress_counts_every_fit(run):
    _, _, heard = run
    assert [done for _, done, _ in heard] == list(range(1, len(heard) + 1))
    assert {total for _, _, total in heard} == {len(heard)}


def test_saved_forecasts_give_the_scores_of_the_report(run):
    _, result, _ = run
    saved = Forecasts.load(result.folder / "forecasts.parquet")
    metrics = json.loads((result.folder / "metrics.json").read_text())
    for model in saved.models:
        truth, value = saved.of(model).values()
        assert metrics["scores"][model]["auc"]["value"] == pytest.approx(roc_auc_score(truth, value), abs=1e-12)


def test_the_comparison_has_a_row_for_every_other_model_and_metric(run):
    _, result, _ = run
    table = pd.read_csv(result.folder / "comparison.csv")
    for _, part in table.groupby("metric"):
        assert set(part["model"]) == set(MODELS) - {"network"}


def test_the_manifest_says_what_made_the_run(run):
    job, result, _ = run
    manifest = json.loads((result.folder / "manifest.json").read_text())
    assert manifest["job"]["name"] == job.name
    assert manifest["tuning"]["settings tried per other model and fold"] == 2
    assert manifest["tuning"]["fits per model and fold"] * manifest["tuning"]["networks trained per fit"] == 5
    assert {"sha256", "rows", "features"} <= set(manifest["data"])
    assert {"cpu", "blas", "packages", "python"} <= set(manifest["environment"])
    assert parse_job(manifest["job"]) == job


def test_the_page_opens_with_the_verdict(run):
    _, result, _ = run
    page = (result.folder / "report.html").read_text()
    assert result.verdict.split(".")[0].split(",")[0] in page


def test_the_same_job_gives_the_same_forecasts_in_one_or_two_processes(run, tmp_path):
    job, result, _ = run
    again = run_job(job, reports=tmp_path, n_jobs=2)
    assert again.run_id == result.run_id
    pd.testing.assert_frame_equal(again.forecasts.table, result.forecasts.table, check_exact=True)
    one, other = read_files(result.folder), read_files(again.folder)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] in ([], ["timings.json"])


def test_running_again_replaces_the_run_by_its_equal(run):
    job, result, _ = run
    (result.folder / "forecasts.parquet").write_bytes(b"broken")
    run_job(job, reports=result.folder.parents[1])
    assert len(Forecasts.load(result.folder / "forecasts.parquet")) == len(result.forecasts)
    assert sorted(path.name for path in result.folder.parent.iterdir()) == [".finnet", result.run_id, "latest"]


def test_another_seed_is_another_run(tmp_path, without_drawings):
    job = LOANS | FEW | {"models": ["network", "prior_rate"], "blocks": {"validation": 0.5}}
    one, two = (run_job(parse_job(job | {"seed": seed}), reports=tmp_path) for seed in (1, 2))
    assert one.run_id != two.run_id
    assert (one.forecasts.of("network").table["value"] != two.forecasts.of("network").table["value"]).any()


def test_the_planted_signal_of_the_made_market_is_found_and_pays(tmp_path, without_drawings):
    result = run_job(
        parse_job(DIRECTION | {"models": ["network", "prior_rate"], "network": {"epochs": 40}}), reports=tmp_path
    )
    truth, value = result.forecasts.of("network").values()
    assert ((value > 0.5) == truth).mean() > 0.72  # 75 % is the best possible
    brought = result.decision.result.summary["total_return"]
    assert brought["net"] > brought["buy_and_hold"]
    assert "beats the prior rate" in result.verdict


def test_forecast_default_probabilities_come_near_the_true_ones(tmp_path, without_drawings):
    large = {"data": {"made_loan_book": {"loans": 6000}}, "models": ["network", "prior_rate"]}
    job = parse_job(LOANS | large | {"network": {"members": 5, "epochs": 40}})
    result = run_job(job, reports=tmp_path)
    known = result.decision.known_truth
    assert np.corrcoef(known.probability, known.forecast)[0, 1] > 0.8
    assert known.forecast.mean() == pytest.approx(known.probability.mean(), abs=0.03)


def test_a_job_that_cannot_run_writes_nothing(tmp_path):
    job = parse_job(DIRECTION | {"split": {"walk_forward": {"train_bars": 5000}}})
    with pytest.raises(ConfigError, match="leaves no test bar"):
        run_job(job, reports=tmp_path)
    assert not list(tmp_path.iterdir())
