"""The command line, `rag4rag`. A command's module imports what is heavy when the command runs."""

import io
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from distilabel_rag4rag.cli.build_command import build
from distilabel_rag4rag.cli.check_export_command import check_export
from distilabel_rag4rag.cli.compare_command import compare, demo
from distilabel_rag4rag.cli.evaluate_command import evaluate
from distilabel_rag4rag.cli.judge_commands import judge
from distilabel_rag4rag.cli.publish_command import publish
from distilabel_rag4rag.cli.quiet import quiet
from distilabel_rag4rag.cli.report_command import report
from distilabel_rag4rag.cli.review_commands import review
from distilabel_rag4rag.cli.train_command import train

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables cut words off in a narrow terminal
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rag4rag {version('distilabel-rag4rag')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Grounded fine-tuning data for retrievers, compared fairly with zero-shot data."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no dash gets a "?"
            stream.reconfigure(errors="replace")
    # Before the first import of the libraries beneath, which read these settings only then.
    quiet()


app.command()(build)
app.command()(compare)
app.command()(demo)
app.command()(report)
app.add_typer(review, name="review")
app.add_typer(judge, name="judge")
app.command()(publish)
app.command("check-export")(check_export)
app.command()(evaluate)
app.command()(train)
