"""Grounded answers to questions about the sample world, with models that install with pip.

    python examples/offline_pipeline.py --limit 8 --out out/offline

needs no Hub, key or GPU. For data of your own, give `LoadRows` a source and take your own LLM.
"""

from pathlib import Path

import typer

from distilabel_rag4rag import (
    FailFastPipeline,
    FaissRetrieveFromRows,
    GroundedAnswerGeneration,
    KeepMarked,
    LettuceDetectJudge,
    LoadRows,
    MarkGrounded,
    embedded,
)


def main(limit: int = 8, out: Path = Path("out/offline")) -> None:
    """Answer, judge, keep what is grounded, save it as a dataset."""
    with FailFastPipeline(name="offline") as pipeline:
        load = LoadRows(limit=limit)
        retrieve = FaissRetrieveFromRows(embeddings=embedded.embeddings(), k=1)
        answer = GroundedAnswerGeneration(
            llm=embedded.llm(reply_prefix="Answer:"),
            input_mappings={"contexts": "retrieved_contexts"},
        )
        judge = LettuceDetectJudge(model="embedded", input_mappings={"contexts": "context"})
        load >> retrieve >> answer >> judge >> MarkGrounded() >> KeepMarked()
    rows = pipeline.run()["default"]["train"]
    rows.save_to_disk(str(out))
    for row in rows:
        print(f"{row['question']} -> {row['answer']}")


if __name__ == "__main__":
    typer.run(main)
