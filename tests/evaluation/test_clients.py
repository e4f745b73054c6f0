"""Loans of one client share its luck, so comparisons and intervals count clients where forecasts have groups."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.evaluation.cases import paired_cases
from finnet.evaluation.comparison import compare
from finnet.evaluation.metric_shapes import auc_contributions
from finnet.evaluation.paired_tests import rows_t
from finnet.evaluation.scores import describe_sample, score
from finnet.forecasts import Forecasts

CLIENTS = np.repeat(np.arange(60), 5)


def loans(n=300, *, group=CLIENTS, seed=0, fold=0, issued=None):
    """Forecasts of three models of loans whose clients share their luck."""
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.1, 0.6, n // 5)[np.arange(n) // 5]
    default = (rng.random(n // 5)[np.arange(n) // 5] < risk).astype(float)
    values = {"network": risk, "tree": np.clip(risk + 0.1 * rng.standard_normal(n), 0.01, 0.9), "prior_rate": 0.35}
    rows = {"fold": fold, "entity": np.arange(n).astype(str), "target": "default", "horizon": 12}
    rows |= {"kind": "probability", "truth": default} | ({} if group is None else {"group": group})
    rows |= {} if issued is None else {"issued_at": issued}
    parts = [Forecasts.from_rows({**rows, "model": name, "value": value}, run_id="t") for name, value in values.items()]
    return Forecasts.concat(parts)


def test_with_every_loan_its_own_client_nothing_changes_to_the_bit():
    own, without = loans(group=np.arange(300)[::-1].copy()), loans(group=None)
    pd.testing.assert_frame_equal(score(own, draws=50), score(without, draws=50), check_exact=True)
    pd.testing.assert_frame_equal(compare(own).table, compare(without).table, check_exact=True)
    assert compare(own).verdict == compare(without).verdict


def test_the_test_by_rows_is_that_by_clients_of_one_row_each():
    x, fold, row = np.random.default_rng(0).standard_normal(40), np.repeat([0, 1], 20), np.arange(40)
    assert rows_t(x, fold, row, group=row) == rows_t(x, fold, row)


def test_the_error_by_clients_by_hand():
    # Deviations sum to -0.1 and 0.1 by client, so the error is sqrt(2 / (2 - 1) * (0.01 + 0.01)) / 4 = 0.05.
    test = rows_t(np.array([0.1, 0.3, 0.2, 0.4]), np.zeros(4, int), np.arange(4), group=np.array([0, 0, 1, 1]))
    assert (test.statistic, test.dof, test.n) == pytest.approx((0.25 / 0.05, 1.0, 2))


def test_repeats_of_clients_add_nothing():
    x, group = np.random.default_rng(1).standard_normal(30), np.arange(30) // 3
    once = rows_t(x, group % 2, np.arange(30), group=group)
    twice = rows_t(np.tile(x, 2), np.tile(group % 2, 2) + np.repeat([0, 2], 30), np.tile(np.arange(30), 2),
                   group=np.tile(group, 2))  # fmt: skip
    assert (once.statistic, once.dof, once.n) == pytest.approx((twice.statistic, twice.dof, twice.n))


def test_luck_shared_by_client_makes_the_test_by_rows_too_sure_and_that_by_clients_right():
    rng, group, row = np.random.default_rng(2), np.repeat(np.arange(40), 5), np.arange(200)
    draws = [rng.standard_normal(40)[group] + 0.5 * rng.standard_normal(200) for _ in range(400)]
    by_row = np.mean([rows_t(x, row * 0, row).p_value < 0.05 for x in draws])
    by_client = np.mean([rows_t(x, row * 0, row, group=group).p_value < 0.05 for x in draws])
    assert by_row > 0.25
    assert 0.02 < by_client < 0.085


def test_the_error_of_the_auc_is_that_of_obuchowski():
    # Every client has two defaults and three repaid loans; the paper's S10, S01 and S11, term by term.
    rng, truth = np.random.default_rng(3), np.tile([1.0, 1.0, 0.0, 0.0, 0.0], 60)
    value = rng.standard_normal(60)[CLIENTS] + truth + rng.standard_normal(300)
    beats = (value[truth == 1][:, None] > value[truth == 0]).astype(float)
    area, m, n = beats.mean(), 120, 180
    ones = beats.mean(axis=1).reshape(60, 2).sum(axis=1) - 2 * area
    zeros = beats.mean(axis=0).reshape(60, 3).sum(axis=1) - 3 * area
    s10, s01, s11 = 60 / 59 * ones @ ones / m, 60 / 59 * zeros @ zeros / n, 60 / 59 * ones @ zeros
    test = rows_t(auc_contributions(truth, value), np.zeros(300, int), np.arange(300), group=CLIENTS)
    assert test.mean == pytest.approx(area)
    assert (test.mean / test.statistic) ** 2 == pytest.approx(s10 / m + s01 / n + 2 * s11 / (m * n))


def test_the_verdict_and_the_table_count_clients():
    found = compare(loans(fold=CLIENTS % 3))
    assert "over 300 loans of 60 clients in 3 folds" in found.verdict
    assert (found.table["test"].unique().tolist(), found.table["n"].unique().tolist()) == (["clients"], [60])


def test_intervals_are_wider_where_clients_are_drawn():
    widths = [
        (table["high"] - table["low"])[table["model"] == "network"]
        for table in (score(loans(group=group), ["auc", "log_loss", "brier"], draws=60) for group in (CLIENTS, None))
    ]
    assert (widths[0] > 1.5 * widths[1]).all()


def test_loans_with_dates_and_clients_get_the_more_careful_interval():
    months = pd.date_range("2020-01-01", periods=20, freq="MS")
    issued = months[np.arange(300) % 20]
    by_client = score(loans(), ["brier"], draws=60)
    by_month, both = (score(loans(group=group, issued=issued), ["brier"], draws=60) for group in (None, CLIENTS))
    assert both["low"].to_numpy() == pytest.approx(np.minimum(by_month["low"], by_client["low"]).to_numpy())
    assert both["high"].to_numpy() == pytest.approx(np.maximum(by_month["high"], by_client["high"]).to_numpy())


def test_loans_with_dates_and_clients_get_the_more_careful_test():
    issued = pd.date_range("2020-01-01", periods=20, freq="MS")[np.arange(300) % 20]
    row, month, client = (
        compare(made).table.set_index("model").loc["prior_rate"]
        for made in (loans(issued=issued), loans(issued=issued, group=None), loans())
    )
    assert row["p_value"] == pytest.approx(max(month["p_value"], client["p_value"]))
    assert "300 loans of 20 months and 60 clients" in compare(loans(issued=issued)).verdict


def test_loans_of_less_than_a_year_have_days():
    issued = pd.date_range("2020-01-01", periods=100)[np.arange(300) % 100]
    found = compare(loans(group=None, issued=issued))
    assert found.verdict.startswith("By log loss, over 300 loans of 100 days, the network")
    assert set(found.table["test"]) == {"days"}


def test_symbols_of_a_panel_stay_units_of_time(make_forecasts, make_days):
    panel = make_forecasts({"a": np.full(6, 0.5)}, [0, 1] * 3, issued=make_days(3, 2), entity=["A", "B"] * 3)
    cases = paired_cases(Forecasts(panel.table.assign(group=0)))
    assert (cases.unit_name, cases.group) == ("session", None)


def test_the_sample_says_how_many_clients():
    assert (describe_sample(loans()).n_clients, describe_sample(loans(group=None)).n_clients) == (60, None)


def test_an_entity_of_two_groups_is_refused():
    table = loans().table
    with pytest.raises(DataError, match=r"7 is in groups \[1, 99\]"):
        Forecasts(table.assign(group=np.where(table.index == 7, 99, table["group"])))


def test_forecasts_with_and_without_groups_do_not_mix():
    with pytest.raises(DataError, match="some forecasts have a column group"):
        Forecasts.concat([loans(), loans(group=None)])


def test_groups_are_saved_and_read(tmp_path):
    loans().save(tmp_path / "forecasts.parquet")
    assert Forecasts.load(tmp_path / "forecasts.parquet").table["group"].tolist() == [*CLIENTS] * 3
