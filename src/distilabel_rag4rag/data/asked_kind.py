"""Whether an answer is of the kind that its question asks for: a number, a time, or neither.

The rules know English questions alone; they find nothing in others.
"""

import re

from distilabel_rag4rag.data.word_support import function_words, words_of

_QUANTITIES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    " hundred hundreds thousand thousands million millions billion billions trillion trillions"
    " dozen dozens half third quarter once twice thrice single double couple pair none no nothing"
    " zero all many several few both most much little some every entire whole majority minority"
    " numerous countless unlimited infinite enough first second fourth fifth annually daily weekly"
    " monthly yearly"
)
_TIMES = (
    "january february march april may june july august september october november december monday"
    " tuesday wednesday thursday friday saturday sunday spring summer autumn fall winter century"
    " centuries decade decades year years month months week weeks day days hour hours minute"
    " minutes seconds morning evening night noon midnight today yesterday tomorrow now before after"
    " during while when until since late early ago era age period time war always never forever"
    " indefinitely permanently temporarily"
)
_QUANTITY = re.compile(rf"\d|\b(?:{'|'.join(_QUANTITIES.split())})\b", re.IGNORECASE)
_TIME = re.compile(rf"\b(?:{'|'.join(_TIMES.split())}|\w+teenth)\b", re.IGNORECASE)
_AMOUNT = re.compile(r"[%£$€¥₹]|°")

_HOW_MUCH = re.compile(r"\bhow (?:many|much|old)\b", re.IGNORECASE)
_HOW_LONG = re.compile(
    r"\bhow (?:long|large|big|tall|high|far|fast|often|wide|deep|heavy)\b", re.IGNORECASE
)
_WHEN = re.compile(
    r"^\W*(?:since )?when\b|\b(?:what|which) (?:year|date|day|month|century|decade)s?\b",
    re.IGNORECASE,
)
_NOT_A_NUMBER = re.compile(r"\b(who|whom|where|why|how)\b", re.IGNORECASE)
_WHAT = re.compile(r"\bwhat(?:'s)?\b", re.IGNORECASE)
#: What a number alone may be the answer to: "What is the population of Ulm?"
_NUMBERED = re.compile(
    r"\b(?:how (?:many|much|old|long|large|big|tall|high|far|fast|often|wide|deep|heavy|late|early"
    r"|close|near|small|young)|when|years?|dates?|numbers?|percent\w*|centur\w+|amounts?|population"
    r"|length|size|decades?|days?|months?|costs?|prices?|fees?|age|rates?|times?|scores?|efficiency"
    r"|height|weight|width|gauge|speed|distance|depth|volume|area|temperature|values?|lines?"
    r"|quantity|ratio|proportion|fraction|total|sum|degrees?|latitude|longitude|elevation|altitude"
    r"|capacity|salary|income|budget|codes?|version|model|resolution|frequency|pressure|angle"
    r"|coefficient|factor|diameter|radius|thickness|mass|density|count|index|limit|range)\b",
    re.IGNORECASE,
)


def kind_fault(question: str, answer: str) -> str | None:
    """Why an answer is not of the kind that its question asks for; None where it may be.

    Args:
        question: the question, in English; others pass.
        answer: the answer.
    """
    said = _without(question, answer)
    if asked := _HOW_MUCH.search(question):
        return None if _QUANTITY.search(said) else f'no number, asked "{asked[0].lower()}"'
    if asked := _HOW_LONG.search(question):
        measured = _QUANTITY.search(said) or _TIME.search(said)
        return None if measured else f'no measure, asked "{asked[0].lower()}"'
    if asked := _WHEN.search(question):
        timed = _QUANTITY.search(said) or _TIME.search(said)
        return None if timed else f'no time, asked "{asked[0].strip().lower()}"'
    asked = _NOT_A_NUMBER.search(question)
    if asked is None and not _NUMBERED.search(question):
        asked = _WHAT.search(question)
    if asked and _is_a_number(answer):
        return f'only a number, asked "{asked[0].lower()}"'
    return None


def _without(question: str, answer: str) -> str:
    """An answer without the words of its question: a year that is asked about answers nothing."""
    asked = {word for word, _, _ in words_of(question)}
    return " ".join(word for word, _, _ in words_of(answer) if word not in asked)


def _is_a_number(answer: str) -> bool:
    """Whether all that an answer names is numbers, dates aside: "1938", "in 1938"."""
    if _AMOUNT.search(answer):
        return False
    words = [word for word, _, _ in words_of(answer) if word not in function_words("en")]
    return bool(words) and all(any(c.isdigit() for c in word) for word in words)
