"""Loans are read with declared types; what is no number, no outcome or no date is refused."""

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from finnet.data.loan_file import LoanFile
from finnet.data.loans import check_loans, inspect_loans, read_applications, read_clients, read_loans
from finnet.data.quality import Findings
from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.labels import default_dataset

LOANS = """number,day,amount,income,housing,status
x1,2020-01-31,1000,2500,rent,paid
x2,2020-02-29,2000,-999,own,default
x3,2020-03-01,3000,,,paid
"""


def settings(path, **changes):
    columns = {"target": "status", "bad": "default", "good": "paid", "categories": ("housing",)}
    return LoanFile(path=path, **{**columns, "id": "number", "drop": ("day",), **changes})


def rules_of(path, **changes):
    return check_loans(settings(path, **changes))[["rule", "line"]].values.tolist()


def test_a_book_has_outcomes_ids_numbers_and_categories(write):
    book = read_loans(settings(write(LOANS)))
    assert book.loan_id.tolist() == ["x1", "x2", "x3"]
    assert book.default.tolist() == [0, 1, 0]
    assert list(book.features) == ["amount", "income", "housing"]
    assert book.features["housing"].cat.categories.tolist() == ["own", "rent"]


def test_codes_for_missing_are_missing(write):
    path = write(LOANS)
    everywhere = read_loans(settings(path, missing_codes=(-999.0,))).features["income"]
    in_one = read_loans(settings(path, missing_codes_in={"income": (-999.0, 2500.0)})).features
    assert everywhere.isna().tolist() == [False, True, True]
    assert in_one["income"].isna().all()
    assert in_one["amount"].notna().all()


def test_loans_without_an_id_are_numbered(write):
    book = read_loans(settings(write(LOANS), id="", drop=("number", "day")))
    assert book.loan_id.tolist() == ["1", "2", "3"]


def test_an_outcome_resolves_months_after_the_application(write):
    book = read_loans(settings(write(LOANS), drop=(), applied_at="day", horizon_months=1))
    assert book.applied_at.astype("datetime64[D]").astype(str).tolist() == ["2020-01-31", "2020-02-29", "2020-03-01"]
    assert book.resolves_at.astype("datetime64[D]").astype(str).tolist() == ["2020-02-29", "2020-03-29", "2020-04-01"]
    assert "day" not in book.features


def test_the_amount_is_known_and_stays_a_feature(write):
    book = read_loans(settings(write(LOANS), amount="amount"))
    assert book.amount.tolist() == book.features["amount"].tolist() == [1000, 2000, 3000]


def test_text_columns_are_categories_only_where_declared(write):
    path = write(LOANS)
    assert rules_of(path, categories=()) == [["not_a_number", 2]]
    book = read_loans(settings(path, categories=(), text_is_category=True))
    assert isinstance(book.features["housing"].dtype, pd.CategoricalDtype)
    assert book.features["income"].dtype == float


def test_a_typing_error_does_not_make_a_number_column_a_category(write):
    assert rules_of(write(LOANS.replace("2500", "25OO")), text_is_category=True) == [["not_a_number", 2]]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("own,default", "own,late", ["unknown_outcome", 3]),
        ("own,default", "own,", ["unknown_outcome", 3]),
        ("x2", "x1", ["duplicate_id", 3]),
        ("x2", "", ["blank_text", 3]),
        ("2000", "inf", ["not_finite", 3]),
        ("2000", "2 000", ["not_a_number", 3]),
        ("housing", "house", ["missing_column", 1]),
    ],
)
def test_a_wrong_cell_is_refused_with_its_line(write, old, new, problem):
    path = write(LOANS.replace(old, new))
    assert rules_of(path) == [problem]
    with pytest.raises(DataError, match=problem[0]):
        read_loans(settings(path))


def test_a_date_that_is_none_is_refused(write):
    changes = {"drop": (), "applied_at": "day", "horizon_months": 12}
    assert rules_of(write(LOANS.replace("2020-02-29", "2021-02-29")), **changes) == [["not_a_date", 3]]


@pytest.mark.parametrize("cells", [[1, 0], [1.0, 0.0], [True, False], ["1", "0"], ["1.0", "0"]])
def test_outcomes_of_any_type_are_matched(tmp_path, cells):
    pq.write_table(pa.table({"x": [1.0, 2.0], "bad": cells}), tmp_path / "loans.parquet")
    path = str(tmp_path / "loans.parquet")
    outcome = {"bad": "True", "good": "False"} if cells[0] is True else {}
    assert read_loans(LoanFile(path=path, target="bad", **outcome)).default.tolist() == [1, 0]


def test_odd_columns_are_pointed_out(write):
    rows = "".join(f"{i % 2},{i * 7 % 20},,5,{-999 if i < 3 else i},{98 if i < 3 else i % 9}\n" for i in range(20))
    found = check_loans(LoanFile(path=write("bad,a,b,c,d,e\n" + rows), target="bad"))
    assert found[["rule", "column", "value", "count"]].values.tolist() == [
        ["empty_column", "b", "", 1],
        ["constant_column", "c", "5.0", 1],
        ["likely_code", "d", "-999", 3],
        ["likely_code", "e", "98", 3],
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"applied_at": "day"}, "applied_at needs horizon_months"),
        ({"good": "default"}, "two different cells"),
        ({"horizon_months": -1}, "horizon_months=-1 is too small"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        settings("loans.csv", **changes)


def test_settings_come_from_plain_tables():
    raw = {"path": "l.csv", "target": "y", "missing_codes": [-9], "missing_codes_in": {"age": [0, 99]}}
    assert TypeAdapter(LoanFile).validate_python(raw).missing_codes_in == {"age": (0.0, 99.0)}


MANY = {"text_of_many_levels": "warning"}  # zip codes
REAL = {  # rows, features, share of bad, repeated rows, as the README of the data says
    "german": (1000, 20, 0.3000, 0),
    "taiwan": (30000, 23, 0.2212, 35),
    "polish5": (5910, 64, 0.0694, 60),
    "hmeq": (5960, 12, 0.1995, 0),
    "heloc": (10459, 23, 0.5219, 587),
    "gmsc": (120472, 10, 0.0671, 421),
    "lendingclub": (27850, 16, 0.1364, 0),
}


@pytest.mark.parametrize("name", REAL)
def test_real_books_are_read_whole(shared_data, name):
    rows, features, bad, repeats = REAL[name]
    drop = ("ID",) if name == "taiwan" else ()
    path, words = str(shared_data / f"credit/{name}.csv.gz"), ("emp_length",) if name == "lendingclub" else ()
    file = LoanFile(path=path, target="default", text_is_category=True, categories=words, drop=drop, rules=MANY)
    book, found = read_loans(file), check_loans(file)
    assert book.features.shape == (rows, features)
    assert book.default.mean() == pytest.approx(bad, abs=5e-5)
    assert found.loc[found["rule"] == "duplicate_loan", "count"].sum() == repeats


def test_codes_of_real_lenders_are_found(shared_data):
    found = check_loans(LoanFile(path=str(shared_data / "credit/heloc.csv.gz"), target="default"))
    codes = found[found["rule"] == "likely_code"]
    assert set(", ".join(codes["value"]).split(", ")) == {"-7", "-8", "-9"}
    assert (codes["count"] >= 588).all()
    assert "missing_codes = [-9, -8, -7]" in codes["remedy"].iloc[0]


def test_german_categories_are_thirteen(shared_data):
    path = str(shared_data / "credit/german.csv.gz")
    dtypes = read_loans(LoanFile(path=path, target="default", text_is_category=True)).features.dtypes
    assert sum(isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes) == 13
    assert sum(dtype == np.float64 for dtype in dtypes) == 7


DATED = {"drop": (), "applied_at": "day", "horizon_months": 12}


@pytest.mark.filterwarnings("ignore:reading changed the data")
def test_loans_whose_outcome_cannot_be_known_yet_are_left_out_and_counted(write):
    path = write(LOANS)
    book = read_loans(settings(path, **DATED, as_of=date(2021, 2, 28)))
    assert book.loan_id.tolist() == ["x1", "x2"]
    found = check_loans(settings(path, **DATED, as_of=date(2021, 2, 28)))
    assert found.loc[found["rule"] == "not_due", "count"].tolist() == [1]


def test_an_empty_cell_is_no_error_until_the_outcome_is_due(write):
    rows = LOANS.replace("3000,,,paid", "3000,,,")
    book = read_loans(settings(write(rows), **DATED, as_of=date(2021, 2, 28)))
    assert book.pending.loan_id.tolist() == ["x3"]
    found = check_loans(settings(write(rows), **DATED, as_of=date(2021, 3, 1)))
    assert found.loc[found["severity"] == "error", "rule"].tolist() == ["unknown_outcome"]


def test_an_outcome_is_due_on_the_day_on_which_its_months_end(write):
    assert len(read_loans(settings(write(LOANS), **DATED, as_of=date(2021, 3, 1)))) == 3


def test_loans_applied_for_after_the_day_of_the_data_are_named(write):
    found = check_loans(settings(write(LOANS), **DATED, as_of=date(2020, 2, 15)))
    assert found.loc[found["rule"] == "applied_later", "count"].tolist() == [2]


@pytest.mark.filterwarnings("ignore:reading changed the data")
def test_without_a_day_of_the_data_today_counts(write):
    later = LOANS.replace("2020-03-01", str(date.today() - timedelta(days=30)))
    assert len(read_loans(settings(write(later), **DATED))) == 2


def test_several_cells_may_mean_bad_good_or_undecided(write):
    rows = LOANS + "x4,2020-03-02,1,1,rent,late\nx5,2020-03-02,1,1,rent,current\nx6,2020-03-02,1,1,rent,settled\n"
    words = {"bad": ("default", "late"), "good": ("paid", "settled"), "undecided": ("current",)}
    book, found = read_loans(settings(write(rows), **words)), check_loans(settings(write(rows), **words))
    assert book.default.tolist() == [0, 1, 0, 1, 0]
    assert found.loc[found["rule"] == "undecided", ["severity", "count"]].values.tolist() == [["note", 1]]


def test_rows_are_left_out_by_rule_and_counted(write):
    rows = LOANS + "x4,2020-03-02,1,1,rent,never paid out\n"
    file = settings(write(rows), leave_out={"status": ("never paid out",)})
    assert len(read_loans(file)) == 3
    assert check_loans(file)[["rule", "count"]].values.tolist() == [["left_out", 1]]


@pytest.mark.parametrize(("cell", "rule"), [("", "missing_amount"), ("0", "non_positive_amount")])
def test_an_amount_that_no_decision_can_use_is_found_with_its_line(write, cell, rule):
    assert rules_of(write(LOANS.replace("2000", cell)), amount="amount") == [[rule, 3]]


RANKED = "rank,income,status\n3,1,paid\n1,2,default\n2,3,paid\n2,4,paid\n"


def ranked(path, **changes):
    return LoanFile(path=path, **{"target": "status", "bad": "default", "good": "paid", "order": "rank", **changes})


def test_a_number_gives_the_order_of_loans_without_dates(write):
    data = default_dataset(read_loans(ranked(write(RANKED))))
    assert data.in_order_of == "rank"
    assert not data.is_dated
    assert data.X["income"].tolist() == [2, 3, 4, 1]
    assert len(np.unique(data.clock("known_at"))) == 3


def test_a_loan_without_a_place_in_the_order_is_refused(write):
    found = check_loans(ranked(write(RANKED.replace("\n3,1", "\n,1"))))
    assert found[["rule", "line"]].values.tolist() == [["missing_order", 2]]


def test_days_do_not_give_the_order_but_are_the_days_of_application(write):
    found = check_loans(ranked(write("rank,status\n2020-01-31,paid\n2020-02-29,default\n")))
    assert "applied_at" in found["remedy"].iloc[0]


def test_days_and_an_order_are_not_both_given():
    with pytest.raises(ConfigError, match="leave order out"):
        ranked("a.csv", applied_at="day", horizon_months=12)


def test_new_applications_need_no_place_in_the_order(write):
    book = read_applications(ranked(write("income\n7\n")))
    assert book.features["income"].tolist() == [7]


def test_new_applications_are_read_without_columns_that_no_model_was_trained_with(write):
    file = settings(write("number,income,note,housing,day\nx1,7,paid late,own,x\nx2,8,,rent,x\n"))
    with pytest.warns(FinnetWarning, match="column 'note' is ignored"):
        book = read_applications(file, features=["income", "housing"])
    assert list(book.features) == ["income", "housing"]


def test_a_loan_without_a_client_is_by_itself_where_clients_alone_are_read(write):
    group = read_clients(ranked(write("client,income\na,1\n,2\na,3\n"), order="", group="client"))
    assert (group[:, None] == group).sum(axis=1).tolist() == [2, 1, 2]
    assert read_clients(ranked(write("client,income\n,1\n,2\n"), order="", group="client")) is None


def test_a_column_says_whose_loan_it_is_and_is_no_feature(write):
    text = "client,income,status\na,1,paid\nb,2,default\n,3,paid\na,4,paid\n,5,paid\n"
    book = read_loans(ranked(write(text), order="", group="client"))
    assert list(book.features) == ["income"]
    assert (book.group[:, None] == book.group).sum(axis=1).tolist() == [2, 1, 1, 2, 1]
    new = read_applications(ranked(write("income\n7\n"), order="", group="client"))
    assert new.group is None


@pytest.mark.parametrize(
    ("cells", "remedy"),
    [
        (("r02", "r11"), "add the column to categories"),
        (("5EUR", "7EUR"), 'if its letters are a unit, declare csv.units = { "EUR" = 1 }'),
        (("5%", "7%"), 'declare csv.units = { "%" = 1 }'),
    ],
)
def test_codes_are_taken_for_categories_before_they_are_taken_for_units(write, cells, remedy):
    path = write("region,bad\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells)))
    (found,) = check_loans(LoanFile(path=path, target="bad"))["remedy"]
    assert remedy in found
    assert ("units" in found) == ("units" in remedy)


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"amount": "amont"}, "mend data.loans.amount, which names the column"),
        ({"categories": ("hom",)}, "mend data.loans.categories, which names the column"),
        ({"aside": ("sex",)}, r"mend data.loans.aside or the groups of \[fairness\], which names the column"),
    ],
)
def test_a_missing_column_is_told_with_the_key_that_names_it(write, changes, remedy):
    findings = Findings(section="data.loans")
    inspect_loans(LoanFile(path=write("amount,home,bad\n1,own,0\n2,rent,1\n"), target="bad", **changes), findings)
    (found,) = findings.table()["remedy"]
    assert re.match(remedy, found)


def test_new_applications_need_no_column_that_is_dropped(write):
    file = settings(write("number,income\n1,7\n"), drop=("name",), leave_out={"state": ("test",)}, categories=())
    assert read_applications(file).features["income"].tolist() == [7]
