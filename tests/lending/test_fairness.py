"""Fairness: figures by hand, intervals that cover, and no alarm where groups are equal."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.lending.fairness import fairness_table
from tests.lending.made import book, forecasts_of


def by_hand(times=1, **settings):
    # Ten men, eight of them approved; five women, three approved. One approved man and one approved woman default.
    probability = [0.1] * 8 + [0.3] * 2 + [0.1] * 3 + [0.3] * 2
    default = [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1]
    sex = pd.DataFrame({"sex": (["men"] * 10 + ["women"] * 5) * times}, index=[f"L{row}" for row in range(15 * times)])
    forecasts = forecasts_of(probability * times, default * times)
    return fairness_table(forecasts, sex, cutoff=0.2, **settings).set_index("group")


def test_the_adverse_impact_ratio_by_hand():
    table = by_hand()
    assert table["is_reference"].tolist() == [True, False]
    assert table["approval_rate"].tolist() == pytest.approx([0.8, 0.6])
    assert table["ratio"].tolist() == pytest.approx([1.0, 0.75])


def test_the_other_figures_by_hand():
    women = by_hand().loc["women"]
    # Of three approved one defaulted; of three repaid two were approved; two of five defaulted, 0.18 was forecast.
    assert women[["bad_rate", "forecast_bad_rate"]].tolist() == pytest.approx([1 / 3, 0.1])
    assert women["opportunity"] == pytest.approx(2 / 3)
    assert (women["forecast"], women["observed"], women["gap"]) == pytest.approx((0.18, 0.4, 0.22))
    # Defaults at 0.1 and 0.3 against repaid at 0.1, 0.1 and 0.3: a half, a half, none; one, one, a half.
    assert women["auc"] == pytest.approx(3.5 / 6)


def test_small_groups_are_marked_and_those_of_fewer_than_30_loans_are_not_tested():
    table = by_hand()
    assert table["is_small"].all()
    assert table["p_value"].isna().all()
    assert by_hand(times=5)["p_value"].isna().all()
    # 30 women: pooled 66 of 90, z = -0.2 / sqrt(0.7333 x 0.2667 (1/60 + 1/30)) = -2.023.
    assert by_hand(times=6).loc["women", "p_value"] == pytest.approx(0.0431, abs=1e-4)


def test_equal_opportunity_is_tested_among_the_repaid_where_30_of_either_group_were():
    assert by_hand(times=9)["opportunity_p"].isna().all()  # 27 women repaid
    # 30 women and 80 men: pooled 90 of 110, z = (2/3 - 7/8) / sqrt(0.8182 x 0.1818 (1/30 + 1/80)) = -2.523.
    women = by_hand(times=10).loc["women"]
    assert women["opportunity_p"] == pytest.approx(0.0116, abs=1e-4)
    assert women["opportunity_p_holm"] == women["opportunity_p"]


def test_a_group_without_a_default_has_an_interval_all_the_same():
    groups = pd.DataFrame({"sex": ["men"] * 30}, index=[f"L{row}" for row in range(30)])
    row = fairness_table(forecasts_of([0.1] * 30, [0] * 30), groups, cutoff=0.2).iloc[0]
    assert (row["bad_rate"], row["bad_rate_low"]) == (0, 0)
    assert row["bad_rate_high"] > 0.05


def test_a_group_of_which_nobody_is_approved_has_an_interval_of_its_ratio():
    groups = pd.DataFrame({"sex": ["men"] * 60 + ["women"] * 30}, index=[f"L{row}" for row in range(90)])
    forecasts = forecasts_of([0.1] * 30 + [0.3] * 60, np.arange(90) % 5 == 0)
    women = fairness_table(forecasts, groups, cutoff=0.2).set_index("group").loc["women"]
    assert (women["ratio"], women["ratio_low"]) == (0, 0)
    assert women["ratio_high"] > 0.1


def test_equal_rates_of_small_groups_are_rejected_at_the_level_of_the_test():
    # Groups of 30 among 330 loans, 90 % of them approved; the spread of loans drawn again rejects in a tenth.
    rng, index = np.random.default_rng(3), [f"L{row}" for row in range(330)]
    of_30 = np.array(["few"] * 30 + ["many"] * 300)
    groups = pd.DataFrame({f"column_{number}": rng.permutation(of_30) for number in range(400)}, index=index)
    forecasts = forecasts_of(np.arange(330) / 330, rng.random(330) < 0.2)
    p_values = fairness_table(forecasts, groups, cutoff=0.9, draws=2)["p_value"].dropna()
    assert len(p_values) == 400
    assert 0.03 <= (p_values < 0.05).mean() <= 0.065


def test_a_bad_ratio_is_found():
    probability, default = book(4000)
    groups = pd.DataFrame(
        {"sex": np.where(probability + np.random.default_rng(1).normal(0, 0.1, 4000) > 0.2, "women", "men")},
        index=[f"L{row}" for row in range(4000)],
    )
    women = fairness_table(forecasts_of(probability, default), groups, cutoff=0.2).set_index("group").loc["women"]
    assert women["p_holm"] < 0.001
    assert women["ratio_high"] < 0.8


@pytest.fixture(scope="module")
def equal_groups():
    """Tables of twenty columns of groups that were drawn at random, so that all are approved alike."""
    tables, rng = [], np.random.default_rng(8)
    for seed in range(6):
        groups = pd.DataFrame({f"column_{number}": rng.choice(["a", "b", "c"], 600) for number in range(20)})
        groups.index = pd.Index([f"L{row}" for row in range(600)])
        tables.append(fairness_table(forecasts_of(*book(600, seed)), groups, cutoff=0.15, draws=300, seed=seed))
    return tables


def test_equal_groups_give_no_alarm(equal_groups):
    # At a size of 5 % two or more tables of six alarm in 3 % of cases; this seed is fixed.
    assert sum((table["p_holm"] < 0.05).any() for table in equal_groups) <= 1


def test_equal_groups_differ_at_the_level_of_the_test(equal_groups):
    p_values = pd.concat(equal_groups)["p_value"].dropna()
    assert len(p_values) == 6 * 20 * 2
    assert 0.01 <= (p_values < 0.05).mean() <= 0.1


def test_the_interval_of_the_ratio_covers(equal_groups):
    others = pd.concat([table[~table["is_reference"]] for table in equal_groups])
    covered = ((others["ratio_low"] <= 1) & (others["ratio_high"] >= 1)).mean()
    assert 0.9 <= covered <= 0.99


def test_clients_with_many_loans_widen_the_ratio():
    probability, default = book(300)
    index = [f"L{row}" for row in range(3000)]
    forecasts = forecasts_of(np.repeat(probability, 10), np.repeat(default, 10))
    groups = pd.DataFrame({"sex": np.repeat(np.where(np.arange(300) % 2, "m", "w"), 10)}, index=index)
    clients = pd.Series(np.repeat(np.arange(300), 10), index=index)
    alone = fairness_table(forecasts, groups, cutoff=0.15)
    together = fairness_table(forecasts, groups, cutoff=0.15, clients=clients)
    width = [(table["ratio_high"] - table["ratio_low"]).max() for table in (alone, together)]
    assert width[1] / width[0] == pytest.approx(np.sqrt(10), rel=0.2)


def test_intervals_of_jeffreys_count_clients():
    # Loans of one client are one loan five times; of group x nobody is approved and nobody defaults.
    probability, default = (np.repeat(each, 5) for each in book(240))
    index = [f"L{row}" for row in range(1200)]
    groups = pd.DataFrame({"sex": np.repeat(np.tile(["m"] * 8 + ["w"] * 7 + ["x"], 15), 5)}, index=index)
    clients = pd.Series(np.repeat(np.arange(240), 5), index=index)
    of_x = groups["sex"].to_numpy() == "x"
    forecasts = forecasts_of(np.where(of_x, 0.16, probability), np.where(of_x, 0.0, default))
    by_loan, by_client = (
        fairness_table(forecasts, groups, cutoff=0.15, clients=of, draws=50).set_index("group")
        for of in (None, clients)
    )
    width = [(table["observed_high"] - table["observed_low"])["m"] for table in (by_loan, by_client)]
    assert width[1] / width[0] == pytest.approx(np.sqrt(5), rel=0.1)
    # It says as much as 15 clients.
    for name in ("observed", "approval_rate", "ratio", "opportunity"):
        assert by_client.loc["x", f"{name}_high"] > 3.5 * by_loan.loc["x", f"{name}_high"]


def test_one_loan_of_each_client_counts_as_without_clients():
    forecasts, index = forecasts_of(*book(300)), [f"L{row}" for row in range(300)]
    groups = pd.DataFrame({"sex": np.where(np.arange(300) % 3, "m", "w")}, index=index)
    tables = [
        fairness_table(forecasts, groups, cutoff=0.15, clients=clients, draws=50)
        for clients in (None, pd.Series(np.arange(300), index=index))
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_loans_without_a_group_are_refused():
    with pytest.raises(DataError, match="lack loan 'L1'"):
        fairness_table(forecasts_of([0.1, 0.2], [0, 1]), pd.DataFrame({"sex": ["m"]}, index=["L0"]), cutoff=0.2)
