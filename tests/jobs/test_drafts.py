"""Drafts of job files for a user's own files run as they are, with their guesses marked."""

import gzip
import os

import numpy as np
import pandas as pd
import pytest

from finnet.data.samples import made_market
from finnet.errors import ConfigError, DataError
from finnet.jobs.drafts import draft, write_draft
from finnet.jobs.job_file import read_job
from finnet.jobs.sources import check_data

RNG = np.random.default_rng(4)
N = 400
BANK = pd.DataFrame(
    {
        "member_id": RNG.permutation(N) + 10_000,
        "issue_d": pd.date_range("2012-01-01", periods=N, freq="2D").strftime("%b-%Y"),
        "loan_amnt": [f"${amount:,.2f}" for amount in RNG.integers(900, 30000, N)],
        "term": RNG.choice([" 36 months", " 60 months"], N),
        "dob": [f"{year}-05-17" for year in RNG.integers(1950, 1990, N)],
        "purpose": RNG.choice(["car", "home"], N),
        "days": np.where(RNG.random(N) < 0.2, 365243, RNG.integers(1, 900, N)),
        "recoveries": 0.0,
        "loan_status": RNG.choice(["Charged Off", "Fully Paid", "Current"], N, p=[0.2, 0.6, 0.2]),
    }
)
BANK["recoveries"] = np.where(BANK["loan_status"] == "Charged Off", 12.5, 0.0)


def drafted(task, folder, *files):
    path = write_draft(task, "mine", [folder / file for file in files], folder=folder)
    return read_job(path)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_a_file_as_a_bank_writes_it_is_drafted_so_that_it_can_be_run(tmp_path, suffix):
    BANK.to_csv(tmp_path / f"bank.{suffix}", index=False)
    job = drafted("default-risk", tmp_path, f"bank.{suffix}")
    loans = job.data.loans
    assert (loans.target, loans.bad, loans.good) == ("loan_status", ("Charged Off",), ("Fully Paid",))
    assert (loans.undecided, loans.applied_at, loans.ages) == (("Current",), "issue_d", ("dob",))
    assert (loans.amount, loans.categories) == ("loan_amnt", ("purpose",))
    assert set(loans.drop) == {"member_id", "recoveries"}
    assert loans.missing_codes == (365243.0,)
    assert not (check_data(job)["severity"] == "error").any()


def test_guesses_are_marked(tmp_path):
    BANK.to_csv(tmp_path / "bank.csv", index=False)
    text = draft("default-risk", "mine", [tmp_path / "bank.csv"], folder=tmp_path)
    assert 'target = "loan_status"  # (guess)' in text
    assert 'path = "bank.csv"\n' in text


def test_prices_of_several_symbols_and_their_sentiment_are_drafted(tmp_path):
    panel = made_market(symbols=3, sessions=400)
    long = pd.DataFrame({name: values.ravel() for name, values in panel.fields.items()})
    long["Date"] = np.repeat(panel.sessions.astype("datetime64[D]").astype(str), 3)
    long["Ticker"] = panel.symbols * 400
    names = {"close": "Close", "volume": "Volume"}
    long[["Date", "Ticker", "close", "volume"]].rename(columns=names).to_csv(tmp_path / "prices.csv", index=False)
    mood = long[["Date", "Ticker", "sentiment"]].rename(columns={"sentiment": "Mood"})
    mood.to_csv(tmp_path / "mood.csv", index=False)
    job = drafted("direction", tmp_path, "prices.csv", "mood.csv")
    assert job.data.prices.columns == {"date": "Date", "symbol": "Ticker", "close": "Close", "volume": "Volume"}
    assert job.data.sentiment.columns == {"date": "Date", "symbol": "Ticker", "mood": "Mood"}
    assert "sentiment_mood" in job.features
    assert not (check_data(job)["severity"] == "error").any()


def test_european_numbers_and_dates_are_drafted(tmp_path):
    days = pd.bdate_range("2019-01-01", periods=400)
    rows = [f"{day:%d.%m.%Y};1.{place:03},50\n" for place, day in enumerate(days)]
    (tmp_path / "dax.csv").write_text("Datum;Close\n" + "".join(rows))
    prices = drafted("direction", tmp_path, "dax.csv").data.prices
    assert (prices.symbol, prices.csv.delimiter, prices.csv.decimal, prices.csv.thousands) == ("DAX", ";", ",", ".")
    assert prices.csv.date_format == "%d.%m.%Y"


def test_a_draft_replaces_no_file(tmp_path):
    BANK.to_csv(tmp_path / "bank.csv", index=False)
    (tmp_path / "mine.toml").write_text("")
    with pytest.raises(ConfigError, match="exists"):
        write_draft("default-risk", "mine", [tmp_path / "bank.csv"], folder=tmp_path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "No such file"),
        (os.mkfifo, "is a pipe"),
        (lambda path: path.write_bytes(gzip.compress(b"a,b")[:-4]), "ended before"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "a PDF document"),
    ],
    ids=["none", "a pipe", "half a gzip file", "a PDF document"],
)
def test_a_file_that_cannot_be_read_is_named(make, words, tmp_path):
    make(tmp_path / "loans.csv")
    with pytest.raises(DataError, match=words):
        draft("default-risk", "mine", [tmp_path / "loans.csv"], folder=tmp_path)


def test_a_column_of_ranks_and_one_of_clients_are_drafted(tmp_path):
    table = pd.DataFrame({"application_order": RNG.permutation(N), "client_id": RNG.integers(0, 200, N) + 70_000})
    table = table.assign(income=RNG.normal(size=N), order_size=RNG.integers(1, 5, N), default=RNG.integers(0, 2, N))
    table.to_csv(tmp_path / "loans.csv", index=False)
    job = drafted("default-risk", tmp_path, "loans.csv")
    assert (job.data.loans.order, job.data.loans.group, job.data.loans.drop) == ("application_order", "client_id", ())
    assert job.split.holdout is not None
    assert not (check_data(job)["severity"] == "error").any()


def test_a_draft_for_many_symbols_names_only_models_that_can_run(tmp_path):
    panel = made_market(symbols=25, sessions=400)
    long = pd.DataFrame({name: values.ravel() for name, values in panel.fields.items()})
    long["date"] = np.repeat(panel.sessions.astype("datetime64[D]").astype(str), 25)
    long["symbol"] = panel.symbols * 400
    long[["date", "symbol", "close", "volume"]].to_csv(tmp_path / "prices.csv", index=False)
    job = drafted("direction", tmp_path, "prices.csv")
    assert "persistence" not in job.models
    assert not (check_data(job)["severity"] == "error").any()


def test_prices_are_drafted_from_when_most_symbols_and_sentiment_are_there(tmp_path):
    days, rng = pd.bdate_range("2015-01-01", periods=500), np.random.default_rng(0)
    prices = [(day, name, 100 + rng.random()) for t, day in enumerate(days) for name in "ABC" if name == "A" or t > 59]
    pd.DataFrame(prices, columns=["date", "symbol", "close"]).to_csv(tmp_path / "prices.csv", index=False)
    mood = pd.DataFrame({"date": days[100::5], "mood": rng.random(80)})
    mood.to_csv(tmp_path / "mood.csv", index=False)
    assert drafted("direction", tmp_path, "prices.csv").data.prices.start == days[60].date()
    (tmp_path / "mine.toml").unlink()
    job = drafted("direction", tmp_path, "prices.csv", "mood.csv")
    assert days[100].date() <= job.data.prices.start <= days[101].date()
    assert job.data.sentiment.max_age_days == 70
    assert not check_data(job)["rule"].isin(["old_value", "no_common_period"]).any()
