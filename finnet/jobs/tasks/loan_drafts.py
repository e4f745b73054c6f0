"""Drafts of default-risk jobs: what a loan file seems to hold."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from finnet.data.loan_checks import is_protected
from finnet.data.loan_file import LoanFile
from finnet.data.loans import inspect_loans
from finnet.data.quality import Findings
from finnet.data.sniffing import Sniffed, sniffed
from finnet.evaluation.leakage import loan_leaks
from finnet.jobs.tasks.draft_lines import beside, csv_lines, key_lines, words_of
from finnet.jobs.toml import to_toml

__all__ = ["as_found", "loan_draft", "outcomes_of", "split_lines", "target_named"]

_TARGETS = ("default", "bad", "target", "loan_status", "status", "outcome", "class", "label", "y")
_BAD = ("default", "charged off", "bad", "written off", "1", "yes", "true", "y")
_OPEN = ("current", "in grace period", "late", "issued", "open", "active")
_AMOUNTS = ("loan_amnt", "loan_amount", "amount", "loan", "credit_amount", "amt", "limit_bal", "amt_credit")
_ORDER = ("order", "sequence")
_PEOPLE = ("client", "customer", "borrower", "member", "household", "person", "company")
_NAMES = ("id", "no", "nr", "number", "key", "client", "customer", "borrower", "member")


def loan_draft(file: Path, folder: Path) -> list[str]:
    """The sections of a job file for loans."""
    found = sniffed(str(file))
    loans = LoanFile(path=str(file), csv=found.format, **_loan_settings(file, found))
    # A warning, so that the book can be read: columns with too many levels are found and dropped here.
    findings = Findings({"text_of_many_levels": "warning"})
    book = inspect_loans(loans, findings)
    is_ordered = bool(loans.applied_at or loans.order)
    told = {} if book is None else loan_leaks(book.features, book.default, is_ordered=is_ordered)
    features = pd.DataFrame() if book is None else book.features
    settings = as_found(loans, findings, features=features, told=told)
    lines = ["", "[data.loans]", *key_lines({"path": beside(file, folder), **settings}, guessed=set(settings))]
    lines += [*csv_lines("data.loans", found.format), *split_lines(settings)]
    # What follows only the owner of the loans can fill, so it is commented out.
    lines += ["", "# [lending]  # what a loan earns and a default costs: chooses a cut-off and shows profits"]
    lines += ["# margin = 0.05", "# loss_given_default = 0.45"]
    unused = {settings["target"], *settings.get("drop", ())}
    traits = tuple(name for name in found.table.columns if name not in unused and is_protected(name))
    if traits:
        lines += ["", "# [fairness]  # how groups fare; their columns are then no features"]
        lines += [f'# groups = {to_toml(traits)}  # of a number: {{ column = "age", limits = [25, 60] }}']
    return lines


def split_lines(settings: Mapping[str, Any]) -> list[str]:
    """A split in the order of days or ranks where the settings name them, else at random."""
    is_ordered = "applied_at" in settings or "order" in settings
    return ["", "[split.holdout]", "test_share = 0.3"] if is_ordered else ["", "[split.repeated_kfold]", "folds = 5"]


def _loan_settings(file: Path, found: Sniffed) -> dict[str, Any]:
    names = list(found.table.columns)
    target = _target(found)
    settings: dict[str, Any] = {"target": target, **outcomes_of(found, target)}
    dates = [name for name in found.dates if name != target]
    applied = next((name for name in dates if _has(name, ("issue", "appl", "orig", "fund", "open"))), None)
    applied = applied or next((name for name in dates if not _has(name, ("birth", "dob", "pymnt", "earliest"))), None)
    if applied is not None:
        settings |= {"applied_at": applied, "horizon_months": 12}
    else:
        # A rank tells most rows apart; what is called an order and does not is something else, such as a class.
        called = (name for name in found.numbers if name != target and _has(name, _ORDER))
        settings |= _first("order", (name for name in called if _share_different(found, name) > 0.5))
    settings |= _first("group", (name for name in names if name != target and _names_groups(found, name)))
    ages = tuple(name for name in dates if name != applied)
    if ages:
        settings["ages"] = ages
    amount = next((name for wanted in _AMOUNTS for name in names if name.casefold() == wanted), None)
    if amount in found.numbers and amount != target:
        settings["amount"] = amount
    settings["categories"] = tuple(name for name in found.texts if name not in (target, settings.get("group")))
    return settings


def _has(name: str, words: Sequence[str]) -> bool:
    return any(word in name.casefold() for word in words)


def _first(key: str, names: Iterator[str]) -> dict[str, str]:
    name = next(names, None)
    return {} if name is None else {key: name}


def _names_groups(found: Sniffed, name: str) -> bool:
    """Whether a column is called one of people or firms, some of whom have several rows and none many."""
    return _has(name, _PEOPLE) and name.casefold().endswith(_NAMES) and 0.1 < _share_different(found, name) < 0.99


def _share_different(found: Sniffed, name: str) -> float:
    return len(found.table.columns[name].unique()) / max(len(found.table), 1)


def _target(found: Sniffed) -> str:
    names = list(found.table.columns)
    exact = target_named(found)
    part = [name for wanted in _TARGETS[:4] for name in names if wanted in name.casefold()]
    two = [name for name in reversed(names) if len(words_of(found, name)) == 2]
    return exact or (part or two or names[-1:])[0]


def target_named(found: Sniffed) -> str:
    """The column that is called as outcomes are; "" where none is."""
    names = found.table.columns
    return next((name for wanted in _TARGETS for name in names if name.casefold() == wanted), "")


def outcomes_of(found: Sniffed, target: str) -> dict[str, Any]:
    """The cells that seem to mean bad, good and not known yet; nothing where they are the usual ones."""
    words = words_of(found, target)
    numbers = {word.removesuffix(".0") for word in words}
    if numbers <= {"0", "1"}:
        return {}
    # Cells such as "Late (31-120 days)" begin like an open loan, and are taken before the words for bad are looked for.
    undecided = tuple(word for word in words if word.casefold().startswith(_OPEN))
    rest = [word for word in words if word not in undecided]
    bad = tuple(word for word in rest if _has(word, _BAD[:4]) or word.casefold() in _BAD) or tuple(rest[:1])
    good = tuple(word for word in rest if word not in bad)
    chosen: dict[str, Any] = {"bad": bad, "good": good}
    return chosen | ({"undecided": undecided} if undecided else {})


def as_found(file: LoanFile, findings: Findings, *, features: pd.DataFrame, told: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a loan file after its findings: codes are declared, ids and columns of no use dropped.

    `told` are the columns that give the outcome away, which are dropped too.

    In `features` (n_rows, n_features) is looked for numbers that are codes in other columns.
    """
    plain = LoanFile(path="", target="")
    named = ("target", "bad", "good", "undecided", "applied_at", "order", "group", "amount", "ages")
    settings = {name: getattr(file, name) for name in named if getattr(file, name) != getattr(plain, name)}
    if file.applied_at:
        settings["horizon_months"] = file.horizon_months
    useless = {"likely_id", "many_levels", "text_of_many_levels", "constant_column", "empty_column"}
    found = [problem.column for problem in findings.problems if problem.rule in useless]
    drop = tuple(dict.fromkeys([*file.drop, *found, *told]))
    if drop:
        settings["drop"] = drop
    categories = tuple(name for name in file.categories if name not in drop)
    if categories:
        settings["categories"] = categories
    codes = {p.column: tuple(map(float, p.value.split(", "))) for p in findings.problems if p.rule == "likely_code"}
    if codes and len(features):
        everywhere = tuple(sorted({code for found in codes.values() for code in found}))
        others = features[[name for name in features if name not in codes]].select_dtypes("number")
        # A code of one column may be a measured number in another: then each code is declared by column.
        is_measured = others.isin(everywhere).to_numpy().any()
        settings |= {"missing_codes_in": dict(codes)} if is_measured else {"missing_codes": everywhere}
    return settings
