"""A folder of documents to files that sentence-transformers trains on, as a graph of your own.

    export OPENAI_API_KEY=sk-...     # and OPENAI_BASE_URL for a server of your own
    python examples/documents_to_training_data.py docs/ --model gpt-4o-mini --out out/export

`rag4rag build docs/` does more: repair, exactly N rows, a report. Start here to change the graph.
"""

from pathlib import Path

import typer
from distilabel.models import OpenAILLM

from distilabel_rag4rag import (
    FailFastPipeline,
    LoadDocuments,
    cached,
    embedded,
    export_training_data,
    pipelines,
)


def main(documents: str, model: str = "gpt-4o-mini", out: Path = Path("out/export")) -> None:
    """Cut, ask, answer, judge, check, mine negatives, export."""
    load = LoadDocuments(source=documents, name="documents")
    load.load()
    passages = [row for batch, _ in load.process() for row in batch]
    pipeline = pipelines.build(
        passages,
        llm=cached(OpenAILLM(model=model)),
        embeddings=embedded.embeddings(),
        judge=embedded.judge(),
        corpus=passages,
        pipeline_class=FailFastPipeline,
    )
    rows = pipeline.run()["default"]["train"]
    export = export_training_data(rows, passages, out)
    for data_format, splits in export.rows.items():
        print(f"{out / data_format}: {splits}")


if __name__ == "__main__":
    typer.run(main)
