"""Pieces of long evidence, and which of them are near."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilabel_rag4rag.steps.judging.detectors.evidence import Evidence, Piece
from distilabel_rag4rag.steps.judging.detectors.passages import split_sentences


def evidence(*texts):
    """Each text a passage of its own; a bar divides a passage into pieces."""
    return Evidence(
        [
            Piece(number, part, piece, piece.lower().split())
            for number, text in enumerate(texts)
            for part, piece in enumerate(text.split("|"))
        ]
    )


BOATS = (
    "The red boat sails.",
    "The blue boat rests.",
    "The kettle was cast in Torgau.",
    "A harbour.",
    "Torgau lies on the Elbe.",
)


def nearest(pieces, query, most, extra=0):
    return pieces.nearest(query.lower().split(), most, extra)


def test_as_many_as_fit_in_the_order_of_the_evidence():
    pieces = evidence(*BOATS)
    assert len(pieces) == 4 + 4 + 6 + 2 + 5
    query = "where was the kettle cast torgau"
    assert nearest(pieces, query, 6) == [BOATS[2]]
    assert nearest(pieces, query, 10) == [BOATS[2]]
    assert nearest(pieces, query, 11) == [BOATS[2], BOATS[4]]
    assert nearest(pieces, "elbe torgau lies kettle", 11) == [BOATS[2], BOATS[4]]
    assert nearest(pieces, query, 12, extra=1) == [BOATS[2]]
    assert nearest(pieces, query, 13, extra=1) == [BOATS[2], BOATS[4]]
    assert nearest(pieces, query, 99) == list(BOATS)


def test_the_nearest_is_taken_whatever_its_length():
    assert nearest(evidence(*BOATS), "kettle", 1) == [BOATS[2]]


def test_neighbours_of_one_passage_are_joined():
    pieces = evidence("one two |three four |five six ", "seven |eight ")
    assert nearest(pieces, "two three", 4) == ["one two three four "]
    assert nearest(pieces, "two five", 4) == ["one two ", "five six "]
    assert nearest(pieces, "six seven", 3) == ["five six ", "seven "]


@pytest.mark.parametrize("query", ["", "nothing of it"])
def test_nothing_in_common_takes_the_first(query):
    assert nearest(evidence("one two", "three four"), query, 2) == ["one two"]


def test_pieces_without_terms_are_left_out():
    assert nearest(evidence(" ", "one", "  "), "one", 9) == ["one"]
    with pytest.raises(ValueError, match="no token in the evidence"):
        evidence(" ", " ")


def word_offsets(text):
    places, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        places.append((at, at + len(word)))
        at += len(word)
    return places


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Torgau", ["Torgau"]),
        ("It was Torgau. It was in 1712.", ["It was Torgau. ", "It was in 1712."]),
        ("Yes. It was in 1712.", ["Yes. It was in 1712."]),
        ("It was in 1712. Yes.", ["It was in 1712. Yes."]),
        ("It was one. No. Or was it two?", ["It was one. ", "No. Or was it two?"]),
        ("a b c\n\nd e f\ng h i", ["a b c\n\n", "d e f\n", "g h i"]),
        ("- a\n- b\n- c", ["- a\n- b\n- c"]),
        ("\n It was Torgau. It was in 1712. ", ["\n It was Torgau. ", "It was in 1712. "]),
        ("He said “it was.” And it was so.", ["He said “it was.” ", "And it was so."]),
        ("J. R. R. Smith cast it.", ["J. R. R. ", "Smith cast it."]),
    ],
)
def test_sentences_of_an_answer(answer, expected):
    sentences = split_sentences(answer, word_offsets(answer), shortest=3)
    assert [text for _, text in sentences] == expected
    assert all(answer[start : start + len(text)] == text for start, text in sentences)


@settings(deadline=None)
@given(st.text(alphabet="ab .\n!漢。", min_size=1, max_size=200), st.integers(1, 9))
def test_sentences_lose_nothing(text, shortest):
    offsets = [(at, at + 1) for at, character in enumerate(text) if not character.isspace()]
    sentences = split_sentences(text, offsets, shortest)
    assert "".join(sentence for _, sentence in sentences) == text
    if len(sentences) > 1:
        for _, sentence in sentences:
            assert sum(not character.isspace() for character in sentence) >= shortest
