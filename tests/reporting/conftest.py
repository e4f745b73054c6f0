"""Made frames with the columns that the reports are laid out from."""

import numpy as np
import pandas as pd
import pytest

from finnet.jobs.tasks.default_risk import DefaultRiskTask
from finnet.jobs.tasks.direction import DirectionTask
from finnet.jobs.tasks.task import Decision, SharedSections
from finnet.reporting.report import Report
from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.data import DataSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.purpose import PurposeSection
from finnet.reporting.sections.reproduction import ReproductionSection
from finnet.reporting.sections.trading import TradingSection
from finnet.reporting.sections.training import TrainingSection

MODELS = ["network", "tree", "svm", "knn", "logistic", "forest", "boosting", "always_up", "persistence"]
METRICS = {"accuracy": 0.53, "mcc": 0.02, "auc": 0.52, "brier": 0.249, "log_loss": 0.692}
CREDIT_METRICS = {"auc": 0.74, "gini": 0.48, "ks": 0.36, "brier": 0.082, "log_loss": 0.29}


def made_scores(models, metrics, rng):
    rows = [
        {
            "model": model,
            "metric": metric,
            "value": value * (1 + 0.01 * rng.normal()),
            "low": 0.97 * value,
            "high": 1.03 * value,
        }
        for model in models
        for metric, value in metrics.items()
    ]
    return pd.DataFrame(rows)


def made_comparison(models, metric, rng):
    others = models[1:]
    difference = rng.normal(0.006, 0.012, len(others))
    half = rng.uniform(0.008, 0.02, len(others))
    return pd.DataFrame(
        {
            "model": others,
            "metric": metric,
            "reference_value": 0.531,
            "value": 0.531 - difference,
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
            "statistic": 2 * difference / half,
            "p_value": np.exp(-3 * np.abs(difference / half)),
            "p_forecasts": np.exp(-4 * np.abs(difference / half)),
            "p_fits": np.exp(-3 * np.abs(difference / half)),
            "p_holm": np.minimum(1, 4 * np.exp(-3 * np.abs(difference / half))),
            "test": "fits",
            "n": 15,
            "fits": 15,
            "years": 14.9,
            "years_needed": 15 * (half / difference) ** 2,
            "rows_needed": np.nan,
        }
    )


def made_fold_scores(models, metric, folds, rng):
    rows = [
        {"fold": fold, "model": model, "metric": metric, "value": 0.53 + 0.01 * rng.normal(), "n": 250}
        for fold in range(folds)
        for model in models
    ]
    return pd.DataFrame(rows)


def made_calibration(models, low, high, rng):
    centers = np.linspace(low**0.5, high**0.5, 10) ** 2
    parts = []
    for model in models:
        observed = np.clip(centers + rng.normal(0, 0.15, 10) * (high - low) * (1 if model == "network" else 2), 0, 1)
        room = 0.12 * (high - low) + 0.2 * observed
        parts.append(
            pd.DataFrame(
                {
                    "model": model,
                    "bin": range(10),
                    "n": 374,
                    "forecast": centers,
                    "observed": observed,
                    "low": np.clip(observed - room, 0, 1),
                    "high": np.clip(observed + room, 0, 1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def made_networks(folds, rng, members=6):
    """Half of the networks are chosen."""
    rows = [
        {"fold": fold, "member": member, "share": 2 / members * (member % 2)}
        for fold in range(folds)
        for member in range(members)
    ]
    table = pd.DataFrame(rows)
    settings = {name: 10 ** rng.uniform(-5, -2, len(table)) for name in ("learning_rate", "dropout", "l1", "l2")}
    return table.assign(**settings, depth=1, best_epoch=9, validation_loss=0.69)


def made_histories(networks, rng):
    epochs = np.arange(1, 31)
    parts = [
        pd.DataFrame(
            {
                "fold": network.fold,
                "member": network.member,
                "epoch": epochs,
                "loss": 0.69 - 0.03 * (1 - np.exp(-epochs / 12)) + rng.normal(0, 0.0008, 30),
                "validation_loss": 0.693 + 0.00002 * (epochs - 9) ** 2 + rng.normal(0, 0.0008, 30),
                "share": network.share,
            }
        ).iloc[: rng.integers(14, 30)]
        for network in networks.itertuples()
    ]
    return pd.concat(parts, ignore_index=True)


def made_learning(networks):
    folds = networks["fold"].unique()
    counts = {"networks": 6, "chosen": 3, "largest_share": 1 / 3, "best_epoch": 9.0, "spread": 0.021}
    return pd.DataFrame({"fold": folds, **counts})


def made_layers(folds, layers=3):
    index = pd.MultiIndex.from_product([range(folds), range(1, layers + 1)], names=["fold", "layer"])
    state = {"gradient_norm": 0.0123, "update_ratio": 2e-4, "dead": 0.25, "saturated": 0.0, "clip_rate": 0.0}
    return pd.DataFrame(state, index=index).reset_index()


def made_folds(folds):
    starts = pd.date_range("2004-01-05", periods=folds, freq="365D")
    return pd.DataFrame(
        {
            "fold": range(folds),
            "train_from": starts - pd.Timedelta(days=1800),
            "train_to": starts - pd.Timedelta(days=8),
            "train_rows": 1250,
            "test_from": starts,
            "test_to": starts + pd.Timedelta(days=364),
            "test_rows": 252,
        }
    )


def made_backtest(rng):
    sessions = pd.bdate_range("2004-01-05", periods=3744, name="session")
    hold = rng.normal(0.0003, 0.011, len(sessions))
    gross = hold * rng.integers(0, 2, len(sessions)) * 1.1
    net = gross - 0.0001
    equity = {f"equity_{name}": np.cumprod(1 + part) for name, part in (("gross", gross), ("net", net), ("hold", hold))}
    return pd.DataFrame({"gross": gross, "net": net, "turnover": 0.4, "exposure": 0.5, **equity}, index=sessions)


def made_summary():
    columns = [
        "annual_return",
        "annual_volatility",
        "sharpe",
        "sharpe_low",
        "sharpe_high",
        "max_drawdown",
        "turnover_per_year",
        "bars",
        "years",
    ]
    rows = {
        "gross": [0.061, 0.121, 0.50, 0.01, 1.02, -0.281, 61.0, 3744, 14.86],
        "net": [0.049, 0.121, 0.41, -0.10, 0.92, -0.304, 61.0, 3744, 14.86],
        "buy_and_hold": [0.071, 0.183, 0.39, -0.12, 0.90, -0.568, 0.0, 3744, 14.86],
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def made_cutoffs():
    cutoff = np.linspace(0.02, 0.6, 30)
    approval = 1 - np.exp(-9 * cutoff)
    bad = 0.02 + 0.13 * approval**3
    profit = 6000 * approval * (0.06 * (1 - bad) - 0.5 * bad) * 1000
    return pd.DataFrame(
        {
            "cutoff": cutoff,
            "approval_rate": approval,
            "bad_rate": bad,
            "expected_profit": profit,
            "realized_profit": profit * 0.93 - 3000,
            "n": (6000 * approval).round().astype(int),
        }
    )


def made_data(*, folds=6, **changes):
    features = pd.DataFrame(
        {
            "name": ["return_1", "momentum_20", "volatility_20", "volume_ratio_20", "sentiment_spread"],
            "look_back": [1, 20, 20, 20, 1],
            "meaning": [
                "Return of the last bar.",
                "Return over 20 bars.",
                "Standard deviation of daily returns over 20 bars, annualized.",
                "Volume over its mean of 20 bars.",
                "Baa minus Aaa yield, as known in the following month.",
            ],
        }
    )
    facts = {
        "source": "S&P 500 and NASDAQ, daily",
        "counts": ["9,952 rows", "2 entities", "5,031 sessions"],
        "base_rate": 0.5391,
        "event": "rose",
        "first": "1999-01-04",
        "last": "2018-12-31",
    }
    quality = pd.DataFrame(columns=["severity", "rule", "found", "remedy"])
    return DataSection(folds=made_folds(folds), features=features, quality=quality, **{**facts, **changes})


def made_manifest(title):
    return {
        "job": title,
        "seed": 7,
        "data_sha256": "3f2b" * 16,
        "packages": {"numpy": "2.4.6", "pandas": "3.1.1"},
        "cpu": "Made CPU",
        "blas": ["openblas 0.3.30"],
    }


def made_report(task, title, decision, *, verdict, metrics, metric, calibrated, headline, folds=6, **data):
    rng = np.random.default_rng(4)
    networks, described = made_networks(folds, rng), made_data(folds=folds, **data)
    shared = SharedSections(
        purpose=PurposeSection(stated={}),
        comparison=ComparisonSection(
            subject="network",
            verdict_text=verdict,
            scores=made_scores(MODELS, metrics, rng),
            comparison=made_comparison(MODELS, metric, rng),
            fold_scores=made_fold_scores(MODELS, metric, 3, rng),
            against_naive=pd.DataFrame(columns=["model", "hardest", "p_value", "p_holm", "beats_all"]),
            headline=headline,
            base_rate=described.base_rate,
            event=described.event,
        ),
        calibration=CalibrationSection(
            subject="network",
            calibration=made_calibration(MODELS[:-2], *calibrated, rng),
            known_truth=decision.known_truth,
        ),
        training=TrainingSection(
            learning=made_learning(networks),
            networks=networks,
            histories=made_histories(networks, rng),
            layers=made_layers(folds),
        ),
        data=described,
        limits=PointsSection(
            title="What limits this result?",
            points=[
                "Costs are two basis points per change of position; large orders pay more.",
                "Two indexes, one country.",
            ],
        ),
        reproduction=ReproductionSection(command="finnet run direction.toml", manifest=made_manifest(title)),
    )
    return Report(title=title, kind=task.report_kind, parts=task.arrange(shared, decision))


@pytest.fixture(scope="session")
def direction_report():
    verdict = (
        "No detectable difference: the network's accuracy of 53.1 % is not distinguishable from always up (53.9 %) or "
        "any of seven other models; the difference seen would need about 41 years of data."
    )
    rule = (
        "Long where the forecast is above one half, otherwise flat, traded one bar later at 2 basis points per change."
    )
    trading = TradingSection(table=made_backtest(np.random.default_rng(3)), summary=made_summary(), rule=rule)
    judged = {"verdict": verdict, "metrics": METRICS, "metric": "accuracy", "headline": ["accuracy"]}
    decision = Decision(sections=[trading])
    title = "Will the index rise tomorrow?"
    return made_report(DirectionTask(), title, decision, calibrated=(0.47, 0.6), **judged)


@pytest.fixture(scope="session")
def default_risk_report():
    rng = np.random.default_rng(5)
    verdict = (
        "The network ranks loans better than the tree and k-NN; against boosting there is no detectable difference."
    )
    truth = rng.beta(1.2, 9, 1500)
    forecast = np.clip(truth + rng.normal(0, 0.25, 1500) * truth, 0, 1)
    cutoffs = CutoffSection(
        cutoffs=made_cutoffs(),
        chosen=0.16,
        terms="A loan that is paid back earns 6 % of its amount, one that defaults loses 50 %.",
        base_rate=0.104,
    )
    known_truth = pd.DataFrame({"probability": truth, "forecast": forecast})
    judged = {"verdict": verdict, "metrics": CREDIT_METRICS, "metric": "log_loss", "headline": ["auc", "brier"]}
    data = {
        "source": "A made loan book",
        "counts": ["6,000 rows", "6,000 entities"],
        "base_rate": 0.104,
        "event": "defaulted",
    }
    decision = Decision(sections=[cutoffs], known_truth=known_truth)
    title = "Who will not pay back?"
    return made_report(DefaultRiskTask(), title, decision, calibrated=(0.01, 0.45), folds=1, **judged, **data)
