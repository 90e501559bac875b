"""Text -> passages of a bounded length."""

from collections.abc import Callable, Iterator

import regex

PASSAGE_WORDS = 150

# A word with the space after it. Text without spaces is counted in the pieces in which it may be
# cut: each character of Han and kana, each pictograph; four of the scripts whose words are a few
# characters long (line break class SA is Thai, Lao, Khmer, Burmese and their like); twenty of any
# other. `\X` is a character with the marks above and below it, which must not be cut from it.
_ONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Extended_Pictographic}"
_FOUR = r"\p{Line_Break=SA}\p{Tibetan}\p{Javanese}"
_WORD = regex.compile(
    rf"(?:(?=[{_ONE}])\X\p{{P}}*"
    rf"|(?:(?=[{_FOUR}])\X){{1,4}}"
    rf"|(?:(?![\s{_ONE}{_FOUR}])\X){{1,20}})\s*"
)
_HEADING = regex.compile(r"#{1,6} ")
_HEADING_AND_SPACE = regex.compile(r"(?m)^(#{1,6} .*)\n(?:[ \t]*\n)+")
_PARAGRAPH_END = regex.compile(r"\n\s*\n")
# Where a sentence ends that no space follows: after a terminal of any script but the Latin ones,
# and closing quotes. A full stop between digits is a decimal point.
_UNSPACED_END = regex.compile(
    r"(?<=[\p{STerm}།༎--[!?.‼⁇⁈⁉]][\p{Pe}\p{Pf}]*)(?![\s\p{Pe}\p{Pf}\p{STerm}]|(?<=．)\p{Nd})",
    regex.V1,
)


def count_words(text: str) -> int:
    """The length of a text in words.

    A word is what stands between white space. In scripts that put no spaces between words, each
    character of Chinese and Japanese counts as one, and every four of Thai, Lao, Khmer or
    Burmese; of other long strings every twenty characters.
    """
    return sum(
        1 if len(word) <= 20 and word.isascii() else len(_WORD.findall(word))
        for word in text.split()
    )


def split_text(
    text: str, max_words: int = PASSAGE_WORDS, *, count: Callable[[str], int] = count_words
) -> list[str]:
    """Cuts a text into passages: paragraphs, joined up to `max_words`.

    A Markdown heading begins a new passage and stays with what follows it. A paragraph that is
    too long is cut between sentences, a sentence that is too long between words, and text without
    spaces between characters.

    Args:
        text: the text; paragraphs are separated by empty lines.
        max_words: the longest passage.
        count: the length of a text, in words or in another unit such as an embedder's tokens.
    """
    text = _HEADING_AND_SPACE.sub(r"\1\n", text.replace("\r\n", "\n"))
    return [piece.strip() for piece in _cut(text, max_words, count) if piece.strip()]


def _cut(text: str, most: int, count: Callable[[str], int], level: int = 0) -> list[str]:
    """The text in pieces of at most `most`, cut at the highest level of its structure."""
    if level == len(_LEVELS) or (level > 0 and count(text) <= most):
        return [text]
    pieces = [p for part in _LEVELS[level](text) for p in _cut(part, most, count, level + 1)]
    packed: list[str] = []
    left = 0
    for piece in pieces:
        length = count(piece)
        if length <= left and not (level == 0 and _HEADING.match(piece)):
            packed[-1] += piece
            left -= length
        else:
            packed.append(piece)
            left = most - length
    return packed


def _paragraphs(text: str) -> list[str]:
    return [f"{part.strip()}\n\n" for part in _PARAGRAPH_END.split(text) if part.strip()]


def sentences_of(text: str) -> Iterator[str]:
    """The sentences of a text, each with the white space after it."""
    from sentencex import segment

    for part in _UNSPACED_END.split(text):
        sentence = ""
        for piece in segment("en", part):
            sentence += piece
            if piece[-1:].isspace():  # it also cuts inside a word that has a full stop in it
                yield sentence
                sentence = ""
        if sentence:
            yield sentence


# From the largest pieces to the smallest; each keeps the white space that follows it.
_LEVELS: tuple[Callable[[str], list[str] | Iterator[str]], ...] = (
    _paragraphs,
    sentences_of,
    regex.compile(r"\S+\s*").findall,
    _WORD.findall,
)
