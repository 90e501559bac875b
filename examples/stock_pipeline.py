"""Grounded answers in distilabel's own Pipeline, with an LLM on a server, saved as YAML.

    export OPENAI_API_KEY=sk-...     # and OPENAI_BASE_URL for a server of your own
    python examples/stock_pipeline.py questions.jsonl docs/ --model gpt-4o-mini --out out/answers

`questions.jsonl` holds rows with `question`; `docs/` is searched for passages. Anybody with the
package runs the saved pipeline again, without this script:

    distilabel pipeline run --config out/answers/pipeline.yaml
"""

from pathlib import Path

import typer
from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline

from distilabel_rag4rag import (
    FaissRetrieve,
    GroundedAnswerGeneration,
    LettuceDetectJudge,
    LoadRows,
    MarkGrounded,
    cached,
    embedded,
)


def main(
    questions: str, documents: str, model: str = "gpt-4o-mini", out: Path = Path("out/answers")
) -> None:
    """Retrieve, answer, judge against what was retrieved, mark."""
    with Pipeline(name="grounded-answers") as pipeline:
        load = LoadRows(source=questions, context_required=False)
        retrieve = FaissRetrieve(corpus=documents, embeddings=embedded.embeddings(), k=3)
        found = {"contexts": "retrieved_contexts"}
        # `cached` sends 32 requests at once and keeps the replies: a second run asks nothing again.
        llm = cached(OpenAILLM(model=model))
        answer = GroundedAnswerGeneration(llm=llm, input_mappings=found)
        judge = LettuceDetectJudge(model="embedded", input_mappings=found)
        load >> retrieve >> answer >> judge >> MarkGrounded()
    out.mkdir(parents=True, exist_ok=True)
    pipeline.save(out / "pipeline.yaml", format="yaml")
    rows = pipeline.run(use_cache=False)
    rows.save_to_disk(str(out / "rows"))
    for row in rows["default"]["train"]:
        print(f"{row['question']} -> {row['answer']}")


if __name__ == "__main__":
    typer.run(main)
