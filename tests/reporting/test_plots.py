"""Drawings are whole SVG documents, the same every time, whatever the user's settings."""

import subprocess
import sys
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from finnet.network.worked_example import worked_example
from finnet.reporting import plots
from finnet.reporting.canvas import BAD, GOOD, place_labels
from finnet.reporting.diagrams import worked_example_plot
from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.trading import TradingSection
from finnet.reporting.sections.training import TrainingSection
from finnet.reporting.training_plot import _best_epochs, _losses_by_epoch, training_plot
from tests.reporting.changing import section_of


@pytest.fixture(scope="module")
def drawings(direction_report, default_risk_report):
    comparison = section_of(direction_report, ComparisonSection).comparison
    half, zero = (section_of(report, CalibrationSection) for report in (direction_report, default_risk_report))
    lending = section_of(default_risk_report, CutoffSection)
    return {
        "comparison": lambda: plots.comparison_plot(comparison, "network"),
        "calibration near one half": lambda: plots.calibration_plot(half.calibration, "network"),
        "calibration near zero": lambda: plots.calibration_plot(zero.calibration, "network"),
        "known truth": lambda: plots.known_truth_plot(zero.known_truth["probability"], zero.known_truth["forecast"]),
        "equity": lambda: plots.equity_plot(section_of(direction_report, TradingSection).table),
        "cutoff": lambda: plots.cutoff_plot(lending.cutoffs, chosen=lending.chosen),
        "training": lambda: training_plot(section_of(direction_report, TrainingSection).histories),
        "worked example": lambda: worked_example_plot(worked_example()),
    }


@pytest.fixture(scope="module")
def drawn(drawings):
    """Every drawing as it is with the settings that users find."""
    return {name: draw() for name, draw in drawings.items()}


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_drawings_are_whole_and_the_same_every_time(drawings, drawn):
    for name, svg in drawn.items():
        assert texts(svg), name
        assert svg == drawings[name](), name
        assert "date" not in svg.lower().split("<svg")[1][:2000], name


def test_the_settings_of_the_user_change_nothing(drawings, drawn):
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": "mine", "axes.grid": True, "text.parse_math": True}):
        assert drawn == {name: draw() for name, draw in drawings.items()}


def test_drawing_leaves_the_settings_of_the_user_alone(drawings):
    before = dict(mpl.rcParams)
    drawings["training"]()
    assert dict(mpl.rcParams) == before


def test_nothing_imports_pyplot():
    code = "import sys, finnet.reporting.plots, finnet.reporting.diagrams; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def comparison(**columns):
    return pd.DataFrame(
        [{"model": "tree", "metric": "auc", "difference": 0.0, "low": -0.1, "high": 0.1, "p_holm": 1.0, **columns}]
    )


@pytest.mark.parametrize(("difference", "color"), [(0.2, GOOD), (-0.2, BAD)], ids=["better", "worse"])
def test_colors_say_who_is_better(difference, color):
    svg = plots.comparison_plot(comparison(difference=difference, p_holm=0.01), "network")
    assert f"fill: {color}" in svg


@pytest.mark.parametrize("p_holm", [0.06, np.nan])
def test_a_difference_not_detected_has_neither_color(p_holm):
    svg = plots.comparison_plot(comparison(difference=0.2, low=0.1, high=0.3, p_holm=p_holm), "network")
    assert GOOD not in svg
    assert BAD not in svg


def test_the_names_of_models_are_escaped_and_shortened():
    svg = plots.comparison_plot(comparison(model="<script>$x$" + 80 * "y"), "network")
    assert "<script>" not in svg
    assert any(text.startswith("<script>$x$") and "…" in text for text in texts(svg))


def test_small_probabilities_get_axes_stretched_near_zero(drawn):
    assert "0 %" in texts(drawn["calibration near zero"])
    assert "0 %" not in texts(drawn["calibration near one half"])


def test_a_model_that_says_one_number_is_drawn():
    row = {"model": "network", "bin": 1, "n": 9, "forecast": 0.5, "observed": 0.5, "low": 0.4, "high": 0.6}
    assert "as forecast" in texts(plots.calibration_plot(pd.DataFrame([row]), "network"))


def test_training_without_validation_shows_training_alone():
    words = texts(training_plot(history(validation_loss=np.nan)))
    assert "training" in words
    assert not {"validation", "best epoch", "middle 80 %"} & set(words)


def history(**columns):
    rows = {"fold": 0, "member": 0, "epoch": [1, 2, 3], "loss": [0.7, 0.6, 0.5], "validation_loss": [0.7, 0.6, 0.65]}
    return pd.DataFrame({**rows, "share": 1.0, **columns})


def test_one_network_has_no_band_around_it():
    assert "middle 80 %" not in texts(training_plot(history()))
    two = pd.concat([history(), history(member=1, validation_loss=0.8)])
    assert "middle 80 %" in texts(training_plot(two))


def test_networks_not_in_the_forecast_are_not_drawn():
    other = history(member=1, share=0.0, loss=9.0, validation_loss=9.0)
    assert training_plot(pd.concat([history(), other])) == training_plot(history())


@pytest.mark.parametrize("folds", [1, 4, 5, 15])
def test_every_fold_has_its_panel(folds):
    words = texts(training_plot(pd.concat([history(fold=fold) for fold in range(folds)])))
    assert [word for word in words if word.startswith("Fold")] == [f"Fold {fold}" for fold in range(folds)]


def test_losses_are_medians_and_end_where_less_than_half_of_the_networks_train():
    short = [history(member=member, validation_loss=[0.8, 0.9, 0.9]).iloc[:2] for member in (1, 2)]
    losses = _losses_by_epoch(pd.concat([history(), *short]))
    assert losses["epoch"].tolist() == [1, 2]
    assert losses["middle"].tolist() == [0.8, 0.9]
    assert losses["low"].tolist() == pytest.approx([0.72, 0.66])


def test_the_dot_lies_at_the_median_of_the_best_epochs():
    later = history(member=1, validation_loss=[0.7, 0.6, 0.5])
    assert _best_epochs(pd.concat([history(), later])).to_dict() == {0: 2.5}


def test_thinning_keeps_the_deepest_fall(direction_report):
    table = section_of(direction_report, TradingSection).table
    fall = (table["equity_net"] / table["equity_net"].cummax() - 1).min()
    thin = plots._thin(table)
    assert thin["equity_net_fall"].min() == pytest.approx(fall)
    assert thin["equity_net"].iloc[-1] == table["equity_net"].iloc[-1]


def cutoffs_with(profits):
    cutoff = np.linspace(0.0, 1.0, len(profits))
    return pd.DataFrame({"cutoff": cutoff, "approval_rate": cutoff, "bad_rate": cutoff / 2}).assign(
        expected_profit=profits, realized_profit=profits
    )


def test_profits_far_below_the_best_lie_outside_the_drawing():
    words = texts(plots.cutoff_plot(cutoffs_with([0.0, 4000.0, 9000.0, -400_000.0]), chosen=2 / 3))
    assert {"expected ↓", "realized ↓"} <= set(words)
    assert not any("400" in word for word in words)


def test_a_realized_profit_that_is_not_told_is_neither_drawn_nor_makes_room():
    table = cutoffs_with([0.0, 4000.0, 9000.0, -400_000.0]).rename(columns={"bad_rate": "forecast_bad_rate"})
    table = table.drop(columns="realized_profit")
    words = texts(plots.cutoff_plot(table, chosen=2 / 3))
    assert "expected ↓" in words
    assert not any("realized" in word for word in words)
    assert plots.lowest_profit_shown(table, chosen=2 / 3) < 0.0


def test_profits_that_stay_near_the_best_are_all_drawn():
    table = cutoffs_with([0.0, 4000.0, 9000.0, 7000.0])
    assert plots.lowest_profit_shown(table, chosen=2 / 3) is None
    assert {"expected", "realized"} <= set(texts(plots.cutoff_plot(table, chosen=2 / 3)))


def test_what_the_chosen_cutoff_brings_is_drawn_even_where_it_is_a_loss():
    assert plots.lowest_profit_shown(cutoffs_with([0.0, 10.0, -400.0]), chosen=1.0) is None


def test_labels_are_moved_apart_and_keep_their_order():
    placed = place_labels([0.5, 0.5, 0.1], 0.2)
    assert abs(placed[0] - placed[1]) >= 0.2 - 1e-6
    assert placed[2] == 0.1
