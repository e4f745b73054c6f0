"""A user's own code runs where it is allowed, is checked before anything trains, and stands in the manifest."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from finnet.errors import ConfigError, LookAheadError, PluginError
from finnet.estimators.saving import load_model
from finnet.evaluation.metrics import METRICS, metric_named
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import render_page
from finnet.jobs.runner import run_job
from finnet.jobs.saved_runs import SavedRun
from finnet.plugins import allow_plugins, is_plugin, load_plugin, plugin_name
from finnet.sums import read_files

OWN = "tests.jobs.own_code"
JOB = {
    "schema": 1,
    "task": "direction",
    "name": "own",
    "data": {"made_market": {"symbols": 3, "sessions": 200}},
    "features": ["return_1", f"{OWN}:high_low"],
    "models": ["network", f"{OWN}:bayes", "prior_rate"],
    "split": {"walk_forward": {"train_bars": 100, "test_bars": 60}},
    "network": {"members": 2, "hidden": [4], "epochs": 2},
    "blocks": {"validation": 0.5},
    "tune": {"trials": 1},
}


def test_code_of_ones_own_needs_leave():
    with pytest.raises(ConfigError, match="add --allow-plugins"):
        parse_job(JOB)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:f", "no module"),
        (f"{OWN}:no_such_name", "has no no_such_name"),
    ],
)
def test_what_is_not_there_is_named(name, words):
    with allow_plugins(), pytest.raises(ConfigError, match=words):
        load_plugin(name)


@pytest.mark.parametrize("name", ["return_1", "C:\\data", "a:b:c", "https://x", ""])
def test_other_texts_are_no_plugins(name):
    assert not is_plugin(name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    own = {"network": {**JOB["network"], "activation": f"{OWN}:Softsign"}}
    own["metrics"] = ["ks", f"{OWN}:miss_rate"]
    own["label"] = {"plugin": {"name": f"{OWN}:LargeMove", "settings": {"size": 0.01}}}
    with allow_plugins():
        return run_job(parse_job(JOB | own), reports=tmp_path_factory.mktemp("reports"))


def test_a_feature_a_label_a_model_and_an_activation_run_from_job_file_to_page(run):
    assert run.forecasts.models == ["network", f"{OWN}:bayes", "prior_rate"]
    assert set(run.forecasts.table["target"]) == {"large_move"}
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert f"{OWN}:bayes" in page
    assert "high_low" in page
    assert "the label does not say that a high forecast is a reason to buy" in page


def test_the_manifest_holds_the_hash_of_their_source(run):
    plugins = json.loads((run.folder / "manifest.json").read_text())["plugins"]
    source = Path(__file__).with_name("own_code.py").read_bytes()
    names = ("LargeMove", "Softsign", "bayes", "high_low", "miss_rate")
    assert plugins == {f"{OWN}:{name}": sha256(source).hexdigest() for name in names}


def test_a_metric_of_ones_own_is_scored_and_drawn_the_same_without_its_code(run):
    scores = run.assessment.scores.set_index(["model", "metric"])["value"]
    for model in run.forecasts.models:
        assert scores[model, f"{OWN}:miss_rate"] == pytest.approx(1 - scores[model, "accuracy"])
        assert 0 <= scores[model, "ks"] <= 1
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Miss rate" in page
    assert render_page(read_files(run.folder)) == page


def test_a_metric_of_ones_own_is_not_registered(run):
    assert f"{OWN}:miss_rate" in set(run.assessment.scores["metric"])
    assert not [name for name in METRICS if is_plugin(name)]


def test_a_metric_of_ones_own_is_found_by_its_name_where_that_is_allowed():
    with pytest.raises(PluginError, match="add --allow-plugins"):
        metric_named(f"{OWN}:miss_rate")
    with allow_plugins():
        assert metric_named(f"{OWN}:miss_rate").words == "miss rate"
    with allow_plugins(), pytest.raises(ConfigError, match="is no Metric"):
        metric_named(f"{OWN}:bayes")


@pytest.mark.parametrize("name", ["rank_ic", "mse", "no_such_metric"])
def test_a_metric_that_does_not_fit_is_refused_at_the_start(name):
    with allow_plugins(), pytest.raises(ConfigError, match="metrics"):
        parse_job(JOB | {"metrics": [name]})


def test_a_model_with_an_activation_of_ones_own_is_loaded_with_leave_alone(run):
    with pytest.raises(PluginError, match="add --allow-plugins"):
        load_model(run.folder / "model.npz")
    with allow_plugins():
        model = load_model(run.folder / "model.npz")
    ensemble = model.classifier_.models[0].classifier_
    assert plugin_name(ensemble.activation) == f"{OWN}:Softsign"


def test_a_feature_that_looks_ahead_is_found_before_anything_trains(tmp_path):
    with allow_plugins(), pytest.raises((ConfigError, LookAheadError), match="tomorrow"):
        run_job(parse_job(JOB | {"features": [f"{OWN}:tomorrow"]}), reports=tmp_path)
    assert not list(tmp_path.rglob("report.html"))


def test_a_wrong_gradient_is_found_before_anything_trains():
    with allow_plugins(), pytest.raises(ConfigError, match="gradient of WrongSoftsign"):
        parse_job(JOB | {"network": {"activation": f"{OWN}:WrongSoftsign"}})


def test_what_no_model_file_can_hold_is_not_deployed():
    with allow_plugins(), pytest.raises(ConfigError, match="no model file can hold"):
        parse_job(JOB | {"deploy": f"{OWN}:bayes"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fails_at_fit", "failed on fold 0 .*boom"),
        ("ends_at_fit", "failed on fold 0 .*SystemExit"),
        ("fails_when_called", "failed when it was called"),
        ("no_estimator", "is no estimator with fit, get_params and predict_proba"),
    ],
)
def test_a_model_that_fails_is_named_with_what_it_did(name, words, tmp_path):
    with allow_plugins(), pytest.raises(PluginError, match=words):
        run_job(parse_job(JOB | {"models": ["network", f"{OWN}:{name}"]}), reports=tmp_path)


def test_a_feature_whose_function_fails_is_named():
    with allow_plugins(), pytest.raises(PluginError, match="fails_when_called"):
        parse_job(JOB | {"features": [f"{OWN}:fails_when_called"]})


def test_a_label_needs_the_name_of_code_and_gives_zeros_and_ones(tmp_path):
    with pytest.raises(ConfigError, match="write module:name"):
        parse_job(JOB | {"features": ["return_1"], "label": {"plugin": {"name": "Direction"}}})
    numbers = {"label": {"plugin": {"name": "finnet.labels:ForwardReturn"}}}
    with allow_plugins(), pytest.raises(ConfigError, match="a direction is 0, 1 or missing"):
        run_job(parse_job(JOB | numbers), reports=tmp_path)


def test_a_run_with_plugins_says_so_where_they_are_not_allowed(run):
    with pytest.raises(PluginError, match="add --allow-plugins"):
        _ = SavedRun.open(run.folder).job


def test_the_best_is_never_one_that_cannot_be_saved(tmp_path):
    with allow_plugins():
        result = run_job(parse_job(JOB | {"deploy": "best"}), reports=tmp_path)
    chosen = json.loads((result.folder / "manifest.json").read_text())["deployed"]["by fold"]
    assert set(chosen.values()) == {"network"}
