"""Guidance: where a model validation report stands beside what supervisors ask."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import pandas as pd

from finnet.names import model_in_sentence
from finnet.reporting.html import Details, Points, Section, Table
from finnet.reporting.sections.comparison import ComparisonSection
from finnet.reporting.sections.grades import GradesSection
from finnet.reporting.sections.section import ReportSection

__all__ = ["GuidanceSection"]

_COLUMNS = ("Section", "SR 26-2 (United States, 2026)", "ECB guide to internal models (July 2025)", "EU AI Act")

# Sources: Board of Governors of the Federal Reserve System, FDIC and OCC, SR 26-2 / OCC 2026-13, Revised Guidance on
# Model Risk Management, 17 April 2026; European Central Bank, Guide to internal models, July 2025, chapter on machine
# learning; Regulation (EU) 2024/1689, Annex III 5 (b) and Articles 9 to 15.
_MAPPED = {
    "PurposeSection": (
        "What is it for?",
        "Development, implementation and use: purpose",
        "Scope and limits of the use of machine learning",
        "Article 13: instructions for use; Annex IV 1",
    ),
    "DataSection": (
        "What was it given?",
        "Conceptual soundness: data and their suitability",
        "Quality and representativeness of data",
        "Article 10: data and data governance",
    ),
    "TrainingSection": (
        "How did it learn?",
        "Conceptual soundness: design and assumptions",
        "Replicable method; overfitting",
        "Article 11: technical documentation; Annex IV 2",
    ),
    "ReasonsSection": (
        "What drives the forecast?",
        "Conceptual soundness: theory and key variables",
        "Explainability of inputs and outputs",
        "Articles 13 and 86: transparency, explanation of a decision",
    ),
    "ComparisonSection": (
        "Does {} beat the others?",
        "Outcomes analysis: comparison with challengers",
        "Complexity justified by performance",
        "Article 15: accuracy",
    ),
    "CalibrationSection": (
        "Can its probabilities be trusted?",
        "Outcomes analysis: forecasts against outcomes",
        "Calibration and its tests",
        "Article 15: accuracy",
    ),
    "GradesSection": (
        "Do the grades hold?",
        "Outcomes analysis: by rating grade",
        "Rating grades: homogeneity, calibration per grade",
        "Article 15",
    ),
    "GradesSection, untested": (
        "What are the grades?",
        "Outcomes analysis: by rating grade",
        "Rating grades: homogeneity; calibration is not tested at a stated rate",
        "Article 15",
    ),
    "ScorecardSection": (
        "What does complexity gain over a scorecard?",
        "Effective challenge by a simpler model",
        "Complexity justified by performance",
        "Article 13",
    ),
    "SegmentsSection": (
        "Where is it weak?",
        "Outcomes analysis: by segment; limits of use",
        "Performance on relevant sub-samples",
        "Article 10",
    ),
    "FairnessSection": (
        "Does it treat groups alike?",
        "Not covered by it",
        "Not covered by it",
        "Article 10 (2) f and g: possible biases",
    ),
    "What limits this result?": (
        "What limits this result?",
        "Assumptions and limits; compensating controls",
        "Known weaknesses and conservatism",
        "Article 9: known and foreseeable risks",
    ),
    "Ongoing monitoring": (
        "Ongoing monitoring",
        "Ongoing monitoring",
        "Monitoring, and validation after a change",
        "Articles 9, 12 and 72: risk, records, monitoring after release",
    ),
    "ReproductionSection": (
        "How to reproduce it",
        "Documentation that lets others repeat the work",
        "Documentation and replicability",
        "Articles 11 and 12: documentation, records",
    ),
}
_NOT_HERE = (
    "This report is evidence for a validator, not the validation: who built a model should not be the one who accepts"
    " it, and neither guidance nor law is met by a document alone.",
    "Not in it: the inventory and tier of the model, governance and approval, human oversight and overrides, controls"
    " of the system that runs it, the right of the person concerned to an explanation of the decision.",
    "Which of these texts applies depends on the lender and the loan; the column for the AI Act matters where the"
    " creditworthiness of natural persons is assessed (Annex III, 5 b).",
)


@dataclass(frozen=True, kw_only=True)
class GuidanceSection(ReportSection):
    """Which section of a report speaks to which part of supervisory guidance.

    Parameters
    ----------
    present : sequence of str
        What the report has: names of classes of sections, and titles of lists of points.
    subject : str
        The model that the report is about; "" where it compares none.
    """

    present: Sequence[str]
    subject: str = ""

    @classmethod
    def of(cls, sections: Iterable[ReportSection]) -> Self:
        """The map of these sections."""
        every = list(sections)
        subjects = [section.subject for section in every if isinstance(section, ComparisonSection)]
        return cls(
            present=[_key(section) for section in every],
            subject="".join(subjects[:1]),
        )

    def draw(self) -> Section:
        """The table, folded, and what a report cannot do."""
        name = model_in_sentence(self.subject) if self.subject else "it"
        rows = [(title.format(name), *row) for key, (title, *row) in _MAPPED.items() if key in self.present]
        table = Table(pd.DataFrame(rows, columns=list(_COLUMNS)), "No row claims that a requirement is met.")
        lead = "Where to look for what the guidance on model risk asks; this is a map, not a claim of compliance."
        return Section("Beside supervisory guidance", lead, [Details("The map", table), Points(_NOT_HERE)])


def _key(section: ReportSection) -> str:
    """What `_MAPPED` calls a section; grades whose level no outcome tests speak to less."""
    is_untested = isinstance(section, GradesSection) and not section.is_tested
    return "GradesSection, untested" if is_untested else getattr(section, "title", type(section).__name__)
