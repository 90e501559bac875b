"""Time and memory of each stage of a build, by the number of passages.

    python benchmarks/build_scale.py --passages 5000 10000 20000

Each size in a process of its own, end to end: documents in, a question and an answer for each
passage, all checks, five hard negatives, the export. The LLM is scripted and takes no time, the
embedder is MiniLM's table of tokens without its layers, the judge a BERT of two small layers that
supports every answer: what is measured is all that is not a model. Peak memory is that of the main
process and of the largest of the others.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from build_data import save_embedder, save_judge, write_documents


class Quiet:
    """A watcher that says nothing."""

    def phase(self, what: str) -> None: ...

    def note(self, text: str) -> None: ...

    def start(self, arm: str, steps: Any) -> None: ...

    def advance(self, step: str, rows: int) -> None: ...

    def done(self) -> None: ...


def run(passages: int, folder: Path) -> dict[str, Any]:
    """One build."""
    from distilabel_rag4rag.experiment.build_dataset import Build
    from distilabel_rag4rag.experiment.build_settings import BuildSettings

    source = write_documents(folder / f"{passages}.jsonl", passages)
    begin = time.perf_counter()
    settings = BuildSettings(
        source=str(source),
        columns={"context": "text"},
        llm="build_data.WritingLLM:scripted",
        embeddings=f"SentenceTransformerEmbeddings:{folder / 'embedder'}",
        embeddings_set={"device": "cpu"},
        judge=str(folder / "judge"),
        num_questions=1,
        question_types=["factoid"],
        batch_size=256,
        max_failed=1.0,
        cache=False,
    )
    result = Build(settings, folder / f"out-{passages}").run(Quiet())
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return {
        "passages": passages,
        "rows": result.accepted,
        "seconds": time.perf_counter() - begin,
        "main_mb": peaks[0],
        "worker_mb": peaks[1],
        "stages": {stage["stage"]: stage["seconds"] for stage in result.record["stages"]},
    }


def main() -> None:
    """Runs each size and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, nargs="+", default=[5_000, 10_000, 20_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.one, options.folder)))
        return
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_embedder(folder / "embedder")
        save_judge(folder / "judge")
        paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        quiet = {
            "DISTILABEL_LOG_LEVEL": "ERROR",
            "HF_DATASETS_CACHE": str(folder / "datasets"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        for passages in options.passages:
            command = [sys.executable, __file__, "--one", str(passages), "--folder", name]
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, env={**os.environ, **quiet}
            )
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(json.dumps(found[-1]), file=sys.stderr)
    print("| |", " | ".join(f"{one['passages']:,}" for one in found), "|")
    print("|---|" + "---|" * len(found))
    for name in ("rows", "seconds", "main_mb", "worker_mb"):
        print(f"| {name} |", " | ".join(f"{one[name]:,.0f}" for one in found), "|")
    for stage in found[0]["stages"]:
        print(f"| {stage}, s |", " | ".join(f"{one['stages'][stage]:.1f}" for one in found), "|")


if __name__ == "__main__":
    main()
