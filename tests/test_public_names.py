"""The public nouns are loaded when they are asked for, and each is what its room says."""

import subprocess
import sys
from importlib import import_module

import pytest

import finnet

ROOMS = ("estimators", "evaluation", "jobs", "backtest", "reporting")


@pytest.mark.parametrize("name", finnet.__all__)
def test_every_public_noun_is_that_of_its_room(name):
    assert getattr(finnet, name) is getattr(import_module(finnet._HOME_OF[name]), name)


def test_every_public_noun_has_a_home():
    assert set(finnet._HOME_OF) == set(finnet.__all__)


def test_importing_finnet_loads_no_room():
    code = "import sys, finnet; print([name for name in sys.modules if name.startswith('finnet.')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'compair'"):
        finnet.compair  # noqa: B018
