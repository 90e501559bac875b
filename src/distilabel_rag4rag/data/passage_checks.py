"""Passages that no question should be asked about: too short, or no prose."""

import re

from distilabel_rag4rag.data.words import count_words
from distilabel_rag4rag.utils.text import counted

#: Passages with fewer words hold hardly a fact.
LEAST_WORDS = 8
#: The least share of letters among all characters that are not white space.
LEAST_LETTERS = 0.5
#: Lines of navigation, of a table of contents or of a list of links have fewer words than this.
SHORT_LINE_WORDS = 4
#: Passages with fewer lines than this are not taken for a list of links.
LEAST_LINES = 5
#: The share of short lines from which on a passage is taken for a list of links.
SHORT_LINES = 0.8

_BOILERPLATE = re.compile(
    r"(?i)all rights reserved|terms (?:of (?:use|service)|and conditions) apply"
    r"|this (?:site|website|page) uses cookies|(?:accept|manage) (?:all )?cookies"
    r"|table of contents\W*$|subscribe to our newsletter|©\s?\d{4}"
)


def passage_fault(text: str) -> str | None:
    """Why no question should be asked about a passage, or None where one can be.

    Args:
        text: the passage.
    """
    words = count_words(text)
    if words < LEAST_WORDS:
        return f"tiny: {counted(words, 'word')}, expected at least {LEAST_WORDS}"
    visible = [character for character in text if not character.isspace()]
    letters = sum(character.isalpha() for character in visible)
    if letters < LEAST_LETTERS * len(visible):
        return f"no prose: {letters / len(visible):.0%} of its characters are letters"
    lines = [line for line in text.split("\n") if line.strip()]
    short = sum(count_words(line) < SHORT_LINE_WORDS for line in lines)
    if len(lines) >= LEAST_LINES and short >= SHORT_LINES * len(lines):
        return f"no prose: {short} of {len(lines)} lines have fewer than {SHORT_LINE_WORDS} words"
    phrase = _BOILERPLATE.search(text)
    if phrase and words < 5 * LEAST_WORDS:
        return f"boilerplate: {phrase[0].strip()!r}"
    return None
