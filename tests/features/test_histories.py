"""Histories: numbered columns of one thing, and summaries of them over an amount."""

import numpy as np
import pandas as pd
import pytest

from finnet.features.histories import Summary, find_summaries

HISTORY = ("due1", "due2", "due10")


def book(n_rows: int = 300, *, noise: float = 0.1) -> pd.DataFrame:
    """Dues of three months, in which month 10 stands before month 2, an income that scales them, and an age."""
    rng = np.random.default_rng(0)
    income, share = rng.lognormal(8.0, 1.0, n_rows), rng.uniform(0.1, 0.9, n_rows)
    dues = {name: income * (share + noise * rng.normal(size=n_rows)) for name in ("due1", "due10", "due2")}
    return pd.DataFrame({"age": rng.uniform(20.0, 70.0, n_rows), **dues, "income": income})


def columns_found(table: pd.DataFrame) -> set[tuple[str, ...]]:
    return {own.columns for own in find_summaries(table)}


def test_columns_stand_in_the_order_of_their_numbers_over_the_amount_that_scales_them():
    found = find_summaries(book())
    assert {own.columns for own in found} == {HISTORY}
    assert {own.scale for own in found} == {"income"}
    assert [own.kind for own in found] == ["mean", "largest", "spread", "change"]


def test_order_of_columns_makes_no_difference():
    table = book()
    assert find_summaries(table[table.columns[::-1]]) == find_summaries(table)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(np.random.default_rng(0).normal(size=(200, 5))).add_prefix("x"),
        book()[["due1", "due2", "income"]],
        book().assign(due2=1.0),
        book().iloc[:1],
        pd.DataFrame({"1": [1.0, 2.0], "2": [1.0, 2.0], "3": [1.0, 2.0]}),
    ],
    ids=["numbered columns of unlike things", "two columns", "one does not vary", "one row", "names without a stem"],
)
def test_other_columns_are_no_history(table):
    assert find_summaries(table) == ()


def test_without_an_amount_above_0_summaries_stand_by_themselves():
    table = book().assign(age=0.0, income=lambda own: own["income"] - own["income"].mean())
    assert {own.scale for own in find_summaries(table)} == {""}


def test_gaps_are_left_out_and_no_scale_is_no_summary():
    table = pd.DataFrame(
        {"due1": [1.0, np.nan, np.nan, 1.0], "due2": [2.0, 3.0, np.nan, 1.0], "due10": [6.0, 5.0, np.nan, 1.0]}
    ).assign(income=[2.0, 4.0, 4.0, 0.0])
    expected = {
        "mean": [1.5, 1.0, np.nan, np.nan],
        "largest": [3.0, 1.25, np.nan, np.nan],
        "spread": [np.std([1.0, 2.0, 6.0]) / 2.0, 0.25, np.nan, np.nan],
        "change": [2.5, np.nan, np.nan, np.nan],
    }
    for kind, values in expected.items():
        np.testing.assert_allclose(Summary(HISTORY, kind, "income").of(table), values)
