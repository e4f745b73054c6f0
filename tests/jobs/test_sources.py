"""Late data reaches the panel of a job as of its publication."""

import numpy as np

from finnet.jobs.config import parse_job
from finnet.jobs.sources import check_data, load_panel

PRICES = "date,symbol,close\n2020-01-30,A,1\n2020-01-31,A,1\n2020-02-03,A,1\n2020-02-04,A,1\n"
SPREADS = "month,baa\n2020-01-01,1.5\n"


def job_in(folder):
    (folder / "prices.csv").write_text(PRICES)
    (folder / "spreads.csv").write_text(SPREADS)
    macro = {"columns": {"date": "month", "spread": "baa"}, "lag_months": 1, "time": "08:30"}
    data = {"prices": {"path": "prices.csv"}, "macro": {"path": "spreads.csv", **macro}}
    settings = {"schema": 1, "task": "direction", "name": "a", "data": data, "features": ["sentiment_spread"]}
    return parse_job(settings).relative_to(folder)


def test_a_monthly_value_is_known_in_the_following_month(tmp_path):
    panel = load_panel(job_in(tmp_path).data)
    np.testing.assert_array_equal(panel["spread"][:, 0], [np.nan, np.nan, 1.5, 1.5])


def test_the_macro_file_is_checked_too(tmp_path):
    job = job_in(tmp_path)
    (tmp_path / "spreads.csv").write_text("month,baa\n2020-01-01,much\n")
    table = check_data(job)
    assert "spreads.csv" in str(table["file"].iloc[0])
