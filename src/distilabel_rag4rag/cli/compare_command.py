"""`rag4rag compare` and `rag4rag demo`: an experiment from its settings to its files."""

from pathlib import Path

from pydantic import Field
from rich.console import Console

from distilabel_rag4rag.cli.errors import mistakes_exit, run_exits
from distilabel_rag4rag.cli.options import options_of
from distilabel_rag4rag.experiment.settings import Settings

_NEXT = """
What next:
  {out}/report.html has every flagged answer, with the words that nothing supports
  rag4rag build FOLDER --llm OpenAILLM:MODEL        training data from your documents
  rag4rag compare FILE --llm OpenAILLM:MODEL        this comparison on your questions"""


class CompareOptions(Settings):
    """The settings of an experiment, and where its results go."""

    out: Path = Field(Path("out/compare"), description="Folder for the results.")
    force: bool = Field(False, description="Overwrite the results in that folder.")
    verbose: bool = Field(False, description="Show the pipelines' own log.")


class DemoOptions(CompareOptions):
    """Of the demo."""

    out: Path = Field(Path("out/demo"), description="Folder for the results.")
    limit: int | None = Field(32, ge=1, description="Take a sample of so many questions.")
    full: bool = Field(False, description="Take all questions of the sample world.")


@options_of(CompareOptions)
def compare(options: CompareOptions) -> None:
    """Answer the same questions with and without retrieval, judge the answers, compare.

    Writes rows.parquet (one row per question and arm; the human answers, judged too, are the arm
    `human`), summary.json, run.json, report.html, report.md, plots and the pipelines into --out.
    """
    run(options)


@options_of(DemoOptions, only=("out", "limit", "full", "arms", "seed", "force", "verbose"))
def demo(options: DemoOptions) -> None:
    """Compare on the sample world, with models that install with pip: no Hub, key or GPU."""
    run(options.model_copy(update={"limit": None}) if options.full else options)
    print(_NEXT.format(out=options.out))


def run(options: CompareOptions) -> None:
    """Runs an experiment; exit code 2 for what is wrong before it starts, 1 for what fails."""
    from distilabel_rag4rag.cli.progress import progress
    from distilabel_rag4rag.cli.quiet import show_log
    from distilabel_rag4rag.experiment.experiment import Experiment

    if options.verbose:
        show_log()
    settings = Settings(**options.model_dump(include=set(Settings.model_fields)))
    with mistakes_exit():
        experiment = Experiment(settings, options.out, force=options.force)

    with run_exits(), progress(len(experiment.questions)) as watcher:
        result = experiment.run(watcher)

    from distilabel_rag4rag.cli.console import print_result

    print_result(result, Console())
