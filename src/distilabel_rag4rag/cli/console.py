"""What the terminal shows: the table of arms, the verdict, three examples side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilabel_rag4rag.comparison.formatting import number, percent
from distilabel_rag4rag.comparison.result import estimate_from_json
from distilabel_rag4rag.comparison.to_train_on import describe_to_train_on
from distilabel_rag4rag.data.run_folder import ROWS_FILE
from distilabel_rag4rag.report.examples import Example, choose_examples
from distilabel_rag4rag.schema import HUMAN
from distilabel_rag4rag.utils.text import for_terminal

if TYPE_CHECKING:
    from distilabel_rag4rag.experiment.experiment import Result

#: What the table of the arms needs.
TABLE_WIDTH = 80


def print_result(result: "Result", console: Console) -> None:
    """The comparison, three examples, and where the files are."""
    print_comparison(result.summary, result.run["arms"], console)
    for example in choose_examples(result.comparison, 3)[0]:
        console.print(example_table(example))
    rows = next(path for path in result.files if path.name == ROWS_FILE)
    print_files(result.summary, result.files, rows, console)


def print_files(
    summary: dict[str, Any], files: list[Path], rows: Path | None, console: Console
) -> None:
    """What was written, and last which rows can be trained on."""
    console.print("Written:", style="bold")
    for path in files:
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)
    text = describe_to_train_on(summary["to_train_on"], None if rows is None else str(rows))
    console.print(text, style="bold", highlight=False, markup=False, soft_wrap=True)


def print_comparison(summary: dict[str, Any], arm_runs: dict[str, Any], console: Console) -> None:
    """The table of the arms, retrieval, the verdict and its notes."""
    # A narrow terminal may wrap lines; figures cut short would be wrong ones.
    width, console.width = console.width, max(console.width, TABLE_WIDTH)
    console.print(arms_table(summary, arm_runs))
    console.width = width
    if retrieval := summary.get("retrieval"):
        figures = (
            f"hit rate {percent(estimate_from_json(retrieval, 'hit_rate'))},"
            f" MRR {number(estimate_from_json(retrieval, 'mrr'), digits=3)}"
            if retrieval["hit_rate"] is not None
            else "hit rate and MRR cannot be computed"
        )
        console.print(
            _text(f"Retrieval ({retrieval['arm']}): {figures}"),
        )
    if human := summary["judge"]["human_answers"]:
        rate = percent(estimate_from_json(human, "rate"))
        console.print(_text(f"Human answers: {rate} flagged (false alarms of the judge)"))
    console.print(_text(summary["verdict"]["headline"], style="bold"))
    console.print(_text(summary["verdict"]["meaning"]))
    for note in summary["notes"]:
        console.print(_text(f"- {note}", style="dim"))


def _text(text: str, style: str = "") -> Text:
    """Text that may come from the data: neither markup nor obeyed by the terminal."""
    return Text(for_terminal(text), style=style)


def arms_table(summary: dict[str, Any], arm_runs: dict[str, Any]) -> Table:
    """One line per arm; rates with their 95% intervals, seconds where they are known."""
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title="Arms on the same questions; below each rate its 95% interval",
    )
    table.add_column("arm", overflow="fold", max_width=20)
    for name in ("rows", "answ.", "abst.", "failed", "halluc. %", "exact m. %", "F1 %"):
        table.add_column(name, justify="right", no_wrap=True)
    if arm_runs:
        table.add_column("s", justify="right", no_wrap=True)
    for name, arm in summary["arms"].items():
        seconds = arm_runs.get(name, {}).get("seconds")
        table.add_row(
            _text(name),
            *(str(arm[count]) for count in ("rows", "answered", "abstained", "failed")),
            *(_stacked(arm, rate) for rate in ("hallucination_rate", "exact_match", "f1")),
            *(["" if seconds is None else f"{seconds:.0f}"] if arm_runs else []),
        )
    return table


def _stacked(values: dict[str, Any], name: str) -> str:
    """A rate in percent and below it its interval in whole percents, so that the table fits."""
    estimate = estimate_from_json(values, name)
    rate = percent(estimate, interval=False).removesuffix("%")
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return rate
    return f"{rate}\n{100 * estimate.low:.0f}–{100 * estimate.high:.0f}"


def example_table(example: Example) -> Table:
    """A question, the human answer, and each arm's with its hallucinated spans marked."""
    table = Table(box=box.SIMPLE_HEAD, title=_text(example.question), title_justify="left")
    table.add_column("arm")
    table.add_column("answer", ratio=1, overflow="fold")
    table.add_column("score", justify="right")
    table.add_row(HUMAN, _text(example.human_answer or "–"), "")
    for answer in example.answers:
        text = Text()
        for piece, confidence in answer.pieces:
            text.append(
                for_terminal(piece), style="" if confidence is None else "bold red underline"
            )
        if not answer.pieces:
            text.append(for_terminal(f"({answer.note or answer.outcome})"))
        table.add_row(
            _text(answer.arm), text, "–" if answer.score is None else f"{answer.score:.2f}"
        )
    return table
