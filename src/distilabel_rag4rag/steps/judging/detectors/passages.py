"""Cutting texts at the borders of their sentences. Pure functions."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

# A sentence begins after its predecessor's mark and white space, after an ideographic full stop,
# and on a new line.
_BORDER = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n+")


def split_passage(
    text: str, offsets: Sequence[tuple[int, int]], budget: int, overlap: float = 0.25
) -> list[str]:
    """Pieces of at most `budget` tokens that together hold all of the text.

    A piece ends on a sentence border where one lies in its second half, and the next begins up
    to `overlap` of the budget earlier, again on a border where there is one, so that a fact that
    spans a cut stands whole in one piece.

    Args:
        text: the passage.
        offsets: character offsets of its tokens.
        budget: tokens per piece, at least 4.
        overlap: share of the budget that two neighbours may have in common.
    """
    starts = [start for start, _ in offsets]
    borders = _borders(text, starts)
    pieces: list[str] = []
    first = 0
    while len(starts) - first > budget:
        last = _last_between(borders, first + budget // 2, first + budget) or first + budget
        pieces.append(text[_position(starts, first) : starts[last]])
        earliest = last - int(budget * overlap)
        first = _first_between(borders, earliest, last) or earliest
    pieces.append(text[_position(starts, first) :])
    return pieces


def split_sentences(
    text: str, offsets: Sequence[tuple[int, int]], shortest: int
) -> list[tuple[int, str]]:
    """Sentences with where they begin; one of fewer than `shortest` tokens is joined to the next.

    What is left at the end is joined to the one before it.
    """
    starts = [start for start, _ in offsets]
    cuts = [0]
    for match in _BORDER.finditer(text):
        before, border = (bisect_left(starts, place) for place in (cuts[-1], match.end()))
        if shortest <= border - before and shortest <= len(starts) - border:
            cuts.append(match.end())
    return [(start, text[start:end]) for start, end in pairwise([*cuts, len(text)])]


def _borders(text: str, starts: Sequence[int]) -> list[int]:
    """The tokens at which a sentence begins."""
    return sorted({bisect_left(starts, match.end()) for match in _BORDER.finditer(text)})


def _position(starts: Sequence[int], token: int) -> int:
    """Where a piece begins in the text: at its first token, the very first one at 0."""
    return starts[token] if token else 0


def _last_between(borders: Sequence[int], low: int, high: int) -> int | None:
    index = bisect_right(borders, high) - 1
    return borders[index] if index >= 0 and borders[index] > low else None


def _first_between(borders: Sequence[int], low: int, high: int) -> int | None:
    index = bisect_left(borders, low)
    return borders[index] if index < len(borders) and borders[index] < high else None
