"""Coverage: whether as many truths lie below each quantile as it says."""

from dataclasses import dataclass
from typing import Self

import pandas as pd

from finnet.evaluation.assessment import Assessment
from finnet.names import model_heading
from finnet.reporting.html import Section, Table
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, percent, span

__all__ = ["CoverageSection", "coverage_cells"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CoverageSection(ReportSection):
    """Quantiles beside the share of truths below them.

    Parameters
    ----------
    subject : str
    coverage : DataFrame
        `model`, `level`, `n`, `observed`, `low`, `high`.
    """

    subject: str
    coverage: pd.DataFrame

    @classmethod
    def of(cls, assessment: Assessment) -> Self | None:
        """What an assessment says; None where forecasts are no quantiles."""
        return None if assessment.coverage is None else cls(subject=assessment.subject, coverage=assessment.coverage)

    def draw(self) -> Section:
        """A row for each model and level."""
        lead = "A tenth of what comes true should lie below the quantile of level 0.1, and so on."
        caption = "Share of the cases at or below each quantile; intervals take cases as independent."
        table = Table(coverage_cells(self.coverage), caption, highlight=model_heading(self.subject))
        return Section("Can its quantiles be trusted?", lead, [table])


def coverage_cells(coverage: pd.DataFrame) -> pd.DataFrame:
    """One row per model and level: what it says and what came true; text, shape (n_models * n_levels, 5).

    Examples
    --------
    >>> row = {"model": "network", "level": 0.1, "n": 500, "observed": 0.12, "low": 0.09, "high": 0.15}
    >>> coverage_cells(pd.DataFrame([row])).iloc[0].tolist()
    ['Network', '0.1', '500', '12.0 %', '9.0 to 15.0 %']
    """
    spans = [span(percent(low), percent(high)) for low, high in zip(coverage["low"], coverage["high"], strict=True)]
    return pd.DataFrame(
        {
            "Model": coverage["model"].map(model_heading),
            "Level": coverage["level"].map("{:g}".format),
            "Cases": coverage["n"].map(count),
            "Came true below": coverage["observed"].map(percent),
            "95 % interval": spans,
        }
    )
