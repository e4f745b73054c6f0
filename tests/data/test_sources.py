import json
import re
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import _openml

from finnet.data.loans import check_loans, read_loans
from finnet.data.prices import PriceFile, check_prices, read_prices
from finnet.data.sources.openml import GERMAN_CREDIT, CreditSet, download_loans
from finnet.data.sources.yahoo import download_prices
from finnet.errors import ConfigError, DataError

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 4)
FIELDS = ["Adj Close", "Close", "High", "Low", "Open", "Volume"]
# As yfinance gives it: all days of all symbols, empty cells where one of them did not trade.
BARS = {
    "AAPL": [[92.5, 185.0, 188.0, 183.0, 187.0, 82e6], [91.5, 183.0, 185.0, 182.0, 184.0, 58e6], [np.nan] * 6],
    "^GSPC": [[4742.0, 4742.0, 4754.0, 4722.0, 4745.0, 3e9]] * 3,
}


def answer(bars=BARS):
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04"], name="Date")
    parts = {symbol: pd.DataFrame(rows, days, FIELDS) for symbol, rows in bars.items()}
    return pd.concat(parts, axis=1, names=["Ticker", "Price"]).swaplevel(axis=1)


class Recorded:
    """Gives a recorded answer, and counts how often it was asked."""

    def __init__(self, given):
        self.given, self.requests = given, []

    def __call__(self, *request):
        self.requests.append(request)
        return self.given


def download(cache, fetch, symbols=("^GSPC", "aapl"), start=FIRST, end=LAST):
    return download_prices(symbols, start, end, cache=cache, fetch=fetch)


def test_downloaded_prices_are_read_as_any_file(tmp_path):
    settings = PriceFile(path=str(download(tmp_path / "cache", Recorded(answer()))))
    panel = read_prices(settings)
    assert (panel.symbols, panel.shape) == (("AAPL", "^GSPC"), (3, 2))
    np.testing.assert_array_equal(panel["close"][:, 0], [92.5, 91.5, np.nan])
    assert panel["open"][0, 0] == pytest.approx(187.0 / 2)
    assert check_prices(settings).empty


def test_a_second_request_stays_off_the_network(tmp_path):
    fetch = Recorded(answer())
    paths = [download(tmp_path, fetch, symbols) for symbols in (["AAPL", "^GSPC"], ["^gspc", "AAPL", "AAPL"])]
    assert paths[0] == paths[1]
    assert fetch.requests == [(["AAPL", "^GSPC"], FIRST, LAST)]


def test_other_requests_have_files_of_their_own(tmp_path):
    fetch = Recorded(answer())
    requests = [{}, {"symbols": ["AAPL"]}, {"start": date(2024, 1, 1)}, {"end": date(2024, 1, 5)}]
    assert len({download(tmp_path, fetch, **request) for request in requests}) == len(requests)


def test_a_symbol_is_never_a_path(tmp_path):
    path = download(tmp_path, Recorded(answer({"../AAPL": BARS["AAPL"]})), ["../AAPL"])
    assert path.parent == tmp_path


def test_a_newest_day_that_is_not_adjusted_yet_is_left_out(tmp_path):
    bars = answer({"^GSPC": BARS["^GSPC"]})
    bars.loc[bars.index[-1], ("Adj Close", "^GSPC")] = np.nan
    panel = read_prices(PriceFile(path=str(download(tmp_path, Recorded(bars), symbols=["^GSPC"]))))
    assert panel.shape == (2, 1)


def odd(change):
    bars = answer({"^GSPC": BARS["^GSPC"]})
    return change(bars)


def with_cell(bars, field, value):
    bars.loc[bars.index[0], (field, "^GSPC")] = value
    return bars


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda bars: bars.iloc[:0], "no bars"),
        (lambda bars: pd.DataFrame(), "no bars"),
        (lambda bars: bars.droplevel("Ticker", axis=1), "not the levels Price and Ticker"),
        (lambda bars: bars.reset_index(drop=True), "not by days"),
        (lambda bars: with_cell(bars, "Adj Close", np.nan), "missing_adj_close"),
        (lambda bars: with_cell(bars, "Close", -1.0), "non_positive_price"),
        (lambda bars: pd.concat([bars, bars]), "duplicate_bar"),
    ],
)
def test_an_odd_answer_is_our_own_error_and_is_not_kept(tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        download(tmp_path / "cache", Recorded(odd(change)), symbols=["^GSPC"])
    assert not list(tmp_path.glob("cache/*"))


@pytest.mark.parametrize("bars", [{**BARS, "GONE": [[np.nan] * 6] * 3}, BARS], ids=["empty", "absent"])
def test_symbols_without_bars_are_named_and_nothing_is_kept(tmp_path, bars):
    with pytest.raises(DataError, match="gave no bars of GONE; check the spelling"):
        download(tmp_path, Recorded(answer(bars)), ["AAPL", "GONE"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"symbols": []}, "name nothing to download"),
        ({"symbols": ["AAPL", " "]}, "name nothing to download"),
        ({"start": date(2024, 1, 5)}, "start=2024-01-05 lies after end=2024-01-04"),
        ({"end": datetime.now(UTC).date()}, "is not over in UTC"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(tmp_path, request_, message):
    with pytest.raises(ConfigError, match=message):
        download(tmp_path, Recorded(answer()), **request_)


def test_names_the_extra_where_yfinance_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(ConfigError, match=r"pip install 'finnet\[data\]'"):
        download(tmp_path, None)


def test_asks_yfinance_for_raw_bars_with_the_last_day_in(monkeypatch, tmp_path):
    library = FakeYfinance()
    monkeypatch.setitem(sys.modules, "yfinance", library)
    download(tmp_path, None)
    assert library.config.network.retries > 0
    assert library.asked == {
        "tickers": ["AAPL", "^GSPC"],
        "start": "2024-01-02",
        "end": "2024-01-05",
        "auto_adjust": False,
        "actions": False,
        "progress": False,
    }


class FakeYfinance:
    """What finnet uses of yfinance, with a recorded answer."""

    def __init__(self):
        self.config = type("Config", (), {"network": type("Network", (), {"retries": 0})()})()

    def download(self, tickers, **settings):
        self.asked = {"tickers": tickers, **settings}
        return answer()


LOANS = """@relation credit-g
@attribute checking_status {'<0','0<=X<200','no checking'}
@attribute duration numeric
@attribute credit_amount numeric
@attribute housing {own,rent,'for free'}
@attribute class {good,bad}
@data
'<0',6,1169,own,good
'0<=X<200',48,5951,rent,bad
'no checking',12,2096,?,good
'<0',42,7882,'for free',good
"""


def feature(index, name, levels=()):
    """A column in the words of OpenML's API."""
    no = dict.fromkeys(["is_ignore", "is_row_identifier"], "false")
    kind = {"data_type": "nominal", "nominal_value": levels} if levels else {"data_type": "numeric"}
    target = "true" if name == "class" else "false"
    return {"index": str(index), "name": name, "is_target": target, "number_of_missing_values": "0", **no, **kind}


def openml_answers():
    """Answers of OpenML's API to the questions that scikit-learn asks about credit-g, by path."""
    url = "https://www.openml.org/data/v1/download/31/credit-g.arff"
    description = {"id": "31", "name": "credit-g", "version": "1", "format": "ARFF", "file_id": "31", "url": url}
    features = [
        feature(0, "checking_status", ["<0", "0<=X<200", "no checking"]),
        feature(1, "duration"),
        feature(2, "credit_amount"),
        feature(3, "housing", ["own", "rent", "for free"]),
        feature(4, "class", ["good", "bad"]),
    ]
    found = {"did": 31, "name": "credit-g", "version": 1, "status": "active", "format": "ARFF"}
    api, digest = "/api/v1/json/data", md5(LOANS.encode()).hexdigest()
    extra = {"description": "", "default_target_attribute": "class", "status": "active", "md5_checksum": digest}
    answers = {
        f"{api}/list/data_name/credit-g/limit/2/data_version/1": {"data": {"dataset": [found]}},
        f"{api}/31": {"data_set_description": {**description, **extra}},
        f"{api}/features/31": {"data_features": {"feature": features}},
        f"{api}/qualities/31": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "4.0"}]}},
    }
    return {
        **{path: json.dumps(value).encode() for path, value in answers.items()},
        "/data/v1/download/31/credit-g.arff": LOANS.encode(),
    }


@contextmanager
def serving(answers):
    """A server on this machine that gives these answers; yields its address and the paths asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200 if self.path in answers else 412)
            self.end_headers()
            self.wfile.write(answers.get(self.path, b'{"error": {"code": "372", "message": "No results"}}'))

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def openml(monkeypatch):
    """Paths that scikit-learn asks for, answered on this machine."""
    with serving(openml_answers()) as (address, asked):
        host = re.compile(r"https://(www|api)\.openml\.org")  # scikit-learn 1.7 asks api, later ones www
        monkeypatch.setattr(_openml, "urlopen", lambda request: urlopen(host.sub(address, request.full_url)))
        yield asked


def test_credit_set_is_read_as_any_loan_file(openml, tmp_path):
    settings = download_loans(GERMAN_CREDIT, cache=tmp_path / "cache")
    book = read_loans(settings)
    assert settings.categories == ("checking_status", "housing")
    assert book.default.tolist() == [0, 1, 0, 0]
    assert book.amount.tolist() == [1169, 5951, 2096, 7882]
    assert book.features["checking_status"].tolist() == ["<0", "0<=X<200", "no checking", "<0"]
    assert book.features["housing"].isna().tolist() == [False, False, True, False]
    assert check_loans(settings).empty


def test_credit_set_is_fetched_once(openml, tmp_path):
    first = download_loans(GERMAN_CREDIT, cache=tmp_path)
    asked = len(openml)
    assert download_loans(GERMAN_CREDIT, cache=tmp_path) == first
    assert len(openml) == asked > 0


def test_a_credit_set_that_openml_lacks_is_named(openml, tmp_path):
    with pytest.raises(DataError, match=r"credit-x version 2 could not be fetched from OpenML .*; check name"):
        download_loans(replace(GERMAN_CREDIT, name="credit-x", version=2), cache=tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_a_target_that_the_set_lacks_is_named(tmp_path):
    credit_set = CreditSet(name="a/../b", version=1, target="clas", bad="1", good="0")
    with pytest.raises(DataError, match=r"a/\.\./b of OpenML lacks column 'clas'; did you mean 'class'"):
        download_loans(credit_set, cache=tmp_path, fetch=lambda credit_set, cache: pd.DataFrame({"class": ["1"]}))


def test_the_name_of_a_set_is_never_a_path(tmp_path):
    credit_set = CreditSet(name="../b", version=1, target="class", bad="1", good="0")
    table = pd.DataFrame({"class": [1, 0], "income": [1.0, None], "home": pd.Categorical(["own", None])})
    settings = download_loans(credit_set, cache=tmp_path, fetch=lambda credit_set, cache: table)
    assert [path.name for path in tmp_path.iterdir()] == ["openml-..%2Fb-1.parquet"]
    assert read_loans(settings).default.tolist() == [1, 0]
