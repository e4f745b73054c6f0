"""What was kept comes back to the bit, and what cannot be read is made again."""

import os

import numpy as np
import pandas as pd
import pytest

from finnet.errors import FinnetWarning
from finnet.estimators.naive import PriorRate
from finnet.estimators.saving import model_to_bytes
from finnet.evaluation.walk_forward import FitRecord, FoldResult
from finnet.forecasts import Forecasts
from finnet.jobs.checkpoints import Checkpoints, unfinished

ROWS = {"model": "network", "fold": 3, "entity": ["A", "Ä"], "target": "default", "horizon": 12, "kind": "probability"}
TIMES = {"issued_at": pd.Timestamp("2020-01-02 21:00"), "resolves_at": pd.Timestamp("2021-01-02")}
FORECASTS = Forecasts.from_rows({**ROWS, **TIMES, "value": [0.1 + 0.2, 1 / 3], "truth": [0.0, 1.0]}, run_id="r")
HISTORY = pd.DataFrame(
    {"member": [0, 1], "epoch": [1, 2], "train_loss": [0.7, 2 / 3], "validation_loss": [0.71, float("nan")]}
)
MEMBERS = pd.DataFrame({"member": [0, 1], "l2": [1 / 3, 1e-5], "best_epoch": [4, 7], "share": [0.0, 1.0]})
ADVICE = ["gradients vanish: layer 1 gets 1e-07 of the last layer's"]
LAYERS = pd.DataFrame({"layer": [1, 2], "gradient_norm": [1 / 3, 1e-9], "dead": [0.25, float("nan")]})
RECORD = FitRecord(
    history=HISTORY,
    members=MEMBERS,
    chosen={"hidden": (16,), "l2": 1e-3},
    spread=0.1 + 0.2,
    layers=LAYERS,
    advice=ADVICE,
    rows={"fits": 5, "unused": 0},
    calibration={"slope": 1 / 3, "taken": True},
    is_constant=False,
)
RUN = "2020-01-01-0123456789"
RESULT = FoldResult("network", 3, FORECASTS, RECORD, 1 / 7)


@pytest.fixture
def units(tmp_path):
    units = Checkpoints.beside(tmp_path / RUN)
    units.keep(RESULT)
    return units


def test_a_unit_comes_back_to_the_bit(units):
    (unit,) = units.load()
    pd.testing.assert_frame_equal(unit.forecasts.table, FORECASTS.table, check_exact=True)
    pd.testing.assert_frame_equal(unit.fit.history, HISTORY, check_exact=True)
    pd.testing.assert_frame_equal(unit.fit.members, MEMBERS, check_exact=True)
    pd.testing.assert_frame_equal(unit.fit.layers, LAYERS, check_exact=True)
    assert (unit.fit.chosen, unit.cpu_seconds) == ({"hidden": [16], "l2": 1e-3}, 1 / 7)
    assert (unit.fit.spread, unit.fit.advice) == (0.1 + 0.2, ADVICE)
    assert (unit.fit.rows, unit.fit.calibration) == (RECORD.rows, RECORD.calibration)
    assert unit.fit.is_constant is False


def dropped(units):
    """Whether the unit is dropped with a warning, and its file gone."""
    with pytest.warns(FinnetWarning, match="a kept fit is damaged; it is dropped and made again"):
        found = units.load()
    return found == [] and os.listdir(units.folder) == []


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_cut_unit_is_made_again(keep, units):
    (path,) = units.folder.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert dropped(units)


def test_every_flipped_bit_is_found(units):
    (path,) = units.folder.iterdir()
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert dropped(units)


def test_a_unit_of_another_run_is_made_again(units, tmp_path):
    other = Checkpoints.beside(tmp_path / "2020-01-01-9876543210")
    units.folder.rename(other.folder)
    assert dropped(other)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_unit_that_is_no_file_is_made_again(make, units):
    (path,) = units.folder.iterdir()
    path.unlink()
    make(path)
    assert dropped(units)


def test_a_flipped_bit_in_the_kept_model_is_found(tmp_path):
    units = Checkpoints.beside(tmp_path / RUN)
    units.keep_model(model_to_bytes(PriorRate().fit(np.zeros((4, 1)), np.array([0, 0, 0, 1]))))
    assert units.load_model() is not None
    (path,) = units.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.warns(FinnetWarning, match="dropped and made again"):
        assert units.load_model() is None


def test_an_unfinished_run_is_counted_and_units_of_all_runs_are_removed(units, tmp_path):
    assert unfinished(tmp_path) == {RUN: 1}
    (tmp_path / ".theirs-12345678.work").mkdir()
    Checkpoints.beside(tmp_path / "other").remove()
    assert unfinished(tmp_path) == {"theirs": 0}
