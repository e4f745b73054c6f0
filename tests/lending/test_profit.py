"""Profit: intervals that cover, clients drawn as a whole, and models compared on one footing."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.evaluation.calibration import jeffreys_interval
from finnet.forecasts import Forecasts
from finnet.lending.profit import profit_table
from finnet.lending.terms import LoanTerms
from tests.lending.made import book, forecasts_of

TERMS = LoanTerms(margin=0.1, loss_given_default=0.5)


def test_clients_with_many_loans_widen_the_interval():
    probability, default = book(100)
    ten_times = forecasts_of(np.repeat(probability, 10), np.repeat(default, 10))
    clients = pd.Series(np.repeat(np.arange(100), 10), index=[f"L{row}" for row in range(1000)])
    alone = profit_table(ten_times, TERMS, subject="network").iloc[0]
    together = profit_table(ten_times, TERMS, subject="network", clients=clients).iloc[0]
    growth = (together["high"] - together["low"]) / (alone["high"] - alone["low"])
    assert growth == pytest.approx(np.sqrt(10), rel=0.2)


def test_equal_models_do_not_differ_at_all():
    probability, default = book(200)
    both = [forecasts_of(probability, default, model=name) for name in ("network", "tree")]
    tree = profit_table(Forecasts.concat(both), TERMS, subject="network").iloc[1]
    assert tree[["difference", "difference_low", "difference_high"]].tolist() == [0, 0, 0]


def test_the_same_seed_gives_the_same_interval():
    forecasts = forecasts_of(*book(200))
    first, second = (profit_table(forecasts, TERMS, subject="network", seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_models_with_other_loans_are_refused():
    parts = [forecasts_of([0.1, 0.2], [0, 1]), forecasts_of([0.1], [0], model="tree")]
    with pytest.raises(DataError, match="tree has other loans"):
        profit_table(Forecasts.concat(parts), TERMS, subject="network")


def test_terms_that_decide_loan_by_loan_bring_each_model_what_its_own_forecasts_approve():
    probability, default = book(200)
    rates = pd.DataFrame({"rate": np.random.default_rng(2).uniform(0.0, 0.3, 200)}, [f"L{row}" for row in range(200)])
    # Rows of the other model stand in another order.
    turned = [f"L{row}" for row in range(199, -1, -1)]
    both = [forecasts_of(probability, default)]
    both += [forecasts_of(probability[::-1], default[::-1], entity=turned, model="tree")]
    terms = LoanTerms(margin_column="rate", loss_given_default=0.5, by_loan=True)
    table = profit_table(Forecasts.concat(both), terms, subject="network", columns=rates)
    rate = rates["rate"].to_numpy()
    approved = (1 - probability) * rate - probability * 0.5 > 0
    brought = np.where(default == 1, -0.5, rate)
    assert table["profit"].tolist() == pytest.approx([brought[approved].sum()] * 2)
    assert table["n"].tolist() == [approved.sum()] * 2
    assert table["cutoff"].isna().all()
    assert table.loc[1, ["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([0, 0, 0])


def approving_all(default, **more):
    """Ends of the interval of the bad rate where every loan is approved."""
    forecasts = forecasts_of(np.full(len(default), 0.1), np.asarray(default, float))
    row = profit_table(forecasts, LoanTerms(margin=0.9, loss_given_default=0.5), subject="network", **more).iloc[0]
    return row["bad_low"], row["bad_high"]


def test_the_bad_rate_has_the_interval_that_grades_have():
    assert approving_all([1] * 8 + [0] * 185) == pytest.approx(
        np.ravel(jeffreys_interval(np.array([8.0]), np.array([193.0])))
    )


def test_clients_whose_loans_share_luck_widen_the_interval_of_the_bad_rate():
    default = np.repeat([1.0] * 8 + [0.0] * 92, 3)
    low, high = approving_all(default, clients=pd.Series(np.arange(300) // 3, [f"L{row}" for row in range(300)]))
    # Three loans of a client that end alike tell as much as one.
    assert (low, high) == pytest.approx(np.ravel(jeffreys_interval(np.array([8.0]), np.array([100.0]))), rel=0.1)
