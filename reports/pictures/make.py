"""Draw the pictures of the README: `make demo`, then `python reports/pictures/make.py` (needs Chromium).

The worked example is drawn from the package; the report is the top of the newest page that `make demo` left.
"""

import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

from finnet.network.worked_example import worked_example
from finnet.reporting.diagrams import worked_example_plot

HERE = Path(__file__).parent
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]


def newest_report(job: str) -> Path:
    """The page that was written last for a job."""
    return max((HERE.parent / job).glob("*/report.html"), key=lambda path: path.stat().st_mtime)


def photograph(page: Path, picture: Path) -> None:
    """The top of a page as PNG."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no Chromium found; install it to photograph a report")
    profile = f"--user-data-dir={mkdtemp()}"
    shot = [browser, *FLAGS, profile, "--window-size=1100,1500", f"--screenshot={picture}", page.resolve().as_uri()]
    subprocess.run(shot, check=True, capture_output=True)


if __name__ == "__main__":
    (HERE / "worked_example.svg").write_text(worked_example_plot(worked_example()), encoding="utf-8")
    photograph(newest_report("loan-default"), HERE / "report.png")
