"""Every block and command of the README works, and every public noun says what it is with an example that runs."""

import doctest
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import finnet
from finnet.cli import main

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


FEWER = {"members": 2, "epochs": 5, "trials": 1, "test_bars": 2500, "validation": 0.5}


def smaller(job):
    """A job file with a fraction of its fits: fewer models, networks and epochs."""
    models = 'models = ["network", "tree", "prior_rate"]'
    if 'task = "forward-return"' in job:
        models = 'models = ["network", "training_mean"]'
    job = re.sub(r"^models = .*\n", "", job, flags=re.MULTILINE)
    job = job.replace("schema = 1\n", f"schema = 1\n{models}\n", 1)
    for key, value in FEWER.items():
        job = re.sub(rf"^{key} = [\d.]+", f"{key} = {value}", job, flags=re.MULTILINE)
    if "[network]" not in job:  # the samples leave it at its defaults
        job += "\n[network]\nmembers = 2\nepochs = 5\n[blocks]\nvalidation = 0.5\n[tune]\ntrials = 1\n"
    return job


@pytest.mark.filterwarnings("default")
def test_commands_run_in_the_order_given(tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "data" / "sample", tmp_path / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        for job in {*tmp_path.glob("*.toml"), *tmp_path.glob("data/sample/*.toml")}:
            job.write_text(smaller(job.read_text(encoding="utf-8")), encoding="utf-8")
        # In this process: a new one for each command takes longer than what it does; tests/test_cli.py starts some.
        monkeypatch.setattr(sys, "argv", command.split())
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, f"{command}: {capsys.readouterr().err}"


def test_code_of_ones_own_runs_as_the_readme_says(tmp_path, monkeypatch, capsys):
    files = re.findall(r"```(?:python|toml) (\S+)\n(.*?)```", README, re.DOTALL)
    for name, text in files:
        fewer = text.replace("members = 4, epochs = 10", "members = 2, epochs = 5").replace("= 400 }", "= 250 }")
        if name.endswith(".toml"):
            fewer += "tune.trials = 1\nblocks.validation = 0.5\n"
        (tmp_path / name).write_text(fewer, encoding="utf-8")
    (command,) = re.findall(r"`finnet (run [^`]*--allow-plugins)`", README)
    # A process of its own, where the code is not imported yet; workers would import all of finnet again.
    words = [sys.executable, "-m", "finnet", *command.split(), "--processes", "1"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "my_code:bayes" in done.stdout
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["finnet", *command.removesuffix(" --allow-plugins").split()])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert "--allow-plugins" in capsys.readouterr().err
    assert "my_code" not in sys.modules


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
