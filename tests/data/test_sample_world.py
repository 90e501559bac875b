"""The sample world keeps its promises: SQuAD 1.1, answers that stand in their passages."""

import json
from importlib.resources import files
from typing import Any

WORLD: dict[str, Any] = json.loads(
    (files("distilabel_rag4rag.data") / "sample_world" / "sample_world.json").read_text(
        encoding="utf-8"
    )
)
PASSAGES: list[dict[str, Any]] = [p for document in WORLD["data"] for p in document["paragraphs"]]
QUESTIONS = [(passage["context"], qa) for passage in PASSAGES for qa in passage["qas"]]


def test_counts() -> None:
    titles = [document["title"] for document in WORLD["data"]]
    assert (WORLD["version"], len(titles), len(set(titles))) == ("1.1", 13, 13)
    assert (len(PASSAGES), len(QUESTIONS)) == (52, 176)
    assert all(2 <= len(passage["qas"]) <= 4 for passage in PASSAGES)


def test_passages_have_60_to_180_words_and_differ() -> None:
    lengths = {p["context"][:40]: len(p["context"].split()) for p in PASSAGES}
    assert {start: n for start, n in lengths.items() if not 60 <= n <= 180} == {}
    assert len({p["context"] for p in PASSAGES}) == len(PASSAGES)


def test_every_answer_stands_in_its_passage() -> None:
    for context, qa in QUESTIONS:
        (answer,) = qa["answers"]
        text, start = answer["text"], answer["answer_start"]
        assert context[start : start + len(text)] == text, qa["id"]
        assert 1 <= len(text.split()) <= 6, qa["id"]
        around = context[start - 1 : start] + context[start + len(text) : start + len(text) + 1]
        assert not any(map(str.isalnum, around)), f"{qa['id']}: the answer cuts a word"


def test_questions_and_ids_are_unique() -> None:
    ids = [qa["id"] for _, qa in QUESTIONS]
    questions = [qa["question"].casefold().strip() for _, qa in QUESTIONS]
    assert len(set(ids)) == len(ids)
    assert len(set(questions)) == len(questions)
    assert all(question.endswith("?") for question in questions)


def test_questions_stand_alone() -> None:
    """Each names its subject (a capitalised word past the first) and does not tell its answer."""
    for _, qa in QUESTIONS:
        question, answer = qa["question"], qa["answers"][0]["text"]
        words = question.rstrip("?").split()
        assert any(word[0].isupper() or word[0].isdigit() for word in words[1:]), question
        assert answer.casefold() not in question.casefold(), question


def test_text_is_clean() -> None:
    texts = [p["context"] for p in PASSAGES] + [qa["question"] for _, qa in QUESTIONS]
    assert [text for text in texts if text != " ".join(text.split())] == []
