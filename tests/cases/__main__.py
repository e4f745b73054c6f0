"""Run every case of a folder and say whether it comes out right: `python -m tests.cases ../shared [NUMBER ...]`.

A case is a folder with RIGHT.md, which says what is right, and run.sh, which shows what comes out.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cases.judged import JUDGES, Output

MOST_SECONDS = 900


def run(case: Path, shared: Path, folder: Path) -> Output:
    """What a case prints; its reports go to `folder`."""
    command = {"FINNET": f"{sys.executable} -m finnet", "PYTHON": sys.executable, "TMPDIR": str(folder)}
    python_path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    market = shared / "data" / "market" / "sp500_20y_prices.parquet"
    if market.exists():
        (folder / "sp500.parquet").symlink_to(market.resolve())
    done = subprocess.run(
        ["bash", str(case / "run.sh")],
        env={**os.environ, **command, "PYTHONPATH": python_path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    return Output(done.stdout, folder)


def judged(case: Path, shared: Path) -> str:
    """right, wrong, or what prevented an answer."""
    judge = JUDGES.get(case.name[:2])
    if judge is None:
        return "not judged"
    with TemporaryDirectory() as folder:
        try:
            return "right" if judge(run(case, shared, Path(folder))) else "wrong"
        except (subprocess.TimeoutExpired, OSError, LookupError, ValueError, StopIteration) as error:
            return f"wrong ({type(error).__name__}: {str(error)[:80]})"


def main() -> None:
    """Print a line for each case and the sum; exit code 1 unless all are right."""
    shared = Path(sys.argv[1])
    if not (shared / "cases").is_dir():
        sys.exit(f"{shared / 'cases'} is not there; give the folder that holds cases/")
    cases = sorted(path for path in (shared / "cases").iterdir() if path.is_dir())
    wanted = [case for case in cases if case.name[:2] in sys.argv[2:] or not sys.argv[2:]]
    right = 0
    for case in wanted:
        answer = judged(case, shared)
        right += answer == "right"
        print(f"{case.name}: {answer}", flush=True)
    print(f"{right} of {len(wanted)} are right")
    sys.exit(right < len(wanted))


if __name__ == "__main__":
    main()
