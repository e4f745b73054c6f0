"""Points: what to know or to watch, a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass

from finnet.reporting.html import Points, Section
from finnet.reporting.sections.section import ReportSection

__all__ = ["PointsSection"]


@dataclass(frozen=True, kw_only=True)
class PointsSection(ReportSection):
    """A list of sentences under a heading.

    Parameters
    ----------
    title, lead : str
    points : sequence of str
        Without any there is no section.
    """

    title: str
    lead: str = ""
    points: Sequence[str] = ()

    @property
    def card(self) -> Section:
        """All of it."""
        return self.draw()

    def draw(self) -> Section:
        """The list."""
        return Section(self.title, self.lead, [Points(self.points)] if self.points else [])
