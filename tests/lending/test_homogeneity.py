"""Homogeneity: halves of a grade and neighboring grades, compared by hand."""

import numpy as np
import pandas as pd
import pytest

from finnet.lending.homogeneity import half_table, neighbor_table
from finnet.lending.rates import equal_rates


def graded(grade, forecast, default, weight=1.0):
    return pd.DataFrame({"grade": grade, "forecast": forecast, "default": np.asarray(default, float), "weight": weight})


def firsts(n, bad):
    return (np.arange(n) < bad).astype(float)


def test_a_grade_of_unlike_loans_is_found_and_one_of_like_loans_is_not():
    default = np.concatenate([firsts(100, 2), firsts(100, 20), firsts(100, 10), firsts(100, 12)])
    loans = graded(np.repeat([1, 2], 200), np.tile(np.repeat([0.05, 0.1], 100), 2), default)
    table = half_table(loans, np.arange(400)).set_index("grade")
    assert table.loc[1, ["observed_low", "observed_high"]].tolist() == pytest.approx([0.02, 0.2])
    assert table["finding"].tolist() == ["upper half is riskier", "no difference detected"]
    own = equal_rates(default[:200], np.arange(200) >= 100, np.arange(200))
    # Holm's correction for two grades.
    assert table.loc[1, "p_holm"] == pytest.approx(2 * own)


def test_a_half_that_is_ranked_wrongly_is_told_as_that():
    loans = graded(1, np.repeat([0.05, 0.1], 100), np.concatenate([firsts(100, 30), firsts(100, 5)]))
    assert half_table(loans, np.arange(200))["finding"].tolist() == ["lower half is riskier"]


def test_too_few_loans_and_equal_forecasts_are_not_tested():
    few = graded(1, np.repeat([0.05, 0.1], 29), np.concatenate([firsts(29, 0), firsts(29, 29)]))
    alike = graded(1, 0.05, firsts(200, 20))
    one, none_above = alike.iloc[:1], "no forecast above the median"
    for loans, finding in ((few, "too few loans"), (one, "too few loans"), (alike, none_above)):
        table = half_table(loans, np.arange(len(loans)))
        assert (table["finding"].iloc[0], table["p_holm"].isna().iloc[0]) == (finding, True)


def test_neighbors_are_compared_past_a_grade_without_loans():
    loans = graded(np.repeat([1, 2, 4], 100), 0.1, np.concatenate([firsts(100, 2), firsts(100, 25), firsts(100, 24)]))
    table = neighbor_table(loans, np.arange(300))
    assert table[["grade", "next_grade"]].to_numpy().tolist() == [[1, 2], [2, 4]]
    assert table["finding"].tolist() == ["next grade is riskier", "no difference detected"]


def test_one_grade_has_no_neighbor():
    assert neighbor_table(graded(1, 0.1, firsts(100, 3)), np.arange(100)).empty


def test_repeats_of_a_loan_count_once():
    once = graded(np.repeat([1, 2], 100), 0.1, np.concatenate([firsts(100, 5), firsts(100, 15)]))
    thrice = once.loc[np.repeat(once.index, 3)].assign(weight=1 / 3)
    tables = [neighbor_table(once, np.arange(200)), neighbor_table(thrice, np.repeat(np.arange(200), 3))]
    assert tables[0]["p_value"].tolist() == pytest.approx(tables[1]["p_value"].tolist())
    assert tables[0]["n_low"].tolist() == tables[1]["n_low"].tolist() == [100]
