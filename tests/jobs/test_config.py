"""Job files are checked key by key, and every mistake is named with its remedy."""

import pytest

from finnet.errors import ConfigError
from finnet.jobs.job_file import parse_job, read_job
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
from finnet.jobs.tasks.direction import DirectionJob

DIRECTION = {"schema": 1, "task": "direction", "name": "study", "data": {"made_market": {}}, "features": ["return_1"]}
LOANS = {"schema": 1, "task": "default-risk", "name": "loans", "data": {"made_loan_book": {}}}


def test_the_task_decides_the_kind_of_job():
    assert isinstance(parse_job(DIRECTION), DirectionJob)
    assert isinstance(parse_job(LOANS), DefaultRiskJob)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sede": 7}, r"unknown key sede; did you mean 'seed'\?"),
        ({"split": {"walk_forwad": {}}}, r"unknown key split\.walk_forwad; did you mean 'walk_forward'\?"),
        (
            {"split": {"walk_forward": {"train_bar": 9}}},
            r"unknown key split\.walk_forward\.train_bar; did you mean 'train_bars'\?",
        ),
        (
            {"split": {"walk_forward": {"train_bars": 1}}},
            r"split\.walk_forward: train_bars=1 is too small; use 2 or more",
        ),
        (
            {"split": {"walk_forward": {"train_bars": "x"}}},
            r"split\.walk_forward\.train_bars: .*integer.* \(given 'x'\)",
        ),
        ({"split": {"walk_forward": {}, "holdout": {}}}, "split: walk_forward and holdout given; give exactly one of"),
        ({"data": {}}, "data: nothing given; give exactly one of index_history, made_market, prices"),
        ({"features": ["retrun_1"]}, r"did you mean 'return_1'\?"),
        ({"models": ["network", "svn"]}, r"did you mean 'svm'\?"),
        ({"models": ["tree", "svm"]}, "name the network"),
        ({"models": ["network"]}, "at least one other model"),
        ({"name": "../up"}, r"name: .*'\.\./up'"),
        ({"schema": 2}, "schema: .*1"),
        ({"split": {"walk_forward": {"train_bars": "500"}}}, r"train_bars: .*integer.*'500'"),
        ({"seed": True}, "seed: .*True"),
        ({"features": "return_1"}, "features: .*'return_1'"),
        ({"seed": -1}, "seed: .*given -1"),
        ({"task": "directions"}, r"did you mean 'direction'\?"),
        ({"blocks": {"validation": 0.0}}, "blocks.validation=0.0"),
        ({"label": {"direction": {"delay_bars": 0}}}, r"label\.direction: delay_bars=0"),
        ({"label": {"direction": {"delisting_return": -2.0}}}, r"direction: delisting_return=-2\.0 is too small"),
        ({"label": {"above_median": {"stale_bars": -1}}}, r"label\.above_median: stale_bars=-1 is not a whole number"),
        ({"backtest": {"bars_per_year": 0.0}}, r"backtest: bars_per_year=0\.0 is not a number above 0"),
        ({"lending": {}}, "unknown key lending"),
        ({"network": {"member": 4}}, r"unknown key network\.member; did you mean 'members'\?"),
        ({"network": {"selection": "gredy"}}, r"network: selection='gredy' .*did you mean 'greedy'"),
        ({"network": {"members": 0}}, "network: members=0 is too small; use 1 or more"),
        ({"network": {"hidden": [0]}}, r"network: hidden=\(0,\) is not one whole number above 0 per layer"),
        ({"network": {"patience": 0}}, "network: patience=0 is too small"),
        ({"network": {"activation": "rellu"}}, r"network: .*'rellu'.*did you mean 'relu'"),
        ({"network": {"l1": "0.1"}}, r"network\.l1: write a number, or a range \[low, high\] \(given '0.1'\)"),
        ({"network": {"l1": True}}, r"network\.l1: write a number, or a range"),
        ({"network": {"l2": [0.1]}}, r"network\.l2: write a number, or a range .*given \[0.1\]"),
        ({"network": {"l2": [0.1, "1"]}}, r"network\.l2: write a number, or a range"),
        ({"network": {"l2": [0.1, 0.2, 0.3]}}, r"network\.l2: write a number, or a range"),
        ({"network": {"l2": [0.2, 0.1]}}, r"network: l2=\(0.2, 0.1\) runs backwards; write the lower end first"),
        ({"network": {"dropout": 1.0}}, "network: dropout=1.0 is not a number of 0 or more and below 1"),
        ({"network": {"learning_rate": 0}}, "network: learning_rate=0.0 is not a number above 0"),
        ({"network": {"learning_rate": [0, 0.1]}}, "network: learning_rate=0.0 is not a number above 0"),
        ({"network": {"l1": [-1e-3, 0.1]}}, "network: l1=-0.001 is not a number of 0 or more"),
        ({"network": {"l1": float("nan")}}, "network.l1=nan is not finite; use a number"),
        ({"network": {"depth": 1.0}}, r"network\.depth: write a whole number, or a range .* \(given 1.0\)"),
        ({"network": {"depth": [1, 2.0]}}, r"network\.depth: write a whole number, or a range"),
        ({"network": {"depth": [1, 1, 1]}}, r"network\.depth: write a whole number, or a range"),
        ({"network": {"depth": 2}}, "network: depth=2 is not among 1 hidden layers; use 1 to 1"),
        ({"network": {"depth": [2, 1], "hidden": [8, 8]}}, r"network: depth=\(2, 1\) runs backwards"),
        ({"network": {"depth": 1, "hidden": [16, 8]}}, "network: depth=1 passes by a hidden layer of 8 units"),
    ],
)
def test_a_mistake_is_named_by_its_key_path_with_the_remedy(changes, words):
    with pytest.raises(ConfigError, match=words):
        parse_job(DIRECTION | changes)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError, match=r"unknown key sede.*; unknown key colour"):
        parse_job(DIRECTION | {"sede": 1, "colour": 2})


def test_a_job_without_a_task_is_told_which_there_are():
    with pytest.raises(ConfigError, match='task = "direction" or task = "default-risk"'):
        parse_job({"schema": 1, "name": "x"})


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        read_job(tmp_path / "none.toml")
    (tmp_path / "job.toml").write_text("name = ")
    with pytest.raises(ConfigError, match=r"job\.toml: is not TOML"):
        read_job(tmp_path / "job.toml")


def test_paths_of_data_files_are_relative_to_the_job_file(tmp_path):
    (tmp_path / "job.toml").write_text(
        'schema = 1\ntask = "default-risk"\nname = "a"\n[data.loans]\npath = "loans.csv"\ntarget = "bad"\n'
    )
    assert read_job(tmp_path / "job.toml").data.loans.path == str(tmp_path / "loans.csv")


def test_sentiment_needs_prices_to_join():
    sentiment = {"path": "s.csv", "columns": {"available_at": "t", "mood": "m"}}
    with pytest.raises(ConfigError, match="sentiment is given without prices"):
        parse_job(DIRECTION | {"data": {"made_market": {}, "sentiment": sentiment}})


def test_a_setting_of_the_networks_is_a_number_or_a_range():
    network = parse_job(LOANS | {"network": {"l1": [0, 0.1], "l2": 1, "dropout": 0.2}}).network.build()
    assert (network.l1, network.l2, network.dropout) == ((0.0, 0.1), 1.0, 0.2)


@pytest.mark.parametrize(("given", "built"), [({}, None), ({"depth": 2}, 2), ({"depth": [1, 3]}, (1, 3))], ids=str)
def test_networks_use_as_many_hidden_layers_as_the_job_says(given, built):
    assert parse_job(LOANS | {"network": {"hidden": [8, 8, 8], **given}}).network.build().depth == built


def test_a_network_of_a_file_before_ensembles_gives_every_member_the_same_settings():
    settings = {"dropout": 0.2, "l2": 0.001, "learning_rate": 0.001, "hidden": [32, 16], "patience": 8}
    network = parse_job(LOANS | {"network": settings | {"batch_size": 128, "epochs": 60}}).network.build()
    assert (network.hidden, network.dropout, network.l2, network.learning_rate) == ((32, 16), 0.2, 0.001, 0.001)
    assert (network.batch_size, network.epochs, network.early_stopping.patience) == (128, 60, 8)


def test_a_job_comes_back_from_what_a_run_saves_of_it():
    job = parse_job(LOANS | {"network": {"l1": [0, 0.1], "l2": 1, "hidden": [8, 8], "depth": [1, 2]}})
    assert parse_job(job.model_dump(mode="json", by_alias=True, exclude_none=True)) == job


def test_the_rule_for_names_is_said_in_words():
    with pytest.raises(ConfigError, match="name: 'My study' is no name of a job; use 1 to 60 lower-case") as caught:
        parse_job(LOANS | {"name": "My study"})
    assert "pattern" not in str(caught.value)
    assert "[a-z" not in str(caught.value)


@pytest.fixture
def job_file(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text('schema = 1\ntask = "default-risk"\nname = "a"\n[data.made_loan_book]\n')
    return path


def test_a_job_remembers_its_file_for_messages(job_file):
    assert read_job(job_file).origin == str(job_file)
    assert read_job(job_file).model_copy(update={"seed": 1}).origin == str(job_file)


def test_a_job_of_no_file_goes_by_its_name():
    assert parse_job(LOANS).origin == "loans"


def test_jobs_of_two_files_that_say_the_same_are_equal(job_file):
    other = job_file.with_name("other.toml")
    other.write_text(job_file.read_text())
    assert read_job(job_file) == read_job(other)


def test_a_task_that_is_none_is_named_with_the_file(job_file):
    job_file.write_text('schema = 1\ntask = "default-rsk"\nname = "a"\n')
    with pytest.raises(ConfigError, match=r"job\.toml: task='default-rsk' is not known; did you mean 'default-risk'"):
        read_job(job_file)
