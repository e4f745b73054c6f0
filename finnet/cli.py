"""The command line: parses, prints, and turns errors into one sentence and an exit code."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

import finnet
from finnet.checks import require_choice
from finnet.errors import ConfigError, DataError, FinnetError, InterruptedRunError, LimitError
from finnet.jobs.interruption import Stopped, signals_raise
from finnet.workers import silence_tracker

__all__ = ["app", "main"]

EXIT_CODES = {
    "done": 0,
    "a bug": 1,
    "usage or configuration": 2,
    "bad data": 3,
    "interrupted (resumable)": 4,
    "drift or limit breached": 5,
}
_MEANINGS: Mapping[type[FinnetError], str] = {
    ConfigError: "usage or configuration",
    DataError: "bad data",
    InterruptedRunError: "interrupted (resumable)",
    LimitError: "drift or limit breached",
}
_EPILOG = "Exit codes: " + ", ".join(f"{code} {meaning}" for meaning, code in EXIT_CODES.items()) + "."

_HELP = """[bold]finnet[/bold] forecasts prices and defaults, and says honestly what the forecasts are worth.

Examples:

  finnet new direction my-study    write a commented job file

  finnet check-data my-study.toml  list what is odd or wrong in its files

  finnet explain my-study.toml     say what it will do, and how long it will take

  finnet run my-study.toml         run it and write its report; after an interruption, go on where it stopped

  finnet runs                      list all runs with their verdicts

  finnet verify reports/my-study   make the latest run again and compare it bit by bit

  finnet forecast reports/my-study prices.csv -o new.csv  forecast new rows with the latest run
"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=_HELP,
    epilog=_EPILOG,
)


_RunFolder = Annotated[Path, typer.Argument(help="Folder of a run, or of a job: then its latest run.")]
_Processes = Annotated[int, typer.Option(min=-1, help="Processes; -1 uses every core.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"finnet {finnet.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Write progress, warnings and errors to stderr as lines of JSON.")
    ] = False,
) -> None:
    """What holds for every command."""
    _LOG_JSON.set(log_json)
    warnings.showwarning = _show_warning


@app.command(epilog="Example:  finnet run my-study.toml --reports reports --processes 2")
def run(
    job: Annotated[Path, typer.Argument(help="Job file, as written by `finnet new`.")],
    reports: Annotated[Path, typer.Option(help="Folder of all reports.")] = Path("reports"),
    processes: _Processes = -1,
) -> None:
    """Run a job: forecast out of sample, compare, decide, and write the report."""
    from finnet.jobs.config import Job
    from finnet.jobs.runner import run_job

    with _progress() as on_progress:
        result = run_job(Job.from_toml(job), reports=reports, n_jobs=processes, on_progress=on_progress)
    typer.echo(f"{result.verdict}\n\nreport: {result.folder / 'report.html'}")


@app.command(epilog="Example:  finnet explain my-study.toml")
def explain(
    job: Annotated[Path, typer.Argument(help="Job file.")],
    processes: _Processes = -1,
) -> None:
    """Say in plain words what a job will do: rows, folds, fits, expected time."""
    from finnet.jobs.config import Job
    from finnet.jobs.explanation import explain as explained

    typer.echo(explained(Job.from_toml(job), n_jobs=processes))


@app.command(epilog="Example:  finnet check-data my-study.toml")
def check_data(job: Annotated[Path, typer.Argument(help="Job file.")]) -> None:
    """Print the quality table of the files that a job reads; exit code 3 where one of them cannot be used."""
    from finnet.jobs.config import Job
    from finnet.jobs.sources import check_data as checked

    table = checked(Job.from_toml(job))
    for row in table.to_dict("records"):
        line = f" line {row['line']}" if row["line"] else ""
        column = f" column {row['column']}" if row["column"] else ""
        typer.echo(f"{row['severity']}  {row['rule']}  {row['file']}{line}{column}: {row['value']}; {row['remedy']}")
    errors = int((table["severity"] == "error").sum())
    if errors:
        raise DataError(f"{errors} errors; mend the files and check again")
    typer.echo("no errors")


@app.command(epilog="Example:  finnet runs my-study")
def runs(
    job: Annotated[str | None, typer.Argument(help="Name of a job; all jobs without it.")] = None,
    reports: Annotated[Path, typer.Option(help="Folder of all reports.")] = Path("reports"),
) -> None:
    """List runs with their state and verdict."""
    from finnet.jobs.saved import list_runs

    for row in list_runs(reports, job).to_dict("records"):
        words = (f"{row['job']}/{row['run']}", row["made_at"], f"[{row['state']}]", row["verdict"])
        typer.echo("  ".join(str(word) for word in words if word))


@app.command(epilog="Example:  finnet verify reports/my-study/latest")
def verify(run: _RunFolder, processes: _Processes = -1) -> None:
    """Make a run again and say: bit-equal, within tolerance, or different (exit code 5).

    Call it from the folder in which the run was made, where the paths of the job's files hold.
    """
    from finnet.jobs.verification import verify_run

    with _progress() as on_progress:
        found = verify_run(run, n_jobs=processes, on_progress=on_progress)
    if found.status == "different":
        raise LimitError(found.sentence)
    typer.echo(found.sentence)


@app.command(epilog="Example:  finnet forecast reports/my-study prices.csv --output tomorrow.csv")
def forecast(
    run: _RunFolder,
    data: Annotated[Path, typer.Argument(help="New prices or loans, in the shape that the job describes.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .csv or .parquet.")],
    sentiment: Annotated[Path | None, typer.Option(help="New sentiment; else the file named in the job.")] = None,
    now: Annotated[datetime | None, typer.Option(help="Forecast as if it were this UTC time.")] = None,
) -> None:
    """Apply the network of a run to new rows; prices that are too old end with exit code 5."""
    from finnet.jobs.forecasting import forecast_new, write_forecasts

    new = forecast_new(run, data, sentiment=sentiment, now=None if now is None else pd.Timestamp(now))
    write_forecasts(new.forecasts, output)
    typer.echo(f"{new.sentence}\n\nforecasts: {output}")


@app.command(epilog="Example:  finnet report reports/my-study/latest")
def report(run: _RunFolder) -> None:
    """Render the report of a run again from what was saved."""
    from finnet.jobs.saved import render_again

    typer.echo(f"report: {render_again(run)}")


@app.command(epilog="Example:  finnet new default-risk my-loans")
def new(
    task: Annotated[str, typer.Argument(help="direction or default-risk.")],
    name: Annotated[str, typer.Argument(help="Name of the job: lower-case letters, digits and dashes.")],
) -> None:
    """Write a commented job file NAME.toml that runs as it is."""
    from finnet.jobs.examples import write_example

    typer.echo(f"wrote {write_example(task, name, folder=Path())}; now: finnet run {name}.toml")


@app.command(epilog="Example:  finnet keys default-risk")
def keys(task: Annotated[str, typer.Argument(help="direction or default-risk.")]) -> None:
    """List every key of a job file, with its default and meaning."""
    from finnet.jobs.config import DefaultRiskJob, DirectionJob, Job
    from finnet.jobs.keys import job_keys

    jobs: Mapping[str, type[Job]] = {"direction": DirectionJob, "default-risk": DefaultRiskJob}
    require_choice(task, jobs, name="task")
    for key in job_keys(jobs[task]):
        typer.echo(f"{key.path}{f' = {key.default}' if key.default else ''}: {key.meaning}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    if _LOG_JSON.get():
        yield lambda step, done, total: _log("fit", step=step, done=done, total=total)
        return
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("starting", total=None)
        yield lambda step, done, total: progress.update(bar, description=step, completed=done, total=total)


_LOG_JSON = ContextVar("log_json", default=False)


def _log(event: str, **facts: object) -> None:
    """Write one line of JSON to stderr."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    typer.echo(json.dumps({"time": time, "event": event, **facts}), err=True)


def _show_warning(message: Warning | str, *place: object, **more: object) -> None:
    if _LOG_JSON.get():
        _log("warning", message=str(message))
    else:
        typer.echo(f"finnet: warning: {message}", err=True)


def main() -> None:
    """Run the command line; the exit code says how it ended (see EXIT_CODES)."""
    silence_tracker()
    try:
        with signals_raise():
            app()
    except Stopped as stop:
        _stop(str(stop), "interrupted (resumable)")
    except FinnetError as error:
        _stop(str(error), next((meaning for kind, meaning in _MEANINGS.items() if isinstance(error, kind)), "a bug"))


def _stop(sentence: str, meaning: str) -> None:
    code = EXIT_CODES[meaning]
    if _LOG_JSON.get():
        _log("error", message=sentence, exit_code=code, meaning=meaning)
    else:
        typer.echo(f"finnet: {sentence}", err=True)
    sys.exit(code)
