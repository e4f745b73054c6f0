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
        What is said where nothing is stated; "" leaves the section out, and does not say which answers are missing.
    """

    stated: Mapping[str, str]
    missing: str = ""

    def draw(self) -> Section:
        """The answers and which are missing, or that there are none."""
        answers = {question: answer for question, answer in self.stated.items() if answer}
        table = pd.DataFrame({"Question": answers.keys(), "Answer": answers.values()})
        blocks: list[Block] = [Table(table, "As the job file says; finnet cannot check it.")] if answers else []
        if answers and self.missing and (absent := [question for question in self.stated if question not in answers]):
            blocks.append(Note(f"Not stated: {', '.join(absent)}."))
        if not answers and self.missing:
            blocks = [Note(self.missing)]
        return Section("What is it for?", "", blocks)

    @property
    def card(self) -> Section:
        """All of it."""
        return self.draw()
