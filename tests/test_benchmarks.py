"""Benchmarks that can be short run, and say what they should."""

import numpy as np
import pytest

from tests.benchmarks.bench_planted import SHORT, SIGNALS, main, standard_error

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
