"""The verdict: what a comparison shows, in plain sentences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from finnet.evaluation.metrics import metric_named
from finnet.evaluation.paired_tests import FEWEST_FITS
from finnet.names import model_in_sentence as _name

__all__ = ["differs_by_fits", "write_second_verdict", "write_verdict"]

_LEVEL = 0.05
_NUMBERS = {2: "Two", 3: "Three", 4: "Four"}
_MANY_YEARS, _MANY_ROWS = 1000.0, 1e8  # more than anybody will have, so that the number itself says nothing


def write_verdict(
    table: pd.DataFrame, against_naive: pd.DataFrame, *, reference: str, naive: Sequence[str], evidence: str
) -> str:
    """Sentences on whom the reference beats, loses to and ties with, and on whether anything beats the naive forecasts.

    Parameters
    ----------
    table, against_naive : DataFrame
        As in `Comparison`. Where `p_fits_holm` of either does not agree with what decides, the sentences say so.
    reference : str
        The model compared with the others.
    naive : sequence of str
        Names of the naive forecasts among the models.
    evidence : str
        What was tested, as "812 sessions in 3.2 years".
    """
    is_naive = table["model"].isin(naive)
    opening = f"By {metric_named(str(table['metric'].iloc[0])).words}, over {evidence}, {_name(reference)}"
    sentences = [
        _outcome(table[~is_naive], opening),
        _outcome(table[is_naive], opening if is_naive.all() else "Against the naive forecasts, it"),
        # Behind the sentence on the naive forecasts, which says whether the reference beats them.
        _beating_naive(against_naive, naive, reference=reference),
        _one_fold(table),
        _question_answered(table),
        _data_needed(table),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _outcome(table: pd.DataFrame, opening: str) -> str:
    """Wins, losses, ties and what could not be tested, or "" without rows."""
    found = table["p_holm"] < _LEVEL
    better, tied, doubtful = table["difference"] > 0, _is_tie(table), differs_by_fits(table)
    these_fits = _these_fits(table)
    groups = {
        "beats {}": found & better & ~doubtful,
        f"beats{these_fits} {{}}": found & better & doubtful,
        "loses to {}": found & ~better & ~doubtful,
        f"loses{these_fits} to {{}}": found & ~better & doubtful,
        "shows no detectable difference from {}": tied,
        "could not be tested against {}": ~found & ~tied,
    }
    clauses = [words.format(_named(table[rows])) for words, rows in groups.items() if rows.any()]
    return f"{opening} {_listed(clauses, last=', and ')}." if clauses else ""


def _these_fits(table: pd.DataFrame) -> str:
    corrected = "Holm-corrected " * ("p_fits_holm" in table)
    return f", for these fits but not detectably for other fits of the same models ({corrected}p in brackets),"


def differs_by_fits(table: pd.DataFrame) -> "pd.Series[bool]":
    """Where these forecasts differ, by `p_holm`, and a test over other fits does not agree, by `p_fits_holm`.

    Examples
    --------
    >>> table = pd.DataFrame({"p_holm": [0.01, 0.01, 0.3, 0.01], "p_fits_holm": [0.2, 0.01, 0.4, np.nan]})
    >>> differs_by_fits(table).tolist()
    [True, False, False, False]
    """
    return (table["p_holm"] < _LEVEL) & (_of_other_fits(table) >= _LEVEL)


def _of_other_fits(table: pd.DataFrame) -> "pd.Series[float]":
    """The p-values of other fits after Holm's correction; as they are in runs that were saved without."""
    return table["p_fits_holm"] if "p_fits_holm" in table else table["p_fits"]


def _named(table: pd.DataFrame) -> str:
    """Names of the models, each with the p-value of other fits where those do not agree."""
    p_fits = _of_other_fits(table).where(differs_by_fits(table))
    names = [
        _name(model) if np.isnan(p) else f"{_name(model)} ({p:.3f})"
        for model, p in zip(table["model"], p_fits, strict=True)
    ]
    return _listed(names)


def write_second_verdict(first: pd.DataFrame, second: pd.DataFrame, *, naive: Sequence[str]) -> str:
    """Of which models a second metric shows no difference though the first shows that the reference is better; or "".

    Parameters
    ----------
    first, second : DataFrame
        `Comparison.table` of the metric that decides, and of one beside it, with the same models.
    naive : sequence of str
        Names of the naive forecasts among the models, of which nothing is said.

    Examples
    --------
    >>> first = pd.DataFrame({"model": ["tree", "knn"], "metric": "log_loss", "difference": 0.1, "p_holm": 0.01})
    >>> second = first.assign(metric="auc", p_holm=[0.3, 0.01])
    >>> write_second_verdict(first, second, naive=[])
    'By AUC no difference from the decision tree is detected.'
    """
    better = first.loc[(first["p_holm"] < _LEVEL) & (first["difference"] > 0) & ~first["model"].isin(naive), "model"]
    tied = second.loc[_is_tie(second) & second["model"].isin(better), "model"]
    if tied.empty:
        return ""
    return f"By {metric_named(str(second['metric'].iloc[0])).words} no difference from {_names(tied)} is detected."


def _is_tie(table: pd.DataFrame) -> "pd.Series[bool]":
    """Tested without finding a difference, or no difference at all."""
    return (table["p_holm"] >= _LEVEL) | (table["difference"] == 0)


def _one_fold(table: pd.DataFrame) -> str:
    """Which seeming differences come from one fold alone, or "" where none does."""
    made = table[table["one_fold"].notna()]
    clauses = [f"fold {fold:.0f} (against {_names(rows['model'])})" for fold, rows in made.groupby("one_fold")]
    if not clauses:
        return ""
    return f"One fold makes most of the difference: {_listed(clauses)}."


def _question_answered(table: pd.DataFrame) -> str:
    """Which question is answered where there are too few fits for both."""
    fits = int(table["fits"].iloc[0])
    if not np.isfinite(table["years"].iloc[0]) or fits >= FEWEST_FITS:
        return ""
    said = "One fit says" if fits == 1 else f"{_NUMBERS[fits]} fits say"
    return f"{said} whether these forecasts were better, not whether other fits of the same models would be."


def _data_needed(table: pd.DataFrame) -> str:
    """How much data the differences not detected would need if they are real, or "" where none can be told."""
    times = table["times_needed"]
    needs = table[_is_tie(table) & np.isfinite(times) & (times > 1)].sort_values("times_needed")
    if needs.empty:
        return ""
    least, most = needs.iloc[0], needs.iloc[-1]
    unit = "years of data" if np.isfinite(least["years"]) else str(least["test"])
    if _amount(least) == _amount(most) and len(needs) > 1:
        return f"If the differences not detected are real, detecting them would take {_amount(least)} {unit}."
    if len(needs) == 1:
        return (
            f"If the difference from {_name(least['model'])} is real, detecting it would take {_amount(least)} {unit}."
        )
    return (
        "If the differences not detected are real, detecting them would take between"
        f" {_amount(least)} ({_name(least['model'])}) and {_amount(most)} {unit} ({_name(most['model'])})."
    )


def _amount(row: "pd.Series[float]") -> str:
    is_dated = np.isfinite(row["years"])
    amount, most = (row["years_needed"], _MANY_YEARS) if is_dated else (row["rows_needed"], _MANY_ROWS)
    if amount > most:
        return f"more than {most:,.0f}"
    if not is_dated:
        return f"about {float(f'{amount:.2g}'):,.0f}"
    return f"about {amount:.{0 if amount >= 10 else 1}f}"


def _beating_naive(against_naive: pd.DataFrame, naive: Sequence[str], *, reference: str) -> str:
    """Which models beat every naive forecast; of the reference, where it does, the sentences before have said so."""
    if against_naive.empty or len(naive) == len(against_naive) == 1:
        return ""
    winners = against_naive[against_naive["beats_all"]]
    others = winners[winners["model"] != reference]
    if len(others) < len(winners):
        them = "every naive forecast" if len(naive) > 1 else _name(naive[0])
        if len(others):
            return _winning(others, f"{them} too")
        return "No other model is shown to." if len(against_naive) > 1 else ""
    every = f"every naive forecast ({_names(naive)})" if len(naive) > 1 else f"the naive forecast, {_name(naive[0])}"
    return _winning(winners, every) if len(winners) else f"No model is shown to beat {every}."


def _winning(winners: pd.DataFrame, them: str) -> str:
    """Which models beat them, first those of which other fits agree."""
    doubtful = differs_by_fits(winners)
    groups = {f"{{}} {{}} {them}": winners[~doubtful], f"{{}} {{}}{_these_fits(winners)} {them}": winners[doubtful]}
    clauses = [
        words.format(_named(rows), "beats" if len(rows) == 1 else "beat") for words, rows in groups.items() if len(rows)
    ]
    return _sentence(f"{_listed(clauses, last='; ')}.")


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _names(models: Sequence[str] | pd.Series) -> str:
    return _listed([_name(model) for model in models])


def _listed(words: Sequence[str], *, last: str = " and ") -> str:
    """Words as a list: "a, b and c"."""
    return last.join(part for part in (", ".join(words[:-1]), words[-1]) if part)
