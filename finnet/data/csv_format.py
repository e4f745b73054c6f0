"""CsvFormat: how the text of a file is to be read, as declared."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from finnet.checks import require_date_format, require_within
from finnet.errors import ConfigError

__all__ = ["MISSING", "CsvFormat"]

MISSING = ("", "NaN", "nan", "NA", "N/A", "null", "NULL", "None")
"""Cells of number columns that mean "not known" where nothing else is declared."""

_FORMAT_NAMES = ("iso", "epoch_s", "epoch_ms")
_BOUNDS = (
    ("skip_rows", 0, 1_000_000),
    ("skip_footer", 0, 1_000_000),
    ("header_lines", 1, 100),
    ("first_year", 0, 9900),
)


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """How a file is to be read: lines and cells of CSV, and text cells of Parquet alike.

    Parameters
    ----------
    delimiter : str
        One character between cells.
    encoding : str
        A name known to Python, such as "latin-1".
    skip_rows : int
        Lines above the header.
    skip_footer : int
        Lines below the table.
    header_lines : int
        Lines that name the columns: 2 or 3 where a table has several levels of names, as yfinance writes it. A level
        that says the same of all columns is left out, the others are joined by blanks; the first column has the last
        of its names.
    names : tuple of str
        Names of all columns of a file that has no header.
    date_format : str
        Of every date and time: "iso" (2020-01-31), strptime's letters such as "%d.%m.%Y", "epoch_s" or "epoch_ms"
        (seconds or milliseconds since 1970 in UTC).
    date_formats : dict of str to str
        The same for single columns, by their names in the file.
    first_year : int
        First of the hundred years that two digits (%y) can mean: 1950 reads 50 to 99 as 1950 to 1999 and 00 to 49 as
        2000 to 2049. 0 leaves it to strptime: 69 to 99 as 1969 to 1999.
    decimal : str
        The decimal sign, "." or ",".
    thousands : str
        The sign between groups of three digits, such as "," or "'"; none by default.
    units : dict of str to float
        What may stand before or after a number, and by what it multiplies it: ``{"%" = 1, "$" = 1, " months" = 1,
        "K" = 1000}``.
    missing : tuple of str
        Cells of number columns that mean "not known", exact but for blanks around them; where they are declared, of
        category columns too. Symbols know only the empty cell: NA is a ticker.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    skip_rows: int = 0
    skip_footer: int = 0
    header_lines: int = 1
    names: tuple[str, ...] = ()
    date_format: str = "iso"
    date_formats: Mapping[str, str] = field(default_factory=dict)
    first_year: int = 0
    decimal: str = "."
    thousands: str = ""
    units: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = MISSING

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n' or not self.delimiter.isascii():
            raise ConfigError(
                f"csv.delimiter={self.delimiter!r} cannot divide cells; use one character such as ',' or ';'"
            )
        try:
            # Encoding nothing looks the codec up.
            "".encode(self.encoding)
        except LookupError:
            raise ConfigError(f"csv.encoding={self.encoding!r} is not known; use for instance 'latin-1'") from None
        for name, least, most in _BOUNDS:
            require_within(getattr(self, name), least, most, name=f"csv.{name}")
        columns = {f"csv.date_formats.{column}": form for column, form in self.date_formats.items()}
        for name, form in {"csv.date_format": self.date_format, **columns}.items():
            if form not in _FORMAT_NAMES:
                require_date_format(form, name=name)
        if self.decimal not in (".", ","):
            raise ConfigError(f"csv.decimal={self.decimal!r} is no decimal sign; use '.' or ','")
        if len(self.thousands) > 1 or self.thousands.isalnum() or self.thousands in ("+", "-", self.decimal):
            raise ConfigError(
                f"csv.thousands={self.thousands!r} cannot stand beside the decimal sign {self.decimal!r}; use another"
                " sign, or none"
            )
        for unit, factor in self.units.items():
            if not unit.strip() or any(sign.isdigit() for sign in unit) or not abs(factor) > 0:
                raise ConfigError(f"csv.units: {unit!r} = {factor} is no unit; use for instance '%' = 1 or 'K' = 1000")

    def format_of(self, column: str) -> str:
        """The date format of a column."""
        return self.date_formats.get(column, self.date_format)

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return self.decimal == "." and not self.thousands and not self.units
