"""Making a run again says whether it is the same, and names the first difference."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError
from finnet.estimators.naive import PriorRate
from finnet.estimators.saving import model_to_bytes
from finnet.files import replace_folder
from finnet.forecasts import Forecasts
from finnet.jobs import reproduction, runner, saved_runs
from finnet.jobs.artifacts import publish, to_json
from finnet.jobs.job_file import read_job
from finnet.jobs.reproduction import Verification, compare_runs, verify_run
from finnet.jobs.runner import run_job
from finnet.jobs.saved_runs import SavedRun
from finnet.sums import read_files, sealed
from tests.jobs.small import lasting


def changed(folder, place, *, value_by=0.0, name="", old="", new=""):
    """A copy of a run with one forecast, or one text in a file, changed."""
    files, table = read_files(folder), SavedRun.open(folder).forecasts.table.copy()
    table.loc[5, "value"] += value_by
    if name:
        files[name] = files[name].replace(old.encode(), new.encode())
    place.parent.mkdir(exist_ok=True)
    publish(place, forecasts=Forecasts(table), files=files)
    return SavedRun.open(place)


def test_an_undisturbed_run_is_bit_equal(small):
    assert verify_run(small).sentence.endswith("and all files")


@pytest.mark.parametrize(("by", "status"), [(1e-9, "within tolerance"), (1e-3, "different")])
def test_a_changed_forecast_is_named(by, status, small, tmp_path):
    found = compare_runs(SavedRun.open(small), changed(small, tmp_path / "run", value_by=by))
    row = SavedRun.open(small).forecasts.table.iloc[5]
    assert found.status == status
    assert f"first at model {row['model']}, fold {row['fold']}, entity {row['entity']}" in found.sentence


def test_changed_data_are_named(small, tmp_path):
    other = changed(small, tmp_path / "run", name="manifest.json", old='"rows": 240', new='"rows": 241')
    found = compare_runs(SavedRun.open(small), other)
    assert found.sentence == "different: the data has changed since, rows was 240 and is 241"


def test_a_changed_metric_is_named(small, tmp_path):
    sample = json.loads((small / "metrics.json").read_text())["sample"]
    name, value = next((name, value) for name, value in sample.items() if isinstance(value, int) and value > 1)
    old, new = (to_json({name: number})[3:-3] for number in (value, value + 1))
    other = changed(small, tmp_path / "run", name="metrics.json", old=old, new=new)
    found = compare_runs(SavedRun.open(small), other)
    assert found.status == "different"
    assert f"metric sample.{name} was {value} and is {value + 1}" in found.sentence


def test_a_page_that_says_something_else_is_named(small, tmp_path):
    page = (small / "report.html").read_bytes() + b"<p>forged</p>"
    found = compare_runs(*forged_and_made(small, tmp_path / "run", {"report.html": page}))
    assert found.sentence == "different: report.html is not the one that was made again"


def forged_and_made(folder, place, files):
    replace_folder(place, sealed(read_files(folder) | files))
    return SavedRun.open(place), SavedRun.open(folder)


def numbers(table, by):
    number = table.select_dtypes("number").columns[0]
    return table.assign(**{number: table[number] + by})


@pytest.mark.parametrize(("by", "status"), [(1e-9, "within tolerance"), (1e-3, "different")])
def test_every_other_table_is_compared_too(by, status, small, tmp_path):
    csv = numbers(pd.read_csv(small / "comparison.csv"), by).to_csv(index=False).encode()
    found = compare_runs(*forged_and_made(small, tmp_path / "run", {"comparison.csv": csv}))
    assert found == Verification(status, f"{status}: comparison.csv is not the one that was made again")


def test_a_model_of_another_run_is_named(small, tmp_path):
    model = model_to_bytes(PriorRate().fit(np.zeros((4, 1)), np.array([0, 0, 0, 1])))
    found = compare_runs(*forged_and_made(small, tmp_path / "run", {"model.npz": model}))
    assert found.sentence == "different: model.npz is not the one that was made again"


def test_a_manifest_that_says_something_else_is_named(small, tmp_path):
    text = (small / "manifest.json").read_text().replace('"seed": 0', '"seed": 1')
    found = compare_runs(*forged_and_made(small, tmp_path / "run", {"manifest.json": text.encode()}))
    assert "of manifest.json was 1 and is 0" in found.sentence


JOB_ON_FILES = """schema = 1
task = "default-risk"
name = "on-files"
models = ["network", "prior_rate"]
[data.loans]
path = "loans.csv"
target = "default"
id = "loan_id"
amount = "amount"
categories = ["home", "purpose"]
[split.repeated_kfold]
folds = 2
repeats = 1
[tune]
trials = 1
[blocks]
validation = 0.5
[network]
members = 2
hidden = [4]
epochs = 2
"""


@pytest.fixture
def quick(monkeypatch):
    for module in (runner, saved_runs):
        monkeypatch.setattr(module, "render_page", lambda parts: "page")


@pytest.fixture
def job_on_files(tmp_path):
    """A job file beside its data, in a folder of its own."""
    (tmp_path / "there").mkdir()
    book = made_loan_book(loans=300)
    # A column that never changes is told of, with the file where it stands, on the page too.
    loans = book.features.assign(loan_id=range(300), always=1, default=book.default)
    loans.to_csv(tmp_path / "there" / "loans.csv", index=False)
    (tmp_path / "there" / "job.toml").write_text(JOB_ON_FILES)
    return tmp_path / "there" / "job.toml"


def test_the_same_job_is_the_same_run_however_its_path_is_typed(job_on_files, monkeypatch, quick):
    runs = []
    for folder, path in [("..", "there/job.toml"), (".", "./job.toml"), ("/", job_on_files)]:
        monkeypatch.chdir(job_on_files.parent / folder)
        result = run_job(read_job(path), reports=job_on_files.parent / "reports")
        runs.append(lasting(result.folder))
    assert runs[0] == runs[1] == runs[2]


def test_a_run_is_verified_from_any_folder_and_with_moved_files(job_on_files, monkeypatch, tmp_path, quick):
    monkeypatch.chdir(job_on_files.parent)
    folder = run_job(read_job("job.toml"), reports="reports").folder.resolve()
    monkeypatch.chdir("/")
    assert verify_run(folder).status == "bit-equal"
    (tmp_path / "moved").mkdir()
    (job_on_files.parent / "loans.csv").rename(tmp_path / "moved" / "loans.csv")
    for place in ("moved", "moved/loans.csv"):
        assert verify_run(folder, data=tmp_path / place).status == "bit-equal"
    with pytest.raises(ConfigError, match=r"has no loans\.csv"):
        verify_run(folder, data=tmp_path / "nowhere")


def test_code_of_the_users_own_that_has_changed_since_is_named(small, tmp_path):
    files = read_files(small)
    manifest = json.loads(files["manifest.json"])
    forged = to_json({**manifest, "plugins": {"my_code:bayes": "other"}}).encode()
    now = to_json({**manifest, "plugins": {"my_code:bayes": "hash"}}).encode()
    for place, content in (("then", forged), ("now", now)):
        replace_folder(tmp_path / place, sealed(files | {"manifest.json": content}))
    found = compare_runs(SavedRun(tmp_path / "then"), SavedRun(tmp_path / "now"))
    assert found.status == "different"
    assert found.sentence.startswith("different: the source of my_code:bayes has changed since the run; ")


def test_what_the_model_consists_of_is_compared_by_its_file_alone():
    made = {"job": {"data": {}}, "final refit": {"model": "network", "specification": {"calibration": "none"}}}
    moved = {**made, "final refit": {"model": "network", "specification": {"calibration": {"slope": 1.0000001}}}}
    assert reproduction._settled(made) == reproduction._settled(moved)
    assert reproduction._settled(made) != reproduction._settled({**made, "final refit": {"model": "tree"}})
