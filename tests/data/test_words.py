"""Words are counted, cut and measured in any script; sentences end where their script ends them."""

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from distilabel_rag4rag.data.words import count_words, pieces_of, sentences_of, word_offsets


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        (" \n", 0),
        ("The bell, cast in 1712.", 5),
        ("北京。", 2),
        ("東京タワー", 5),
        ("ไทย", 1),
        ("กรุงเทพมหานคร", 3),
        ("서울은 대한민국의", 2),
        ("a" * 20, 1),
        ("a" * 41, 3),
        ("naïve " * 3, 3),
        ("Torgau是", 2),
        ("😀😀", 2),
        (unicodedata.normalize("NFD", "é") * 20, 1),
    ],
)
def test_words_are_counted(text: str, words: int) -> None:
    assert count_words(text) == words


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300))
def test_pieces_are_the_whole_text_in_words(text: str) -> None:
    pieces = pieces_of(text)
    assert "".join(pieces) == text
    assert all(count_words(piece) <= 1 for piece in pieces)


@pytest.mark.parametrize("text", ["กรุงเทพมหานคร", "ວຽງຈັນ", "e\u0301", "👩‍👩‍👧‍👦"])
def test_no_character_is_cut_from_its_marks(text: str) -> None:
    graphemes = regex.findall(r"\X", text)
    pieces = pieces_of(text * 30)
    assert [one for piece in pieces for one in regex.findall(r"\X", piece)] == graphemes * 30


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The bell, cast in 1712.", ["The", "bell", ",", "cast", "in", "1712", "."]),
        ("北京 is", ["北", "京", "is"]),
        ("naïve e\u0301té", ["naïve", "e\u0301té"]),
        (" \n", []),
    ],
)
def test_words_and_signs_are_tokens(text: str, tokens: list[str]) -> None:
    assert [text[start:end] for start, end in word_offsets(text)] == tokens


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "It was cast for Dr. Roth in the U.S. of that time. The bell hangs in St. Mary.",
            ["It was cast for Dr. Roth in the U.S. of that time. ", "The bell hangs in St. Mary."],
        ),
        ("See a.b.c and x.y, v1.2.3 of foo.bar() now", None),
        ("北京是首都。它很大！", ["北京是首都。", "它很大！"]),
        ("Torgau是一座城市。The bell.", ["Torgau是一座城市。", "The bell."]),
        ("它有３．１４个。好", ["它有３．１４个。", "好"]),
    ],
)
def test_sentences(text: str, sentences: list[str] | None) -> None:
    assert list(sentences_of(text)) == (sentences or [text])
