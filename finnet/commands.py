"""The commands of the command line: each parses its words, calls the library and says what came of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from finnet.errors import DataError, FinnetError, LimitError
from finnet.exit_codes import EXIT_CODES
from finnet.jobs.interruption import time_limit
from finnet.plugins import allow_plugins
from finnet.terminal import VOICE, Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OPTIONS_OF_ALL", "app"]

_EPILOG = "Exit codes: " + ", ".join(f"{code} {meaning}" for meaning, code in EXIT_CODES.items()) + "."
OPTIONS_OF_ALL = {"--allow-plugins": 0, "--json": 0, "--log-json": 0, "--quiet": 0, "--timeout": 1}
"""Options of every command, with the number of words that follow each."""

_HELP = """[bold]finnet[/bold] forecasts prices and defaults, and says honestly what the forecasts are worth.

Examples:

  finnet new direction my-study    write a commented job file

  finnet new default-risk my-loans --from loans.csv  write one for your own file

  finnet check-data my-study.toml  list what is odd or wrong in its files

  finnet explain my-study.toml     say what it will do, and how long it will take

  finnet run my-study.toml         run it and write its report; after an interruption, go on where it stopped

  finnet runs                      list all runs with their verdicts

  finnet verify reports/my-study   make the latest run again and compare it bit by bit

  finnet forecast reports/my-study prices.csv -o new.csv  forecast new rows with the latest run

  finnet drift reports/my-study prices.csv  say what has moved since the latest run
"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=_HELP,
    epilog=_EPILOG,
)


def _epilog(example: str) -> str:
    also = "--json, --quiet, --timeout SECONDS, --log-json, --allow-plugins"
    return f"Example:  {example}\n\nAlso: {also}, as in `finnet --help`."


def _processes(number: int) -> int:
    if number == 0:
        raise typer.BadParameter("0 processes do nothing; give 1 or more, or -1 for every core")
    # More than a few processes per core only take memory; a typing error must not start thousands.
    return min(number, 4 * (os.cpu_count() or 1))


_RunFolder = Annotated[Path, typer.Argument(help="Folder of a run, or of a job: then its latest run.")]
_Task = Annotated[
    str, typer.Argument(help="What to forecast: direction, default-risk, forward-return or loss-given-default.")
]
_Processes = Annotated[int, typer.Option(min=-1, callback=_processes, help="Processes; -1 uses every core.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"finnet {finnet.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result, or the error, as one JSON object to stdout.")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Write progress, warnings and errors to stderr as lines of JSON.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print warnings and errors alone.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds after which to stop, with exit code 4; runs can go on.")
    ] = None,
    plugins: Annotated[
        bool, typer.Option("--allow-plugins", help="Run code that the job file names, package.module:name.")
    ] = False,
) -> None:
    """What holds for every command, before or after its name."""
    context.with_resource(time_limit(timeout))
    context.with_resource(allow_plugins(plugins))


@app.command(epilog=_epilog("finnet run my-study.toml --reports reports --processes 2"))
def run(
    job: Annotated[Path, typer.Argument(help="Job file, as written by `finnet new`.")],
    *,
    reports: Annotated[Path, typer.Option(help="Folder of all reports.")] = Path("reports"),
    processes: _Processes = -1,
    force_latest: Annotated[
        bool, typer.Option(help="Let `latest` point to the run even if its data are older, or dated after today.")
    ] = False,
) -> Result:
    """Run a job: forecast out of sample, compare, decide, and write the report.

    Exit code 5, with a report, where its newest row is older than that of the latest run, or dated after today: then
    `latest` stays where it is.
    """
    # Imported here, as in every command: pandas and matplotlib take a second, which `finnet --help` need not wait for.
    from finnet.jobs.job_file import read_job
    from finnet.jobs.pending import PENDING
    from finnet.jobs.runner import run_job

    with _progress() as on_progress:
        done = run_job(
            read_job(job),
            reports=reports,
            n_jobs=processes,
            on_progress=on_progress,
            on_data=_tell_findings,
            force_latest=force_latest,
        )
    report = done.folder / "report.html"
    failure = None
    if done.held_back:
        failure = LimitError(f"`latest` stays where it is: {done.held_back}, or pass --force-latest")
    facts = {"run": done.run_id, "report": str(report), "verdict": done.verdict, "is_latest": not done.held_back}
    pending = done.folder / PENDING
    if not pending.is_file():
        return Result(f"{done.verdict}\n\nreport: {report}", facts, failure)
    words = f"report: {report}\nloans not decided yet: {pending}"
    return Result(f"{done.verdict}\n\n{words}", facts | {"pending": str(pending)}, failure)


@app.command(epilog=_epilog("finnet explain my-study.toml"))
def explain(
    job: Annotated[Path, typer.Argument(help="Job file.")],
    processes: _Processes = -1,
) -> Result:
    """Say in plain words what a job will do: rows, folds, fits, expected time."""
    from finnet.jobs.explanation import explain as explained
    from finnet.jobs.job_file import read_job

    text = explained(read_job(job), n_jobs=processes)
    return Result(text, {"explanation": text.splitlines()})


@app.command(epilog=_epilog("finnet check-data my-study.toml"))
def check_data(job: Annotated[Path, typer.Argument(help="Job file.")]) -> Result:
    """Print the quality table of the files that a job reads; exit code 3 where one of them cannot be used."""
    from finnet.data.quality import problems_of, told
    from finnet.jobs.job_file import read_job
    from finnet.jobs.sources import check_data as checked

    table = checked(read_job(job))
    found = told(problems_of(table))
    lines = [f"{line.severity}  {line.rule}  {line.found}; {line.remedy}" for line in found]
    errors, kinds = int(table.loc[table["severity"] == "error", "count"].sum()), [line.severity for line in found]
    # A line may stand for many cells, of which each is an error.
    of_kinds = f" of {kinds.count('error')} kind{'s' * (kinds.count('error') > 1)}" if errors > 1 else ""
    words = f"{errors:,} error{'s' * (errors > 1)}{of_kinds}; mend the files and check again"
    failure = DataError(words) if errors else None
    text = "\n".join(lines if errors else [*lines, "no errors"])
    return Result(text, {"findings": table.to_dict("records"), "errors": errors}, failure)


@app.command(epilog=_epilog("finnet runs my-study"))
def runs(
    job: Annotated[str | None, typer.Argument(help="Name of a job; all jobs without it.")] = None,
    reports: Annotated[Path, typer.Option(help="Folder of all reports.")] = Path("reports"),
) -> Result:
    """List runs with their state and verdict."""
    from finnet.jobs.saved_runs import list_runs

    rows = list_runs(reports, job).to_dict("records")
    lines = []
    for row in rows:
        words = (f"{row['job']}/{row['run']}", row["made_at"], f"[{row['state']}]", row["verdict"])
        lines.append("  ".join(" ".join(str(word).split()) for word in words if word))
    return Result("\n".join(lines) or f"no runs in {reports}", {"runs": rows})


@app.command(epilog=_epilog("finnet verify reports/my-study/latest"))
def verify(
    run: _RunFolder,
    data: Annotated[Path | None, typer.Option(help="Where the data files are now, if they were moved.")] = None,
    processes: _Processes = -1,
) -> Result:
    """Make a run again and say: bit-equal, within tolerance, or different (exit code 5)."""
    from finnet.jobs.reproduction import verify_run

    with _progress() as on_progress:
        found = verify_run(run, data=data, n_jobs=processes, on_progress=on_progress)
    if found.status == "different":
        return Result("", {"status": found.status}, LimitError(found.sentence))
    return Result(found.sentence, {"status": found.status, "sentence": found.sentence})


@app.command(epilog=_epilog("finnet forecast reports/my-study prices.csv --output tomorrow.csv"))
def forecast(
    run: _RunFolder,
    data: Annotated[Path, typer.Argument(help="New prices or loans, in the shape that the job describes.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .csv or .parquet.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")] = False,
    sentiment: Annotated[Path | None, typer.Option(help="New sentiment; else the file named in the job.")] = None,
    now: Annotated[datetime | None, typer.Option(help="Forecast as if it were this UTC time.")] = None,
) -> Result:
    """Apply the deployed model of a run to new rows, each with flags that say how it differs from those of training.

    Exit code 5 where prices are too old, or where columns are too unlike those of training: the latter are forecast.
    """
    import pandas as pd

    from finnet.jobs.forecasting import forecast_new
    from finnet.jobs.outputs import require_free, write_forecasts

    # Asked before the work, since a forecast that cannot be written is made in vain.
    require_free(output, inputs=[data] if sentiment is None else [data, sentiment], force=force)
    new = forecast_new(run, data, sentiment=sentiment, now=None if now is None else pd.Timestamp(now))
    write_forecasts(new.forecasts, output, columns={**new.columns, "flags": new.flags}, force=force)
    facts = {"run": new.run, "as_of": new.as_of, "trained_until": new.trained_until, "forecasts": len(new.forecasts)}
    facts |= {"flagged": sum(map(bool, new.flags)), "breaches": list(new.breaches), "output": str(output)}
    return Result(f"{new.sentence}\n\nforecasts: {output}", facts, _failure(new.require_stable))


@app.command(epilog=_epilog("finnet drift reports/my-study newest.csv --output drift.html"))
def drift(
    run: _RunFolder,
    data: Annotated[Path, typer.Argument(help="New prices or loans, in the shape that the job describes.")],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write: .html or .json.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")] = False,
    sentiment: Annotated[Path | None, typer.Option(help="New sentiment; else the file named in the job.")] = None,
    now: Annotated[datetime | None, typer.Option(help="Compare as if it were this UTC time.")] = None,
    alarm_rate: Annotated[
        float, typer.Option(help="Probability that a limit is exceeded where nothing has moved.")
    ] = 0.05,
) -> Result:
    """Compare new data with those of a run: columns, forecasts, and outcomes where the file says what came true.

    Exit code 5 where a limit is exceeded.
    """
    import pandas as pd

    from finnet.jobs.drift import FORMS, drift_of
    from finnet.jobs.outputs import require_free

    if output is not None:
        require_free(output, forms=FORMS, inputs=[data] if sentiment is None else [data, sentiment], force=force)
    found = drift_of(
        run, data, sentiment=sentiment, now=None if now is None else pd.Timestamp(now), alarm_rate=alarm_rate
    )
    facts: dict[str, Any] = {"run": found.run, "as_of": found.as_of, "rows": found.rows, "alarms": dict(found.alarms)}
    words = found.summary
    if output is not None:
        found.write(output, force=force)
        facts["output"] = str(output)
        words += f"\n\ndrift: {output}"
    return Result(words, facts, _failure(found.require_stable))


@app.command(epilog=_epilog("finnet report reports/my-study/latest --output validation.html"))
def report(
    run: _RunFolder,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write it there instead: .html, .json (every figure), .md (a model card)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")] = False,
) -> Result:
    """Render the report of a run again from what was saved; `latest` stays where it is."""
    from finnet.jobs.exports import export_report
    from finnet.jobs.saved_runs import render_again

    if output is None:
        page = render_again(run)
    else:
        page = output
        export_report(run, output, force=force)
    return Result(f"report: {page}", {"report": str(page)})


@app.command(epilog=_epilog("finnet new default-risk my-loans"))
def new(
    task: _Task,
    name: Annotated[str, typer.Argument(help="Name of the job: lower-case letters, digits and dashes.")],
    source: Annotated[
        list[Path] | None,
        typer.Option("--from", help="File of loans or prices to look at; a second one of sentiment, after prices."),
    ] = None,
) -> Result:
    """Write a commented job file NAME.toml that runs as it is, or one for your own files, its guesses marked."""
    from finnet.jobs.drafts import write_draft
    from finnet.jobs.examples import write_example

    if source:
        path = write_draft(task, name, source, folder=Path())
        words = f"look at the lines marked (guess), then: finnet check-data {name}.toml"
    else:
        path = write_example(task, name, folder=Path())
        words = f"now: finnet run {name}.toml"
    return Result(f"wrote {path}; {words}", {"job_file": str(path)})


@app.command(epilog=_epilog("finnet keys default-risk"))
def keys(
    task: _Task,
) -> Result:
    """List every key of a job file, with its default and meaning."""
    from finnet.jobs.keys import feature_families, job_keys
    from finnet.jobs.tasks import TASKS

    require_choice(task, TASKS, name="task")
    job = TASKS[task].settings
    found, families = job_keys(job), feature_families() if "features" in job.model_fields else []
    lines = [f"{key.path}{f' = {key.default}' if key.default else ''}: {key.meaning}" for key in found]
    if families:
        lines += ["", "Families of features; what stands in brackets has that default:"]
        lines += [f"{family.path}: {family.meaning}" for family in families]
    facts = {"keys": [vars(key) for key in found], "families": [vars(family) for family in families]}
    return Result("\n".join(lines), facts)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    console = Console(stderr=True)
    if VOICE.get().log_json and not VOICE.get().is_quiet:
        yield lambda step, done, total: VOICE.get().log("fit", step=step, done=done, total=total)
        return
    if VOICE.get().is_quiet or not console.is_terminal:
        yield lambda step, done, total: None
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task("starting", total=None)
        yield lambda step, done, total: progress.update(bar, description=step, completed=done, total=total)


def _failure(check: Callable[[], None]) -> FinnetError | None:
    """What a check raises: the exit code, where there is a result all the same."""
    try:
        check()
    except FinnetError as error:
        return error
    return None


def _tell_findings(quality: "pd.DataFrame") -> None:
    """Say what is odd about the data, a line each, before anything trains."""
    from finnet.data.quality import problems_of, told

    for line in told(problems_of(quality)):
        VOICE.get().finding(line.severity, str(line), rule=line.rule, message=line.found, remedy=line.remedy)
