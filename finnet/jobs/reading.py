"""Reading: the findings of all files that a job reads."""

from collections.abc import Sequence

from finnet.data.quality import Findings, Problem

__all__ = ["Reading"]


class Reading:
    """Findings of all sources of a job, as they are read."""

    def __init__(self) -> None:
        self.findings: list[Findings] = []

    def of(self, settings: object, section: str) -> Findings:
        """Findings of one more source, by the rules that its settings may have."""
        found = Findings(getattr(settings, "rules", {}), section=section)
        self.findings.append(found)
        return found

    @property
    def problems(self) -> Sequence[Problem]:
        """All findings of all sources."""
        return [problem for findings in self.findings for problem in findings.problems]

    @property
    def has_errors(self) -> bool:
        """Whether one of them forbids to go on."""
        return any(findings.has_errors for findings in self.findings)
