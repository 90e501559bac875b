"""`rag4rag review`: push a sample of the answers to Argilla, pull people's labels back."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from distilabel_rag4rag.cli.errors import mistakes_exit
from distilabel_rag4rag.utils.text import counted

if TYPE_CHECKING:
    import pandas as pd

review = typer.Typer(
    help="Human review in Argilla. The server and the key come from the environment:"
    " ARGILLA_API_URL, ARGILLA_API_KEY.",
    no_args_is_help=True,
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="DIR|DATASET",
        help="A folder of `compare`, or data with `id`, `question`, `context` and `answer`"
        " (JSONL, CSV, parquet, a saved dataset, a Hub id).",
    ),
]
DatasetName = Annotated[
    str | None,
    typer.Option("--dataset", help="Its name in Argilla; nothing: after DIR."),
]
Workspace = Annotated[
    str | None, typer.Option(help="The workspace in Argilla; nothing: the only one there is.")
]


@review.command()
def push(
    source: Source,
    dataset: DatasetName = None,
    workspace: Workspace = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="Who is drawn: stratified, uncertainty, disagreements or all; nothing: as in the"
            " dataset that is there, else stratified."
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="So many answers.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample.")] = 0,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1, help="Score from which an answer is flagged; nothing: as in compare."
        ),
    ] = None,
    random_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=0.99,
            help="For uncertainty and disagreements: share of --n drawn at random from all"
            " others, without which no rate can be estimated.",
        ),
    ] = 0.25,
    annotators: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="So many people answer each record; nothing: as in the dataset that is there,"
            " else 1.",
        ),
    ] = None,
    show_arm: Annotated[bool, typer.Option("--show-arm", help="Reviewers see the arm.")] = False,
    show_human_answer: Annotated[
        bool, typer.Option("--show-human-answer", help="Reviewers see a person's answer.")
    ] = False,
) -> None:
    """Put a sample of the answers before reviewers; again: bring it up to date.

    Responses are never lost, records never doubled.
    """
    with mistakes_exit():
        from distilabel_rag4rag.review.connect import connect
        from distilabel_rag4rag.review.push import push as push_rows

        done = push_rows(
            _rows(source),
            client=connect(),
            dataset=dataset or _name(source),
            workspace=workspace,
            design=design,
            n=n,
            seed=seed,
            threshold=threshold or _threshold(source),
            random_share=random_share,
            annotators=annotators,
            show_arm=show_arm,
            show_human_answer=show_human_answer,
        )
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{counted(done.created, 'record')} made, {done.updated} brought up to date"
        f" ({done.answered} of them answered) in '{done.dataset}', workspace '{done.workspace}'."
    )
    if done.gone:
        gone = counted(done.gone, "record of the dataset is", "records of the dataset are")
        console.print(f"{gone} not in this sample; left alone.")
    for note in done.notes:
        console.print(f"- {note}", markup=False)
    for reason, count in done.left_out.items():
        rows = counted(count, "row has", "rows have")
        console.print(f"{rows} nothing to review: {reason}.", style="dim", markup=False)
    for record, reason in done.refused.items():
        console.print(f"Refused: {record}: {reason}", style="red", markup=False)
    console.print(f"Annotate at {done.url}")
    if done.refused:
        raise typer.Exit(1)


@review.command()
def pull(
    source: Source,
    dataset: DatasetName = None,
    workspace: Workspace = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; nothing: DIR/review.")
    ] = None,
    language: Annotated[
        str, typer.Option(help="Of the prompts in the training file, as LettuceDetect names it.")
    ] = "en",
) -> None:
    """Fetch what people submitted, merged and per person.

    Writes gold.parquet (a row per reviewed answer, with people's label and the weight of the
    sample), responses.parquet (a row per answer and person), agreement.json and training.json
    (LettuceDetect's training format).
    """
    with mistakes_exit():
        from distilabel_rag4rag.review.connect import connect
        from distilabel_rag4rag.review.pull import pull as pull_rows
        from distilabel_rag4rag.review.training_file import write_training_file

        rows = _rows(source)
        target = out or Path(source) / "review"
        if out is None and not Path(source).is_dir():
            raise ValueError("--out: expected a folder for the labels")
        found = pull_rows(
            rows, client=connect(), dataset=dataset or _name(source), workspace=workspace
        )
        _keep_labels(target / "gold.parquet", found.gold)
        target.mkdir(parents=True, exist_ok=True)
        found.gold.to_parquet(target / "gold.parquet")
        found.responses.to_parquet(target / "responses.parquet")
        summary: dict[str, Any] = {
            "records": found.records,
            "reviewed": len(found.gold),
            "responses": len(found.responses),
            "drafts": found.drafts,
            "discarded": found.discarded,
            "gone": found.gone,
            "ties": int((found.gold["gold_tie"] == True).sum()),  # noqa: E712
            "agreement": found.agreement,
            "notes": found.notes,
        }
        (target / "agreement.json").write_text(
            json.dumps(summary, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
        samples = write_training_file(found.gold, target / "training.json", language)
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"{counted(summary['responses'], 'response')} on {summary['reviewed']} of"
        f" {counted(summary['records'], 'record')}; {counted(summary['ties'], 'tie')};"
        f" {counted(summary['drafts'], 'draft')} and"
        f" {counted(summary['discarded'], 'discarded response')} not counted."
    )
    console.print(_agreement(found.agreement))
    console.print(f"Training file: {samples or 'no sample'}.")
    for note in found.notes:
        console.print(f"- {note}", style="dim", markup=False)
    if not summary["reviewed"]:
        console.print(
            "No reviewer has submitted a response yet, so there is no label for `report`."
        )
        return
    console.print(f"Corrected rates: rag4rag report {source} --labels {target / 'gold.parquet'}")


@review.command()
def status(
    source: Source,
    dataset: DatasetName = None,
    workspace: Workspace = None,
) -> None:
    """How far the reviewers are."""
    with mistakes_exit():
        from distilabel_rag4rag.review.connect import (
            connect,
            find_workspace,
            get_dataset,
            plain_errors,
        )

        client = connect()
        place = find_workspace(client, workspace)
        found = get_dataset(client, place, dataset or _name(source))
        with plain_errors(client.api_url):
            progress = found.progress(with_users_distribution=True)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{progress['completed']} of {counted(progress['total'], 'record')} completed.")
    for name, counts in sorted(progress["users"].items()):
        responses = {
            kind: counts["completed"][kind] + counts["pending"][kind]
            for kind in ("submitted", "draft", "discarded")
        }
        console.print(f"  {name}: " + ", ".join(f"{count} {k}" for k, count in responses.items()))


def _rows(source: str) -> "pd.DataFrame":
    from distilabel_rag4rag.cli.read_rows import read_rows

    try:
        rows = read_rows(source)
    except UnicodeEncodeError:  # a lone surrogate, which no column of text can hold
        import pandas as pd

        from distilabel_rag4rag.data.readers.open_table import open_table
        from distilabel_rag4rag.review.page_text import without_surrogates

        table = open_table(source, None)
        rows = pd.DataFrame([without_surrogates(row) for row in table.rows(table.columns)])
    return rows if "arm" in rows else rows.assign(arm=Path(source).stem)


def _name(source: str) -> str:
    """A name that Argilla takes, after the folder."""
    return (
        "rag4rag-" + re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source).resolve().stem).strip("-")[:190]
    )


def _keep_labels(file: Path, gold: "pd.DataFrame") -> None:
    """Raise rather than replace labels, which are people's work, with nothing."""
    import pandas as pd

    if gold.empty and file.is_file() and (labelled := len(pd.read_parquet(file))):
        raise ValueError(
            f"--out: '{file}' holds {counted(labelled, 'labelled answer')} and the pull found"
            " none; it was kept. Give another folder, or delete it."
        )


def _threshold(source: str) -> float:
    """That of the comparison, else 0.5."""
    from distilabel_rag4rag.data.run_folder import RunFolder

    settings = RunFolder(Path(source)).run().get("settings") or {}
    return float(settings.get("threshold") or 0.5)


def _agreement(found: dict[str, Any]) -> str:
    if not found["records"]:
        return "Agreement: no record was answered by more than one person."

    def as_text(value: float | None) -> str:
        return "not defined" if value is None else f"{value:.2f}"

    return (
        f"Agreement on {counted(found['kappa_records'], 'record')}, hallucinated or not:"
        f" {found['kappa_kind']}'s kappa {as_text(found['kappa'])}; spans on {found['records']}: F1"
        f" {as_text(found['span_f1'])}."
    )
