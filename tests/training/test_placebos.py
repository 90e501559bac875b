"""Rows that need no LLM: exactly these pairs, and none of a held-out document."""

from typing import Any

from distilabel_rag4rag.data.retrieval_data import RetrievalData
from distilabel_rag4rag.training.placebos import (
    PLACEBOS,
    echo,
    inverse_cloze,
    passages_to_train_on,
    placebos,
    shuffled,
    titles,
)

TEXTS = [
    f"The kettle number {n} is old. It was cast by a smith of Torgau. It weighs {n} pounds."
    for n in range(6)
]
PAIRS = [(f"How old is the kettle number {n}?", TEXTS[n // 2]) for n in range(8)]


def passage(n: int, **values: Any) -> dict[str, Any]:
    return {"context": TEXTS[n], "title": f"Kettle {n}", "heading_path": ["Kettles"], **values}


def test_shuffled_passages_are_those_of_others() -> None:
    made = shuffled(PAIRS, 0)
    assert [question for question, _ in made] == [question for question, _ in PAIRS]
    assert sorted(text for _, text in made) == sorted(text for _, text in PAIRS)
    assert all(text != own for (_, text), (_, own) in zip(made, PAIRS, strict=True))
    assert shuffled(PAIRS, 0) == made
    assert shuffled(PAIRS, 1) != made
    assert shuffled([("a?", "same"), ("b?", "same")], 0) == []


def test_an_echo_is_the_questions_content_words() -> None:
    assert echo(["How old is the kettle of Torgau?", "What is it?"]) == [
        ("How old is the kettle of Torgau?", "old kettle torgau"),
        ("What is it?", "what is it"),
    ]


def test_inverse_cloze_takes_a_sentence_out_of_its_passage() -> None:
    made = inverse_cloze([passage(0), passage(1), {"context": "One sentence of it."}], 5, 0)
    assert len(made) == len(set(made)) == 5
    for sentence, rest in made:
        words = sorted(f"{sentence} {rest}".split())
        assert len([text for text in TEXTS[:2] if sorted(text.split()) == words]) == 1
        assert any(sentence in text for text in TEXTS[:2])
    assert len(inverse_cloze([passage(0)], 99, 0)) == 3


def test_titles_with_their_headings() -> None:
    untitled = {"context": TEXTS[2], "title": " ", "heading_path": []}
    assert titles([passage(0), untitled, passage(0), passage(1)], 5) == [
        ("Kettle 0 Kettles", TEXTS[0]),
        ("Kettle 1 Kettles", TEXTS[1]),
    ]
    assert len(titles([passage(n) for n in range(6)], 2)) == 2


def test_placebos_are_of_the_size_of_the_data_and_take_its_passages_first() -> None:
    made = placebos(PAIRS, [passage(n) for n in range(6)], 0)
    assert [one.name for one in made] == list(PLACEBOS)
    assert [len(one.pairs) for one in made] == [8, 8, 8, 6]
    assert {text for _, text in made[3].pairs[:4]} == set(TEXTS[:4])
    assert not any(one.is_data for one in made)
    assert [one.name for one in placebos(PAIRS, [{"context": "One."}], 0)] == ["shuffled", "echo"]


def test_nothing_that_belongs_to_a_held_out_passage() -> None:
    texts = [" ".join(f"word{n}of{k}" for k in range(30)) for n in range(5)]
    texts[3] = texts[0].replace("word0of7 ", "another ")  # nearly the same
    corpus = [
        {"passage_id": f"p{n}", "context": text, "document_id": f"doc{min(n, 1)}" if n < 3 else n}
        for n, text in enumerate(texts)
    ]
    held_out = RetrievalData("test", {"q": "?"}, {}, {"q": {"p0": 1, "p4": 0}})
    kept = passages_to_train_on(corpus, [held_out])
    assert [one["passage_id"] for one in kept] == ["p1", "p2", "p4"]
