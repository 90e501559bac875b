"""Retrieval with the packaged MiniLM and real faiss."""

import json
import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from datasets import Dataset
from distilabel.errors import DistilabelUserError
from distilabel.models.embeddings.base import Embeddings
from distilabel.pipeline import Pipeline
from distilabel.steps import KeepColumns, LoadDataFromDicts, StepResources
from helpers.sample_documents import WRITERS

from distilabel_rag4rag import EmbeddedEmbeddings, FaissRetrieve, FaissRetrieveFromRows, embedded
from distilabel_rag4rag.data.rows import passage_id
from distilabel_rag4rag.steps.retrieval.embedder_state import PROBES
from distilabel_rag4rag.steps.retrieval.embedding import embed
from distilabel_rag4rag.steps.retrieval.passage_index import PassageIndex
from distilabel_rag4rag.steps.retrieval.passages import unique_passages

pytestmark = pytest.mark.slow

PASSAGES = [
    {"passage_id": "album", "context": "Dangerously in Love is the first album by Beyoncé."},
    {"passage_id": "cell", "context": "The mitochondrion makes most of a cell's ATP."},
    {"passage_id": "bridge", "context": "The old stone bridge over the Oru was built in 1712."},
    {"passage_id": "town", "context": "東京は日本の首都です。"},
]
ALBUM = "Which album did Beyoncé release first?"


class CountingEmbeddings(EmbeddedEmbeddings):
    """The packaged embedder; every text that it embeds is kept, but those of the probe."""

    texts: ClassVar[list[str]] = []
    loaded: ClassVar[Any] = None

    def load(self) -> None:
        """Loads the model once for all tests."""
        if self.loaded is None:
            super().load()
            type(self).loaded = self._model
        Embeddings.load(self)
        self._model = self.loaded

    def encode(self, inputs: list[str]) -> list[list[int | float]]:
        """As the packaged one."""
        type(self).texts.extend(text for text in inputs if not text.endswith(PROBES))
        return super().encode(inputs)


@pytest.fixture(autouse=True)
def _fresh(own_cache: Path) -> None:
    CountingEmbeddings.texts.clear()


def retriever(**settings: Any) -> FaissRetrieve:
    """A loaded step on PASSAGES."""
    given: dict[str, Any] = {"embeddings": CountingEmbeddings(), "corpus": PASSAGES, "k": 2}
    step = FaissRetrieve(**{**given, **settings})
    step.load()
    return step


def retrieve(step: Any, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """What the step makes of the rows."""
    return next(step.process([dict(row) for row in rows]))


def test_the_nearest_passage_comes_first_with_its_cosine() -> None:
    [row] = retrieve(retriever(), {"question": ALBUM, "passage_id": "album"})
    vectors = embed(_loaded(), [ALBUM, *(p["context"] for p in PASSAGES)])
    cosines = (vectors[0] @ vectors[1:].T).tolist()
    assert row["retrieved_ids"][0] == "album"
    assert row["retrieved_contexts"][0] == PASSAGES[0]["context"]
    assert row["retrieval_scores"] == pytest.approx(sorted(cosines, reverse=True)[:2], abs=2e-6)
    assert (row["source_rank"], row["retrieve_reason"]) == (1, None)


def _loaded() -> EmbeddedEmbeddings:
    embeddings = embedded.embeddings()
    embeddings.load()
    return embeddings


def test_more_than_there_are_gives_fewer() -> None:
    [row] = retrieve(retriever(k=50), {"question": ALBUM})
    assert sorted(row["retrieved_ids"]) == ["album", "bridge", "cell", "town"]
    assert len(row["retrieval_scores"]) == len(row["retrieved_contexts"]) == 4
    assert row["source_rank"] is None


def test_min_score_leaves_out_and_says_so() -> None:
    rows = retrieve(
        retriever(k=4, min_score=0.4), {"question": ALBUM}, {"question": "What is a tax?"}
    )
    assert rows[0]["retrieved_ids"] == ["album"]
    assert rows[1]["retrieved_ids"] == []
    assert rows[1]["retrieve_reason"] == "no passage reaches min_score=0.4"


def test_rows_without_a_question_are_marked_and_the_others_answered() -> None:
    rows = retrieve(
        retriever(), {"question": None}, {"question": ALBUM}, {"question": " \n"}, {"question": 7}
    )
    assert [row["retrieve_reason"] for row in rows] == [
        "empty question",
        None,
        "empty question",
        "question is int, expected str",
    ]
    assert [len(row["retrieved_ids"]) for row in rows] == [0, 2, 0, 0]


def test_duplicate_passages_are_one_entry_and_rank_as_the_rows_own() -> None:
    doubled = [*PASSAGES, {"passage_id": "again", "context": PASSAGES[0]["context"] + " "}]
    [row] = retrieve(
        retriever(corpus=doubled, k=9),
        {"question": ALBUM, "passage_id": "again", "context": PASSAGES[0]["context"]},
    )
    assert row["retrieved_ids"].count("album") == 1
    assert "again" not in row["retrieved_ids"]
    assert row["source_rank"] == 1


def test_ties_are_in_the_order_of_the_passages() -> None:
    # the embedder ignores case: these are 40 different passages with one vector
    tied = [
        {"context": "".join(c.upper() if i >> n & 1 else c for n, c in enumerate("abcdef tie"))}
        for i in range(40)
    ]
    [row] = retrieve(retriever(corpus=tied, k=5), {"question": "abcdef tie"})
    assert row["retrieved_contexts"] == [passage["context"] for passage in tied[:5]]


def test_unicode_passages_come_back_as_they_were() -> None:
    [row] = retrieve(retriever(k=4), {"question": "東京"})
    assert "東京は日本の首都です。" in row["retrieved_contexts"]


def test_no_passage_is_embedded_twice(tmp_path: Path) -> None:
    folder = str(tmp_path / "index")
    retrieve(retriever(index_dir=folder), {"question": ALBUM}, {"question": ALBUM})
    assert len(CountingEmbeddings.texts) == len(PASSAGES) + 1  # and the question once
    CountingEmbeddings.texts.clear()
    retrieve(retriever(index_dir=folder), {"question": ALBUM})
    retrieve(retriever(corpus=folder), {"question": ALBUM})
    assert CountingEmbeddings.texts == [ALBUM, ALBUM]


def test_prompts_stand_before_questions_and_passages() -> None:
    step = retriever(query_prompt="query: ", passage_prompt="passage: ")
    retrieve(step, {"question": ALBUM})
    assert sorted(CountingEmbeddings.texts) == sorted(
        ["query: " + ALBUM, *("passage: " + passage["context"] for passage in PASSAGES)]
    )


def test_the_index_folder_is_faiss_arrow_and_a_manifest(tmp_path: Path) -> None:
    retriever(index_dir=str(tmp_path / "index"))
    assert sorted(os.listdir(tmp_path / "index")) == [
        "index.faiss",
        "manifest.json",
        "passages.arrow",
    ]
    manifest = json.loads((tmp_path / "index" / "manifest.json").read_text())
    state = manifest["made_with"].pop("embedder_state")
    assert state["class"] == f"{__name__}.CountingEmbeddings"
    assert state["truncate_dim"] is None
    assert len(state["weights"]) == 16
    assert "device" not in state
    assert [len(vector) for vector in manifest.pop("probe")] == [384] * len(PROBES)
    assert sorted(manifest.pop("files")) == ["index.faiss", "passages.arrow"]
    assert manifest == {
        "made_with": {
            "embedder": "all-MiniLM-L6-v2",
            "passage_prompt": "",
            "index_factory": "Flat",
        },
        "passages": unique_passages(PASSAGES).fingerprint(),
        "count": 4,
        "dimension": 384,
    }


def test_other_passages_in_the_same_folder_are_indexed_anew(tmp_path: Path) -> None:
    folder = str(tmp_path / "index")
    retriever(index_dir=folder)
    [row] = retrieve(retriever(index_dir=folder, corpus=PASSAGES[1:], k=9), {"question": ALBUM})
    assert sorted(row["retrieved_ids"]) == ["bridge", "cell", "town"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "index.lock"]


@pytest.mark.parametrize(
    ("setting", "value", "found"),
    [
        ("embeddings", EmbeddedEmbeddings(model="other"), "'all-MiniLM-L6-v2', expected 'other'"),
        ("passage_prompt", "passage: ", "found '', expected 'passage: '"),
        ("index_factory", "HNSW32,Flat", "found 'Flat', expected 'HNSW32,Flat'"),
    ],
)
def test_an_index_made_otherwise_is_refused(
    tmp_path: Path, setting: str, value: Any, found: str
) -> None:
    folder = str(tmp_path / "index")
    retriever(index_dir=folder)
    step = FaissRetrieve(
        **{"embeddings": CountingEmbeddings(), "corpus": PASSAGES, "index_dir": folder}
        | {setting: value}
    )
    passages = unique_passages(PASSAGES)
    with pytest.raises(DistilabelUserError, match=f"`{setting}`.*{found}"):
        step._build_or_reuse(passages)


def test_an_embedder_of_another_dimension_is_refused(tmp_path: Path) -> None:
    retriever(index_dir=str(tmp_path / "index"))
    opened = PassageIndex.open(tmp_path / "index")
    with pytest.raises(DistilabelUserError, match=r"dimension 384, but `embeddings` gives .* 8"):
        opened.search(np.ones((1, 8), dtype="float32"), 1)


@pytest.mark.parametrize("factory", ["Flat", "HNSW32,Flat", "IVF4,Flat", "IVF4,PQ32x4,RFlat"])
def test_factories_find_what_exact_search_finds(factory: str) -> None:
    corpus = [{"context": f"Item {i} costs {i * i} marks in shop {i % 7}."} for i in range(160)]
    step = retriever(corpus=corpus, index_factory=factory, k=3)
    [row] = retrieve(step, {"question": corpus[17]["context"]})
    assert row["retrieved_contexts"][0] == corpus[17]["context"]
    assert row["retrieval_scores"][0] == pytest.approx(1.0, abs=1e-5)
    assert row["retrieval_scores"] == sorted(row["retrieval_scores"], reverse=True)


def test_quantised_estimates_stay_cosines() -> None:
    corpus = [{"context": f"Item {i} costs {i * i} marks."} for i in range(300)]
    rows = retrieve(
        retriever(corpus=corpus, index_factory="IVF4,PQ32x4", k=20),
        *[{"question": passage["context"]} for passage in corpus[:40]],
    )
    scores = [score for row in rows for score in row["retrieval_scores"]]
    assert -1 <= min(scores) <= max(scores) <= 1


@pytest.mark.parametrize("factory", ["IVF1024,PQ32", "Banana"])
def test_a_factory_that_faiss_cannot_use_is_named(factory: str) -> None:
    with pytest.raises(DistilabelUserError, match=f"index_factory='{factory}' cannot index 4"):
        retriever(index_factory=factory)


@pytest.mark.parametrize("corpus", [[], [{"context": None}, {"context": " "}]])
def test_an_empty_corpus_is_an_error_on_load(corpus: list[dict[str, Any]]) -> None:
    with pytest.raises(DistilabelUserError, match="the corpus holds no passage"):
        retriever(corpus=corpus)


def test_ids_of_two_sources_are_not_mixed_up() -> None:
    [row] = retrieve(
        retriever(k=4), {"question": ALBUM, "passage_id": "album", "context": "quite another"}
    )
    assert row["source_rank"] is None


def test_an_index_with_other_files_beside_it_is_not_rebuilt(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    retriever(index_dir=str(folder))
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(DistilabelUserError, match=r"other files \(notes\.txt\)"):
        retriever(index_dir=str(folder), corpus=PASSAGES[1:])
    assert (folder / "notes.txt").read_text() == "precious"


def test_a_folder_with_other_files_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DistilabelUserError, match=r"index_dir: .*holds other files \(mine\.txt"):
        retriever(index_dir=str(tmp_path))
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    retriever(index_dir=str(folder))
    (folder / "passages.arrow").unlink()
    with pytest.raises(DistilabelUserError, match=r"passages\.arrow missing"):
        retriever(corpus=str(folder))


def test_corpus_from_a_file_and_from_a_dataset(tmp_path: Path) -> None:
    path = tmp_path / "passages.jsonl"
    path.write_text("".join(json.dumps(passage) + "\n" for passage in PASSAGES))
    [from_file] = retrieve(retriever(corpus=str(path)), {"question": ALBUM})
    [from_dataset] = retrieve(retriever(corpus=Dataset.from_list(PASSAGES)), {"question": ALBUM})
    assert from_file == from_dataset
    assert from_file["retrieved_ids"][0] == "album"


def test_load_unload_load_and_dump() -> None:
    step = retriever(min_score=-1.0)
    [first] = retrieve(step, {"question": ALBUM})
    step.unload()
    step.load()
    assert retrieve(step, {"question": ALBUM}) == [first]
    again = FaissRetrieve.from_dict(json.loads(json.dumps(step.dump())))
    again.load()
    assert retrieve(again, {"question": ALBUM}) == [first]


def test_from_rows_indexes_the_unique_contexts_of_all_rows() -> None:
    rows = [
        {"question": ALBUM, "context": PASSAGES[0]["context"], "passage_id": "album"},
        {"question": "Who built it?", "context": None},
        {"question": "What makes ATP?", "context": PASSAGES[1]["context"]},
        {"question": "What of Beyoncé?", "context": PASSAGES[0]["context"], "passage_id": "album"},
    ]
    step = FaissRetrieveFromRows(embeddings=CountingEmbeddings(), k=5)
    step.load()
    out = retrieve(step, *rows)
    cell = passage_id(PASSAGES[1]["context"])
    assert [row["source_rank"] for row in out] == [1, None, 1, 1]
    assert [row["retrieved_ids"][0] for row in out if row["context"]] == ["album", cell, "album"]
    assert all(len(row["retrieved_ids"]) == 2 for row in out)


def test_in_a_pipeline_with_two_replicas_rows_keep_their_order(tmp_path: Path) -> None:
    questions = [f"What did shop {i} sell to Beyoncé?" for i in range(30)]
    rows = run_with_replicas(questions, str(tmp_path))  # forked after torch and faiss were used
    assert [row["question"] for row in rows] == questions
    assert all(row["retrieved_ids"] == ["album"] for row in rows)


def run_with_replicas(questions: list[str], folder: str) -> list[dict[str, Any]]:
    """The rows of a pipeline in which two replicas retrieve."""
    with Pipeline(name="replicas", cache_dir=folder) as pipeline:
        load = LoadDataFromDicts(data=[{"question": q} for q in questions], batch_size=5)
        retrieving = FaissRetrieve(
            embeddings=embedded.embeddings(),
            corpus=PASSAGES,
            k=1,
            index_dir=f"{folder}/index",
            input_batch_size=5,
            resources=StepResources(replicas=2),
        )
        load >> retrieving >> KeepColumns(columns=["question", "retrieved_ids"])
    return pipeline.run(use_cache=False)["default"]["train"].to_list()


def test_documents_of_all_formats_are_a_corpus(tmp_path: Path) -> None:
    facts = {
        "md": "The kettle of the brewery was cast in Torgau.",
        "html": "The bell of the town hall was cast in Ulm.",
        "pdf": "The mill by the river Elbe was built of oak.",
        "docx": "The harbour of Graywold has seven lighthouses.",
    }
    more = "The town council meets on every first Monday of the month in the old guildhall."
    for suffix, fact in facts.items():
        WRITERS[suffix](tmp_path / f"a.{suffix}", suffix, [fact, more])
    step = FaissRetrieve(embeddings=embedded.embeddings(), corpus=str(tmp_path), max_tokens=20)
    step.load()
    questions = (
        "Where was the kettle of the brewery cast?",
        "Where was the bell of the town hall cast?",
        "What was the mill by the Elbe built of?",
        "How many lighthouses does Graywold have?",
    )
    rows = retrieve(step, *({"question": question} for question in questions))
    assert [row["retrieved_contexts"][0].splitlines()[-1] for row in rows] == [*facts.values()]
    step.unload()
