"""An index is found again by all that shapes its vectors: faiss and sentence-transformers."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from distilabel.errors import DistilabelUserError
from distilabel.models import SentenceTransformerEmbeddings
from distilabel.models.embeddings.base import Embeddings
from helpers.tiny_embedders import SIZE, edit_json, save_embedder, train_in_place

from distilabel_rag4rag import FaissRetrieve, FaissRetrieveFromRows
from distilabel_rag4rag.steps.retrieval.embedder_state import PROBES
from distilabel_rag4rag.utils.cache_folder import cache_folder

pytestmark = pytest.mark.slow

PASSAGES = [
    {"passage_id": name, "context": text}
    for name, text in {
        "kettle": "The kettle was cast in Torgau in 1712.",
        "mill": "Anna Roth built the mill by the Elbe.",
        "album": "Dangerously in Love is the first album by Beyoncé.",
        "cell": "The mitochondrion makes most of a cell's ATP.",
        "bridge": "An old stone bridge crosses the Oru; it has five arches.",
        "rules": "(§ 14) Every member pays 12 € a year, on 1 March.",
        "long": " ".join(f"In {year} the town had {year * 7 % 913} houses." for year in range(80)),
    }.items()
]
QUESTIONS = ["Where was the kettle cast?", "Who built the mill?", "What does a member pay?"]


class CountedEmbeddings(SentenceTransformerEmbeddings):
    """Counts the passages that it embeds."""

    texts: ClassVar[list[str]] = []

    def encode(self, inputs: list[str]) -> list[list[int | float]]:
        """As sentence-transformers does it."""
        others = (*PROBES, *QUESTIONS)
        type(self).texts.extend(text for text in inputs if not text.endswith(others))
        return super().encode(inputs)


@pytest.fixture(autouse=True)
def _fresh(own_cache: Path) -> None:
    CountedEmbeddings.texts.clear()


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two embedders that differ in their random weights alone."""
    folder = tmp_path_factory.mktemp("embedders")
    save_embedder(folder / "a", seed=1)
    save_embedder(folder / "b", seed=2)
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    """A copy that the test may change."""
    return Path(shutil.copytree(saved / "a", tmp_path / "model"))


def hits(model: Path | str, index_dir: Path | None = None, **settings: Any) -> list[Any]:
    """Ids and scores that a new step finds."""
    own = {name: settings.pop(name) for name in ("passage_prompt", "corpus") if name in settings}
    step = FaissRetrieve(
        embeddings=CountedEmbeddings(**{"model": str(model), "device": "cpu", **settings}),
        index_dir=index_dir and str(index_dir),
        k=len(PASSAGES),
        **{"corpus": PASSAGES, **own},
    )
    return found(step)


def found(step: Any) -> list[Any]:
    step.load()
    try:
        rows = next(step.process([{"question": question} for question in QUESTIONS]))
    finally:
        step.unload()
    return [(row["retrieved_ids"], row["retrieval_scores"]) for row in rows]


def test_a_retriever_that_was_trained_in_place_finds_what_it_was_trained_for(model: Path) -> None:
    before = hits(model)
    last = before[0][0][-1]
    text = next(p["context"] for p in PASSAGES if p["passage_id"] == last)
    train_in_place(str(model), QUESTIONS[0], text)
    after = hits(model)
    assert (before[0][0][0], after[0][0][0]) == (before[0][0][0], last) != (last, last)
    assert len(CountedEmbeddings.texts) == 2 * len(PASSAGES)


def swap(file: str) -> Callable[[Path, Path], None]:
    """A file of another embedder in its place, of the same size and with the same time."""

    def change(model: Path, other: Path) -> None:
        stat = (model / file).stat()
        shutil.copyfile(other / file, model / file)
        assert (model / file).stat().st_size == stat.st_size
        os.utime(model / file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return change


def edit(file: str, **values: Any) -> Callable[[Path, Path], None]:
    return lambda model, other: edit_json(model / file, **values)


#: What can change in a model's folder.
CHANGES = {
    "weights": swap("model.safetensors"),
    "weights in a sub-folder": swap("2_Dense/model.safetensors"),
    "pooling": edit("1_Pooling/config.json", pooling_mode="cls"),
    "activation": edit(
        "2_Dense/config.json", activation_function="torch.nn.modules.linear.Identity"
    ),
    "window": edit("tokenizer_config.json", model_max_length=8),
    "tokenizer": edit("tokenizer_config.json", do_lower_case=False),
    "default prompt": edit(
        "config_sentence_transformers.json", prompts={"p": "rules: "}, default_prompt_name="p"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_is_not_answered_for_by_its_old_vectors(
    change: str, model: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hits(model)
    hits(model, tmp_path / "index")
    CHANGES[change](model, saved / "b")
    after = hits(model)
    assert after != before
    monkeypatch.setenv("RAG4RAG_CACHE", str(tmp_path / "empty"))
    assert after == hits(model)
    index_dir = tmp_path / "index"
    message = rf"index_dir: found '{index_dir}'.* `embeddings`: the files of '{model}' have changed"
    with pytest.raises(DistilabelUserError, match=message):
        hits(model, index_dir)
    with pytest.raises(DistilabelUserError, match=rf"corpus: found '{index_dir}'.*have changed"):
        hits(model, corpus=str(index_dir))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"truncate_dim": 8}, r"`embeddings\.truncate_dim`: found None, expected 8"),
        (
            {"prompts": {"q": "query: "}, "default_prompt_name": "q"},
            r"`embeddings\.default_prompt_name` has changed; `embeddings\.prompts` has changed",
        ),
        ({"revision": "v2"}, r"`embeddings\.revision` has changed"),
        ({"tokenizer_kwargs": {"model_max_length": 8}}, r"`embeddings\.tokenizer_kwargs` has"),
        ({"precision": "int8"}, r"`embeddings\.precision` has changed"),
        ({"passage_prompt": "p: "}, "`passage_prompt`: found '', expected 'p: '"),
    ],
)
def test_a_changed_setting_is_another_index(
    settings: dict[str, Any], named: str, model: Path, tmp_path: Path
) -> None:
    hits(model)
    hits(model, tmp_path / "index")
    embedded = len(CountedEmbeddings.texts)
    hits(model, **settings)
    assert len(CountedEmbeddings.texts) == embedded + len(PASSAGES)
    with pytest.raises(DistilabelUserError, match=named):
        hits(model, tmp_path / "index", **settings)
    assert len(CountedEmbeddings.texts) == embedded + len(PASSAGES)


def test_an_index_of_the_same_vectors_is_found_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How and where they are computed is nothing to it: device, token, folder, file times."""
    before = hits(model)
    assert len(CountedEmbeddings.texts) == len(PASSAGES)
    for file in model.rglob("*.safetensors"):
        os.utime(file)
    assert hits(model, device=None, token="hf_secret") == before
    copy = shutil.copytree(model, tmp_path / "elsewhere")
    assert hits(copy, cuda_devices=[0], disable_cuda_device_placement=True) == before
    monkeypatch.chdir(tmp_path)
    assert hits("elsewhere") == before
    assert len(CountedEmbeddings.texts) == len(PASSAGES)


def test_no_secret_stands_in_the_manifest(model: Path, tmp_path: Path) -> None:
    hits(model, tmp_path / "index", token="hf_secret", model_kwargs={"token": "hf_secret"})
    assert "hf_secret" not in (tmp_path / "index" / "manifest.json").read_text()


class UnseenEmbeddings(Embeddings):
    """Weights that no setting and no file shows, as behind a server."""

    turned: ClassVar[float] = 0.0
    length: ClassVar[int] = 16

    @property
    def model_name(self) -> str:
        """The same whatever the weights are."""
        return "hosted"

    def encode(self, inputs: list[str]) -> list[list[int | float]]:
        """Counts of letters, in an order that the weights give."""
        vectors: list[list[int | float]] = []
        for text in inputs:
            counts = [0.01] * self.length
            for number, letter in enumerate(text.lower()):
                counts[ord(letter) % self.length] += 1 + self.turned * (number % 3)
            vectors.append(counts)
        return vectors


def unseen(**settings: Any) -> list[Any]:
    return found(
        FaissRetrieve(**{"embeddings": UnseenEmbeddings(), "corpus": PASSAGES, "k": 3, **settings})
    )


@pytest.mark.parametrize(("name", "value"), [("turned", 2.0), ("length", 12)])
def test_what_cannot_be_seen_shows_in_the_vectors_of_fixed_texts(
    name: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "index")
    before = unseen()
    assert unseen(index_dir=folder) == before
    monkeypatch.setattr(UnseenEmbeddings, name, value)
    after = unseen()
    assert after != before
    for setting in ("index_dir", "corpus"):
        message = rf"{setting}: found '{folder}'.*'hosted' gives other vectors now"
        with pytest.raises(DistilabelUserError, match=message):
            unseen(**{setting: folder})
    shutil.rmtree(cache_folder())
    assert unseen() == after


def test_noise_of_a_server_is_not_another_embedder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = unseen(index_dir=str(tmp_path / "index"))
    monkeypatch.setattr(UnseenEmbeddings, "turned", 0.005)
    assert [ids for ids, _ in unseen(index_dir=str(tmp_path / "index"))] == [i for i, _ in before]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def other_text(file: Path) -> None:
    with pa.OSFile(str(file)) as old:
        table = pa.ipc.open_file(old).read_all()
    texts = [text.upper() for text in table["context"].to_pylist()]
    table = table.set_column(1, "context", [texts])
    with pa.OSFile(str(file), "wb") as new, pa.ipc.new_file(new, table.schema) as writer:
        writer.write_table(table)


def old_manifest(file: Path) -> None:
    """As version 0.1.0 wrote it."""
    file.write_text(
        '{"embedder": "hosted", "dimension": 16, "metric": "cosine", "passage_prompt": "",'
        ' "index_factory": "Flat", "count": 7, "passages": "0"}'
    )


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("index.faiss", cut),
        ("passages.arrow", cut),
        ("passages.arrow", other_text),
        ("passages.arrow", Path.unlink),
        ("manifest.json", cut),
        ("manifest.json", old_manifest),
        ("manifest.json", lambda file: file.write_text("[]")),
    ],
)
def test_a_damaged_index_is_built_anew_in_the_cache_and_named_elsewhere(
    file: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    before = unseen()
    [cached] = (cache_folder() / "indexes").glob("*/manifest.json")
    folder = tmp_path / "index"
    shutil.copytree(cached.parent, folder)
    damage(cached.parent / file)
    damage(folder / file)
    assert unseen() == before
    for setting in ("index_dir", "corpus"):
        with pytest.raises(DistilabelUserError, match=str(folder)):
            unseen(**{setting: str(folder)})


def test_other_ids_of_a_passage_are_another_index() -> None:
    def ids(*own: str) -> list[int | None]:
        rows = [{"context": PASSAGES[0]["context"], "passage_id": name} for name in own]
        step = FaissRetrieve(embeddings=UnseenEmbeddings(), corpus=rows)
        step.load()
        asked = [{"question": "Cast?", "passage_id": name} for name in "abc"]
        return [row["source_rank"] for row in next(step.process(asked))]

    assert ids("a", "b") == [1, 1, None]
    assert ids("a", "c") == [1, None, 1]


def test_rows_are_indexed_anew_for_a_changed_model(model: Path) -> None:
    def ranked() -> list[list[str]]:
        step = FaissRetrieveFromRows(
            embeddings=SentenceTransformerEmbeddings(model=str(model), device="cpu"), k=3
        )
        step.load()
        rows = [{**passage, "question": QUESTIONS[0]} for passage in PASSAGES]
        return [row["retrieved_ids"] for row in next(step.process(rows))]

    before = ranked()
    assert ranked() == before
    edit_json(model / "1_Pooling" / "config.json", pooling_mode="max")
    assert ranked() != before


def test_the_tiny_embedders_are_of_the_size_that_is_said(saved: Path) -> None:
    embeddings = SentenceTransformerEmbeddings(model=str(saved / "a"), device="cpu")
    embeddings.load()
    assert [len(vector) for vector in embeddings.encode(QUESTIONS)] == [SIZE] * 3
