"""Which words of an answer stand in its evidence."""

import pytest

from distilabel_rag4rag.data.bm25 import Bm25, terms
from distilabel_rag4rag.data.question_duplicates import may_ask_the_same
from distilabel_rag4rag.data.similar_sentence import similar_sentence
from distilabel_rag4rag.data.word_support import word_support

EVIDENCE = ["The great kettle of Torgau was cast in 1712 by Anna Velten. It cost 1,200 thalers."]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Anna Velten", (1.0, [], [])),
        ("by the ANNA Velten's", (1.0, [], [])),
        ("in 1721", (0.0, ["1721"], ["1721"])),
        ("1200 thalers", (1.0, [], [])),
        ("the small kettle", (0.5, ["small"], [])),
        ("Small kettle", (0.5, ["Small"], [])),
        ("the kettle of Ulm", (0.5, ["Ulm"], ["Ulm"])),
        ("the kettle of Velora", (0.5, ["Velora"], [])),  # a name of the question
        ("Yes.", (0.0, ["Yes"], [])),
        ("of the", (None, [], [])),
    ],
)
def test_words_numbers_and_names(answer: str, expected: tuple[object, ...]) -> None:
    assert word_support(answer, EVIDENCE, "Where is Velora?") == expected


def test_the_reason_names_the_words() -> None:
    def reason(answer: str, least: float = 0.8) -> str | None:
        return word_support(answer, EVIDENCE).reason(least)

    assert reason("cast in 1712") is None
    assert reason("of the") == "no content words to look for"
    assert reason("a small kettle") == 'not in the evidence: "small"; share 0.50'
    assert reason("a small kettle", 0.5) is None
    assert reason("Ulm 1 2 3 4 5 6") == 'not in the evidence: "1", "2", "3", "4", "5" and 1 more'


def test_german_nouns_are_no_names() -> None:
    evidence = ["Der Kessel wurde 1712 in Torgau gegossen."]
    assert word_support("Ein Kupferkessel", evidence, language="de").strict == []


def test_bm25_ranks() -> None:
    index = Bm25(["a kettle of copper", "a mill by the river", "a kettle"])
    assert index.nearest("Where is a kettle of copper?", 5) == [0, 2, 1]
    assert [index.rank("copper kettle", place) for place in range(3)] == [1, None, 2]
    assert index.rank("?", 0) is None
    assert Bm25(["", " "]).nearest("kettle", 1) == []
    assert terms("Größe 水壶") == ["grösse", "水", "壶"]


def test_the_most_similar_sentence() -> None:
    text = "Dr. Velten cast it in 1712.\nThe mill burned down. It was rebuilt."
    assert similar_sentence("When did the mill burn?", [text]) == "The mill burned down."
    assert similar_sentence("Xyzzy?", [text]) is None
    assert similar_sentence("Xyzzy?", []) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Who won in 1990?", "Who won in 1994?", False),
        ("Who led the people?", "How many people were led?", False),
        ("How many litres does it hold?", "How much does it hold?", False),
        ("When was it cast?", "In which year was it cast?", True),
        ("Who cast it?", "Which founder cast it?", True),
    ],
)
def test_what_tells_alike_questions_apart(one: str, other: str, same: bool) -> None:
    assert may_ask_the_same(one, other) is same
