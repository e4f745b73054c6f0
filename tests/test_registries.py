"""Every name that a job file may hold goes from the job file to a finished page."""

import pytest

from finnet.estimators.objective import CLASS_LOSSES, NUMBER_LOSSES
from finnet.features.feature_set import FAMILIES, feature_named
from finnet.jobs import page_files
from finnet.jobs.job_file import parse_job
from finnet.jobs.runner import run_job
from finnet.jobs.tasks import TASKS
from finnet.models import BASELINES
from finnet.network.activations import ACTIVATIONS
from finnet.network.optimizers import OPTIMIZERS
from finnet.reporting.html import render
from finnet.reporting.sections import SECTIONS

TINY = {"schema": 1, "name": "tiny", "tune": {"trials": 1}, "network": {"members": 1, "hidden": [4], "epochs": 2}}
TINY["blocks"] = {"validation": 0.5}
LOANS = {"task": "default-risk", "data": {"made_loan_book": {"loans": 90}}, "split": {"purged_kfold": {"folds": 2}}}
LOANS |= {"lending": {}, "fairness": {"groups": ["home"]}, "segments": {"columns": ["purpose"]}}
MARKET = {"data": {"made_market": {"symbols": 12, "sessions": 150}}, "split": {"holdout": {"test_share": 0.4}}}
DIRECTION = {"task": "direction", **MARKET, "features": ["return_1"]}
LOSSES = {"task": "loss-given-default", "data": {"made_recoveries": {"loans": 90}}, "split": LOANS["split"]}
RETURNS = {"task": "forward-return", **MARKET, "features": ["return_1"]}
# What these features read, made prices do not hold.
_NOT_MADE = {"dollar_volume"}


def able(kind):
    return ["network", *(name for name, model in BASELINES.items() if kind in model.made_by)]


def drawn(folder, *parts, page=True, **changes):
    """The sections of a run, which are drawn where the page is asked for."""
    settings = dict(TINY)
    for part in (*parts, changes):
        settings |= part
    result = run_job(parse_job(settings), reports=folder)
    report = page_files.report_from({p.relative_to(result.folder).as_posix(): p.read_bytes() for p in files(result)})
    if page:
        assert render(report.page())
    return {type(section) for section in report.sections}


def files(result):
    return [path for path in result.folder.rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch):
    """Leave out the page of the run, since each is drawn again."""
    monkeypatch.setattr("finnet.jobs.runner.render_page", lambda files: "page")


SHARED = {"comparison", "data", "points", "purpose", "reproduction"}
DRAWN = {
    "default-risk": SHARED
    | {"calibration", "cutoffs", "fairness", "grades", "guidance", "reasons", "scorecard", "segments"}
    | {"risk_training"},
    "direction": SHARED | {"calibration", "trading", "training"},
    "losses": SHARED | {"training"},
    "returns": SHARED | {"training"},
    "quantiles": SHARED | {"coverage", "training"},
}


@pytest.mark.parametrize(
    ("name", "parts", "kind"),
    [
        ("default-risk", LOANS, "event"),
        ("direction", DIRECTION, "event"),
        ("losses", LOSSES, "number"),
        ("returns", RETURNS, "number"),
        ("quantiles", RETURNS | {"levels": [0.2, 0.8]}, "quantile"),
    ],
    ids=DRAWN,
)
@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_every_model_and_section_of_every_task(name, parts, kind, tmp_path):
    # Of loans nothing goes up, and no column is yesterday's outcome.
    unfit = {"default-risk": ("always_up", "persistence"), "direction": ("risk_network",), "losses": ("last_value",)}
    others = unfit.get(name, ())
    seen = drawn(tmp_path, parts, models=[model for model in able(kind) if model not in others])
    assert seen == {SECTIONS[section] for section in DRAWN[name]}


def test_a_learning_curve(tmp_path):
    more = {"data": {"made_loan_book": {"loans": 240}}, "learning_curve": {"rows": [100]}}
    assert SECTIONS["learning_curve"] in drawn(tmp_path, LOANS, more, models=["network", "tree"])


def test_every_section_is_of_a_task_above():
    assert set().union({"learning_curve"}, *DRAWN.values()) == set(SECTIONS)


def test_every_feature(tmp_path):
    names = [make("return_1").name if family in ("rank", "market") else make().name for family, make in made()]
    data = {"made_market": {"symbols": 12, "sessions": 420}}
    drawn(tmp_path, DIRECTION, features=names, models=["network", "prior_rate"], data=data)


def made():
    for family, make in FAMILIES.items():
        if family in ("rank", "market"):
            yield family, lambda name, make=make: make(feature_named(name))
        elif family not in _NOT_MADE:
            yield family, make


LABELS = [
    (DIRECTION, "direction"),
    (DIRECTION, "above_median"),
    (RETURNS, "forward_return"),
    (RETURNS, "forward_volatility"),
]


@pytest.mark.parametrize(("parts", "label"), LABELS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_label(parts, label, tmp_path):
    models = ["network", "prior_rate" if parts is DIRECTION else "training_mean"]
    drawn(tmp_path, parts, label={label: {}}, models=models)


@pytest.mark.parametrize("task", TASKS)
def test_every_label_of_a_task_is_tried_above(task):
    choice = TASKS[task].settings.model_fields.get("label")
    known = set() if choice is None else set(choice.annotation.__dataclass_fields__) - {"plugin"}
    assert known <= {label for _, label in LABELS}


SETTINGS = [
    *({"activation": name} for name in ACTIVATIONS if name != "softmax"),
    *({"optimizer": name} for name in OPTIMIZERS),
    *({"loss": name} for name in CLASS_LOSSES),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: next(iter(setting.values())))
@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_every_setting_of_networks(setting, tmp_path):
    # Of prices, since what else a page says of loans takes ten times as long as these fits.
    network = {**TINY["network"], **setting}
    drawn(tmp_path, DIRECTION, models=["network", "prior_rate"], network=network, page=False)


@pytest.mark.parametrize("loss", NUMBER_LOSSES)
@pytest.mark.filterwarnings("ignore::finnet.errors.FinnetWarning")
def test_every_loss_of_numbers(loss, tmp_path):
    network = {**TINY["network"], "loss": loss}
    drawn(tmp_path, RETURNS, models=["network", "zero"], network=network, page=False)
