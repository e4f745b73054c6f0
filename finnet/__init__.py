"""finnet: financial forecasting with networks trained by backpropagation.

The public nouns, by the way of the data::

    Panel, LoanBook -> Dataset -> WalkForward -> NetworkClassifier -> Forecasts -> compare, run_backtest -> run_job
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finnet.backtest.engine import run_backtest
    from finnet.data.loan_book import Applications, LoanBook
    from finnet.data.panel import Panel
    from finnet.dataset import Dataset
    from finnet.estimators.default_risk import DefaultRiskClassifier
    from finnet.estimators.encoded import EncodedClassifier
    from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
    from finnet.estimators.network import NetworkClassifier, NetworkRegressor
    from finnet.evaluation.comparison import compare
    from finnet.evaluation.walk_forward import walk_forward
    from finnet.features.encoding import TableEncoder
    from finnet.forecasts import Forecasts
    from finnet.jobs.config import Job
    from finnet.jobs.job_file import read_job
    from finnet.jobs.runner import run_job
    from finnet.labels import Direction, build_dataset
    from finnet.splits import WalkForward

__all__ = [
    "Applications",
    "Dataset",
    "DefaultRiskClassifier",
    "Direction",
    "EncodedClassifier",
    "Forecasts",
    "Job",
    "LoanBook",
    "NetworkClassifier",
    "NetworkEnsembleClassifier",
    "NetworkEnsembleRegressor",
    "NetworkRegressor",
    "Panel",
    "TableEncoder",
    "WalkForward",
    "build_dataset",
    "compare",
    "read_job",
    "run_backtest",
    "run_job",
    "walk_forward",
]
__version__ = "0.1.0"

_HOMES = {
    "finnet.backtest.engine": ("run_backtest",),
    "finnet.data.loan_book": ("Applications", "LoanBook"),
    "finnet.data.panel": ("Panel",),
    "finnet.dataset": ("Dataset",),
    "finnet.estimators.default_risk": ("DefaultRiskClassifier",),
    "finnet.estimators.ensemble": ("NetworkEnsembleClassifier", "NetworkEnsembleRegressor"),
    "finnet.estimators.network": ("NetworkClassifier", "NetworkRegressor"),
    "finnet.estimators.encoded": ("EncodedClassifier",),
    "finnet.evaluation.comparison": ("compare",),
    "finnet.evaluation.walk_forward": ("walk_forward",),
    "finnet.features.encoding": ("TableEncoder",),
    "finnet.forecasts": ("Forecasts",),
    "finnet.jobs.config": ("Job",),
    "finnet.jobs.job_file": ("read_job",),
    "finnet.jobs.runner": ("run_job",),
    "finnet.labels": ("Direction", "build_dataset"),
    "finnet.splits": ("WalkForward",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: importing every room takes seconds, which `finnet --help` need not wait for.
    if name not in _HOME_OF:
        raise AttributeError(f"module 'finnet' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
