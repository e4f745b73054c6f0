"""Estimators pass scikit-learn's checks, but for one of weights."""

import pytest
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

from tests.estimators import check_table
from tests.estimators.checks import AS_ROWS_STAND, ENSEMBLES, NETWORKS, OTHERS, SETTINGS, expected_failures

FEW = {"members": 4, "folds": 2, "batch_size": 32}


def test_only_equal_weights_for_repeated_rows_are_not_promised():
    for estimator in (*NETWORKS, *ENSEMBLES):
        assert list(expected_failures(estimator())) == ["check_sample_weight_equivalence_on_dense_data"]


@pytest.mark.parametrize("network", NETWORKS)
def test_in_float64_a_single_network_takes_weights_as_repeated_rows(network):
    still = network(dtype="float64", early_stopping=False, dropout=0.0)
    assert not expected_failures(still)
    check_sample_weight_equivalence_on_dense_data(network.__name__, still)


def test_the_other_estimators_fail_nothing_but_equal_weights_for_repeated_rows():
    expected = [expected_failures(estimator) for estimator in OTHERS]
    assert {check for failures in expected for check in failures} == {"check_sample_weight_equivalence_on_dense_data"}
    assert sum(map(bool, expected)) == len(AS_ROWS_STAND)


@parametrize_with_checks(
    [
        *(network(**SETTINGS[name]) for network in NETWORKS for name in ("defaults", "early stopping")),
        *(ensemble(**FEW) for ensemble in ENSEMBLES),
        *OTHERS,
    ],
    expected_failed_checks=expected_failures,
)
@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.full
@parametrize_with_checks(
    [
        *(network(**SETTINGS["batch_size=4"]) for network in NETWORKS),
        *(ensemble(**settings) for ensemble in ENSEMBLES for settings in SETTINGS.values()),
    ],
    expected_failed_checks=expected_failures,
)
@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_scikit_learn_checks_in_all_settings(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_the_table_of_checks_names_no_failure_of_a_network(capsys):
    text = check_table.main(["--short"])
    assert capsys.readouterr().out.startswith(text)
    (row,) = [line for line in text.splitlines() if line.startswith("| NetworkClassifier")]
    _, _, setting, passed, _, expected, failed, _ = (cell.strip() for cell in row.split("|"))
    assert (setting, failed) == ("defaults", "none")
    assert int(passed) >= 50
    assert expected == "check_sample_weight_equivalence_on_dense_data"
