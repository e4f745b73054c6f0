"""Attacks on runs, outputs and folders, in numbers: each yields, try by try, whether what must hold did hold."""

import contextlib
import errno
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finnet import cli, files
from finnet.data.csv_format import CsvFormat
from finnet.data.limits import Limits, limited
from finnet.data.quality import Findings
from finnet.data.tables import read_table
from finnet.errors import ConfigError, DataError, FinnetError
from finnet.files import replace_file, replace_folder, stepped_aside
from finnet.forecasts import Forecasts
from finnet.jobs.artifacts import run_name, to_json
from finnet.jobs.checkpoints import Checkpoints
from finnet.jobs.folders import LATEST, MANIFEST, mark, move_latest, restore_runs, runs_of
from finnet.jobs.forecasting import forecast_new
from finnet.jobs.job_file import parse_job, read_job
from finnet.jobs.keys import job_keys
from finnet.jobs.outputs import write_forecasts
from finnet.jobs.saved_runs import SavedRun, list_runs, render_again
from finnet.jobs.sources import load
from finnet.jobs.tasks.default_risk_job import DefaultRiskJob
from finnet.jobs.tasks.direction import DirectionJob
from finnet.sums import SUMS, check_files, read_files, sealed
from tests.jobs.small import JOB, lasting, run_small

__all__ = ["ATTACKS", "Bench"]


class Bench(SimpleNamespace):
    """What attacks work with: an empty `folder`, a generator `rng`, a complete `run`; `long` for the full table."""


def refused(act, *kinds):
    """Whether an act ends in one of these errors of ours."""
    try:
        act()
    except kinds:
        return True
    return False


def forked(act):
    """Process number of a child that acts and ends."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            act()
        os._exit(0)
    return child


def latest_goes_forward(bench):
    moments = ["", *(f"20{year}-01-01T00:00:00" for year in (10, 15, 20)), "2091-01-01T00:00:00"]
    for number in range(300 if bench.long else 60):
        job, best = bench.folder / str(number), None
        mark(job)
        for step in range(4):
            run, newest = job / f"2020-01-01-{step:010d}", bench.rng.choice(moments)
            run.mkdir()
            (run / MANIFEST).write_text(to_json({"data": {"newest": newest}}))
            reason = move_latest(run)
            is_step_back = newest > "2090" or (best is not None and newest < best[0])
            best = best if is_step_back else (newest, run.name)
            at = os.readlink(job / LATEST) if best else None
            yield bool(reason) == is_step_back and (best is None or at == best[1])


def every_file_counts(bench):
    for number in range(400 if bench.long else 40):
        run = bench.folder / str(number) / bench.run.name
        shutil.copytree(bench.run, run)
        names = [line.split("  ")[1] for line in (run / SUMS).read_text().splitlines()]
        path, lines = run / bench.rng.choice(names), (run / SUMS).read_text().splitlines(keepends=True)
        match bench.rng.randrange(6):
            case 0:
                content = bytearray(path.read_bytes())
                content[bench.rng.randrange(len(content))] ^= 1 << bench.rng.randrange(8)
                path.write_bytes(content)
            case 1:
                (run / SUMS).write_text("".join(bench.rng.sample(lines, bench.rng.randrange(len(lines)))))
            case 2:
                path.with_name("added").write_bytes(b"x")
            case 3:
                path.unlink()
                path.symlink_to(bench.run / path.relative_to(run))
            case 4:
                left = read_files(run)
                del left[bench.rng.choice(["model.npz", "manifest.json", "page/page.json", "timings.json"])]
                replace_folder(run, sealed(left))
            case 5:
                path.unlink()
        yield refused(lambda run=run: SavedRun.open(run), DataError)
        yield refused(lambda run=run: render_again(run), DataError)


def one_writer(bench):
    texts = [[f"{letter}{row}" for row in range(300)] for letter in "abcd"]
    rows = {"model": "network", "fold": -1, "target": "default", "horizon": 0, "kind": "probability", "value": 0.5}
    for number in range(60 if bench.long else 6):
        force, path = number % 2 == 0, bench.folder / f"{number}.csv"

        def write(entities, path=path, force=force):
            write_forecasts(Forecasts.from_rows({**rows, "entity": entities}, run_id="r"), path, force=force)

        for child in [forked(lambda entities=entities: write(entities)) for entities in texts]:
            os.waitpid(child, 0)
        yield pd.read_csv(path)["entity"].tolist() in texts and not list(bench.folder.glob(".finnet-*"))


def neighbors_stay(bench):
    names = [".cache.partial", ".config.old", ".lock", ".bashrc", ".finnet-x.partial", "latest", ".work"]
    for number in range(60 if bench.long else 8):
        home = bench.folder / str(number)
        shutil.copytree(bench.run, home / bench.run.name)
        if bench.rng.random() < 0.5:
            mark(home)
        for name in bench.rng.sample(names, 4):
            if bench.rng.random() < 0.5:
                (home / name).mkdir()
            else:
                (home / name).symlink_to(bench.folder / "target")
        (bench.folder / "target").write_text("theirs")
        before = {path.name: path.lstat().st_ino for path in home.iterdir() if path.name != bench.run.name}
        for act in (render_again, lambda run: list_runs(run.parents[1]), lambda run: forecast_new(run, "none.csv")):
            with contextlib.suppress(FinnetError):
                act(home / bench.run.name)
        after = {path.name: path.lstat().st_ino for path in home.iterdir() if path.name != bench.run.name}
        yield before == after and (bench.folder / "target").read_text() == "theirs"


def kept_units_hold(bench):
    units = Checkpoints.beside(bench.folder / "reports" / JOB.name / bench.run.name)
    with contextlib.suppress(FinnetError):
        run_small(
            bench.folder / "reports", on_progress=lambda step, done, total: done == 5 and os.kill(os.getpid(), 15)
        )
    whole = {path: path.read_bytes() for path in units.folder.iterdir()}
    sound = {(unit.model, unit.fold): unit.forecasts.table for unit in units.load()}
    for _ in range(500 if bench.long else 50):
        path = bench.rng.choice(list(whole))
        content = bytearray(whole[path])
        content[bench.rng.randrange(len(content))] ^= 1 << bench.rng.randrange(8)
        path.write_bytes(content)
        found = units.load()
        units.load_model()
        yield len(found) == len(sound) - (path.suffix == ".parquet") and not path.exists()
        path.write_bytes(whole[path])
    for path in list(whole)[:: 1 if bench.long else 4]:
        path.write_bytes(whole[path][:-1] + b"?")
    yield lasting(run_small(bench.folder / "reports")) == lasting(bench.run)


def a_run_at_every_moment(bench):
    contents = [sealed({"a": letter * 2_000, "deep/b": letter}) for letter in (b"a", b"b")]
    original = files.exchange
    for number in range(200 if bench.long else 20):
        job = bench.folder / str(number)
        mark(job)
        run = job / "2020-01-01-0123456789"
        replace_folder(run, contents[0])
        # Every second one on a system that cannot exchange two names.
        files.exchange = original if number % 2 else lambda one, other: False

        def replace(run=run):
            for step in range(1000):
                replace_folder(run, contents[step % 2])

        child = forked(replace)
        time.sleep(bench.rng.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        restore_runs(job)
        files.exchange = original
        check_files(run)
        yield [path.name for path in runs_of(job)] == [run.name] and not stepped_aside(run).exists()


def bounds_hold(bench):
    folder = bench.folder
    with gzip.open(folder / "bomb.csv.gz", "wb") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2000, "int32")), ["x" * 1_000_000])
    pq.write_table(pa.table({"a": words}), folder / "words.parquet", store_schema=False)
    pq.write_table(pa.table({"a": np.zeros(3_000_000)}), folder / "rows.parquet")
    (folder / "wide.csv").write_text(",".join(f"c{number}" for number in range(100_000)) + "\n1\n")
    (folder / "long.csv").write_text("a\n" + "1\n" * 2_000_000)
    for suffix in ("csv", "csv.gz", "parquet"):
        os.mkfifo(folder / f"pipe.{suffix}")
        (folder / f"endless.{suffix}").symlink_to("/dev/zero")
    for path in sorted(folder.iterdir()):
        findings, began = Findings(), time.monotonic()
        with limited(Limits(bytes=100_000_000, rows=1_000_000)):
            table = read_table(str(path), CsvFormat(), findings)
        said = " ".join(problem.value for problem in findings.problems)
        yield table is None and ("limits." in said or "no regular file" in said) and time.monotonic() - began < 60
    for path in ("/dev/zero", folder / "pipe.csv"):
        yield refused(lambda path=path: read_job(path), ConfigError)


def odd_jobs_and_damaged_folders(bench):
    deep = []
    for _ in range(500):
        deep = [deep]
    odd = [2**40, -1, 0, float("nan"), float("inf"), 1e308, "", "\x1b[31m", "%d%d", "x" * 20_000, deep, {"a": {}}, True]
    for task, kind in {"direction": DirectionJob, "default-risk": DefaultRiskJob}.items():
        for key in job_keys(kind)[:: 1 if bench.long else 8]:
            *tables, name = key.path.rstrip(".").split(".")
            for value in odd:
                settings = {"schema": 1, "task": task, "name": "odd"}
                inner = settings
                for table in tables:
                    inner = inner.setdefault(table, {})
                inner[name] = value
                with contextlib.suppress(ConfigError):
                    parse_job(settings)
                yield True
    texts = ["", "{}", "[]", "null", '{"job": 1, "verdict": {}}', "[" * 100_000, '"\x1b[31m"', "\udcff", "1e999"]
    for name in ("manifest.json", "metrics.json", "timings.json", "page/page.json", SUMS):
        for text in texts if bench.long else texts[:3]:
            run = bench.folder / "reports" / "small" / bench.run.name
            content = text.encode("utf-8", "surrogateescape")
            run.parent.mkdir(parents=True, exist_ok=True)
            replace_folder(run, sealed(read_files(bench.run) | {name: content}) | {name: content})
            yield len(list_runs(bench.folder / "reports")) == 1
            for act in (lambda run: SavedRun.open(run).job, render_again, lambda run: forecast_new(run, "none.csv")):
                with contextlib.suppress(DataError, ConfigError):
                    act(run)
                yield True


def the_same_run(bench):
    place = bench.folder / "there" / "deep"
    place.mkdir(parents=True)
    rows = pd.DataFrame({"x": np.arange(60.0), "bad": np.arange(60) % 2})
    rows.to_csv(place / "loans.csv", index=False)
    text = (
        'schema = 1\ntask = "default-risk"\nname = "a"\nmodels = ["network", "prior_rate"]\nsplit.repeated_kfold = {}\n'
    )
    (place / "job.toml").write_text(f'{text}[data.loans]\npath = "loans.csv"\ntarget = "bad"\n')
    (bench.folder / "link").symlink_to(place)
    names, here = set(), os.getcwd()
    try:
        for folder in (bench.folder, bench.folder / "there", place, Path("/")):
            os.chdir(folder)
            for path in (os.path.relpath(place), place, f"{place}/../deep", f"{place}/./", bench.folder / "link"):
                job = read_job(Path(path) / "job.toml")
                dataset = load(job).dataset
                names.add(run_name(job.model_dump(mode="json"), dataset))
                paths = job.relative_to(Path.cwd()).paths
                yield len(names) == 1 and all(Path(path).is_absolute() for path in paths.values())
    finally:
        os.chdir(here)


LONG_JOB = """schema = 1
task = "default-risk"
name = "long"
models = ["network", "forest", "prior_rate"]
[data.made_loan_book]
loans = 8000
[split.purged_kfold]
folds = 5
[tune]
trials = 20
[network]
hidden = [64]
epochs = 400
patience = 400
"""


def children(process):
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def processes_end_with_their_parent(bench):
    (bench.folder / "long.toml").write_text(LONG_JOB)
    words = [sys.executable, "-m", "finnet", "--log-json", "run", "long.toml", "--processes", "2"]
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number in [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT] * (4 if bench.long else 1):
        options = {"cwd": bench.folder, "stderr": subprocess.PIPE, "start_new_session": True, "env": where}
        options["preexec_fn"] = lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also under `nohup`
        with subprocess.Popen(words, **options) as running:
            while running.poll() is None and len(children(running.pid)) < 3:  # two workers and joblib's tracker
                time.sleep(0.05)
            time.sleep(bench.rng.uniform(0.0, 5.0 if bench.long else 1.0))
            os.kill(running.pid, number)
            try:
                said = running.communicate(timeout=60)[1].decode()  # ends with the last process of the session
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                said = "Traceback: some process was still there"
        left = list(Path("/dev/shm").glob(f"*[-_]{running.pid}[-_]*"))
        is_noisy = "Traceback" in said or "resource_tracker" in said
        holds = not left and not is_noisy and running.returncode == (4 if number != signal.SIGKILL else -9)
        if not holds:
            print(f"{number!r} ended with {running.returncode}, left {left} and said: {said[-2000:]}", file=sys.stderr)
        yield holds


def exit_codes(bench):
    (bench.folder / "job.toml").write_text(LONG_JOB.replace("loans = 8000", "loans = 200").replace("400", "1"))
    (bench.folder / "file").write_text("no folder")
    asked = {
        ("rnu",): 2,
        ("run",): 2,
        ("run", "none.toml"): 2,
        ("run", "job.toml", "--processes", "0"): 2,
        ("run", "job.toml", "--reports", "file"): 2,
        ("run", "job.toml", "--reports", "/proc/reports"): 2,
        ("run", "job.toml", "--timeout", "0.001"): 4,
        ("verify", "nowhere"): 3,
        ("report", "file"): 3,
        ("forecast", "nowhere", "a.csv", "-o", "file/b.csv"): 2,
        ("forecast", "nowhere", "a.csv", "-o", "job.toml"): 2,
        ("forecast", "nowhere", "a.csv", "-o", "b.csv"): 3,
        ("keys", "direction"): 0,
        ("runs",): 0,
    }
    for words, code in asked.items():
        for options in ((), ("--json",), ("--quiet",), ("--log-json", "--json")):
            found, out, err = commanded(bench.folder, (*words, *options))
            is_json = "--json" not in options or isinstance(json.loads(out), dict)
            yield found == code and is_json and "Traceback" not in err and "\x1b" not in out + err
    for code, meaning in {errno.ENOSPC: 4, errno.EIO: 4, errno.EROFS: 2, errno.EACCES: 2, errno.ENOTDIR: 2}.items():
        found, _, err = commanded(bench.folder, ("run", "job.toml", "--processes", "1"), fails=code)
        yield found == meaning and os.strerror(code) in err
    with subprocess.Popen(
        [sys.executable, "-m", "finnet", "keys", "direction"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as running:
        running.stdout.close()
        yield running.stderr.read() == b"" and running.wait() == 0


def commanded(folder, words, fails=None):
    """Exit code, stdout and stderr of a command of this process; with `fails` the disk fails so at every write."""
    out, err, here, write = io.StringIO(), io.StringIO(), os.getcwd(), os.write

    def failing(handle, content):
        raise OSError(fails, os.strerror(fails))

    argv, sys.argv, code = sys.argv, ["finnet", *words], 0
    os.chdir(folder)
    try:
        os.write = write if fails is None else failing
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        os.write, sys.argv = write, argv
        os.chdir(here)
    return code, out.getvalue(), err.getvalue()


def private_and_harmless(bench):
    replace_folder(bench.folder / "2020-01-01-0123456789", sealed({"a": b"1"}))
    replace_file(bench.folder / "out.csv", b"1", mode=0o600)
    mark(bench.folder / "job")
    for path in bench.folder.rglob("*"):
        yield path.stat().st_mode & 0o077 == 0
    rows = {"model": "network", "fold": -1, "target": "default", "horizon": 0, "kind": "probability", "value": 0.5}
    # pandas 2.2 takes texts that begin with NUL for equal, and equal forecasts are refused.
    first = 1 if pd.__version__.startswith("2.") else 0
    letters = map(chr, range(first, 0x3000))
    unseen = [letter for letter in letters if not letter.isprintable() or letter.isspace()] + ["\ufeff"]
    texts = [before + sign + "1" for before in ["", *unseen] for sign in "=+-@＝＋－＠"]
    texts = [text for text in texts if text.encode("utf-8", "ignore").decode() == text]
    write_forecasts(Forecasts.from_rows({**rows, "entity": texts}, run_id="r"), bench.folder / "guarded.csv")
    written = (bench.folder / "guarded.csv").read_bytes().decode()
    for text in texts[:: 1 if bench.long else 10]:
        yield f'"\'{text}"' in written
    for name in (b"\xff", b"a\x80b"):
        words = ("run", "job.toml", "--reports", os.fsdecode(name))
        yield commanded(bench.folder, words)[0] == 2


ATTACKS = {
    "`latest` moves only forward": latest_goes_forward,
    "the set of files is whole": every_file_counts,
    "one output, one writer": one_writer,
    "only what is finnet's is touched": neighbors_stay,
    "kept units carry a digest": kept_units_hold,
    "no moment without a run": a_run_at_every_moment,
    "bounds": bounds_hold,
    "damaged folders and odd job files": odd_jobs_and_damaged_folders,
    "same job, same run": the_same_run,
    "processes end with their parent": processes_end_with_their_parent,
    "exit codes": exit_codes,
    "private by default": private_and_harmless,
}
