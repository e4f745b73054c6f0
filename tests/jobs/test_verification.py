"""Making a run again says whether it is the same, and names the first difference."""

import json

import pytest

from finnet.forecasts import Forecasts
from finnet.jobs import runner
from finnet.jobs.artifacts import publish, to_json
from finnet.jobs.saved import SavedRun
from finnet.jobs.verification import compare_runs, verify_run
from finnet.sums import read_files
from tests.jobs.small import run_small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_small(tmp_path_factory.mktemp("reports"))


def changed(folder, place, *, value_by=0.0, name="", old="", new=""):
    """A copy of a run with one forecast, or one text in a file, changed."""
    files, table = read_files(folder), SavedRun.open(folder).forecasts.table.copy()
    table.loc[5, "value"] += value_by
    if name:
        files[name] = files[name].replace(old.encode(), new.encode())
    place.parent.mkdir(exist_ok=True)
    publish(place, forecasts=Forecasts(table), files=files)
    return SavedRun.open(place)


def test_an_undisturbed_run_is_bit_equal(folder, monkeypatch):
    monkeypatch.setattr(runner, "render_page", lambda parts: "page")
    assert verify_run(folder).status == "bit-equal"


@pytest.mark.parametrize(("by", "status"), [(1e-9, "within tolerance"), (1e-3, "different")])
def test_a_changed_forecast_is_named(by, status, folder, tmp_path):
    found = compare_runs(SavedRun.open(folder), changed(folder, tmp_path / "run", value_by=by))
    row = SavedRun.open(folder).forecasts.table.iloc[5]
    assert found.status == status
    assert f"first at model {row['model']}, fold {row['fold']}, entity {row['entity']}" in found.sentence


def test_changed_data_are_named(folder, tmp_path):
    other = changed(folder, tmp_path / "run", name="manifest.json", old='"rows": 240', new='"rows": 241')
    found = compare_runs(SavedRun.open(folder), other)
    assert found.sentence == "different: the data has changed since, rows was 240 and is 241"


def test_a_changed_metric_is_named(folder, tmp_path):
    sample = json.loads((folder / "metrics.json").read_text())["sample"]
    name, value = next((name, value) for name, value in sample.items() if isinstance(value, int) and value > 1)
    old, new = (to_json({name: number})[3:-3] for number in (value, value + 1))
    other = changed(folder, tmp_path / "run", name="metrics.json", old=old, new=new)
    found = compare_runs(SavedRun.open(folder), other)
    assert found.status == "different"
    assert f"metric sample.{name} was {value} and is {value + 1}" in found.sentence
