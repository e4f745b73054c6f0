"""Scores and texts say when they could first be read, or are refused."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import join_as_of
from finnet.data.prices import PriceFile, read_prices
from finnet.data.sentiment_files import SentimentFile, TextFile, check_sentiment, read_sentiment, read_texts
from finnet.errors import ConfigError, DataError

TIMED = {"available_at": "at", "symbol": "ticker", "mood": "score"}
DAILY = {"date": "at", "symbol": "ticker", "mood": "score"}


def scores(*rows):
    return "at,ticker,score\n" + "".join(f"{row}\n" for row in rows)


def available(path, columns=TIMED, **settings):
    return read_sentiment(SentimentFile(path=path, columns=columns, **settings))["available_at"].astype(str).tolist()


def test_times_with_an_offset_are_moved_to_utc(write):
    path = write(scores("2014-01-02T16:00:00-05:00,A,1", "2014-07-02 16:00:00.5Z,A,2"))
    assert available(path) == ["2014-01-02 21:00:00.000", "2014-07-02 16:00:00.500"]


def test_times_without_an_offset_are_local_to_the_declared_zone(write):
    path = write(scores("2014-01-02 16:00,A,1", "2014-07-02 16:00,A,2"))
    assert available(path, zone="America/New_York") == ["2014-01-02 21:00:00", "2014-07-02 20:00:00"]


def test_the_values_of_a_day_are_known_when_the_day_is_published(write):
    path = write(scores("2014-01-02,A,1"))
    assert available(path, DAILY, time="23:00") == ["2014-01-02 23:00:00"]
    assert available(path, DAILY, time="08:00", days_later=1, zone="Asia/Tokyo") == ["2014-01-02 23:00:00"]


def test_a_daily_time_that_the_clocks_repeat_counts_as_the_later_one(write):
    path = write(scores("2014-11-02,A,1"))
    assert available(path, DAILY, time="01:30", zone="America/New_York") == ["2014-11-02 06:30:00"]


@pytest.mark.parametrize(
    ("rows", "rule", "line"),
    [
        (["2014-01-02 16:00Z,A,1", "2014-01-02 16:00,A,2"], "mixed_zones", 3),
        (["2014-03-09 02:30,A,1"], "no_such_local_time", 2),
        (["2014-11-02 01:30,A,1"], "no_such_local_time", 2),
        (["2014-01-02,A,1"], "not_a_time", 2),
        (["2014-01-02 25:00,A,1"], "not_a_time", 2),
        (["2014-01-02 16:00,A,good"], "not_a_number", 2),
        (["2014-01-02 16:00,,1"], "blank_text", 2),
        (["2014-01-02 16:00,A,1", "2014-01-02 16:00,A,2"], "duplicate_value", 3),
    ],
)
def test_a_row_that_cannot_be_placed_in_time_is_refused(write, rows, rule, line):
    settings = SentimentFile(path=write(scores(*rows)), columns=TIMED, zone="America/New_York")
    found = check_sentiment(settings)
    assert found[["rule", "line"]].values.tolist() == [[rule, line]]
    with pytest.raises(DataError, match=rule):
        read_sentiment(settings)


@pytest.mark.parametrize(("policy", "mood"), [("first", 1.0), ("last", 2.0)])
def test_of_two_scores_at_one_time_the_stated_one_stays(write, policy, mood):
    path = write(scores("2014-01-02 16:00,A,1", "2014-01-02 16:00,A,2"))
    assert read_sentiment(SentimentFile(path=path, columns=TIMED, duplicates=policy))["mood"].tolist() == [mood]


def test_scores_without_a_symbol_speak_for_all(write):
    path = write("at,score\n2014-01-03 10:00,1\n2014-01-02 10:00,2\n")
    rows = read_sentiment(SentimentFile(path=path, columns={"available_at": "at", "mood": "score"}))
    assert list(rows) == ["available_at", "mood"]
    assert rows["mood"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("columns", "time", "said"),
    [
        ({"mood": "score"}, "", "name exactly one of them"),
        ({"date": "a", "available_at": "b", "mood": "score"}, "23:00", "name exactly one of them"),
        ({"date": "a", "mood": "score"}, "", "needs the time of publication"),
        ({"date": "a", "mood": "score"}, "11 pm", "use 'HH:MM'"),
        ({"date": "a"}, "23:00", "columns names no value"),
    ],
)
def test_settings_without_a_clear_clock_or_value_are_refused(columns, time, said):
    with pytest.raises(ConfigError, match=said):
        SentimentFile(path="scores.csv", columns=columns, time=time)


def test_texts_keep_commas_quotes_and_line_breaks(write):
    path = write('at,who,text\n2014-01-02 10:00,A,"one, ""two""\nthree"\n2014-01-02 10:00,A,plain\n')
    rows = read_texts(TextFile(path=path, columns={"available_at": "at", "symbol": "who", "text": "text"}))
    assert rows["text"].tolist() == ['one, "two"\nthree', "plain"]


def test_lines_are_counted_through_line_breaks_in_texts(write):
    path = write('at,text\n2014-01-02 10:00,"a\nb"\nyesterday,c\n')
    found = check_sentiment(TextFile(path=path, columns={"available_at": "at", "text": "text"}))
    assert found[["rule", "line"]].values.tolist() == [["not_a_time", 4]]


def test_texts_need_a_text():
    with pytest.raises(ConfigError, match="columns names no text"):
        TextFile(path="t.csv", columns={"available_at": "at"})


def test_daily_sentiment_of_real_tweets_reaches_the_next_close_only(shared_data):
    panel = read_prices(PriceFile(path=str(shared_data / "market/acl18_prices.parquet")))
    path = str(shared_data / "market/acl18_sentiment_daily.parquet")
    columns = {"date": "date", "symbol": "symbol", "mood": "vader_mean"}
    joined = join_as_of(panel, read_sentiment(SentimentFile(path=path, columns=columns, time="23:00")), ["mood"])
    raw = pd.read_parquet(path, filters=[("symbol", "==", "AAPL")]).set_index("date")["vader_mean"]
    days, apple = panel.sessions, panel.symbols.index("AAPL")
    # 23:00 UTC is after the close of New York: Thursday's tweets are first known at Friday's close.
    at = np.searchsorted(days, np.datetime64("2014-01-03"))
    assert joined["mood"][at, apple] == raw["2014-01-02"]
    assert np.isnan(joined["mood"][days <= np.datetime64("2014-01-01"), apple]).all()


def test_real_tweets_are_read_in_the_order_of_their_stamps(shared_data):
    columns = {"available_at": "created_at", "symbol": "symbol", "text": "text", "followers": "followers"}
    tweets = read_texts(TextFile(path=str(shared_data / "market/acl18_texts.parquet"), columns=columns))
    assert len(tweets) == 92_232
    assert tweets["available_at"].is_monotonic_increasing


def test_values_from_before_their_publication_are_refused():
    with pytest.raises(ConfigError, match="days_later=-1 would use values before they were published"):
        SentimentFile(path="s.csv", columns={"date": "d", "score": "x"}, time="23:00", days_later=-1)


def test_scores_of_days_that_have_not_come_are_an_error(write):
    path = write("at,score\n2014-01-02 10:00,1\n2914-01-02 10:00,1\n".replace("2914", "2099"))
    found = check_sentiment(SentimentFile(path=path, columns={"available_at": "at", "score": "score"}))
    assert found[["rule", "severity", "line"]].values.tolist() == [["date_after_today", "error", 3]]
