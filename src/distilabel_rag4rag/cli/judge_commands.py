"""`rag4rag judge`: how good a judge is on labelled answers, and which threshold to give it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from distilabel_rag4rag.cli.errors import mistakes_exit, run_exits
from distilabel_rag4rag.cli.options import parse_pairs

if TYPE_CHECKING:
    from distilabel_rag4rag.report.judge_tables import TextTable

judge = typer.Typer(
    help="Measure a judge on labelled answers, and choose its threshold.",
    no_args_is_help=True,
)

_MODEL = (
    "The judge: embedded, the folder or Hub id of a LettuceDetect model, or module:name of a Python"
    " object with LettuceDetect's predict."
)
Labels = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        help="The gold.parquet of `review pull`; or JSON lines, parquet or CSV with answer,"
        " contexts (or context), question and kind (both optional) and either labels, a list of"
        " {start, end} (empty: supported), or hallucinated, true or false.",
    ),
]
JudgeSet = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE", help="A field of LettuceDetectJudge, e.g. lang=de. May be repeated."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the intervals.")]


@judge.command()
def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help=_MODEL)],
    labels: Labels,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Score from which on an answer is flagged.")
    ] = 0.5,
    baselines: Annotated[
        bool,
        typer.Option(
            help="Beside the judges two checks without one: the share of the answer's words that"
            " stand in the evidence (MarkWordsSupported), and embedding similarity."
        ),
    ] = True,
    judge_set: JudgeSet = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for judges.json and judges.md; else none."),
    ] = None,
) -> None:
    """How well do judges tell supported answers from others?

    False alarms among the supported answers, AUROC and what is caught among the others, by kind of
    answer, with 95% intervals that resample questions; precision and recall of the spans, where
    the labels say which part is wrong.

    Example: rag4rag judge evaluate embedded KRLabsOrg/lettucedect-base-modernbert-en-v1 --labels
    out/compare/review/gold.parquet
    """
    from distilabel.errors import DistilabelUserError

    from distilabel_rag4rag.comparison.judge_quality import measure_quality
    from distilabel_rag4rag.comparison.result import to_json
    from distilabel_rag4rag.comparison.statistics import Resampling
    from distilabel_rag4rag.data.judge_labels import read_labels
    from distilabel_rag4rag.report.judge_tables import quality_tables

    console, notes = Console(soft_wrap=True, highlight=False), list[str]()
    with mistakes_exit():
        settings = _settings(judge_set)
        answers = read_labels(labels, notes)
        found = {name: _find(name) for name in models}
    with run_exits():
        from distilabel_rag4rag.experiment.judge_answers import (
            judge_answers,
            similar_to_evidence,
            words_supported,
        )

        verdicts, failures = [], dict[str, DistilabelUserError]()
        for name, model in found.items():
            with console.status(f"judging with {name}"):
                try:
                    verdicts.append(judge_answers(answers, model, threshold, name, **settings))
                except DistilabelUserError as error:  # the others' verdicts are not lost with it
                    failures[name] = error
        if not verdicts:
            raise next(iter(failures.values()))
        if baselines:
            with console.status("baselines"):
                verdicts.append(words_supported(answers, settings.get("lang", "en")))
                verdicts.append(similar_to_evidence(answers))
        qualities = {v.judge: measure_quality(answers, v, Resampling(seed=seed)) for v in verdicts}
    tables = quality_tables(qualities)
    for table in tables:
        _print(table, console)
    notes += [f"{v.judge} could not judge {v.failed}: {v.reason}" for v in verdicts if v.failed]
    notes += [f"{name} is left out: {error}" for name, error in failures.items()]
    for note in notes:
        console.print(f"- {note}", markup=False)
    if out is not None:
        record = {"labels": labels, "threshold": threshold, "seed": seed, "judges": qualities}
        _write(out / "judges.json", json.dumps(to_json(record), indent=1, ensure_ascii=False))
        _write(out / "judges.md", "\n".join(table.markdown() for table in tables))
        console.print(f"Written: {out / 'judges.json'}, {out / 'judges.md'}", markup=False)
    with run_exits():
        if failures:
            raise next(iter(failures.values()))


@judge.command()
def calibrate(
    labels: Labels,
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help=_MODEL)] = "embedded",
    false_alarms: Annotated[
        float,
        typer.Option(min=0, max=0.99, help="Share of supported answers that may be flagged."),
    ] = 0.05,
    judge_set: JudgeSet = None,
    seed: Seed = 0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File for what was found, as JSON.")
    ] = Path("calibration.json"),
) -> None:
    """Which threshold gives a wanted rate of false alarms? What does a score mean?

    From labels of your own answers: the threshold with its 95% interval, what it catches, what to
    expect of new answers, and how often answers with a score are really unsupported. The judge is
    not changed. Use the threshold as LettuceDetectJudge(threshold=T) and
    MarkGrounded(threshold=T), or as --judge-set threshold=T --threshold T of `compare` and `build`.

    Example: rag4rag judge calibrate --labels out/compare/review/gold.parquet --false-alarms 0.02
    """
    from distilabel_rag4rag.comparison.judge_calibration import calibrate as calibrate_scores
    from distilabel_rag4rag.comparison.result import to_json
    from distilabel_rag4rag.comparison.statistics import Resampling
    from distilabel_rag4rag.data.judge_labels import read_labels
    from distilabel_rag4rag.report.judge_tables import describe_calibration, reliability_table
    from distilabel_rag4rag.steps.judging.detectors.make_detector import is_batched

    console, notes = Console(soft_wrap=True, highlight=False), list[str]()
    with mistakes_exit():
        settings = _settings(judge_set)
        answers = read_labels(labels, notes)
        judge_object = _find(model)
    with run_exits():
        from distilabel_rag4rag.experiment.judge_answers import judge_answers

        with console.status(f"judging with {model}"):
            verdicts = judge_answers(answers, judge_object, name=model, spans=False, **settings)
        resampling = Resampling(seed=seed)
        found = calibrate_scores(answers, verdicts.scores, false_alarms, resampling)
    if verdicts.failed:
        notes.append(f"{model} could not judge {verdicts.failed}: {verdicts.reason}")
    lines = describe_calibration(found)
    if found.is_kept:
        batched = is_batched(judge_object, settings.get("method", "transformer"))
        lines.append(_use(found.threshold.value, batched))
    for line in [*lines, *(f"- {note}" for note in notes)]:
        console.print(line, markup=False)
    _print(reliability_table("Scores as they are", found.reliability), console)
    if found.reliability_scaled:
        title = "After Platt's scaling, fitted on other questions"
        _print(reliability_table(title, found.reliability_scaled), console)
    record = {"judge": model, "labels": labels, "summary": [*lines, *notes], **vars(found)}
    _write(out, json.dumps(to_json(record), indent=1, ensure_ascii=False))
    console.print(f"Written: {out}", markup=False)


def _settings(judge_set: list[str] | None) -> dict[str, Any]:
    settings = parse_pairs(judge_set or (), "--judge-set")
    if taken := {"model", "threshold"} & settings.keys():
        raise ValueError(f"--judge-set: found {sorted(taken)}, which have places of their own")
    return settings


def _use(threshold: float | None, batched: bool) -> str:
    if not batched:
        return f"Use it: MarkGrounded(threshold={threshold})"
    return (
        f"Use it: LettuceDetectJudge(threshold={threshold}) and"
        f" MarkGrounded(threshold={threshold}), or --judge-set threshold={threshold}"
        f" --threshold {threshold}"
    )


def _find(name: str) -> Any:
    from distilabel_rag4rag.experiment.judge_answers import find_judge

    if "" not in sys.path:  # the module of a judge in the folder where the command is called
        sys.path.insert(0, "")
    return find_judge(name)


def _print(table: "TextTable", console: Console) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from distilabel_rag4rag.utils.text import for_terminal

    shown = Table(box=box.SIMPLE_HEAD, title=Text(for_terminal(table.title)), title_justify="left")
    for number, column in enumerate(table.columns):
        name = Text(for_terminal(column))
        shown.add_column(name, overflow="fold", justify="left" if number == 0 else "right")
    for row in table.rows:
        shown.add_row(*(Text(for_terminal(cell)) for cell in row))
    console.print(shown)


def _write(path: Path, text: str) -> None:
    from distilabel_rag4rag.utils.atomic import write_whole

    with write_whole(path) as part:
        part.write_text(text.rstrip("\n") + "\n", "utf-8")
