"""What shards on a Ray cluster gain and cost, with an LLM that sleeps.

    python benchmarks/ray_shards.py --rows 2000                # a small one, 3 minutes
    python benchmarks/ray_shards.py --rows 20000 --repeat 1    # 20 minutes

A scripted LLM takes `--delay` seconds for each row, one at a time, and needs no CPU: a run on one
machine takes at least rows times delay. `plain` is FailFastPipeline, `1 node` and `2 nodes` are
its shards on clusters of nodes of one CPU on this machine, listening on loopback alone. Seconds are
those of `run()`, with a cluster that is there already, the imports in its processes counted. Each
way runs in a process of its own, and its rows are compared with those of `plain`.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

WAYS = ("plain", "1 node", "2 nodes")


def pipeline_of(rows: int, delay: float, folder: str) -> Any:
    """Questions to the sleeping LLM."""
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    from distilabel_rag4rag import FailFastPipeline, cached
    from distilabel_rag4rag.testing import ScriptedLLM

    llm = cached(
        ScriptedLLM(default="Yes.", delay=delay), folder=f"{folder}/generations", inputs_per_call=1
    )
    with FailFastPipeline("sleep", cache_dir=f"{folder}/runs") as pipeline:
        LoadDataFromDicts(
            data=[{"instruction": f"question {n}"} for n in range(rows)], batch_size=500
        ) >> TextGeneration(name="ask", llm=llm)
    return pipeline


def run_once(way: str, rows: int, delay: float) -> dict[str, Any]:
    """Seconds and the hash of the rows."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = pipeline_of(rows, delay, folder)
        if way == "plain":
            return timed(pipeline)
        from helpers.ray_nodes import connect, ray_nodes

        with ray_nodes() as cluster:
            import ray

            if way == "1 node":
                cluster.remove_node(next(iter(cluster.worker_nodes)))
            connect(cluster.address)
            try:
                return timed(pipeline.ray(out=f"{folder}/out"), Path(folder) / "out")
            finally:
                ray.shutdown()


def timed(pipeline: Any, out: Path | None = None) -> dict[str, Any]:
    begin = time.perf_counter()
    rows = pipeline.run()["default"]["train"].to_list()
    seconds = time.perf_counter() - begin
    text = json.dumps(rows, sort_keys=True)
    found = {"seconds": seconds, "hash": hashlib.sha256(text.encode()).hexdigest()[:12]}
    if out is not None:
        [cut] = out.rglob("cut.json")
        found["cut"] = json.loads(cut.read_text())
    return found


def main() -> None:
    """Run all ways in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_once(options.one, options.rows, options.delay)))
        return
    print(f"{options.rows} rows, {options.delay} s; load before: {os.getloadavg()[0]:.1f}")
    runs: dict[str, list[Any]] = {way: [] for way in options.ways.split(",")}
    for _ in range(options.repeat):
        for way in runs:
            command = [sys.executable, __file__, "--one", way]
            command += ["--rows", str(options.rows), "--delay", str(options.delay)]
            quiet = {**os.environ, "DISTILABEL_LOG_LEVEL": "ERROR"}
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=quiet)
            runs[way].append(json.loads(done.stdout.splitlines()[-1]))
            print(way, runs[way][-1], flush=True)
    for way, found in runs.items():
        seconds = [run["seconds"] for run in found]
        print(
            f"{way:8} {statistics.median(seconds):7.1f} s ({min(seconds):.1f}-{max(seconds):.1f})"
        )
    if len({run["hash"] for found in runs.values() for run in found}) != 1:
        sys.exit("the rows differ")


if __name__ == "__main__":
    main()
