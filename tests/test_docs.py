"""Every block and command of the README works, and every public noun says what it is with an example that runs."""

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import finnet

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(
    r"^finnet [^#\n]+", "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL)), re.MULTILINE
)
TARGETS = re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE)


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_blocks_run(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("By log loss")


def smaller(job):
    """The job that `finnet new` wrote, with a fraction of its fits."""
    for key, value in (("members", 5), ("epochs", 10), ("trials", 1), ("test_bars", 2500)):
        job, found = re.subn(rf"^{key} = \d+", f"{key} = {value}", job, flags=re.MULTILINE)
        assert found, key
    return job


def test_commands_run_in_the_order_given(tmp_path):
    shutil.copytree(ROOT / "data" / "sample", tmp_path / "data" / "sample")
    for command in COMMANDS:
        for job in tmp_path.glob("data/sample/*.toml"):
            text = job.read_text(encoding="utf-8")
            fewer = re.sub(r"^models = .*", 'models = ["network", "tree", "prior_rate"]', text, flags=re.MULTILINE)
            job.write_text(fewer, encoding="utf-8")
        for job in tmp_path.glob("my-study.toml"):
            job.write_text(smaller(job.read_text(encoding="utf-8")), encoding="utf-8")
        words = [sys.executable, "-m", *command.split()]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_code_of_ones_own_runs_as_the_readme_says(tmp_path):
    files = re.findall(r"```(?:python|toml) (\S+)\n(.*?)```", README, re.DOTALL)
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    (command,) = re.findall(r"`finnet (run [^`]*--allow-plugins)`", README)
    words = [sys.executable, "-m", "finnet", *command.split()]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "my_code:bayes" in done.stdout
    refused = subprocess.run(words[:-1], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--allow-plugins" in refused.stderr


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert TARGETS
    for target in TARGETS:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_files_named_in_the_readme_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert all((ROOT / link).exists() for link in links), links


@pytest.mark.parametrize("name", finnet.__all__)
def test_every_public_noun_has_an_example(name):
    noun = getattr(finnet, name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert any(test.examples for test in finder.find(noun, name, globs={})), name


def test_samples_on_disk_come_from_their_script(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "data"))
    import make_sample

    monkeypatch.setattr(make_sample, "SAMPLE", tmp_path)
    make_sample.main()
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (ROOT / "data/sample").glob("*.csv")}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "data" / "sample" / path.name).read_bytes()
