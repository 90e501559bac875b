"""A run in shards in a process of its own, for tests that interrupt it: ADDRESS FOLDER."""

import json
import os
import sys
from pathlib import Path

from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from distilabel_rag4rag.models.llms.cached_llm import cached
from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
from helpers.fault_steps import HashLLM
from helpers.ray_nodes import connect

ROWS = 120

if __name__ == "__main__":
    address, folder = sys.argv[1], Path(sys.argv[2])
    os.environ["DISTILABEL_CACHE_DIR"] = str(folder / "cache")
    os.environ["HF_DATASETS_CACHE"] = str(folder / "datasets")
    llm = HashLLM(history_path=str(folder / "history.jsonl"), delay=0.1)
    asked = cached(llm, folder=str(folder / "generations"), inputs_per_call=1)
    with FailFastPipeline("interrupted") as pipeline:
        LoadDataFromDicts(
            data=[{"instruction": f"question {n}"} for n in range(ROWS)], batch_size=5
        ) >> TextGeneration(name="ask", llm=asked, input_batch_size=5)
    connect(address)
    run = pipeline.ray(shards=4, out=folder / "out")
    try:
        rows = run.run()["default"]["train"].to_list()
    except KeyboardInterrupt:  # as the command line does
        sys.exit(130)
    (folder / "rows.json").write_text(json.dumps(rows))
