"""`rag4rag evaluate`: retrievers on the same queries."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilabel_rag4rag.cli.errors import mistakes_exit, run_exits
from distilabel_rag4rag.cli.options import options_of
from distilabel_rag4rag.training.settings import EvaluationSettings
from distilabel_rag4rag.utils.text import for_terminal

if TYPE_CHECKING:
    from distilabel_rag4rag.comparison.retrieval_evaluation import RetrievalEvaluation


class EvaluateOptions(EvaluationSettings):
    """The settings of an evaluation, and where its results go."""

    out: Path = Field(Path("out/evaluation"), description="Folder for the results.")
    force: bool = Field(False, description="Overwrite the results in that folder.")


@options_of(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> None:
    """Measure retrievers on the same queries, beside BM25.

    nDCG@10, MRR@10 and Recall with intervals, each two retrievers compared query by query, and the
    smallest difference that the queries can show. Where a model's folder says what it was trained
    on, queries about those passages are an evaluation of their own. Writes evaluation.json,
    report.html and report.md into --out.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads do not spin
    from distilabel_rag4rag.report.write_evaluation_report import write_evaluation_report
    from distilabel_rag4rag.training.evaluate import Evaluate
    from distilabel_rag4rag.training.out_folder import check_out_folder

    console = Console()
    started, begin = datetime.now(UTC), time.monotonic()
    settings = EvaluationSettings(
        **options.model_dump(include=set(EvaluationSettings.model_fields))
    )
    with mistakes_exit():
        check_out_folder(options.out, options.force)
        made = Evaluate(settings)
    with run_exits(), Console(stderr=True).status("embedding"):
        evaluations = made.run()
        record = {
            "settings": settings.model_dump(mode="json"),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begin, 1),
        }
        files = write_evaluation_report(evaluations, record, options.out)
    print_evaluations(evaluations, console)
    console.print("Written:", style="bold")
    for path in files:
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)


def print_evaluations(evaluations: "list[RetrievalEvaluation]", console: Console) -> None:
    """A table and the pairs in sentences for each evaluation."""
    from distilabel_rag4rag.comparison.formatting import number
    from distilabel_rag4rag.comparison.rankings import MEASURES
    from distilabel_rag4rag.report.write_evaluation_report import describe_data, describe_pair

    for evaluation in evaluations:
        title = f"{evaluation.data.name}: {describe_data(evaluation)}"
        table = Table(box=box.SIMPLE_HEAD, title=Text(for_terminal(title)))
        table.add_column("retriever", overflow="fold")
        for measure in MEASURES:
            table.add_column(measure, justify="right")
        for name, found in evaluation.retrievers.items():
            figures = [number(found[measure], digits=3) for measure in MEASURES]
            table.add_row(Text(for_terminal(name)), *figures)
        console.print(table)
        for line in [*map(describe_pair, evaluation.pairs), *evaluation.data.notes]:
            console.print(Text(for_terminal(line)), soft_wrap=True)
