"""What counts as text, and what of it is stored and printed."""

import numpy as np
import pandas as pd
import pytest

from distilabel_rag4rag.utils.text import (
    clean_text,
    counted,
    for_terminal,
    has_text,
    is_missing,
    replace_surrogates,
)


@pytest.mark.parametrize("value", [None, float("nan"), np.nan, pd.NA, pd.NaT, np.datetime64("NaT")])
def test_missing_values(value: object) -> None:
    assert is_missing(value) is True
    assert has_text(value) is False


@pytest.mark.parametrize("value", ["", " ", 0, False, [], [None], np.array([1.0, np.nan]), {}])
def test_values_that_are_not_missing(value: object) -> None:
    assert is_missing(value) is False
    assert has_text(value) is False


def test_text_has_more_than_white_space() -> None:
    assert has_text("x")
    assert has_text("\u200b\u4e2d")
    for unseen in ("\u2003\n", "\u200b", "\ufeff\u200d ", "\x1b", "\u3164", "\u00ad\x85"):
        assert not has_text(unseen)
    assert not has_text(b"x")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Torgau", "Torgau"),
        ("a\ud800b", "a\ufffdb"),
        ("a\x00b\x1fc\x7f", "abc"),
        ("\x1b[31mred\x1b[0m and\x1b[1A \x9bup", "red and up"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("one\r\ntwo\rthree\x0cfour\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("a\tb\u200bc\u202ed", "a\tb\u200bc\u202ed"),
        ("\U0001f600 é", "\U0001f600 é"),
    ],
)
def test_text_that_can_be_stored(given: str, expected: str) -> None:
    assert clean_text(given) == expected
    assert clean_text(expected) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("\x1b[31mred", "\u241b[31mred"),
        (
            "bell\x07 null\x00 return\r delete\x7f",
            "bell\u2407 null\u2400 return\u240d delete\u2421",
        ),
        ("\x9b31m \ud800 \u202eabc", "\ufffd31m \ufffd \ufffdabc"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_text_that_a_terminal_prints_and_does_not_obey(given: str, expected: str) -> None:
    assert for_terminal(given) == expected


def test_surrogates_are_replaced_one_for_one() -> None:
    text = "a\ud800b\udfff\r\n\x1b[1m"
    assert replace_surrogates(text) == "a\ufffdb\ufffd\r\n\x1b[1m"
    assert len(replace_surrogates(text)) == len(text)


@pytest.mark.parametrize(
    ("number", "nouns", "expected"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (1200, ("row",), "1,200 rows"),
        (1, ("row was", "rows were"), "1 row was"),
        (2, ("row was", "rows were"), "2 rows were"),
        (3, ("query", "queries"), "3 queries"),
    ],
)
def test_numbers_with_their_nouns(number: int, nouns: tuple[str, ...], expected: str) -> None:
    assert counted(number, *nouns) == expected
