"""What an embedder may give instead of vectors, and how it is said."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distilabel.errors import DistilabelUserError
from distilabel.models.embeddings.base import Embeddings
from pydantic import PrivateAttr

from distilabel_rag4rag import EmbeddedEmbeddings, FaissRetrieve
from distilabel_rag4rag.steps.retrieval.embedding import embed, embed_each

TEXTS = ["the kettle", "the mill by the river", "bad", "an album"]
GOOD = [3.0, 0.0, 4.0]


class Lengths(Embeddings):
    """Gives GOOD for each text, and for texts with "bad" in them what `bad` says."""

    _bad: Any = PrivateAttr(None)
    _calls: list[list[str]] = PrivateAttr(default_factory=list)

    @property
    def model_name(self) -> str:
        """A name."""
        return "lengths"

    def encode(self, inputs: list[str]) -> Any:
        """As said above; a function of all the inputs gives the whole answer."""
        self._calls.append(inputs)
        if callable(self._bad):
            return self._bad(inputs)
        return [self._bad if "bad" in text else GOOD for text in inputs]


def embedder(bad: Any = GOOD) -> Lengths:
    made = Lengths()
    made._bad = bad
    made.load()
    return made


def refuse(inputs: list[str]) -> Any:
    """As a server that takes no text with "bad" in it."""
    if any("bad" in text for text in inputs):
        raise ValueError("context length exceeded")
    return [GOOD for _ in inputs]


def drop(inputs: list[str]) -> Any:
    """One vector too few, where "bad" is among the texts."""
    return [GOOD for text in inputs if "bad" not in text]


#: What may come for one text, and the words for it.
OF_ONE_TEXT = {
    "None": (None, "None"),
    "ragged": ([1.0, 2.0], "a vector of 2 numbers instead of 3"),
    "NaN": ([math.nan, 1.0, 1.0], "NaN or infinite values"),
    "infinite": ([math.inf, 1.0, 1.0], "NaN or infinite values"),
    "too large": ([1e300, 1.0, 1.0], "NaN or infinite values"),
    "None inside": ([None, 1.0, 1.0], "NaN or infinite values"),
    "empty": ([], "an array of shape (0,)"),
    "nested": ([[1.0, 2.0, 3.0]], "an array of shape (1, 3)"),
    "a number": (0.5, "an array of shape ()"),
    "text": ("a vector", "str that is no vector of numbers"),
    "ragged inside": ([[1.0], [1.0, 2.0]], "list that is no vector of numbers"),
    "a dict": ({"embedding": [1.0]}, "dict that is no vector of numbers"),
    "raises": (refuse, "ValueError: context length exceeded"),
    "too few": (drop, "0 vectors for 1 texts"),
}


@pytest.mark.parametrize("kind", OF_ONE_TEXT)
def test_a_bad_vector_names_embedder_text_and_position(kind: str) -> None:
    bad, words = OF_ONE_TEXT[kind]
    with pytest.raises(DistilabelUserError) as error:
        embed(embedder(bad), TEXTS)
    assert str(error.value) == (
        f"embeddings: 'lengths' gave {words} for 1 of 4 texts, the first of them number 3, 'bad';"
        " expected a vector of numbers for each text, all of one length."
    )


@pytest.mark.parametrize("kind", OF_ONE_TEXT)
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_bad_vector_touches_no_other_text(kind: str, batch_size: int) -> None:
    bad, words = OF_ONE_TEXT[kind]
    vectors, faults = embed_each(embedder(bad), TEXTS, batch_size=batch_size, dimension=3)
    assert faults == {2: words}
    assert vectors[[0, 1, 3]].tolist() == pytest.approx(np.tile([0.6, 0, 0.8], (3, 1)))
    assert not vectors[2].any()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda inputs: None, "NoneType instead of a list of vectors"),
        (lambda inputs: {"data": []}, "dict instead of a list of vectors"),
        (lambda inputs: [*[GOOD for _ in inputs], GOOD], "2 vectors for 1 texts"),
        (lambda inputs: np.zeros((len(inputs), 0)), r"an array of shape \(0,\)"),
        (lambda inputs: [[np.nan] for _ in inputs], "NaN or infinite values"),
    ],
)
def test_an_embedder_that_gives_nothing_usable_is_named(
    answer: Callable[[list[str]], Any], words: str
) -> None:
    with pytest.raises(DistilabelUserError, match=f"'lengths' gave {words} for 4 of 4 texts, the"):
        embed(embedder(answer), TEXTS)


def test_a_long_text_is_named_by_its_beginning_and_its_own_place() -> None:
    """Texts are embedded in the order of their lengths."""
    texts = ["bad " * 50, "short"]
    with pytest.raises(DistilabelUserError, match=r"for 1 of 2 texts, .* number 1, 'bad bad .*…'"):
        embed(embedder(None), texts)


def test_the_first_bad_batch_ends_it() -> None:
    made = embedder(None)
    with pytest.raises(DistilabelUserError, match="for 1 of 1 texts"):
        embed(made, ["bad", "good one", "good two"], batch_size=1)
    assert made._calls == [["bad"]]


@pytest.mark.parametrize("kind", [np.array, torch.tensor, tuple])
def test_arrays_and_tensors_are_vectors(kind: Any) -> None:
    def answer(inputs: list[str]) -> Any:
        return [kind(GOOD) for _ in inputs]

    assert embed(embedder(answer), TEXTS).tolist() == pytest.approx(np.tile([0.6, 0, 0.8], (4, 1)))


class PickyEmbeddings(EmbeddedEmbeddings):
    """The packaged embedder, with something else for texts about the weather."""

    _bad: Any = PrivateAttr(None)

    def encode(self, inputs: list[str]) -> Any:
        """As the packaged one but for the weather."""
        if self._bad == "raises" and any("weather" in text for text in inputs):
            raise ConnectionError("400: input too long")
        vectors: list[Any] = super().encode(inputs)
        return [
            self._bad if "weather" in text else vector
            for text, vector in zip(inputs, vectors, strict=True)
        ]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (None, "None"),
        ([0.5] * 8, "a vector of 8 numbers instead of 384"),
        ([math.nan] * 384, "NaN or infinite values"),
        ([0.0] * 384, "a vector of zeros"),
        ("raises", "ConnectionError: 400: input too long"),
    ],
)
def test_where_only_a_question_is_bad_its_row_says_so(
    bad: Any, words: str, own_cache: Path
) -> None:
    step = FaissRetrieve(
        embeddings=PickyEmbeddings(),
        corpus=[{"context": "The kettle was cast in Torgau."}, {"context": "A mill by the Elbe."}],
    )
    step.embeddings._bad = bad
    step.load()
    asked = ["Where was the kettle cast?", "How is the weather?", "Where is the mill?"]
    context = "A mill by the Elbe."
    rows = next(step.process([{"question": text, "context": context} for text in asked]))
    reason = f"the embedder 'all-MiniLM-L6-v2' gave {words} for the question"
    assert [row["retrieve_reason"] for row in rows] == [None, reason, None]
    assert [row["retrieved_contexts"] for row in rows] == [
        ["The kettle was cast in Torgau."],
        [],
        ["A mill by the Elbe."],
    ]
    assert [row["source_rank"] for row in rows] == [None, None, 1]
    assert [row["source_in_corpus"] for row in rows] == [True] * 3


class BrokenEmbeddings(EmbeddedEmbeddings):
    """Gives NaN."""

    def encode(self, inputs: list[str]) -> list[list[int | float]]:
        """NaN for each."""
        return [[float("nan")] * 4 for _ in inputs]


def test_an_embedder_that_gives_nan_is_named(own_cache: Path) -> None:
    corpus = [{"context": text} for text in TEXTS]
    step = FaissRetrieve(embeddings=BrokenEmbeddings(), corpus=corpus)
    with pytest.raises(DistilabelUserError, match=r"'all-MiniLM-L6-v2' gave NaN .* 4 of 4 texts"):
        step.load()
