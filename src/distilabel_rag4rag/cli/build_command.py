"""`rag4rag build`: documents to training data."""

from pathlib import Path

import typer
from pydantic import Field
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilabel_rag4rag.cli.errors import mistakes_exit, run_exits
from distilabel_rag4rag.cli.options import options_of
from distilabel_rag4rag.experiment.build_settings import BuildSettings
from distilabel_rag4rag.utils.text import for_terminal


class BuildOptions(BuildSettings):
    """The settings of a build, and where its results go."""

    out: Path = Field(Path("out/build"), description="Folder for the results.")
    force: bool = Field(False, description="Overwrite the results in that folder.")
    verbose: bool = Field(False, description="Show the pipelines' own log.")
    train: str | None = Field(
        None,
        description="Then fine-tune this model on the result, as `rag4rag train` does by default:"
        " embedded, static, a folder or a Hub id. Written to train/ below --out.",
    )


@options_of(BuildOptions)
def build(options: BuildOptions) -> None:
    """Make training data for a retriever from your documents.

    Documents are cut into passages; an LLM writes questions about them and answers each one from
    what retrieval finds; a judge checks every answer, flagged ones are asked for again, and every
    row is marked by every check. Writes rows.parquet (all rows with their marks), passages.parquet,
    report.html and, in export/, files for sentence-transformers and BEIR into --out.
    """
    from distilabel_rag4rag.cli.progress import progress
    from distilabel_rag4rag.cli.quiet import show_log
    from distilabel_rag4rag.experiment.build_dataset import Build

    if options.verbose:
        show_log()
    settings = BuildSettings(**options.model_dump(include=set(BuildSettings.model_fields)))
    with mistakes_exit():
        made = Build(settings, options.out, force=options.force)
    with run_exits(), progress(made.questions_at_most) as watcher:
        result = made.run(watcher)

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, title="What each check took")
    for name in ("check", "taken", "left", "settings that turn it"):
        table.add_column(name, justify="right" if name in ("taken", "left") else "left")
    for stage in result.stages:
        taken = str(stage.taken) if stage.dropping else f"({stage.failed} marked)"
        table.add_row(f"{stage.check}: {stage.meaning}", taken, str(stage.left), stage.settings)
    console.print(table)
    for line in result.sentences():
        console.print(Text(for_terminal(line)), soft_wrap=True)
    console.print("Written:", style="bold")
    for path in result.files:
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)
    console.print(Text(for_terminal(f"{result.ended}.")), style="bold", soft_wrap=True)
    if not result.accepted:
        raise typer.Exit(1)
    if options.train is not None and not settings.estimate:
        from distilabel_rag4rag.cli.train_command import train_and_print
        from distilabel_rag4rag.training.settings import TrainingSettings

        wanted = TrainingSettings(
            source=str(options.out), models=[options.train], seed=settings.seed
        )
        train_and_print(wanted, options.out / "train", options.force, console)
