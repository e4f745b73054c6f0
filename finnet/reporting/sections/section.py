"""What every section of a report is: tables and plain values that a run saves, and what is drawn from them alone."""

from collections.abc import Mapping

from finnet.reporting.html import Section

__all__ = ["ReportSection"]


class ReportSection:
    """A section of a report; a subclass is a frozen dataclass whose fields are all that is saved of it.

    A field holds a DataFrame, or what JSON holds: text, numbers, lists of them, None. A field called `manifest` holds
    that of the run, which is saved once for all. Names of tables are those of files, so no two sections of a page share
    one. The class is named in `finnet.reporting.sections.SECTIONS`.
    """

    @property
    def alarm(self) -> str:
        """What must be read before the verdict; "" where there is nothing."""
        return ""

    @property
    def verdict(self) -> str:
        """Sentences for the top of the page, one per line; "" where the section has none."""
        return ""

    @property
    def subtitle(self) -> str:
        """What stands below the title; "" where the section does not say."""
        return ""

    @property
    def facts(self) -> Mapping[str, str]:
        """Key figures by their labels. A line break sets what follows it smaller, below."""
        return {}

    @property
    def card(self) -> Section | None:
        """What a model card says of it, in short; None where the card leaves it out."""
        return None

    def draw(self) -> Section:
        """The section as it stands on the page; one without blocks is left out."""
        raise NotImplementedError
