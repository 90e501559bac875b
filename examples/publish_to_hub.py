"""The rows of a pipeline on the Hugging Face Hub, with a card, and no secret in them.

hf auth login                    # or HF_TOKEN
python examples/publish_to_hub.py me/grounded-answers --limit 8 --dry-run out/dataset
python examples/publish_to_hub.py me/grounded-answers --limit 8
"""

from pathlib import Path

import typer

from distilabel_rag4rag import (
    AnswerFromColumn,
    FailFastPipeline,
    LettuceDetectJudge,
    LoadRows,
    MarkGrounded,
    publish,
)
from distilabel_rag4rag import dry_run as write_only


def main(repo_id: str, limit: int = 8, dry_run: Path | None = None) -> None:
    """Judge the sample world's human answers, and publish them in one commit."""
    with FailFastPipeline(name="to-publish") as pipeline:
        load = LoadRows(limit=limit)
        answer = AnswerFromColumn(column="human_answer")
        judge = LettuceDetectJudge(model="embedded", input_mappings={"contexts": "context"})
        load >> answer >> judge >> MarkGrounded()
    rows = pipeline.run()
    about = {"license": "apache-2.0", "language": "en", "passages": "the sample world"}
    if dry_run is None:
        print(publish(rows, repo_id, **about).url)
    else:
        for file in write_only(rows, repo_id, dry_run, **about).files:
            print(dry_run / file)


if __name__ == "__main__":
    typer.run(main)
