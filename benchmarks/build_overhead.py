"""What a build costs beside its LLM and its judge, against a bare loop over the same calls.

    python benchmarks/build_overhead.py --passages 200 --delay 0.2

The bare loop asks the same LLM (scripted, `--delay` seconds a call) for the same questions and
answers, one after the other, and gives the same answers to the same judge in batches; nothing else.
The build reads, cuts, asks, retrieves, answers, judges, checks, mines negatives, exports and writes
its report, with the packaged embedder. Each in a process of its own, in turn, `--repeat` times.

The time to import, load and check models and to start processes does not grow with the number of
rows, and is a line of its own; it is part of the build's whole.
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
from typing import Any

from build_data import WritingLLM, write_documents
from build_scale import Quiet

#: The stages that the bare loop has too.
CALLS = ("questions", "answers", "judge")


def settings_of(source: Path, folder: Path, delay: float) -> Any:
    """The settings of the build."""
    from distilabel_rag4rag.experiment.build_settings import BuildSettings

    return BuildSettings(
        source=str(source),
        columns={"context": "text"},
        llm="build_data.WritingLLM:scripted",
        llm_set={"delay": delay},
        num_questions=1,
        question_types=["factoid"],
        max_failed=1.0,
        cache=False,
        negatives=5,
    )


def run_build(source: Path, folder: Path, delay: float) -> dict[str, Any]:
    """The whole build, and its stages."""
    from distilabel_rag4rag.experiment.build_dataset import Build

    begin = time.perf_counter()
    result = Build(settings_of(source, folder, delay), folder / "out", force=True).run(Quiet())
    seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "rows": len(result.rows),
        "stages": {stage["stage"]: stage["seconds"] for stage in result.record["stages"]},
    }


def run_loop(source: Path, folder: Path, delay: float) -> dict[str, Any]:
    """The same calls of the LLM and the judge, and nothing else; models are loaded before."""
    from distilabel_rag4rag import LettuceDetectJudge

    llm = WritingLLM(delay=delay)
    llm.load()
    judge = LettuceDetectJudge(model="embedded")
    judge.load()
    passages = [json.loads(line)["text"] for line in source.open(encoding="utf-8")]
    begin = time.perf_counter()
    rows = []
    for passage in passages:
        [asked] = llm.generate(inputs=[[{"role": "user", "content": passage}]])
        question = json.loads(str(asked["generations"][0]))[0]["question"]
        prompt = f"{passage}\n\n{question}"
        [said] = llm.generate(inputs=[[{"role": "user", "content": prompt}]])
        answer = said["generations"][0]
        rows.append({"question": question, "answer": answer, "contexts": passage})
    size = judge.input_batch_size
    for start in range(0, len(rows), size):
        next(judge.process(rows[start : start + size]))
    return {"seconds": time.perf_counter() - begin, "rows": len(rows)}


def main() -> None:
    """Runs both in turn and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds per reply of the LLM")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", choices=("build", "loop"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        source = options.folder / "documents.jsonl"
        run = run_build if options.one == "build" else run_loop
        print(json.dumps(run(source, options.folder, options.delay)))
        return
    found: dict[str, list[dict[str, Any]]] = {"loop": [], "build": []}
    with tempfile.TemporaryDirectory() as name:
        write_documents(Path(name) / "documents.jsonl", options.passages)
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        quiet = {
            "DISTILABEL_LOG_LEVEL": "ERROR",
            "HF_DATASETS_CACHE": f"{name}/datasets",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        for _ in range(options.repeat):
            for way, runs in found.items():
                command = [sys.executable, __file__, "--one", way, "--folder", name]
                command += ["--delay", str(options.delay)]
                done = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, env={**os.environ, **quiet}
                )
                runs.append(json.loads(done.stdout.splitlines()[-1]))
                print(way, json.dumps(runs[-1]), file=sys.stderr)
    report(found, options)


def report(found: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> None:
    """The table, in medians, and the range of the ratios run by run."""
    loops, builds = [[run["seconds"] for run in found[way]] for way in ("loop", "build")]
    fixed = [run["stages"]["models"] for run in found["build"]]
    rest = [
        sum(s for stage, s in run["stages"].items() if stage not in (*CALLS, "models"))
        for run in found["build"]
    ]
    print(f"{options.passages} passages, {options.delay} s a reply, {options.repeat} runs each")
    print("| | seconds | to the bare loop |")
    print("|---|---|---|")
    for what, values in (
        ("bare loop", loops),
        ("build, whole", builds),
        ("build, without loading models", [b - f for b, f in zip(builds, fixed, strict=True)]),
        ("stages that are not LLM or judge, added up", rest),
        ("loading models", fixed),
    ):
        ratios = [value / loop for value, loop in zip(values, loops, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        median = statistics.median(ratios)
        print(f"| {what} | {statistics.median(values):.1f} | {median:.2f} ({spread}) |")


if __name__ == "__main__":
    main()
