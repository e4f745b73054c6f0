"""Rules that data must keep: how bad it is to break each, and what to do then."""

from collections.abc import Mapping
from dataclasses import dataclass

from finnet.checks import require_choice
from finnet.errors import ConfigError

__all__ = ["RULES", "SEVERITIES", "Rule", "require_negotiable"]


@dataclass(frozen=True)
class Rule:
    """How bad it is to break a rule, and what to do then.

    Parameters
    ----------
    severity : str
        "error": nothing is read. "warning": the file is read and the quality table says so. "note": nothing is wrong;
        the table counts what the settings asked for.
    remedy : str
        What the owner of the file can do; "{keys}" stands for the section of the job file, such as "data.prices.".
    negotiable : bool
        Whether a reader's `rules` may make an error a "warning" or "ignore" it; every warning may be changed.
    changes : bool
        Whether reading on drops rows or empties cells, so that the reader warns as well.
    """

    severity: str
    remedy: str
    negotiable: bool = False
    changes: bool = False


def _error(remedy: str) -> Rule:
    return Rule("error", remedy)


def _policy(remedy: str) -> Rule:
    return Rule("error", remedy, negotiable=True)


def _repair(remedy: str) -> Rule:
    return Rule("warning", remedy, negotiable=True, changes=True)


def _warning(remedy: str) -> Rule:
    return Rule("warning", remedy, negotiable=True)


def _note(remedy: str) -> Rule:
    return Rule("note", remedy, negotiable=True)


RULES: Mapping[str, Rule] = {
    # the file
    "unreadable_file": _error("check the path, the rights and that the file is a whole CSV, CSV.gz or Parquet file"),
    "foreign_file": _error("save the table as CSV or Parquet"),
    "many_in_archive": _error("unpack the archive and give the folder, or one of its files"),
    "skipped_file": _warning(
        "rename the files to .csv, .csv.gz, .zip or .parquet to read them, or move them elsewhere"
    ),
    "empty_file": _error("give a header line and at least one row"),
    "wrong_encoding": _error("save the file as UTF-8, or name its encoding with {keys}csv.encoding"),
    "missing_column": _error("map the column with {keys}columns = {ours = 'theirs'}, or check {keys}csv.delimiter"),
    "text_above_header": _error("count the lines above the header with {keys}csv.skip_rows"),
    "text_below_table": _error("count the lines below the table with {keys}csv.skip_footer"),
    "several_header_lines": _error("count the header's lines with {keys}csv.header_lines"),
    "no_header": _error("the first line holds data, not names: name the columns with {keys}csv.names"),
    "wide_file": _error("one column per symbol: set {keys}wide = true"),
    "duplicate_header": _error("give every column its own name"),
    "repeated_header": _error("remove header lines below the first one; were two files put together?"),
    "ragged_row": _error("give every row as many cells as the header has"),
    "cut_off_row": _error("fetch the file again: its last line ends too early"),
    "no_final_newline": _policy("fetch the file again: it may be cut off; if it is whole, end it with a newline"),
    "stray_quote": _error("quote whole cells and double the quotes inside them"),
    "lone_carriage_return": _error("end lines with LF or CR LF"),
    "blank_line": _repair("remove blank lines; they were skipped"),
    "empty_column": _warning("drop the column, or find out why it has no values"),
    # cells
    "not_a_number": _error("write plain numbers such as -1234.5; name other words for missing with {keys}csv.missing"),
    "not_finite": _error("replace infinity by a number, leave the cell empty, or add it to {keys}csv.missing"),
    "too_large": _error("check the column: the number is beyond what it can mean or hold"),
    "not_a_date": _error("write dates as 2020-01-31, or declare {keys}csv.date_format"),
    "zone_in_date": _error("write plain local dates without a time zone; mixed zones move bars by a day"),
    "time_in_date": _error("write plain local dates without a time of day: finnet reads daily bars"),
    "date_out_of_range": _error("check the year: dates must lie in 1800 to 2100"),
    "date_after_today": _policy("check the year and the order of day and month in {keys}csv.date_format"),
    "not_a_time": _error(
        "write times as 2020-01-31 16:00:00, with or without an offset, or declare {keys}csv.date_format"
    ),
    "mixed_zones": _error("give every time an offset, or none of them and declare {keys}zone"),
    "no_such_local_time": _error("the clocks changed then: write this time in UTC or with its offset"),
    "blank_text": _error("fill the cell, or leave such rows out with {keys}exclude = ['']"),
    "untidy_text": _error("remove blanks around the text, and control characters from it"),
    "unknown_type": _error("store the column as plain numbers, text, dates or times"),
    "not_text": _error("store the column as text: numbers lose leading zeros"),
    # bars
    "duplicate_bar": _policy("keep one bar per symbol and date, or say which with {keys}duplicates"),
    "non_positive_price": _policy("repair the price; where an asset may trade below zero, allow it in {keys}rules"),
    "negative_volume": _error("repair the volume; did an integer overflow?"),
    "missing_close": _policy("fill the close, or remove the bar"),
    "missing_adj_close": _policy("fill the adjusted close, or read raw prices with {keys}adjust = false"),
    "high_below_low": _policy("repair the bar; are the columns mapped rightly?"),
    "empty_bar": _repair("remove bars without prices; they were dropped"),
    "zero_price": _repair("leave unknown prices empty; zeros beside a positive close were read as missing"),
    "missing_price": _warning("fill open, high and low, or do not use them"),
    "outside_range": _warning("check the bar: open or close lies outside low to high"),
    "zero_volume": _warning("check whether the symbol traded: a forecast may not be tradable there"),
    "unsorted": _warning("sort the file by date; the rows were sorted on reading"),
    "gap": _warning("check whether bars are missing: other symbols have sessions in between"),
    "sparse_session": _warning("check the date: most symbols that were listed then have no bar on it"),
    "stale_price": _warning("check whether the price was filled forward"),
    "weekend_bars": _warning("prices of Friday filled forward: leave them out with {keys}weekdays_only = true"),
    "likely_split": _warning("check the adjustment: the price jumped by the ratio of a split"),
    "unit_jump": _warning("check the unit: the price jumped by about 100, as from pence to pounds"),
    "outlier": _warning("check the price: it moved by more than half in one bar"),
    # late data
    "duplicate_value": _policy("keep one value per symbol and time, or say which with {keys}duplicates"),
    "late_revision": _repair("nothing to do: a revision of a period older than the newest known one was skipped"),
    "published_early": _error("check the publication date: it lies before the period that it describes"),
    "no_common_symbol": _policy("write the symbols as the price file does: no value would be used"),
    "no_common_period": _policy("give values of the period of the prices: no value would be used"),
    "unmatched_symbol": _warning("write the symbols as the price file does: these have no price and are not used"),
    "symbol_without_value": _warning("these symbols of the price file have no value here: check their spelling"),
    "old_value": _warning("values long past are still used: bound their age with {keys}max_age_days"),
    # loans
    "unknown_outcome": _error(
        "name the cells in {keys}bad, {keys}good or, where the outcome is not known yet, {keys}undecided"
    ),
    "duplicate_id": _error("give every loan its own id"),
    "missing_order": _error("fill the cell: without a number the loan has no place in the order"),
    "missing_amount": _error("fill the amount, or leave {keys}amount out"),
    "non_positive_amount": _error("mend the amount, which must be above 0, or leave {keys}amount out"),
    "missing_weight": _error("fill the weight, or leave {keys}weight out"),
    "non_positive_weight": _error("mend the weight, which must be above 0, or leave {keys}weight out"),
    "not_due": _note(
        "neither trained nor tested, but forecast in the run's pending.csv; {keys}as_of names another day than today"
    ),
    "applied_later": _repair("check the dates: these loans lie after the day of the data and were left out"),
    "undecided": _note("neither trained nor tested; the run forecasts them in its pending.csv"),
    "loss_out_of_range": _error(
        "write losses as shares of the exposure, from 0 to 1, not in percent or money; cap what lies beyond in the file"
    ),
    "unresolved_loss": _note("neither trained nor tested, but forecast in the run's pending.csv"),
    "not_defaulted": _note("left out: what a loan loses is learned from those that defaulted"),
    "left_out": _note("left out as {keys}leave_out says"),
    "nothing_known": _warning("leave such rows out: a forecast of them is the same for all"),
    "duplicate_loan": _warning("check whether the same application was stored twice"),
    "likely_code": _warning("declare the code in {keys}missing_codes_in if it is not a measured number"),
    "likely_id": _warning("add the column to {keys}drop: it names rows and measures nothing"),
    "one_outcome": _error(
        "a model learns from both outcomes: check {keys}target, {keys}bad and {keys}good, and which loans are left out"
    ),
    "impossible_age": _warning(
        "mend these cells: nobody is younger than 0 or older than 120; a code belongs in {keys}missing_codes_in"
    ),
    "many_levels": _warning(
        "group its levels or add the column to {keys}drop: most stand in too few rows to learn from"
    ),
    "text_of_many_levels": _policy("add the column to {keys}drop, or to {keys}categories if its levels are meant"),
    "level_spellings": _warning("write each level one way, or set {keys}fold_case = true"),
    "missing_share": _warning("check whether the column is filled as it should be"),
    "protected_feature": _warning(
        "ask whether the law lets you decide by it; set it aside with {keys}aside, or name it in fairness.groups"
    ),
    "constant_column": _warning("drop the column: it says nothing"),
    "no_meaning": _error("write what it means, or leave the line out"),
    "meaning_twice": _error("leave one of both lines out"),
    "meaning_of_no_column": _error("write the column as the loan file does, or leave the line out"),
    "meaning_of_no_value": _warning("check the spelling; a code that no loan has does no harm"),
    # rows to learn from
    "gives_away": _warning("find out when the column is filled; drop it unless its values were known at the decision"),
    "equal_across_folds": _warning(
        "check whether applications were stored twice; where they are of one client, name the column in {keys}group"
    ),
    "unseen_in_fold": _warning("check the spelling; such a level is forecast as none of those that trained"),
    "empty_feature": _policy("leave the feature out, or find out why none of its values is known"),
    "cannot_run": _error("the run would stop there"),
}
"""Every rule by name. A reader's `rules` may change the severity of those that are negotiable."""

SEVERITIES = ("error", "warning", "ignore")


def require_negotiable(rule: str, severity: str) -> None:
    """Raise ConfigError unless a reader may give this rule this severity."""
    require_choice(rule, list(RULES), name="rules")
    require_choice(severity, SEVERITIES, name=f"rules.{rule}")
    if severity != "error" and not RULES[rule].negotiable:
        raise ConfigError(f"rules.{rule}={severity!r} is not allowed: no value could be trusted; {RULES[rule].remedy}")
