"""Words and sentences of a text, in any script."""

from collections.abc import Iterator, Sequence

import regex

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
# Where a sentence ends that no space follows: after a terminal of any script but the Latin ones,
# and closing quotes. A full stop between digits is a decimal point.
_UNSPACED_END = regex.compile(
    r"(?<=[\p{STerm}།༎--[!?.‼⁇⁈⁉]][\p{Pe}\p{Pf}]*)(?![\s\p{Pe}\p{Pf}\p{STerm}]|(?<=．)\p{Nd})",
    regex.V1,
)
# A word or a sign alone.
_TOKEN = regex.compile(rf"(?=[{_ONE}{_FOUR}])\X|(?:(?![{_ONE}{_FOUR}])[\p{{L}}\p{{M}}\p{{N}}])+|\S")


def word_offsets(text: str) -> Sequence[tuple[int, int]]:
    """Where words and signs begin and end: what passages are measured in without a tokenizer."""
    return [found.span() for found in _TOKEN.finditer(text)]


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


def pieces_of(text: str) -> list[str]:
    """The text in the pieces that `count_words` counts, each with the white space after it.

    No character is cut from its marks. White space before the first word is a piece of its own.
    """
    pieces = _WORD.findall(text)
    lead = text[: len(text) - sum(map(len, pieces))]
    return [lead, *pieces] if lead else pieces
