"""Long evidence in pieces, and those of them that are nearest to a text."""

from collections.abc import Sequence
from typing import NamedTuple

import bm25s
import numpy as np


class Piece(NamedTuple):
    """A part of a passage.

    Attributes:
        passage: the number of the passage.
        part: the number of the piece within the passage.
        text: what it says.
        terms: its tokens, which BM25 compares.
    """

    passage: int
    part: int
    text: str
    terms: list[str]


class Evidence:
    """Pieces of evidence, found by BM25.

    Args:
        pieces: in the order of the evidence. Those without terms are left out.

    Raises:
        ValueError: if there is no term in any piece.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = [piece for piece in pieces if piece.terms]
        if not self.pieces:
            raise ValueError("the tokenizer finds no token in the evidence")
        self._index = bm25s.BM25()
        self._index.index([piece.terms for piece in self.pieces], show_progress=False)

    def __len__(self) -> int:
        """How many terms all pieces have together."""
        return sum(len(piece.terms) for piece in self.pieces)

    def nearest(self, query: Sequence[str], most: int, extra: int = 0) -> list[str]:
        """The pieces nearest to a query, as many as fit, in the evidence's order.

        Neighbours are joined again. The nearest piece is taken whatever its length.

        Args:
            query: the terms of what the evidence is compared with.
            most: terms of all pieces together.
            extra: terms to count for each piece beside its own.
        """
        scores = self._index.get_scores(list(query)) if query else np.zeros(len(self.pieces))
        taken: list[int] = []
        for position in np.argsort(-scores, kind="stable"):
            most -= len(self.pieces[position].terms) + extra
            if taken and most < 0:
                break
            taken.append(int(position))
        texts: list[str] = []
        before = None
        for piece in (self.pieces[position] for position in sorted(taken)):
            if before == (piece.passage, piece.part - 1):
                texts[-1] += piece.text
            else:
                texts.append(piece.text)
            before = (piece.passage, piece.part)
        return texts
