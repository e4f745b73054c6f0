"""Benchmarks still run: each in its smallest mode, without optional peers; what they measure there means nothing."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from finnet.network.activations import ReLU
from finnet.network.layer import with_ones
from finnet.network.losses import SigmoidCrossEntropy, mean_gradient
from finnet.network.model import dense_network
from tests.benchmarks.bench_planted import SHORT, SIGNALS, main, standard_error

FOLDER = Path(__file__).parent / "benchmarks"
REPORTS = FOLDER.parents[1] / "reports" / "benchmarks"
ROWS = {
    "bench_network": ["one step, microseconds", "times faster than scikit-learn's MLP", "matrix products alone / step"],
    "bench_pack": ["networks in a pack", "one after another / as an ensemble", "ensemble / bare pack"],
    "bench_fits": ["32 networks as an ensemble, seconds", "32 fits of scikit-learn's MLP / ensemble"],
    "bench_floor": ["calls of one network's step alone, microseconds", "whole step / calls alone"],
    "bench_memory": ["by the formula above the data, MiB", "finnet above the data, MiB"],
    "bench_prediction": ["one row, network, microseconds", "times as many as scikit-learn's MLP"],
    "bench_scaling": ["exponent of rows", "exponent of epochs", "exponent of members"],
}


@pytest.fixture
def bench(monkeypatch):
    """A script of the folder by name, as `python tests/benchmarks/NAME.py` would import it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.mark.parametrize("script", ROWS)
def test_a_quick_run_prints_its_table_and_keeps_nothing(script, bench, capsys):
    kept = {path: path.stat().st_mtime_ns for path in REPORTS.iterdir()}
    bench(script).main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    labels = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert set(ROWS[script]) <= set(labels)
    assert any(line.startswith("Not kept in") for line in lines) or not Path("/proc/self/status").exists()
    assert {path: path.stat().st_mtime_ns for path in REPORTS.iterdir()} == kept


def test_every_script_on_the_shared_sizes_is_run_here():
    scripts = {path.stem for path in FOLDER.glob("bench_*.py") if "import measuring" in path.read_text("utf-8")}
    assert scripts == set(ROWS)


def test_features_are_timed_beside_pandas(bench, capsys):
    bench("bench_features").main(3, 300)
    assert "| all 30, with what they share |" in capsys.readouterr().out


def test_a_figure_tells_whether_its_target_is_met(bench):
    faster = bench("measuring").ratio("", "slow", "fast", {"tiny": 2.0})
    assert faster.cell("tiny", {"slow": np.array([3.0]), "fast": np.array([1.0])}) == "3.00 (>= 2, met)"
    assert faster.cell("tiny", {"slow": np.array([3.0]), "fast": np.array([2.0])}) == "1.50 (>= 2, missed)"
    assert faster.cell("small", {"slow": np.array([3.0]), "fast": np.array([2.0])}) == "1.50"
    assert faster.cell("tiny", {"slow": np.array([3.0])}) == "-"


def test_ratios_are_taken_round_by_round(bench):
    faster = bench("measuring").ratio("", "slow", "fast")
    assert faster.cell("tiny", {"slow": np.array([2.0, 9.0, 8.0]), "fast": np.array([1.0, 3.0, 2.0])}) == "3.00"


def test_an_exponent_is_the_slope_on_logarithmic_axes(bench):
    counts = np.array([1.0, 2.0, 4.0, 8.0])
    assert bench("bench_scaling").exponent(counts, 0.3 * counts**1.5) == pytest.approx(1.5)


def test_the_picture_names_every_size_in_every_panel(bench):
    counts = np.array([1.0, 2.0, 4.0])
    curves = {(axis, size): (counts, counts) for axis in ("rows", "epochs", "members") for size in ("tiny", "small")}
    svg = bench("bench_scaling").picture(curves)
    assert svg.count(">tiny<") == svg.count(">small<") == 3


def test_the_memory_formula_by_hand(bench):
    size = bench("peers").Size(100, (8,), 10, steps=1)
    parameters, buffers, chunk = 100 * 8 + 8 + 8 + 1, 3 * 10 * 8, 1000 * 100
    assert bench("bench_memory").formula(size, 1000) == 4 * (5 * parameters + buffers + chunk)


BEST = (0.5318, 0.5647, 0.6458, 0.5678, 0.6321)  # by quadrature over z, of density phi(z) or K0(|z|) / pi


@pytest.mark.parametrize(("signal", "best"), [*zip(SIGNALS, BEST, strict=True)], ids=str)
def test_the_best_possible_accuracy_is_known(signal, best):
    p = signal.probability(np.random.default_rng(0).standard_normal((200_000, 31)))
    assert np.maximum(p, 1 - p).mean() == pytest.approx(best, abs=1e-3)


def test_the_short_planted_table_holds_what_must_hold(capsys):
    results = main(["--short"])
    out = capsys.readouterr().out
    assert all(f"| {name} |" in out for name in results)
    ensemble, logistic = results["NetworkEnsembleClassifier"], results["logistic regression"]
    assert min(ensemble["linear 0.8"], logistic["linear 0.8"]) > 0.9
    assert ensemble["product 1.0"] > 0.7 > 0.2 > abs(logistic["product 1.0"])
    for row in results.values():
        assert abs(row["coin"] - 0.5) < 4 * standard_error(SHORT, seeds=1)
        assert max(row[str(signal)] for signal in SHORT.signals) <= 1.0


@pytest.mark.parametrize("members", [1, 3])
def test_the_calls_alone_are_those_of_a_step(bench, members):
    step = bench("bench_floor").Step(bench("peers").Size(5, (6, 4), 8, steps=1), members, drops=False)
    X = with_ones(np.random.default_rng(1).standard_normal((*step.lead, 8, 5)).astype("float32"))
    network = dense_network((5, 6, 4, 1), activation=ReLU(), members=None if members == 1 else members)
    network.values[...] = step.theta
    scores = network.forward(X).copy()
    network.backward(mean_gradient(SigmoidCrossEntropy(), scores.copy(), 0.5 + step.centred * 8))
    np.matmul(X, step.Wb[0], step.A[0][..., :-1])
    made(step.forward())
    np.testing.assert_array_equal(step.Z, scores)
    made([*step.loss(), *step.backward()])
    np.matmul(X.mT, step.dZ, step.dWb[0])
    np.testing.assert_allclose(step.gradient, network.gradients, rtol=1e-5, atol=1e-7)
    made(step.adam())
    is_moved = step.gradient != 0.0
    np.testing.assert_array_equal(np.sign(step.theta - step.initial)[is_moved], -np.sign(step.gradient)[is_moved])


def made(calls):
    for call, arguments in calls:
        call(*arguments)


def test_credit_is_skipped_with_a_word_where_there_is_no_data(bench, capsys, monkeypatch, tmp_path):
    credit = bench("bench_credit")
    monkeypatch.setattr(credit, "FOLDER", tmp_path)
    credit.main([])
    assert capsys.readouterr().out.startswith(f"Skipped: {tmp_path} holds none of german, hmeq")


def test_a_credit_verdict_takes_one_standard_error_by_hand(bench):
    credit = bench("bench_credit")
    mean, error = credit.difference([0.8, 0.9], [0.7, 0.6], 0.2)
    assert (mean, error) == (pytest.approx(0.2), pytest.approx(0.1 * 2**0.5 * 0.75**0.5))  # sqrt(1/2 + .2/.8)
    assert credit.verdict((0.02, 0.01), (-0.02, 0.01)) == "better"
    assert credit.verdict((0.02, 0.01), (0.0, 0.01)) == "alike"
    assert credit.verdict((0.02, 0.01), (0.02, 0.01)) == "worse"


def test_a_credit_set_that_is_run_again_replaces_its_rows_and_no_others(bench, tmp_path, monkeypatch):
    credit = bench("bench_credit")
    monkeypatch.setattr(credit, "REPORT", tmp_path / "credit.md")
    (tmp_path / "credit.md").write_text(f"{credit.HEAD}\n| german | old |\n| hmeq | kept |\n")
    assert credit.stored()["german"] == ["| german | old |"]
    assert credit.stored()["hmeq"] == ["| hmeq | kept |"]
    assert credit.stored()["gmsc"] == []


def test_calibration_is_measured_on_a_book_of_known_truth(bench, capsys):
    bench("bench_calibration").main(["--short"])
    lines = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    means = dict(zip((cell.strip() for cell in lines[0]), lines[-2], strict=True))
    assert 0.4 < float(means["published slope"]) < 2.5
    assert 0.0 < float(means["published off"]) < 0.15


def test_starting_is_timed_beside_pandas(bench, capsys):
    bench("bench_startup").main(["--short"])
    labels = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert {"import pandas", "import finnet.cli", "finnet --help"} <= set(labels)
