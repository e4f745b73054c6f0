"""Learning curve: how good the models would be if they had trained on fewer rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from finnet.names import model_heading, model_in_sentence
from finnet.reporting.html import Block, Figure, Note, Section, Table
from finnet.reporting.learning_plot import learning_plot
from finnet.reporting.sections.section import ReportSection
from finnet.reporting.text import count, metric_of

__all__ = ["LearningCurveSection", "learning_curve_table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class LearningCurveSection(ReportSection):
    """Scores of some models on the test rows of the first fold, trained on more and more of its training rows.

    Parameters
    ----------
    learning_curve : DataFrame
        `rows`, `model`, `metric`, `value`, `low`, `high`; the largest number of rows is that of the run itself.
    subject : str
        The model that the page is about.
    test_rows : int
    is_in_time : bool
        Whether the fewer rows are those nearest to the test rows in time, else drawn alike in their outcomes.
    too_few : sequence of int
        Numbers of rows left out since they hold too few loans of one outcome.
    """

    learning_curve: pd.DataFrame
    subject: str
    test_rows: int
    is_in_time: bool
    too_few: Sequence[int]

    def draw(self) -> Section:
        """Curve and table; a sentence alone where the fold has no smaller part to learn from."""
        fewest, most = self.learning_curve["rows"].min(), self.learning_curve["rows"].max()
        blocks: list[Block] = []
        if most > fewest:
            caption = (
                f"Scores with 95 % intervals over test rows; {count(most)} are all training rows of the fold, whose"
                f" figures are those of the run. Lines of one model share the test rows, and intervals say how"
                f" {model_in_sentence(self.subject)} and the others would vary with other test rows, not with other"
                " training rows."
            )
            blocks += [
                Figure(learning_plot(self.learning_curve, self.subject), _CURVE, "Scores against training rows"),
                Table(learning_curve_table(self.learning_curve, self.subject), caption),
            ]
        else:
            blocks.append(Note("The first fold has too few training rows for a smaller part of them to say anything."))
        if self.too_few:
            rows = ", ".join(count(n_rows) for n_rows in self.too_few)
            blocks.append(Note(f"Left out, since they hold fewer than 25 loans of one outcome: {rows} rows."))
        which = (
            "the loans nearest to the test rows in time, so that fewer are also newer"
            if self.is_in_time
            else "drawn at random, alike in their outcomes"
        )
        lead = (
            f"Models of the first fold, trained again on parts of its training rows: {which}; each part holds the"
            f" smaller ones. All are scored on the same {count(self.test_rows)} test rows. Nothing was chosen by these"
            " figures."
        )
        return Section("Would more loans help?", lead, blocks)


_CURVE = (
    "Scores against the number of training rows, with 95 % intervals. A curve that still rises in AUC, or falls in log"
    " loss, at its right end suggests that more loans would help; its intervals tell how sure that is. One draw of"
    " training rows stands behind each point."
)


def learning_curve_table(table: pd.DataFrame, subject: str) -> pd.DataFrame:
    """A row for each number of training rows and model, the subject first, with a column for each metric.

    Text of shape (n_numbers * n_models, 2 + n_metrics).

    Examples
    --------
    >>> table = pd.DataFrame({"rows": [500, 500], "model": "tree", "metric": ["auc", "log_loss"],
    ...                       "value": [0.712, 0.412], "low": [0.68, 0.39], "high": [0.74, 0.43]})
    >>> learning_curve_table(table, "tree").iloc[0].tolist()
    ['500', 'Decision tree', '0.712 (0.680 to 0.740)', '0.4120 (0.3900 to 0.4300)']
    """
    lines = []
    models = sorted(pd.unique(table["model"]), key=lambda name: name != subject)
    for n_rows in sorted(table["rows"].unique()):
        for model in models:
            own = table[(table["rows"] == n_rows) & (table["model"] == model)]
            scores = {}
            for name, value, low, high in zip(own["metric"], own["value"], own["low"], own["high"], strict=True):
                metric = metric_of(str(name))
                scores[metric.label] = metric.with_interval(value, low, high)
            lines.append({"Training rows": count(n_rows), "Model": model_heading(str(model)), **scores})
    return pd.DataFrame(lines)
