"""A run leaves its scorecard as files, and takes edited bins back."""

import io
import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_loan_book
from finnet.errors import ConfigError
from finnet.estimators.saving import load_model
from finnet.features.binning import NumberBins
from finnet.features.bins_file import bins_from, read_bins
from finnet.jobs.job_file import read_job
from finnet.jobs.page_files import report_from
from finnet.jobs.reproduction import verify_run
from finnet.jobs.runner import build_models, run_job
from finnet.reporting.sections.scorecard import ScorecardSection
from finnet.sums import read_files

JOB = """
schema = 1
task = "default-risk"
name = "card"
models = ["network", "scorecard", "prior_rate"]
deploy = "{deploy}"
[data.made_loan_book]
loans = 700
[tune]
trials = 1
[network]
members = 1
hidden = [4]
epochs = 2
[blocks]
validation = 0.5
[scorecard]
points_to_double_odds = 40
{bins}
"""
BINS = "[income]\nedges = [30_000, 50_000]\n"


def job_in(folder, *, bins="", deploy="network"):
    (folder / "job.toml").write_text(JOB.format(deploy=deploy, bins=bins), encoding="utf-8")
    return folder / "job.toml"


@pytest.fixture(scope="module", autouse=True)
def without_drawings():
    with pytest.MonkeyPatch.context() as patch:
        for room in ("runner", "saved_runs"):
            patch.setattr(f"finnet.jobs.{room}.render_page", lambda files: "page")
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    (folder / "bins.toml").write_text(BINS, encoding="utf-8")
    return run_job(read_job(job_in(folder, bins='bins = "bins.toml"', deploy="scorecard")), reports=folder)


def test_the_query_of_a_run_gives_the_points_of_its_table(run):
    loans = made_loan_book(loans=700).features
    with sqlite3.connect(":memory:") as database:
        cells = loans.astype(object).where(loans.notna(), None)
        # Told, as pandas 2.2 makes texts of columns of objects, which a database compares letter by letter.
        kinds = dict.fromkeys(loans.select_dtypes("number"), "REAL")
        cells.to_sql("applications", database, index=False, dtype=kinds)
        points = [row[0] for row in database.execute((run.folder / "scorecard.sql").read_text(encoding="utf-8"))]
    risk = load_model(run.folder / "model.npz").predict_proba(loans)[:, 1]
    exact = 600 + 40 * np.log2((1 - risk) / risk / 50)
    card = pd.read_csv(io.BytesIO((run.folder / "scorecard.csv").read_bytes()))
    assert np.abs(points - exact).max() <= 0.5 * card["column"].nunique()
    assert card.loc[0, ["column", "bin", "n"]].tolist() == ["(base)", "every applicant", 700]


def test_bins_of_the_file_are_used_and_written_again_beside_those_found(run):
    bins = bins_from(read_bins(run.folder / "bins.toml"))
    assert bins["income"] == NumberBins((30_000.0, 50_000.0))
    assert set(bins) == {*made_loan_book(loans=1).features.columns}


def test_bins_given_are_stated_by_the_section(run):
    (section,) = (own for own in report_from(read_files(run.folder)).sections if isinstance(own, ScorecardSection))
    assert section.given == ["income"]
    assert section.gain.empty


def test_a_run_holds_the_bins_that_it_was_given(run):
    plain = json.loads((run.folder / "manifest.json").read_text(encoding="utf-8"))
    assert plain["job"]["scorecard"]["bins"] == {"income": {"edges": [30_000, 50_000]}}
    assert verify_run(run.folder).status == "bit-equal"


def test_the_bins_of_a_run_can_be_given_back(run, tmp_path):
    text = (run.folder / "bins.toml").read_text(encoding="utf-8")
    (tmp_path / "bins.toml").write_text(text, encoding="utf-8")
    job = read_job(job_in(tmp_path, bins='bins = "bins.toml"'))
    assert bins_from(job.scorecard.bins) == bins_from(read_bins(run.folder / "bins.toml"))


def test_a_bins_file_is_relative_to_the_job_file_and_named_where_it_is_wrong(tmp_path):
    path = job_in(tmp_path, bins='bins = "bins.toml"')
    with pytest.raises(ConfigError, match=r"bins\.toml: cannot be read"):
        read_job(path)
    (tmp_path / "bins.toml").write_text("[income]\nedges = [2, 1]", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bins\.toml: column 'income': edges do not rise"):
        read_job(path)


def test_wrong_settings_are_named_by_their_keys(tmp_path):
    with pytest.raises(ConfigError, match=r"scorecard: odds=0\.0 is not a number above 0"):
        read_job(job_in(tmp_path, bins="odds = 0"))
    with pytest.raises(ConfigError, match="scorecard: column 'income': level 'a' comes twice"):
        read_job(job_in(tmp_path, bins='bins = { income = { groups = [["a", "a"]] } }'))


@pytest.mark.parametrize("bins", ["quantile", "tree"])
def test_how_bins_are_found_reaches_the_scorecard(bins, tmp_path):
    job = read_job(job_in(tmp_path, bins=f'bins = "{bins}"'))
    assert build_models(job)["scorecard"].binning == bins
    assert build_models(job)["scorecard"].bins is None


def test_a_way_to_find_bins_that_is_not_known_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="scorecard: bins='trees' is not known; did you mean 'tree'"):
        read_job(job_in(tmp_path, bins='bins = "trees"'))


def test_special_codes_and_bins_of_the_job_reach_the_scorecard_alone(tmp_path):
    job = read_job(job_in(tmp_path, bins="special_codes = [-9]\nbins = { income = { edges = [30_000] } }"))
    models = build_models(job)
    assert models["scorecard"].special_codes == (-9.0,)
    assert models["scorecard"].bins == {"income": NumberBins((30_000.0,))}


def test_a_level_that_looks_like_code_runs_nothing(tmp_path):
    job = read_job(job_in(tmp_path, bins='bins = { home = { groups = [["os.path:join"]] } }'))
    assert job.plugins == []
