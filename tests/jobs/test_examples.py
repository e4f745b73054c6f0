"""Example job files are valid, and a new one is the example under another name."""

import pytest

from finnet.errors import ConfigError
from finnet.jobs.examples import EXAMPLES, example_path, write_example
from finnet.jobs.job_file import read_job


@pytest.mark.parametrize("task", EXAMPLES)
def test_a_new_job_file_is_the_example_under_its_own_name(task, tmp_path):
    path = write_example(task, "my-study", folder=tmp_path)
    job, example = read_job(path), read_job(example_path(task))
    assert job.name == "my-study"
    assert job.model_copy(update={"name": example.name}) == example


def test_an_existing_file_is_never_overwritten(tmp_path):
    path = write_example("direction", "study", folder=tmp_path)
    path.write_text("mine")
    with pytest.raises(ConfigError, match="exists; choose another name"):
        write_example("direction", "study", folder=tmp_path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["", "Study", "../study", "a b", "-a", "a" * 61])
def test_names_that_could_not_be_folders_are_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="lower-case"):
        write_example("direction", name, folder=tmp_path)


def test_an_unknown_task_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match=r"did you mean 'direction'\?"):
        write_example("directon", "study", folder=tmp_path)
