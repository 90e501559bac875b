"""A pipeline that ends before reviewers in Argilla, and what they said.

    export ARGILLA_API_URL=http://localhost:6900 ARGILLA_API_KEY=...   # of an owner or admin
    python examples/review_in_argilla.py push --limit 20
    python examples/review_in_argilla.py pull

The answers are the sample world's human ones, so that no LLM is needed; put your own steps in
their place.
"""

from pathlib import Path

import typer
from datasets import load_from_disk

from distilabel_rag4rag import (
    AnswerFromColumn,
    ArgillaReview,
    FailFastPipeline,
    LettuceDetectJudge,
    LoadRows,
)
from distilabel_rag4rag.review.connect import connect
from distilabel_rag4rag.review.pull import pull as pull_labels

app = typer.Typer()
ROWS = Path("out/review")


@app.command()
def push(limit: int = 20, dataset: str = "my-review", workspace: str | None = None) -> None:
    """Judge the answers and send those about which the judge is least sure."""
    with FailFastPipeline(name="reviewed") as pipeline:
        load = LoadRows(limit=limit)
        answer = AnswerFromColumn(column="human_answer")
        judge = LettuceDetectJudge(model="embedded", input_mappings={"contexts": "context"})
        review = ArgillaReview(
            dataset_name=dataset, dataset_workspace=workspace, n=limit, design="uncertainty"
        )
        load >> answer >> judge >> review
    pipeline.run()["default"]["train"].save_to_disk(str(ROWS))


@app.command()
def pull(dataset: str = "my-review", workspace: str | None = None) -> None:
    """Fetch the labels and print them."""
    rows = load_from_disk(str(ROWS))
    found = pull_labels(rows, client=connect(), dataset=dataset, workspace=workspace)
    for row in found.gold.to_dict("records"):
        print(f"{row['question']} -> {row['answer']}: {row['gold_verdict']}")


if __name__ == "__main__":
    app()
