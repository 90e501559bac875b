"""Text files -> passages of a bounded length."""

import re


def split_text(text: str, max_words: int = 150) -> list[str]:
    """Cuts a text into passages: paragraphs, joined up to `max_words`.

    A Markdown heading begins a new passage and stays with what follows it. A paragraph that is
    too long is cut between sentences, a sentence that is too long between words.

    Args:
        text: the text; paragraphs are separated by empty lines.
        max_words: the longest passage, in words separated by white space.
    """
    text = re.sub(r"(?m)^(#{1,6} .*)\n(?:[ \t]*\n)+", r"\1\n", text.replace("\r\n", "\n"))
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    pieces = [piece for part in paragraphs for piece in _cut(part, max_words)]
    return _pack(pieces, "\n\n", max_words)


def _cut(paragraph: str, max_words: int) -> list[str]:
    if len(paragraph.split()) <= max_words:
        return [paragraph]
    sentences = re.split(r"(?<=[.!?…])\s+", paragraph)
    parts = [part for one in sentences for part in _pack(one.split(), " ", max_words)]
    return _pack(parts, " ", max_words)


def _pack(pieces: list[str], glue: str, max_words: int) -> list[str]:
    packed: list[str] = []
    room = 0
    for piece in pieces:
        words = len(piece.split())
        if words <= room and not re.match(r"#{1,6} ", piece):
            packed[-1] += glue + piece
            room -= words
        else:
            packed.append(piece)
            room = max_words - words
    return packed
