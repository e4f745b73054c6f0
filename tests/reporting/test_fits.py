"""The page counts how training rows were used, and says how forecasts were calibrated."""

import pandas as pd

from finnet.reporting.html import Points, Table
from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.data import DataSection, fits_table
from tests.reporting.changing import changed, section_of

USED = {"fold": 0, "train_rows": 900, "fits": 5, "fitted": 890, "validating": 180, "calibrating": 900, "unused": 10}
CURVE = {"fold": 1, "rows": 900, "effective_rows": 180.4, "slope": 1.0, "intercept": 0.0, "taken": False}
LOSSES = {"loss_before": 0.69, "loss_after": 0.7}


def test_rows_that_no_fit_learned_from_are_counted():
    table = fits_table(pd.DataFrame([{**USED, "least": 530, "most": 540}]))
    assert table[["Fitted", "Rows per fit", "Unused"]].iloc[0].tolist() == ["890", "530 to 540", "10"]


def test_fits_of_one_size_state_it_once():
    assert fits_table(pd.DataFrame([{**USED, "least": 530, "most": 530}]))["Rows per fit"].tolist() == ["530"]


def test_where_nobody_counted_the_use_of_rows_there_is_no_table_of_it(direction_report):
    drawn = changed(direction_report).page().sections
    assert "Rows per fit" not in [column for section in drawn for column in columns(section)]


def columns(section):
    return [column for block in section.blocks if isinstance(block, Table) for column in block.header]


def calibration(direction_report, **values):
    """The last block of the section."""
    sections = changed(direction_report, **values).sections
    return next(section for section in sections if isinstance(section, CalibrationSection)).draw().blocks[-1]


def test_a_curve_that_did_not_help_is_left_out_in_words(direction_report):
    table = calibration(direction_report, calibrators=pd.DataFrame([CURVE | LOSSES]))
    assert "left out" in table.frame.iloc[0].tolist()


def test_an_isotonic_curve_stands_beside_its_line(direction_report):
    tried = {"taken": True, "kind": "isotonic", "loss_after": 0.66, "loss_line": 0.67, "loss_isotonic": 0.66}
    folds = [CURVE | LOSSES | tried, CURVE | LOSSES | {"kind": "identity", "loss_line": 0.7}]
    table = calibration(direction_report, calibrators=pd.DataFrame(folds))
    assert table.frame[["After", "Isotonic", ""]].to_numpy().tolist() == [
        ["0.6700", "0.6600", "isotonic taken"],
        ["0.7000", "–", "left out"],
    ]
    assert "Isotonic: by a curve" in table.caption


def test_odd_folds_are_named_where_nothing_was_calibrated_too(direction_report):
    points = calibration(direction_report, oddities=["The SVM says the same number for every case of fold 3."])
    assert isinstance(points, Points)


def use_of_rows(direction_report, **values):
    """What the caption of the table says."""
    described = section_of(direction_report, DataSection)
    folds = described.folds.assign(**dict.fromkeys(("least", "most", "fitted", "validating"), 1)).assign(
        calibrating=0, unused=0, fits=values.pop("fits_of_subject")
    )
    drawn = section_of(changed(direction_report, folds=folds, subject="risk_network", **values), DataSection).draw()
    return next(block.caption for block in drawn.blocks if isinstance(block, Table) and "Rows per fit" in block.header)


def test_models_that_are_fitted_once_are_told_from_those_that_are_not(direction_report):
    fits = {"risk_network": 5, "network": 5, "scorecard": 1, "my_model": 1}
    said = use_of_rows(direction_report, fits_of_subject=5, fits=fits)
    assert said.startswith(
        "How the default-risk network used the training rows of each fold: it was fitted several times, each time"
        " without some of them, and its forecast averages the fits. The network was fitted several times, too. The"
        " scorecard and my model were fitted once, on all of them."
    )


def test_a_subject_that_is_fitted_once_is_not_said_to_be_an_average(direction_report):
    said = use_of_rows(direction_report, fits_of_subject=1, fits={"risk_network": 1})
    assert "it was fitted once, on all of them. Fitted:" in said
