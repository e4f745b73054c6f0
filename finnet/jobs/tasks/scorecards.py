"""Scorecards: the one of the final training window, as a section of the page and as files to use and to edit."""

from collections.abc import Mapping, Sequence

import pandas as pd

from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.scorecard_points import Scorecard
from finnet.estimators.scorecard_sql import scorecard_sql
from finnet.features.bins_file import write_bins
from finnet.jobs.final_fit import refit_deployed
from finnet.jobs.outputs import to_csv
from finnet.jobs.tasks.scorecard_settings import JobWithScorecard
from finnet.jobs.tasks.task import Results, Study
from finnet.models import BASELINES
from finnet.reporting.sections.scorecard import ScorecardSection

__all__ = ["BINS", "CARD", "QUERY", "scorecard_of"]

SCORECARD = "scorecard"
CARD, QUERY, BINS = "scorecard.csv", "scorecard.sql", "bins.toml"


def scorecard_of(
    job: JobWithScorecard, study: Study, results: Results
) -> tuple[Sequence[ScorecardSection], Mapping[str, str]]:
    """The section of the page, and the files by name with their text; neither where the job compares no scorecard."""
    if SCORECARD not in job.models:
        return [], {}
    # Where the scorecard itself is deployed, it is fitted on the last window already.
    model = results.model
    if not isinstance(model, ScorecardClassifier):
        model = refit_deployed(job, study.dataset, job.configured(SCORECARD, BASELINES[SCORECARD].make()))
    card = Scorecard(model, job.scorecard.scale)
    points = card.table()
    # The rows of the comparisons of the page that are about the scorecard, one for each metric.
    compared = [comparison.table for comparison in results.assessment.comparisons]
    gain = pd.concat([table[table["model"] == SCORECARD] for table in compared], ignore_index=True)
    section = ScorecardSection(
        subject=results.assessment.subject,
        gain=gain,
        information=_information(model),
        bin_points=points,
        base=card.base,
        scale=card.scale.words,
        n_rows=next(iter(model.evidence_.values())).n_rows,
        given=sorted(job.scorecard.given),
        binning=job.scorecard.binning,
    )
    # Numbers that the reader of the file had made missing, which a database still holds.
    source = job.data.source
    everywhere, by_column = getattr(source, "missing_codes", ()), getattr(source, "missing_codes_in", {})
    codes = {name: (*everywhere, *by_column.get(name, ())) for name in model.evidence_}
    files = {
        CARD: to_csv(pd.concat([_base(card), points], ignore_index=True)).decode(),
        QUERY: scorecard_sql(card, missing_codes=codes),
        BINS: write_bins({name: evidence.bins for name, evidence in model.evidence_.items()}),
    }
    return [section], files


def _information(model: ScorecardClassifier) -> pd.DataFrame:
    """One row per column, the most informative first."""
    rows = [
        {
            "column": name,
            "bins": int(((evidence.good + evidence.bad) > 0).sum()),
            "value": evidence.information_value,
            "null_value": evidence.null_value,
            "coefficient": model.coefficients_.get(name),
            "left_out": model.left_out_.get(name, ""),
        }
        for name, evidence in model.evidence_.items()
    ]
    return pd.DataFrame(rows).astype({"coefficient": float}).sort_values("value", ascending=False, ignore_index=True)


def _base(card: Scorecard) -> pd.DataFrame:
    """The line of the card that holds for every applicant, in the shape of its table."""
    evidence = next(iter(card.model.evidence_.values()))
    n, rate = evidence.n_rows, evidence.bad.sum() / evidence.n_rows
    said = {"n": n, "bad_rate": rate, "weight": 0.0, "information": 0.0, "points": card.base}
    return pd.DataFrame([{"column": "(base)", "bin": "every applicant", **said}])
