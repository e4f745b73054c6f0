"""Scorecards: the one of the final training window, as a section of the page and as files to use and to edit."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from finnet.data.meanings import NO_MEANINGS, Meanings
from finnet.estimators.scorecard import ScorecardClassifier
from finnet.estimators.scorecard_points import Scorecard
from finnet.estimators.scorecard_sql import scorecard_sql
from finnet.evaluation.assessment import Assessment
from finnet.evaluation.metrics import metric_named
from finnet.features.binning import NumberBins
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
    job: JobWithScorecard, study: Study, results: Results, *, words: Meanings = NO_MEANINGS
) -> tuple[Sequence[ScorecardSection], Mapping[str, str]]:
    """The section of the page, and the files by name with their text; neither where the job compares no scorecard.

    Levels stand with their meanings, as `words` has them, in the section alone: files are for machines.
    """
    if SCORECARD not in job.models:
        return [], {}
    # Where the scorecard itself is deployed, it is fitted on the last window already.
    model = results.model
    if not isinstance(model, ScorecardClassifier):
        model = refit_deployed(job, study.dataset, job.configured(SCORECARD, BASELINES[SCORECARD].make()))
    card = Scorecard(model, job.scorecard.scale)
    points = card.table()
    section = ScorecardSection(
        subject=results.assessment.subject,
        gain=_gain(results.assessment),
        information=_information(model),
        bin_points=points.assign(bin=[label for name in card.points for label in _labels(model, name, words)]),
        base=card.base,
        scale=card.scale.words,
        n_rows=next(iter(model.evidence_.values())).n_rows,
        given=sorted(job.scorecard.given),
        binning=job.scorecard.binning,
        slope=_slope(results.assessment.calibration_errors),
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


def _gain(assessment: Assessment) -> pd.DataFrame:
    """Every score of the subject beside the scorecard's: rows of the comparisons, then the scores not tested."""
    compared = pd.concat([comparison.table for comparison in assessment.comparisons], ignore_index=True)
    tested = compared[compared["model"] == SCORECARD]
    values = assessment.scores.set_index(["metric", "model"])["value"]
    rows = []
    for name in assessment.scores["metric"].unique():
        if len(tested) and name not in set(tested["metric"]):
            own, other = float(values[name, assessment.subject]), float(values[name, SCORECARD])
            gained = own - other if metric_named(str(name)).higher_is_better else other - own
            rows.append({"metric": name, "reference_value": own, "value": other, "difference": gained})
    untested = pd.DataFrame(rows, columns=["metric", "reference_value", "value", "difference"])
    return pd.concat([tested, untested], ignore_index=True) if rows else tested.reset_index(drop=True)


def _labels(model: ScorecardClassifier, name: str, words: Meanings) -> list[str]:
    """What each bin of a column holds, each level with its meaning."""
    bins = model.evidence_[name].bins
    if isinstance(bins, NumberBins):
        return bins.labels
    groups = [", ".join(words.beside(name, level) for level in group) for group in bins.groups]
    return [*groups, *bins.labels[len(groups) :]]


def _slope(errors: pd.DataFrame | None) -> list[float]:
    """Slope of the scorecard's calibration, the ends of its interval, the p-value of the joint test; may be empty."""
    if errors is None:
        return []
    own = errors.loc[errors["model"] == SCORECARD, ["slope", "slope_low", "slope_high", "p_value"]].to_numpy(float)
    return [float(value) for value in own[0]] if len(own) and np.isfinite(own).all() else []


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
