"""Data: what the models were given, what is odd about it, and how the rows of every fold were used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from finnet.names import model_in_sentence
from finnet.reporting.html import Block, Note, Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import ABSENT, count, day, percent, span

__all__ = ["DataSection", "checks_table", "feature_table", "fits_table", "fold_table", "quality_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DataSection(ReportSection):
    """Data, features and folds.

    Parameters
    ----------
    source : str
        Where the data come from, in a few words.
    counts : sequence of str
        How much there is, as "9,952 rows".
    folds : DataFrame
        `fold`, `train_from`, `train_to`, `train_rows`, `test_from`, `test_to`, `test_rows`; times NaT where rows have
        no dates. Where known, how the subject used the training rows: `fits`, rows of a fit at `least` and at `most`,
        `fitted` by any, `validating` at a time, `calibrating`, `unused`.
    features : DataFrame
        `name`, `meaning`, for markets `look_back`; for loans `missing` (share) and the `lowest` and `highest` default
        rate of a level or range, as text.
    quality : DataFrame
        Findings about the data: `severity`, `rule`, `found`, `remedy`; may have no rows.
    checks : DataFrame, optional
        What was looked for, found or not: `rule`, `sought`, `columns` (names), `n_columns` (-1 for whole rows), `rows`,
        `ignored`, and `found`, the number of findings of the rule; None in runs that did not record it.
    subject : str
        The model whose use of the training rows `folds` tells; "" in runs that did not record it.
    fits : mapping of str to int
        How often each model that learns, the naive ones left out, was fitted on a fold, each time without some rows;
        1 for one fit on all training rows.
    first, last : str, optional
        Days of the data.
    in_order_of : str
        What gives the order of the rows, where that is known without dates.
    base_rate : float, optional
        Share of the cases that were forecast whose truth is one; None where truth is a number.
    event : str
        What happened in them.
    """

    source: str
    counts: Sequence[str]
    folds: pd.DataFrame
    features: pd.DataFrame
    quality: pd.DataFrame
    checks: pd.DataFrame | None = None
    subject: str = ""
    fits: Mapping[str, int] = field(default_factory=dict)
    first: str | None = None
    last: str | None = None
    in_order_of: str = ""
    base_rate: float | None = None
    event: str = "came true"

    @property
    def alarm(self) -> str:
        """A line about columns that give the outcome away, to stand before the verdict; "" without any."""
        alarms = self.quality.loc[self.quality["rule"] == "gives_away", "found"]
        if alarms.empty:
            return ""
        return f"Do not trust this result yet, for the outcome may be given away: {'; '.join(alarms)}."

    @property
    def subtitle(self) -> str:
        """Source and dates of the data, and how many forecasts were made."""
        dates = "".join(f", {words}" for words in self._extent)
        tested = count(float(self.folds["test_rows"].sum()))
        folds = "one fold" if len(self.folds) == 1 else f"{len(self.folds)} folds"
        return f"{self.source}{dates}. {tested} forecasts in {folds}, each on rows never trained on."

    @property
    def _extent(self) -> list[str]:
        """From when to when, or what gives the order; nothing for rows without either."""
        if self.first is not None:
            return [f"{_day(self.first)} to {_day(self.last)}"]
        return [f"in order of {self.in_order_of}"] if self.in_order_of else []

    @property
    def card(self) -> Section:
        """Where the data come from, how much there is, what is odd about them, and the names of the features."""
        drawn = self.draw()
        names = f"The {count(len(self.features))} features: {', '.join(map(str, self.features['name']))}."
        # The checks themselves are for the page.
        return Section(drawn.title, drawn.lead, [*self._oddities()[:1], Note(names)])

    def draw(self) -> Section:
        """What is odd, the folds, the use of their rows, and the features."""
        facts = [*self.counts, *self._extent]
        rate = "" if self.base_rate is None else f"; of forecast cases {percent(self.base_rate)} {self.event}"
        lead = f"{self.source}: {', '.join(facts)}{rate}."
        folds = Table(fold_table(self.folds), "Training and test stretch of each fold.")
        rates = _RATES if "lowest" in self.features else ""
        features = Table(feature_table(self.features), f"The {len(self.features)} features.{rates}")
        uses = [Table(fits_table(self.folds), self._uses())] if "fits" in self.folds else []
        return Section("What was it given?", lead, [*self._oddities(), folds, *uses, features])

    def _uses(self) -> str:
        """How the subject used the training rows, and which other models are fitted several times, which once."""
        own = model_in_sentence(self.subject) if self.subject else "the model of this page"
        is_several = bool((self.folds["fits"] > 1).any())
        said = [f"How {own} used the training rows of each fold: {_SEVERAL if is_several else _ONCE}."]
        for several, words in ((True, "fitted several times"), (False, "fitted once, on all of them")):
            names = [model for model, n in self.fits.items() if (n > 1) is several and model != self.subject]
            if names:
                too = ", too" * (several is is_several)
                said.append(f"{_listed(names)} {'was' if len(names) == 1 else 'were'} {words}{too}.")
        return " ".join([*said, _USES])

    def _oddities(self) -> list[Block]:
        n_checks = 0 if self.checks is None else len(self.checks)
        made = f", by {count(n_checks)} {'check' if n_checks == 1 else 'checks'}" * bool(n_checks)
        if self.quality.empty:
            found: Block = Note(f"The data were checked{made}, and nothing odd was found.")
        else:
            found = Table(quality_table(self.quality), "What is odd about the data, and what can be done about it.")
        return [found] if self.checks is None else [found, Table(checks_table(self.checks), _CHECKS)]


_RATES = (
    " Default rates: the lowest and the highest among levels, or among ranges between quartiles of a number, with 20"
    " loans or more. They are those of all loans, the tested ones too: they describe the data and chose nothing."
)
_CHECKS = (
    "What the data were checked for, each check with its limit, the columns or whole rows that it looked at, and how"
    " many findings it made. Of what is not in this table nothing is said."
)
_MOST_NAMED = 3  # columns that a check names; of more their number is told
_SEVERAL = "it was fitted several times, each time without some of them, and its forecast averages the fits"
_ONCE = "it was fitted once, on all of them"
_USES = (
    "Fitted: rows that trained at least one fit. Validating: rows that stopped one fit early. Calibrating: rows that a"
    " fit forecast without having seen them."
)


def _listed(models: Sequence[str]) -> str:
    names = [model_in_sentence(model) for model in models]
    words = " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
    return f"{words[0].upper()}{words[1:]}"


def _day(text: str | None) -> str:
    return day(None if text is None else pd.Timestamp(text))


def quality_table(quality: pd.DataFrame) -> pd.DataFrame:
    """One row per finding about the data: how bad it is, by which rule, what was found and what helps."""
    found = [f"{text}\n{rule.replace('_', ' ')}" for text, rule in zip(quality["found"], quality["rule"], strict=True)]
    return pd.DataFrame(
        {"Severity": quality["severity"].str.capitalize(), "Finding": found, "What to do": quality["remedy"]}
    )


def checks_table(checks: pd.DataFrame) -> pd.DataFrame:
    """One row per check: what was looked for, in which columns and rows, and how much was found; shape (n_checks, 4).

    Examples
    --------
    >>> check = {"sought": "columns of one value", "columns": "income, age", "n_columns": 2, "rows": 1500,
    ...          "ignored": False, "found": 0}
    >>> checks_table(pd.DataFrame([check])).iloc[0].tolist()
    ['Columns of one value', 'income, age', '1,500', 'nothing']
    """
    rows = checks.to_dict("records")
    return pd.DataFrame(
        {
            "Looked for": [f"{row['sought'][0].upper()}{row['sought'][1:]}" for row in rows],
            "Columns": [_columns(row["columns"], row["n_columns"]) for row in rows],
            "Rows": [count(row["rows"]) for row in rows],
            "Found": [_found(row["found"], is_ignored=row["ignored"]) for row in rows],
        }
    )


def _columns(names: str, n_columns: int) -> str:
    if n_columns < 0:
        return "whole rows"
    return names or "none" if n_columns <= _MOST_NAMED else count(n_columns)


def _found(findings: int, *, is_ignored: bool) -> str:
    if is_ignored:
        return "not told, as rules ask"
    return f"{count(findings)}, above" if findings else "nothing"


def feature_table(features: pd.DataFrame) -> pd.DataFrame:
    """Name, meaning and what else is known of each feature, under readable headings; shape (n_features, 2 to 5).

    Examples
    --------
    >>> features = pd.DataFrame({"name": ["momentum_20"], "look_back": [20], "meaning": ["Return over 20 bars."]})
    >>> feature_table(features).columns.tolist()
    ['Feature', 'Look‑back', 'Meaning']
    """
    names = {"name": "Feature", "look_back": "Look‑back", "meaning": "Meaning", "missing": "Missing"}
    names |= {"lowest": "Lowest default rate", "highest": "Highest"}
    return features[[name for name in names if name in features]].rename(columns=names)


def fold_table(folds: pd.DataFrame) -> pd.DataFrame:
    """Training and test stretch of each fold, with rows; stretches without dates are left out.

    Text of shape (n_folds, 3 to 5).

    Examples
    --------
    >>> first = pd.Timestamp("2010-01-04")
    >>> row = {"fold": 0, "train_from": first, "train_to": first, "train_rows": 1500, "test_from": first,
    ...        "test_to": first, "test_rows": 250}
    >>> fold_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '2010‑01‑04 to 2010‑01‑04', '1,500', '2010‑01‑04 to 2010‑01‑04', '250']
    """
    columns: dict[str, list[str]] = {"Fold": [str(fold) for fold in folds["fold"]]}
    for part, word in (("train", "Training"), ("test", "Test")):
        stretch = [span(day(a), day(b)) for a, b in zip(folds[f"{part}_from"], folds[f"{part}_to"], strict=True)]
        if set(stretch) != {ABSENT}:
            columns[word] = stretch
        columns[f"{word} rows"] = [count(rows) for rows in folds[f"{part}_rows"]]
    return pd.DataFrame(columns)


def fits_table(folds: pd.DataFrame) -> pd.DataFrame:
    """How a model used the training rows of each fold.

    Text of shape (n_folds, 8).

    Examples
    --------
    >>> row = {"fold": 0, "train_rows": 1250, "fits": 5, "least": 740, "most": 745, "fitted": 1250, "validating": 250,
    ...        "calibrating": 1250, "unused": 0}
    >>> fits_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '1,250', '1,250', '5', '740 to 745', '250', '1,250', '0']
    """
    each = [
        count(a) if a == b else span(count(a), count(b)) for a, b in zip(folds["least"], folds["most"], strict=True)
    ]
    return pd.DataFrame(
        {
            "Fold": folds["fold"].map(str),
            "Training rows": folds["train_rows"].map(count),
            "Fitted": folds["fitted"].map(count),
            "Fits": folds["fits"].map(count),
            "Rows per fit": each,
            "Validating": folds["validating"].map(count),
            "Calibrating": folds["calibrating"].map(count),
            "Unused": folds["unused"].map(count),
        }
    )
