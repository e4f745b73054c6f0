"""The command line: parses, prints, and turns errors into one sentence and an exit code."""

import sys
from pathlib import Path
from typing import Annotated

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
from finnet.errors import ConfigError, DataError, FinnetError

__all__ = ["app", "main"]

EXIT_CODES = {"done": 0, "bug": 1, "usage or configuration": 2, "bad data": 3, "interrupted": 4}
_EPILOG = "Exit codes: " + ", ".join(f"{code} {meaning}" for meaning, code in EXIT_CODES.items()) + "."

_HELP = """[bold]finnet[/bold] forecasts prices and defaults, and says honestly what the forecasts are worth.

Examples:

  finnet new direction my-study    write a commented job file

  finnet run my-study.toml         run it and write its report
"""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=_HELP,
    epilog=_EPILOG,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"finnet {finnet.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What holds for every command."""


@app.command(epilog="Example:  finnet run my-study.toml --reports reports --processes 2")
def run(
    job: Annotated[Path, typer.Argument(help="Job file, as written by `finnet new`.")],
    reports: Annotated[Path, typer.Option(help="Folder of all reports.")] = Path("reports"),
    processes: Annotated[int, typer.Option(min=-1, help="Processes; -1 uses every core.")] = -1,
) -> None:
    """Run a job: forecast out of sample, compare, decide, and write the report."""
    from finnet.jobs.config import Job
    from finnet.jobs.runner import run_job

    with _progress() as progress:
        bar = progress.add_task("starting", total=None)
        result = run_job(
            Job.from_toml(job),
            reports=reports,
            n_jobs=processes,
            on_progress=lambda step, done, total: progress.update(bar, description=step, completed=done, total=total),
        )
    typer.echo(f"{result.verdict}\n\nreport: {result.folder / 'report.html'}")


@app.command(epilog="Example:  finnet new default-risk my-loans")
def new(
    task: Annotated[str, typer.Argument(help="direction or default-risk.")],
    name: Annotated[str, typer.Argument(help="Name of the job: lower-case letters, digits and dashes.")],
) -> None:
    """Write a commented job file NAME.toml that runs as it is."""
    from finnet.jobs.examples import write_example

    typer.echo(f"wrote {write_example(task, name, folder=Path())}; now: finnet run {name}.toml")


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def main() -> None:
    """Run the command line; the exit code says how it ended (see EXIT_CODES)."""
    try:
        app()
    except KeyboardInterrupt:
        _stop("interrupted; nothing was published", "interrupted")
    except ConfigError as error:
        _stop(str(error), "usage or configuration")
    except DataError as error:
        _stop(str(error), "bad data")
    except FinnetError as error:
        _stop(str(error), "bug")


def _stop(sentence: str, meaning: str) -> None:
    typer.echo(f"finnet: {sentence}", err=True)
    sys.exit(EXIT_CODES[meaning])
