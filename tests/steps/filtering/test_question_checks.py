"""The checks on questions: one row per reason, and dumps."""

import json
import sys
from typing import Any

import pytest

from distilabel_rag4rag import (
    KeepMarked,
    Mark,
    MarkAnswersQuestion,
    MarkDuplicateQuestions,
    MarkInformative,
    MarkLanguage,
    MarkQuestionLength,
    MarkRoundTrip,
    MarkSelfContained,
    MarkWordsSupported,
    embedded,
)

KETTLE = "The great kettle of Torgau was cast in 1712 by Anna Velten."
MILL = "A mill by the river Elbe ground corn for the whole town of Torgau."
BRIDGE = "The stone bridge over the river was built by a guild of masons."
LABORATORY = "Caesium clocks lose a second in three hundred years in a laboratory."


def marked(mark: Any, rows: list[dict[str, Any]]) -> list[tuple[bool, str | None]]:
    mark.load()
    out = next(mark.process(rows))
    mark.unload()
    assert out is rows
    keep, reason = mark.outputs[-2:]
    return [(row[keep], row[reason]) for row in out]


def questions(*texts: Any) -> list[dict[str, Any]]:
    return [{"id": f"q{n}", "question": text} for n, text in enumerate(texts)]


def test_self_contained() -> None:
    rows = questions("When was the kettle cast?", "When was it cast?", None, float("nan"))
    assert marked(MarkSelfContained(), rows) == [
        (True, None),
        (False, 'unclear without the passage: "it cast"'),
        (False, "empty question"),
        (False, "empty question"),
    ]


def test_length() -> None:
    rows = questions("Why?", "Who cast the kettle?", "so " * 41, "水壶", "谁铸造了水壶？", "")
    assert marked(MarkQuestionLength(), rows) == [
        (False, "1 word, expected 3 to 40"),
        (True, None),
        (False, "41 words, expected 3 to 40"),
        (False, "2 words, expected 3 to 40"),
        (True, None),
        (False, "empty question"),
    ]


def test_language() -> None:
    english = "The great kettle was cast in the town of Torgau, and it still stands there."
    german = "In welcher Stadt wurde der große Kessel gegossen?"
    rows = [
        {"question": german, "context": english},
        {"question": "In which town was the great kettle cast?", "context": english},
        {"question": "Wie groß ist der Kessel?", "context": english},
        {"question": german, "context": None},
        {"question": None, "context": english},
    ]
    assert marked(MarkLanguage(), rows) == [
        (False, "question in de, passage in en"),
        (True, None),
        (True, None),
        (True, None),
        (False, "empty question"),
    ]
    assert marked(MarkLanguage(languages=["de", "fr"]), rows[1:4]) == [
        (False, "question in en, expected de or fr"),
        (False, "passage in en, expected de or fr"),
        (True, None),
    ]


def test_short_or_uncertain_texts_are_of_no_language() -> None:
    english = "The great kettle was cast in the town of Torgau, and it still stands there."
    names = "Honda Toyota Nissan Mazda Subaru Suzuki Mitsubishi"
    rows = [
        {"question": "Wie groß ist der Kessel?", "context": english},
        {"question": names, "context": english},
    ]
    assert [keep for keep, _ in marked(MarkLanguage(), rows)] == [True, True]
    assert [keep for keep, _ in marked(MarkLanguage(least_letters=5), rows)] == [False, True]
    assert [keep for keep, _ in marked(MarkLanguage(certainty=0.1), rows)] == [True, False]


def test_a_missing_language_model_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(ImportError, match=r"pip install 'distilabel-rag4rag\[documents\]'"):
        MarkLanguage().load()


def test_words_supported() -> None:
    rows = [
        {"answer": "Anna Velten", "contexts": [KETTLE]},
        {"answer": "Anna of Ulm", "contexts": [KETTLE]},
        {"answer": "the small copper kettle", "contexts": KETTLE},
        {"answer": "of the", "contexts": KETTLE},
        {"answer": "Anna Velten", "contexts": None},
        {"answer": None, "contexts": KETTLE, "answer_reason": "abstained"},
    ]
    assert marked(MarkWordsSupported(), rows) == [
        (True, None),
        (False, 'not in the evidence: "Ulm"'),
        (False, 'not in the evidence: "small", "copper"; share 0.33'),
        (False, "no content words to look for"),
        (False, "no passages"),
        (False, "no answer: abstained"),
    ]


def test_duplicates_of_all_rows() -> None:
    mark = MarkDuplicateQuestions(embeddings=embedded.embeddings())
    rows = questions(
        "How tall is the Eiffel Tower?",
        "How tall is the Eiffel tower",
        "What is the height of the Eiffel Tower?",
        "Who won the Super Bowl in 2015?",
        "Who won the Super Bowl in 2016?",
        " ",
    )
    first = '"How tall is the Eiffel Tower?"'
    assert marked(mark, rows) == [
        (True, None),
        (False, f"as row q0, {first}"),
        (False, f"as row q0, {first}: cosine 0.98"),
        (True, None),
        (True, None),
        (False, "empty question"),
    ]
    # At 0.9 the years' questions are near enough, and their numbers tell them apart.
    low = MarkDuplicateQuestions(embeddings=embedded.embeddings(), similarity=0.8)
    assert [keep for keep, _ in marked(low, rows)] == [True, False, False, True, True, False]


def test_a_row_that_failed_another_check_makes_no_duplicate() -> None:
    rows = questions("How tall is the Eiffel Tower?", "How tall is the Eiffel Tower?")
    for row, passed in zip(rows, (False, True), strict=True):
        row["keep_row_after_grounding"] = passed
    mark = MarkDuplicateQuestions(embeddings=embedded.embeddings(), checks=["grounding"])
    assert marked(mark, rows) == [(True, None), (True, None)]


def trip(**settings: Any) -> tuple[list[dict[str, Any]], list[tuple[bool, str | None]]]:
    rows: list[dict[str, Any]] = [
        {"question": "Who cast the great kettle?", "context": KETTLE, "source_rank": None},
        {"question": "Which town is by the river?", "context": BRIDGE, "source_rank": 2},
        {"question": "Which town is by the river?", "context": BRIDGE, "source_rank": 1},
        {"question": "Zzz qqq?", "context": MILL, "source_rank": None},
        {"question": "Who?", "context": None, "source_rank": None},
        {"question": None, "context": LABORATORY, "source_rank": None},
    ]
    return rows, marked(MarkRoundTrip(within=1, **settings), rows)


def test_round_trip_by_either_way() -> None:
    rows, marks = trip()
    assert marks == [
        (True, None),
        (
            False,
            "own passage at rank 2 by the embedder and at rank 2 by BM25,"
            " expected 1 or better of 4 passages",
        ),
        (True, None),
        (
            False,
            "own passage not found by the embedder and not found by BM25,"
            " expected 1 or better of 4 passages",
        ),
        (False, "no passage of its own"),
        (False, "empty question"),
    ]
    assert [row["bm25_rank"] for row in rows] == [1, 2, 2, None, None, None]


def test_round_trip_in_a_corpus_of_its_own() -> None:
    corpus = [{"context": KETTLE}, {"context": f"{BRIDGE} {MILL}"}]
    _, marks = trip(corpus=corpus)
    assert [keep for keep, _ in marks] == [True, True, True, False, False, False]
    assert marks[3][1] is not None
    [(keep, reason)] = marked(
        MarkRoundTrip(corpus=corpus), [{"question": "Who?", "context": LABORATORY}]
    )
    assert (keep, reason) == (False, "the corpus does not hold its passage")


@pytest.mark.parametrize(("passages", "within"), [(999, 3), (1_000, 20)])
def test_how_near_is_decided_by_the_size_of_the_corpus(passages: int, within: int) -> None:
    corpus = [{"context": f"passage number {n} of the corpus"} for n in range(passages)]
    # All passages hold the words; the last one is last.
    row = {"question": "which passage of the corpus?", "context": corpus[-1]["context"]}
    [(_, reason)] = marked(MarkRoundTrip(corpus=corpus), [row])
    assert reason is not None
    assert f"expected {within} or better of {passages:,} passages" in reason


@pytest.mark.parametrize(
    "mark",
    [
        MarkSelfContained(language="cn"),
        MarkQuestionLength(most_words=9),
        MarkLanguage(languages=["en"]),
        MarkWordsSupported(least=0.5),
        MarkInformative(language="de"),
        MarkAnswersQuestion(margin=0.5),
        MarkRoundTrip(within=7, columns={"context": "text"}),
        MarkDuplicateQuestions(embeddings=embedded.embeddings(), similarity=0.9),
    ],
    ids=lambda mark: type(mark).__name__,
)
def test_checks_survive_a_dump(mark: Mark) -> None:
    dumped = mark.dump()
    again = type(mark).from_dict(json.loads(json.dumps(dumped)))
    assert again.dump() == dumped


def test_round_trip_marks_and_does_not_drop() -> None:
    row = {
        "question": "Zzz qqq?",
        "context": KETTLE,
        "keep_row_after_grounding": True,
    }
    mark, keep = MarkRoundTrip(), KeepMarked(checks=["grounding"])
    mark.load()
    keep.load()
    assert next(keep.process(next(mark.process([row])))) == [row]
    assert row["keep_row_after_round_trip"] is False


def test_the_language_of_the_passage_is_a_column() -> None:
    english = "The great kettle was cast in the town of Torgau, and it still stands there."
    rows = [
        {"question": question, "context": context}
        for question, context in (("Where?", english), ("Where?", "orrel"), (None, english))
    ]
    marked(MarkLanguage(), rows)
    assert [row["language"] for row in rows] == ["en", "unknown", "en"]
