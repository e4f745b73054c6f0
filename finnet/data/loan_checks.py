"""What is allowed but odd in a loan book: codes, ids, levels without end, spellings, gaps and repeats."""

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from finnet.codes import FAR, likely_codes
from finnet.data.loan_book import LoanBook, LossBook
from finnet.data.quality import Findings
from finnet.types import BoolArray, FloatArray

__all__ = ["MISSING_SHARE", "is_protected", "suspect_ages", "suspect_columns", "suspect_protected", "suspect_repeats"]

MANY_LEVELS = 100
FEWEST_NUMBERS = 6  # of which something can be said
NEAR_UNIQUE = 0.5
MISSING_SHARE, MISSING_ROWS = 0.2, 20
ROWS_TO_FILL, SHARE_FILLED = 100, 0.95
OLDEST = 120  # years
_AGES_SHOWN = 3
ID_WORDS = ("id", "no", "nr", "number", "key", "uuid", "zip", "zipcode", "postcode", "phone", "ssn", "iban", "index")
"""Words in the names of columns that name things."""

PROTECTED = (
    "age",
    "birth",
    "dob",
    "gender",
    "sex",
    "marital",
    "marriage",
    "married",
    "personal_status",
    "nationality",
    "citizenship",
    "foreign_worker",
    "religion",
    "race",
    "ethnicity",
    "ethnic",
    "disability",
    "pregnant",
)
"""Names, or words in the names, of columns by which many laws forbid or limit to decide on credit."""
AGE_OF_PEOPLE = ("applicant", "band", "borrower", "client", "customer", "group", "in", "person", "years")
"""Words beside which "age" is that of a person, not that of an account."""


def suspect_columns(
    applications: pd.DataFrame, findings: Findings, *, file: str, declared: Collection[str] = ()
) -> None:
    """Note columns that are empty, constant, coded, near-unique, spelled in several ways or often missing.

    Parameters
    ----------
    applications : DataFrame of shape (n, n_features)
    declared : collection of str
        Categories that the settings name: they may have as many levels as they like, with a warning.
    """
    _note_checks(applications, findings, file=file, declared=[name for name in declared if name in applications])
    for name, values in applications.items():
        column = str(name)
        if values.isna().all():
            findings.add("empty_column", file, column=column)
        elif len(values.unique()) == 1:
            findings.add("constant_column", file, column=column, value=str(values.iloc[0]))
        elif isinstance(values.dtype, pd.CategoricalDtype):
            _suspect_levels(values, findings, file=file, is_declared=column in declared)
        else:
            known = values.dropna().to_numpy(float)
            if _names_rows(column, known):
                words = f"{len(np.unique(known)):,} values in {len(known):,} rows"
                findings.add("likely_id", file, column=column, value=words)
        share, count = float(values.isna().mean()), int(values.isna().sum())
        if MISSING_SHARE <= share < 1 and count >= MISSING_ROWS:
            findings.add("missing_share", file, column=column, value=f"{share:.0%} missing", count=count)
    _suspect_codes(applications.select_dtypes("number"), findings, file=file)


def _note_checks(applications: pd.DataFrame, findings: Findings, *, file: str, declared: Collection[str]) -> None:
    """Note what `suspect_columns` looks for, in the columns that it looks at."""
    every = [str(name) for name in applications]
    numbers = [str(name) for name in applications.select_dtypes("number")]
    levels = [name for name in every if name not in numbers]
    sought = {
        "empty_column": ("columns without any value", every),
        "constant_column": ("columns of one value", every),
        "missing_share": (
            f"columns of which {100 * MISSING_SHARE:g} % or more is missing, in {MISSING_ROWS} rows or more",
            every,
        ),
        "text_of_many_levels": (
            f"texts of {MANY_LEVELS} levels or more, or with a level for every other row",
            [name for name in levels if name not in declared],
        ),
        "many_levels": (f"categories of {MANY_LEVELS} levels or more, or with a level for every other row", declared),
        "level_spellings": ("levels that differ only in case or blanks", levels),
        "likely_id": ("numbers that count the rows, or are called ids and hardly repeat", numbers),
        "likely_code": (f"numbers that repeat {FAR:g} spreads away from all others, or are usual codes", numbers),
    }
    for rule, (words, columns) in sought.items():
        findings.inspection.look({rule: words}, file=file, columns=columns, rows=len(applications))


def suspect_ages(columns: "Mapping[str, pd.Series]", findings: Findings, *, file: str) -> None:
    """Note ages of people that nobody has.

    Examples
    --------
    >>> findings = Findings()
    >>> suspect_ages({"age": pd.Series([31.0, 999.0]), "loan_age": pd.Series([1.0, 999.0])}, findings, file="a.csv")
    >>> [(problem.column, problem.value) for problem in findings.problems]
    [('age', '999')]
    """
    ages = {name: values for name, values in columns.items() if _is_age(name) and is_numeric_dtype(values.dtype)}
    words = f"ages of people below 0 or above {OLDEST}"
    rows = len(next(iter(columns.values()), ()))
    findings.inspection.look({"impossible_age": words}, file=file, columns=ages, rows=rows)
    for name, values in ages.items():
        counts = values[(values < 0) | (values > OLDEST)].value_counts()
        if not len(counts):
            continue
        told = [f"{age:g} ({count:,} time{'s' * (count > 1)})" for age, count in counts.head(_AGES_SHOWN).items()]
        told += [f"{len(counts) - _AGES_SHOWN:,} other values"] * (len(counts) > _AGES_SHOWN)
        value = ", ".join(told) if len(counts) > 1 else f"{counts.index[0]:g}"
        findings.add("impossible_age", file, column=name, value=value, count=int(counts.sum()))


def suspect_protected(applications: pd.DataFrame, findings: Findings, *, file: str) -> None:
    """Note features of a table (n, n_features) whose names say that they are sex, age or the like.

    Examples
    --------
    >>> findings = Findings()
    >>> suspect_protected(pd.DataFrame(columns=["CODE_GENDER", "loan_age", "customerAge"]), findings, file="a.csv")
    >>> [problem.column for problem in findings.problems]
    ['CODE_GENDER', 'customerAge']
    """
    words = "features that their names call sex, age or another protected trait"
    columns = [str(name) for name in applications]
    findings.inspection.look({"protected_feature": words}, file=file, columns=columns, rows=len(applications))
    for column in columns:
        if is_protected(column):
            findings.add("protected_feature", file, column=column, value="by its name a protected trait")


def is_protected(column: str) -> bool:
    """Whether the name of a column says that it is a trait such as sex or age, by which laws limit decisions on credit.

    Examples
    --------
    >>> [name for name in ("SEX", "age_years", "account_age", "personalStatus", "grace_days") if is_protected(name)]
    ['SEX', 'age_years', 'personalStatus']
    """
    # customerAge and CUSTOMER-AGE become customer_age, so that whole words are compared.
    words = _words(column)
    if "age" in words.split("_"):
        return _is_age(column)
    return any(f"_{name}_" in f"_{words}_" for name in PROTECTED)


def _words(column: str) -> str:
    """The words in the name of a column, in lower case and joined by underscores."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z]+", "_", column).strip("_").casefold()


def _is_age(column: str) -> bool:
    """Whether a column is called the age of people; accounts and loans have an age too, beside words of their own."""
    words = set(_words(column).split("_"))
    return "age" in words and words <= {"age", *AGE_OF_PEOPLE}


def _suspect_levels(values: pd.Series, findings: Findings, *, file: str, is_declared: bool) -> None:
    levels, known, column = values.cat.categories, int(values.notna().sum()), str(values.name)
    if len(levels) >= MANY_LEVELS or (len(levels) > NEAR_UNIQUE * known and known >= MANY_LEVELS):
        words = f"{len(levels):,} levels in {known:,} rows, such as {', '.join(map(repr, levels[:3]))}"
        rule = "many_levels" if is_declared else "text_of_many_levels"
        findings.add(rule, file, column=column, value=words)
    folded = [" ".join(str(level).casefold().split()) for level in levels]
    alike = pd.Series(levels, index=levels).groupby(folded).agg(list)
    twins = [group for group in alike if len(group) > 1]
    if twins:
        rows = int(values.isin([level for group in twins for level in group]).sum())
        shown = "; ".join(" = ".join(map(repr, group[:3])) for group in twins[:3])
        findings.add("level_spellings", file, column=column, value=shown, count=rows)


def _suspect_codes(numbers: pd.DataFrame, findings: Findings, *, file: str) -> None:
    """Note the likely codes of every column, with the key that declares them."""
    by_column = {str(name): likely_codes(numbers[name].dropna().to_numpy(float)) for name in numbers}
    coded = {name: codes for name, codes in by_column.items() if codes}
    everywhere = sorted({code for codes in coded.values() for code in codes})
    # A code of one column may be a measured number in another: then each code is declared by column.
    others = numbers.drop(columns=list(coded)).isin(everywhere).to_numpy().any() if coded else False
    if others or len(coded) == 1:
        sets = ", ".join(f'"{name}" = {_listed(codes)}' for name, codes in list(coded.items())[:3])
        key = f"{{keys}}missing_codes_in = {{ {sets}{', ...' * (len(coded) > 3)} }}"
    else:
        key = f"{{keys}}missing_codes = {_listed(everywhere)}"
    for name, codes in coded.items():
        count = int(numbers[name].isin(codes).sum())
        remedy = f"if this is no measured number: {key}"
        findings.add("likely_code", file, column=name, value=_listed(codes)[1:-1], count=count, remedy=remedy)


def _listed(codes: Sequence[float]) -> str:
    return f"[{', '.join(f'{code:.15g}' for code in codes)}]"


def _names_rows(column: str, known: FloatArray) -> bool:
    """Whether whole numbers name things: they count the rows, in any order, or hardly repeat and are called so."""
    if len(known) < FEWEST_NUMBERS or (known != np.round(known)).any():
        return False
    counts_rows = bool((np.diff(known) == 1).all())
    if len(known) >= ROWS_TO_FILL:
        # In another order, or with a few rows left out or repeated, the numbers still fill their range.
        distinct, span = len(np.unique(known)), known.max() - known.min() + 1
        counts_rows |= bool(min(distinct / span, distinct / len(known)) > SHARE_FILLED)
    words = "".join(letter if letter.isalnum() else " " for letter in column).casefold().split()
    is_called = column == "" or any(word in ID_WORDS or word.endswith("id") for word in words)
    return counts_rows or (is_called and len(np.unique(known)) > NEAR_UNIQUE * len(known))


def suspect_repeats(book: LoanBook | LossBook, findings: Findings, *, file: str) -> None:
    """Note loans of which nothing is known, and others that equal an earlier one in every column and the outcome."""
    sought = {
        "nothing_known": "loans of which no column is known",
        "duplicate_loan": "loans that equal an earlier one in every column and the outcome",
    }
    findings.inspection.look(sought, file=file, columns=None, rows=len(book))
    unknown: BoolArray = book.features.isna().all(axis=1).to_numpy()
    # A wrong cell is read as a missing one, and has a finding of its own.
    if unknown.any() and not findings.has_errors:
        findings.add("nothing_known", file, value="no value in any column", count=int(unknown.sum()))
    outcome = book.default if isinstance(book, LoanBook) else book.loss
    rows: BoolArray = book.features.assign(_outcome=outcome).duplicated().to_numpy() & ~unknown
    if rows.any():
        findings.add("duplicate_loan", file, value="equal to an earlier one", count=int(rows.sum()))
