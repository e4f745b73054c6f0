"""Feature: a named formula of a Panel that says how many bars it looks back and which fields it needs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from finnet.checks import require_at_least
from finnet.data.panel import Panel
from finnet.errors import DataError
from finnet.types import BoolArray, FloatArray, TimeArray

__all__ = ["Feature", "PanelView"]

_REMEDIES = {
    "raw_close": "Money traded needs the close as it was traded, for an adjusted close holds all later splits and"
    " dividends: give a file that has both close and adj_close, or name the column with columns = {raw_close = '...'}"
    " (the same as close where that is not adjusted), or leave the feature out"
}
_BLOCK = 40_000  # elements of an array, a few of which fit into a core's own cache


@dataclass(frozen=True)
class Feature:
    """A number for every bar of every symbol, known at the close of that bar.

    Parameters
    ----------
    name : str
        For instance "return_5"; two features of one name, look-back and fields are taken for the same.
    look_back : int
        The value at t depends on bars t - look_back + 1 to t and on nothing else. 1 is the current bar alone. A
        recursion, such as an exponential mean, declares the bars after which it has forgotten all but 1e-10.
    fields : tuple of str
        Fields of the Panel that the formula reads.
    formula : callable
        From a `PanelView` to an ndarray of shape (T, S), NaN where there is no value.
    per_symbol : bool
        Whether the formula treats each symbol by itself. Then it is handed a few of them at a time, which is faster.
    expanding : bool
        Whether the value at t depends on all bars from the first of the panel to t, as an expanding mean does.
        `look_back` then is the warm-up: the bars that a row needs before it is used.
    reads_outside : bool
        Whether the formula also reads what no panel holds, such as the dates of holidays. No check can tell when that
        became known: whoever sets this vouches that every value was known at the close of its bar. Data that arrives
        late belongs into the panel, by `join_as_of`.
    of : Feature, optional
        The feature that this one is computed from, as `rank` and `market` are; it passes on what it declares.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> gap = Feature("high_low", 1, ("high", "low"), lambda view: view["high"] / view["low"] - 1.0)
    >>> gap.compute(made_market(symbols=2, sessions=5)).shape
    (5, 2)
    >>> def above_mean(view: PanelView) -> FloatArray:
    ...     count = np.arange(1, view.shape[0] + 1)[:, None]
    ...     return view["close"] / (np.cumsum(view["close"], axis=0) / count) - 1.0
    >>> Feature("above_mean", 20, ("close",), above_mean, expanding=True).expanding
    True
    """

    name: str
    look_back: int
    fields: tuple[str, ...]
    formula: Callable[["PanelView"], FloatArray] = field(compare=False, repr=False)
    per_symbol: bool = field(default=False, compare=False, repr=False)
    expanding: bool = field(default=False, compare=False, repr=False)
    reads_outside: bool = field(default=False, compare=False, repr=False)
    of: "Feature | None" = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        require_at_least(self.look_back, 1, name=f"feature {self.name!r}: look_back")
        if self.of is not None:
            # A frozen dataclass takes no assignment.
            object.__setattr__(self, "expanding", self.expanding or self.of.expanding)
            object.__setattr__(self, "reads_outside", self.reads_outside or self.of.reads_outside)

    def compute(self, panel: Panel) -> FloatArray:
        """Values of shape (T, S); DataError where the panel lacks a field."""
        return PanelView(panel).value(self)


class PanelView:
    """What formulas read: the fields of one Panel, and features of it, each computed once.

    Features that treat each symbol by itself are computed a few symbols at a time: all that their formulas touch then
    stays in the core's own cache, which halves the time for large panels.
    """

    def __init__(
        self,
        panel: Panel,
        *,
        whole: "PanelView | None" = None,
        columns: slice = slice(None),
        symbols_at_a_time: int | None = None,
    ) -> None:
        self._panel = panel
        self._width = symbols_at_a_time or max(_BLOCK // max(panel.shape[0], 1), 1)
        self._whole, self._columns = whole, columns
        self._logs: dict[str, FloatArray] = {}
        self._values: dict[Feature, FloatArray] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """(T, S): number of sessions and of symbols."""
        return self._panel.shape

    @property
    def sessions(self) -> TimeArray:
        """Local dates, shape (T,)."""
        return self._panel.sessions

    @property
    def member(self) -> BoolArray:
        """Whether the symbol belonged to the universe, shape (T, S)."""
        return np.asarray(self._panel.member)

    def __getitem__(self, field: str) -> FloatArray:
        """One field in float64, shape (T, S)."""
        return np.asarray(self._panel[field], np.float64)

    def log(self, field: str) -> FloatArray:
        """Natural logarithm of one field, shape (T, S); NaN where the field is not above zero."""
        if field not in self._logs:
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.log(self[field])
            # Into the new array, not into the panel's field.
            logs[np.isinf(logs)] = np.nan
            self._logs[field] = logs
        return self._logs[field]

    def value(self, feature: Feature) -> FloatArray:
        """Values of a feature, shape (T, S); asked for again, the same array. Do not write into it."""
        if feature not in self._values:
            self.require_fields(feature)
            self._values[feature] = self._compute(feature)
        return self._values[feature]

    def write(self, feature: Feature, *, out: FloatArray) -> None:
        """Put the values of a feature into `out`, shape (T, S)."""
        self.require_fields(feature)
        if feature.per_symbol and self._parts:
            for part in self._parts:
                out[:, part._columns] = part.value(feature)
        else:
            out[...] = self.value(feature)

    def _compute(self, feature: Feature) -> FloatArray:
        if feature.per_symbol and self._parts:
            out = np.empty(self.shape)
            self.write(feature, out=out)
            return out
        # A part sees a few symbols alone; what looks at all of them is computed once, on the whole, and cut.
        if self._whole is not None and not feature.per_symbol:
            return self._whole.value(feature)[:, self._columns]
        return feature.formula(self)

    @cached_property
    def _parts(self) -> list["PanelView"]:
        """Views of a few symbols each; none where the panel is small or is such a part."""
        width, symbols = self._width, self.shape[1]
        if self._whole is not None or symbols <= width:
            return []
        slices = [slice(start, start + width) for start in range(0, symbols, width)]
        return [PanelView(_symbols(self._panel, columns), whole=self, columns=columns) for columns in slices]

    def require_fields(self, feature: Feature) -> None:
        """Raise DataError where the panel lacks a field of the feature."""
        missing = [name for name in feature.fields if name not in self._panel.fields]
        if missing:
            remedy = _REMEDIES.get(missing[0], "Leave the feature out or map a column to that field")
            raise DataError(
                f"feature {feature.name!r} needs field {missing[0]!r}; the panel has {', '.join(self._panel.fields)}."
                f" {remedy}"
            )


def _symbols(panel: Panel, columns: slice) -> Panel:
    fields = {name: values[:, columns] for name, values in panel.fields.items()}
    return replace(panel, symbols=panel.symbols[columns], fields=fields, member=np.asarray(panel.member)[:, columns])
