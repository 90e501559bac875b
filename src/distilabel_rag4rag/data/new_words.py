"""Whether an answer says something that its question does not."""

import re
from collections import Counter

from distilabel_rag4rag.data.word_support import function_words, words_of

#: Words that say something, though they name nothing.
_TELLING = frozenset(
    ("all", "both", "few", "half", "many", "most", "much", "neither", "never", "no", "none", "not")
) | {"nothing", "yes"}
#: Words that a passage says of itself: "The flow is considered."
_REPORTING = frozenset(
    (
        "analysed", "analyzed", "considered", "described", "discussed", "examined", "given",
        "investigated", "presented", "reported", "shown", "studied",
    )
)  # fmt: skip
#: The number of an item in a list of one.
_ITEM = re.compile(r"^\s*\d{1,2}[.)]\s+(?=\D)")
_OR = re.compile(r"\bor\b", re.IGNORECASE)
#: What asks for something else than what it names, unless a comma comes before the names.
_OPEN = re.compile(r"\b(?:what|which(?! of)|who|whom|whose|when|where|why|how)\b", re.IGNORECASE)
_PAUSE = re.compile(r"[,:;–—]")
_ENDING = re.compile(r"(?:ies|ied|ing|es|ed|s|e|d|y)$")
#: Words in a row whose repetition is looked for, and how often they must come.
_RUN, _TIMES = 4, 3


def new_words(question: str, answer: str, language: str = "en") -> list[str]:
    """The answer's content words that the question does not hold, as they are written.

    "carries" is no new word where the question says "carry"; in English alone. Nor are "shown",
    "considered" and their like, which say only that a text speaks of something.

    Args:
        question: the question. Where it offers a choice that the answer makes, all words are new.
        answer: the answer.
        language: whose function words do not count, see `word_support`.
    """
    english = language == "en"
    held = {_form(word, english) for word, _, _ in words_of(question)}
    if english and _is_choice_made(question, answer):
        held = set()
    ignored = (function_words(language) - _TELLING) | _REPORTING
    return [
        written
        for word, written, _ in words_of(_ITEM.sub("", answer))
        if word not in ignored and _form(word, english) not in held
    ]


def _is_choice_made(question: str, answer: str) -> bool:
    """Whether an answer decides a question such as "Was it cast in Ulm or in Torgau?"."""
    found = _OR.search(question)
    if found is None or _OR.search(answer):
        return False
    before, after = question[: found.start()], question[found.end() :]
    asked = [word.end() for word in _OPEN.finditer(before)]
    if asked and not _PAUSE.search(before[asked[-1] :]):  # "What is the loss of lift or thrust?"
        return False
    named = {*word_forms(before)[-1:], *word_forms(after)}
    return not named.isdisjoint(word_forms(answer))


def word_forms(text: str, language: str = "en") -> list[str]:
    """The content words of a text, each as what its forms have in common.

    Args:
        text: the text.
        language: whose function words do not count; endings are known in English alone.
    """
    ignored = function_words(language)
    return [_form(word, language == "en") for word, _, _ in words_of(text) if word not in ignored]


def repeated_words(answer: str) -> str | None:
    """The words that an answer says three times or more; None where it repeats nothing.

    Args:
        answer: the answer.
    """
    words = words_of(answer)
    runs = Counter(
        tuple(word for word, _, _ in words[start : start + _RUN])
        for start in range(len(words) - _RUN + 1)
    )
    run, times = runs.most_common(1)[0] if runs else ((), 0)
    return " ".join(run) if times >= _TIMES else None


def _form(word: str, english: bool) -> str:
    """What the forms of a word have in common."""
    if not english or not word.isalpha():
        return word
    stem = _ENDING.sub("", word)  # one ending after the other: "stands", "stand", "stan"
    return word if stem == word or len(stem) < 3 else _form(stem, english)
