"""What drives the forecasts of a job's model, and the reasons that stand beside new forecasts."""

import json

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError
from finnet.estimators.saving import load_model
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job
from finnet.jobs.page_files import report_from
from finnet.jobs.runner import build_models, run_job
from finnet.jobs.sources import load
from finnet.jobs.tasks.reasons import ReasonSettings, reason_columns, reasons_section
from finnet.reporting.sections.reasons import ReasonsSection
from finnet.sums import read_files
from tests.reporting.changing import section_of

OPEN = 20


def _written(folder):
    """Decided loans whose income and home tell the outcome, with gaps, and some still open; `code` says nothing."""
    n, rng = 300 + OPEN, np.random.default_rng(0)
    income, home = rng.normal(size=n), rng.choice(["own", "rent"], n)
    odds = np.exp(-2.0 * income + 1.0 * (home == "rent"))
    status = np.where(rng.random(n) < odds / (1 + odds), "bad", "good").astype(object)
    status[300:] = "open"
    income[rng.random(n) < 0.1] = np.nan
    table = pd.DataFrame({"nth": np.arange(n), "income": income, "home": home, "code": rng.normal(size=n)})
    table = table.assign(status=status)
    table.to_csv(folder / "loans.csv", index=False)
    return table


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loans")
    table = _written(folder)
    loans = {
        "path": "loans.csv",
        "target": "status",
        "bad": "bad",
        "good": "good",
        "undecided": ["open"],
        "order": "nth",
    }
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"loans": {**loans, "categories": ["home"]}}}
    settings |= {"models": ["network", "logistic"], "tune": {"trials": 1}, "blocks": {"validation": 0.34}}
    settings |= {"reasons": {"most": 2, "monotone": {"income": "down"}}}
    network = {"members": 3, "hidden": [4], "epochs": 20, "learning_rate": 0.02}
    job = parse_job({**settings, "network": network}).relative_to(folder)
    return folder, table, job, run_job(job, reports=folder / "reports")


def _section(run, model=None, held_out=None, **settings):
    _, _, job, result = run
    policy = json.loads((result.folder / "policy.json").read_text())["reasons"]
    return reasons_section(
        ReasonSettings(**settings),
        job,
        load(job).dataset,
        model=model or load_model(result.folder / "model.npz"),
        policy=policy,
        held_out=held_out,
    )


def test_the_policy_holds_the_usual_row_of_the_training_table(run):
    _, table, _, result = run
    policy = json.loads((result.folder / "policy.json").read_text())["reasons"]
    decided = table[table["status"] != "open"]
    assert policy["most"] == 2
    assert policy["usual"]["home"] == decided["home"].mode()[0]
    assert policy["usual"]["income"] in decided["income"].to_numpy()


def test_loans_not_decided_yet_have_reasons(run):
    result = run[-1]
    pending = pd.read_csv(result.folder / "pending.csv", keep_default_na=False)
    assert len(pending) == OPEN
    assert pending["reasons"].str.contains("income").sum() > OPEN / 4
    assert (pending["reasons"].str.count("usual") <= 2).all()
    assert list(pending)[-2:] == ["reasons", "flags"]


def test_new_loans_have_the_reasons_that_they_had_as_pending_ones(run):
    folder, table, _, result = run
    table[table["status"] == "open"].drop(columns="status").to_csv(folder / "new.csv", index=False)
    found = forecast_new(result.folder, folder / "new.csv")
    pending = pd.read_csv(result.folder / "pending.csv", keep_default_na=False)
    assert list(found.columns["reasons"]) == pending["reasons"].tolist()


def test_the_page_names_what_drives_the_forecast(run):
    _, _, _, result = run
    page = (result.folder / "report.html").read_text()
    assert "What drives the forecast?" in page
    assert "lowers risk" in page
    assert page.index("Conceptual soundness") < page.index("What drives the forecast?") < page.index("What limits")


def test_the_column_that_tells_most_stands_first_in_both_ways(run):
    table = _section(run).column_importance
    assert table["column"].iloc[0] == "income"
    assert table["permutation"].idxmax() == 0


def test_a_direction_that_holds_is_hardly_violated_and_its_reverse_by_far(run):
    found = {way: _section(run, monotone={"income": way}).monotone_columns.iloc[0] for way in ("down", "up")}
    assert found["down"]["largest"] < 0.1
    assert found["up"]["largest"] > 0.3
    assert found["up"]["share"] == 1.0


def test_what_the_data_alone_say_of_a_declared_column_is_measured(run):
    section = section_of(report_from(read_files(run[-1].folder)), ReasonsSection)
    found = section.monotone_columns.set_index("column").loc["income"]
    assert found["auc_low"] < found["auc"] < found["auc_high"] < 0.5  # defaults have the lower incomes
    assert "What is declared of income" in (run[-1].folder / "report.html").read_text(encoding="utf-8")


def test_every_column_has_its_importance_and_a_declared_one_its_curve(run):
    section = section_of(report_from(read_files(run[-1].folder)), ReasonsSection)
    assert set(section.column_importance["column"]) == {"income", "home", "code"}
    assert "income" in set(section.effect_curves["column"])


def test_every_deal_and_every_value_tried_is_counted(run):
    section = section_of(report_from(read_files(run[-1].folder)), ReasonsSection)
    assert (section.deals, section.deals_held_out, section.rows_trained) == (5, 10, 300)
    (tried,) = section.monotone_columns.to_dict("records")
    assert (tried["rows"], tried["values"]) == (300, 50)
    assert tried["known"] > 200
    assert section.levels_left_out == {}


def test_levels_beyond_the_most_of_a_curve_are_named(monkeypatch, run):
    monkeypatch.setattr("finnet.jobs.tasks.reasons._MOST_VALUES", 1)
    section = _section(run)
    assert len(section.levels_left_out["home"]) == 1
    shown = section.effect_curves.set_index("column")["value"]["home"]
    assert {shown, *section.levels_left_out["home"]} == {"own", "rent"}


def test_a_category_cannot_be_monotone(run):
    with pytest.raises(ConfigError, match="'home', which is no column of numbers; use income, code"):
        load(run[2].model_copy(update={"reasons": ReasonSettings(monotone={"home": "up"})}))


def test_a_direction_of_no_meaning_is_refused():
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"made_loan_book": {}}}
    with pytest.raises(ConfigError, match=r"reasons\.monotone"):
        parse_job({**settings, "reasons": {"monotone": {"income": "sideways"}}})


def _job(models, **reasons):
    settings = {"schema": 1, "task": "default-risk", "name": "a", "data": {"made_loan_book": {}}, "models": models}
    return parse_job({**settings, "reasons": reasons})


def test_enforced_directions_reach_the_risk_network_alone():
    declared = {"monotone": {"income": "down"}}
    models = ["risk_network", "logistic", "prior_rate"]
    assert build_models(_job(models, **declared, enforce=True))["risk_network"].monotone == {"income": "down"}
    assert build_models(_job(models, **declared))["risk_network"].monotone is None


@pytest.mark.parametrize(
    ("models", "reasons", "message"),
    [
        (["risk_network", "logistic"], {}, "enforce = true needs columns"),
        (["network", "logistic"], {"monotone": {"income": "down"}}, "enforce binds risk_network"),
    ],
)
def test_what_cannot_be_enforced_is_refused(models, reasons, message):
    with pytest.raises(ConfigError, match=message):
        _job(models, **reasons, enforce=True)


def test_columns_are_dealt_anew_among_test_rows_too(run):
    folder = run[-1].folder
    section = section_of(report_from(read_files(folder)), ReasonsSection)
    table = section.column_importance.set_index("column")
    assert section.rows_held_out == len(run[-1].forecasts.of("network").table)
    assert table.loc["income", "held_out"] > 3 * table.loc["income", "held_out_error"] > 0
    assert table["held_out"].idxmax() == "income"
    assert "by the models that had not seen them" in (folder / "report.html").read_text(encoding="utf-8")


def test_importance_of_folds_is_averaged_over_their_rows(run):
    folds = {"column": ["income"] * 2, "rise": [0.1, 0.4], "error": [0.03, 0.02], "rows": [100, 200], "fold": [0, 1]}
    section = _section(run, held_out=pd.DataFrame(folds))
    income = section.column_importance.set_index("column").loc["income"]
    assert income["held_out"] == pytest.approx(0.3)
    assert income["held_out_error"] == pytest.approx(5 / 300)  # sqrt((100 * .03)^2 + (200 * .02)^2) / 300
    assert section.rows_held_out == 300


class _Constant:
    """Forecasts .2 of everything."""

    def predict_proba(self, X):
        return np.tile([0.8, 0.2], (len(X), 1))


def test_a_model_that_looks_at_nothing_has_no_contributions_and_no_reasons(run):
    section = _section(run, model=_Constant())
    assert section.is_sampled
    assert section.agreement is None
    assert not section.column_importance["contribution"].any()
    assert "sampled Shapley values" in section.draw().lead
    policy = {"most": 4, "usual": {"income": 0.0}}
    assert reason_columns(policy, _Constant(), pd.DataFrame({"income": [1.0, np.nan]})) == {"reasons": ["", ""]}
