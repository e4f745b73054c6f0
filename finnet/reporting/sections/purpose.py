"""Purpose: what forecasts are for, as their owner says."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finnet.reporting.html import Block, Note, Section, Table
from finnet.reporting.sections.section import ReportSection

__all__ = ["PurposeSection"]


@dataclass(frozen=True, kw_only=True)
class PurposeSection(ReportSection):
    """What the job file says of the purpose of the forecasts.

    Parameters
    ----------
    stated : mapping of str to str
        Answers by question, such as `{"Use": "Decide on consumer loans"}`; empty ones are left out.
    missing : str
        What is said of answers that are missing. Given is what is said where nothing is stated, held what applies:
        that, which answers are missing, or "". With "" a section without answers is left out.
    """

    stated: Mapping[str, str]
    missing: str = ""

    def __post_init__(self) -> None:
        # Files hold the fields, and one that says that nothing is stated must not stand beside answers.
        if self.missing and any(self.stated.values()):
            absent = ", ".join(question for question, answer in self.stated.items() if not answer)
            object.__setattr__(self, "missing", f"Not stated: {absent}." if absent else "")

    def draw(self) -> Section:
        """The answers and which are missing, or that there are none."""
        answers = {question: answer for question, answer in self.stated.items() if answer}
        table = pd.DataFrame({"Question": answers.keys(), "Answer": answers.values()})
        blocks: list[Block] = [Table(table, "As the job file says; finnet cannot check it.")] if answers else []
        if self.missing:
            blocks.append(Note(self.missing))
        return Section("What is it for?", "", blocks)

    @property
    def card(self) -> Section:
        """All of it."""
        return self.draw()
