"""What FailFastPipeline and the generation cache cost: `python benchmarks/safe_pipeline.py`.

The same rows through the same Task with the same scripted LLM: distilabel's Pipeline without its
cache, FailFastPipeline, FailFastPipeline with a cached LLM, and the same again when every
generation is kept already. Each in a process of its own, in turn, `--repeat` times; the figures
are medians, and ratios to distilabel's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("distilabel", "failfast", "failfast + cache", "kept already")


def run_once(way: str, rows: int, delay: float, folder: Path) -> float:
    """Seconds of one `run()`."""
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    from distilabel_rag4rag.models.llms.cached_llm import cached
    from distilabel_rag4rag.runtime.fail_fast_pipeline import FailFastPipeline
    from distilabel_rag4rag.testing import ScriptedLLM

    llm = ScriptedLLM(default="An answer of a few words.", delay=delay)
    if way in ("failfast + cache", "kept already"):
        llm = cached(llm, folder=str(folder / "generations"))
    kind = Pipeline if way == "distilabel" else FailFastPipeline
    with kind("benchmark", cache_dir=folder / "runs") as pipeline:
        source = [{"instruction": f"Question {n}? " + "word " * 150} for n in range(rows)]
        LoadDataFromDicts(data=source) >> TextGeneration(llm=llm)
    start = time.perf_counter()
    distiset = pipeline.run(use_cache=False)
    seconds = time.perf_counter() - start
    assert distiset["default"]["train"].num_rows == rows
    return seconds


def main() -> None:
    """Run all ways in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=0.005, help="seconds per generation")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_once(options.one, options.rows, options.delay, options.folder)))
        return
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.repeat):
        with tempfile.TemporaryDirectory() as folder:
            quiet = {"DISTILABEL_LOG_LEVEL": "ERROR", "HF_DATASETS_CACHE": f"{folder}/datasets"}
            for way in WAYS:
                command = [sys.executable, __file__, "--one", way, "--folder", folder]
                command += ["--rows", str(options.rows), "--delay", str(options.delay)]
                done = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, env={**os.environ, **quiet}
                )
                seconds[way].append(json.loads(done.stdout.splitlines()[-1]))
    base = statistics.median(seconds["distilabel"])
    print(f"{options.rows} rows, {options.delay} s per generation, {options.repeat} runs each")
    for way, values in seconds.items():
        median = statistics.median(values)
        print(f"{way:18} {median:7.2f} s   {median / base:5.2f}")


if __name__ == "__main__":
    main()
