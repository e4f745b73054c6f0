"""Reading: the findings of all files that a job reads."""

from collections.abc import Sequence

import pandas as pd

from finnet.data.inspection import SourceFile, checks_table
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
    def checks(self) -> pd.DataFrame:
        """What was looked for in all sources, as `finnet.data.inspection.checks_table` gives it."""
        ignored = {rule for findings in self.findings for rule in findings.ignored}
        return checks_table([findings.inspection for findings in self.findings], ignored=ignored)

    @property
    def files(self) -> Sequence[SourceFile]:
        """The files that were read, each once."""
        return list(dict.fromkeys(file for findings in self.findings for file in findings.inspection.files))

    @property
    def has_errors(self) -> bool:
        """Whether one of them forbids to go on."""
        return any(findings.has_errors for findings in self.findings)
