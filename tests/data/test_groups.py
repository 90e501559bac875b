"""Groups of passages: of one document, nearly the same, or overlapping, also by way of others."""

import random
from typing import Any

import pytest

from distilabel_rag4rag.data.duplicates import near_duplicate_groups
from distilabel_rag4rag.data.groups import (
    DOCUMENT,
    NEAR_DUPLICATE,
    OVERLAP,
    Tie,
    find_ties,
    overlapping_texts,
    passage_groups,
    passages_overlap,
    texts_overlap,
)

_RNG = random.Random(0)
WORDS = [
    "".join(_RNG.choices("abcdefghijklmnopqrstuvwxyz", k=_RNG.randint(3, 9))) for _ in range(3000)
]


def text(seed: int, count: int = 60) -> str:
    """Words at random; texts of two seeds have nothing in common."""
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def changed(words: str, *places: int) -> str:
    """The text with another word in each of the places."""
    parts = words.split()
    for place in places:
        parts[place] = "different"
    return " ".join(parts)


def test_texts_that_differ_in_few_words_are_one_group() -> None:
    first, second = text(1), text(2)
    texts = [first, second, changed(first, 30), first.upper().replace(" ", "\n") + "!", text(3)]
    assert near_duplicate_groups(texts) == [0, 1, 0, 0, 4]
    assert near_duplicate_groups([first, changed(first, 5, 15, 25, 35, 45)]) == [0, 1]
    assert near_duplicate_groups([first, changed(first, 5, 15, 25, 35, 45)], 0.4) == [0, 0]


def test_near_duplicates_are_linked() -> None:
    """The first and the last of a chain have too little in common by themselves."""
    chain = [text(1)]
    for place in range(5, 55, 10):
        chain.append(changed(chain[-1], place))
    assert near_duplicate_groups([chain[0], chain[-1]]) == [0, 1]
    assert near_duplicate_groups(chain) == [0] * 6


def test_texts_without_letters_are_groups_of_their_own() -> None:
    assert near_duplicate_groups(["...", "", "!!!", "ab", "AB."]) == [0, 1, 2, 3, 3]
    assert near_duplicate_groups([]) == []


def test_the_number_of_groups_does_not_hang_on_the_order() -> None:
    texts = [changed(text(n), *places) for n in range(10) for places in ((), (40,))]
    order = random.Random(3).sample(range(20), 20)
    groups = near_duplicate_groups([texts[i] for i in order])
    by_text = {order[k]: group for k, group in enumerate(groups)}
    assert all(by_text[2 * n] == by_text[2 * n + 1] for n in range(10))
    assert len(set(groups)) == 10


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (text(1), text(2), False),
        (text(1), " ".join(text(1).split()[40:]) + " " + text(2), True),  # end and beginning
        (text(2) + " " + text(1), "- " + text(1, 50).upper(), True),  # one in the other
        (text(1), text(2) + text(1, 10) + text(3), False),  # the same beginning, elsewhere
        (text(1), text(1, 30) + " " + text(2), False),  # the same beginning alone
        ("a short one", "a short one", False),
        (None, text(1), False),
    ],
)
def test_overlapping_texts(first: Any, second: Any, expected: bool) -> None:
    assert texts_overlap(first, second) is texts_overlap(second, first) is expected
    if first is not None:
        assert bool(list(overlapping_texts([first, second]))) is expected


def test_places_overlap_where_they_share_a_character() -> None:
    first = {"document_id": "d", "start": 0, "end": 10, "context": "a"}
    for start, document, expected in ((9, "d", True), (10, "d", False), (9, "e", False)):
        second = {"document_id": document, "start": start, "end": 20, "context": "b"}
        assert passages_overlap(first, second) is expected
    assert not passages_overlap(first, {"document_id": "d", "context": "b"})


def test_each_kind_of_tie() -> None:
    passages = [
        {"passage_id": "a", "document_id": "1", "context": text(1), "start": 0, "end": 50},
        {"passage_id": "b", "document_id": "1", "context": text(2), "start": 49, "end": 90},
        {"passage_id": "c", "document_id": "2", "context": changed(text(2), 9)},
        {"passage_id": "d", "title": "3", "context": " ".join(text(2).split()[30:]) + text(4)},
        {"passage_id": "e", "title": "3", "context": text(5)},
        {"passage_id": "f", "document_id": None, "title": " ", "context": text(6)},
    ]
    assert set(find_ties(passages)) == {
        Tie(DOCUMENT, 0, 1),
        Tie(OVERLAP, 0, 1),
        Tie(NEAR_DUPLICATE, 1, 2),
        Tie(OVERLAP, 1, 3),
        Tie(OVERLAP, 2, 3),
        Tie(DOCUMENT, 3, 4),
    }
    assert passage_groups(passages) == ["a", "a", "a", "a", "a", "f"]
    order = [4, 1, 5, 3, 0, 2]
    assert passage_groups([passages[i] for i in order]) == ["a", "a", "f", "a", "a", "a"]


def test_a_long_passage_overlaps_with_all_those_within_it() -> None:
    places = [(0, 100), (10, 20), (30, 40), (95, 120), (120, 130)]
    passages = [
        {"document_id": "d", "context": text(n), "start": start, "end": end}
        for n, (start, end) in enumerate(places)
    ]
    overlaps = {tie for tie in find_ties(passages) if tie.kind == OVERLAP}
    assert overlaps == {Tie(OVERLAP, 0, n) for n in (1, 2, 3)}


def test_many_texts_that_begin_alike() -> None:
    """A header on each of them ties nothing, and costs nothing."""
    header = "Handbook of the harbour of Calverstrand, third edition, 1932. "
    texts = [header + text(n) for n in range(300)]
    assert list(overlapping_texts(texts)) == []
    assert list(overlapping_texts([*texts, texts[7] + " and more"])) == [(7, 300)]


def test_passages_without_ids_and_documents() -> None:
    passages = [{"context": text(1)}, {"context": "?"}, {"context": "? "}, {"context": None}]
    first, second, third, last = passage_groups(passages)
    assert second == third
    assert len({first, second, last}) == 3
