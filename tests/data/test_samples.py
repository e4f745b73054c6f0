"""Embedded data is what its documentation says."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from finnet.data.samples import index_history, made_loan_book, made_market, made_recoveries
from finnet.labels import Direction


def test_index_history_has_twenty_years_of_bars_without_gaps():
    panel = index_history()
    assert panel.shape == (5031, 2)
    assert all(np.isfinite(panel[name]).all() for name in ("open", "high", "low", "close", "volume"))


def test_the_credit_spread_of_a_month_is_first_seen_in_the_month_after():
    panel = index_history()
    # Moody's Baa less Aaa: 2008-11 was 9.21 - 6.12 and 2008-12 was 8.43 - 5.05.
    spread, days = panel["credit_spread"][:, 0], panel.sessions.astype("datetime64[D]")
    assert spread[days == np.datetime64("2008-12-31")] == pytest.approx(9.21 - 6.12)
    assert spread[days == np.datetime64("2009-01-02")] == pytest.approx(8.43 - 5.05)


def test_vix_prints_after_the_close_so_the_next_close_sees_it():
    panel = index_history()
    days = panel.sessions.astype("datetime64[D]")
    assert np.isnan(panel["vix"][days == np.datetime64("2014-01-03"), 0])
    assert panel["vix"][days == np.datetime64("2014-01-06"), 0] == 13.76


@pytest.mark.parametrize(("beta", "bayes"), [(0.1, 0.5317), (0.25, 0.5780), (1.0, 0.75)])
def test_sentiment_of_the_made_market_foretells_as_much_as_stated(beta, bayes):
    panel = made_market(symbols=50, sessions=2000, beta=beta)
    y = Direction().values(panel)
    right = (panel["sentiment"] > 0) == (y == 1)
    assert right[np.isfinite(y)].mean() == pytest.approx(bayes, abs=0.005)


def test_prices_of_the_made_market_foretell_nothing():
    panel = made_market(symbols=50, sessions=2000, beta=0.0)
    y, ret = Direction().values(panel)[1:], np.diff(np.log(panel["close"]), axis=0)
    known = np.isfinite(y)
    assert roc_auc_score(y[known], ret[known]) == pytest.approx(0.5, abs=0.006)


def test_bars_of_the_made_market_are_possible():
    panel = made_market()
    assert (panel["high"] >= np.maximum(panel["open"], panel["close"])).all()
    assert (panel["low"] <= np.minimum(panel["open"], panel["close"])).all()


def test_defaults_of_the_made_book_come_from_its_true_probabilities():
    book = made_loan_book(loans=40_000)
    order = np.argsort(book.true_probability)
    for tenth in np.array_split(order, 10):
        expected = book.true_probability[tenth].mean()
        error = np.sqrt(expected * (1 - expected) / len(tenth))
        assert abs(book.default[tenth].mean() - expected) < 4 * error


def test_the_made_book_has_gaps_and_categories():
    table = made_loan_book().features
    assert 0.05 < table["income"].isna().mean() < 0.11
    assert table["home"].dtype == "category"


def test_samples_follow_their_seed():
    assert (made_market(seed=1)["close"] == made_market(seed=1)["close"]).all()
    assert (made_loan_book(seed=1).default != made_loan_book(seed=2).default).any()


def test_losses_of_made_recoveries_come_from_their_true_means():
    book = made_recoveries(loans=40_000)
    for tenth in np.array_split(np.argsort(book.true_loss), 10):
        error = book.loss[tenth].std() / np.sqrt(len(tenth))
        assert abs(book.loss[tenth].mean() - book.true_loss[tenth].mean()) < 4 * error


def test_made_recoveries_without_a_signal_all_expect_the_same():
    assert np.ptp(made_recoveries(loans=200, signal=0.0).true_loss) == 0.0
