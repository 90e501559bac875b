"""Corpora that do not fit in memory: which index they get, how it is built and opened."""

import json
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from distilabel.errors import DistilabelUserError
from distilabel.models.embeddings.base import Embeddings

from distilabel_rag4rag import FaissRetrieve, FaissRetrieveFromRows
from distilabel_rag4rag.steps.retrieval import build_index as building
from distilabel_rag4rag.steps.retrieval import index_factory
from distilabel_rag4rag.steps.retrieval.build_index import build_index
from distilabel_rag4rag.steps.retrieval.embedder_state import PROBES, made_with
from distilabel_rag4rag.steps.retrieval.embedding import Vectors, embed
from distilabel_rag4rag.steps.retrieval.index_factory import resolve_factory, training_size
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex
from distilabel_rag4rag.steps.retrieval.passages import Passage, Passages, unique_passages
from distilabel_rag4rag.utils.hashing import file_states

SIZE = 32
FACTORIES = ["Flat", "HNSW16", "IVF8,Flat", "IVF8,PQ4x4np", "IVF8,PQ4x4np,RFlat"]


class HashedEmbeddings(Embeddings):
    """A random vector for each text, always the same; notes how many texts each call gets."""

    calls: ClassVar[list[int]] = []

    @property
    def model_name(self) -> str:
        """A name."""
        return "hashed"

    def encode(self, inputs: list[str]) -> Any:
        """One vector a text."""
        if not inputs[0].endswith(PROBES):
            self.calls.append(len(inputs))
        return [vector_of(text) for text in inputs]


def vector_of(text: str) -> Vectors:
    vector = np.random.default_rng(zlib.crc32(text.encode())).normal(size=SIZE)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture(autouse=True)
def _fresh(own_cache: Path) -> None:
    HashedEmbeddings.calls.clear()


def corpus(count: int) -> list[dict[str, str]]:
    """Passages of different lengths."""
    return [
        {"passage_id": f"p{n}", "context": f"Passage {n} {'costs ' * (n * 7 % 11)}."}
        for n in range(count)
    ]


def nearest(rows: list[dict[str, str]], question: str, k: int) -> list[str]:
    """The ids that exact search finds."""
    scores = np.stack([vector_of(row["context"]) for row in rows]) @ vector_of(question)
    return [rows[n]["passage_id"] for n in np.argsort(-scores, kind="stable")[:k]]


def retriever(source: Any, **settings: Any) -> FaissRetrieve:
    step = FaissRetrieve(**{"embeddings": HashedEmbeddings(), "corpus": source, "k": 5, **settings})
    step.load()
    return step


def found(step: FaissRetrieve, *questions: str) -> list[list[str]]:
    rows = next(step.process([{"question": question} for question in questions]))
    return [row["retrieved_ids"] for row in rows]


def kept(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


# Which index "auto" is


@pytest.mark.parametrize(
    ("count", "dimension", "expected"),
    [
        (1, 384, "Flat"),
        (index_factory.MOST_EXACT, 384, "Flat"),
        (1_000_000, 384, "IVF4096,PQ48np,RFlat"),
        (1_000_000, 300, "IVF4096,SQ8,RFlat"),
        (10_000_000, 768, "IVF16384,PQ96np,RFlat"),
    ],
)
def test_auto_goes_by_the_size_of_the_corpus(count: int, dimension: int, expected: str) -> None:
    assert resolve_factory("auto", count, lambda: dimension) == expected
    assert resolve_factory("HNSW32", count, lambda: dimension) == "HNSW32"
    faiss.index_factory(dimension, expected)


@pytest.mark.parametrize("count", [1, 7, 300, 301, 900])
def test_auto_finds_what_exact_search_finds(
    count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(index_factory, "MOST_EXACT", 300)
    rows = corpus(count)
    questions = [f"Question {n}?" for n in range(20)]
    thorough = {"search_parameters": "nprobe=128,k_factor_rf=64"} if count > 300 else {}
    step = retriever(rows, index_dir=str(tmp_path / "index"), **thorough)
    assert found(step, *questions) == [nearest(rows, question, 5) for question in questions]
    expected = {301: "IVF64,PQ4np,RFlat", 900: "IVF128,PQ4np,RFlat"}.get(count, "Flat")
    assert kept(tmp_path / "index")["made_with"]["index_factory"] == expected
    own = [row["context"] for row in rows[:50]]
    with_defaults = retriever(str(tmp_path / "index"), k=1)
    assert found(with_defaults, *own) == [[row["passage_id"]] for row in rows[:50]]


def test_a_small_corpus_finds_its_flat_index_again() -> None:
    retriever(corpus(20), index_factory="Flat")
    assert HashedEmbeddings.calls == [20]
    retriever(corpus(20))
    retriever(corpus(20), index_factory="auto")
    step = FaissRetrieveFromRows(embeddings=HashedEmbeddings())
    step.load()
    next(step.process([{"question": None, **row} for row in corpus(20)]))
    assert HashedEmbeddings.calls == [20]


@pytest.mark.parametrize(
    ("factory", "parameters", "expected", "reason"),
    [
        ("Flat", "nprobe=4", "none: this index is searched exactly", "nprobe"),
        ("IVF8,Flat", "efSearch=4", "parameters .* such as 'nprobe=8'", "efSearch"),
        ("IVF8,Flat", "nprobe", "parameters .* such as 'nprobe=8'", "nprobe"),
        ("IVF8,Flat", "nprobe=0", "parameters .* such as 'nprobe=8'", "nprobe > 0"),
        ("IVF8,Flat", "nprobe=-3", "parameters .* such as 'nprobe=8'", "nprobe"),
        ("HNSW8", "nprobe=3", "parameters .* such as 'efSearch=64'", "nprobe"),
    ],
)
def test_search_parameters_that_the_index_has_not_are_named(
    factory: str, parameters: str, expected: str, reason: str
) -> None:
    message = rf"search_parameters: found '{parameters}', expected {expected}.*{reason}"
    with pytest.raises(DistilabelUserError, match=message):
        retriever(corpus(20), index_factory=factory, search_parameters=parameters)


@pytest.mark.parametrize(
    ("factory", "defaults"),
    [
        ("IVF1024,PQ4,RFlat", {"nprobe": 32, "k_factor": 4.0}),
        ("IVF8,Flat", {"nprobe": 8}),
        ("OPQ8,IVF128,PQ4", {"nprobe": 16}),
        ("HNSW16", {"efSearch": 64}),
    ],
)
def test_an_index_is_searched_more_thoroughly_than_faiss_does(
    factory: str, defaults: dict[str, float]
) -> None:
    index = faiss.index_factory(SIZE, factory)
    index_factory.set_search_parameters(index)
    refined = getattr(index, "k_factor", None)
    inner = faiss.try_extract_index_ivf(index)
    graph = faiss.downcast_index(index)
    assert defaults == {
        **({"nprobe": inner.nprobe} if inner else {}),
        **({"k_factor": refined} if refined else {}),
        **({"efSearch": graph.hnsw.efSearch} if isinstance(graph, faiss.IndexHNSW) else {}),
    }


# How it is built


def sources(folder: Path, rows: list[dict[str, str]]) -> Iterator[Any]:
    """The rows as a list, a parquet file in several row groups, and a saved dataset."""
    yield rows
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet", row_group_size=50)
    yield str(folder / "rows.parquet")
    Dataset.from_list(rows).save_to_disk(folder / "rows")
    yield str(folder / "rows")


@pytest.mark.parametrize("factory", FACTORIES)
def test_piece_by_piece_makes_the_index_that_faiss_makes_of_all_vectors_at_once(
    factory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = corpus(230)
    at_once = faiss.index_factory(SIZE, factory, faiss.METRIC_INNER_PRODUCT)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    vectors = embed(HashedEmbeddings(), [row["context"] for row in rows])
    at_once.train(vectors)
    at_once.add(vectors)
    faiss.omp_set_num_threads(threads)
    monkeypatch.setattr(building, "WINDOW", 64)
    for number, source in enumerate(sources(tmp_path, rows)):
        folder = tmp_path / f"index{number}"
        step = retriever(source, index_dir=str(folder), index_factory=factory)
        written = faiss.serialize_index(faiss.read_index(str(folder / "index.faiss")))
        assert written.tobytes() == faiss.serialize_index(at_once).tobytes()
        assert list(step._index.passages("passage_id", "context")) == [
            (row["passage_id"], row["context"]) for row in rows
        ]
        assert sorted(path.name for path in folder.iterdir()) == [
            "index.faiss",
            "manifest.json",
            "passages.arrow",
        ]


def test_no_more_than_a_window_of_texts_and_vectors_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "WINDOW", 128)
    count, words = 3_000, "costs " * 600

    def read() -> Iterator[Passage]:
        for number in range(count):
            yield Passage(str(number), f"{words}{number}")

    embeddings = HashedEmbeddings()
    settings = made_with(embeddings)
    tracemalloc.start()
    build_index(tmp_path / "index", Passages(read), embeddings, settings, batch_size=50)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(HashedEmbeddings.calls) == 50
    assert sum(HashedEmbeddings.calls) == count
    # All texts are 11 MB, those of a window 0.5 MB; files are hashed in pieces of 1 MB.
    assert peak < 3_500_000
    index = PassageIndex.open(tmp_path / "index")
    assert len(index) == count
    assert index.passage(2_999) == ("2999", f"{words}2999")


def test_an_index_is_trained_on_a_sample_of_the_corpus_that_is_always_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = corpus(400)

    def built(name: str) -> bytes:
        retriever(rows, index_dir=str(tmp_path / name), index_factory="IVF2,SQ8")
        return (tmp_path / name / "index.faiss").read_bytes()

    on_all = built("all")
    monkeypatch.setattr(index_factory, "LEAST_SAMPLE", 90)
    index = faiss.index_factory(SIZE, "IVF2,SQ8")
    assert training_size(index) == 128
    assert built("sample") == built("again") != on_all


@pytest.mark.parametrize(
    ("factory", "most"),
    [("Flat", 65_536), ("PQ4", 65_536), ("IVF4096,PQ4,RFlat", 262_144), ("OPQ8,IVF64,PQ4", 65_536)],
)
def test_the_sample_is_bounded(factory: str, most: int) -> None:
    assert training_size(faiss.index_factory(SIZE, factory)) == most


def test_a_corpus_that_changes_while_it_is_indexed_is_an_error(tmp_path: Path) -> None:
    texts = iter(["one", "two"])  # another one at each reading
    passages = Passages(lambda: iter([Passage("a", next(texts))]))
    embeddings = HashedEmbeddings()
    with pytest.raises(DistilabelUserError, match="corpus changed while it was being indexed"):
        build_index(tmp_path / "index", passages, embeddings, made_with(embeddings))
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_factory_and_a_bad_vector_are_said_before_the_whole_corpus_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "WINDOW", 10)
    for factory, reason in (("Banana", "could not parse"), ("IVF41,Flat", "it has 41 lists")):
        HashedEmbeddings.calls.clear()
        message = f"index_factory='{factory}' cannot index 40 vectors of dimension 32: .*{reason}"
        with pytest.raises(DistilabelUserError, match=message):
            retriever(corpus(40), index_factory=factory)
        assert HashedEmbeddings.calls == [10]
    HashedEmbeddings.calls.clear()
    with pytest.raises(DistilabelUserError, match="search_parameters: found 'efSearch=4'"):
        retriever(corpus(40), index_factory="IVF4,Flat", search_parameters="efSearch=4")
    assert HashedEmbeddings.calls == [10]

    class Ragged(HashedEmbeddings):
        def encode(self, inputs: list[str]) -> Any:
            given = super().encode(inputs)
            return [v[:3] if "Passage 25 " in t else v for t, v in zip(inputs, given, strict=True)]

    message = "a vector of 3 numbers instead of 32 for 1 of 30 texts, the first of them number 26, "
    with pytest.raises(DistilabelUserError, match=message):
        retriever(corpus(40), embeddings=Ragged())


# How it is opened


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_mapped_index_gives_the_rows_of_one_in_memory(factory: str, tmp_path: Path) -> None:
    rows = corpus(230)
    embeddings = HashedEmbeddings()
    folder = tmp_path / "index"
    build_index(folder, unique_passages(rows), embeddings, made_with(embeddings, "", factory))
    in_memory = faiss.read_index(str(folder / "index.faiss"))
    index_factory.set_search_parameters(in_memory)
    questions = np.stack([vector_of(f"Question {n}?") for n in range(30)])
    manifest = PassageIndex.open(folder).manifest
    unmapped = PassageIndex(in_memory, pa.table({}), manifest).search(questions, 5)
    assert PassageIndex.open(folder).search(questions, 5) == unmapped
    assert all(hits.positions for hits in unmapped)


def test_inverted_lists_stay_on_disk(tmp_path: Path) -> None:
    embeddings = HashedEmbeddings()
    settings = made_with(embeddings, "", "IVF8,PQ4x4np")
    build_index(tmp_path / "index", unique_passages(corpus(230)), embeddings, settings)
    index = PassageIndex.open(tmp_path / "index")._index
    lists = faiss.downcast_InvertedLists(faiss.extract_index_ivf(index).invlists)
    assert isinstance(lists, faiss.OnDiskInvertedLists)


def test_an_index_of_version_0_1_is_opened_and_not_built_anew(tmp_path: Path) -> None:
    """It kept its passages in parquet."""
    folder = tmp_path / "index"
    rows = corpus(30)
    before = found(retriever(rows, index_dir=str(folder)), "What?")
    with pa.memory_map(str(folder / "passages.arrow")) as file:
        pq.write_table(pa.ipc.open_file(file).read_all(), folder / "passages.parquet")
    (folder / "passages.arrow").unlink()
    manifest = kept(folder)
    del manifest["files"]["passages.arrow"]
    manifest["files"] |= dict(file_states(folder / "passages.parquet") or [])
    (folder / "manifest.json").write_text(json.dumps(manifest))
    HashedEmbeddings.calls.clear()
    assert found(retriever(rows, index_dir=str(folder)), "What?") == before
    assert found(retriever(str(folder)), "What?") == before
    assert HashedEmbeddings.calls == [1, 1]
    assert (folder / "passages.parquet").is_file()
