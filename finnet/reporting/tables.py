"""Frames of numbers turned into tables of text: rounded, signed, with intervals and whole names."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from finnet.names import model_heading
from finnet.reporting.text import ABSENT, count, day, metric_of, money, number, p_value, percent, span

__all__ = [
    "backtest_table",
    "calibration_table",
    "comparison_table",
    "cutoff_row",
    "cutoff_table",
    "feature_table",
    "fold_scores_table",
    "fold_table",
    "layer_table",
    "learning_table",
    "manifest_table",
    "naive_table",
    "networks_table",
    "quality_table",
    "scores_table",
]

_MOST_CUTOFFS = 12


def comparison_table(comparison: pd.DataFrame) -> pd.DataFrame:
    """One row per model: its value, by how much the network is better, and how sure either answer about that is.

    Parameters
    ----------
    comparison : DataFrame
        Columns `model`, `metric` (one for all rows), `value`, `difference` (positive where the network is better),
        `low`, `high`, `p_forecasts`, `p_fits`, `p_holm`, `years_needed`, `rows_needed`.

    Examples
    --------
    >>> row = {"model": "tree", "metric": "auc", "value": 0.7, "difference": 0.02, "low": 0.01, "high": 0.03,
    ...        "p_forecasts": 0.01, "p_fits": np.nan, "p_holm": 0.02, "years_needed": np.nan, "rows_needed": np.nan}
    >>> comparison_table(pd.DataFrame([row])).iloc[0].tolist()
    ['Decision tree', '0.700', '+0.020\\n+0.010 to +0.030', '0.010', '0.020']
    """
    metric = metric_of(str(comparison["metric"].iloc[0])).fit_for(comparison["difference"])
    rows = pd.DataFrame(
        {
            "Model": comparison["model"].map(model_heading),
            metric.label: comparison["value"].map(metric.text),
            "Network better by": [
                _stacked(metric.difference(value), span(metric.difference(low), metric.difference(high)))
                for value, low, high in zip(*_columns(comparison, "difference"), strict=True)
            ],
            "p, these forecasts": comparison["p_forecasts"].map(p_value),
            "p, other fits": comparison["p_fits"].map(p_value),
            "p (Holm)": comparison["p_holm"].map(p_value),
            "Years needed": comparison["years_needed"].map(_years),
            "Rows needed": comparison["rows_needed"].map(_rows_needed),
        }
    )
    absent = {"p, other fits": "p_fits", "Years needed": "years_needed", "Rows needed": "rows_needed"}
    return rows.drop(columns=[words for words, name in absent.items() if not comparison[name].notna().any()])


def _columns(frame: pd.DataFrame, value: str) -> tuple[pd.Series, pd.Series, pd.Series]:
    return frame[value], frame["low"], frame["high"]


def _years(years: float) -> str:
    if years > 1000:
        return ">1,000"
    return number(years, 0 if years >= 10 else 1)


def _rows_needed(rows: float) -> str:
    if rows > 1e8:
        return ">100 million"
    return ABSENT if np.isnan(rows) else count(float(f"{rows:.2g}"))


def fold_scores_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per fold: its cases, and the value of one metric for every model.

    Parameters
    ----------
    scores : DataFrame
        Long: `fold`, `model`, `metric` (one for all rows), `value`, `n`.

    Examples
    --------
    >>> scores = pd.DataFrame({"fold": [0, 0], "model": ["network", "tree"], "metric": "auc", "value": [0.7, 0.65],
    ...                        "n": 120})
    >>> fold_scores_table(scores).to_numpy().tolist()
    [['0', '120', '0.700', '0.650']]
    """
    metric = metric_of(str(scores["metric"].iloc[0]))
    wide = scores.pivot_table(index="fold", columns="model", values="value", dropna=False)[
        list(scores["model"].unique())
    ]
    cases = scores.groupby("fold")["n"].first()
    columns = {model_heading(str(model)): wide[model].map(metric.text) for model in wide}
    table = pd.DataFrame({"Cases": cases.map(count), **columns})
    return table.rename_axis("Fold").reset_index().astype({"Fold": str})


def naive_table(against_naive: pd.DataFrame) -> pd.DataFrame:
    """One row per model: the naive forecast it is least sure to beat, and whether it beats them all.

    Parameters
    ----------
    against_naive : DataFrame
        Columns `model`, `hardest`, `difference`, `p_value`, `p_holm`, `beats_all`.

    Examples
    --------
    >>> row = {"model": "tree", "hardest": "always_up", "p_value": 0.3, "p_holm": 0.9, "beats_all": False}
    >>> naive_table(pd.DataFrame([row])).iloc[0].tolist()
    ['Decision tree', 'Always up', '0.300', '0.900', 'no']
    """
    columns = {
        "Model": against_naive["model"].map(model_heading),
        "Hardest naive forecast": against_naive["hardest"].map(model_heading),
        "p": against_naive["p_value"].map(p_value),
        "p (Holm)": against_naive["p_holm"].map(p_value),
        "Beats them all": ["yes" if beats else "no" for beats in against_naive["beats_all"]],
    }
    return pd.DataFrame(columns)


def scores_table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per model in the order given, the network first; one column per metric, its interval below the value.

    Parameters
    ----------
    scores : DataFrame
        Long: `model`, `metric`, `value`, `low`, `high`.

    Examples
    --------
    >>> rows = {"model": ["tree", "network"], "metric": "auc", "value": [0.7, 0.72], "low": 0.69, "high": 0.73}
    >>> scores_table(pd.DataFrame(rows)).iloc[0].tolist()
    ['Network', '0.720\\n0.690 to 0.730']
    """
    models = sorted(scores["model"].unique(), key=lambda model: model != "network")
    columns = {
        metric_of(str(name)).label: rows.set_index("model").apply(_score, axis=1).reindex(models)
        for name, rows in scores.groupby("metric", sort=False)
    }
    table = pd.DataFrame({"Model": [model_heading(model) for model in models]}, index=models)
    return table.assign(**columns).fillna(ABSENT)


def _score(row: pd.Series) -> str:
    metric = metric_of(row["metric"])
    between = span(metric.text(row["low"]), metric.text(row["high"])).removesuffix(" %")
    return _stacked(metric.text(row["value"]), between)


def _stacked(value: str, between: str) -> str:
    """A value with its interval below it, or alone where there is none."""
    return value if between == ABSENT else f"{value}\n{between}"


def calibration_table(calibration: pd.DataFrame) -> pd.DataFrame:
    """One row per bin of one model: how many cases, what was forecast, what happened.

    Examples
    --------
    >>> row = {"model": "network", "bin": 0, "n": 50, "forecast": 0.101, "observed": 0.12, "low": 0.05, "high": 0.2}
    >>> calibration_table(pd.DataFrame([row])).iloc[0].tolist()
    ['10.1 %', '50', '12.0 %', '5.0 to 20.0 %']
    """
    columns = {
        "Mean forecast": calibration["forecast"].map(percent),
        "Cases": calibration["n"].map(count),
        "Came true": calibration["observed"].map(percent),
        "95 % interval": _spans(calibration),
    }
    return pd.DataFrame(columns)


def _spans(frame: pd.DataFrame) -> list[str]:
    return [span(percent(low), percent(high)) for low, high in zip(frame["low"], frame["high"], strict=True)]


def backtest_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Figures of the strategy after and before costs, and of holding or cash: a year's, or in all over less than one.

    Parameters
    ----------
    summary : DataFrame
        Rows `net`, `gross`, `buy_and_hold` or `cash`; columns as in `finnet.backtest.performance.summarize_returns`.

    Examples
    --------
    >>> row = {"annual_return": 0.05, "annual_volatility": 0.1, "sharpe": 0.5, "sharpe_low": -0.1,
    ...        "sharpe_high": 1.1, "max_drawdown": -0.2, "turnover_per_year": 12.0}
    >>> backtest_table(pd.DataFrame([row], index=["net"])).iloc[0].tolist()
    ['Net of costs', '+5.0 %', '10.0 %', '0.50\\n−0.10 to 1.10', '−20.0 %', '12.0']
    """
    names = {"net": "Net of costs", "gross": "Before costs", "buy_and_hold": "Buy and hold", "cash": "Cash"}
    order = [name for name in names if name in summary.index] + [n for n in summary.index if n not in names]
    rows = summary.loc[order]
    figures = _figures_a_year(rows) if rows["annual_return"].notna().any() else _figures_in_all(rows)
    return pd.DataFrame({"": [names.get(name, str(name)) for name in order], **figures})


def _figures_a_year(rows: pd.DataFrame) -> dict[str, list[str]]:
    return {
        "Return a year": [percent(value, signed=True) for value in rows["annual_return"]],
        "Volatility": [percent(value) for value in rows["annual_volatility"]],
        "Sharpe ratio": list(rows.apply(_sharpe, axis=1)),
        "Deepest fall": [percent(value) for value in rows["max_drawdown"]],
        "Turnover a year": [number(value, 1) for value in rows["turnover_per_year"]],
    }


def _figures_in_all(rows: pd.DataFrame) -> dict[str, list[str]]:
    return {
        "Return in all": [percent(value, signed=True) for value in rows["total_return"]],
        "Deepest fall": [percent(value) for value in rows["max_drawdown"]],
        "Turnover in all": [number(value, 1) for value in rows["total_turnover"]],
    }


def _sharpe(row: pd.Series) -> str:
    between = span(number(row["sharpe_low"], 2), number(row["sharpe_high"], 2))
    return _stacked(number(row["sharpe"], 2), between)


def cutoff_row(cutoffs: pd.DataFrame, chosen: float) -> pd.Series:
    """The row of the cut-off table nearest to the chosen cut-off.

    Examples
    --------
    >>> cutoff_row(pd.DataFrame({"cutoff": [0.1, 0.2], "n": [3, 5]}), 0.19)["n"]
    np.float64(5.0)
    """
    return cutoffs.iloc[int((cutoffs["cutoff"] - chosen).abs().to_numpy().argmin())]


def cutoff_table(cutoffs: pd.DataFrame, chosen: float) -> pd.DataFrame:
    """About a dozen rows of a cut-off table, evenly picked, the chosen cut-off always among them.

    Parameters
    ----------
    cutoffs : DataFrame
        Columns `cutoff`, `approval_rate`, `bad_rate`, `expected_profit`, `realized_profit`, `n`.
    chosen : float
        The cut-off in use.

    Examples
    --------
    >>> row = {"cutoff": 0.1, "approval_rate": 0.4, "bad_rate": 0.02, "expected_profit": 1200.0,
    ...        "realized_profit": 900.0, "n": 40}
    >>> cutoff_table(pd.DataFrame([row]), 0.1).iloc[0].tolist()
    ['10.0 %', '40', '40.0 %', '2.0 %', '1,200', '900']
    """
    picked = np.linspace(0, len(cutoffs) - 1, min(_MOST_CUTOFFS, len(cutoffs))).round().astype(int)
    here = cutoffs.index.get_loc(cutoff_row(cutoffs, chosen).name)
    rows = cutoffs.iloc[sorted({*picked.tolist(), here})]
    scale = float(cutoffs[["expected_profit", "realized_profit"]].abs().max().max())
    columns = {
        "Cut-off": rows["cutoff"].map(percent),
        "Approved loans": rows["n"].map(count),
        "Approved": rows["approval_rate"].map(percent),
        "Defaulted": rows["bad_rate"].map(percent),
        "Expected profit": [money(value, scale) for value in rows["expected_profit"]],
        "Realized profit": [money(value, scale) for value in rows["realized_profit"]],
    }
    return pd.DataFrame(columns)


def quality_table(quality: pd.DataFrame) -> pd.DataFrame:
    """One row per finding about the data: how bad it is, by which rule, what was found and what helps."""
    found = [f"{text}\n{rule.replace('_', ' ')}" for text, rule in zip(quality["found"], quality["rule"], strict=True)]
    return pd.DataFrame(
        {"Severity": quality["severity"].str.capitalize(), "Finding": found, "What to do": quality["remedy"]}
    )


def feature_table(features: pd.DataFrame) -> pd.DataFrame:
    """Name, look-back and meaning of each feature, under readable headings.

    Examples
    --------
    >>> features = pd.DataFrame({"name": ["momentum_20"], "look_back": [20], "meaning": ["Return over 20 bars."]})
    >>> feature_table(features).columns.tolist()
    ['Feature', 'Look‑back', 'Meaning']
    """
    names = {"name": "Feature", "look_back": "Look‑back", "meaning": "Meaning"}
    return features[[name for name in names if name in features]].rename(columns=names)


def fold_table(folds: pd.DataFrame) -> pd.DataFrame:
    """Training and test stretch of each fold, with rows; stretches without dates are left out.

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


def learning_table(learning: pd.DataFrame) -> pd.DataFrame:
    """How many networks each fold trained and chose, when they were best, and how far they disagree.

    Examples
    --------
    >>> row = {"fold": 0, "networks": 16, "chosen": 5, "largest_share": 0.375, "best_epoch": 12.0, "spread": 0.0214}
    >>> learning_table(pd.DataFrame([row])).iloc[0].tolist()
    ['0', '16', '5', '37.5 %', '12', '2.1 %']
    """
    return pd.DataFrame(
        {
            "Fold": learning["fold"].map(str),
            "Trained": learning["networks"].map(count),
            "Chosen": learning["chosen"].map(count),
            "Largest share": learning["largest_share"].map(percent),
            "Best epoch (median)": learning["best_epoch"].map(count),
            "Spread": learning["spread"].map(percent),
        }
    )


def layer_table(layers: pd.DataFrame) -> pd.DataFrame:
    """One row per layer, from the input to the output: gradients, updates and units, the median over folds.

    Examples
    --------
    >>> rows = {"fold": [0, 0, 1, 1], "layer": [1, 2] * 2, "gradient_norm": [0.01, 0.2, 0.03, 0.4],
    ...         "update_ratio": 1e-3, "dead": [0.25, np.nan] * 2, "saturated": 0.0, "clip_rate": 0.5}
    >>> layer_table(pd.DataFrame(rows)).to_numpy().tolist()
    [['1', '0.02', '0.001', '25.0 %', '0.0 %', '50.0 %'], ['2 (output)', '0.3', '0.001', '–', '0.0 %', '50.0 %']]
    """
    medians = layers.groupby("layer").median()
    names = [str(layer) if layer < medians.index.max() else f"{layer} (output)" for layer in medians.index]
    columns = {words: medians[name].map(write).to_list() for name, words, write in _OF_LAYERS}
    return pd.DataFrame({"Layer": names, **columns})


_OF_LAYERS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("gradient_norm", "Gradient", "{:.2g}".format),
    ("update_ratio", "Update", "{:.2g}".format),
    ("dead", "Dead", percent),
    ("saturated", "Saturated", percent),
    ("clip_rate", "Clipped", percent),
)


def networks_table(networks: pd.DataFrame) -> pd.DataFrame:
    """Between what each setting, the best epoch and the validation loss of the networks lie.

    Examples
    --------
    >>> rows = {"learning_rate": [0.002, 0.00414], "dropout": 0.1, "l1": 0.0, "l2": 1.234e-05, "depth": [1, 2],
    ...         "best_epoch": [9, 12], "validation_loss": 0.6931}
    >>> networks_table(pd.DataFrame(rows)).iloc[[0, 5]].to_numpy().tolist()
    [['Learning rate', '0.002', '0.0031', '0.0041'], ['Best epoch', '9', '10', '12']]
    """
    return pd.DataFrame(
        [
            [words, *(write(value) for value in networks[name].quantile([0.0, 0.5, 1.0]))]
            for name, words, write in _OF_NETWORKS
        ],
        columns=["", "Lowest", "Median", "Highest"],
    )


_OF_NETWORKS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("learning_rate", "Learning rate", "{:.2g}".format),
    ("dropout", "Dropout", "{:.2g}".format),
    ("l1", "L1", "{:.2g}".format),
    ("l2", "L2", "{:.2g}".format),
    ("depth", "Hidden layers", count),
    ("best_epoch", "Best epoch", count),
    ("validation_loss", "Validation loss", number),
)


def manifest_table(manifest: Mapping[str, object]) -> pd.DataFrame:
    """Everything a run recorded about itself, one row per value, nested names joined by dots.

    Examples
    --------
    >>> manifest_table({"seed": 7, "versions": {"numpy": "2.4.0"}, "chosen": [{"l2": 0.1}, {}]}).to_numpy().tolist()
    [['seed', '7'], ['versions.numpy', '2.4.0'], ['chosen', 'l2 0.1; –']]
    """
    return pd.DataFrame(list(_flat(manifest)), columns=["Recorded", "Value"])


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _words(value)


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        nests = any(isinstance(part, Mapping) for part in value)
        return ("; " if nests else ", ").join(map(_words, value)) or ABSENT
    return str(value)
