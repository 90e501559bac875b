"""`rag4rag train`: an export to a fine-tuned retriever."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from distilabel_rag4rag.cli.errors import mistakes_exit, run_exits
from distilabel_rag4rag.cli.evaluate_command import print_evaluations
from distilabel_rag4rag.cli.options import options_of
from distilabel_rag4rag.training.settings import TrainingSettings
from distilabel_rag4rag.utils.text import for_terminal

if TYPE_CHECKING:
    from distilabel_rag4rag.training.study import Study
    from distilabel_rag4rag.training.study_table import StudyTable
    from distilabel_rag4rag.training.train import Training


class TrainOptions(TrainingSettings):
    """The settings of a training, and where its results go."""

    out: Path = Field(Path("out/train"), description="Folder for the results.")
    force: bool = Field(False, description="Overwrite the results in that folder.")


@options_of(TrainOptions)
def train(options: TrainOptions) -> None:
    """Fine-tune a retriever on the files of a build, and measure what it gained.

    Trains with sentence-transformers, takes the model that was best on the validation split, and
    evaluates it on the test split beside BM25 and the model as it was. Writes model/ with its card,
    evaluation.json, report.html and report.md into --out. Refuses files in which something of
    validation or test is trained on.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads do not spin
    settings = TrainingSettings(**options.model_dump(include=set(TrainingSettings.model_fields)))
    train_and_print(settings, options.out, options.force, Console())


def train_and_print(settings: TrainingSettings, out: Path, force: bool, console: Console) -> None:
    """Trains, or makes a study, writes the results and prints them."""
    with mistakes_exit():
        from distilabel_rag4rag.training.out_folder import check_out_folder
        from distilabel_rag4rag.training.study import Study
        from distilabel_rag4rag.training.train import Training

        check_out_folder(out, force)
        made = _made_study(settings, out) if settings.study else Training(settings)
    for note in made.notes:
        console.print(Text(for_terminal(note)), soft_wrap=True)
    with run_exits():
        if isinstance(made, Study):
            _study(made, out, console)
        else:
            _train(made, out, console)


def _made_study(settings: TrainingSettings, out: Path) -> "Study":
    """Of a build or an export; the questions of a comparison are exported first."""
    from distilabel_rag4rag.training.arms import export_run
    from distilabel_rag4rag.training.study import Study

    if settings.source is None:
        return Study(settings)
    source = Path(settings.source)
    exported = export_run(source, out / "export")
    return Study(settings.model_copy(update={"source": str(exported)}), run=source)


def _train(made: "Training", out: Path, console: Console) -> None:
    from distilabel_rag4rag.report.write_evaluation_report import write_evaluation_report

    with _bar() as bar:
        result = made.run(out, watch=bar.step, phase=bar.phase)
    files = write_evaluation_report(result.evaluations, result.record, out)
    print_evaluations(result.evaluations, console)
    run = result.run
    if run.checks and run.best_step is not None and run.checks[run.best_step] < run.checks[0]:
        console.print(
            "On validation no model was better than the one that training began with"
            f" ({run.checks[0]:.3f}, the best after it {run.checks[run.best_step]:.3f})."
        )
    console.print("Written:", style="bold")
    for path in (result.model, *files):
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)


def _study(made: "Study", out: Path, console: Console) -> None:
    from distilabel_rag4rag.report.write_evaluation_report import write_evaluation_report

    with _bar() as bar:
        result = made.run(
            out,
            watch=bar.step,
            phase=bar.phase,
            say=lambda line: bar.print(Text(for_terminal(line))),
        )
    record = {
        "title": "What the data did for a retriever",
        "settings": made.settings.model_dump(mode="json"),
        "notes": made.notes,
        "sentences": [f"{table.title}: {table.verdict}" for table in result.tables],
        "studies": result.tables,
        "seconds": result.seconds,
    }
    files = write_evaluation_report([], record, out)
    for table in result.tables:
        console.print(_study_table(table))
        console.print(Text(for_terminal(table.verdict)), style="bold", soft_wrap=True)
    console.print("Written:", style="bold")
    for path in files:
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)


def _study_table(study: "StudyTable") -> Table:
    from distilabel_rag4rag.comparison.formatting import gain, number

    table = Table(box=box.SIMPLE_HEAD, title=Text(for_terminal(study.title)))
    for name in ("trained on", "rows", "nDCG@10", "against as it was", "over the best placebo"):
        table.add_column(name, justify="left" if name == "trained on" else "right")
    for line in study.lines:
        gains = (line.gain, line.over_placebo)
        table.add_row(
            Text(for_terminal(line.name)),
            "" if line.rows is None else str(line.rows),
            number(line.ndcg, digits=3),
            *("" if found is None else gain(found) for found in gains),
        )
    return table


class _Bar:
    """One line that says what is done, with a bar of the steps while a model is trained."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def phase(self, what: str) -> None:
        self._progress.reset(self._task, description=what, total=None)

    def print(self, text: Text) -> None:
        self._progress.console.print(text, soft_wrap=True)

    def step(self, done: int, of: int) -> None:
        self._progress.update(self._task, completed=done, total=of)


@contextmanager
def _bar() -> Iterator[_Bar]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress)
