"""A run forecasts new rows as its network would have, and refuses what it should not forecast."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.loan_file import LoanFile
from finnet.data.samples import made_loan_book, made_market
from finnet.errors import ConfigError, DataError, LimitError
from finnet.estimators.saving import load_model
from finnet.evaluation.profile import Profile
from finnet.forecasts import Forecasts
from finnet.jobs.final_fit import final_rows
from finnet.jobs.forecasting import NewForecasts, forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.outputs import write_forecasts
from finnet.jobs.runner import run_job
from finnet.jobs.saved_runs import SavedRun
from finnet.jobs.sources import load
from finnet.jobs.tasks.loan_rows import new_loans

PANEL = made_market(symbols=3, sessions=220)
QUICK = {"schema": 1, "tune": {"trials": 1}, "network": {"members": 3, "hidden": [4], "epochs": 2}}


def long(panel):
    fields = {name: values.ravel() for name, values in panel.fields.items()}
    index = pd.MultiIndex.from_product(
        [panel.sessions.astype("datetime64[D]"), panel.symbols], names=["date", "symbol"]
    )
    return pd.DataFrame(fields, index=index).reset_index()


def price_job(path):
    return parse_job(
        {
            **QUICK,
            "task": "direction",
            "name": "prices",
            "data": {"prices": {"path": str(path), "columns": {"sentiment": "sentiment"}}},
            "features": ["return_1", "return_5", "sentiment"],
            "label": {"direction": {"horizon_bars": 2}},
            "split": {"walk_forward": {"train_bars": 100, "test_bars": 60}},
            "models": ["network", "always_up"],
        }
    )


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A run on the first 200 of 220 sessions, and the folder of its files."""
    folder = tmp_path_factory.mktemp("market")
    long(PANEL).to_csv(folder / "all.csv", index=False)
    long(PANEL.until(200)).to_csv(folder / "prices.csv", index=False)
    return run_job(price_job(folder / "prices.csv"), reports=folder).folder, folder


def at(session):
    """A moment in the night after a session."""
    return pd.Timestamp(PANEL.closes_at[session]) + pd.Timedelta(hours=5)


def test_the_night_of_the_run_forecasts_its_last_session(market):
    run, folder = market
    new = forecast_new(run, folder / "prices.csv", now=at(199))
    table = new.forecasts.table
    assert table["entity"].tolist() == list(PANEL.symbols)
    assert set(table["issued_at"]) == {pd.Timestamp(PANEL.closes_at[199])}
    assert table["truth"].isna().all()
    assert new.sentence.startswith(f"as of {PANEL.closes_at[199].astype('datetime64[s]')}".replace("T", " "))


def test_later_nights_see_nothing_of_what_came_after(market):
    run, folder = market
    until_205 = forecast_new(run, folder / "all.csv", now=at(205)).forecasts.table
    assert until_205["issued_at"].max() == pd.Timestamp(PANEL.closes_at[205])
    until_210 = forecast_new(run, folder / "all.csv", now=at(210)).forecasts.table
    values = [table.iloc[: len(until_205)].drop(columns="tradable_at") for table in (until_210, until_205)]
    pd.testing.assert_frame_equal(*values, check_exact=True)


def test_the_next_close_trades_a_forecast_where_the_prices_reach_it(market):
    run, folder = market
    table = forecast_new(run, folder / "all.csv", now=at(205)).forecasts.table
    bars = np.searchsorted(PANEL.closes_at, table["issued_at"])
    assert set(bars) == set(range(199, 206))
    np.testing.assert_array_equal(
        table["tradable_at"], np.append(PANEL.closes_at[:206], np.datetime64("NaT", "us"))[bars + 1]
    )


def test_forecasts_are_those_of_the_saved_network_on_the_rows_of_the_job(market):
    run, folder = market
    table = forecast_new(run, folder / "all.csv", now=at(210)).forecasts.table
    dataset = load(price_job(folder / "all.csv")).dataset
    known = dataset.clock("known_at")
    rows = np.flatnonzero((known >= PANEL.closes_at[199]) & (known <= PANEL.closes_at[210]))
    expected = load_model(run / "model.npz").predict_proba(dataset.X.iloc[rows])[:, 1]
    np.testing.assert_array_equal(table["value"], expected)


def test_the_final_refit_trains_on_the_last_window_of_resolved_rows(market):
    run, folder = market
    dataset = load(price_job(folder / "prices.csv")).dataset
    rows = final_rows(price_job(folder / "prices.csv").split.split, dataset)
    said = SavedRun.open(run).manifest["final refit"]
    assert said["rows"] == len(rows) == 100 * 3
    assert np.datetime64(said["until"]) == PANEL.closes_at[199]


def test_old_prices_are_refused(market):
    run, folder = market
    with pytest.raises(LimitError, match=r"is 7 weekdays old; give newer prices \(forecast\.max_age_sessions=5\)"):
        forecast_new(run, folder / "prices.csv", now=at(205))


def test_prices_that_end_before_the_model_was_trained_are_refused(market):
    run, folder = market
    with pytest.raises(DataError, match="when the model had been trained"):
        forecast_new(run, folder / "all.csv", now=at(198))


def test_too_little_history_is_refused(market, tmp_path):
    run, _ = market
    long(PANEL).query("date >= @PANEL.sessions[215]").to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(DataError, match="5 complete sessions are too few: features look back 6"):
        forecast_new(run, tmp_path / "short.csv", now=at(219))


def test_another_schema_is_refused(market, tmp_path):
    run, _ = market
    long(PANEL).drop(columns="sentiment").to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(DataError, match="sentiment"):
        forecast_new(run, tmp_path / "other.csv", now=at(219))


def test_embedded_data_get_no_new_rows(small, tmp_path):
    with pytest.raises(ConfigError, match=r"run a job with \[data\.loans\]"):
        forecast_new(small, tmp_path / "new.csv")


BOOK = made_loan_book(loans=400)


def loans_file(path, rows=slice(None), **changes):
    table = BOOK.features.assign(bad=BOOK.default, day=BOOK.applied_at.astype("datetime64[D]"), number=BOOK.loan_id)
    table.iloc[rows].assign(**changes).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    """A run on 400 loans of 2010 to 2019."""
    folder = tmp_path_factory.mktemp("loans")
    settings = {"target": "bad", "id": "number", "categories": ["home", "purpose"], "horizon_months": 12}
    source = {"path": loans_file(folder / "loans.csv"), "applied_at": "day", **settings}
    job = {
        **QUICK,
        "task": "default-risk",
        "name": "loans",
        "data": {"loans": source},
        "models": ["network", "prior_rate"],
    }
    return run_job(parse_job(job), reports=folder).folder


def test_new_loans_need_no_outcome_and_unknown_levels_count_as_none(loans, tmp_path):
    path = loans_file(tmp_path / "new.csv", slice(0, 5), day="2021-02-01", home="houseboat")
    pd.read_csv(path).drop(columns="bad").to_csv(path, index=False)
    new = forecast_new(loans, path)
    assert new.as_of == "2021-02-01 00:00:00"
    assert new.forecasts.table["entity"].tolist() == BOOK.loan_id[:5].tolist()
    assert set(new.forecasts.table["tradable_at"]) == {pd.Timestamp("2021-02-02")}
    assert set(new.forecasts.table["resolves_at"]) == {pd.Timestamp("2022-02-01")}


def test_an_outcome_that_is_there_is_not_looked_at(loans, tmp_path):
    values = [
        forecast_new(loans, loans_file(tmp_path / f"{bad}.csv", slice(0, 5), day="2021-02-01", bad=bad)).forecasts.table
        for bad in (0, 1, "open")
    ]
    assert values[0].equals(values[1])
    assert values[0].equals(values[2])


def test_every_loan_comes_back_and_those_of_before_the_training_ended_have_a_flag(loans, tmp_path):
    new = forecast_new(loans, loans_file(tmp_path / "old.csv"))
    assert new.forecasts.table["entity"].tolist() == BOOK.loan_id.tolist()
    assert all("known before the model was trained" in flags for flags in new.flags)


def test_loans_that_repeat_each_other_come_back_with_a_flag(loans, tmp_path):
    path = loans_file(tmp_path / "new.csv", slice(0, 5), day="2021-02-01")
    rows = pd.read_csv(path)
    pd.concat([rows, rows.tail(1)]).to_csv(path, index=False)
    new = forecast_new(loans, path)
    assert [flags.count("repeated") for flags in new.flags] == [0, 0, 0, 0, 1, 1]
    assert new.forecasts.table["entity"].iloc[-1] == f"{BOOK.loan_id[4]} (2)"


def test_an_amount_that_is_none_has_a_flag(tmp_path):
    features = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "amount": [5.0, -5.0, 0.0, np.nan]})
    features.to_csv(tmp_path / "new.csv", index=False)
    settings = LoanFile(path=str(tmp_path / "old.csv"), target="bad", amount="amount")
    rows = new_loans(
        settings,
        tmp_path / "new.csv",
        sentiment=None,
        profile=Profile.of(features),
        now=np.datetime64("2020-01-01"),
        until=None,
        target="default",
    )
    assert rows.flags == [[], ["amount is not above 0"], ["amount is not above 0"], []]


def test_columns_unlike_those_of_training_breach_a_limit_and_are_named(loans, tmp_path):
    path = loans_file(tmp_path / "new.csv", slice(0, 20), day="2021-02-01")
    pd.read_csv(path).assign(income=lambda rows: rows["income"] * 1000).to_csv(path, index=False)
    new = forecast_new(loans, path)
    with pytest.raises(LimitError, match=r"income: \d+ of 20 rows have values outside the range of training"):
        new.require_stable()


def test_flags_are_written_as_the_last_column(loans, tmp_path):
    new = forecast_new(loans, loans_file(tmp_path / "old.csv"))
    write_forecasts(new.forecasts, tmp_path / "out.csv", columns={"flags": new.flags})
    table = pd.read_csv(tmp_path / "out.csv")
    assert (table.columns[-1], len(table)) == ("flags", len(BOOK))


def test_a_missing_column_is_named(loans, tmp_path):
    path = loans_file(tmp_path / "new.csv", slice(0, 5), day="2021-02-01")
    pd.read_csv(path).drop(columns="income").to_csv(path, index=False)
    with pytest.raises(DataError, match=r"new\.csv: lacks column 'income', with which .* trained; add it to the file"):
        forecast_new(loans, path)


@pytest.mark.parametrize(
    ("as_of", "until", "said"),
    [
        ("undated", "undated", "1 forecasts by the decision tree of run r, whose rows have no dates"),
        ("undated", "2020-01-01", "1 forecasts by the decision tree of run r, trained until 2020-01-01 (times in UTC)"),
        ("2021-01-01", "2020-01-01", "as of 2021-01-01: 1 forecasts by the decision tree of run r, trained until"),
    ],
)
def test_rows_without_dates_have_no_as_of(as_of, until, said):
    row = {"model": "tree", "fold": -1, "entity": ["a"], "target": "default", "horizon": 0, "kind": "probability"}
    forecasts = Forecasts.from_rows({**row, "value": [0.1]}, run_id="r")
    sentence = NewForecasts(forecasts, as_of, until, "r").sentence
    assert sentence.startswith(said)
    assert "undated" not in sentence


def test_a_missing_column_that_the_job_names_is_told_of_the_file_not_of_the_job(loans, tmp_path):
    path = loans_file(tmp_path / "new.csv", slice(0, 5), day="2021-02-01")
    pd.read_csv(path).drop(columns="home").to_csv(path, index=False)
    with pytest.raises(DataError, match=r"new.csv, .*column home: the file lacks it .*; add the column to the file$"):
        forecast_new(loans, path)
    pd.read_csv(loans_file(path, slice(0, 5))).rename(columns={"home": "hom"}).to_csv(path, index=False)
    with pytest.raises(DataError, match="column home: the file lacks it, but has 'hom'"):
        forecast_new(loans, path)


def test_new_loans_that_trained_the_model_are_flagged(loans, tmp_path):
    new = forecast_new(loans, loans_file(tmp_path / "old.csv"))
    trained = ["equal in every column to a row that trained the model" in words for words in new.flags]
    assert sum(trained) > 0.9 * len(BOOK)
    moved = pd.read_csv(tmp_path / "old.csv").assign(income=lambda rows: rows["income"].fillna(0) + 0.5)
    moved.to_csv(tmp_path / "new.csv", index=False)
    assert not any("trained the model" in words for words in forecast_new(loans, tmp_path / "new.csv").flags)
