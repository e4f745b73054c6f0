"""finnet: financial forecasting with networks trained by backpropagation.

The public nouns, by the way of the data::

    Panel, LoanBook -> Dataset -> WalkForward -> NetworkClassifier -> Forecasts -> compare, run_backtest -> run_job
"""

from finnet.backtest.engine import run_backtest
from finnet.data.panel import LoanBook, Panel
from finnet.dataset import Dataset
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.tuning import EncodedClassifier
from finnet.evaluation.comparison import compare
from finnet.evaluation.walk_forward import walk_forward
from finnet.features.encoding import TableEncoder
from finnet.forecasts import Forecasts
from finnet.jobs.config import Job
from finnet.jobs.runner import run_job
from finnet.labels import Direction, build_dataset
from finnet.splits import WalkForward

__all__ = [
    "Dataset",
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
    "run_backtest",
    "run_job",
    "walk_forward",
]
__version__ = "0.1.0"
