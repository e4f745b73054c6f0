"""Names and numbers as a reader wants them: "53.1 % (51.9 to 54.2)", "<0.001", "Decision tree"."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from finnet.evaluation.metrics import METRICS
from finnet.plugins import is_plugin

__all__ = [
    "ABSENT",
    "Metric",
    "clients_counted",
    "count",
    "day",
    "metric_of",
    "money",
    "number",
    "p_value",
    "percent",
    "shorten",
    "span",
    "stacked",
]

ABSENT = "–"
_MINUS = "−"
_MOST_DIGITS = 6


def shorten(words: str, most: int) -> str:
    """The words, their middle left out where they have more than `most` characters.

    Examples
    --------
    >>> shorten("k-NN", 24), shorten("my_package.models:Newest", 11)
    ('k-NN', 'my_pa…ewest')
    """
    end = most // 2
    return words if len(words) <= most else f"{words[: most - end - 1]}…{words[-end:]}"


def number(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """A number with a fixed count of digits and a true minus sign; a dash where it is not finite.

    Examples
    --------
    >>> number(-0.12345), number(0.5, 2, signed=True), number(float("nan"))
    ('−0.123', '+0.50', '–')
    """
    if not math.isfinite(value):
        return ABSENT
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    # What rounds to zero has no sign: "−0.00" would tell of a fall.
    return text.replace("-", _MINUS) if float(text.replace(",", "")) else text.lstrip("+-")


def percent(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """A share as a percentage.

    Examples
    --------
    >>> percent(0.5312), percent(-0.2, 0), percent(0.012, signed=True)
    ('53.1 %', '−20 %', '+1.2 %')
    """
    text = number(100 * value, digits, signed=signed)
    return text if text == ABSENT else f"{text} %"


def count(value: float) -> str:
    """A whole number with its thousands set apart.

    Examples
    --------
    >>> count(123456)
    '123,456'
    """
    return number(value, 0)


def clients_counted(loans: float, clients: float, *, also: str = "") -> str:
    """How many loans of how many clients there are, and what tests count, in a sentence.

    Examples
    --------
    >>> clients_counted(12000, 4100, also=" and dates of application")
    '12,000 loans of 4,100 clients; tests count clients and dates of application.'
    """
    return f"{count(loans)} loans of {count(clients)} clients; tests count clients{also}."


def money(value: float, scale: float) -> str:
    """An amount without decimals, or with two where the largest amount beside it, `scale`, is below a hundred.

    Examples
    --------
    >>> money(1234.5, 20_000), money(1.5, 20)
    ('1,234', '1.50')
    """
    return number(value, 0 if scale >= 100 else 2)


def day(value: object) -> str:
    """The day of a time as YYYY-MM-DD, with hyphens that no line breaks at; a dash where there is none.

    Examples
    --------
    >>> day(pd.Timestamp("2018-12-31 21:00")), day(None), day("3 months")
    ('2018‑12‑31', '–', '3 months')
    """
    if value is None or value is pd.NaT:
        return ABSENT
    return f"{value:%Y‑%m‑%d}" if hasattr(value, "strftime") else str(value)


def p_value(value: float) -> str:
    """A p-value to three digits, never written as zero.

    Examples
    --------
    >>> p_value(0.0421), p_value(0.0001), p_value(float("nan"))
    ('0.042', '<0.001', '–')
    """
    return "<0.001" if value < 0.001 else number(value, 3)  # NaN compares as false, and becomes a dash


def span(low: str, high: str) -> str:
    """An interval in words, the unit said once; a dash where an end is missing.

    Examples
    --------
    >>> span("51.9 %", "54.2 %"), span("0.1", "0.2"), span("–", "–")
    ('51.9 to 54.2 %', '0.1 to 0.2', '–')
    """
    if ABSENT in (low, high):
        return ABSENT
    return f"{low.removesuffix(' %').removesuffix(' points')} to {high}"


def stacked(value: str, between: str) -> str:
    """A value with its interval on a second line, or alone where there is none.

    Examples
    --------
    >>> stacked("0.5", "0.4 to 0.6"), stacked("0.5", ABSENT)
    ('0.5\\n0.4 to 0.6', '0.5')
    """
    return value if between == ABSENT else f"{value}\n{between}"


@dataclass(frozen=True)
class Metric:
    """How a metric is called in a sentence and how its values are written.

    Examples
    --------
    >>> accuracy = metric_of("accuracy")
    >>> accuracy.text(0.5312), accuracy.difference(0.012), accuracy.with_interval(0.531, 0.519, 0.542)
    ('53.1 %', '+1.2 points', '53.1 % (51.9 to 54.2)')
    """

    name: str
    digits: int = 3
    is_share: bool = False
    higher_is_better: bool = True
    digits_of: Callable[[float], int] | None = None

    @property
    def label(self) -> str:
        """The name as a heading."""
        return self.name[0].upper() + self.name[1:]

    def text(self, value: float) -> str:
        """A value of the metric; one that has the unit of the truth with figures that count, whatever its size."""
        return percent(value, self.digits) if self.is_share else number(value, self._digits(value))

    def difference(self, value: float) -> str:
        """A signed difference of two values of the metric; percentages differ by points."""
        if not self.is_share:
            return number(value, self._digits(value), signed=True)
        text = number(100 * value, self.digits, signed=True)
        return text if text == ABSENT else f"{text} points"

    def fit_for(self, differences: "pd.Series[float]") -> "Metric":
        """The same with digits enough to tell differences of this size: two that count in their median, at most six.

        Examples
        --------
        >>> metric_of("log_loss").fit_for(pd.Series([0.00012, -0.00031])).difference(0.00012)
        '+0.00012'
        """
        sizes = differences.abs()
        sizes = sizes[(sizes > 0) & (sizes < math.inf)] * (100 if self.is_share else 1)
        if sizes.empty:
            return self
        needed = 1 - math.floor(math.log10(float(sizes.median())))
        if self.digits_of is not None:
            return replace(self, digits=max(needed, 0), digits_of=None)
        return replace(self, digits=min(max(self.digits, needed), _MOST_DIGITS))

    def _digits(self, value: float) -> int:
        return self.digits if self.digits_of is None else self.digits_of(value)

    def with_interval(self, value: float, low: float, high: float) -> str:
        """A value with its interval in brackets; the value alone where there is no interval."""
        between = span(self.text(low), self.text(high)).removesuffix(" %")
        return self.text(value) if between == ABSENT else f"{self.text(value)} ({between})"


def metric_of(name: str) -> Metric:
    """How the metric called `name` is written; an unknown metric keeps its name and three digits.

    Examples
    --------
    >>> metric_of("log_loss").label, metric_of("my_metric").text(0.12345), metric_of("mse").text(0.000123456)
    ('Log loss', '0.123', '0.0001235')
    """
    if is_plugin(name):
        # A page is drawn again without the user's code, and must come out the same.
        return Metric(name.partition(":")[2].replace("_", " "))
    if name not in METRICS:
        return Metric(name)
    known = METRICS[name]
    digits_of = known.digits_of if known.has_unit else None
    return Metric(known.words, known.digits, known.is_share, known.higher_is_better, digits_of)
