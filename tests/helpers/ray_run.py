"""A run in shards in a process of its own, for tests that interrupt it: ADDRESS FOLDER."""

import sys
from pathlib import Path

from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from helpers.fault_steps import HashLLM
from helpers.ray_nodes import connect

ROWS = 100


def pipeline(folder: Path) -> FailFastPipeline:
    """Questions to an LLM that takes its time and notes each."""
    llm = HashLLM(history_path=str(folder / "history.jsonl"), delay=0.1)
    asked = cached(llm, folder=str(folder / "generations"), inputs_per_call=1)
    with FailFastPipeline("interrupted", cache_dir=folder / "runs") as run:
        LoadDataFromDicts(
            data=[{"instruction": f"question {n}"} for n in range(ROWS)], batch_size=5
        ) >> TextGeneration(name="ask", llm=asked, input_batch_size=5)
    return run.ray(shards=4, out=folder / "out")


if __name__ == "__main__":
    connect(sys.argv[1])
    try:
        pipeline(Path(sys.argv[2])).run()
    except KeyboardInterrupt:  # as the command line does
        sys.exit(130)
