"""Loan files: where loan applications come from and what their columns are."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from finnet.checks import require_at_least
from finnet.data.csv_format import CsvFormat
from finnet.data.quality import Findings
from finnet.errors import ConfigError

__all__ = ["LoanFile"]


@dataclass(frozen=True, kw_only=True)
class LoanFile:
    """Where loan applications come from and what their columns are.

    Every column is a number unless it is named here; a cell that is no number is an error, not a category.

    Parameters
    ----------
    path : str
        A CSV, CSV.gz or Parquet file, one row per application.
    target : str
        Column of the outcome.
    bad, good : str or tuple of str
        Cells of `target` that mean default and no default; 1 and 1.0 are the same. Any cell that is neither, nor
        undecided, is an error.
    undecided : tuple of str
        Cells of `target` that mean "not known yet", such as "Current": such loans are neither trained nor tested, but
        forecast in the run's pending.csv.
    leave_out : dict of str to tuple of str
        Rows that are no loans of this book, by column and cell, such as ``{"status": ("Cancelled",)}``.
    id : str
        Column that names a loan; the row number (from 1) by default.
    categories : tuple of str
        Columns whose cells are names, numbers included.
    fold_case : bool
        Whether levels that differ only in case or blanks are one.
    ages : tuple of str
        Columns of dates, such as dates of birth, that become years from then to the application, or to `as_of` where
        loans have no dates.
    text_is_category : bool
        Whether a column in which fewer than half of the known cells are numbers is a category as well.
    drop : tuple of str
        Columns that are not read.
    missing_codes : tuple of float
        Numbers that mean "not known" in every number column, such as -999.
    missing_codes_in : dict of str to tuple of float
        More of them by column.
    amount : str
        Column of the lent amount in account currency; it stays a feature.
    applied_at : str
        Column of the day of application, from midnight in `zone`; it is no feature. Needs `horizon_months`.
    horizon_months : int
        Months after which an outcome is known. A loan applied for later than so many months before `as_of` is neither
        trained nor tested, whatever its cell says, but forecast in the run's pending.csv; its cell may be empty.
    as_of : date, optional
        Day of the data, to which outcomes are known; today by default.
    zone : str
        Time zone of the days in `applied_at`.
    order : str
        Column of a number that rises with the application, such as a rank, where the file has no days: splits follow
        it, and loans of one number stay together. It is no feature.
    group : str
        Column that names whose loan it is, such as "client_id": loans of one client are on one side of every split and
        block. A loan without one is by itself. It is no feature.
    aside : tuple of str
        Columns that are read but are no features: for fairness, segments, or what a loan brings.
    weight : str
        Column that says for how many loans a row stands, all above 0, such as 20 for good loans of which one in twenty
        was drawn. It is no feature; fits, scores, intervals and tests count rows by it.
    rules : dict of str to str
        Severities that replace those in `finnet.data.quality.RULES`.
    csv : CsvFormat

    Raises
    ------
    ConfigError
        Where two settings contradict each other, such as a column that is both dropped and set aside.

    Examples
    --------
    >>> LoanFile(path="loans.csv", target="status", bad=("late", "default"), good="paid").words("bad")
    ('late', 'default')
    """

    path: str
    target: str
    bad: str | tuple[str, ...] = "1"
    good: str | tuple[str, ...] = "0"
    undecided: tuple[str, ...] = ()
    leave_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    id: str = ""
    categories: tuple[str, ...] = ()
    fold_case: bool = False
    ages: tuple[str, ...] = ()
    text_is_category: bool = False
    drop: tuple[str, ...] = ()
    missing_codes: tuple[float, ...] = ()
    missing_codes_in: dict[str, tuple[float, ...]] = field(default_factory=dict)
    amount: str = ""
    applied_at: str = ""
    horizon_months: int = 0
    as_of: date | None = None
    zone: str = "UTC"
    order: str = ""
    group: str = ""
    aside: tuple[str, ...] = ()
    weight: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        Findings(self.rules)
        require_at_least(self.horizon_months, 0, name="horizon_months")
        if self.applied_at and not self.horizon_months:
            raise ConfigError("applied_at needs horizon_months: when is an outcome known? Use for instance 12")
        both = [name for name in self.aside if name in self.drop]
        if both:
            raise ConfigError(
                f"column {both[0]!r} is in drop and set aside; a dropped column is not read, so choose one"
            )
        if self.applied_at and self.order:
            raise ConfigError("applied_at and order are both given; days give the order already, so leave order out")
        words = [*self.words("bad"), *self.words("good"), *self.undecided]
        twice = [word for word in words if words.count(word) > 1]
        if twice:
            raise ConfigError(
                f"{twice[0]!r} stands twice in bad, good and undecided; name two different cells of {self.target!r}"
            )

    @property
    def day(self) -> date:
        """The day to which outcomes are known: `as_of`, or today in UTC."""
        return self.as_of or datetime.now(UTC).date()

    def words(self, outcome: str) -> tuple[str, ...]:
        """The cells that mean "bad" or "good"."""
        words = self.bad if outcome == "bad" else self.good
        return (words,) if isinstance(words, str) else words

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        """Keys that name columns of what became of a loan: no model is given them, and new loans need not have them."""
        return ("target",)

    @property
    def outcome_columns(self) -> list[str]:
        """The columns that these keys name."""
        return [getattr(self, key) for key in self.outcome_keys if getattr(self, key)]

    @property
    def named(self) -> dict[str, str]:
        """Every column that the settings name, with the first key that names it.

        Examples
        --------
        >>> LoanFile(path="loans.csv", target="status", categories=("home",), drop=("home",)).named
        {'status': 'target', 'home': 'categories'}
        """
        found: dict[str, str] = {}
        for key in (*self.outcome_keys, *_KEYS_OF_COLUMNS):
            names = getattr(self, key)
            for name in (names,) if isinstance(names, str) else names:
                if name:
                    found.setdefault(name, key)
        return found


# A column that several keys name is told by the first of them.
_KEYS_OF_COLUMNS = (
    *("id", "amount", "applied_at", "order", "group", "weight", "categories", "ages", "drop", "aside"),
    *("missing_codes_in", "leave_out"),
)
