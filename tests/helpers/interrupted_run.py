"""A run in a process of its own, for tests that interrupt it: FOLDER [stuck | arm].

Generations are kept in FOLDER, every reply of the LLM is noted in FOLDER/history.jsonl, and at
the end the rows are in FOLDER/rows.json.
"""

import json
import os
import sys
from pathlib import Path

from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from distilabel_rag4rag.runtime.signals import Terminated
from helpers.fault_steps import HashEmbeddings, HashLLM

ARM_ROWS = 300


def pipeline(folder: Path, mode: str) -> FailFastPipeline:
    """Sixty questions to an LLM; or with `arm` the whole rag4rag arm on three hundred."""
    llm = HashLLM(history_path=str(folder / "history.jsonl"), delay=0.02 if mode == "arm" else 0.05)
    llm.how = "stuck" if mode == "stuck" else ""
    asked = cached(llm, folder=str(folder / "generations"), inputs_per_call=1)
    if mode == "arm":
        return arm(asked)
    with FailFastPipeline("interrupted") as run:
        LoadDataFromDicts(
            data=[{"instruction": f"question {n}"} for n in range(60)], batch_size=5
        ) >> TextGeneration(name="ask", llm=asked, input_batch_size=5)
    return run


def arm(llm: object) -> FailFastPipeline:
    """The rag4rag arm with a judge and embeddings that load in no time."""
    from distilabel_rag4rag.pipelines.arms import rag4rag
    from distilabel_rag4rag.steps.judging.lettuce_detect_judge import LettuceDetectJudge
    from distilabel_rag4rag.testing import VerbatimDetector

    rows = [
        {
            "id": f"q{n}",
            "passage_id": f"p{n % 100}",
            "context": f"Passage {n % 100} says that {n % 100} is a number.",
            "question": f"What does passage {n % 100} say, asked for the {n}th time?",
        }
        for n in range(ARM_ROWS)
    ]
    run = rag4rag(
        rows,
        llm=llm,
        judge=LettuceDetectJudge(model=VerbatimDetector()),
        embeddings=HashEmbeddings(),
        batch_size=20,
        pipeline_class=FailFastPipeline,
    )
    assert isinstance(run, FailFastPipeline)
    return run


if __name__ == "__main__":
    folder, mode = Path(sys.argv[1]), "".join(sys.argv[2:])
    os.environ["DISTILABEL_LOG_LEVEL"] = "ERROR"
    os.environ["DISTILABEL_CACHE_DIR"] = str(folder / "cache")
    os.environ["HF_DATASETS_CACHE"] = str(folder / "datasets")
    try:
        rows = pipeline(folder, mode).run()["default"]["train"].to_list()
    except Terminated:
        sys.exit(143)
    (folder / "rows.json").write_text(json.dumps(rows))
