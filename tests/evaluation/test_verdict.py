"""Verdicts say wins, losses, ties and ignorance in plain sentences."""

import numpy as np
import pandas as pd

from finnet.evaluation.verdict import write_second_verdict, write_verdict

NAIVE = ["always_up", "prior_rate"]


def table_of(**models):
    """One row per model from (difference, times needed, p_holm)."""
    rows = [
        {"model": name, "metric": "log_loss", "difference": d, "times_needed": times, "p_holm": p, "p_forecasts": p,
         "p_fits": p, "test": "rows", "years": 2.0, "years_needed": 2.0 * times, "rows_needed": np.nan, "fits": 5,
         "one_fold": np.nan}
        for name, (d, times, p) in models.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def naive_of(**beats):
    """A row per model from whether it beats them all and, where given, the corrected p-value of other fits."""
    rows = [(name, *beat) if isinstance(beat, tuple) else (name, beat, 0.001) for name, beat in beats.items()]
    table = pd.DataFrame(rows, columns=["model", "beats_all", "p_fits_holm"])
    return table.assign(p_holm=table["beats_all"].map({True: 0.001, False: 1.0}).astype(float))


def verdict(table, against_naive=None, naive=()):
    against_naive = naive_of() if against_naive is None else against_naive
    return write_verdict(table, against_naive, reference="network", naive=naive, evidence="500 sessions in 2.0 years")


WIN, LOSS, TIE = (0.1, np.nan, 0.001), (-0.1, np.nan, 0.001), (0.01, 4.0, 0.4)
OPENING = "By log loss, over 500 sessions in 2.0 years, the network"


def test_a_win_is_a_win():
    assert verdict(table_of(tree=WIN)) == f"{OPENING} beats the decision tree."


def test_a_loss_is_said_as_a_loss():
    assert verdict(table_of(tree=LOSS)) == f"{OPENING} loses to the decision tree."


def test_a_tie_says_how_much_data_it_would_take():
    assert verdict(table_of(tree=TIE)) == (
        f"{OPENING} shows no detectable difference from the decision tree."
        " If the difference from the decision tree is real, detecting it would take about 8.0 years of data."
    )


def test_several_ties_give_the_range_of_years():
    said = verdict(table_of(tree=TIE, knn=(0.01, 16.0, 0.5), svm=(0.0001, 8e4, 1.0)))
    assert said.endswith(
        "If the differences not detected are real, detecting them would take between about 8.0 (the decision tree)"
        " and more than 1,000 years of data (the SVM)."
    )


def test_ties_that_need_more_than_anybody_has_are_said_once():
    said = verdict(table_of(tree=(0.01, 8e4, 1.0), knn=(0.01, 9e4, 1.0)))
    assert said.endswith("are real, detecting them would take more than 1,000 years of data.")


def test_rows_without_dates_are_counted_instead_of_years():
    said = verdict(table_of(tree=TIE).assign(years=np.nan, years_needed=np.nan, rows_needed=4321.0))
    assert said.endswith("detecting it would take about 4,300 rows.")


def test_a_difference_of_one_fold_is_named():
    said = verdict(table_of(tree=TIE).assign(one_fold=4.0, p_forecasts=1e-6))
    assert "One fold makes most of the difference: fold 4 (against the decision tree)." in said


def test_two_fits_answer_one_question_and_say_which():
    said = verdict(table_of(tree=WIN).assign(fits=2))
    assert said == (
        f"{OPENING} beats the decision tree. Two fits say whether these forecasts were better, not whether other fits"
        " of the same models would be."
    )


def test_wins_losses_and_ties_stand_in_one_sentence():
    said = verdict(table_of(tree=WIN, knn=WIN, boosting=LOSS, forest=(0.0, np.inf, 1.0)))
    assert said == (
        f"{OPENING} beats the decision tree and k-NN, loses to gradient boosting"
        ", and shows no detectable difference from the random forest."
    )


def test_what_could_not_be_tested_is_said():
    assert verdict(table_of(tree=(0.1, np.nan, np.nan))) == f"{OPENING} could not be tested against the decision tree."


def test_equal_forecasts_are_a_tie_though_untestable():
    assert (
        verdict(table_of(tree=(0.0, np.nan, np.nan)))
        == f"{OPENING} shows no detectable difference from the decision tree."
    )


def test_naive_forecasts_have_their_own_sentences():
    said = verdict(table_of(tree=WIN, always_up=WIN, prior_rate=LOSS), naive_of(network=False, tree=False), NAIVE)
    assert said == (
        f'{OPENING} beats the decision tree. Against the naive forecasts, it beats "always up", and loses to the'
        ' prior rate. No model is shown to beat every naive forecast ("always up" and the prior rate).'
    )


def test_models_that_beat_every_naive_forecast_are_named():
    said = verdict(table_of(tree=WIN, always_up=WIN, prior_rate=TIE), naive_of(network=False, tree=True), NAIVE)
    assert 'The decision tree beats every naive forecast ("always up" and the prior rate).' in said


def test_that_the_network_beats_the_naive_forecasts_is_said_once():
    naive = table_of(tree=WIN, always_up=WIN, prior_rate=WIN)
    start = f'{OPENING} beats the decision tree. Against the naive forecasts, it beats "always up" and the prior rate.'
    assert verdict(naive, naive_of(network=True, tree=True, knn=False), NAIVE) == (
        f"{start} The decision tree beats every naive forecast too."
    )
    assert verdict(naive, naive_of(network=True, tree=False), NAIVE) == f"{start} No other model is shown to."


def test_models_that_beat_the_one_naive_forecast_too_name_it():
    naive = table_of(tree=WIN, prior_rate=WIN)
    said = verdict(naive, naive_of(network=True, tree=True, knn=True), ["prior_rate"])
    assert said.endswith("The decision tree and k-NN beat the prior rate too.")


def test_a_win_that_other_fits_do_not_show_is_a_win_of_these_fits():
    table = table_of(tree=WIN, knn=WIN, svm=WIN, boosting=LOSS).assign(p_fits=[0.01, 0.166, 0.0634, 0.3])
    assert verdict(table) == (
        f"{OPENING} beats the decision tree, beats, for these fits but not detectably for other fits of the same"
        " models (p in brackets), k-NN (0.166) and the SVM (0.063), and loses, for these fits but not detectably for"
        " other fits of the same models (p in brackets), to gradient boosting (0.300)."
    )


def test_a_p_value_of_other_fits_that_is_corrected_is_told_as_such():
    table = table_of(tree=WIN, knn=WIN).assign(p_fits=[0.01, 0.03], p_fits_holm=[0.02, 0.06])
    assert "of the same models (Holm-corrected p in brackets), k-NN (0.060)." in verdict(table)


def test_one_fit_leaves_the_question_about_other_fits_open():
    said = verdict(table_of(tree=WIN).assign(p_fits=np.nan, fits=1))
    assert said.startswith(f"{OPENING} beats the decision tree. One fit says whether")


def test_a_second_metric_that_shows_no_difference_is_told():
    first, second = (
        table_of(tree=WIN, knn=WIN, svm=TIE, prior_rate=WIN),
        table_of(tree=WIN, knn=TIE, svm=TIE, prior_rate=TIE).assign(metric="auc"),
    )
    assert write_second_verdict(first, second, naive=NAIVE) == "By AUC no difference from k-NN is detected."
    assert write_second_verdict(second, first, naive=NAIVE) == ""


def test_clients_are_counted_where_they_were_tested():
    rows = table_of(tree=TIE).assign(years=np.nan, years_needed=np.nan, rows_needed=4321.0, test="clients")
    assert verdict(rows).endswith("detecting it would take about 4,300 clients.")


def test_a_model_of_ones_own_keeps_its_name():
    assert verdict(table_of(my_model=WIN)) == f"{OPENING} beats my model."


def test_models_that_beat_the_naive_forecasts_for_these_fits_alone_are_told_apart():
    against_naive = naive_of(network=True, tree=True, svm=(True, 0.093), knn=(True, 0.2))
    said = verdict(table_of(tree=TIE, always_up=WIN, prior_rate=WIN), against_naive, NAIVE)
    assert (
        "The decision tree beats every naive forecast too; the SVM (0.093) and k-NN (0.200) beat, for these"
        " fits but not detectably for other fits of the same models (Holm-corrected p in brackets), every naive"
        " forecast too."
    ) in said
