"""Sections of reports by name: what a saved page names them by."""

from finnet.reporting.sections.calibration import CalibrationSection
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.coverage import CoverageSection
from finnet.reporting.sections.cutoffs import CutoffSection
from finnet.reporting.sections.data import DataSection
from finnet.reporting.sections.fairness import FairnessSection
from finnet.reporting.sections.grades import GradesSection
from finnet.reporting.sections.guidance import GuidanceSection
from finnet.reporting.sections.learning_curve import LearningCurveSection
from finnet.reporting.sections.points import PointsSection
from finnet.reporting.sections.purpose import PurposeSection
from finnet.reporting.sections.reasons import ReasonsSection
from finnet.reporting.sections.reproduction import ReproductionSection
from finnet.reporting.sections.risk_training import RiskTrainingSection
from finnet.reporting.sections.scorecard import ScorecardSection
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.sections.segments import SegmentsSection
from finnet.reporting.sections.trading import TradingSection
from finnet.reporting.sections.training import TrainingSection

__all__ = ["SECTIONS"]

SECTIONS: dict[str, type[ReportSection]] = {
    "calibration": CalibrationSection,
    "comparison": ComparisonSection,
    "coverage": CoverageSection,
    "cutoffs": CutoffSection,
    "data": DataSection,
    "grades": GradesSection,
    "fairness": FairnessSection,
    "guidance": GuidanceSection,
    "learning_curve": LearningCurveSection,
    "points": PointsSection,
    "purpose": PurposeSection,
    "reasons": ReasonsSection,
    "reproduction": ReproductionSection,
    "risk_training": RiskTrainingSection,
    "scorecard": ScorecardSection,
    "segments": SegmentsSection,
    "trading": TradingSection,
    "training": TrainingSection,
}
