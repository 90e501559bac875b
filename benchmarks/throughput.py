"""How much of what an LLM server gives does a run use?

    python benchmarks/throughput.py                          # 8, 32 and 128 in flight
    python benchmarks/throughput.py --refuse 0.1             # every tenth request gets 429
    python benchmarks/throughput.py --stragglers 0.01        # every hundredth takes 20 s
    python benchmarks/throughput.py --ways rag4rag --questions 20000 --in-flight 128 --memory

The server of llm_server.py runs in a process of its own, as does each run. `bare` is a loop of
asyncio with a semaphore around the client that distilabel uses: what the server gives. `stock` is
distilabel's Pipeline with batches as large as the requests in flight. `rag4rag` is
FailFastPipeline with a cached LLM, `rag4rag, 2 replicas` the same with two processes that ask,
each with half of the requests in flight, and `rag4rag, Pipeline` the same LLM in distilabel's
Pipeline with large batches. Seconds are those of `run()`, from the start of its processes to the
finished data set, the imports left out. --memory shows the largest sum over the run's processes
(proportional set size), and how it grew from the first quarter of the run to the last; reading it
takes a tenth of a core, so that seconds are measured without.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WAYS = ("bare", "stock", "rag4rag", "rag4rag, 2 replicas", "rag4rag, Pipeline")
WORDS = "word " * 150


def questions(count: int) -> list[dict[str, str]]:
    return [{"instruction": f"Question {number}? {WORDS}"} for number in range(count)]


def run_bare(url: str, count: int, in_flight: int) -> int:
    """The answers of a loop that does nothing else."""
    from openai import AsyncOpenAI

    async def ask_all() -> int:
        client = AsyncOpenAI(base_url=url, api_key="x", max_retries=20, timeout=120)
        free = asyncio.Semaphore(in_flight)

        async def ask(row: dict[str, str]) -> bool:
            async with free:
                reply = await client.chat.completions.create(
                    model="m",
                    messages=[{"role": "user", "content": row["instruction"]}],
                    max_tokens=128,
                )
            return bool(reply.choices[0].message.content)

        return sum(await asyncio.gather(*map(ask, questions(count))))

    return asyncio.run(ask_all())


def run_pipeline(way: str, url: str, count: int, in_flight: int, folder: str) -> int:
    """The answers in the data set that a pipeline gives."""
    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts, StepResources
    from distilabel.steps.tasks import TextGeneration

    from distilabel_rag4rag import FailFastPipeline, cached

    llm: Any = OpenAILLM(model="m", base_url=url, api_key="x")
    size = in_flight
    replicas = 2 if way == "rag4rag, 2 replicas" else 1
    if way != "stock":
        each = in_flight // replicas
        llm = cached(llm, max_concurrency=each, folder=f"{folder}/generations")
        size = llm.rows_at_once if way == "rag4rag, Pipeline" else 50
    kind = Pipeline if way in ("stock", "rag4rag, Pipeline") else FailFastPipeline
    with kind("throughput", cache_dir=f"{folder}/runs") as pipeline:
        load = LoadDataFromDicts(data=questions(count), batch_size=size)
        resources = StepResources(replicas=replicas)
        load >> TextGeneration(llm=llm, input_batch_size=size, resources=resources)
    rows = pipeline.run(use_cache=False)["default"]["train"]
    return sum(text is not None for text in rows["generation"])


def run_once(way: str, url: str, count: int, in_flight: int, with_memory: bool) -> dict[str, float]:
    """Seconds, answers and memory of one run in this process."""
    import openai.resources.chat  # noqa: F401  imported before the clock starts

    import distilabel_rag4rag

    _ = distilabel_rag4rag.FailFastPipeline, distilabel_rag4rag.cached
    with tempfile.TemporaryDirectory() as folder, memory(with_memory) as seen:
        start = time.perf_counter()
        if way == "bare":
            answered = run_bare(url, count, in_flight)
        else:
            answered = run_pipeline(way, url, count, in_flight, folder)
        seconds = time.perf_counter() - start
    found = {"seconds": seconds, "answered": answered}
    if with_memory:
        quarter = max(1, len(seen) // 4)
        growth = statistics.median(seen[-quarter:]) - statistics.median(seen[quarter : 2 * quarter])
        found |= {"peak": max(seen), "growth": growth}
    return found


@contextlib.contextmanager
def memory(wanted: bool) -> Iterator[list[float]]:
    """MB of this process and its children, every half second; nothing where it is not wanted."""
    import psutil

    seen: list[float] = []
    stop = threading.Event()

    def measure() -> None:
        me = psutil.Process()
        while not stop.wait(0.0 if not seen else max(0.5, len(seen) / 200)):
            total = 0.0
            for process in (me, *me.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_full_info().pss / 2**20
            seen.append(total)

    thread = threading.Thread(target=measure)
    if wanted:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        if wanted:
            thread.join()


@contextlib.contextmanager
def server(options: argparse.Namespace) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("llm_server.py"))]
    for name in ("refuse", "stragglers", "most"):
        if (value := getattr(options, name)) is not None:
            command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def run_in_process(way: str, url: str, options: argparse.Namespace, in_flight: int) -> Any:
    command = [sys.executable, __file__, "--one", way, "--url", url]
    command += ["--questions", str(options.questions), "--in-flight", str(in_flight)]
    command += ["--memory"] * options.memory
    quiet = {"DISTILABEL_LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as datasets:
        environment = {**os.environ, **quiet, "HF_DATASETS_CACHE": datasets}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run all ways in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--in-flight", default="8,32,128", help="comma-separated")
    parser.add_argument("--ways", default="bare;stock;rag4rag", help=f"of {'; '.join(WAYS)}")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--refuse", type=float, default=0.0, help="share refused with 429")
    parser.add_argument("--stragglers", type=float, default=0.0, help="share that takes 20 s")
    parser.add_argument("--most", type=float, help="requests that the server takes at once")
    parser.add_argument("--memory", action="store_true", help="show memory, not only seconds")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        in_flight = int(options.in_flight)
        arguments = (options.url, options.questions, in_flight, options.memory)
        print(json.dumps(run_once(options.one, *arguments)))
        return
    ways = [way.strip() for way in options.ways.split(";")]
    print(
        f"{options.questions} questions, {options.refuse:.0%} refused, {options.stragglers:.0%} of"
        f" 20 s, {options.repeat} runs; load of the machine before: {os.getloadavg()[0]:.1f}"
    )
    columns = "  MB  growth" if options.memory else ""
    print(f"in flight  way                 seconds (least-most)   of bare  refused{columns}")
    for in_flight in map(int, options.in_flight.split(",")):
        runs: dict[str, list[Any]] = {way: [] for way in ways}
        for _ in range(options.repeat):
            for way in ways:
                with server(options) as url:
                    run = run_in_process(way, url, options, in_flight)
                    with urllib.request.urlopen(url) as counts:
                        run["refused"] = json.load(counts)["refused"]
                if run["answered"] != options.questions:
                    print(f"{way}: {run['answered']} of {options.questions} answered")
                runs[way].append(run)
        for way in ways:
            print_way(in_flight, way, runs)


def print_way(in_flight: int, way: str, runs: dict[str, list[Any]]) -> None:
    """Medians; the share of what the server gives is that of each round."""
    seconds = [run["seconds"] for run in runs[way]]
    of_bare = "-"
    if "bare" in runs:
        shares = [a["seconds"] / b["seconds"] for a, b in zip(runs["bare"], runs[way], strict=True)]
        of_bare = f"{statistics.median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})"
    median = {
        name: statistics.median(run[name] for run in runs[way])
        for name in ("seconds", "refused", "peak", "growth")
        if name in runs[way][0]
    }
    memory = f"  {median['peak']:.0f}  {median['growth']:+.0f}" if "peak" in median else ""
    print(
        f"{in_flight:9}  {way:18} {median['seconds']:7.1f} ({min(seconds):.1f}-{max(seconds):.1f})"
        f"   {of_bare}  {median['refused']:.0f}{memory}",
        flush=True,
    )


if __name__ == "__main__":
    main()
