"""Reports: sections in the order of reading, and the page that they make."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finnet.reporting.html import Page, Section
from finnet.reporting.sections.section import ReportSection

__all__ = ["Chapter", "Report"]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """Sections under one heading."""

    title: str
    lead: str
    sections: Sequence[ReportSection]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run says of itself; saved section by section, so that the page can be made again from that alone.

    Parameters
    ----------
    title : str
        Heading of the page.
    kind : str
        What sort of report it is, in a sentence; "" where that need not be said.
    parts : sequence of ReportSection or Chapter
        In the order of reading.
    """

    title: str
    kind: str = ""
    parts: Sequence[ReportSection | Chapter]

    @property
    def sections(self) -> list[ReportSection]:
        """All sections, those of chapters too."""
        return [section for part in self.parts for section in (part.sections if isinstance(part, Chapter) else [part])]

    def page(self) -> Page:
        """The page: what all sections say in short, then every section that has something to show."""
        # All alarms before any verdict: who reads one line only must not miss them.
        said = [section.alarm for section in self.sections] + [section.verdict for section in self.sections]
        subtitles = [self.kind, *(section.subtitle for section in self.sections)]
        return Page(
            title=self.title,
            subtitle=" ".join(filter(None, subtitles)),
            verdict="\n".join(filter(None, said)),
            facts={label: text for section in self.sections for label, text in section.facts.items()},
            sections=[drawn for part in self.parts if (drawn := _drawn(part)).blocks],
        )

    def changed(self, change: Callable[[ReportSection], ReportSection]) -> "Report":
        """The same report, every section put through `change`."""
        parts = [
            Chapter(title=part.title, lead=part.lead, sections=[change(section) for section in part.sections])
            if isinstance(part, Chapter)
            else change(part)
            for part in self.parts
        ]
        return Report(title=self.title, kind=self.kind, parts=parts)


def _drawn(part: ReportSection | Chapter) -> Section:
    if not isinstance(part, Chapter):
        return part.draw()
    return Section(part.title, part.lead, [drawn for section in part.sections if (drawn := section.draw()).blocks])
