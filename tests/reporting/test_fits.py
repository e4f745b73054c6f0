"""The page counts how training rows were used, and says how forecasts were calibrated."""

import pandas as pd
from finnet.reporting.fits import calibrator_blocks, fits_blocks, fits_table

from finnet.reporting.html import Points

USED = {"fold": 0, "train_rows": 900, "fits": 5, "fitted": 890, "validating": 180, "calibrating": 900, "unused": 10}
CURVE = {"fold": 1, "rows": 900, "effective_rows": 180.4, "slope": 1.0, "intercept": 0.0, "taken": False}
LOSSES = {"loss_before": 0.69, "loss_after": 0.7}


def test_rows_that_no_fit_learned_from_are_counted():
    table = fits_table(pd.DataFrame([{**USED, "least": 530, "most": 540}]))
    assert table[["Fitted", "Rows per fit", "Unused"]].iloc[0].tolist() == ["890", "530 to 540", "10"]


def test_fits_of_one_size_state_it_once():
    assert fits_table(pd.DataFrame([{**USED, "least": 530, "most": 530}]))["Rows per fit"].tolist() == ["530"]


def test_a_page_saved_before_fits_were_counted_is_drawn_without_them():
    assert fits_blocks(pd.DataFrame({"fold": [0], "train_rows": [900]})) == []


def test_a_curve_that_did_not_help_is_left_out_in_words():
    (table,) = calibrator_blocks(pd.DataFrame([CURVE | LOSSES]), [])
    assert "left out" in table.frame.iloc[0].tolist()


def test_odd_folds_are_named_where_nothing_was_calibrated_too():
    (points,) = calibrator_blocks(None, ["The SVM says the same number for every case of fold 3."])
    assert isinstance(points, Points)
