"""What do faiss's indexes cost with a million passages, and what do they find?

    python benchmarks/large_index.py
    python benchmarks/large_index.py --passages 20000 --indexes Flat HNSW32

Passages of random words go from a parquet file into `FaissRetrieve`, each index in a process of
its own; another process opens it and searches. No text is embedded: that would take hours. The
embedder looks up precomputed vectors of 384 numbers, random but clustered: a mixture of 5,000
Gaussians in 64 dimensions, turned into the 384, with noise in all of them. Questions are passages
with noise. Vectors of real texts may be easier or harder to index; measure your own with
`--search`.

Recall@10 is the share of the ten nearest passages, found exactly with NumPy, that a search finds.
Memory is what a process holds for itself (RssAnon, sampled); pages of mapped files, which the
system can drop at any time, come on top.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from distilabel.models.embeddings.base import Embeddings
from pydantic import PrivateAttr

from distilabel_rag4rag import FaissRetrieve
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex

DIMENSION, CLUSTERS, LATENT = 384, 5_000, 64
BLOCK, QUESTIONS, K = 10_000, 1_000, 10
INDEXES = ["Flat", "HNSW32", "IVF4096,PQ48np,RFlat"]

Vectors = npt.NDArray[np.float32]


class PrecomputedEmbeddings(Embeddings):
    """Looks up the vector of a passage by the number that its text begins with."""

    file: str

    _vectors: Any = PrivateAttr(None)

    def load(self) -> None:
        """Opens the file."""
        super().load()
        self._vectors = np.load(self.file, mmap_mode="r")

    @property
    def model_name(self) -> str:
        """A name."""
        return "precomputed"

    def encode(self, inputs: list[str]) -> Any:
        """The vectors, and the first ones for texts that are no passage of ours."""
        numbers = [text.partition(" ")[0] for text in inputs]
        return self._vectors[[int(n) if n.isdecimal() else i for i, n in enumerate(numbers)]]


def blocks(count: int) -> Iterator[tuple[int, Vectors]]:
    """Numbers of seeds, and vectors in the latent dimensions."""
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, LATENT))
    for start in range(0, count, BLOCK):
        draw = np.random.default_rng(start + 1)
        size = min(BLOCK, count - start)
        latent = centres[draw.integers(CLUSTERS, size=size)]
        yield start, latent + 0.7 * draw.normal(size=latent.shape)


def in_space(latent: Vectors, draw: np.random.Generator) -> Vectors:
    """Unit vectors of all dimensions."""
    basis, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(DIMENSION, LATENT)))
    vectors = latent @ basis.T + 0.05 * draw.normal(size=(len(latent), DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make(folder: Path, count: int) -> None:
    """Passages, vectors, questions, and the ten passages nearest to each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(3)
    letters = draw.integers(ord("a"), ord("z") + 1, (5_000, 8))
    words = np.array(
        ["".join(map(chr, row[: 2 + number % 7])) for number, row in enumerate(letters)]
    )
    vectors = np.lib.format.open_memmap(
        folder / "vectors.npy", "w+", np.float32, (count, DIMENSION)
    )
    asked = draw.choice(count, min(QUESTIONS, count), replace=False)
    questions = np.zeros((len(asked), DIMENSION), np.float32)
    schema = pa.schema([("passage_id", pa.string()), ("context", pa.string())])
    with pq.ParquetWriter(folder / "passages.parquet", schema) as file:
        for start, latent in blocks(count):
            end = start + len(latent)
            vectors[start:end] = in_space(latent, draw)
            here = np.flatnonzero((asked >= start) & (asked < end))
            near = latent[asked[here] - start]
            questions[here] = in_space(near + 0.3 * draw.normal(size=near.shape), draw)
            texts = words[draw.integers(len(words), size=(len(latent), 100))]
            numbers = [str(number) for number in range(start, end)]
            contexts = [f"{n} {' '.join(row)}." for n, row in zip(numbers, texts, strict=True)]
            file.write_table(pa.table([numbers, contexts], schema=schema))
    np.save(folder / "questions.npy", questions)
    np.save(folder / "nearest.npy", nearest(vectors, questions))


def nearest(vectors: Vectors, questions: Vectors) -> npt.NDArray[np.int64]:
    """The positions of the nearest vectors of each question, in no order."""
    scores = np.zeros((len(questions), 0), np.float32)
    positions = np.zeros((len(questions), 0), np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = questions @ vectors[start : start + BLOCK].T
        scores = np.hstack([scores, block])
        own = np.arange(start, start + block.shape[1])
        positions = np.hstack([positions, np.tile(own, (len(questions), 1))])
        best = np.argpartition(-scores, K - 1, axis=1)[:, :K]
        scores = np.take_along_axis(scores, best, 1)
        positions = np.take_along_axis(positions, best, 1)
    return positions


class Memory:
    """The most memory that this process has held for itself."""

    def __init__(self) -> None:
        self.peak = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, self.now())
            time.sleep(0.02)

    @staticmethod
    def now() -> int:
        """Bytes."""
        status = Path("/proc/self/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) * 1024


def build(folder: Path, factory: str) -> dict[str, float]:
    """Builds an index from the parquet file."""
    memory, before = Memory(), Memory.now()
    step = FaissRetrieve(
        embeddings=PrecomputedEmbeddings(file=str(folder / "vectors.npy")),
        corpus=str(folder / "passages.parquet"),
        index_factory=factory,
        index_dir=str(folder / factory),
        encode_batch_size=1024,
    )
    begin = time.perf_counter()
    step.load()
    return {
        "build_s": time.perf_counter() - begin,
        "build_mb": (memory.peak - before) / 2**20,
        "disk_mb": sum(f.stat().st_size for f in (folder / factory).iterdir()) / 2**20,
    }


def search(folder: Path, factory: str, parameters: str | None) -> dict[str, float]:
    """Opens an index and searches it."""
    memory, before = Memory(), Memory.now()
    begin = time.perf_counter()
    index = PassageIndex.open(folder / factory, parameters)
    opened = time.perf_counter() - begin
    questions, exact = np.load(folder / "questions.npy"), np.load(folder / "nearest.npy")
    hits = index.search(questions, K)  # also makes the file's pages warm
    found = [len(set(own.positions) & set(best)) for own, best in zip(hits, exact, strict=True)]
    return {
        "open_s": opened,
        "search_mb": (memory.peak - before) / 2**20,
        "one_ms": per_question(lambda batch: index.search(batch, K), questions[:200], 1),
        "batch_ms": per_question(lambda batch: index.search(batch, K), questions[:640], 64),
        "recall": float(np.mean(found)) / K,
    }


def per_question(run: Callable[[Vectors], Any], questions: Vectors, size: int) -> float:
    """Milliseconds for each question, in batches of this size."""
    begin = time.perf_counter()
    for start in range(0, len(questions), size):
        run(questions[start : start + size])
    return (time.perf_counter() - begin) / len(questions) * 1000


def main() -> None:
    """Runs each part in a process of its own and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--indexes", nargs="+", default=INDEXES)
    parser.add_argument(
        "--search", nargs="+", default=[""], help="such as nprobe=16; '' is what the step takes"
    )
    parser.add_argument("--folder", type=Path, help="keeps data and indexes, and uses those there")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, folder, *rest = options.part
        done = {"make": make, "build": build, "search": search}[part]
        arguments = [int(rest[0])] if part == "make" else [one or None for one in rest]
        print(json.dumps(done(Path(folder), *arguments)))
        return
    with tempfile.TemporaryDirectory() as own:
        folder = options.folder or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"load before: {os.getloadavg()}", file=sys.stderr)
        if not (folder / "nearest.npy").exists():
            in_process("make", folder, options.passages)
        columns = ["build_s", "build_mb", "disk_mb", "open_s", "search_mb"]
        columns += ["one_ms", "batch_ms", "recall"]
        print("| index | search |", " | ".join(columns), "|")
        print("|---|---|" + "---|" * len(columns))
        for factory in options.indexes:
            built = {} if (folder / factory).exists() else in_process("build", folder, factory)
            for parameters in options.search:
                found = built | in_process("search", folder, factory, parameters)
                cells = [f"{found[name]:,.3f}" if name in found else "" for name in columns]
                print(f"| {factory} | {parameters} |", " | ".join(cells), "|", flush=True)
        print(f"load after: {os.getloadavg()}", file=sys.stderr)


def in_process(*part: Any) -> dict[str, float]:
    """What a part of the benchmark returns."""
    command = [sys.executable, __file__, "--part", *map(str, part)]
    environment = {**os.environ, "DISTILABEL_LOG_LEVEL": "ERROR"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return json.loads(done.stdout.splitlines()[-1]) or {}


if __name__ == "__main__":
    main()
