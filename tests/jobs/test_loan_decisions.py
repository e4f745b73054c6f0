"""Decisions of default-risk jobs: profits only where terms are stated, groups that are no features, weak segments."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from finnet.data.loan_book import LoanBook
from finnet.errors import ConfigError, DataError
from finnet.evaluation.scores import score
from finnet.forecasts import Forecasts
from finnet.jobs.job_file import parse_job
from finnet.jobs.outputs import write_forecasts
from finnet.jobs.page_files import page_files, report_from
from finnet.jobs.reading import Reading
from finnet.jobs.sources import check_data, load
from finnet.jobs.tasks.default_risk import DefaultRiskTask
from finnet.jobs.tasks.loan_decisions import annotated, decide_on_loans, require_decidable
from finnet.jobs.tasks.task import Results
from finnet.reporting.html import Table, render
from finnet.reporting.report import Report
from finnet.reporting.sections.fairness import FairnessSection
from finnet.reporting.sections.segments import SegmentsSection

N = 600
TERMS = {"margin": 0.08, "loss_given_default": 0.45}


def job_of(**settings):
    base = {"schema": 1, "task": "default-risk", "name": "loans", "data": {"made_loan_book": {"loans": N}}}
    return parse_job({**base, **settings})


def file_job(tmp_path, *, loans=None, **settings):
    path = tmp_path / "loans.csv"
    if not path.exists():
        rng = np.random.default_rng(0)
        columns = {
            "amount": rng.integers(1000, 9000, N),
            "income": rng.normal(3000, 500, N).round(),
            "sex": rng.choice(["m", "w"], N),
            "age": rng.integers(19, 80, N),
            "rate": rng.uniform(5, 9, N).round(2),
            "default": (rng.random(N) < 0.2).astype(int),
        }
        pd.DataFrame(columns).to_csv(path, index=False)
    data = {"path": str(path), "target": "default", "categories": ["sex"], "amount": "amount", **(loans or {})}
    return job_of(data={"loans": data}, split={"repeated_kfold": {"folds": 5}}, **settings)


def read(job):
    return DefaultRiskTask().read(job, Reading())


def results_of(book):
    rng = np.random.default_rng(1)
    rows = {"fold": 0, "entity": book.loan_id, "target": "default", "horizon": 12, "kind": "probability"}
    known = {"truth": book.default.astype(float)}
    if book.applied_at is not None:
        known |= {"issued_at": book.applied_at, "resolves_at": book.resolves_at}
    values = {name: rng.beta(1, 5, len(book)) for name in ("network", "tree")}
    parts = [
        Forecasts.from_rows({**rows, **known, "model": name, "value": values[name]}, run_id="t") for name in values
    ]
    forecasts = Forecasts.concat(parts)
    scores = score(forecasts, ("log_loss", "auc"), draws=20)
    return Results(forecasts, SimpleNamespace(subject="network", scores=scores), None)


def words_of(section):
    drawn = section.draw()
    texts = [drawn.title, *(" ".join(map(str, block.header)) for block in drawn.blocks if isinstance(block, Table))]
    return " ".join([*texts, section.verdict, *section.facts])


def test_without_terms_nobody_profits_and_nothing_is_chosen():
    job = job_of()
    decided = decide_on_loans(job, read(job), results_of(read(job)))
    assert (decided.record, decided.policy) == ({}, {})
    assert len(decided.sections) == 1
    assert "rofit" not in words_of(decided.sections[0])


def test_with_terms_every_model_has_its_profit():
    job = job_of(lending=TERMS)
    decided = decide_on_loans(job, read(job), results_of(read(job)))
    assert decided.sections[0].profits["model"].tolist() == ["network", "tree"]
    assert decided.policy == {"cutoff": decided.sections[0].chosen}
    assert decided.record["lending"]["realized_profit_low"] < decided.record["lending"]["realized_profit"]
    assert "Difference" in words_of(decided.sections[0])


def test_sensitivities_start_from_what_is_recorded_and_stand_on_the_page(tmp_path):
    for settings in (TERMS, {**TERMS, "cost_per_loan": 5.0}, {**TERMS, "cost_per_loan": 5.0, "by_loan": True}):
        job = file_job(tmp_path, lending=settings)
        decided = decide_on_loans(job, read(job), results_of(read(job)))
        section, record = decided.sections[0], decided.record["lending"]
        first = section.sensitivity.iloc[0]
        assert [first["profit"], first["kept_profit"]] == pytest.approx([record["expected_profit"]] * 2)
        assert first["bad_rate"] == pytest.approx(record["forecast_bad_rate"])
        header = "What changes As decided, forecast to default As decided, expected profit"
        assert f"{header}{'' if settings.get('by_loan') else ' Anew, cut-off'} Anew, approved" in words_of(section)


def test_groups_are_compared_by_both_rules_where_loans_have_break_evens_of_their_own(tmp_path):
    differ, fairness = {**TERMS, "cost_per_loan": 50.0}, {"groups": ["sex"]}

    def groups_of(lending):
        job = file_job(tmp_path, lending=lending, fairness=fairness)
        return decide_on_loans(job, read(job), results_of(read(job))).sections[1]

    by_line, by_loan = groups_of(differ), groups_of({**differ, "by_loan": True})
    for one, other in ((by_line, by_loan), (by_loan, by_line)):
        assert one.fairness["approval_rate"].tolist() == other.otherwise["approval_rate"].tolist()
        assert one.fairness["p_holm"].tolist() == pytest.approx(other.otherwise["p_holm"].tolist(), nan_ok=True)
    assert (by_line.other_cutoff, by_loan.other_cutoff) == (None, by_line.cutoff)
    assert groups_of(TERMS).otherwise is None


def test_groups_at_a_stated_rate_have_no_realized_bad_rate(tmp_path):
    job = file_job(tmp_path, lending=TERMS, fairness={"groups": ["sex"]})
    made = results_of(read(job))
    moved = replace(made, forecasts=Forecasts(made.forecasts.table.assign(value=made.forecasts.table["value"] / 4)))
    section = decide_on_loans(job, read(job), moved, judged=made.own).sections[1]
    assert not section.has_outcomes
    assert section.fairness["forecast_bad_rate"].max() < section.cutoff
    assert "Approved, defaulted" not in words_of(section)


def test_the_policy_annotates_new_forecasts():
    job = job_of(lending=TERMS)
    forecasts = Forecasts.from_rows(
        {
            "model": "network",
            "fold": -1,
            "entity": ["A", "B"],
            "target": "default",
            "horizon": 12,
            "kind": "probability",
            "value": [0.1, 0.3],
        },
        run_id="t",
    )
    X = pd.DataFrame({"income": [1.0, 2.0]})
    assert annotated(job, 0.1, X=X, forecasts=forecasts) == {"decision": ["approve", "refuse"]}
    assert annotated(job_of(), None, X=X, forecasts=forecasts) == {}


def test_expected_losses_of_new_forecasts_need_amounts(tmp_path):
    job = file_job(tmp_path, lending=TERMS)
    row = {"model": "network", "fold": -1, "entity": ["A", "B"], "target": "default", "horizon": 12}
    forecasts = Forecasts.from_rows({**row, "kind": "probability", "value": [0.1, 0.3]}, run_id="t")
    X = pd.DataFrame({"amount": [1000.0, np.nan]})
    assert annotated(job, 0.1, X=X, forecasts=forecasts)["expected_loss"] == pytest.approx([45.0, np.nan], nan_ok=True)


def test_expected_losses_are_numbers_in_a_parquet_file(tmp_path):
    job = file_job(tmp_path, lending=TERMS)
    row = {"model": "network", "fold": -1, "entity": ["A", "B"], "target": "default", "horizon": 12}
    forecasts = Forecasts.from_rows({**row, "kind": "probability", "value": [0.1, 0.3]}, run_id="t")
    columns = annotated(job, 0.1, X=pd.DataFrame({"amount": [1234.0, np.nan]}), forecasts=forecasts)
    write_forecasts(forecasts, tmp_path / "new.parquet", columns=columns)
    assert pd.read_parquet(tmp_path / "new.parquet")["expected_loss"].dtype == float
    write_forecasts(forecasts, tmp_path / "new.csv", columns=columns)
    assert pd.read_csv(tmp_path / "new.csv")["expected_loss"].tolist() == pytest.approx([55.53, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("terms", "columns"),
    [
        (TERMS, {"amount": [1000.0, -5.0, 0.0, np.nan]}),
        (
            {"margin": 0.08, "loss_given_default_column": "lost", "in_percent": True},
            {"amount": [1000.0] * 4, "lost": [45.0, -1.0, 101.0, np.nan]},
        ),
    ],
    ids=["amount", "loss given default"],
)
def test_a_loan_whose_values_training_refuses_has_no_expected_loss(tmp_path, terms, columns):
    row = {"model": "network", "fold": -1, "entity": list("ABCD"), "target": "default", "horizon": 12}
    forecasts = Forecasts.from_rows({**row, "kind": "probability", "value": 0.1}, run_id="t")
    job = file_job(tmp_path, lending=terms)
    losses = annotated(job, 0.1, X=pd.DataFrame(columns), forecasts=forecasts)["expected_loss"]
    assert losses == pytest.approx([45.0, np.nan, np.nan, np.nan], nan_ok=True)


def test_columns_of_groups_are_no_features(tmp_path):
    fairness = {"groups": ["sex", {"column": "age", "limits": [25, 60]}], "approved_share": 0.8}
    book = read(file_job(tmp_path, fairness=fairness))
    assert list(book.features) == ["amount", "income", "rate"]
    kept = read(file_job(tmp_path, fairness={**fairness, "keep_as_feature": ["age"]}))
    assert list(kept.features) == ["amount", "income", "age", "rate"]


def test_groups_of_a_made_book_are_no_features_either():
    job = job_of(fairness={"groups": ["home"], "approved_share": 0.8})
    assert "home" not in read(job).features


def test_all_loans_have_one_interval_for_each_score(tmp_path):
    job = file_job(tmp_path, segments={"columns": ["income"]})
    results = results_of(read(job))
    section = decide_on_loans(job, read(job), results).sections[1]
    scores = results.assessment.scores.set_index(["model", "metric"]).loc["network"]
    for name in ("log_loss", "auc"):
        total = section.segments.loc[0, [name, f"{name}_low", f"{name}_high"]]
        assert total.tolist() == scores.loc[name, ["value", "low", "high"]].tolist()


def test_groups_and_segments_have_sections(tmp_path):
    fairness = {"groups": ["sex", {"column": "age", "limits": [25, 60]}], "approved_share": 0.75}
    job = file_job(tmp_path, fairness=fairness, segments={"columns": ["income"]})
    decided = decide_on_loans(job, read(job), results_of(read(job)))
    assert [type(section) for section in decided.sections[1:]] == [SegmentsSection, FairnessSection]
    segments, groups = decided.sections[1:]
    assert len(segments.segments) == 1 + 4
    assert groups.fairness["group"].tolist() == ["m", "w", "below 25", "25 to below 60", "60 and above"]
    approved = groups.fairness.iloc[:2]
    assert (approved["approval_rate"] @ approved["loans"]) / N == pytest.approx(0.75, abs=0.002)
    assert all(section.draw().blocks for section in decided.sections)


def test_dated_loans_have_vintages():
    job = job_of(segments={"period": "year"})
    section = decide_on_loans(job, read(job), results_of(read(job))).sections[1]
    assert section.vintages["vintage"].tolist() == [str(year) for year in range(2010, 2020)]
    assert set(section.segments["column"]) == {"", "year"}


def test_sections_are_drawn_again_from_what_is_saved():
    job = job_of(lending=TERMS, fairness={"groups": ["home"]}, segments={"columns": ["purpose"]})
    decided = decide_on_loans(job, read(job), results_of(read(job)))
    report = Report(title="t", parts=list(decided.sections))
    again = report_from(page_files(report))
    assert render(again.page()) == render(report.page())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fairness": {"groups": ["sex"]}}, "fairness needs a cut-off"),
        ({"fairness": {"groups": [], "approved_share": 0.8}}, "groups is empty"),
        ({"fairness": {"groups": ["sex"], "approved_share": 0.8, "keep_as_feature": ["sx"]}}, "did you mean 'sex'"),
        ({"fairness": {"groups": ["sex"], "approved_share": 0.8}, "loans": {"drop": ["sex"]}}, "'sex' is in drop"),
        ({"segments": {"period": "week"}}, "period='week'"),
        ({"lending": {"margin": 0.1, "margn": 0.1}}, "unknown key lending.margn"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        file_job(tmp_path, **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fairness": {"groups": ["age"], "approved_share": 0.8}}, "fairness.groups: .* are no groups; give limits"),
        ({"segments": {"columns": ["incom"]}}, "segments.columns: unknown column 'incom'; did you mean 'income'"),
        ({"segments": {"columns": [{"column": "sex", "limits": [1]}]}}, "segments.columns: .* leave limits out"),
        ({"lending": {"margin_column": "rat"}}, "lending.margin_column: unknown column 'rat'; did you mean 'rate'"),
        ({"lending": {"term_column": "zzz"}}, "lending.term_column: unknown column 'zzz'; use one of age, amount"),
        (
            {"lending": {"loss_given_default_column": "sex"}},
            "lending.loss_given_default_column: column 'sex' is a category; use a column of numbers: amount, income",
        ),
        ({"segments": {}}, "segments divides nothing"),
    ],
)
def test_a_key_that_the_loans_do_not_fit_is_named_with_the_job_file(tmp_path, settings, message):
    job = file_job(tmp_path, **settings).named_after("my-loans.toml")
    with pytest.raises(ConfigError, match=f"my-loans.toml: {message}"):
        load(job)


def test_an_impossible_value_in_a_column_is_bad_data(tmp_path):
    with pytest.raises(DataError, match="in_percent = true"):
        load(file_job(tmp_path, lending={"margin_column": "rate"}))


def test_check_data_lists_a_key_that_the_loans_do_not_fit(tmp_path):
    found = check_data(file_job(tmp_path, segments={"columns": ["incom"]}))
    assert found.query("severity == 'error'")[["rule", "file"]].to_numpy().tolist() == [["cannot_run", "loans"]]


def test_a_column_of_groups_that_made_loans_do_not_have_is_named():
    with pytest.raises(ConfigError, match=r"fairness\.groups: unknown column 'sex'"):
        load(job_of(fairness={"groups": ["sex"], "approved_share": 0.8}))


def test_a_book_without_amounts_has_no_costs_in_currency():
    book = LoanBook(np.array(["a"], object), pd.DataFrame({"income": [1.0]}), default=np.array([0]))
    with pytest.raises(ConfigError, match="amounts are not known"):
        require_decidable(job_of(lending={"cost_per_loan": 5.0}), book)


def test_weighted_loans_have_neither_segments_nor_groups(tmp_path):
    job = file_job(tmp_path, segments={"columns": ["sex"]})
    book = read(job)
    with pytest.raises(ConfigError, match=r"data\.loans\.weight"):
        require_decidable(job, replace(book, weight=np.full(len(book), 2.0)))


def test_segments_judge_forecasts_as_the_model_made_them(tmp_path):
    job = file_job(tmp_path, segments={"columns": ["sex"]})
    made = results_of(read(job))
    moved = replace(made, forecasts=Forecasts(made.forecasts.table.assign(value=0.5)))
    plain, judged = (decide_on_loans(job, read(job), made), decide_on_loans(job, read(job), moved, judged=made.own))
    losses = [decided.sections[1].segments["log_loss"].tolist() for decided in (plain, judged)]
    assert losses[0] == losses[1]


def test_segments_of_few_loans_are_said_not_to_be_tested(tmp_path):
    job = file_job(tmp_path, segments={"columns": [{"column": "age", "limits": list(range(21, 80, 3))}]})
    (section,) = decide_on_loans(job, read(job), results_of(read(job))).sections[1:]
    assert "none could be tested" in section.draw().blocks[0].text


@pytest.mark.parametrize(
    ("loans", "settings", "message"),
    [
        (
            {"group": "sex"},
            {"fairness": {"groups": ["sex"], "approved_share": 0.8}},
            "column 'sex' is data.loans.group",
        ),
        ({"group": "sex"}, {"central_tendency": {"column": "sex", "rates": {"m": 0.1}}}, "'sex' is data.loans.group"),
        (
            {"aside": ["sex"]},
            {"central_tendency": {"column": "sex", "rates": {"m": 0.1}}},
            "'sex' is in data.loans.aside",
        ),
        ({"drop": ["age"]}, {"segments": {"columns": ["age"]}}, "segments.columns: column 'age' is in data.loans.drop"),
        ({}, {"segments": {"columns": ["default"]}}, "'default' holds what became of the loans"),
        (
            {},
            {"fairness": {"groups": ["sex"], "approved_share": 0.8}, "grades": {"by": ["sex"]}},
            "grades.by: column 'sex' makes groups of .* add it to fairness.keep_as_feature",
        ),
        ({}, {"segments": {"columns": ["incom"]}}, "segments.columns: unknown column 'incom'; did you mean 'income'"),
    ],
)
def test_a_column_that_has_another_use_is_not_called_unknown(tmp_path, loans, settings, message):
    with pytest.raises(ConfigError, match=message):
        load(file_job(tmp_path, loans=loans, **settings))


def test_a_loan_without_a_margin_is_named_with_its_file_and_line(tmp_path):
    lending = {"margin_column": "rate", "in_percent": True}
    read(file_job(tmp_path, lending=lending))
    table = pd.read_csv(tmp_path / "loans.csv")
    table.loc[6, "rate"] = np.nan
    table.to_csv(tmp_path / "loans.csv", index=False)
    with pytest.raises(DataError, match=r"'rate' is empty for 1 loan, first '7 \(.*loans\.csv, line 8\)'; fill it"):
        read(file_job(tmp_path, lending=lending))


def test_a_column_called_quarter_stays_beside_the_quarters_of_application():
    job = job_of(segments={"columns": ["quarter"], "period": "quarter"})
    book = read(job_of())
    book = replace(book, features=book.features.assign(quarter=pd.Categorical(["a", "b"] * (len(book) // 2))))
    segments = decide_on_loans(job, book, results_of(book)).sections[1].segments
    assert {"quarter", "quarter of application"} <= set(segments["column"])
    assert set(segments.loc[segments["column"] == "quarter", "segment"]) == {"a", "b"}


def test_a_small_approved_share_is_told_with_its_digits():
    job = job_of(fairness={"groups": ["home"], "approved_share": 0.0001})
    book = read(job)
    section = decide_on_loans(job, book, results_of(book)).sections[1]
    assert section.origin == "the lowest cut-off that approves at least 0.01 % of the loans"
